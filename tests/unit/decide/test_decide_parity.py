"""One function for three clocks, and two ways of reading what is known: whichever is taken, the answer is the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_candidates import CONTEXT, TODAY, MadeUp, candidate, decided, menu, people, requests

from lingque.core.reasons import Reason
from lingque.decide.contracts import Context, DecisionClock, Exploration, Happening, Left, Past
from lingque.decide.decision import decide
from lingque.decide.decisions import Decisions
from lingque.decide.facts import day_number
from lingque.decide.judging import judge
from lingque.decide.resources import priced, resources_of
from lingque.decide.value import value_of, values_of
from lingque.warehouse.engine import Session

Sessions = Callable[[], Session]
CONDITIONS = [
    "true", "visits > 1", "vip or visits > 2", "not vip", "visits is null or score < 0.5", "ability > cny(10)",
    "assessed_until >= as_of and vip is not null", "case when vip then visits = 1 else score >= 0.2 end",
    "coalesce(score, 0.1) * visits > 0.4", "visits / 0 > 1",
]  # fmt: skip


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Any, list[MadeUp], Context, Past]:
    """Customers, candidates with everything that can be said of them, the moment, and the past."""
    n = draw(st.integers(1, 6))
    ids = draw(st.lists(st.integers(1, 2**62), unique=True, min_size=n, max_size=n))

    def some(values: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(values, min_size=n, max_size=n))

    tags = {
        "visits": some(st.none() | st.integers(0, 4)),
        "vip": some(st.none() | st.booleans()),
        "score": some(st.none() | st.floats(0, 1)),
        "spread": some(st.none() | st.floats(0, 0.3)),
        "uplift": some(st.none() | st.floats(-1, 1)),
        "tolerance": some(st.none() | st.integers(1, 5)),
        "assessed_until": some(st.none() | st.integers(-2, 2).map(lambda days: TODAY + timedelta(days=days))),
        "age": some(st.none() | st.integers(18, 90)),
        "ability": some(st.none() | st.integers(0, 5_000)),
        "has": some(st.none() | st.booleans()),
    }
    flags = st.lists(st.booleans(), min_size=n, max_size=n)
    rule = {"risk_grade": 4, "tolerance": "tolerance", "valid_until": "assessed_until", "age": "age"}
    made: list[MadeUp] = []
    for number in range(draw(st.integers(0, 4))):
        wealth = draw(st.booleans())
        made.append(
            candidate(
                ids,
                f"offer_{number}",
                eligibility=draw(st.sampled_from(CONDITIONS)),
                refused=draw(st.dictionaries(st.sampled_from([Reason.NO_CONSENT, Reason.UNDER_AGE]), flags)),
                reachable=draw(flags),
                capped=draw(flags),
                channel=draw(st.sampled_from(["email", "sms"])),
                margin=draw(st.integers(0, 3)) * 100_000,
                cost=draw(st.sampled_from([0, 5_000])),
                propensity=draw(st.sampled_from([None, "score"])),
                uplift=draw(st.sampled_from([None, None, "uplift"])),
                spread="spread",
                fatigue=draw(st.sampled_from([0, 300])),
                supersedes=(f"offer_{number - 1}",) if number and draw(st.booleans()) else (),
                excludes=("held",) if draw(st.booleans()) else (),
                holdings={"held": "has"},
                cool_down={"contact": "10 days"},
                stock=draw(st.sampled_from([None, None, 5])),
                **({"regime": "wealth", "suitability": rule} if wealth else {"regime": "service"}),
            )
        )
    k = draw(st.integers(0, 4))
    happened = Past(
        offers=("offer_0", "held"),
        deposits=np.array([False, False]),
        position=np.array(sorted(draw(st.lists(st.integers(0, n - 1), min_size=k, max_size=k))), dtype=np.int64),
        offer=np.array(draw(st.lists(st.integers(0, 1), min_size=k, max_size=k)), dtype=np.int64),
        happening=np.array(draw(st.lists(st.sampled_from(list(Happening)), min_size=k, max_size=k)), dtype=np.int8),
        day=np.array(draw(st.lists(st.integers(-20, 1), min_size=k, max_size=k)), dtype=np.int64) + day_number(TODAY),
    )
    exploration = st.none() | st.builds(
        Exploration, epsilon=st.sampled_from([0.0, 0.5]), thompson=st.booleans(), draws=st.just(8)
    )
    context = dataclasses.replace(
        CONTEXT,
        hold_out=draw(st.sampled_from([0.0, 0.4])),
        left={"offer_1": Left(stock=draw(st.sampled_from([0, 50])))},
        exploration=draw(exploration),
    )
    return people(ids, **tags), made, context, happened


def whole(decisions: Decisions) -> dict[str, Any]:
    """Everything that is promised to be the same."""
    values = decisions.judgement.values()
    return {
        "reasons": decisions.reasons().tolist(),
        "chosen": decisions.chosen.tolist(),
        "held_out": decisions.held_out.tolist(),
        "propensity": decisions.propensity.tolist(),
        "explored": decisions.explored.tolist(),
        **{name: getattr(values, name).tolist() for name in ("response", "gain", "losses", "fatigue", "value")},
    }


def of_one(decisions: Decisions, position: int) -> dict[str, Any]:
    def column(rows: Any) -> Any:
        return [row[position] for row in rows] if rows and isinstance(rows[0], list) else rows[position : position + 1]

    return {name: column(rows) for name, rows in whole(decisions).items()}


def alone(decisions: Decisions) -> dict[str, Any]:
    def column(rows: Any) -> Any:
        return [row[0] for row in rows] if rows and isinstance(rows[0], list) else rows

    return {name: column(rows) for name, rows in whole(decisions).items()}


@settings(max_examples=40)
@given(world=worlds())
def test_the_same_question_has_the_same_answer_on_every_clock(world: Any, session: Sessions) -> None:
    """Of many from a table in SQL, and of each alone from a row in generated Python."""
    who, made, context, happened = world
    planned = decided(who, made, context, session=session, past=happened)
    assert not planned.repaired.any(), "nothing runs out"
    expected = whole(planned)
    for clock in ("triggered", "asked"):
        kind: DecisionClock = clock
        for engine in (session, None):
            assert whole(decided(who, made, context, session=engine, past=happened, clock=kind)) == expected
    ids, tags = who
    for at in range(len(ids)):
        mine = people(ids[at : at + 1], **{name: values[at : at + 1] for name, values in tags.items()})
        one = [_for_one(each, at) for each in made]
        only = decided(mine, one, context, past=happened.part(at, at + 1), clock="asked")
        assert alone(only) == of_one(planned, at)


def _for_one(made: MadeUp, at: int) -> MadeUp:
    from made_up_candidates import permits

    refused = {reason: flags[at : at + 1].tolist() for reason, flags in made.permits.refusals.items()}
    return dataclasses.replace(
        made,
        permits=permits(made.permits.customer_ids[at : at + 1], refused),
        reachable=made.reachable[at : at + 1],
        capped=made.capped[at : at + 1],
    )


@settings(max_examples=30)
@given(world=worlds(), room=st.integers(0, 4))
def test_where_something_runs_out_a_plan_gives_what_prices_give_or_says_that_it_repaired(
    world: Any, room: int, session: Sessions
) -> None:
    who, made, context, happened = world
    context = dataclasses.replace(context, capacity={"email": room}, exploration=None)
    planned = decided(who, made, context, session=session, past=happened)
    offered = menu(made)
    prices = {} if planned.certificate is None else {one.name: one.price for one in planned.certificate.limits}
    # at the prices that the plan found, with room for whoever asks
    roomy = dataclasses.replace(context, capacity={"email": 10**9}, prices=prices)
    asked = decide(requests(who, made, past=happened, clock="asked"), offered, roomy)
    assert (planned.price == priced(resources_of(offered, roomy), prices, len(offered))).all()
    same = ~planned.repaired
    if room:
        assert planned.chosen[same].tolist() == asked.chosen[same].tolist()
    assert whole(planned)["value"] == whole(asked)["value"]
    assert (planned.judgement.reasons() == asked.judgement.reasons()).all()


@settings(max_examples=15)
@given(world=worlds(), block=st.integers(1, 4))
def test_how_many_are_judged_at_once_changes_nothing(world: Any, block: int, session: Sessions) -> None:
    who, made, context, happened = world
    asked, offered = requests(who, made, session=session, past=happened), menu(made)
    together, apart = judge(asked, offered, context), judge(asked, offered, context, block=block)
    assert (together.reasons() == apart.reasons()).all()
    assert (together.values().value == apart.values().value).all()


@settings(max_examples=25)
@given(world=worlds(), first=st.integers(0, 2), lately=st.integers(0, 3))
def test_what_is_worked_out_once_for_a_few_is_what_is_worked_out_for_many(
    world: Any, first: int, lately: int, session: Sessions
) -> None:
    who, made, context, happened = world
    offered = menu(made)
    asked = requests(who, made, session=session, past=happened)
    recent = np.full((offered.reaches, len(asked)), lately, dtype=np.int64)
    asked = dataclasses.replace(asked, recent=recent)
    judgement = judge(asked, offered, context)
    which, some = np.arange(len(offered))[first:], slice(first, len(asked))
    scores = judgement.scores
    many = values_of(offered, scores, recent, which)
    few = judgement.values(which, some)
    for part in dataclasses.fields(few):
        assert (getattr(few, part.name) == getattr(many, part.name)[:, some]).all(), part.name
    allowed = judgement.allowed_values(some)
    free = judgement.reasons(None, some) == 0
    alone = value_of(offered, scores, recent, np.arange(len(offered)))[:, some]
    assert (allowed == np.where(free, alone, -np.inf)).all()

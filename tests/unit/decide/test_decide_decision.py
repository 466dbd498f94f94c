"""The decision: the best permitted offer for each, a share held out, every reason logged."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_candidates import CONTEXT, TODAY, candidate, decided, people, permits

from lingque.core.hashing import bucket_of, draw
from lingque.core.reasons import Reason
from lingque.decide.contracts import DECISION_ORDER, NOTHING, Context, Step
from lingque.decide.decisions import Decisions, Judged
from lingque.decide.log import log_of
from lingque.govern.contracts import PermitSet
from lingque.warehouse.engine import Session
from lingque.warehouse.tables import check_sorted

Sessions = Callable[[], Session]
NO_HOLD_OUT = dataclasses.replace(CONTEXT, hold_out=0.0)
MANY = np.arange(1, 40_001, dtype=np.int64)


@pytest.mark.parametrize(
    ("margins", "chosen"),
    [
        ([100_000, 200_000, 150_000], 1),
        ([200_000, 100_000], 0),
        ([100_000, 100_000], 0),  # equal: the one listed first
        ([50_000, 100_000, 100_000], 1),
        ([0, 0], NOTHING),
    ],
)
def test_the_best_value_wins_and_of_equals_the_first(margins: list[int], chosen: int, session: Sessions) -> None:
    offers = [candidate([1], f"offer_{number}", margin=margin) for number, margin in enumerate(margins)]
    decisions = decided(people([1]), offers, NO_HOLD_OUT, session=session)
    assert decisions.chosen.tolist() == [chosen]
    for index, judged in enumerate(decisions.judged):
        assert bool(judged.allowed[0]) == (index == chosen)
        assert (Reason.BETTER_OFFER in judged.refusals) == (index != chosen and chosen != NOTHING)


def test_a_refused_offer_leaves_room_for_the_next(session: Sessions) -> None:
    best = candidate([1, 2], "best", margin=200_000, refused={Reason.NO_CONSENT_FOR_DATA_CLASS: [True, False]})
    other = candidate([1, 2], "other", margin=100_000)
    decisions = decided(people([1, 2]), [best, other], NO_HOLD_OUT, session=session)
    assert decisions.chosen.tolist() == [1, 0]
    assert set(decisions.judged[0].refusals) == {Reason.NO_CONSENT_FOR_DATA_CLASS}
    assert decisions.judged[1].refusals[Reason.BETTER_OFFER].tolist() == [False, True]


@pytest.mark.parametrize("hold_out", [0.05, 0.2, 0.5])
def test_the_share_held_out_is_the_share_asked_for(hold_out: float, session: Sessions) -> None:
    context = dataclasses.replace(CONTEXT, hold_out=hold_out)
    held = int(decided(people(MANY), [candidate(MANY)], context, session=session).held_out.sum())
    assert abs(held - hold_out * len(MANY)) < 4 * math.sqrt(len(MANY) * hold_out * (1 - hold_out))


def test_who_is_held_out_depends_on_nobody_else(session: Sessions) -> None:
    def held_out(customers: np.ndarray) -> set[int]:
        decisions = decided(people(customers), [candidate(customers)], CONTEXT, session=session)
        return set(customers[decisions.held_out].tolist())

    before = held_out(MANY[:5_000])
    assert held_out(MANY[:5_000][::-1].copy()) == before
    assert held_out(MANY[:9_000]) & set(range(1, 5_001)) == before
    assert before == set(MANY[:5_000][draw(MANY[:5_000], salt=CONTEXT.salt) < 0.2].tolist())


def test_a_smaller_share_holds_out_some_of_the_same_and_another_salt_others(session: Sessions) -> None:
    def held_out(context: Context) -> set[int]:
        return set(MANY[decided(people(MANY), [candidate(MANY)], context, session=session).held_out].tolist())

    usual, fewer = held_out(CONTEXT), held_out(dataclasses.replace(CONTEXT, hold_out=0.1))
    other = held_out(dataclasses.replace(CONTEXT, salt="idle/2026-07-15"))
    assert fewer < usual
    assert abs(len(usual & other) - 0.2 * len(usual)) < 4 * math.sqrt(len(usual) * 0.2 * 0.8)


def test_only_those_who_would_be_contacted_are_held_out(session: Sessions) -> None:
    refused = {Reason.NO_CONSENT: (MANY % 2 == 0).tolist()}
    decisions = decided(people(MANY), [candidate(MANY, refused=refused)], CONTEXT, session=session)
    assert not decisions.held_out[MANY % 2 == 0].any()
    assert decisions.judged[0].refusals[Reason.HELD_OUT].tolist() == decisions.held_out.tolist()
    assert not (decisions.contacted & decisions.held_out).any()
    assert ((decisions.contacted | decisions.held_out) == (MANY % 2 == 1)).all()


def permits_of(judged: Judged) -> PermitSet:
    return judged.decisions.requests.permits[judged.index]


REASONS = [Reason.NO_CONSENT, Reason.CONSENT_WITHDRAWN, Reason.UNDER_AGE, Reason.UNKNOWN_CUSTOMER]


@st.composite
def drawn_decisions(draw: st.DrawFn, session: Sessions) -> Decisions:
    customers = draw(st.lists(st.integers(1, 2**63 - 1), unique=True, min_size=1, max_size=12))
    flags = st.lists(st.booleans(), min_size=len(customers), max_size=len(customers))
    offers = [
        candidate(
            customers,
            f"offer_{number}",
            eligibility=draw(st.sampled_from(["true", "visits > 1", "vip or visits > 2"])),
            refused=draw(st.dictionaries(st.sampled_from(REASONS), flags, max_size=2)),
            reachable=draw(flags),
            capped=draw(flags),
            channel=draw(st.sampled_from(["email", "sms"])),
            margin=draw(st.integers(0, 3)) * 100_000,
            cost=draw(st.sampled_from([0, 5_000, 10_000])),
            valid_to=draw(st.sampled_from([TODAY, TODAY.replace(year=2027)])),
        )
        for number in range(draw(st.integers(1, 3)))
    ]
    size = len(customers)
    visits = draw(st.lists(st.none() | st.integers(0, 4), min_size=size, max_size=size))
    vip = draw(st.lists(st.none() | st.booleans(), min_size=size, max_size=size))
    room = draw(st.dictionaries(st.sampled_from(["email", "sms"]), st.integers(0, 4)))
    context = dataclasses.replace(CONTEXT, hold_out=draw(st.sampled_from([0.0, 0.3, 0.9])), capacity=room)
    return decided(people(customers, visits=visits, vip=vip), offers, context, session=session)


@settings(max_examples=30)
@given(data=st.data())
def test_nobody_is_chosen_whom_anything_speaks_against(data: st.DataObject, session: Sessions) -> None:
    decisions = data.draw(drawn_decisions(session))
    for index, judged in enumerate(decisions.judged):
        mine = decisions.chosen == index
        assert not (mine & ~permits_of(judged).allowed).any(), "no permit, no contact"
        assert not (mine & ~judged.decisions.requests.reachable[index]).any()
        assert not (mine & judged.decisions.requests.capped[index]).any()
        assert not (mine & (judged.value <= 0)).any()
        assert (judged.allowed == (decisions.contacted & mine)).all(), "allowed to the end is exactly: contacted"
        for reason, flags in permits_of(judged).refusals.items():
            assert (judged.refusals.get(reason, np.zeros_like(flags)) == flags).all(), "what govern says is kept"
        against = set(judged.refusals) - {Reason.BETTER_OFFER, Reason.HELD_OUT, Reason.NO_CAPACITY}
        for customer in range(len(decisions.chosen)):
            free = not any(judged.refusals[reason][customer] for reason in against)
            full = bool(judged.refusals.get(Reason.NO_CAPACITY, np.zeros_like(mine))[customer])
            best = max(
                (one.value[customer] for n, one in enumerate(decisions.judged) if n == decisions.chosen[customer]),
                default=0,
            )
            assert not free or full or (decisions.chosen[customer] != NOTHING and best >= judged.value[customer])


@settings(max_examples=40)
@given(data=st.data())
def test_each_step_of_the_waterfall_keeps_some_of_those_before(data: st.DataObject, session: Sessions) -> None:
    decisions = data.draw(drawn_decisions(session))
    waterfall = decisions.waterfall()
    assert [step for step, _ in waterfall] == list(Step)
    counts = dict(waterfall)
    assert sorted(counts.values(), reverse=True) == list(counts.values())
    assert counts[Step.AUDIENCE] == len(decisions.chosen)
    left = [
        any(
            not any(one.refusals[reason][at] for reason in one.refusals if reason // 100 == 1)
            for one in decisions.judged
        )
        for at in range(len(decisions.chosen))
    ]
    assert counts[Step.PERMITTED] == sum(left)
    late = {Reason.BETTER_OFFER, Reason.HELD_OUT, Reason.NO_CAPACITY}
    free = [
        any(
            not any(flags[at] for reason, flags in one.refusals.items() if reason not in late)
            for one in decisions.judged
        )
        for at in range(len(decisions.chosen))
    ]
    assert counts[Step.WORTH_IT] == sum(free)
    assert counts[Step.CHOSEN] - counts[Step.CONTACTED] == int(decisions.held_out.sum())


def test_the_waterfall_says_at_which_step_customers_are_lost(session: Sessions) -> None:
    customers = list(range(1, 8))
    one = candidate(
        customers,
        eligibility="visits > 1",
        refused={Reason.NO_CONSENT: [True, *[False] * 6], Reason.ON_EXCLUSION_LIST: [False, True, *[False] * 5]},
        capped=[False, False, False, True, False, False, False],
        reachable=[True, True, True, True, False, True, True],
        channel="sms",
    )
    asked = people(customers, visits=[2, 2, 1, 2, 2, 2, 2])
    context = dataclasses.replace(NO_HOLD_OUT, capacity={"sms": 1})
    assert [count for _, count in decided(asked, [one], context, session=session).waterfall()] == [
        7,
        5,
        4,
        3,
        2,
        2,
        1,
        1,
    ]


def test_the_steps_are_named_in_both_languages() -> None:
    assert len({step.label.zh for step in Step} | {step.label.en for step in Step}) == 2 * len(Step)


@settings(max_examples=30)
@given(data=st.data())
def test_the_log_says_of_every_customer_and_offer_why(data: st.DataObject, session: Sessions) -> None:
    decisions = data.draw(drawn_decisions(session))
    log = log_of(decisions, plan="p1", campaign="idle", phase="once", buckets=4)
    check_sorted(log, DECISION_ORDER, what="log")
    customers = decisions.requests.customer_ids.tolist()
    rows = {(row["customer_id"], row["offer"]): row for row in log.to_pylist()}
    assert log.num_rows == len(rows) == len(customers) * len(decisions.judged)
    for index, judged in enumerate(decisions.judged):
        for at, customer in enumerate(customers):
            row = rows[customer, judged.candidate.offer.name]
            expected = sorted(reason for reason, flags in judged.refusals.items() if flags[at])
            assert row["reasons"] == expected
            chosen, held = decisions.chosen[at] == index, bool(decisions.held_out[at])
            assert row["arm"] == (("hold_out" if held else "contact") if chosen else "none")
            share = decisions.context.hold_out
            assert row["probability"] == ((share if held else 1 - share) if chosen else 1.0)
            assert (row["arm"] == "contact") == (row["reasons"] == [])
            assert row["value"] == judged.value[at]
            assert row["bucket"] == bucket_of(np.array([customer]), buckets=4)[0]


def test_the_log_keeps_everything_the_decision_stood_on(session: Sessions) -> None:
    decisions = decided(people([7]), [candidate([7], margin=20_000, cost=30)], NO_HOLD_OUT, session=session)
    (row,) = log_of(decisions, plan="p1", campaign="idle", phase="once", buckets=1).to_pylist()
    assert row == {
        "customer_id": 7, "bucket": 0, "plan": "p1", "campaign": "idle", "phase": "once", "clock": "planned",
        "offer": "deposit", "channel": "email", "arm": "contact", "reasons": [], "probability": 1.0,
        "response": 0.05, "value_basis": "assumed response × margin − contact cost",
        "margin": 20_000, "cost": 30, "value": 970, "as_of": TODAY, "decided_at": CONTEXT.moment,
        "conversion_cost": 0, "expected_loss": 0, "losses": 0, "fatigue": 0, "price": 0.0, "propensity": 1.0,
        "repaired": False,
    }  # fmt: skip


def test_the_log_says_what_each_value_stands_on(session: Sessions) -> None:
    one = candidate([1, 2], propensity="score", margin=100_000, cost=0)
    decisions = decided(people([1, 2], score=[0.2, None]), [one], NO_HOLD_OUT, session=session)
    rows = {
        row["customer_id"]: row
        for row in log_of(decisions, plan="p", campaign="c", buckets=1, phase="pilot").to_pylist()
    }
    assert [rows[customer]["value"] for customer in (1, 2)] == [20_000, 5_000]
    assert [rows[customer]["response"] for customer in (1, 2)] == [0.2, 0.05]
    assert rows[1]["value_basis"] == "propensity × margin − contact cost"
    assert rows[2]["value_basis"] == "assumed response × margin − contact cost"
    assert {row["phase"] for row in rows.values()} == {"pilot"}


def test_offers_of_one_customer_stand_in_the_log_as_they_were_listed(session: Sessions) -> None:
    offers = [candidate(MANY[:500], name) for name in ("zebra", "apple", "mango")]
    log = log_of(
        decided(people(MANY[:500]), offers, CONTEXT, session=session), plan="p", campaign="c", phase="once", buckets=8
    )
    assert log.column("offer").to_pylist() == ["zebra", "apple", "mango"] * 500
    assert log.schema.field("reasons").type == pa.list_(pa.int16())


def test_reasons_are_counted_for_those_who_get_nothing(session: Sessions) -> None:
    customers = [1, 2, 3, 4]
    one = candidate(
        customers, "one",
        refused={Reason.NO_CONSENT: [True, True, False, True], Reason.UNDER_AGE: [True, False, False, False]},
    )  # fmt: skip
    two = candidate(customers, "two", refused={Reason.NO_CONSENT: [True, True, False, False]})
    decisions = decided(people(customers), [one, two], NO_HOLD_OUT, session=session)
    counted = decisions.count_refusals()
    assert counted == {Reason.NO_CONSENT: 2, Reason.UNDER_AGE: 1}, "one customer counts once, and only without an offer"
    assert list(counted) == [Reason.NO_CONSENT, Reason.UNDER_AGE], "most frequent first"


def test_nobody_asked_and_nothing_on_offer_decide_nothing(session: Sessions) -> None:
    nobody = decided(people([], visits=[]), [candidate([], eligibility="visits > 1")], CONTEXT, session=session)
    assert nobody.chosen.tolist() == []
    assert log_of(nobody, plan="p", campaign="c", phase="once", buckets=4).num_rows == 0
    nothing = decided(people([1]), [], CONTEXT, session=session)
    assert nothing.chosen.tolist() == [NOTHING]
    assert not nothing.contacted.any()
    assert nothing.count_refusals() == {}


def test_permits_answer_for_each_customer() -> None:
    answer = permits([1, 2, 3], {Reason.NO_CONSENT: [True, False, False], Reason.UNDER_AGE: [True, True, False]})
    assert answer.allowed.tolist() == [False, False, True]
    assert permits([1, 2]).allowed.tolist() == [True, True]

"""The decision function: reasons, choice, hold-out, log."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingque.catalog.definitions import OfferDefinition
from lingque.catalog.expressions.parse import parse_condition
from lingque.catalog.expressions.types import INTEGER
from lingque.catalog.model import Offer
from lingque.core.clock import Instant
from lingque.core.reasons import Reason
from lingque.core.registries import DataClass, Purpose
from lingque.decide.contracts import NOTHING, Candidate, Context, Decisions, Requests
from lingque.decide.decision import decide
from lingque.decide.log import log_of
from lingque.govern.contracts import _SEAL, PermitAsk, PermitSet
from lingque.warehouse.engine import Session
from lingque.warehouse.tables import DeltaTables

DAY = date(2026, 6, 1)


def session() -> Session:
    return Session(DeltaTables(Path("unused")), memory_limit="500MB", threads=1)


def offer(name: str, **changes: Any) -> Offer:
    content = {
        "offer": name,
        "label": {"zh": "存款", "en": "Deposit"},
        "regime": "deposit",
        "valid_from": "2026-01-01",
        "valid_to": "2027-01-01",
        "eligibility": "true",
        "currency": "CNY",
        "margin": 180,
        "response": 0.05,
        "creatives": {"email": {"en": {"subject": "s", "body": "b"}}},
        **changes,
    }
    definition = OfferDefinition.model_validate(content)
    return Offer(
        name=name, definition=definition, eligibility=parse_condition(definition.eligibility, {"loans": INTEGER})
    )


def requests(loans: list[int | None], first_id: int = 1) -> Requests:
    ids = pa.array(range(first_id, first_id + len(loans)), pa.int64())
    return Requests(
        clock="planned", as_of=DAY, tags=pa.table({"customer_id": ids, "loans": pa.array(loans, pa.int64())})
    )


def candidate(
    asked: Requests, of: Offer, *, refused: Mapping[Reason, list[bool]] | None = None, **changes: Any
) -> Candidate:
    count = asked.tags.num_rows
    # the seal is govern's: only a test that needs no consent register may take it
    permits = PermitSet(
        ask=PermitAsk(purpose=Purpose.MARKETING, channel="email", data_classes=DataClass.PERSONAL, moment=Instant(0)),
        customer_ids=asked.customer_ids,
        refusals={reason: np.array(flags) for reason, flags in (refused or {}).items()},
        seal=_SEAL,
    )
    values: dict[str, Any] = {"reachable": np.ones(count, dtype=np.bool_), "margin": 18_000, "cost": 5, **changes}
    return Candidate(offer=of, channel="email", permits=permits, **values)


def context(**changes: Any) -> Context:
    return Context(**{"moment": Instant(5), "today": DAY, "hold_out": 0.2, "salt": "c", **changes})


def reasons_of(decisions: Decisions, customer: int) -> set[Reason]:
    return {reason for judged in decisions.judged for reason, flags in judged.refusals.items() if flags[customer]}


def test_every_reason_is_collected_not_only_the_first() -> None:
    asked = requests([1])
    poor = candidate(
        asked,
        offer("o", eligibility="loans = 0", valid_to="2026-02-01"),
        refused={Reason.NO_CONSENT: [True], Reason.UNDER_AGE: [True]},
        reachable=np.array([False]),
        margin=0,
    )
    decisions = decide(asked, [poor], context(), session=session)
    assert reasons_of(decisions, 0) == {
        Reason.NO_CONSENT,
        Reason.UNDER_AGE,
        Reason.NOT_REACHABLE,
        Reason.OFFER_NOT_VALID,
        Reason.NOT_ELIGIBLE,
        Reason.NO_VALUE,
    }
    assert decisions.chosen.tolist() == [NOTHING]
    assert decisions.count_refusals()[Reason.NO_CONSENT] == 1


def test_what_cannot_be_known_is_a_reason_of_its_own() -> None:
    asked = requests([0, 1, None])
    decisions = decide(asked, [candidate(asked, offer("o", eligibility="loans = 0"))], context(), session=session)
    assert Reason.NOT_ELIGIBLE not in reasons_of(decisions, 0)
    assert reasons_of(decisions, 1) == {Reason.NOT_ELIGIBLE}
    assert reasons_of(decisions, 2) == {Reason.ELIGIBILITY_UNKNOWN}


@pytest.mark.parametrize(
    ("day", "offered"),
    [
        (date(2025, 12, 31), False),
        (date(2026, 1, 1), True),
        (date(2026, 12, 31), True),
        (date(2027, 1, 1), False),
    ],
)
def test_an_offer_is_made_from_its_first_day_to_the_one_before_its_last(day: date, offered: bool) -> None:
    asked = requests([0])
    decisions = decide(asked, [candidate(asked, offer("o"))], context(today=day), session=session)
    assert (Reason.OFFER_NOT_VALID not in reasons_of(decisions, 0)) is offered


def test_the_more_valuable_offer_is_chosen_and_the_other_says_so() -> None:
    asked = requests([0, 0])
    small = candidate(asked, offer("small"), margin=10_000)
    large = candidate(asked, offer("large"), margin=20_000, refused={Reason.NO_CONSENT: [False, True]})
    decisions = decide(asked, [small, large], context(hold_out=0.0), session=session)
    assert decisions.chosen.tolist() == [1, 0]
    assert decisions.judged[0].refusals[Reason.BETTER_OFFER].tolist() == [True, False]


def test_of_two_equal_offers_the_first_listed_is_chosen() -> None:
    asked = requests([0] * 50)
    decisions = decide(asked, [candidate(asked, offer("a")), candidate(asked, offer("b"))], context(), session=session)
    assert set(decisions.chosen.tolist()) == {0}


def test_value_is_response_times_margin_less_cost() -> None:
    asked = requests([0])
    decisions = decide(
        asked, [candidate(asked, offer("o", response=0.05), margin=18_000, cost=5)], context(), session=session
    )
    assert decisions.judged[0].value.tolist() == [895]


def test_the_hold_out_is_drawn_among_those_who_would_be_contacted() -> None:
    asked = requests([0] * 5_000)
    without = [index % 2 == 0 for index in range(5_000)]
    decisions = decide(
        asked, [candidate(asked, offer("o"), refused={Reason.NO_CONSENT: without})], context(), session=session
    )
    assert not decisions.held_out[np.array(without)].any()
    held_out = int(decisions.held_out.sum())
    assert 400 < held_out < 600  # 500 expected of 2,500; five standard deviations are 100
    assert int(decisions.contacted.sum()) + held_out == 2_500


def test_a_draw_depends_on_customer_and_salt_alone() -> None:
    few, many = requests([0] * 100, first_id=500), requests([0] * 900, first_id=1)
    of_few = decide(few, [candidate(few, offer("o"))], context(), session=session)
    of_many = decide(many, [candidate(many, offer("o"))], context(), session=session)
    assert of_few.held_out.tolist() == of_many.held_out[499:599].tolist()
    other = decide(few, [candidate(few, offer("o"))], context(salt="another"), session=session)
    assert other.held_out.tolist() != of_few.held_out.tolist()


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.sampled_from([0, 1, None])), min_size=1, max_size=40))
def test_nobody_is_chosen_without_permit_reach_and_eligibility(
    customers: list[tuple[bool, bool, int | None]],
) -> None:
    asked = requests([loans for _, _, loans in customers])
    one = candidate(
        asked,
        offer("o", eligibility="loans = 0"),
        refused={Reason.CONSENT_WITHDRAWN: [not permitted for permitted, _, _ in customers]},
        reachable=np.array([reachable for _, reachable, _ in customers]),
    )
    decisions = decide(asked, [one], context(), session=session)
    for index, (permitted, reachable, loans) in enumerate(customers):
        assert bool(decisions.chosen[index] != NOTHING) is (permitted and reachable and loans == 0)
        assert bool(reasons_of(decisions, index)) is not bool(decisions.contacted[index])


def test_the_log_has_a_row_per_customer_and_offer_with_all_that_was_decided() -> None:
    asked = requests([0, 1, 0, 0, 0, 0])
    offers = [candidate(asked, offer("a", eligibility="loans = 0")), candidate(asked, offer("b"), margin=10_000)]
    decisions = decide(asked, offers, context(hold_out=0.5), session=session)
    log = log_of(decisions, plan="p", campaign="c", buckets=64)
    rows = log.to_pylist()
    assert len(rows) == 12
    assert [(row["bucket"], row["customer_id"]) for row in rows] == sorted(
        (row["bucket"], row["customer_id"]) for row in rows
    )
    for row in rows:
        index = row["customer_id"] - 1
        judged = decisions.judged[0 if row["offer"] == "a" else 1]
        assert row["reasons"] == sorted(int(r) for r, flags in judged.refusals.items() if flags[index])
        assert row["value"] == judged.value[index]
        chosen = decisions.chosen[index] == (0 if row["offer"] == "a" else 1)
        held_out = bool(decisions.held_out[index])
        assert row["arm"] == ("none" if not chosen else "hold_out" if held_out else "contact")
        assert row["probability"] == (0.5 if chosen else 1.0)
    assert {row["arm"] for row in rows} == {"none", "contact", "hold_out"}
    assert all("assumed" in row["value_basis"] for row in rows)


def test_an_empty_audience_and_no_candidates_decide_nothing() -> None:
    nobody = requests([])
    decisions = decide(nobody, [candidate(nobody, offer("o", eligibility="loans = 0"))], context(), session=session)
    assert decisions.chosen.tolist() == []
    assert log_of(decisions, plan="p", campaign="c", buckets=64).num_rows == 0
    somebody = requests([0])
    assert decide(somebody, [], context(), session=session).chosen.tolist() == [NOTHING]

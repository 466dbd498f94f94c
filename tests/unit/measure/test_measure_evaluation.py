"""From a decision log and labels to effects, profit and parts: what is counted, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingque.core.errors import WarehouseError
from lingque.core.reasons import Reason, Refusal
from lingque.measure.contracts import Effect, Evaluation, MeanEffect, Proportion
from lingque.measure.evaluation import SCALE, evaluate, shared
from lingque.warehouse.engine import Session
from lingque.warehouse.tables import DeltaTables

SCHEMA = pa.schema(
    {
        "customer_id": pa.int64(),
        "plan": pa.string(),
        "channel": pa.string(),
        "offer": pa.string(),
        "arm": pa.string(),
        "reasons": pa.list_(pa.int16()),
        "margin": pa.int64(),
        "cost": pa.int64(),
        "conversion_cost": pa.int64(),
        "expected_loss": pa.int64(),
        "phase": pa.string(),
    }
)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with Session(DeltaTables(tmp_path_factory.mktemp("tables")), memory_limit="200MB", threads=1) as opened:
        yield opened


def row(customer: int, arm: str, **other: Any) -> dict[str, Any]:
    reasons = {"contact": [], "hold_out": [Reason.HELD_OUT], "none": [Reason.NO_CONSENT]}[arm]
    plain = {"plan": "p", "channel": "email", "offer": "deposit", "margin": 1_000, "cost": 5, "phase": "rollout"}
    plain |= {"conversion_cost": 0, "expected_loss": 0}
    return {"customer_id": customer, "arm": arm, "reasons": reasons, **plain, **other}


def drawn(first: int, contacted: int, held_out: int, **other: Any) -> list[dict[str, Any]]:
    """Customers numbered from `first`: those contacted, then those held out."""
    arms = ["contact"] * contacted + ["hold_out"] * held_out
    return [row(first + index, arm, **other) for index, arm in enumerate(arms)]


def ask(
    session: Session, log: list[dict[str, Any]], labels: dict[str, Any], *, drop: list[str] | None = None, **other: Any
) -> Evaluation:
    session.add_arrow("decisions", pa.Table.from_pylist(log, schema=SCHEMA).drop_columns(drop or []))
    given = {"outcome": "bought", "planned_hold_out": 0.2, "spent": {"email": 400}, **other}
    return evaluate(session, plan="p", labels=pa.table(labels), **given)


def test_every_outcome_has_its_own_effect_over_everybody_drawn(session: Session) -> None:
    """Customer 79 (contacted) left: no label of hers counts as no purchase and as a balance of nothing."""
    log = [*drawn(0, 80, 20), row(500, "none"), row(0, "none", offer="fund"), row(600, "contact", plan="another")]
    known = [n for n in range(100) if n != 79]
    labels = {
        "customer_id": known,
        "bought": [n < 8 for n in known],
        "balance": pa.array([1_000 + n for n in known], pa.int64()),
        "opened": [None if n == 3 else n < 40 for n in known],
        "visits": [0.5 * (n % 3) for n in known],
    }
    found = ask(session, log, labels)
    assert isinstance(found.effect, Effect)
    assert found.effect.contacted == Proportion(units=80, successes=8)
    assert found.effect.held_out == Proportion(units=20, successes=0)
    assert list(found.further) == ["balance", "opened", "visits"]
    balance, opened, visits = found.further.values()
    assert isinstance(balance, MeanEffect)
    assert (balance.contacted.units, balance.contacted.total) == (80, sum(1_000 + n for n in range(79)))
    assert balance.contacted.squares == sum((1_000 + n) ** 2 for n in range(79))
    assert balance.held_out.mean == 1_000 + (80 + 99) / 2
    assert isinstance(opened, Effect)
    assert opened.contacted == Proportion(units=80, successes=39)
    assert isinstance(visits, MeanEffect)
    assert visits.held_out.scale == SCALE
    assert visits.held_out.mean == sum(0.5 * (n % 3) for n in range(80, 100)) / 20
    assert found.refusals == {Reason.HELD_OUT: 20, Reason.NO_CONSENT: 2}


def test_profit_is_the_effect_on_the_margin_of_all_contacted_less_what_was_really_spent(session: Session) -> None:
    labels = {"customer_id": list(range(100)), "bought": [n < 40 for n in range(100)]}
    found = ask(session, drawn(0, 80, 20), labels, spent={"email": 399, "sms": 100})
    assert found.profit is not None
    assert (found.profit.cost, found.profit.expected) == (499, 40 * 1_000 - 499)
    assert found.profit.roi == (40 * 1_000 - 499) / 499
    assert found.profit.low < found.profit.expected < found.profit.high
    free = ask(session, drawn(0, 80, 20), labels, spent={}).profit
    assert free is not None
    assert free.roi is None


def test_what_a_conversion_cost_is_taken_off_for_all_who_converted_after_a_contact(session: Session) -> None:
    """40 in 80 of those contacted converted, 10 of 20 of those held out: the voucher of 3.00 brought nobody."""
    labels = {"customer_id": list(range(100)), "bought": [n % 2 == 0 for n in range(100)]}
    log = drawn(0, 80, 20, conversion_cost=300, expected_loss=200)
    found = ask(session, log, labels).profit
    assert found is not None
    assert (found.conversion_cost, found.expected) == (40 * 300, -40 * 300 - 400)
    labels["bought"] = [n < 40 for n in range(100)]
    better = ask(session, log, labels).profit
    assert better is not None
    assert better.expected == 40 * (1_000 - 200) - 40 * 300 - 400, "what is lost is lost on what came of the contacts"


def test_a_log_of_before_conversions_had_costs_tells_none(session: Session) -> None:
    labels = {"customer_id": list(range(100)), "bought": [n < 40 for n in range(100)]}
    never_told = ask(session, drawn(0, 80, 20), labels, drop=["conversion_cost", "expected_loss"])
    empty = ask(session, drawn(0, 80, 20, conversion_cost=None, expected_loss=None), labels)
    assert never_told == empty
    assert never_told.profit is not None
    assert never_told.profit.expected == 40 * 1_000 - 400


def test_squares_of_the_largest_balances_are_exact_and_beyond_them_it_says_so(session: Session) -> None:
    large = 9 * 10**17  # 9,000,000,000,000,000.00, more than any bank holds
    labels = {"customer_id": list(range(100)), "bought": [False] * 100}
    values = [large - n for n in range(100)]
    effect = ask(session, drawn(0, 80, 20), {**labels, "balance": values}).further["balance"]
    assert isinstance(effect, MeanEffect)
    assert effect.contacted.squares == sum(v * v for v in values[:80])
    with pytest.raises(WarehouseError, match="'balance' are too large"):
        ask(session, drawn(0, 80, 20), {**labels, "balance": [2**63 - 1] * 100})
    with pytest.raises(WarehouseError, match="'score' are too large"):
        ask(session, drawn(0, 80, 20), {**labels, "score": [1e300] * 100})


def test_each_channel_and_offer_is_judged_by_those_held_out_from_just_it(session: Session) -> None:
    log = [
        *drawn(0, 80, 20, channel="email", offer="deposit"),
        *drawn(100, 160, 40, channel="sms", offer="deposit", cost=50),
        *drawn(300, 30, 8, channel="sms", offer="fund", cost=50),
    ]
    bought = [n < 16 or 100 <= n < 150 for n in range(400)]
    found = ask(session, log, {"customer_id": list(range(400)), "bought": bought}, spent={"email": 395, "sms": 9_001})
    email, sms, fund = found.parts
    assert [(part.channel, part.offer) for part in found.parts] == [
        ("email", "deposit"), ("sms", "deposit"), ("sms", "fund"),
    ]  # fmt: skip
    assert (email.contacted, email.held_out) == (Proportion(units=80, successes=16), Proportion(units=20, successes=0))
    assert isinstance(sms.effect, Effect)
    assert sms.effect.difference == 50 / 160
    assert isinstance(fund.effect, Refusal)
    assert fund.effect.reason is Reason.TOO_FEW_UNITS
    assert email.cost == 395
    assert sms.cost + fund.cost == 9_001
    assert fund.cost == 9_001 * 30 // 190 + 1, "the last gets what rounding left"
    assert isinstance(found.effect, Effect)
    assert found.effect.contacted.units == 270


def test_who_was_contacted_twice_is_one_customer_of_the_whole(session: Session) -> None:
    log = [*drawn(0, 80, 20), *drawn(0, 80, 20, offer="fund")]
    found = ask(session, log, {"customer_id": list(range(100)), "bought": [True] * 100})
    assert isinstance(found.effect, Effect)
    assert (found.effect.contacted.units, found.effect.held_out.units) == (80, 20)
    assert [part.contacted.units for part in found.parts] == [80, 80]


def test_a_phase_is_reported_alone(session: Session) -> None:
    log = [*drawn(0, 80, 20, phase="pilot"), *drawn(100, 400, 100), row(900, "none", phase="pilot")]
    labels = {"customer_id": list(range(700)), "bought": [n < 8 for n in range(700)]}
    pilot = ask(session, log, labels, phase="pilot")
    assert isinstance(pilot.effect, Effect)
    assert pilot.effect.contacted == Proportion(units=80, successes=8)
    assert pilot.refusals == {Reason.HELD_OUT: 20, Reason.NO_CONSENT: 1}
    assert isinstance(rollout := ask(session, log, labels, phase="rollout").effect, Effect)
    assert rollout.contacted == Proportion(units=400, successes=0)
    assert isinstance(whole := ask(session, log, labels).effect, Effect)
    assert whole.contacted.units == 480
    with pytest.raises(WarehouseError, match="before campaigns had phases"):
        ask(session, log, labels, phase="pilot", drop=["phase"])
    assert ask(session, log, labels, drop=["phase"]).effect == whole


def test_groups_that_are_not_as_drawn_have_neither_effect_nor_profit(session: Session) -> None:
    labels = {"customer_id": list(range(400)), "bought": [True] * 400, "balance": list(range(400))}
    found = ask(session, drawn(0, 360, 40), labels)
    assert found.profit is None
    for effect in (found.effect, found.further["balance"], found.parts[0].effect):
        assert isinstance(effect, Refusal)
        assert effect.reason is Reason.SAMPLE_RATIO_MISMATCH


def test_a_plan_that_reached_nobody_is_refused_for_every_outcome(session: Session) -> None:
    found = ask(session, [row(1, "none")], {"customer_id": [1], "bought": [True], "balance": [5]}, spent={})
    assert isinstance(found.effect, Refusal)
    assert isinstance(found.further["balance"], Refusal)
    assert (found.parts, found.profit) == ((), None)


def test_outcomes_of_other_kinds_are_errors(session: Session) -> None:
    labels = {"customer_id": [1], "bought": [True], "city": ["Prague"], "balance": [7]}
    with pytest.raises(WarehouseError, match="'city' is neither"):
        ask(session, drawn(0, 2, 2), labels)
    with pytest.raises(WarehouseError, match="'balance' is not true or false"):
        ask(session, drawn(0, 2, 2), labels, outcome="balance")


rows = st.lists(
    st.tuples(st.sampled_from(["email", "sms"]), st.integers(1, 1_000), st.sampled_from([0, 5, 80])),
    min_size=1,
    max_size=6,
)


@given(rows, st.integers(0, 10**12), st.integers(0, 10**12))
def test_what_was_spent_on_a_channel_is_shared_to_the_last_unit(
    offers: list[tuple[str, int, int]], email: int, sms: int
) -> None:
    money = [
        {"channel": channel, "offer": f"o{index}", "contacts": contacts, "cost": contacts * each}
        for index, (channel, contacts, each) in enumerate(offers)
    ]
    costs = shared({"email": email, "sms": sms}, money)
    for channel, spent in (("email", email), ("sms", sms)):
        mine = [cost for (named, _), cost in costs.items() if named == channel]
        assert all(cost >= 0 for cost in mine)
        assert not mine or sum(mine) == spent

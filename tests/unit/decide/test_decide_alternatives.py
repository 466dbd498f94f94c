"""Other policies judged from decisions of the real decision function, against a truth that is known."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from made_up_candidates import CONTEXT, TODAY, candidate, decided, people

from lingque.core.errors import NotFoundError
from lingque.core.reasons import Reason, Refusal
from lingque.decide.alternatives import logged_for, policy_named
from lingque.decide.contracts import Exploration
from lingque.decide.facts import day_number
from lingque.decide.log import log_of
from lingque.decide.off_policy import OffPolicy, evaluate

IDS = np.arange(1, 4_001, dtype=np.int64) * 7
NAMES = ("gold", "fund", "deposit")
MARGINS = np.array([30_000.0, 20_000.0, 12_000.0])
COST = 5
DAY = day_number(TODAY)


def log_and_truth(epsilon: float) -> tuple[pa.Table, np.ndarray, dict[tuple[int, int], bool], np.ndarray]:
    """The log, what each customer would truly bring with each offer, what was seen, and where each offer was open."""
    chance = np.random.default_rng(11)
    scores = chance.uniform(0.05, 0.4, (3, len(IDS)))
    refused = chance.random((3, len(IDS))) < 0.2
    offers = [
        candidate(IDS, name, propensity=f"s{n}", margin=int(margin), refused={Reason.NO_CONSENT: flags.tolist()})
        for n, (name, margin, flags) in enumerate(zip(NAMES, MARGINS, refused, strict=True))
    ]
    tags: dict[str, Any] = {f"s{n}": scores[n].tolist() for n in range(3)}
    context = dataclasses.replace(CONTEXT, exploration=Exploration(epsilon=epsilon), hold_out=0.1)
    decisions = decided(people(IDS, **tags), offers, context, clock="asked")
    # gold is worth half of what its score says
    truth = scores * np.array([0.5, 1.0, 1.0])[:, None]
    outcome = {
        (customer, DAY): bool(chance.random() < truth[choice, at])
        for at, (customer, choice) in enumerate(zip(IDS.tolist(), decisions.chosen.tolist(), strict=True))
        if choice >= 0
    }
    log = log_of(decisions, plan="p", campaign="c", phase="once", buckets=4)
    return log, truth, outcome, ~refused


def contacted(log: pa.Table) -> pa.Table:
    """Whole decisions of those who were contacted."""
    customers = log.column("customer_id").to_pylist()
    who = {customer for customer, arm in zip(customers, log.column("arm").to_pylist(), strict=True) if arm == "contact"}
    return log.filter(pa.array([one in who for one in customers]))


def true_profit(text: str, rows: pa.Table, truth: np.ndarray, could: np.ndarray) -> float:
    """What the policy brings per contact of those who were contacted, by hand."""
    place = {name: number for number, name in enumerate(NAMES)}
    at = {customer: number for number, customer in enumerate(IDS.tolist())}
    values: dict[int, dict[int, float]] = {}
    for row in rows.to_pylist():
        if could[place[row["offer"]], at[row["customer_id"]]]:
            values.setdefault(row["customer_id"], {})[place[row["offer"]]] = row["value"]
    total, count = 0.0, 0
    for customer, nets in values.items():
        others = {n: net for n, net in nets.items() if text != "without:gold" or n != 0}
        brings = {n: truth[n, at[customer]] * MARGINS[n] - COST for n in nets}
        if text == "even":
            total += float(np.mean(list(brings.values())))
        elif text == "prefer:deposit" and 2 in nets:
            total += brings[2]
        elif others:
            total += brings[max(others, key=lambda n: others[n])]
        count += 1
    return total / count


@pytest.mark.parametrize("text", ["best", "even", "without:gold", "prefer:deposit"])
def test_what_a_policy_would_have_brought_is_found_from_the_log(text: str) -> None:
    log, truth, outcome, could = log_and_truth(epsilon=0.4)
    rows = contacted(log)
    logged = logged_for(rows, policy_named(text, frozenset(NAMES)), outcome, {"p": 0.4})
    expected = true_profit(text, rows, truth, could)
    found = evaluate(logged["profit"], confidence=0.9999)
    assert isinstance(found, OffPolicy)
    for one in found.estimates:
        # who has nothing left without gold brings nothing; SNIPS leaves them out of its mean
        if text != "without:gold" or one.estimator != "snips":
            assert one.interval[0] <= expected <= one.interval[1], (one, expected)
    rates = evaluate(logged["conversions"])
    assert isinstance(rates, OffPolicy)
    assert all(0 < one.value < 1 for one in rates.estimates)
    assert found.overlap.unsupported == 0
    assert found.overlap.propensities_fit
    assert (found.overlap.idle > 0) == (text == "without:gold")


def test_without_chance_nothing_is_said_of_what_was_never_done() -> None:
    log, _, outcome, _ = log_and_truth(epsilon=0.0)
    rows = contacted(log)
    same = evaluate(logged_for(rows, policy_named("best", frozenset(NAMES)), outcome, {"p": 0.0})["profit"])
    assert isinstance(same, OffPolicy)
    assert [one.value for one in same.estimates][:2] == pytest.approx([same.logged.value] * 2), "it was done"
    other = evaluate(logged_for(rows, policy_named("prefer:deposit", frozenset(NAMES)), outcome, {})["profit"])
    assert isinstance(other, Refusal)
    assert other.reason is Reason.NO_OVERLAP


def test_only_known_outcomes_count() -> None:
    log, _, outcome, _ = log_and_truth(epsilon=0.4)
    rows = contacted(log)
    some = dict(list(outcome.items())[:500])
    policy = policy_named("best", frozenset(NAMES))
    assert 0 < len(logged_for(rows, policy, some, {"p": 0.4})["profit"]) <= 500
    assert len(logged_for(rows, policy, {}, {"p": 0.4})["profit"]) == 0


@pytest.mark.parametrize("text", ["worst", "best:gold", "without:", "without:silver", "prefer:x"])
def test_a_policy_that_is_none_says_what_there_is(text: str) -> None:
    with pytest.raises(NotFoundError):
        policy_named(text, frozenset(NAMES))

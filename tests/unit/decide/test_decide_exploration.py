"""Chance on purpose: as often as it says, the same again for the same seed, and never what is forbidden."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

import numpy as np
import pytest
from made_up_candidates import CONTEXT, candidate, decided, people

from lingque.core.clock import Instant
from lingque.core.errors import WarehouseError
from lingque.core.reasons import Reason
from lingque.decide.contracts import NOTHING, Context, DecisionClock, Exploration
from lingque.decide.decisions import Decisions

MANY = np.arange(1, 6_001, dtype=np.int64)


def context(**terms: Any) -> Context:
    return dataclasses.replace(CONTEXT, hold_out=0.0, exploration=Exploration(**terms))


def explored(at: Context, ids: np.ndarray = MANY, clock: DecisionClock = "asked") -> Decisions:
    offers = [
        candidate(ids, "best", margin=30_000, propensity="score", spread="spread"),
        candidate(ids, "next", margin=25_000, propensity="score", spread="spread"),
        candidate(ids, "last", margin=5_000),
        candidate(ids, "refused", margin=90_000, refused={Reason.NO_CONSENT: [True] * len(ids)}),
        candidate(ids, "worthless", margin=0),
    ]
    who = people(ids, score=[0.3] * len(ids), spread=[0.05] * len(ids))
    return decided(who, offers, at, clock=clock)


def test_without_exploration_the_best_is_certain() -> None:
    decisions = explored(dataclasses.replace(CONTEXT, hold_out=0.0))
    assert (decisions.chosen == 0).all()
    assert (decisions.propensity == 1.0).all()
    assert not decisions.explored.any()


def test_a_coin_gives_each_candidate_the_share_that_it_states() -> None:
    decisions = explored(context(epsilon=0.3))
    counts = Counter(decisions.chosen.tolist())
    expected = {0: 0.8, 1: 0.1, 2: 0.1}
    assert set(counts) == set(expected), "what is refused or worth nothing is never drawn"
    for index, share in expected.items():
        assert counts[index] / len(MANY) == pytest.approx(share, abs=0.02)
        assert decisions.propensity[decisions.chosen == index] == pytest.approx(share)
    assert (decisions.explored == (decisions.chosen != 0)).all()


def test_an_unbiased_mean_comes_back_from_what_was_drawn() -> None:
    """What weighting by 1 ÷ propensity promises: the mean of a candidate that was seldom chosen."""
    decisions = explored(context(epsilon=0.2, thompson=True))
    outcome = (MANY % 7).astype(np.float64)
    for index in range(3):
        mine = decisions.chosen == index
        estimate = float((outcome[mine] / decisions.propensity[mine]).sum() / len(MANY))
        assert estimate == pytest.approx(outcome.mean(), rel=0.1)


def test_thompson_follows_the_uncertainty_of_the_scores() -> None:
    decisions = explored(context(thompson=True))
    shares = {index: float((decisions.chosen == index).mean()) for index in range(3)}
    # P(30 000·(0.3 + 0.05 z) > 25 000·(0.3 + 0.05 z')) for independent z, z'
    assert shares[0] == pytest.approx(0.779, abs=0.03)
    assert shares[2] == 0.0, "250 against some 7 500 and more"
    mean = np.array([decisions.propensity[decisions.chosen == index].mean() for index in (0, 1)])
    assert mean == pytest.approx([0.78, 0.23], abs=0.03)


def test_without_a_spread_thompson_is_sure_of_the_best() -> None:
    ids = MANY[:50]
    offers = [candidate(ids, "best", margin=30_000), candidate(ids, "next", margin=25_000)]
    decisions = decided(people(ids), offers, context(thompson=True), clock="asked")
    assert (decisions.chosen == 0).all()
    assert (decisions.propensity == 1.0).all()


@pytest.mark.parametrize("terms", [{"epsilon": 0.5}, {"thompson": True}, {"epsilon": 0.2, "thompson": True}])
def test_the_same_seed_draws_the_same_alone_and_among_many_on_every_clock(terms: dict[str, Any]) -> None:
    ids = MANY[:300]
    at = context(**terms)
    together = explored(at, ids)
    for clock in ("planned", "triggered"):
        again = explored(at, ids[::-1].copy(), clock)
        assert again.chosen[::-1].tolist() == together.chosen.tolist()
        assert again.propensity[::-1].tolist() == together.propensity.tolist()
    for position in (0, 7, 299):
        alone = explored(at, ids[position : position + 1])
        assert alone.chosen[0] == together.chosen[position]
        assert alone.propensity[0] == together.propensity[position]
    other = dataclasses.replace(at, moment=Instant(at.moment + 1))
    assert explored(other, ids).chosen.tolist() != together.chosen.tolist(), "another moment, another draw"
    assert explored(dataclasses.replace(at, salt="x"), ids).chosen.tolist() != together.chosen.tolist()


def test_whoever_may_be_offered_nothing_gets_nothing_for_certain() -> None:
    one = candidate([1], margin=0)
    decisions = decided(people([1]), [one], context(epsilon=1.0, thompson=True), clock="asked")
    assert decisions.chosen.tolist() == [NOTHING]
    assert decisions.propensity.tolist() == [1.0]
    nothing = decided(people([1]), [], context(epsilon=1.0, thompson=True), clock="asked")
    assert nothing.chosen.tolist() == [NOTHING]


def test_what_chance_passed_over_says_so() -> None:
    decisions = explored(context(epsilon=1.0), MANY[:200])
    drawn = decisions.chosen == 2
    best = decisions.judged[0].refusals
    assert best[Reason.DRAWN_INSTEAD][drawn].all()
    assert decisions.judged[2].refusals[Reason.BETTER_OFFER][~drawn].all()


@pytest.mark.parametrize("terms", [{"epsilon": -0.1}, {"epsilon": 1.1}, {"draws": 0}])
def test_exploration_that_makes_no_sense_is_refused(terms: dict[str, Any]) -> None:
    with pytest.raises(WarehouseError, match="exploration of"):
        Exploration(**terms)

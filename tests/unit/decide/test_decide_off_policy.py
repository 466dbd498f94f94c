"""Off-policy estimates against a truth that is known: bias, coverage, and refusals where nothing can be said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lingque.core.errors import WarehouseError
from lingque.core.reasons import Reason, Refusal
from lingque.decide.off_policy import Logged, OffPolicy, evaluate, overlap_of

ACTIONS = 4
RATES = np.array([0.02, 0.05, 0.03, 0.08])
PAYS = np.array([900.0, 500.0, 1200.0, 300.0])


def rewards_of(kind: np.ndarray) -> np.ndarray:
    """(n, actions) the probability of a response: two kinds of customers who like different things."""
    return np.where(kind[:, None] == 0, RATES, RATES[::-1])


def simulate(seed: int, n: int, *, epsilon: float = 0.3, wrong_model: bool = False) -> tuple[Logged, float]:
    """Decisions of an ε-greedy log, and a policy that mostly takes the best; and what that is worth in truth."""
    chance = np.random.default_rng(seed)
    kind = chance.integers(0, 2, n)
    rates = rewards_of(kind)
    worth = rates * PAYS
    rows = np.arange(n)
    probabilities = np.full((n, ACTIONS), epsilon / ACTIONS)
    probabilities[rows, np.argmax(worth + chance.normal(0, 5, worth.shape), axis=1)] += 1 - epsilon
    policy = np.full((n, ACTIONS), 0.2 / ACTIONS)
    policy[rows, np.argmax(worth, axis=1)] += 0.8
    chosen = (chance.random(n)[:, None] > np.cumsum(probabilities, axis=1)).sum(axis=1)
    reward = (chance.random(n) < rates[rows, chosen]) * PAYS[chosen]
    model = np.full((n, ACTIONS), 77.0) if wrong_model else worth
    logged = Logged(
        propensity=probabilities[rows, chosen],
        policy=policy[rows, chosen],
        reward=reward,
        unsupported=np.zeros(n),
        expected=model[rows, chosen],
        expected_of_policy=(policy * model).sum(axis=1),
    )
    everybody = rewards_of(np.array([0, 1])) * PAYS
    truth = np.mean([0.8 * row.max() + 0.2 * row.mean() for row in everybody])
    return logged, float(truth)


def judged(logged: Logged, **options: float) -> OffPolicy:
    found = evaluate(logged, **options)
    assert isinstance(found, OffPolicy)
    return found


@pytest.mark.parametrize("wrong_model", [False, True])
def test_estimates_are_right_in_the_mean_and_their_intervals_cover_the_truth(wrong_model: bool) -> None:
    runs, hits = 300, {"ips": 0, "snips": 0, "dr": 0}
    errors: dict[str, list[float]] = {name: [] for name in hits}
    for seed in range(runs):
        logged, truth = simulate(seed, 2_000, wrong_model=wrong_model)
        for one in judged(logged).estimates:
            errors[one.estimator].append(one.value - truth)
            hits[one.estimator] += one.interval[0] <= truth <= one.interval[1]
    for name, off in errors.items():
        mean, error = np.mean(off), np.std(off, ddof=1) / np.sqrt(runs)
        assert abs(mean) < 4 * error, f"{name} is biased: {mean:.2f} ± {error:.2f}"
        # of 300 intervals at 95% fewer than 271 cover the truth once in ten thousand times
        assert hits[name] >= 271, name
    if not wrong_model:
        assert np.std(errors["dr"]) < np.std(errors["ips"]), "a right model makes it steadier"


def test_the_policy_that_logged_has_weights_of_one() -> None:
    logged, _ = simulate(1, 500)
    same = replace(logged, policy=logged.propensity, expected=None, expected_of_policy=None)
    found = judged(same)
    assert [one.value for one in found.estimates] == pytest.approx([logged.reward.mean()] * 2)
    assert found.overlap.effective == pytest.approx(500)
    assert (found.gain.value, found.gain.error) == pytest.approx((0, 0))
    assert found.overlap.propensities_fit


def test_a_better_policy_shows_a_gain() -> None:
    logged, truth = simulate(3, 40_000, epsilon=0.9)
    found = judged(logged)
    assert found.gain.estimator == "dr"
    assert found.gain.interval[0] > 0
    assert found.gain.value == pytest.approx(truth - found.logged.value, abs=4 * found.gain.error)


def test_wrong_propensities_are_noticed() -> None:
    logged, _ = simulate(4, 5_000)
    assert overlap_of(logged).propensities_fit
    assert not overlap_of(replace(logged, propensity=logged.propensity / 2)).propensities_fit


def refusal_of(logged: Logged) -> Refusal:
    found = evaluate(logged)
    assert isinstance(found, Refusal)
    return found


def test_what_cannot_be_judged_is_refused_with_its_reason() -> None:
    logged, _ = simulate(5, 2_000)
    few, _ = simulate(5, 99)
    assert refusal_of(few).reason is Reason.TOO_FEW_UNITS
    never = refusal_of(replace(logged, unsupported=np.full(2_000, 0.02)))
    assert never.reason is Reason.NO_OVERLAP
    assert "2.0%" in never.detail
    other = np.zeros(2_000)
    other[:30] = 1.0
    rare = refusal_of(replace(logged, policy=other))
    assert rare.reason is Reason.NO_OVERLAP
    assert "speak for it" in rare.detail
    nobody = refusal_of(replace(logged, policy=np.zeros(2_000)))
    assert nobody.reason is Reason.NO_OVERLAP
    propensity = np.full(2_000, 0.5)
    propensity[0] = 0.5 / 300
    heavy = refusal_of(replace(logged, propensity=propensity, policy=np.full(2_000, 0.5)))
    assert "one decision alone" in heavy.detail


@settings(max_examples=50)
@given(seed=st.integers(0, 10**6), factor=st.floats(0.1, 10), shift=st.floats(-50, 50))
def test_estimates_go_with_the_unit_of_the_reward(seed: int, factor: float, shift: float) -> None:
    logged, _ = simulate(seed, 300)
    logged = replace(logged, expected=None, expected_of_policy=None)
    if isinstance(evaluate(logged), Refusal):
        return
    found = {one.estimator: one for one in judged(logged).estimates}
    moved = {one.estimator: one for one in judged(replace(logged, reward=logged.reward * factor + shift)).estimates}
    # SNIPS moves along with a constant; IPS by what its weights sum to
    assert moved["snips"].value == pytest.approx(found["snips"].value * factor + shift)
    mean_weight = overlap_of(logged).mean_weight
    assert moved["ips"].value == pytest.approx(found["ips"].value * factor + shift * mean_weight)
    wider = {one.estimator: one for one in judged(logged, confidence=0.99).estimates}
    assert all(wider[name].interval[0] <= one.interval[0] for name, one in found.items())


@pytest.mark.parametrize(
    "broken",
    [
        {"propensity": np.zeros(200)},
        {"policy": np.full(200, 1.5)},
        {"reward": np.full(200, np.nan)},
        {"reward": np.zeros(3)},
        {"expected": None},
    ],
)
def test_nonsense_is_an_error(broken: dict[str, np.ndarray | None]) -> None:
    logged, _ = simulate(6, 200)
    with pytest.raises(WarehouseError, match="logged decisions with"):
        replace(logged, **broken)

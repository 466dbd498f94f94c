"""What contacts change, learnt wave by wave."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lingque.core.errors import WarehouseError
from lingque.predict.effects import Effects

BELIEVED = Effects.believed(np.array([0.0, 0.2]), np.array([0.3, 0.1]))


def trial(seed: int, n: int, *, effect: float, wrong: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Customers of whom half are contacted: a model that promises too much to all, and what a contact adds."""
    random = np.random.default_rng(seed)
    expected = random.uniform(0.1, 0.6, n)
    contacted = random.random(n) < 0.5
    bought = random.random(n) < expected * (1 + wrong + effect * contacted)
    features = np.column_stack([expected, expected * contacted])
    return features, bought - expected, expected * (1 - expected)


def test_nothing_seen_changes_nothing() -> None:
    nothing = BELIEVED.learn(np.empty((0, 2)), np.empty(0), np.empty(0))
    assert nothing.mean == pytest.approx([0.0, 0.2])
    assert nothing.deviation == pytest.approx([0.3, 0.1])


@settings(max_examples=25)
@given(st.integers(0, 2**31), st.integers(0, 60), st.integers(0, 60))
def test_two_waves_teach_what_both_together_do_in_any_order(seed: int, first: int, second: int) -> None:
    one, other = trial(seed, first, effect=0.1, wrong=0.0), trial(seed + 1, second, effect=0.1, wrong=0.0)
    together = BELIEVED.learn(*(np.concatenate(pair) for pair in zip(one, other, strict=True)))
    for waves in ((one, other), (other, one)):
        belief = BELIEVED.learn(*waves[0]).learn(*waves[1])
        assert belief.mean == pytest.approx(together.mean)
        assert belief.deviation == pytest.approx(together.deviation)
    assert (together.deviation <= BELIEVED.deviation + 1e-12).all(), "evidence never makes less sure"


def test_a_model_that_promises_too_much_is_not_taken_for_harm() -> None:
    """Within 4 standard errors of the truth, over 20 trials; what is wrong with the model goes where it belongs."""
    for seed in range(20):
        belief = BELIEVED.learn(*trial(seed, 4_000, effect=0.25, wrong=-0.2))
        assert np.abs(belief.mean - [-0.2, 0.25]) == pytest.approx([0.0, 0.0], abs=4 * float(belief.deviation.max()))
        assert belief.mean[1] > 0


def test_a_belief_without_doubt_is_refused() -> None:
    with pytest.raises(WarehouseError, match="learns nothing"):
        Effects.believed(np.array([0.1]), np.array([0.0]))

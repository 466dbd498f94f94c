"""What another policy would have brought, judged from decisions that were made partly by chance.

Of each decision it is known how probable it was (`propensity`). A policy that would have made it with probability π
gives it the weight w = π ÷ propensity. Then, of n decisions with rewards r:

- IPS, inverse propensity scoring: mean(w r) (Horvitz, Thompson 1952);
- SNIPS, self-normalised: Σ w r ÷ Σ w (Hájek; Swaminathan, Joachims 2015): slightly biased, and steadier;
- DR, doubly robust: mean(v + w (r − q)) with a model's q of the decision that was made and v, its mean over the
  policy's own decisions (Dudík, Langford, Li 2011): right where either the propensities or the model are.

Standard errors from the influence of each decision, intervals from the normal distribution. Where hardly any decision
speaks for the policy there is no estimate but a refusal.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Literal

import numpy as np

from lingque.core.errors import WarehouseError
from lingque.core.hashing import Float64s
from lingque.core.reasons import Reason, Refusal

FEWEST = 100
"""Decisions below which nothing is estimated."""
FEWEST_EFFECTIVE = 50.0
"""As many decisions must be left once those that weigh little are counted for little."""
LARGEST_SHARE = 0.1
"""No single decision may make up more of the estimate."""
LARGEST_UNSUPPORTED = 0.01
"""No more of what the policy would do may lie where the log never went."""

EstimatorName = Literal["ips", "snips", "dr"]


@dataclass(frozen=True, kw_only=True)
class Logged:
    """n decisions and what a policy would have done, each array (n,).

    `propensity` of what was decided, `policy` the probability that the policy decides the same, `reward` what came of
    it. `unsupported`: how probable it is that the policy decides something that had no chance of being decided. A
    model's expectations, if there is one: `expected` of what was decided, `expected_of_policy` averaged over the
    policy's decisions. The model must not have been learnt from the rewards of the same customers.
    """

    propensity: Float64s
    policy: Float64s
    reward: Float64s
    unsupported: Float64s
    idle: Float64s | None = None
    expected: Float64s | None = None
    expected_of_policy: Float64s | None = None

    def __post_init__(self) -> None:
        models = (self.expected, self.expected_of_policy, self.idle)
        arrays = [
            self.propensity,
            self.policy,
            self.reward,
            self.unsupported,
            *(one for one in models if one is not None),
        ]
        problem = None
        if len({len(array) for array in arrays}) != 1:
            problem = "columns of different length"
        elif not all(np.isfinite(array).all() for array in arrays):
            problem = "a number that is none"
        elif ((self.propensity <= 0) | (self.propensity > 1)).any():
            problem = "a propensity that is not above 0 and at most 1"
        elif any(((array < 0) | (array > 1)).any() for array in (self.policy, self.unsupported)):
            problem = "a probability that is not between 0 and 1"
        elif (self.expected is None) != (self.expected_of_policy is None):
            problem = "half of a model's expectations"
        if problem is not None:
            raise WarehouseError(
                f"logged decisions with {problem}", next_step="look at the run that wrote them: it logged nonsense"
            )

    def __len__(self) -> int:
        return len(self.reward)


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """How much the logged decisions can say about the policy.

    `effective` = (Σw)² ÷ Σw²: as many decisions of the policy's own would tell as much. `mean_weight` is 1 in the mean
    where propensities are right, `mean_weight_error` its standard error. `largest_share` of the whole weight is one
    decision's.
    """

    decisions: int
    effective: float
    mean_weight: float
    mean_weight_error: float
    largest_weight: float
    largest_share: float
    unsupported: float
    idle: float

    @property
    def propensities_fit(self) -> bool:
        """Are the weights what they must be if the logged propensities, and the support, are right?"""
        expected = 1 - self.unsupported - self.idle
        return abs(self.mean_weight - expected) <= 4 * self.mean_weight_error + 1e-9


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """The policy's mean reward per decision, in the unit of the rewards."""

    estimator: EstimatorName
    value: float
    error: float
    interval: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class OffPolicy:
    """The estimates, what the log's own decisions brought, and what all that stands on. `gain` is the policy's DR
    (SNIPS where there is no model) less the log's own mean, with the interval of the difference decision by
    decision."""

    estimates: tuple[Estimate, ...]
    logged: Estimate
    gain: Estimate
    overlap: Overlap


def evaluate(logged: Logged, *, confidence: float = 0.95) -> OffPolicy | Refusal:
    """Judge the policy, or say why it cannot be judged."""
    found = overlap_of(logged)
    refusal = _refusal(found)
    if refusal is not None:
        return refusal
    weight, reward = logged.policy / logged.propensity, logged.reward
    normalised = float((weight * reward).sum() / weight.sum())
    influences: dict[EstimatorName, Float64s] = {
        "ips": weight * reward,
        # its mean is the estimate, its spread that of a ratio of means
        "snips": normalised + weight * (reward - normalised) / weight.mean(),
    }
    if logged.expected is not None and logged.expected_of_policy is not None:
        influences["dr"] = logged.expected_of_policy + weight * (reward - logged.expected)
    best: EstimatorName = "dr" if "dr" in influences else "snips"
    return OffPolicy(
        estimates=tuple(_estimate(name, influence, confidence) for name, influence in influences.items()),
        logged=_estimate("ips", reward, confidence),
        gain=_estimate(best, influences[best] - reward, confidence),
        overlap=found,
    )


def overlap_of(logged: Logged) -> Overlap:
    """The diagnostics alone."""
    weight = logged.policy / logged.propensity
    n, total, squares = len(weight), float(weight.sum()), float((weight**2).sum())
    return Overlap(
        decisions=n,
        effective=total**2 / squares if squares else 0.0,
        mean_weight=total / n if n else 0.0,
        mean_weight_error=float(weight.std(ddof=1)) / sqrt(n) if n > 1 else 0.0,
        largest_weight=float(weight.max(initial=0.0)),
        largest_share=float(weight.max(initial=0.0)) / total if total else 0.0,
        unsupported=float(logged.unsupported.mean()) if n else 0.0,
        idle=float(logged.idle.mean()) if n and logged.idle is not None else 0.0,
    )


def _refusal(found: Overlap) -> Refusal | None:
    if found.decisions < FEWEST:
        return Refusal(
            reason=Reason.TOO_FEW_UNITS, detail=f"{found.decisions} decisions with an outcome; {FEWEST} are needed"
        )
    problem = None
    if found.unsupported > LARGEST_UNSUPPORTED:
        problem = f"{found.unsupported:.1%} of what it would do was never tried"
    elif found.effective < FEWEST_EFFECTIVE:
        problem = f"only {found.effective:.0f} of {found.decisions} decisions speak for it; {FEWEST_EFFECTIVE:.0f} must"
    elif found.largest_share > LARGEST_SHARE:
        problem = f"one decision alone makes up {found.largest_share:.0%} of the estimate"
    if problem is None:
        return None
    return Refusal(
        reason=Reason.NO_OVERLAP, detail=f"{problem}; explore more, or judge a policy nearer to the present one"
    )


def _estimate(name: EstimatorName, influence: Float64s, confidence: float) -> Estimate:
    value, error = float(influence.mean()), float(influence.std(ddof=1)) / sqrt(len(influence))
    half = NormalDist().inv_cdf((1 + confidence) / 2) * error
    return Estimate(estimator=name, value=value, error=error, interval=(value - half, value + half))

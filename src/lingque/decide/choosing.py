"""The choice of each customer by themselves, at prices: what is worth most less the prices of what it uses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lingque.core.hashing import Float64s
from lingque.decide.contracts import NOTHING, Context
from lingque.decide.exploration import explore
from lingque.decide.judging import Judgement
from lingque.govern.contracts import Flags

Choices = NDArray[np.int32]


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Of n customers: `best` at these prices; `chosen`, which is another where chance wanted to learn; with which
    `propensity` it was chosen."""

    best: Choices
    chosen: Choices
    propensity: Float64s


def choose_at_prices(judgement: Judgement, price: Float64s, within: Flags, context: Context) -> Chosen:
    """`price` (c,) of one contact; `within` (c,): enough of everything is left for one. A candidate is chosen only if
    it is worth more than its price; of equal ones the first."""
    n = len(judgement)
    best = np.full(n, NOTHING, dtype=np.int32)
    chosen, propensity = best.copy(), np.ones(n)
    if not len(judgement.menu):
        return Chosen(best=best, chosen=chosen, propensity=propensity)
    for customers in judgement.blocks():
        net = judgement.allowed_values(customers) - price[:, None]
        net[(net <= 0) | ~within[:, None]] = -np.inf
        best[customers] = best_of(net)
        if context.exploration is None:
            chosen[customers] = best[customers]
        else:
            explored = explore(judgement, net, price, customers, context)
            chosen[customers], propensity[customers] = explored.chosen, explored.propensity
    return Chosen(best=best, chosen=chosen, propensity=propensity)


def best_of(values: Float64s) -> Choices:
    """(m,) the index of each customer's best candidate, of equal ones the first; `NOTHING` where all are −∞."""
    if not len(values):
        return np.full(values.shape[1], NOTHING, dtype=np.int32)
    best: Choices = np.argmax(values, axis=0).astype(np.int32)
    best[np.isneginf(values[best, np.arange(values.shape[1])])] = NOTHING
    return best

"""The staff's prices in a stream: what a branch's room for one more contact is worth to those still to come.

Of a branch that makes four calls a day nobody knows whether the four best of today are still to come. Its rooms left
are worth what an optimal policy would make of them (`_worth_of_waiting`). How gains are spread is learnt from the
customers of all branches, since a branch's own few would mislead; by how much a branch's customers gain more than
others is learnt from its own, as far as branches differ more than chance makes them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lingque.core.hashing import Float64s, Int64s
from lingque.decide.allocation.compiled import kernel, part

FEW = 20.0
"""Rooms of a branch up to which the worth of waiting is reckoned; of more, the price at which they are just used up is
as good."""
STEPS = 4.0
"""In which one who comes is reckoned, at least."""


def waiting_prices(gains: Float64s, starts: Int64s, rooms: Float64s, *, share: float) -> Float64s:
    """(branches,) per contact, of `rooms` left of each branch.

    `gains` (n, levels) of the customers known, those of branch b being `starts[b]:starts[b + 1]`, of whom there are
    `share` for each one still to come.
    """
    positive = gains[gains > 0]
    everybody = np.sort(positive)[::-1]
    if not len(everybody):
        return np.zeros(len(rooms))
    prices: Float64s = _prices(
        gains, everybody, starts, rooms, share, len(everybody) / len(gains), _scales(gains.sum(axis=1), starts)
    )
    return prices


def _scales(gains: Float64s, starts: Int64s) -> Float64s:
    """(branches,) how many times as much a branch's customers gain, drawn to 1 as far as chance explains it.

    The variance between branches is what that of their means has more than chance gives it (James, Stein 1961; by
    moments).
    """
    counts = np.maximum(np.diff(starts), 1)
    usual = float(gains.mean())
    summed = np.concatenate(([0.0], np.cumsum(gains)))
    times = np.where(np.diff(starts) > 0, np.diff(summed[starts]) / counts / usual, 1.0)
    by_chance = float(gains.var()) / usual**2 / counts
    between = max(float(np.mean((times - 1) ** 2 - by_chance)), 0.0)
    scales: Float64s = 1 + (times - 1) * between / np.maximum(between + by_chance, 1e-300)
    return np.maximum(scales, 0.0)


@kernel
def _prices(gains: Any, everybody: Any, starts: Any, rooms: Any, share: float, gaining: float, scales: Any) -> Any:
    summed = np.concatenate((np.zeros(1), np.cumsum(everybody)))
    prices = np.zeros(len(rooms))
    for branch in range(len(rooms)):
        low, high = starts[branch], starts[branch + 1]
        if rooms[branch] <= 0.0 or low == high:
            continue
        if rooms[branch] <= FEW:
            coming = (high - low) / share * gaining
            prices[branch] = scales[branch] * _worth_of_waiting(everybody, summed, rooms[branch], coming)
            continue
        own = gains[low:high].copy().reshape(-1)
        own = np.sort(own[own > 0.0])[::-1]
        if len(own) > rooms[branch] * share:
            prices[branch] = _used_up(own, rooms[branch] * share * (1.0 + 1.0 / (high - low)))
    return prices


@part
def _worth_of_waiting(gains: Any, summed: Any, rooms: float, coming: float) -> float:
    """What the last of a few rooms is worth to those still to come, so many of whom have a gain like these.

    Whoever takes a room pays what could have been earned by keeping it: Δ(c), the difference that the c-th room makes.
    One more who comes adds E max(gain − Δ(c), 0) − E max(gain − Δ(c − 1), 0) to it, which is the best there is where
    nobody knows who will come (Kleywegt, Papastavrou 1998). Greatest gains first.
    """
    steps = int(np.ceil(coming * STEPS))
    each = coming / max(steps, 1)
    worth = np.zeros(max(int(rooms + 1e-6), 1))
    for _ in range(steps):
        before = 0.0
        for room in range(len(worth)):
            low, high = 0, len(gains)
            while low < high:
                middle = (low + high) // 2
                if gains[middle] > worth[room]:
                    low = middle + 1
                else:
                    high = middle
            more = (summed[low] - low * worth[room]) / len(gains)
            worth[room] += each * (more - before)
            before = more
    return float(worth[-1])


@part
def _used_up(gains: Any, rooms: float) -> float:
    """The gain that so many of as many others exceed, as far as these tell, greatest first.

    Of n others n · k / (n + 1) exceed the k-th of these n on average: `rooms`, greater by 1 / n, finds it by its
    number. It is about the last that has room, not the first that has none. Above the greatest the tail is taken to be
    exponential, its scale the step between the first two: to be right on average takes 2 / rooms - 2 such steps
    (E exp(-second) = 2 / (n + 1), and the step is independent of it; Rényi 1953).
    """
    if rooms < 1.0:
        step = gains[0] - gains[1] if len(gains) > 1 else 0.0
        return float(gains[0] + step * (2.0 / rooms - 2.0))
    last = int(np.floor(rooms)) - 1
    beyond = gains[last + 1] if last + 1 < len(gains) else 0.0
    return float(gains[last] + (rooms - last - 1) * (beyond - gains[last]))

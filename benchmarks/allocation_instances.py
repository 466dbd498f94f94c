"""Drawn instances of the allocation problem, as a bank's would look.

50 offers on 4 channels; a customer may be proposed about 38.6 of the 200 kinds; 500 branches whose staff make the
calls; values with heavy tails, as wealth has them; one or two contacts each. The costs of channel and offer add up, so
the budget is nearly a sum of other limits. An offer's budget pays its benefit; neither it nor
a branch's hours come to a whole number of contacts. The five offers of the least margin have a minimum volume, which
nobody would meet unasked.
"""

from __future__ import annotations

import numpy as np

from lingque.core.hashing import Float64s
from lingque.decide.allocation.limits import (
    Row,
    channel_capacity,
    minimum_volume,
    offer_budget,
    offer_stock,
    total_budget,
)
from lingque.decide.allocation.menu import Menu
from lingque.decide.allocation.problem import Problem, Staff

OFFERS, CHANNELS = 50, ("sms", "push", "email", "rm_call")
BLOCK = 50_000
REACH = np.array([0.9, 0.45, 0.5, 0.55], dtype=np.float32)
STRENGTH = np.array([1.0, 0.8, 0.5, 3.0], dtype=np.float32)
CHANNEL_COST = np.array([0.06, 0.01, 0.005, 18.0])


def draw_instance(customers: int, seed: int, *, branches: int = 500) -> Problem:
    """Deterministic for a seed. Sorted by branch; entries of a customer by offer, then channel."""
    random = np.random.default_rng(seed)
    menu = Menu(offers=tuple(f"offer_{number:02}" for number in range(OFFERS)), channels=CHANNELS)
    branches = min(branches, max(customers // 20, 1))
    starts = np.searchsorted(np.sort(random.integers(0, branches, customers)), np.arange(branches + 1)).astype(np.int64)
    eligible = random.beta(2, 4.2, OFFERS)
    eligible = np.minimum(eligible * 0.3217 / eligible.mean(), 0.95).astype(np.float32)
    margin = np.exp(random.normal(5.5, 1.0, OFFERS)).astype(np.float32)
    benefit = random.choice([0, 0, 0.5, 1, 3], OFFERS) * random.uniform(0.5, 1.5, OFFERS)
    costs = (benefit[:, None] + CHANNEL_COST[None, :]).ravel()
    entry_starts, kinds, values = _draw_entries(random, customers, eligible, margin, costs)
    return Problem(
        menu=menu,
        starts=entry_starts,
        kinds=kinds,
        values=values,
        most=random.integers(1, 3, customers).astype(np.uint8),
        rows=_draw_rows(random, menu, customers, margin, benefit),
        staff=Staff(
            channel="rm_call",
            starts=starts,
            hours=np.diff(starts) * random.uniform(0.02, 0.08, branches) * 0.5,
            hours_per_contact=0.5,
        ),
        cost_of_kind=costs,
    )


def _draw_entries(
    random: np.random.Generator, customers: int, eligible: np.ndarray, margin: np.ndarray, costs: Float64s
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Block by block into arrays that are cut to size at the end: never twice in memory."""
    room = int(customers * 39.5) + 20_000
    kinds, values = np.empty(room, dtype=np.uint8), np.empty(room, dtype=np.float32)
    starts = np.zeros(customers + 1, dtype=np.int64)
    for first in range(0, customers, BLOCK):
        size = min(BLOCK, customers - first)
        reached = random.random((size, len(CHANNELS)), dtype=np.float32) < REACH
        there = (
            (random.random((size, OFFERS), dtype=np.float32) < eligible)[:, :, None] & reached[:, None, :]
        ).reshape(size, -1)
        wealth = np.exp(random.standard_normal(size, dtype=np.float32))
        response = np.exp(random.standard_normal((size, OFFERS), dtype=np.float32) - 4)
        strength = STRENGTH * np.exp(0.4 * random.standard_normal((size, len(CHANNELS)), dtype=np.float32))
        worth = np.minimum(response[:, :, None] * strength[:, None, :], 1.0) * (wealth[:, None] * margin)[:, :, None]
        worth = worth.reshape(size, -1) - costs.astype(np.float32)
        begin = int(starts[first])
        starts[first + 1 : first + size + 1] = begin + np.cumsum(there.sum(axis=1))
        end = int(starts[first + size])
        kinds[begin:end] = np.nonzero(there)[1]
        values[begin:end] = worth[there]
    entries = int(starts[-1])
    kinds.resize(entries, refcheck=False)
    values.resize(entries, refcheck=False)
    return starts, kinds, values


def _draw_rows(
    random: np.random.Generator, menu: Menu, customers: int, margin: np.ndarray, benefit: Float64s
) -> tuple[Row, ...]:
    def share(least: float, most: float) -> float:
        return customers * float(random.uniform(least, most))

    stock = [float(max(1, int(share(0.002, 0.04)))) for _ in menu.offers]
    least = np.argsort(margin)[:5]
    budgets = [
        offer_budget(menu, menu.offers[number], share(0.003, 0.03) * benefit[number], each=float(benefit[number]))
        for number in np.flatnonzero(benefit > 0)[:8]
    ]
    return (
        *(
            channel_capacity(menu, name, float(int(part * customers)))
            for name, part in (("sms", 0.25), ("push", 0.2), ("email", 0.3))
        ),
        *(offer_stock(menu, name, pieces) for name, pieces in zip(menu.offers, stock, strict=True)),
        *budgets,
        total_budget(menu, 0.9 * customers),
        *(
            minimum_volume(menu, menu.offers[number], float(np.ceil(random.uniform(0.1, 0.3) * stock[number])))
            for number in least
        ),
    )

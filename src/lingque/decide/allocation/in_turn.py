"""Customers one after the other at given prices, nobody getting what no longer fits: how a stream is decided."""

from __future__ import annotations

from typing import Any

import numpy as np

from lingque.decide.allocation.compiled import kernel
from lingque.decide.allocation.local import NOWHERE, best_set, best_with_needs, list_best, needs_something, workplace


@kernel
def choose_in_turn(
    values: Any, kinds: Any, costs: Any, starts: Any, most: Any, order: Any, branch_of: Any, price: Any,
    cost_price: Any, staff_prices: Any, channel_of: Any, class_of: Any, caps: Any, needs: Any, widest: int,
    staffed: int, use: Any, use_of_cost: Any, left: Any, rooms: Any, choice: Any,
) -> None:  # fmt: skip
    """Customers one after the other at the prices, nobody getting what no longer fits; takes from `left` and `rooms`.

    `left` (rows,) as ≤ of upper limits only, `rooms` (branches,); `choice` (n, widest) is filled.
    """
    work = workplace(len(caps), widest, len(price))
    picked = np.full(widest, NOWHERE, dtype=np.int64)
    within = caps.copy()
    mine = price.copy()
    asked = np.zeros(len(needs.offer), dtype=np.bool_)
    needed = np.zeros(needs.offer_of.max() + 1, dtype=np.bool_)
    for customer in order:
        if most[customer] == 0:
            continue
        for kind in range(len(price)):
            mine[kind] = price[kind]
            for row in range(len(left)):
                if use[row, kind] > left[row]:
                    mine[kind] = np.inf
            if channel_of[kind] == staffed:
                mine[kind] += staff_prices[branch_of[customer]]
        if staffed >= 0:
            within[staffed] = min(caps[staffed], int(rooms[branch_of[customer]]))
        concerned = len(asked) > 0 and needs_something(
            values, kinds, costs, starts[customer], starts[customer + 1], mine, cost_price, needs, customer, asked,
            needed,
        )  # fmt: skip
        if concerned:
            best_with_needs(
                values, kinds, costs, starts[customer], starts[customer + 1], mine, cost_price, channel_of, class_of,
                within, most[customer], needs, asked, needed, work, picked,
            )  # fmt: skip
        else:
            list_best(
                values, kinds, costs, starts[customer], starts[customer + 1], mine, cost_price, channel_of, class_of,
                most[customer], work,
            )  # fmt: skip
            best_set(work, within, most[customer], picked)
        # what is needed comes first: without it, what needs it is not proposed
        count = 0
        for _ in range(most[customer] if concerned else 1):
            for at in range(most[customer]):
                entry = picked[at]
                if entry == NOWHERE:
                    continue
                kind = kinds[entry]
                cost = costs[entry] if len(costs) > 0 else 0.0
                fits = True
                for need in range(len(asked)):
                    if asked[need] and needs.offer[need] == needs.offer_of[kind]:
                        there = False
                        for before in range(count):
                            other = kinds[starts[customer] + choice[customer, before]]
                            there = there or needs.offer_of[other] == needs.needed[need]
                        fits = fits and there
                for row in range(len(left)):
                    if use[row, kind] + use_of_cost[row, kind] * cost > left[row]:
                        fits = False
                if not fits:
                    continue
                for row in range(len(left)):
                    left[row] -= use[row, kind] + use_of_cost[row, kind] * cost
                if channel_of[kind] == staffed:
                    rooms[branch_of[customer]] -= 1
                choice[customer, count] = entry - starts[customer]
                count += 1
                picked[at] = NOWHERE

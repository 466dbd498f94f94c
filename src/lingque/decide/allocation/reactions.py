"""How everybody reacts to one price that rises while the others stand still: the columns of the dual's Hessian.

Whoever uses nothing of a row does not react to its price: what they have is worth as much as before, all else as much
or less. So each price is tried on those few only whom it concerns; a branch's rooms are then filled anew. That finds
what a pass over everybody at each price would.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lingque.decide.allocation.compiled import kernel, part
from lingque.decide.allocation.for_all import add_taken, at_desk, fill_rooms, weigh
from lingque.decide.allocation.local import NOWHERE


@kernel
def count_reactions(
    arrays: Any, borders: Any, rooms: Any, price: Any, cost_price: Any, use: Any, use_of_cost: Any, rises: Any,
    count: Any, spent: Any,
) -> None:  # fmt: skip
    """Adds to `count` and `spent` (rows, kinds) how much more is taken when the price of that row alone rises by
    `rises` (rows,); 0 skips it.

    `use` and `use_of_cost` (rows, kinds) as ≤; group g of the customers are `borders[g]:borders[g + 1]`, the branches
    where there is staff, whose `rooms` are theirs.
    """
    kinds, costs, starts, staffed = arrays.kinds, arrays.costs, arrays.starts, arrays.staffed
    desk = at_desk(arrays)
    rows = len(rises)
    # of each kind: the rows that it uses, and those whose minimum it serves
    uses = np.full((len(price), rows), NOWHERE, dtype=np.int64)
    serves = np.full((len(price), rows), NOWHERE, dtype=np.int64)
    for kind in range(len(price)):
        found, served = 0, 0
        for row in range(rows):
            if rises[row] > 0.0 and (use[row, kind] != 0.0 or use_of_cost[row, kind] != 0.0):
                uses[kind, found] = row
                found += 1
                if use[row, kind] < 0.0 or use_of_cost[row, kind] < 0.0:
                    serves[kind, served] = row
                    served += 1
    prices = price + rises.reshape(rows, 1) * use
    cost_prices = cost_price + rises.reshape(rows, 1) * use_of_cost
    size = 0
    for group in range(len(borders) - 1):
        size = max(size, borders[group + 1] - borders[group])
    picks = np.empty((size, desk.levels, arrays.widest), dtype=np.int64)
    new_picks = np.empty((size, desk.levels, arrays.widest), dtype=np.int64)
    gains, new_gains = np.empty((size, desk.levels)), np.empty((size, desk.levels))
    all_gains = np.empty((size, desk.levels))
    level, new_level = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
    share, new_share = np.zeros(size), np.zeros(size)
    reacts = np.empty((rows, size), dtype=np.bool_)
    those = np.empty(size, dtype=np.int64)
    place = np.empty(size, dtype=np.int64)
    for group in range(len(borders) - 1):
        first, last = borders[group], borders[group + 1]
        number = last - first
        if number == 0:
            continue
        weigh(arrays, np.arange(first, last), price, cost_price, desk, picks, gains)
        if staffed >= 0:
            fill_rooms(gains[:number], rooms[group], level, share)
        reacts[:, :number] = False
        for mine in range(number):
            for its in range(desk.levels):
                if its > 0 and gains[mine, its] == 0.0:
                    break
                for at in range(arrays.widest):
                    if picks[mine, its, at] == NOWHERE:
                        break
                    _mark(reacts, mine, uses[kinds[picks[mine, its, at]]])
            for entry in range(starts[first + mine], starts[first + mine + 1]):
                _mark(reacts, mine, serves[kinds[entry]])
        for row in range(rows):
            if rises[row] == 0.0:
                continue
            found = 0
            place[:number] = NOWHERE
            for mine in range(number):
                if reacts[row, mine]:
                    those[found] = first + mine
                    place[mine] = found
                    found += 1
            if found == 0:
                continue
            weigh(arrays, those[:found], prices[row], cost_prices[row], desk, new_picks, new_gains)
            if staffed >= 0:
                all_gains[:number] = gains[:number]
                for mine in range(number):
                    if place[mine] != NOWHERE:
                        all_gains[mine] = new_gains[place[mine]]
                fill_rooms(all_gains[:number], rooms[group], new_level, new_share)
            for mine in range(number):
                its, more = new_level[mine], new_share[mine]
                if place[mine] == NOWHERE and its == level[mine] and more == share[mine]:
                    continue
                add_taken(picks[mine, level[mine]], share[mine] - 1.0, kinds, costs, count[row], spent[row])
                if share[mine] > 0.0:
                    add_taken(picks[mine, level[mine] + 1], -share[mine], kinds, costs, count[row], spent[row])
                mine_now = new_picks[place[mine]] if place[mine] != NOWHERE else picks[mine]
                add_taken(mine_now[its], 1.0 - more, kinds, costs, count[row], spent[row])
                if more > 0.0:
                    add_taken(mine_now[its + 1], more, kinds, costs, count[row], spent[row])


@part
def _mark(reacts: Any, mine: int, rows: Any) -> None:
    for row in rows:
        if row == NOWHERE:
            break
        reacts[row, mine] = True

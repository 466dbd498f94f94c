"""Everybody's best contacts at given prices, in one pass: what they are worth, use, and would do with more staff."""

from __future__ import annotations

from typing import Any

import numpy as np

from lingque.decide.allocation.compiled import kernel, part
from lingque.decide.allocation.local import NOWHERE, best_set, best_with_needs, list_best, needs_something, workplace


@kernel
def choose_for_all(
    values: Any, kinds: Any, costs: Any, starts: Any, most: Any, first: int, last: int, price: Any, cost_price: Any,
    channel_of: Any, class_of: Any, caps: Any, needs: Any, widest: int, staffed: int, borders: Any, rooms: Any,
    count: Any, spent: Any, staff_prices: Any, kept: Any, choice: Any,
) -> float:  # fmt: skip
    """The customers from `first` until `last`, each at the prices, and the staff of their branches (`passes`).

    Returns what they are worth at the prices, rooms paid for; adds to `count` and `spent` (kinds,), sets
    `staff_prices` (branches,), and, unless they are empty, `choice` and `kept` (n, levels), the gains by each more
    contact of the staff.
    """
    work = workplace(len(caps), widest)
    within = caps.copy()
    levels = 1
    if staffed >= 0:
        levels = 1 + min(caps[staffed], widest)
    picks = np.full((last - first, levels, widest), NOWHERE, dtype=np.int64)
    gains = np.zeros((last - first, levels))
    worths = np.zeros(levels)
    asked = np.zeros(len(needs.offer), dtype=np.bool_)
    needed = np.zeros(needs.offer_of.max() + 1, dtype=np.bool_)
    total = 0.0
    for customer in range(first, last):
        mine = customer - first
        its_most = most[customer]
        if its_most == 0:
            continue
        if len(asked) > 0 and needs_something(
            values, kinds, costs, starts[customer], starts[customer + 1], price, cost_price, needs, customer, asked,
            needed,
        ):  # fmt: skip
            for level in range(levels):
                if staffed >= 0:
                    within[staffed] = level
                worths[level] = best_with_needs(
                    values, kinds, costs, starts[customer], starts[customer + 1], price, cost_price, channel_of,
                    class_of, within, its_most, needs, asked, needed, work, picks[mine, level],
                )  # fmt: skip
            total += worths[0]
            _concave_gains(worths, gains[mine])
            continue
        list_best(
            values, kinds, costs, starts[customer], starts[customer + 1], price, cost_price, channel_of, class_of,
            its_most, work,
        )  # fmt: skip
        if staffed >= 0:
            within[staffed] = 0
        value = best_set(work, within, its_most, picks[mine, 0])
        total += value
        if staffed >= 0 and work.filled[staffed] > 0:
            for level in range(1, levels):
                within[staffed] = level
                better = best_set(work, within, its_most, picks[mine, level])
                if better <= value:
                    break
                gains[mine, level] = better - value
                value = better
    if len(kept) > 0:
        kept[first:last] = gains[:, 1:]
    one = len(costs) > 0
    if staffed < 0:
        for customer in range(first, last):
            _take(picks[customer - first, 0], 1.0, starts[customer], customer, kinds, costs, one, count, spent, choice)
        return total
    for branch in range(len(rooms)):
        low, high = borders[branch] - first, borders[branch + 1] - first
        room = int(np.floor(rooms[branch]))
        left_over = rooms[branch] - room
        flat = gains[low:high].copy().reshape((high - low) * levels)
        positive = flat[flat > 0.0]
        threshold = 0.0
        if len(positive) > room:
            threshold = np.partition(positive, len(positive) - 1 - room)[len(positive) - 1 - room]
        above = 0
        for at in range(len(positive)):
            if positive[at] > threshold:
                above += 1
        ties = room - above
        staff_prices[branch] = threshold
        for mine in range(low, high):
            level = 0
            part = 0.0
            for step in range(1, levels):
                step_gain = gains[mine, step]
                if step_gain <= 0.0:
                    break
                if step_gain > threshold:
                    level += 1
                    total += step_gain
                elif step_gain == threshold and ties > 0:
                    ties -= 1
                    level += 1
                    total += step_gain
                elif step_gain == threshold and left_over > 0.0:
                    part = left_over
                    total += left_over * step_gain
                    left_over = 0.0
            customer = first + mine
            _take(picks[mine, level], 1.0 - part, starts[customer], customer, kinds, costs, one, count, spent, choice)
            if part > 0.0:
                _take(picks[mine, level + 1], part, starts[customer], customer, kinds, costs, one, count, spent, choice)
    return total


@part
def _concave_gains(worths: Any, gains: Any) -> None:
    """From level to level the step of the least concave curve above `worths`: what two contacts are worth that need one
    another is counted in halves, which no price can tell apart from the truth."""
    level = 0
    while level < len(worths) - 1:
        steepest = 0.0
        end = NOWHERE
        for other in range(level + 1, len(worths)):
            slope = (worths[other] - worths[level]) / (other - level)
            if slope > steepest:
                steepest = slope
                end = other
        if end == NOWHERE:
            break
        gains[level + 1 : end + 1] = steepest
        level = end


@part
def _take(
    picked: Any, share: float, start: int, customer: int, kinds: Any, costs: Any, own_costs: Any, count: Any,
    spent: Any, choice: Any,
) -> None:  # fmt: skip
    for at in range(len(picked)):
        entry = picked[at]
        if entry == NOWHERE:
            break
        kind = kinds[entry]
        count[kind] += share
        if own_costs:
            spent[kind] += share * costs[entry]
        if len(choice) > 0 and share == 1.0:
            choice[customer, at] = entry - start

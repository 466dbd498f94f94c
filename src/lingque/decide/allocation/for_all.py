"""Everybody's best contacts at given prices, in one pass: what they are worth, use, and would do with more staff."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lingque.core.hashing import Float64s, Int64s
from lingque.decide.allocation.compiled import kernel, part
from lingque.decide.allocation.local import (
    NOWHERE,
    Workplace,
    best_set,
    best_with_needs,
    list_best,
    needs_something,
    workplace,
)
from lingque.decide.allocation.problem import Flags


@kernel
def choose_for_all(
    arrays: Any, first: int, last: int, price: Any, cost_price: Any, borders: Any, rooms: Any, count: Any, spent: Any,
    staff_prices: Any, kept: Any, choice: Any,
) -> float:  # fmt: skip
    """The customers from `first` until `last`, each at the prices, and the staff of their branches (`passes`).

    Returns what they are worth at the prices, rooms paid for; adds to `count` and `spent` (kinds,), sets
    `staff_prices` (branches,), and, unless they are empty, `choice` and `kept` (n, levels), the gains by each more
    contact of the staff.
    """
    desk = at_desk(arrays)
    picks = np.empty((last - first, desk.levels, arrays.widest), dtype=np.int64)
    gains = np.empty((last - first, desk.levels))
    total = weigh(arrays, np.arange(first, last), price, cost_price, desk, picks, gains)
    if len(kept) > 0:
        kept[first:last] = gains[:, 1:]
    level = np.zeros(last - first, dtype=np.int64)
    share = np.zeros(last - first)
    for branch in range(len(rooms)):
        low, high = borders[branch] - first, borders[branch + 1] - first
        threshold, worth = fill_rooms(gains[low:high], rooms[branch], level[low:high], share[low:high])
        staff_prices[branch] = threshold
        total += worth
    for mine in range(last - first):
        picked = picks[mine, level[mine]]
        add_taken(picked, 1.0 - share[mine], arrays.kinds, arrays.costs, count, spent)
        if share[mine] > 0.0:
            add_taken(picks[mine, level[mine] + 1], share[mine], arrays.kinds, arrays.costs, count, spent)
        elif len(choice) > 0:
            customer = first + mine
            for at in range(arrays.widest):
                if picked[at] != NOWHERE:
                    choice[customer, at] = picked[at] - arrays.starts[customer]
    return total


class Desk(NamedTuple):
    """What `weigh` works at, made once. `levels`: so many numbers of contacts of the staff, from none on."""

    levels: int
    within: Int64s
    worths: Float64s
    asked: Flags
    needed: Flags
    work: Workplace


@part
def at_desk(arrays: Any) -> Desk:
    """For all customers of a problem."""
    levels = 1
    if arrays.staffed >= 0:
        levels = 1 + min(arrays.caps[arrays.staffed], arrays.widest)
    needs = arrays.needs
    return Desk(
        levels, arrays.caps.copy(), np.zeros(levels), np.zeros(len(needs.offer), dtype=np.bool_),
        np.zeros(needs.offer_of.max() + 1, dtype=np.bool_),
        workplace(len(arrays.caps), arrays.widest, len(arrays.channel_of)),
    )  # fmt: skip


@part
def weigh(arrays: Any, those: Any, price: Any, cost_price: Any, desk: Any, picks: Any, gains: Any) -> float:
    """Some customers at the prices: the sum of what is worth most to each without the staff, returned, and the gains by
    each more contact of the staff. Fills `picks` (those, levels, widest) and `gains` (those, levels)."""
    values, kinds, costs, starts, most, channel_of, class_of, _, needs, _, staffed = arrays
    levels, within, worths, asked, needed, work = desk
    picks[: len(those)] = NOWHERE
    gains[: len(those)] = 0.0
    total = 0.0
    for at in range(len(those)):
        customer = those[at]
        start, stop, its_most = starts[customer], starts[customer + 1], most[customer]
        if its_most == 0:
            continue
        if len(asked) > 0 and needs_something(
            values, kinds, costs, start, stop, price, cost_price, needs, customer, asked, needed
        ):
            for level in range(levels):
                if staffed >= 0:
                    within[staffed] = level
                worths[level] = best_with_needs(
                    values, kinds, costs, start, stop, price, cost_price, channel_of, class_of, within, its_most, needs,
                    asked, needed, work, picks[at, level],
                )  # fmt: skip
            total += worths[0]
            _concave_gains(worths, gains[at])
            continue
        list_best(values, kinds, costs, start, stop, price, cost_price, channel_of, class_of, its_most, work)
        value = 0.0
        for level in range(levels if staffed >= 0 and work.filled[staffed] > 0 else 1):
            if staffed >= 0:
                within[staffed] = level
            better = best_set(work, within, its_most, picks[at, level])
            if level == 0:
                total += better
            elif better > value:
                gains[at, level] = better - value
            else:
                break
            value = better
    return total


@part
def fill_rooms(gains: Any, rooms: float, level: Any, share: Any) -> Any:
    """A branch makes the greatest of its customers' gains (n, levels) for which it has room.

    Fills `level` (n,), the contacts of each, and `share` (n,) of one more. Returns the first gain left out and what
    those made come to.
    """
    room = int(np.floor(rooms))
    left_over = rooms - room
    positive = np.empty(gains.size)
    number = 0
    for mine in range(len(gains)):
        for step in range(1, gains.shape[1]):
            if gains[mine, step] > 0.0:
                positive[number] = gains[mine, step]
                number += 1
    threshold = 0.0
    if number > room:
        threshold = _greatest_but(positive[:number], room)
    above = 0
    for at in range(number):
        if positive[at] > threshold:
            above += 1
    ties = room - above
    worth = 0.0
    for mine in range(len(gains)):
        level[mine] = 0
        share[mine] = 0.0
        for step in range(1, gains.shape[1]):
            gain = gains[mine, step]
            if gain <= 0.0:
                break
            if gain > threshold:
                level[mine] += 1
                worth += gain
            elif gain == threshold and ties > 0:
                ties -= 1
                level[mine] += 1
                worth += gain
            elif gain == threshold and left_over > 0.0:
                share[mine] = left_over
                worth += left_over * gain
                left_over = 0.0
    return threshold, worth


@part
def _greatest_but(numbers: Any, left_out: int) -> float:
    """The greatest number but so many; reorders them (Hoare 1961, "Find"). Numba's own takes ten seconds to compile."""
    low, high = 0, len(numbers) - 1
    while low < high:
        pivot = numbers[(low + high) // 2]
        left, right = low, high
        while left <= right:
            while numbers[left] > pivot:
                left += 1
            while numbers[right] < pivot:
                right -= 1
            if left <= right:
                numbers[left], numbers[right] = numbers[right], numbers[left]
                left += 1
                right -= 1
        if left_out <= right:
            high = right
        elif left_out >= left:
            low = left
        else:
            break
    return float(numbers[left_out])


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
def add_taken(picked: Any, share: float, kinds: Any, costs: Any, count: Any, spent: Any) -> None:
    """Adds that share of the entries picked to `count` and `spent` (kinds,)."""
    for at in range(len(picked)):
        entry = picked[at]
        if entry == NOWHERE:
            break
        count[kinds[entry]] += share
        if len(costs) > 0:
            spent[kinds[entry]] += share * costs[entry]

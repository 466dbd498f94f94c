"""One customer at given prices, exactly.

At prices the customers no longer compete, and each one's part is a small assignment: classes of offers (one contact
each) to channels (so many contacts each), at most `most` in all. It is solved by successive best augmenting paths
(Ahuja, Magnanti, Orlin 1993, "Network Flows", §9.7), exact for every number of contacts.

Only the best `most` classes of each channel matter: were another one chosen on a channel, one of those would be free
and at least as good.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lingque.decide.allocation.compiled import kernel, part

NOWHERE = -1


@part
def list_best(
    values: Any, kinds: Any, costs: Any, start: int, stop: int, price: Any, cost_price: Any, channel_of: Any,
    class_of: Any, most: int, weights: Any, entries: Any, classes: Any, filled: Any,
) -> None:  # fmt: skip
    """Per channel the best `most` classes with a value above their price, best first.

    Fills `weights`, `entries`, `classes` (channels, ≥ most) and `filled` (channels,). `costs` may be empty.
    """
    filled[:] = 0
    own_costs = len(costs) > 0
    for entry in range(start, stop):
        kind = kinds[entry]
        weight = values[entry] - price[kind]
        if own_costs:
            weight -= cost_price[kind] * costs[entry]
        if weight <= 0.0:
            continue
        channel = channel_of[kind]
        size = filled[channel]
        if size == most and weight <= weights[channel, most - 1]:
            continue
        its_class = class_of[kind]
        at = size
        for place in range(size):
            if classes[channel, place] == its_class:
                at = place
        if at < size:
            if weight <= weights[channel, at]:
                continue
        elif size < most:
            filled[channel] = size + 1
        else:
            at = most - 1
        while at > 0 and weights[channel, at - 1] < weight:
            weights[channel, at] = weights[channel, at - 1]
            entries[channel, at] = entries[channel, at - 1]
            classes[channel, at] = classes[channel, at - 1]
            at -= 1
        weights[channel, at] = weight
        entries[channel, at] = entry
        classes[channel, at] = its_class


@part
def best_one(weights: Any, entries: Any, filled: Any, caps: Any, picked: Any) -> float:
    """`best_set` for one contact."""
    best = 0.0
    picked[0] = NOWHERE
    for channel in range(len(filled)):
        if filled[channel] > 0 and caps[channel] > 0 and weights[channel, 0] > best:
            best = weights[channel, 0]
            picked[0] = entries[channel, 0]
    return best


@part
def best_set(
    weights: Any, entries: Any, classes: Any, filled: Any, caps: Any, most: int, picked: Any, held: Any, used: Any,
    gain: Any, place: Any, moved: Any,
) -> float:  # fmt: skip
    """The greatest sum of weights over the lists; fills `picked` (most,) with entries, then `NOWHERE`.

    Scratch: `held` (3, most) int64, the channel, place and class of what is chosen; `used`, `gain`, `place`, `moved`
    (channels,).
    """
    if most == 1:
        return float(best_one(weights, entries, filled, caps, picked))
    channels = len(filled)
    used[:] = 0
    total = 0.0
    count = 0
    while count < most:
        # gain: of one more contact, which ends on this channel; it starts with a class that has none
        for channel in range(channels):
            gain[channel] = -np.inf
            moved[channel] = NOWHERE
            if caps[channel] == 0:
                continue
            for at in range(filled[channel]):
                free = True
                for chosen in range(count):
                    if held[2, chosen] == classes[channel, at]:
                        free = False
                if free:
                    gain[channel] = weights[channel, at]
                    place[channel] = at
                    break
        # and may push what is chosen there on to another channel
        for _ in range(channels):
            changed = False
            for chosen in range(count):
                here = held[0, chosen]
                if gain[here] == -np.inf:
                    continue
                pushed = gain[here] - weights[here, held[1, chosen]]
                for channel in range(channels):
                    if channel == here or caps[channel] == 0:
                        continue
                    for at in range(filled[channel]):
                        if classes[channel, at] == held[2, chosen]:
                            better = pushed + weights[channel, at]
                            if better > gain[channel] + 1e-12 * abs(better):
                                gain[channel] = better
                                place[channel] = at
                                moved[channel] = chosen
                                changed = True
            if not changed:
                break
        end = NOWHERE
        best = 0.0
        for channel in range(channels):
            if used[channel] < caps[channel] and gain[channel] > best:
                best = gain[channel]
                end = channel
        if end == NOWHERE:
            break
        # walk back from the end: everybody on the path moves on by one
        used[end] += 1
        channel = end
        steps = 0
        while moved[channel] != NOWHERE and steps < channels:
            chosen = moved[channel]
            before = held[0, chosen]
            held[0, chosen] = channel
            held[1, chosen] = place[channel]
            channel = before
            steps += 1
        held[0, count] = channel
        held[1, count] = place[channel]
        held[2, count] = classes[channel, place[channel]]
        count += 1
        total += best
    for chosen in range(most):
        picked[chosen] = entries[held[0, chosen], held[1, chosen]] if chosen < count else NOWHERE
    return total


@part
def needs_something(
    values: Any, kinds: Any, costs: Any, start: int, stop: int, price: Any, cost_price: Any, needs: Any, customer: int,
    asked: Any, needed: Any,
) -> bool:  # fmt: skip
    """Whether an offer above its price, or one that such an offer needs, needs what the customer does not have.

    Fills `asked` (needs,), what the customer does not have, and `needed` (offers,), the offers that matter for it.
    """
    own_costs = len(costs) > 0
    needed[:] = False
    for need in range(len(asked)):
        asked[need] = len(needs.has) == 0 or not needs.has[customer, need]
    for entry in range(start, stop):
        kind = kinds[entry]
        weight = values[entry] - price[kind]
        if own_costs:
            weight -= cost_price[kind] * costs[entry]
        if weight > 0.0:
            for need in range(len(asked)):
                if asked[need] and needs.offer[need] == needs.offer_of[kind]:
                    needed[needs.needed[need]] = True
    for _ in range(len(asked)):
        for need in range(len(asked)):
            if asked[need] and needed[needs.offer[need]]:
                needed[needs.needed[need]] = True
    return bool(needed.any())


@part
def best_with_needs(
    values: Any, kinds: Any, costs: Any, start: int, stop: int, price: Any, cost_price: Any, channel_of: Any,
    class_of: Any, caps: Any, most: int, needs: Any, asked: Any, needed: Any, weights: Any, entries: Any, classes: Any,
    filled: Any, picked: Any, held: Any, used: Any, gain: Any, place: Any, moved: Any,
) -> float:  # fmt: skip
    """`best_set` where offers need others: for every set of entries of `needed` offers (they may be below their price)
    the best of what else may then be proposed, which is an assignment as without needs."""
    own_costs = len(costs) > 0
    those = np.empty(stop - start, dtype=np.int64)
    size: Any = 0
    for entry in range(start, stop):
        if needed[needs.offer_of[kinds[entry]]]:
            those[size] = entry
            size += 1
    picked[:] = NOWHERE
    set_ = np.empty(most + 1, dtype=np.int64)
    rest = np.empty(most + 1, dtype=np.int64)
    mine = price.copy()
    within = caps.copy()
    inside = np.zeros(len(needed), dtype=np.bool_)
    best = 0.0
    depth = 0
    at = 0
    anew = True
    while True:
        if anew:
            anew = False
            inside[:] = False
            within[:] = caps
            worth = 0.0
            for place_ in range(depth):
                kind = kinds[those[set_[place_]]]
                inside[needs.offer_of[kind]] = True
                within[channel_of[kind]] -= 1
                worth += values[those[set_[place_]]] - price[kind]
                if own_costs:
                    worth -= cost_price[kind] * costs[those[set_[place_]]]
            closed = True
            for need in range(len(asked)):
                if asked[need] and inside[needs.offer[need]] and not inside[needs.needed[need]]:
                    closed = False
            if closed:
                for kind in range(len(price)):
                    offer = needs.offer_of[kind]
                    shut = needed[offer]
                    for need in range(len(asked)):
                        if asked[need] and needs.offer[need] == offer and not inside[needs.needed[need]]:
                            shut = True
                    for place_ in range(depth):
                        if class_of[kinds[those[set_[place_]]]] == class_of[kind]:
                            shut = True
                    mine[kind] = np.inf if shut else price[kind]
                rest[:] = NOWHERE
                if depth < most:
                    list_best(
                        values, kinds, costs, start, stop, mine, cost_price, channel_of, class_of, most - depth,
                        weights, entries, classes, filled,
                    )  # fmt: skip
                    worth += best_set(
                        weights, entries, classes, filled, within, most - depth, rest, held, used, gain, place, moved
                    )
                if worth > best:
                    best = worth
                    for place_ in range(most):
                        picked[place_] = those[set_[place_]] if place_ < depth else rest[place_ - depth]
        if at < size and depth < most:
            kind = kinds[those[at]]
            fits = True
            on_channel = 0
            for place_ in range(depth):
                other = kinds[those[set_[place_]]]
                fits = fits and class_of[other] != class_of[kind]
                if channel_of[other] == channel_of[kind]:
                    on_channel += 1
            if fits and on_channel < caps[channel_of[kind]]:
                set_[depth] = at
                depth += 1
                anew = True
            at += 1
            continue
        if depth == 0:
            break
        depth -= 1
        at = set_[depth] + 1
    return best


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
    channels = len(caps)
    weights = np.empty((channels, widest))
    entries = np.empty((channels, widest), dtype=np.int64)
    classes = np.empty((channels, widest), dtype=np.int64)
    filled = np.zeros(channels, dtype=np.int64)
    held = np.zeros((3, widest), dtype=np.int64)
    used = np.zeros(channels, dtype=np.int64)
    gain = np.zeros(channels)
    place = np.zeros(channels, dtype=np.int64)
    moved = np.zeros(channels, dtype=np.int64)
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
                    class_of, within, its_most, needs, asked, needed, weights, entries, classes, filled,
                    picks[mine, level], held, used, gain, place, moved,
                )  # fmt: skip
            total += worths[0]
            _concave_gains(worths, gains[mine])
            continue
        list_best(
            values, kinds, costs, starts[customer], starts[customer + 1], price, cost_price, channel_of, class_of,
            its_most, weights, entries, classes, filled,
        )  # fmt: skip
        if staffed >= 0:
            within[staffed] = 0
        value = best_set(
            weights, entries, classes, filled, within, its_most, picks[mine, 0], held, used, gain, place, moved
        )
        total += value
        if staffed >= 0 and filled[staffed] > 0:
            for level in range(1, levels):
                within[staffed] = level
                better = best_set(
                    weights, entries, classes, filled, within, its_most, picks[mine, level], held, used, gain, place,
                    moved,
                )  # fmt: skip
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


@kernel
def choose_in_turn(
    values: Any, kinds: Any, costs: Any, starts: Any, most: Any, order: Any, branch_of: Any, price: Any,
    cost_price: Any, staff_prices: Any, channel_of: Any, class_of: Any, caps: Any, needs: Any, widest: int,
    staffed: int, use: Any, use_of_cost: Any, left: Any, rooms: Any, choice: Any,
) -> None:  # fmt: skip
    """Customers one after the other at the prices, nobody getting what no longer fits; takes from `left` and `rooms`.

    `left` (rows,) as ≤ of upper limits only, `rooms` (branches,); `choice` (n, widest) is filled.
    """
    channels = len(caps)
    weights = np.empty((channels, widest))
    entries = np.empty((channels, widest), dtype=np.int64)
    classes = np.empty((channels, widest), dtype=np.int64)
    filled = np.zeros(channels, dtype=np.int64)
    held = np.zeros((3, widest), dtype=np.int64)
    used = np.zeros(channels, dtype=np.int64)
    gain = np.zeros(channels)
    place = np.zeros(channels, dtype=np.int64)
    moved = np.zeros(channels, dtype=np.int64)
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
                within, most[customer], needs, asked, needed, weights, entries, classes, filled, picked, held, used,
                gain, place, moved,
            )  # fmt: skip
        else:
            list_best(
                values, kinds, costs, starts[customer], starts[customer + 1], mine, cost_price, channel_of, class_of,
                most[customer], weights, entries, classes, filled,
            )  # fmt: skip
            best_set(weights, entries, classes, filled, within, most[customer], picked, held, used, gain, place, moved)
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

"""One customer at given prices, exactly.

At prices the customers no longer compete, and each one's part is a small assignment: classes of offers (one contact
each) to channels (so many contacts each), at most `most` in all. It is solved by successive best augmenting paths
(Ahuja, Magnanti, Orlin 1993, "Network Flows", §9.7), exact for every number of contacts.

Only the best `most` classes of each channel matter: were another one chosen on a channel, one of those would be free
and at least as good.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lingque.core.hashing import Float64s, Int64s
from lingque.decide.allocation.compiled import part

NOWHERE = -1


class Workplace(NamedTuple):
    """What is made once and used for every customer. Of all entries `net` (entries,), values less prices. Per channel
    the lists of the best: `weights`, `entries`, `classes` (channels, widest), of which `filled` (channels,) are there.
    Of what is chosen `held` (3, widest): channel, place in the list, class. The rest (channels,) belongs to `best_set`.
    """

    net: Float64s
    weights: Float64s
    entries: Int64s
    classes: Int64s
    filled: Int64s
    held: Int64s
    used: Int64s
    gain: Float64s
    place: Int64s
    moved: Int64s


@part
def workplace(channels: int, widest: int, kinds: int) -> Workplace:
    """For customers of at most `widest` contacts and as many entries as there are kinds."""
    return Workplace(
        np.empty(kinds), np.empty((channels, widest)), np.empty((channels, widest), dtype=np.int64),
        np.empty((channels, widest), dtype=np.int64), np.zeros(channels, dtype=np.int64),
        np.zeros((3, widest), dtype=np.int64), np.zeros(channels, dtype=np.int64), np.zeros(channels),
        np.zeros(channels, dtype=np.int64), np.zeros(channels, dtype=np.int64),
    )  # fmt: skip


@part
def list_best(
    values: Any, kinds: Any, costs: Any, start: int, stop: int, price: Any, cost_price: Any, channel_of: Any,
    class_of: Any, most: int, work: Any,
) -> None:  # fmt: skip
    """Fills the lists: per channel the best `most` classes with a value above their price, best first. `costs` may be
    empty."""
    weights, entries, classes, filled = work.weights, work.entries, work.classes, work.filled
    filled[:] = 0
    # a loop without branches first: it runs several times as fast, and few entries are above their price
    net = work.net[: stop - start]
    for at in range(len(net)):
        net[at] = values[start + at] - price[kinds[start + at]]
    if len(costs) > 0:
        for at in range(len(net)):
            net[at] -= cost_price[kinds[start + at]] * costs[start + at]
    for entry in range(start, stop):
        weight = net[entry - start]
        if weight <= 0.0:
            continue
        kind = kinds[entry]
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
def best_one(work: Any, caps: Any, picked: Any) -> float:
    """`best_set` for one contact."""
    weights, entries, filled = work.weights, work.entries, work.filled
    best = 0.0
    picked[0] = NOWHERE
    for channel in range(len(filled)):
        if filled[channel] > 0 and caps[channel] > 0 and weights[channel, 0] > best:
            best = weights[channel, 0]
            picked[0] = entries[channel, 0]
    return best


@part
def best_set(work: Any, caps: Any, most: int, picked: Any) -> float:
    """The greatest sum of weights over the lists; fills `picked` (most,) with entries, then `NOWHERE`."""
    if most == 1:
        return float(best_one(work, caps, picked))
    weights, entries, classes, filled = work.weights, work.entries, work.classes, work.filled
    held, used, gain, place, moved = work.held, work.used, work.gain, work.place, work.moved
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
    class_of: Any, caps: Any, most: int, needs: Any, asked: Any, needed: Any, work: Any, picked: Any,
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
                        values, kinds, costs, start, stop, mine, cost_price, channel_of, class_of, most - depth, work,
                    )  # fmt: skip
                    worth += best_set(work, within, most - depth, rest)
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

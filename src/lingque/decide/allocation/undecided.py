"""Who is undecided at the prices: whom something else suits nearly as well as what they get."""

from __future__ import annotations

from typing import Any

import numpy as np

from lingque.decide.allocation.compiled import kernel, part


@kernel
def undecided(
    values: Any, kinds: Any, costs: Any, starts: Any, most: Any, choice: Any, price: Any, cost_price: Any,
    channel_of: Any, class_of: Any, caps: Any, staffed: int, branch_starts: Any, staff_prices: Any, kind_widths: Any,
    branch_width: int,
) -> Any:  # fmt: skip
    """(pairs, 2): customers and entries. Each of several lists keeps those of the least loss."""
    width = kind_widths.max()
    lists = 2 * len(price) + 2 * len(staff_prices)
    loss = np.full((lists, width), np.inf)
    whose = np.full((lists, width), np.int64(-1))
    which = np.full((lists, width), np.int64(-1))
    worst = np.zeros(lists, dtype=np.int64)
    widths = np.full(lists, min(branch_width, width))
    for kind in range(len(price)):
        widths[2 * kind : 2 * kind + 2] = kind_widths[kind]
    own_costs = len(costs) > 0
    have = np.zeros(choice.shape[1], dtype=np.int64)
    weight_of = np.zeros(choice.shape[1])
    branch = 0
    for customer in range(len(starts) - 1):
        staff_price = 0.0
        if staffed >= 0:
            while customer >= branch_starts[branch + 1]:
                branch += 1
            staff_price = staff_prices[branch]
        count = 0
        for at in range(choice.shape[1]):
            if choice[customer, at] < 0:
                break
            entry = starts[customer] + choice[customer, at]
            kind = kinds[entry]
            weight = values[entry] - price[kind]
            if own_costs:
                weight -= cost_price[kind] * costs[entry]
            if channel_of[kind] == staffed:
                weight -= staff_price
            have[count] = entry
            weight_of[count] = weight
            count += 1
        if most[customer] == 0:
            continue
        # nobody loses less than what the entry lacks; beyond the loosest of the lists that it could enter it is passed
        loosest = -np.inf
        for at in range(count):
            line = 2 * kinds[have[at]] + 1
            loosest = max(loosest, loss[line, worst[line]])
        of_branch = -np.inf
        if staffed >= 0:
            line = 2 * len(price) + 2 * branch
            of_branch = loss[line, worst[line]]
        for at in range(count):
            kind = kinds[have[at]]
            _keep(loss, whose, which, worst, widths, 2 * kind + 1, weight_of[at], customer, have[at])
            if channel_of[kind] == staffed:
                line = 2 * len(price) + 2 * branch + 1
                _keep(loss, whose, which, worst, widths, line, weight_of[at], customer, have[at])
        for entry in range(starts[customer], starts[customer + 1]):
            kind = kinds[entry]
            channel = channel_of[kind]
            weight = values[entry] - price[kind]
            if own_costs:
                weight -= cost_price[kind] * costs[entry]
            if channel == staffed:
                weight -= staff_price
            beyond = -weight >= loosest and -weight >= loss[2 * kind, worst[2 * kind]]
            if beyond and (channel != staffed or -weight >= of_branch):
                continue
            taken = False
            same_class = -1
            least_here = -1
            least = -1
            here = 0
            for at in range(count):
                if have[at] == entry:
                    taken = True
                other = kinds[have[at]]
                if class_of[other] == class_of[kind]:
                    same_class = at
                if channel_of[other] == channel:
                    here += 1
                    if least_here < 0 or weight_of[at] < weight_of[least_here]:
                        least_here = at
                if least < 0 or weight_of[at] < weight_of[least]:
                    least = at
            if taken or caps[channel] == 0:
                continue
            # what must make room: who is of the same class, somebody on a full channel, somebody where all is full
            in_place = -1
            if here >= caps[channel] and not (same_class >= 0 and channel_of[kinds[have[same_class]]] == channel):
                in_place = least_here
            if same_class < 0 and in_place < 0 and count >= most[customer]:
                in_place = least
            lost = -weight
            if same_class >= 0:
                lost += weight_of[same_class]
            if in_place >= 0 and in_place != same_class:
                lost += weight_of[in_place]
            _keep(loss, whose, which, worst, widths, 2 * kind, lost, customer, entry)
            if channel == staffed:
                _keep(loss, whose, which, worst, widths, 2 * len(price) + 2 * branch, lost, customer, entry)
            if same_class >= 0:
                line = 2 * kinds[have[same_class]] + 1
                _keep(loss, whose, which, worst, widths, line, lost, customer, entry)
            if in_place >= 0 and in_place != same_class:
                line = 2 * kinds[have[in_place]] + 1
                _keep(loss, whose, which, worst, widths, line, lost, customer, entry)
    found = 0
    for line in range(lists):
        for at in range(width):
            if whose[line, at] >= 0:
                found += 1
    pairs = np.empty((found, 2), dtype=np.int64)
    found = 0
    for line in range(lists):
        for at in range(width):
            if whose[line, at] >= 0:
                pairs[found, 0] = whose[line, at]
                pairs[found, 1] = which[line, at]
                found += 1
    return pairs


@part
def _keep(
    loss: Any, whose: Any, which: Any, worst: Any, widths: Any, line: int, lost: float, customer: int, entry: int
) -> None:
    at = worst[line]
    if lost >= loss[line, at]:
        return
    loss[line, at] = lost
    whose[line, at] = customer
    which[line, at] = entry
    for other in range(widths[line]):
        if loss[line, other] > loss[line, worst[line]]:
            worst[line] = other

"""One row's price, the others standing still: where the use of the row, which falls with its price, passes its limit.

From price to price ever fewer are asked: whoever uses as much of the row at a lower price as at a higher one uses that
at every price in between.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lingque.decide.allocation.compiled import kernel, part
from lingque.decide.allocation.for_all import at_desk, weigh
from lingque.decide.allocation.local import NOWHERE

LEAST = 1e-9
"""Of the price at which nobody uses the row: below it a price is as good as none."""


@kernel
def find_price(
    arrays: Any, concerned: Any, price: Any, cost_price: Any, use: Any, use_of_cost: Any, now: float, limit: float,
    dear: float, nearness: float,
) -> float:  # fmt: skip
    """To a relative `nearness`; 0 where the row's limit is kept without a price, or nearly `dear` where by no price.

    Of customers without staff, only those `concerned` use the row: `use` of it (kinds,) and `use_of_cost`, as ≤.
    `price` and `cost_price` (kinds,) are those of the other rows. The search starts from the price `now`.
    """
    desk = at_desk(arrays)
    active = concerned.copy()
    picks = np.empty((len(active), 1, arrays.widest), dtype=np.int64)
    gains = np.empty((len(active), 1))
    # at the nearest lower price tried, at the nearest higher one, and at this one
    below, above, here = np.empty(len(active)), np.zeros(len(active)), np.empty(len(active))
    if (use < 0).any() or (use_of_cost < 0).any():
        _use(arrays, active, price + dear * use, cost_price + dear * use_of_cost, use, use_of_cost, desk, picks, gains,
             above)  # fmt: skip
    low, high = dear * LEAST, dear
    searching = now > low
    rising = False
    if searching:
        _use(arrays, active, price + now * use, cost_price + now * use_of_cost, use, use_of_cost, desk, picks, gains,
             here)  # fmt: skip
        rising = here.sum() > limit
        if rising:
            low = now
            below[:] = here
        else:
            high = min(now, dear)
            above[:] = here
    if not rising:
        _use(arrays, active, price, cost_price, use, use_of_cost, desk, picks, gains, below)
        if below.sum() <= limit:
            return 0.0
    settled = 0.0
    factor = 1.0 + 2.0 * nearness
    number = len(active)
    while high > low * (1.0 + nearness):
        kept = 0
        for at in range(number):
            if below[at] == above[at]:
                settled += below[at]
            else:
                active[kept] = active[at]
                below[kept] = below[at]
                above[kept] = above[at]
                kept += 1
        number = kept
        probe = low * factor if rising else high / factor
        if not searching or not low < probe < high:
            searching = False
            probe = np.sqrt(low * high)
        factor *= factor
        _use(arrays, active[:number], price + probe * use, cost_price + probe * use_of_cost, use, use_of_cost, desk,
             picks, gains, here)  # fmt: skip
        if settled + here[:number].sum() > limit:
            low = probe
            below[:number] = here[:number]
            searching = searching and rising
        else:
            high = probe
            above[:number] = here[:number]
            searching = searching and not rising
    return float(np.sqrt(low * high))


@part
def _use(
    arrays: Any, those: Any, price: Any, cost_price: Any, use: Any, use_of_cost: Any, desk: Any, picks: Any, gains: Any,
    used: Any,
) -> None:  # fmt: skip
    """Fills `used` (those,) with what each uses of the row at the prices."""
    weigh(arrays, those, price, cost_price, desk, picks, gains)
    for at in range(len(those)):
        used[at] = 0.0
        for place in range(arrays.widest):
            entry = picks[at, 0, place]
            if entry == NOWHERE:
                break
            used[at] += use[arrays.kinds[entry]]
            if len(arrays.costs) > 0:
                used[at] += use_of_cost[arrays.kinds[entry]] * arrays.costs[entry]

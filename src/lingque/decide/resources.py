"""What all customers together may use: contacts of a channel, pieces and budget of an offer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lingque.core.hashing import Float64s
from lingque.decide.allocation.certificate import Certificate, LimitReport
from lingque.decide.allocation.limits import Limit
from lingque.decide.contracts import Context
from lingque.decide.menu import Menu
from lingque.decide.policies import left_of
from lingque.govern.contracts import Flags


@dataclass(frozen=True, kw_only=True)
class Resource:
    """`use` (c,) is what one contact with each candidate takes of `amount`."""

    limit: Limit
    subject: str
    use: Float64s
    amount: float

    @property
    def name(self) -> str:
        """As prices are published under."""
        return f"{self.limit.value}:{self.subject}"


def resources_of(menu: Menu, context: Context) -> tuple[Resource, ...]:
    """Whatever is limited: channels by name, then stock and budgets in the order of the offers.

    A promise counts as if it were kept: of a budget a contact takes its own cost and that of the conversion.
    """
    found: list[Resource] = []
    for channel in sorted(context.capacity.keys() & set(menu.channels)):
        use = (menu.channel_of == menu.channels.index(channel)).astype(np.float64)
        found.append(Resource(limit=Limit.CHANNEL, subject=channel, use=use, amount=max(context.capacity[channel], 0)))
    for number in _limited(menu, context):
        left, name, mine = left_of(menu, context, number), menu.names[number], menu.offer_of == number
        if left.stock is not None:
            found.append(
                Resource(limit=Limit.STOCK, subject=name, use=mine.astype(np.float64), amount=max(left.stock, 0))
            )
        if left.budget is not None:
            spent = np.where(mine, menu.contact_cost + menu.conversion_cost[number], 0).astype(np.float64)
            found.append(Resource(limit=Limit.OFFER_BUDGET, subject=name, use=spent, amount=max(left.budget, 0)))
    return tuple(found)


def _limited(menu: Menu, context: Context) -> list[int]:
    """The offers of which there is not any number, as defined or as the context says."""
    told = [menu.names.index(name) for name in context.left if name in menu.names]
    return sorted({*menu.stocked.tolist(), *menu.budgeted.tolist(), *told})


def priced(resources: Sequence[Resource], prices: Mapping[str, float], candidates: int) -> Float64s:
    """(c,) what one contact with each candidate takes of all resources, at their prices."""
    total: Float64s = np.zeros(candidates)
    for one in resources:
        total += one.use * prices.get(one.name, 0.0)
    return total


def affordable(resources: Sequence[Resource], candidates: int) -> Flags:
    """(c,) for which candidates enough of everything is left for one more contact."""
    enough: Flags = np.ones(candidates, dtype=np.bool_)
    for one in resources:
        enough &= one.use <= one.amount
    return enough


def reports_of(
    resources: Sequence[Resource], used: Sequence[float], prices: Sequence[float] | None = None
) -> tuple[LimitReport, ...]:
    """How much of each is used, and what one more of it would earn: 0, if nothing is said."""
    return tuple(
        LimitReport(limit=one.limit, subject=one.subject, amount=one.amount, used=spent, price=price)
        for one, spent, price in zip(resources, used, prices or [0.0] * len(resources), strict=True)
    )


def unlimited(worth: float, resources: Sequence[Resource], used: Sequence[float]) -> Certificate:
    """Of a choice in which everybody has their best, worth so much to those contacted, and nothing runs out."""
    return Certificate(objective=worth, bound=worth, limits=reports_of(resources, used), staff_prices=np.empty(0))

"""What holds over all customers: a row for each limit."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from lingque.core.hashing import Float64s
from lingque.core.labels import Label
from lingque.decide.allocation.menu import Menu


class Limit(StrEnum):
    """What a global row limits. `label` says it to people."""

    CHANNEL = "channel"
    STOCK = "stock"
    OFFER_BUDGET = "offer_budget"
    BUDGET = "budget"
    MINIMUM = "minimum"

    @property
    def label(self) -> Label:
        return LIMIT_LABELS[self]


LIMIT_LABELS: dict[Limit, Label] = {
    Limit.CHANNEL: Label(zh="渠道容量", en="channel capacity"),
    Limit.STOCK: Label(zh="产品库存", en="stock of the offer"),
    Limit.OFFER_BUDGET: Label(zh="产品预算", en="budget of the offer"),
    Limit.BUDGET: Label(zh="总预算", en="total budget"),
    Limit.MINIMUM: Label(zh="最低投放量", en="minimum volume"),
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """Σ use · x ≤ limit over all customers, or ≥ for a minimum. Where it `spends`, a contact uses use × its cost."""

    limit: Limit
    subject: str
    use: Float64s
    amount: float
    spends: bool = False
    shared: bool = False  # the amount is some customers' share of a limit, and may mean part of a contact

    @property
    def name(self) -> str:
        return f"{self.limit.value}:{self.subject}" if self.subject else self.limit.value

    @property
    def sign(self) -> float:
        """Times `use` and `amount` makes it a row of ≤."""
        return -1.0 if self.limit is Limit.MINIMUM else 1.0


def channel_capacity(menu: Menu, channel: str, contacts: float) -> Row:
    """At most so many contacts on the channel."""
    use = (menu.channel_of == menu.channel(channel)).astype(np.float64)
    return Row(limit=Limit.CHANNEL, subject=channel, use=use, amount=contacts)


def offer_stock(menu: Menu, offer: str, pieces: float) -> Row:
    """The offer at most so many times."""
    return Row(limit=Limit.STOCK, subject=offer, use=_of_offer(menu, offer), amount=pieces)


def minimum_volume(menu: Menu, offer: str, contacts: float) -> Row:
    """The offer at least so many times."""
    return Row(limit=Limit.MINIMUM, subject=offer, use=_of_offer(menu, offer), amount=contacts)


def offer_budget(menu: Menu, offer: str, amount: float, *, each: float | None = None) -> Row:
    """What may be spent on the offer: `each` contact with it takes so much (its benefit); its whole cost if None."""
    use = _of_offer(menu, offer)
    if each is not None:
        use = use * each
    return Row(limit=Limit.OFFER_BUDGET, subject=offer, use=use, amount=amount, spends=each is None)


def total_budget(menu: Menu, cost: float) -> Row:
    """What all contacts may cost, in the unit of the costs."""
    return Row(limit=Limit.BUDGET, subject="", use=np.ones(menu.kinds), amount=cost, spends=True)


def _of_offer(menu: Menu, offer: str) -> Float64s:
    use: Float64s = (menu.offer_of == menu.offer(offer)).astype(np.float64)
    return use

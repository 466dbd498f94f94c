"""Money that customers placed here, in term deposits and wealth products, before the morning of `as_of`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lingque.core.hashing import Int64s
from lingque.twin.asked import Asked
from lingque.twin.days import NEVER
from lingque.twin.products import (
    IS_DEPOSIT,
    PostedRate,
    payout,
    rate_on,
)

THOUSAND_YUAN = 100_000
"""In fen: what is placed is a multiple of it."""
MATURING_DAYS = 30
"""The story is about deposits that mature within so many days from `as_of`."""
LONGEST_THOUGHT = 28
"""Days until a customer has decided about money that fell due."""
LEAVES_SHARE = 0.65
"""Of the money that is not placed again, how much leaves the bank; the rest stays idle."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Placements:
    """One entry per deposit or holding, by owner and day; nobody places twice on one day."""

    owner: Int64s
    product: Int64s
    """Position in `PRODUCTS`."""
    rate: Int64s
    opened_day: Int64s
    end_day: Int64s
    """When a deposit matures or a holding was redeemed; `NEVER` for a holding that is still held."""
    amount: Int64s
    payout: Int64s
    """What comes back on that day; 0 where none does."""

    @classmethod
    def of(
        cls,
        posted: tuple[PostedRate, ...],
        *,
        owner: Int64s,
        product: Int64s,
        opened: Int64s,
        end: Int64s,
        amount: Int64s,
    ) -> Placements:
        rate = rate_on(posted, product, opened)
        ends = end < NEVER
        back = np.where(ends, payout(amount, rate, opened, np.where(ends, end, opened)), 0)
        return cls(owner=owner, product=product, rate=rate, opened_day=opened, end_day=end, amount=amount, payout=back)

    @property
    def is_deposit(self) -> NDArray[np.bool_]:
        return np.asarray(IS_DEPOSIT[self.product])

    def take(self, where: Int64s) -> Placements:
        return Placements(**{name: getattr(self, name)[where] for name in Placements.__dataclass_fields__})

    def and_also(self, others: Placements) -> Placements:
        joined = Placements(
            **{
                name: np.concatenate([getattr(self, name), getattr(others, name)])
                for name in Placements.__dataclass_fields__
            }
        )
        return joined.take(np.lexsort((joined.opened_day, joined.owner)))

    @classmethod
    def joined(cls, parts: Sequence[Placements], firsts: Sequence[int]) -> Placements:
        """Of consecutive blocks, whose first customers have these positions."""
        fields = {name: np.concatenate([getattr(one, name) for one in parts]) for name in cls.__dataclass_fields__}
        owner = np.concatenate([one.owner + first for one, first in zip(parts, firsts, strict=True)])
        return cls(**fields | {"owner": owner})

    def of_block(self, first: int, count: int) -> Placements:
        """Those of the customers from position `first` on, by their position among them."""
        here = self.take(np.flatnonzero((self.owner >= first) & (self.owner < first + count)))
        return replace(here, owner=here.owner - first)


@dataclass(frozen=True, kw_only=True, eq=False)
class Departures:
    """Money that went to another bank after a deposit had matured."""

    owner: Int64s
    day: Int64s
    amount: Int64s

    def of_block(self, first: int, count: int) -> Departures:
        """Those of the customers from position `first` on, by their position among them."""
        here = np.flatnonzero((self.owner >= first) & (self.owner < first + count))
        return Departures(owner=self.owner[here] - first, day=self.day[here], amount=self.amount[here])


@dataclass(frozen=True, kw_only=True, eq=False)
class Placed:
    """What was placed before `as_of`, and what left instead."""

    placements: Placements
    departures: Departures
    maturing: Int64s
    """By customer: position among `placements` of the deposit that matures within 30 days from `as_of`, or −1."""
    asked: Asked

    @classmethod
    def joined(cls, parts: Sequence[Placed], firsts: Sequence[int]) -> Placed:
        """Of consecutive blocks, whose first customers have these positions."""
        before = np.cumsum([0, *(len(one.placements.owner) for one in parts[:-1])]).tolist()
        maturing = [np.where(one.maturing >= 0, one.maturing + b, -1) for one, b in zip(parts, before, strict=True)]
        gone = [one.departures for one in parts]
        return cls(
            placements=Placements.joined([one.placements for one in parts], firsts),
            departures=Departures(
                owner=np.concatenate([one.owner + first for one, first in zip(gone, firsts, strict=True)]),
                day=np.concatenate([one.day for one in gone]),
                amount=np.concatenate([one.amount for one in gone]),
            ),
            maturing=np.concatenate(maturing),
            asked=Asked.joined([one.asked for one in parts], firsts),
        )

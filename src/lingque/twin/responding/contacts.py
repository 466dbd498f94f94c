"""What the bank sends, many contacts at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lingque.core.clock import END_OF_TIME
from lingque.core.hashing import Int64s
from lingque.twin.responding.catalogue import CHANNEL_NAMES, CREATIVES, OFFER_NAMES

NOT_YET = END_OF_TIME
"""The instant of what has not happened."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Contacts:
    """One entry per contact in every field, in any order."""

    customer: Int64s
    """Position in the population."""
    channel: Int64s
    """Position in `CHANNELS`."""
    offer: Int64s
    """Position in `OFFERS`."""
    creative: Int64s
    """Position in `CREATIVES`."""
    at: Int64s
    """Instant at which the bank sends it, or asks a manager to call."""

    @classmethod
    def to(
        cls, customers: Int64s | Sequence[int], *, channel: str, offer: str, at: int | Int64s, creative: str = "plain"
    ) -> Contacts:
        """One to each of these customers. An unknown channel, offer or creative raises `ValueError`."""
        customer = np.asarray(customers, dtype=np.int64)
        return cls(
            customer=customer,
            channel=np.full(len(customer), position(channel, CHANNEL_NAMES, "channel")),
            offer=np.full(len(customer), position(offer, OFFER_NAMES, "offer")),
            creative=np.full(len(customer), position(creative, CREATIVES, "creative")),
            at=np.broadcast_to(np.asarray(at, dtype=np.int64), customer.shape).copy(),
        )

    @classmethod
    def none(cls) -> Contacts:
        return cls.to([], channel=CHANNEL_NAMES[0], offer=OFFER_NAMES[0], at=0)

    def __len__(self) -> int:
        return len(self.customer)

    def take(self, where: NDArray[Any]) -> Contacts:
        return Contacts(**{name: getattr(self, name)[where] for name in Contacts.__dataclass_fields__})

    def and_then(self, later: Contacts) -> Contacts:
        return Contacts(
            **{
                name: np.concatenate([getattr(self, name), getattr(later, name)])
                for name in Contacts.__dataclass_fields__
            }
        )

    def check(self, *, customers: int, first: int, last: int) -> None:
        """A customer, channel, offer or creative that does not exist, or an instant outside `[first, last)`, raises
        `ValueError`; no customer is named."""
        for name, count in (
            ("customer", customers),
            ("channel", len(CHANNEL_NAMES)),
            ("offer", len(OFFER_NAMES)),
            ("creative", len(CREATIVES)),
        ):
            found = getattr(self, name)
            unknown = int(((found < 0) | (found >= count)).sum())
            if unknown:
                raise ValueError(f"{unknown} of the {len(self)} contacts are of no known {name}; there are {count}")
        for outside, words in (
            ((self.at < first), "before the simulated bank begins"),
            ((self.at >= last), "not before the end of what is asked"),
        ):
            if outside.any():
                raise ValueError(f"{int(outside.sum())} of the {len(self)} contacts are {words}")


def position(name: str, known: Sequence[str], what: str) -> int:
    """Where a name stands; an unknown one raises `ValueError` that lists those there are."""
    if name not in known:
        raise ValueError(f"the customers know no {what} {name!r}; there are {', '.join(known)}")
    return known.index(name)

"""What may be proposed: offers on channels, and how they stand to one another."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lingque.core.errors import AllocationError, nearest
from lingque.core.hashing import Int64s


@dataclass(frozen=True, kw_only=True)
class Menu:
    """What may be proposed. An offer on a channel is a *kind*, numbered offer by offer.

    `most_per_channel`: contacts of one customer on each channel, 1 where it is left out. `exclusive`: groups of offers
    of which a customer gets at most one; an offer is in at most one group. `needs`: pairs of offers of which the first
    is proposed only together with the second, or to who has the second (`Problem.has`).
    """

    offers: tuple[str, ...]
    channels: tuple[str, ...]
    most_per_channel: tuple[int, ...] = ()
    exclusive: tuple[tuple[str, ...], ...] = ()
    needs: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        for what, names in (("offer", self.offers), ("channel", self.channels)):
            if not names or len(set(names)) < len(names):
                raise AllocationError(
                    f"the menu needs at least one {what}, each named once", next_step=f"found: {names}"
                )
        if self.most_per_channel and len(self.most_per_channel) != len(self.channels):
            raise AllocationError(
                "most_per_channel is not as long as the channels", next_step="give one number for each"
            )
        if any(most < 0 for most in self.most_per_channel):
            raise AllocationError("a channel may make a negative number of contacts", next_step="0 closes a channel")
        grouped = [name for group in self.exclusive for name in group]
        for name in grouped:
            self.offer(name)
        if len(set(grouped)) < len(grouped):
            raise AllocationError(
                "an offer is in two groups that exclude one another", next_step="join the groups, or take it out of one"
            )
        for offer, needed in self.needs:
            if self.offer(offer) == self.offer(needed):
                raise AllocationError(f"the offer '{offer}' needs itself", next_step="leave that need out")

    def offer(self, name: str) -> int:
        """Its number."""
        return _position(name, self.offers, "offer")

    def channel(self, name: str) -> int:
        """Its number."""
        return _position(name, self.channels, "channel")

    def kind(self, offer: str, channel: str) -> int:
        """The number of an offer on a channel."""
        return self.offer(offer) * len(self.channels) + self.channel(channel)

    @property
    def kinds(self) -> int:
        return len(self.offers) * len(self.channels)

    @cached_property
    def offer_of(self) -> Int64s:
        """(kinds,)"""
        return np.repeat(np.arange(len(self.offers)), len(self.channels))

    @cached_property
    def channel_of(self) -> Int64s:
        """(kinds,)"""
        return np.tile(np.arange(len(self.channels)), len(self.offers))

    @cached_property
    def class_of(self) -> Int64s:
        """(kinds,); of the kinds of one class a customer gets at most one."""
        of_offer = np.arange(len(self.offers))
        for group in self.exclusive:
            members = [self.offer(name) for name in group]
            of_offer[members] = members[0]
        classes: Int64s = of_offer[self.offer_of]
        return classes

    @cached_property
    def need_pairs(self) -> Int64s:
        """(needs, 2): the number of the offer that needs, and of the one needed."""
        pairs = [(self.offer(offer), self.offer(needed)) for offer, needed in self.needs]
        return np.array(pairs, dtype=np.int64).reshape(len(pairs), 2)

    @cached_property
    def caps(self) -> Int64s:
        """(channels,) contacts of one customer."""
        return np.array(self.most_per_channel or [1] * len(self.channels), dtype=np.int64)


def _position(name: str, names: tuple[str, ...], what: str) -> int:
    if name not in names:
        raise AllocationError(f"the menu has no {what} '{name}'", next_step=nearest(name, names))
    return names.index(name)

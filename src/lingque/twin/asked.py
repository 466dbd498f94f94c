"""Whom the bank asked in the history when their deposits matured, and what came of it.

Every month had its campaign. Managers and head office chose by what they sensed and no file holds (`warmth`, as in
`responding.past`), and who is warm places money here again by itself: what the CRM delivers of these contacts, set
beside what core banking delivers of deposits, shows an effect that is for the most part not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lingque.core.hashing import Float64s, Int64s
from lingque.twin.blocks import Block
from lingque.twin.days import DAY, HOUR, midnight
from lingque.twin.life import history_days
from lingque.twin.responding.catalogue import CHANNEL_NAMES, OFFER_NAMES
from lingque.twin.responding.chance import uniform
from lingque.twin.responding.contacts import NOT_YET, Contacts
from lingque.twin.responding.dispositions import Dispositions
from lingque.twin.responding.hearing import hear
from lingque.twin.responding.model import HIGHEST, first_gain
from lingque.twin.responding.past import chosen_probability

PROGRAMME = (("deposit_renewal", "rm_call"), ("wealth_r2", "sms"), ("deposit_renewal", "sms"), ("wealth_r2", "rm_call"))
"""Offer and channel of a month's campaign, over and over. What persuaded customers took was of their own choice."""
BEFORE_DAYS = 5
"""So long before a deposit matures its owner was asked."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Asked:
    """The audiences of past campaigns: one entry for each deposit that matured in the history, by owner and day.

    Customers who were not chosen have no contact: `fate` is −1 and instants are `NOT_YET`.
    """

    owner: Int64s
    day: Int64s
    """On which they were, or would have been, asked."""
    campaign: Int64s
    """Month, counted from 1970-01."""
    chosen: NDArray[np.bool_]
    fate: Int64s
    """Values of `Fate`."""
    noticed_at: Int64s
    asked: Float64s
    """Probability to place the money here again, given what they noticed."""
    unasked: Float64s
    """Likewise, had nobody asked."""
    placed: NDArray[np.bool_]
    """Whether they did."""

    @property
    def offer(self) -> Int64s:
        return _OFFERS[self.campaign % len(PROGRAMME)]

    @property
    def channel(self) -> Int64s:
        return _CHANNELS[self.campaign % len(PROGRAMME)]

    @classmethod
    def joined(cls, parts: Sequence[Asked], firsts: Sequence[int]) -> Asked:
        """Of generations of deposits, or of consecutive blocks, whose first customers have these positions."""
        fields = {name: np.concatenate([getattr(one, name) for one in parts]) for name in cls.__dataclass_fields__}
        owner = np.concatenate([one.owner + first for one, first in zip(parts, firsts, strict=True)])
        joined = cls(**fields | {"owner": owner})
        order = np.lexsort((joined.day, owner))
        return cls(**{name: getattr(joined, name)[order] for name in cls.__dataclass_fields__})


_OFFERS = np.array([OFFER_NAMES.index(offer) for offer, _ in PROGRAMME])
_CHANNELS = np.array([CHANNEL_NAMES.index(channel) for _, channel in PROGRAMME])


def ask(
    block: Block, dispositions: Dispositions, *, owner: Int64s, matures: Int64s, decided: Int64s, luck: Float64s
) -> tuple[NDArray[np.bool_], Asked, Int64s]:
    """Of deposits that matured: whether their owners mean to place the money here again, what the campaigns had to do
    with it, and about which of the deposits each entry is.

    Deposits are decided about on the day `decided`, by a luck of their own; who was asked about several on one day was
    asked once.
    """
    parameters, seed = block.parameters.responding, block.parameters.seed
    first, _ = history_days(block.parameters)
    day = matures - BEFORE_DAYS
    known = np.flatnonzero(day >= first)
    order = known[np.lexsort((matures[known], day[known], owner[known]))]
    _, once = np.unique(owner[order] * 100_000 + day[order], return_index=True)
    about = order[once]
    who, on = owner[about], day[about]
    campaign = on.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    number = dispositions.number[who]
    likely = chosen_probability(parameters, dispositions.warmth[who])
    chosen = uniform(seed, "asked in the history", number, on) < likely
    offer, channel = (names[campaign % len(PROGRAMME)] for names in (_OFFERS, _CHANNELS))
    asked = np.flatnonzero(chosen)
    contacts = Contacts(
        customer=who[asked],
        channel=channel[asked],
        offer=offer[asked],
        creative=np.zeros(len(asked), dtype=np.int64),
        at=midnight(on[asked]) + 10 * HOUR,
    )
    heard = hear(contacts, dispositions, parameters=parameters, seed=seed)
    decides = midnight(decided[about[asked]]) + 12 * HOUR
    left = decides - heard.noticed_at
    noticed = (heard.noticed_at < NOT_YET) & (left > 0)
    gain = first_gain(parameters, dispositions, contacts, load=heard.load)
    gain = np.where(noticed, gain * np.exp2(-np.maximum(left, 0) / (parameters.memory_days * DAY)), 0.0)
    unasked = dispositions.stays[who]
    with_it = unasked.copy()
    with_it[asked] = np.where(noticed, np.clip(unasked[asked] + gain, 0.0, HIGHEST), unasked[asked])
    probability = dispositions.stays[owner]
    probability[about] = with_it
    stays = luck < probability

    def by(values: Int64s, otherwise: int) -> Int64s:
        every = np.full(len(about), otherwise)
        every[asked] = values
        return every

    asked_about = Asked(
        owner=who,
        day=on,
        campaign=campaign,
        chosen=chosen,
        fate=by(heard.fate, -1),
        noticed_at=by(heard.noticed_at, NOT_YET),
        asked=with_it,
        unasked=unasked,
        placed=stays[about],
    )
    return stays, asked_about, about

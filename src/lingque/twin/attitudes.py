"""How customers feel about leaving their money here, and what a contact changes in that. In no extract."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

import numpy as np

from lingque.core.hashing import Float64s, Int64s
from lingque.twin.blocks import Block
from lingque.twin.population import Population

Channel = Literal["email", "sms", "rm_call"]
Offer = Literal["deposit_renewal", "wealth_r2"]
CHANNELS: tuple[Channel, ...] = ("email", "sms", "rm_call")
OFFERS: tuple[Offer, ...] = ("deposit_renewal", "wealth_r2")

_AGAIN = 0.3
"""How much of its own effect the second contact still has, the third has that much of the second's."""
_FATIGUE = 0.04
"""What each contact after the first costs the most easily annoyed."""
_HIGHEST = 0.97


class Kind(IntEnum):
    """What contacts do to a customer: something, nothing because all is decided, or harm."""

    PERSUADABLE = 0
    SURE_THING = 1
    LOST_CAUSE = 2
    SLEEPING_DOG = 3


@dataclass(frozen=True, kw_only=True, eq=False)
class Attitudes:
    """One entry per customer in every field: what holds when money of theirs falls due."""

    kind: Int64s
    """Values of `Kind`."""
    stays: Float64s
    """Probability to place it here again without being asked."""
    gain: Float64s
    """What one contact adds, by customer, channel and offer (positions in `CHANNELS`, `OFFERS`)."""
    fatigue: Float64s
    """What each contact after the first takes away again."""
    takes_wealth: Float64s
    """Of those who place it unasked: probability to choose a wealth product."""

    @classmethod
    def make(cls, block: Block, population: Population, *, managed: Int64s) -> Attitudes:
        n = block.customers
        loyalty, price = population.loyalty, population.price_sensitivity
        draws = block.stream("kind").random((2, n))
        kind = np.full(n, Kind.PERSUADABLE, dtype=np.int64)
        kind[draws[1] < block.parameters.lost_cause_share * 2 * price] = Kind.LOST_CAUSE
        kind[draws[0] < block.parameters.sure_thing_share * 2 * loyalty] = Kind.SURE_THING
        kind[population.annoyance >= 1 - block.parameters.sleeping_dog_share] = Kind.SLEEPING_DOG

        has_manager = np.isin(np.arange(n), managed)
        open_minded = np.clip(0.54 + 0.5 * (loyalty - 0.5) - 0.3 * (price - 0.5) + 0.05 * has_manager, 0.2, 0.9)
        by_kind = np.stack([open_minded, np.full(n, 0.93), np.full(n, 0.05), 0.60 + 0.2 * loyalty])
        stays = by_kind[kind, np.arange(n)]
        return cls(
            kind=kind,
            stays=stays,
            gain=_gains(block, population, kind=kind, stays=stays),
            fatigue=np.where(kind == Kind.PERSUADABLE, _FATIGUE * population.annoyance, 0.0),
            takes_wealth=0.05 + 0.5 * population.risk_attitude,
        )

    def after(self, customer: Int64s, channel: Int64s, offer: Int64s, *, pull: Float64s) -> Float64s:
        """Everybody's probability to place money here after these contacts (one entry per contact).

        `pull` scales what stands to be decided: 1 where money falls due, next to nothing where none does.
        The contact that does most counts in full, the next ones ever less.
        """
        gain = self.gain[customer, channel, offer]
        order = np.lexsort((-np.abs(gain), customer))
        who, gain = customer[order], gain[order]
        nth = np.arange(len(who)) - np.searchsorted(who, who)
        added = np.zeros(len(pull))
        np.add.at(added, who, gain * _AGAIN**nth - np.where(nth > 0, self.fatigue[who], 0.0))
        touched = np.bincount(customer, minlength=len(pull)) > 0
        probability = pull * np.where(touched, np.clip(self.stays + added, 0.0, _HIGHEST), self.stays)
        return np.asarray(probability, dtype=np.float64)


def _gains(block: Block, population: Population, *, kind: Int64s, stays: Float64s) -> Float64s:
    """Every factor is about 1 on average, so that the parameters are the averages they promise."""
    strength = np.array((block.parameters.email_effect, block.parameters.sms_effect, block.parameters.call_effect))
    habit = np.stack(
        [0.4 + 1.4 * population.digital, 1.2 - 0.45 * population.digital, 0.7 + 0.6 * population.means], axis=1
    )
    liking = np.stack([0.6 + 0.8 * population.price_sensitivity, 0.4 + 1.2 * population.risk_attitude], axis=1)
    patience = 1.3 - 0.6 * population.annoyance
    gain = (strength * habit * patience[:, None])[:, :, None] * liking[:, None, :]
    harm = block.parameters.sleeping_dog_harm * np.array((0.5, 0.7, 1.0))
    gain = np.where((kind == Kind.SLEEPING_DOG)[:, None, None], -stays[:, None, None] * harm[None, :, None], gain)
    settled = (kind == Kind.SURE_THING) | (kind == Kind.LOST_CAUSE)
    gain[settled] = 0.0
    return np.asarray(gain, dtype=np.float64)

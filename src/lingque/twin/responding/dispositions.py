"""What customers are like when the bank has something to say. In no extract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from lingque.core.hashing import Float64s, Int64s
from lingque.twin.population import ADULT, OCCUPATIONS, Population
from lingque.twin.responding.catalogue import CHANNEL_NAMES, CHANNELS, OFFERS
from lingque.twin.responding.chance import uniform
from lingque.twin.responding.parameters import ResponseParameters

_STUDENT = OCCUPATIONS.index("student")
_OLDEST_BORROWER = 65
_IS_LOAN = np.array([one.family == "loan" for one in OFFERS])


class Kind(IntEnum):
    """What contacts do to a customer: something, nothing because all is decided, or harm."""

    PERSUADABLE = 0
    SURE_THING = 1
    LOST_CAUSE = 2
    SLEEPING_DOG = 3


@dataclass(frozen=True, kw_only=True, eq=False)
class Dispositions:
    """One entry per customer in every field."""

    number: Int64s
    """Of the customer in the whole bank: what chance is looked up by."""
    branch: Int64s
    """Whose managers call."""
    kind: Int64s
    """Values of `Kind`."""
    warmth: Float64s
    """In [0, 1], by lot: what relationship managers sense and no file holds."""
    stays: Float64s
    """Probability to buy here without being asked, where money is here and something must be done with it."""
    gain: Float64s
    """What one contact that is noticed adds to it, shortly before the decision: by customer, channel and offer."""
    fatigue: Float64s
    """What it takes away again, for each call right before it."""
    takes_wealth: Float64s
    """Of those who place money unasked: probability to choose a wealth product."""
    attention: Float64s
    """Probability to take notice of what is delivered by day: by customer and channel."""
    touchiness: Float64s
    """How much more readily than the average a customer opts out and complains."""
    may: NDArray[np.bool_]
    """By customer and offer: children may buy nothing; students and those of 65 and more take no loan."""
    means: Float64s
    wordings: Float64s
    """How much more than the average one a creative does: by customer and creative."""

    @classmethod
    def joined(cls, parts: Sequence[Dispositions]) -> Dispositions:
        """Of consecutive blocks."""
        return cls(**{name: np.concatenate([getattr(one, name) for one in parts]) for name in cls.__dataclass_fields__})

    @classmethod
    def make(
        cls, parameters: ResponseParameters, population: Population, *, seed: int, managed: Int64s, first: int = 0
    ) -> Dispositions:
        """Of a block of customers whose first is number `first` of the bank. `managed`: positions in the block of those
        who have a relationship manager."""
        n = len(population.age)
        number = np.arange(first, first + n)
        loyalty, price = population.loyalty, population.price_sensitivity
        kind = np.full(n, Kind.PERSUADABLE, dtype=np.int64)
        kind[uniform(seed, "lost cause", number) < parameters.lost_cause_share * 2 * price] = Kind.LOST_CAUSE
        kind[uniform(seed, "sure thing", number) < parameters.sure_thing_share * 2 * loyalty] = Kind.SURE_THING
        kind[population.annoyance >= 1 - parameters.sleeping_dog_share] = Kind.SLEEPING_DOG

        warmth = uniform(seed, "warmth", number)
        has_manager = np.isin(np.arange(n), managed)
        taste = 0.5 * (loyalty - 0.5) - 0.3 * (price - 0.5) + 0.05 * has_manager
        open_minded = np.clip(0.54 + taste + parameters.warmth_effect * (warmth - 0.5), 0.1, 0.9)
        by_kind = np.stack([open_minded, np.full(n, 0.93), np.full(n, 0.05), 0.60 + 0.2 * loyalty])
        stays = by_kind[kind, np.arange(n)]
        adult = population.age >= ADULT
        borrows = adult & (population.occupation != _STUDENT) & (population.age < _OLDEST_BORROWER)
        return cls(
            number=number,
            branch=population.branch,
            kind=kind,
            warmth=warmth,
            stays=stays,
            gain=_gains(parameters, population, kind=kind, stays=stays),
            fatigue=np.where(kind == Kind.PERSUADABLE, parameters.fatigue_cost * population.annoyance, 0.0),
            takes_wealth=0.05 + 0.5 * population.risk_attitude,
            attention=_attention(population),
            touchiness=3 * population.annoyance**2,
            may=np.where(_IS_LOAN, borrows[:, None], adult[:, None]),
            means=population.means,
            wordings=np.stack([np.ones(n), 0.7 + 0.6 * price, 0.7 + 0.6 * loyalty], axis=1),
        )


def _attention(population: Population) -> Float64s:
    average = np.array([one.attention for one in CHANNELS])
    attention: Float64s = np.clip(population.channel_habit * average, 0.02, 0.95)
    return attention


def _gains(parameters: ResponseParameters, population: Population, *, kind: Int64s, stays: Float64s) -> Float64s:
    """Every factor is about 1 on average, so that the parameters are the averages they promise."""
    strength = np.array([getattr(parameters, f"{name}_effect") for name in CHANNEL_NAMES])
    noticed = np.array([one.attention for one in CHANNELS])
    liking = np.stack([1 + one.liking * (getattr(population, one.liked_by) - 0.5) for one in OFFERS], axis=1)
    patience = 1.3 - 0.6 * population.annoyance
    gain = (patience[:, None] * (strength / noticed))[:, :, None] * liking[:, None, :]
    harm = parameters.sleeping_dog_harm * np.array([one.harm for one in CHANNELS]) / noticed
    harmed = np.broadcast_to(-(stays[:, None] * harm)[:, :, None], gain.shape)
    gain = np.where((kind == Kind.SLEEPING_DOG)[:, None, None], harmed, gain)
    gain[(kind == Kind.SURE_THING) | (kind == Kind.LOST_CAUSE)] = 0.0
    return np.asarray(gain, dtype=np.float64)

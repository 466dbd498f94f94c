"""What customers do in the mobile app; somebody who will have to decide looks around before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lingque.core.hashing import Int64s
from lingque.twin.days import day_number
from lingque.twin.parameters import TwinParameters
from lingque.twin.placements import Placed
from lingque.twin.population import ADULT, Population
from lingque.twin.responding.dispositions import Dispositions

EVENTS = ("login", "view_account", "view_deposit_rates", "view_wealth", "transfer")
SESSION_DAYS = 90

_LOGIN, _RATES, _WEALTH = map(EVENTS.index, ("login", "view_deposit_rates", "view_wealth"))
_SESSIONS_OF_THE_KEENEST = 8
_LOOKS_BEFORE = 30
_IN_A_SESSION = 240
"""Seconds between the login and the last thing done, at most."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sessions:
    """Events of the last 90 days before `as_of`, in the order in which they happened."""

    customer: Int64s
    second: Int64s
    """Local time, in seconds since 1970-01-01 00:00."""
    event: Int64s
    """Position in `EVENTS`."""

    @classmethod
    def make(
        cls, parameters: TwinParameters, population: Population, dispositions: Dispositions, placed: Placed
    ) -> Sessions:
        random = parameters.stream("sessions")
        n = parameters.customers
        today = day_number(parameters.as_of)
        rate = _SESSIONS_OF_THE_KEENEST * population.digital**2 * (population.age >= ADULT)
        usual = np.repeat(np.arange(n), random.poisson(rate))
        day = today - random.integers(1, SESSION_DAYS + 1, len(usual))

        # before money falls due: the price sensitive compare rates, those who like risk look at wealth products
        due = np.flatnonzero((placed.maturing >= 0) & (population.digital > 0.15))
        interest = np.stack([population.price_sensitivity[due], dispositions.takes_wealth[due] * 1.5], axis=1)
        looks = random.poisson(1.2 * interest)
        looking = np.concatenate([np.repeat(due, looks[:, 0]), np.repeat(due, looks[:, 1])])
        looked_at = np.repeat([_RATES, _WEALTH], looks.sum(axis=0))
        looking_day = today - random.integers(1, _LOOKS_BEFORE + 1, len(looking))

        customer = np.concatenate([usual, looking])
        start = np.concatenate([day, looking_day])
        start = start * 86_400 + np.clip(random.normal(15, 4, len(customer)) * 3600, 0, 86_000).astype(np.int64)
        done = np.concatenate([random.choice(len(EVENTS) - 1, len(usual), p=(0.6, 0.08, 0.07, 0.25)) + 1, looked_at])
        later = start + random.integers(5, _IN_A_SESSION, len(customer))
        who, second = np.concatenate([customer, customer]), np.concatenate([start, later])
        event = np.concatenate([np.full(len(customer), _LOGIN), done])
        kept = second >= (population.opened_day[who] + 1) * 86_400
        order = np.flatnonzero(kept)[np.lexsort((event[kept], who[kept], second[kept]))]
        return cls(customer=who[order], second=second[order], event=event[order])

"""What customers look at in the mobile app and on the web; somebody who needs something looks around before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lingque.core.hashing import Float64s, Int64s
from lingque.twin.blocks import Block
from lingque.twin.days import day_number, months_later
from lingque.twin.needs import NEED_KINDS, Needs
from lingque.twin.population import ADULT, CHURN_DAYS, Population

EVENTS = (
    "login",
    "view_account",
    "view_deposit_rates",
    "view_wealth",
    "transfer",
    "view_loans",
    "view_cards",
    "view_exchange_rates",
    "view_pension",
)
LOOKS_BEFORE = 30
"""Days before a need begins from which on somebody looks around."""

_LOGIN = EVENTS.index("login")
_SESSIONS_OF_THE_KEENEST = 2.7
"""A month."""
_DIGITAL_ENOUGH = 0.15
_LOOKS = 1.2
_IN_A_SESSION = 240
"""Seconds between the login and the last thing done, at most."""
_LOOKED_AT = {
    "deposit_maturity": "view_deposit_rates",
    "idle_money": "view_wealth",
    "renovation": "view_loans",
    "car": "view_loans",
    "home": "view_loans",
    "education": "view_cards",
    "travel": "view_exchange_rates",
    "medical": "view_account",
    "retirement": "view_pension",
    "cash_need": "view_loans",
    "moving_money_away": "transfer",
    "salary_start": "view_account",
}
_AT = np.array([EVENTS.index(_LOOKED_AT[kind]) for kind in NEED_KINDS])


@dataclass(frozen=True, kw_only=True, eq=False)
class Sessions:
    """What was done in the last `log_months` before `as_of`, in the order in which it happened."""

    customer: Int64s
    second: Int64s
    """Local time, in seconds since 1970-01-01 00:00."""
    event: Int64s
    """Position in `EVENTS`."""

    @classmethod
    def make(cls, block: Block, population: Population, needs: Needs, *, place: str) -> Sessions:
        """In the `app`, where every visit begins with a login, or on the `web`, where nobody needs one."""
        random = block.stream(f"sessions: {place}")
        today = day_number(block.parameters.as_of)
        first = log_start(block)
        months = (today - first) * 12 / 365
        keen = _SESSIONS_OF_THE_KEENEST if place == "app" else _SESSIONS_OF_THE_KEENEST / 4
        usual = np.repeat(
            np.arange(block.customers),
            random.poisson(keen * months * population.digital**2 * (population.age >= ADULT)),
        )
        usual_day = random.integers(first, today, len(usual))
        gone = np.searchsorted(CHURN_DAYS, usual_day - population.churn_day[usual], side="right") >= 2
        usual, usual_day = usual[~gone], usual_day[~gone]

        looking, looking_day, looked_at = _looks(random, population, needs)
        customer = np.concatenate([usual, looking])
        start = np.concatenate([usual_day, looking_day]) * 86_400
        start = start + np.clip(random.normal(15, 4, len(customer)) * 3600, 0, 86_000).astype(np.int64)
        done = np.concatenate([_usual_things(random.random(len(usual))), looked_at])
        later = start + random.integers(5, _IN_A_SESSION, len(customer))
        who, second, event = customer, later, done
        if place == "app":
            who, second = np.concatenate([customer, customer]), np.concatenate([start, later])
            event = np.concatenate([np.full(len(customer), _LOGIN), done])
        after = np.maximum((population.opened_day[who] + 1), first) * 86_400
        kept = np.flatnonzero((second >= after) & (second < today * 86_400))
        order = kept[np.lexsort((event[kept], who[kept], second[kept]))]
        return cls(customer=who[order], second=second[order], event=event[order])


def log_start(block: Block) -> int:
    """The first day of logs."""
    today = np.array([day_number(block.parameters.as_of)])
    months = min(block.parameters.log_months, block.parameters.months)
    return int(months_later(today, np.array([-months]))[0])


def _usual_things(chance: Float64s) -> Int64s:
    """Mostly the account and transfers; now and then rates and products."""
    return np.searchsorted((0.6, 0.68, 0.75), chance, side="right").astype(np.int64) + 1


def _looks(random: np.random.Generator, population: Population, needs: Needs) -> tuple[Int64s, Int64s, Int64s]:
    """Before needs: customer, day and what was looked at. Who compares prices looks longer."""
    digital = population.digital[needs.customer]
    interest = _LOOKS * (0.5 + population.price_sensitivity[needs.customer]) * (digital > _DIGITAL_ENOUGH)
    count = random.poisson(interest)
    need = np.repeat(np.arange(len(needs.customer)), count)
    day = needs.begins_day[need] - random.integers(0, LOOKS_BEFORE, len(need))
    return needs.customer[need], day, _AT[needs.kind[need]]

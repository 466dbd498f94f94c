"""Credit cards: what is bought with them, and what is owed at the end of each month."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lingque.core.hashing import Int64s
from lingque.twin.accounts import number_of
from lingque.twin.blocks import Block
from lingque.twin.days import months_later
from lingque.twin.life import history_days
from lingque.twin.population import ADULT, RETIRED, Population
from lingque.twin.seasons import day_weights, drawn_days

CARD_CATEGORIES = ("groceries", "dining", "online_shopping", "clothing", "electronics", "entertainment", "travel")
_SHARES = (0.2, 0.25, 0.25, 0.1, 0.04, 0.08, 0.08)
_TO_INCOME = np.array((0.02, 0.02, 0.03, 0.06, 0.25, 0.03, 0.15))
_PAID_AFTER_DAYS = 20
"""From the end of a month until what was bought in it is taken from the main account."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Cards:
    """One entry per credit card; at most one for a customer."""

    owner: Int64s
    card_no: tuple[str, ...]
    opened_day: Int64s
    limit: Int64s

    @classmethod
    def make(cls, block: Block, population: Population) -> Cards:
        able = (population.age >= ADULT + 2) & (population.age < RETIRED + 10)
        share = block.parameters.card_share * (0.5 + population.digital)
        owner = np.flatnonzero(able & (block.stream("credit card").random(block.customers) < share))
        _, today = history_days(block.parameters)
        opened = block.stream("credit card opened").integers(population.opened_day[owner], today)
        return cls(
            owner=owner,
            card_no=tuple(number_of("6250", number, digits=11) for number in (block.first + owner + 1).tolist()),
            opened_day=opened,
            limit=(population.income[owner] * 3 // 100_000 + 1) * 100_000,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class CardPurchases:
    """By day and card."""

    card: Int64s
    """Position among `Cards`."""
    day: Int64s
    category: Int64s
    """Position in `CARD_CATEGORIES`."""
    amount: Int64s

    @classmethod
    def make(cls, block: Block, population: Population, cards: Cards, first: int, after: int) -> CardPurchases:
        random = block.stream(f"card purchases from {first}")
        months = (after - first) * 12 / 365
        rate = block.parameters.card_purchases_per_month * months
        card = np.repeat(np.arange(len(cards.owner)), random.poisson(rate, len(cards.owner)))
        category = random.choice(len(CARD_CATEGORIES), len(card), p=_SHARES)
        day = np.empty(len(card), dtype=np.int64)
        for number, name in enumerate(CARD_CATEGORIES):
            where = np.flatnonzero(category == number)
            day[where] = drawn_days(day_weights(name, first, after), first, random.random(len(where)))
        owner = cards.owner[card]
        amount = population.income[owner] * _TO_INCOME[category] * random.lognormal(0.0, 0.6, len(card))
        amount = np.minimum(np.rint(amount).astype(np.int64), cards.limit[card] // 4)
        kept = np.flatnonzero((day >= cards.opened_day[card]) & (day < population.churn_day[owner]) & (amount > 0))
        order = kept[np.lexsort((kept, card[kept], day[kept]))]
        return cls(card=card[order], day=day[order], category=category[order], amount=amount[order])

    def statements(self) -> tuple[Int64s, Int64s, Int64s]:
        """Card, day and sum of what is to be paid for each month in which something was bought."""
        month = self.day.astype("datetime64[D]").astype("datetime64[M]")
        key = self.card * 100_000 + month.astype(np.int64)
        found, place = np.unique(key, return_inverse=True)
        owed = np.zeros(len(found), dtype=np.int64)
        np.add.at(owed, place, self.amount)
        first = (found % 100_000).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
        return found // 100_000, months_later(first, np.ones(len(found), np.int64)) + _PAID_AFTER_DAYS - 1, owed

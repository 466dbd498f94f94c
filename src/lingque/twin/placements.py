"""Money that customers placed here, in term deposits and wealth products, before the morning of `as_of`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lingque.core.hashing import Float64s, Int64s
from lingque.twin.asked import Asked, ask
from lingque.twin.assessments import grades
from lingque.twin.blocks import Block
from lingque.twin.days import NEVER, day_number, months_later
from lingque.twin.plans import MonthlyPurchases
from lingque.twin.population import ADULT, Population
from lingque.twin.products import (
    BY_RISK_GRADE,
    BY_TERM,
    IS_DEPOSIT,
    MONTHS,
    PostedRate,
    payout,
    rate_on,
)
from lingque.twin.responding.dispositions import Dispositions

THOUSAND_YUAN = 100_000
"""In fen: what is placed is a multiple of it."""
MATURING_DAYS = 30
"""The story is about deposits that mature within so many days from `as_of`."""
LONGEST_THOUGHT = 28
"""Days until a customer has decided about money that fell due."""
LEAVES_SHARE = 0.65
"""Of the money that is not placed again, how much leaves the bank; the rest stays idle."""

_TERMS, _TERM_SHARES = (3, 6, 12, 24, 36), (0.2, 0.3, 0.35, 0.1, 0.05)
_YEARS = 3
_MEAN_DAYS_IN_WEALTH = 300


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

    @classmethod
    def make(
        cls,
        block: Block,
        population: Population,
        dispositions: Dispositions,
        posted: tuple[PostedRate, ...],
    ) -> Placed:
        today = day_number(block.parameters.as_of)
        focus = _maturing(block, population, posted)
        before = _predecessors(block, population, dispositions, focus, posted)
        fresh = _fresh_deposits(block, population, posted)
        wealth = _fresh_wealth(block, population, posted)
        due = fresh
        kept = [focus, before, fresh, wealth]
        gone: list[Departures] = []
        asked: list[Asked] = []
        generation = 0
        while len(due.owner) or not asked:
            generation += 1
            due, left, of_these = _again(block, population, dispositions, due, posted, generation=generation)
            kept.append(due)
            gone.append(left)
            asked.append(of_these)
        # last: of two on one day the plan's is left out
        kept.append(_by_plan(block, population, posted))
        every = kept[0]
        for one in kept[1:]:
            every = every.and_also(one)
        # what the story is about comes first where two would be placed on one day
        matters = (every.end_day >= today) & (every.end_day < today + MATURING_DAYS)
        order = np.lexsort((~matters, every.opened_day, every.owner))
        keys = every.owner[order] * NEVER + every.opened_day[order]
        every = every.take(order[np.unique(keys, return_index=True)[1]])
        matters = (every.end_day >= today) & (every.end_day < today + MATURING_DAYS)
        maturing = np.full(block.customers, -1)
        maturing[every.owner[matters]] = np.flatnonzero(matters)
        return cls(
            placements=every,
            departures=Departures(
                owner=np.concatenate([one.owner for one in gone]),
                day=np.concatenate([one.day for one in gone]),
                amount=np.concatenate([one.amount for one in gone]),
            ),
            maturing=maturing,
            asked=Asked.joined(asked, [0] * len(asked)),
        )


def whole_thousands(amount: NDArray[Any]) -> Int64s:
    """Cut to whole thousands of yuan, at least one."""
    thousands: Int64s = np.maximum(amount.astype(np.int64) // THOUSAND_YUAN, 1) * THOUSAND_YUAN
    return thousands


def unasked_product(
    dispositions: Dispositions, population: Population, owner: Int64s, *, taste: Float64s, term: Int64s
) -> Int64s:
    """What owners choose for themselves: a wealth product of their grade (R3 at most), or a deposit of the term."""
    wealth = taste < dispositions.takes_wealth[owner]
    by_grade = np.array([BY_RISK_GRADE[grade] for grade in range(1, 6)])
    grade = np.minimum(grades(population)[owner], 3)
    return np.where(wealth, by_grade[grade - 1], _product_of(term))


def _product_of(term: Int64s) -> Int64s:
    products = np.zeros(max(BY_TERM) + 1, dtype=np.int64)
    products[list(BY_TERM)] = list(BY_TERM.values())
    found: Int64s = products[term]
    return found


def _amounts(block: Block, population: Population, owner: Int64s, subject: str) -> Int64s:
    swing = block.stream(subject).uniform(0.5, 1.6, len(owner))
    return whole_thousands(100 * block.parameters.median_deposit * population.wealth[owner] ** 0.7 * swing)


def _earliest(population: Population) -> Int64s:
    """The first day on which each customer could place money: with an account, and of age."""
    of_age = months_later(population.birth_day, np.full(len(population.birth_day), 12 * ADULT))
    return np.maximum(population.opened_day + 1, of_age)


def _maturing(block: Block, population: Population, posted: tuple[PostedRate, ...]) -> Placements:
    """At most one for a customer, so that what becomes of it is one decision."""
    n = block.customers
    today = day_number(block.parameters.as_of)
    random = block.stream("maturing")
    term = random.choice(_TERMS, n, p=_TERM_SHARES)
    opened = months_later(today + random.integers(0, MATURING_DAYS, n), -term)
    matures = months_later(opened, term)  # a day earlier where the month of the opening was shorter
    possible = (opened >= _earliest(population)) & (opened < today) & (matures >= today)
    weight = possible * population.means
    share = block.parameters.maturing_share * n * weight / max(float(weight.sum()), 1e-9)
    owner = np.flatnonzero(random.random(n) < share)
    return Placements.of(
        posted,
        owner=owner,
        product=_product_of(term[owner]),
        opened=opened[owner],
        end=matures[owner],
        amount=_amounts(block, population, owner, "maturing amount"),
    )


def _predecessors(
    block: Block,
    population: Population,
    dispositions: Dispositions,
    focus: Placements,
    posted: tuple[PostedRate, ...],
) -> Placements:
    """The deposits whose money the maturing ones were made from: the likelier, the likelier their owner stays."""
    random = block.stream("predecessors")
    count = len(focus.owner)
    term = random.choice(_TERMS, count, p=_TERM_SHARES)
    opened = months_later(focus.opened_day - random.integers(0, 15, count), -term)
    possible = (opened >= _earliest(population)[focus.owner]) & (random.random(count) < dispositions.stays[focus.owner])
    where = np.flatnonzero(possible)
    return Placements.of(
        posted,
        owner=focus.owner[where],
        product=_product_of(term[where]),
        opened=opened[where],
        end=months_later(opened[where], term[where]),
        amount=whole_thousands(focus.amount[where] * 0.95),
    )


def _fresh_deposits(block: Block, population: Population, posted: tuple[PostedRate, ...]) -> Placements:
    """Of three years, from money that was not here before; none of them matures within the 30 days."""
    random = block.stream("deposits")
    today = day_number(block.parameters.as_of)
    rate = block.parameters.deposits_per_customer * 2 * population.means * (population.age >= ADULT)
    owner = np.repeat(np.arange(block.customers), random.poisson(rate))
    opened = today - random.integers(1, _YEARS * 365, len(owner))
    term = random.choice(_TERMS, len(owner), p=_TERM_SHARES)
    amount = _amounts(block, population, owner, "deposit amount")
    matures = months_later(opened, term)
    in_story = (matures >= today) & (matures < today + MATURING_DAYS)
    where = np.flatnonzero((opened >= _earliest(population)[owner]) & ~in_story)
    return Placements.of(
        posted,
        owner=owner[where],
        product=_product_of(term[where]),
        opened=opened[where],
        end=matures[where],
        amount=amount[where],
    )


def _fresh_wealth(block: Block, population: Population, posted: tuple[PostedRate, ...]) -> Placements:
    random = block.stream("wealth products")
    today = day_number(block.parameters.as_of)
    adult = (population.age >= ADULT) * (population.occupation != 0)
    rate = block.parameters.wealth_per_customer * 4 * population.means * population.risk_attitude * adult
    owner = np.repeat(np.arange(block.customers), random.poisson(rate))
    count = len(owner)
    opened = today - random.integers(1, _YEARS * 365, count)
    by_grade = np.array([BY_RISK_GRADE[grade] for grade in range(1, 6)])
    product = by_grade[random.integers(0, grades(population)[owner])]
    amount = _amounts(block, population, owner, "wealth amount")
    end = _redemption(random.exponential(_MEAN_DAYS_IN_WEALTH, count), opened=opened, today=today)
    where = np.flatnonzero(opened >= _earliest(population)[owner])
    return Placements.of(
        posted,
        owner=owner[where],
        product=product[where],
        opened=opened[where],
        end=end[where],
        amount=amount[where],
    )


def _by_plan(block: Block, population: Population, posted: tuple[PostedRate, ...]) -> Placements:
    bought = MonthlyPurchases.make(block, population)
    where = np.flatnonzero(bought.day >= _earliest(population)[bought.owner])
    held = block.stream("monthly purchases held").exponential(_MEAN_DAYS_IN_WEALTH, len(bought.owner))
    today = day_number(block.parameters.as_of)
    return Placements.of(
        posted,
        owner=bought.owner[where],
        product=bought.product[where],
        opened=bought.day[where],
        end=_redemption(held, opened=bought.day, today=today)[where],
        amount=bought.amount[where],
    )


def _redemption(days_held: Float64s, *, opened: Int64s, today: int) -> Int64s:
    end = opened + 30 + days_held.astype(np.int64)
    return np.where(end < today, end, NEVER)


def _again(
    block: Block,
    population: Population,
    dispositions: Dispositions,
    due: Placements,
    posted: tuple[PostedRate, ...],
    *,
    generation: int,
) -> tuple[Placements, Departures, Asked]:
    """What became of deposits that matured before `as_of`: placed again, gone to another bank, or left idle."""
    today = day_number(block.parameters.as_of)
    due = due.take(np.flatnonzero(due.is_deposit & (due.end_day < today)))
    random = block.stream(f"again {generation}")
    count = len(due.owner)
    decided = np.minimum(due.end_day + random.integers(0, LONGEST_THOUGHT + 1, count), today - 1)
    stays, asked, about = ask(
        block, dispositions, owner=due.owner, matures=due.end_day, decided=decided, luck=random.random(count)
    )
    leaves = ~stays & (random.random(count) < LEAVES_SHARE)
    term = random.choice(_TERMS, count, p=_TERM_SHARES)
    product = unasked_product(dispositions, population, due.owner, taste=random.random(count), term=term)
    amount = whole_thousands(due.payout * random.uniform(0.85, 1.0, count))
    held = random.exponential(_MEAN_DAYS_IN_WEALTH, count)
    deposit = IS_DEPOSIT[product]
    end = np.where(deposit, months_later(decided, MONTHS[product]), _redemption(held, opened=decided, today=today))
    in_story = deposit & (end >= today) & (end < today + MATURING_DAYS)
    where, left = np.flatnonzero(stays & ~in_story), np.flatnonzero(leaves)
    asked = replace(asked, placed=(stays & ~in_story)[about])
    again = Placements.of(
        posted,
        owner=due.owner[where],
        product=product[where],
        opened=decided[where],
        end=end[where],
        amount=amount[where],
    )
    return again, Departures(owner=due.owner[left], day=decided[left], amount=due.payout[left]), asked

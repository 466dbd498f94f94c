"""How money came to be placed here before `as_of`, and why some of it is gone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lingque.core.hashing import Float64s, Int64s
from lingque.twin.asked import Asked, ask
from lingque.twin.assessments import grades
from lingque.twin.blocks import Block
from lingque.twin.days import NEVER, day_number, months_later
from lingque.twin.placements import (
    LEAVES_SHARE,
    LONGEST_THOUGHT,
    MATURING_DAYS,
    THOUSAND_YUAN,
    Departures,
    Placed,
    Placements,
)
from lingque.twin.plans import MonthlyPurchases
from lingque.twin.population import ADULT, Population
from lingque.twin.products import BY_RISK_GRADE, BY_TERM, IS_DEPOSIT, MONTHS, PostedRate
from lingque.twin.responding.dispositions import Dispositions

_TERMS, _TERM_SHARES = (3, 6, 12, 24, 36), (0.2, 0.3, 0.35, 0.1, 0.05)
_YEARS = 3
_MEAN_DAYS_IN_WEALTH = 300


def place(
    block: Block,
    population: Population,
    dispositions: Dispositions,
    posted: tuple[PostedRate, ...],
) -> Placed:
    """All that was placed before `as_of`, and what left instead."""
    today = day_number(block.parameters.as_of)
    focus = _maturing(block, population, posted)
    before = _predecessors(block, population, dispositions, focus, posted)
    taken, first_gone = _taken_away(block, population, dispositions, focus, posted)
    fresh = _fresh_deposits(block, population, posted)
    wealth = _fresh_wealth(block, population, posted)
    due = fresh
    kept = [focus, before, taken, fresh, wealth]
    gone = [first_gone]
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
    return Placed(
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
    owner = np.flatnonzero(random.random(n) < _share(block, weight))
    return Placements.of(
        posted,
        owner=owner,
        product=_product_of(term[owner]),
        opened=opened[owner],
        end=matures[owner],
        amount=_amounts(block, population, owner, "maturing amount"),
    )


def _share(block: Block, weight: Float64s) -> Float64s:
    """How probably each customer has a deposit that matures in the story."""
    return block.parameters.maturing_share * len(weight) * weight / max(float(weight.sum()), 1e-9)


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


def _taken_away(
    block: Block,
    population: Population,
    dispositions: Dispositions,
    focus: Placements,
    posted: tuple[PostedRate, ...],
) -> tuple[Placements, Departures]:
    """What would have become predecessors, had their owners stayed: as many as there must be, or everybody in the
    history would have kept the money that fell due, and a model would learn so."""
    random = block.stream("taken away")
    n = block.customers
    share = np.minimum(_share(block, population.means), 0.95)
    chance = share * (1 - dispositions.stays) / (1 - share)
    chance[focus.owner] = 0.0
    owner = np.flatnonzero(random.random(n) < chance)
    count = len(owner)
    first, term = (random.choice(_TERMS, count, p=_TERM_SHARES) for _ in range(2))
    decided = months_later(day_number(block.parameters.as_of) + random.integers(0, MATURING_DAYS, count), -first)
    opened = months_later(decided - random.integers(0, 15, count), -term)
    where = np.flatnonzero(opened >= _earliest(population)[owner])
    matured = Placements.of(
        posted,
        owner=owner[where],
        product=_product_of(term[where]),
        opened=opened[where],
        end=months_later(opened[where], term[where]),
        amount=_amounts(block, population, owner, "amount taken away")[where],
    )
    leaves = np.flatnonzero(random.random(len(where)) < LEAVES_SHARE)
    day = np.maximum(decided[where], matured.end_day)[leaves]
    return matured, Departures(owner=matured.owner[leaves], day=day, amount=matured.payout[leaves])


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

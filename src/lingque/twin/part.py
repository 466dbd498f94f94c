"""The bank of one block of customers: who they are, what happens to them, and what the bank booked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lingque.core.hashing import Int64s
from lingque.twin.accounts import Accounts
from lingque.twin.arising import needs_of
from lingque.twin.behaviour import Habits, Plan
from lingque.twin.blocks import Block
from lingque.twin.cards import CardPurchases, Cards
from lingque.twin.ledger import Standing, Transactions, book
from lingque.twin.life import LifeEvents, history_days
from lingque.twin.loans import Loans
from lingque.twin.needs import Needs
from lingque.twin.organisation import BRANCHES, managed_customers
from lingque.twin.payroll import Payroll
from lingque.twin.placements import Departures, Placed, Placements
from lingque.twin.placing import place
from lingque.twin.population import Population
from lingque.twin.products import posted_rates
from lingque.twin.responding.dispositions import Dispositions

_CAME_SHARE = 0.3
"""Of a branch into which another one was merged: how many customers came from there."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """Positions of customers are those in the block."""

    block: Block
    population: Population
    dispositions: Dispositions
    events: LifeEvents
    needs: Needs
    habits: Habits
    placements: Placements
    """All known deposits and holdings: of the history, and those that responses made."""
    placed: Placed
    purchases: CardPurchases
    transactions: Transactions
    standing: Standing

    @classmethod
    def make(cls, block: Block) -> Part:
        """The history of the block: equal blocks of equal parameters give equal parts."""
        population = Population.make(block)
        events = LifeEvents.make(block, population)
        dispositions = Dispositions.make(
            block.parameters.responding,
            population,
            seed=block.parameters.seed,
            managed=managed_customers(block.parameters.managed_share, population.wealth),
            first=block.first,
        )
        placed = place(block, population, dispositions, posted_rates(block.parameters.as_of))
        habits = Habits(
            population=population,
            accounts=Accounts.make(block, population),
            payroll=Payroll.make(block, population, events),
            events=events,
            loans=Loans.make(block, population, events),
            cards=Cards.make(block, population),
        )
        first, after = history_days(block.parameters)
        purchases = CardPurchases.make(block, population, habits.cards, first, after)
        plan = Plan.make(
            block, habits, placed.placements, placed.departures, purchases, first=first, after=after, opens=True
        )
        transactions, standing = book(
            plan,
            accounts=habits.accounts,
            standing=Standing.empty(habits.accounts),
            rate=block.parameters.current_rate,
        )
        return cls(
            block=block,
            population=population,
            dispositions=dispositions,
            events=events,
            needs=needs_of(block, population, events, placed),
            habits=habits,
            placements=placed.placements,
            placed=placed,
            purchases=purchases,
            transactions=transactions,
            standing=standing,
        )

    @property
    def accounts(self) -> Accounts:
        return self.habits.accounts

    @property
    def former_branch(self) -> Int64s:
        """By customer: position in `BRANCHES.merged` of the branch they came from, −1 where theirs was never closed."""
        came = self.block.stream("former branch").random(self.block.customers) < _CAME_SHARE
        former = np.full(self.block.customers, -1)
        for number, merger in enumerate(BRANCHES.merged):
            former[came & (self.population.branch == merger.into)] = number
        return former

    def going_on(self, placements: Placements, departures: Departures, *, days: int) -> Part:
        """The part with what is booked in so many days from `as_of`, once customers have placed and moved money."""
        first = history_days(self.block.parameters)[1]
        after = first + days
        later = CardPurchases.make(self.block, self.population, self.habits.cards, first, after)
        purchases = CardPurchases(
            **{
                name: np.concatenate([getattr(self.purchases, name), getattr(later, name)])
                for name in CardPurchases.__dataclass_fields__
            }
        )
        every = self.placements.and_also(placements)
        plan = Plan.make(self.block, self.habits, every, departures, purchases, first=first, after=after, opens=False)
        booked, standing = book(
            plan, accounts=self.accounts, standing=self.standing, rate=self.block.parameters.current_rate
        )
        known = {name: getattr(self, name) for name in Part.__dataclass_fields__}
        return Part(
            **known
            | {
                "placements": every,
                "purchases": purchases,
                "transactions": self.transactions.and_then(booked),
                "standing": standing,
            }
        )

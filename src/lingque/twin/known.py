"""What the bank's own files say of its customers on any day of the story: nothing that stands in no extract.

Policies that learn look at this. Columns are those of the extracts as they would be read without a fault: who is who is
taken for granted, and the visits of the story's months, which no delivery of the twin brings yet, follow the needs of
those months as visits in the history follow theirs.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lingque.core.hashing import Float64s, Int64s
from lingque.twin.assessments import Assessments
from lingque.twin.blocks import blocks_of
from lingque.twin.days import day_number
from lingque.twin.organisation import managed_customers
from lingque.twin.parameters import TwinParameters
from lingque.twin.part import Part
from lingque.twin.placements import LONGEST_THOUGHT
from lingque.twin.population import OCCUPATIONS
from lingque.twin.sessions import EVENTS, Sessions

STORY_DAYS = 240
"""So long after `as_of` visits are known day by day."""
_STUDENT = OCCUPATIONS.index("student")
_LOOKED_AT = tuple(name for name in EVENTS if name not in ("login", "view_account", "transfer"))
"""What is looked at for a reason; the rest is looked at every day."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Known:
    """Customers by position; days since 1970-01-01; money in fen."""

    today: int
    """The morning of `as_of`, when the story begins."""
    age: Int64s
    student: NDArray[np.bool_]
    income: Int64s
    """A month's salary, pension or support, as it is booked."""
    balance: Int64s
    """On current accounts, at the last booking before `as_of`."""
    opened_day: Int64s
    managed: NDArray[np.bool_]
    """Has a relationship manager."""
    grade: Int64s
    """Of the last risk assessment, 0 where there was none."""
    deposits: Deposits
    bought: Bought
    asked: AskedBefore
    views: Views

    @classmethod
    def make(cls, parameters: TwinParameters) -> Known:
        """The same customers, in the same order, as those of `loop.respondents`."""
        return _joined([_of_part(Part.make(block)) for block in blocks_of(parameters)])

    def columns(self, day: int) -> dict[str, Float64s]:
        """What is known on the morning of that day, one number per customer and column; NaN: not known.

        Money that matures within 30 days, or has within the last four weeks, with the days until then; what was looked
        at in the last 30 and 90 days.
        """
        n, one = len(self.age), self.deposits
        there = (one.opened_day < day) & (one.end_day >= day - LONGEST_THOUGHT) & (one.end_day < day + _AHEAD)
        where = np.flatnonzero(there)
        where = where[np.argsort(one.payout[where], kind="stable")]
        money, until = np.zeros(n), np.full(n, np.nan)
        money[one.owner[where]] = one.payout[where]  # the largest of several
        until[one.owner[where]] = one.end_day[where] - day
        found = {
            "age": self.age.astype(np.float64),
            "student": self.student.astype(np.float64),
            "income": self.income.astype(np.float64),
            "balance": self.balance.astype(np.float64),
            "tenure": (day - self.opened_day).astype(np.float64),
            "managed": self.managed.astype(np.float64),
            "grade": np.where(self.grade > 0, self.grade, np.nan).astype(np.float64),
            "maturing": money,
            "days_to_maturity": until,
        }
        for name in _LOOKED_AT:
            for days in (30, 90):
                found[f"{name}_{days}d"] = self.views.count(EVENTS.index(name), n, day - days, day)
        return found


_AHEAD = 30


@dataclass(frozen=True, kw_only=True, eq=False)
class Deposits:
    """Term deposits, by the day on which they mature, which is known when they are opened."""

    owner: Int64s
    opened_day: Int64s
    end_day: Int64s
    payout: Int64s


@dataclass(frozen=True, kw_only=True, eq=False)
class Bought:
    """Deposits and wealth products that customers placed in the history."""

    customer: Int64s
    day: Int64s
    is_deposit: NDArray[np.bool_]
    amount: Int64s


@dataclass(frozen=True, kw_only=True, eq=False)
class AskedBefore:
    """Whom past campaigns could ask about a deposit that matured, whom they asked, and who placed the money here again.
    Who was chosen hung on what no file holds: see `twin.asked`."""

    customer: Int64s
    day: Int64s
    chosen: NDArray[np.bool_]
    channel: Int64s
    placed: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Views:
    """What was looked at in the app and on the web."""

    customer: Int64s
    day: Int64s
    event: Int64s

    def count(self, event: int, n: int, first: int, after: int) -> Float64s:
        mine = (self.event == event) & (self.day >= first) & (self.day < after)
        return np.bincount(self.customer[mine], minlength=n).astype(np.float64)


def _of_part(part: Part) -> Known:
    population, accounts = part.population, part.accounts
    first, n = part.block.first, len(population.age)
    balance = np.bincount(accounts.owner, weights=part.standing.balance, minlength=n).astype(np.int64)
    managed = np.zeros(n, dtype=np.bool_)
    managed[managed_customers(part.block.parameters.managed_share, population.wealth)] = True
    assessed = Assessments.make(part.block, population)
    grade = np.zeros(n, dtype=np.int64)
    grade[assessed.customer] = assessed.grade
    placed, asked = part.placements, part.placed.asked
    due = placed.take(np.flatnonzero(placed.is_deposit))
    return Known(
        today=day_number(part.block.parameters.as_of),
        age=population.age,
        student=population.occupation == _STUDENT,
        income=population.income,
        balance=balance,
        opened_day=population.opened_day,
        managed=managed,
        grade=grade,
        deposits=Deposits(owner=due.owner + first, opened_day=due.opened_day, end_day=due.end_day, payout=due.payout),
        bought=Bought(
            customer=placed.owner + first,
            day=placed.opened_day,
            is_deposit=placed.is_deposit,
            amount=placed.amount,
        ),
        asked=AskedBefore(
            customer=asked.owner + first,
            day=asked.day,
            chosen=asked.chosen,
            channel=asked.channel,
            placed=asked.placed,
        ),
        views=_views(part),
    )


def _views(part: Part) -> Views:
    """As the logs of a bank that is so many days older would have them."""
    parameters = part.block.parameters
    later: date = parameters.as_of + timedelta(days=STORY_DAYS)
    months = STORY_DAYS // 30 + parameters.log_months
    block = replace(part.block, parameters=replace(parameters, as_of=later, months=36, log_months=months))
    app, web = (Sessions.make(block, part.population, part.needs, place=place) for place in ("app", "web"))
    return Views(
        customer=np.concatenate([app.customer, web.customer]) + part.block.first,
        day=np.concatenate([app.second, web.second]) // 86_400,
        event=np.concatenate([app.event, web.event]),
    )


def _joined(parts: list[Known]) -> Known:
    grouped = {"deposits": Deposits, "bought": Bought, "asked": AskedBefore, "views": Views}
    found: dict[str, Any] = {"today": parts[0].today}
    for one in fields(Known):
        listed = [getattr(part, one.name) for part in parts]
        if one.name in grouped:
            kind = grouped[one.name]
            names = [column.name for column in fields(kind)]
            found[one.name] = kind(**{name: np.concatenate([getattr(part, name) for part in listed]) for name in names})
        elif one.name != "today":
            found[one.name] = np.concatenate(listed)
    return Known(**found)

"""What a policy is asked, and what it answers: some customers, all offers at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np

from lingque.core.hashing import Float64s
from lingque.core.reasons import Reason
from lingque.decide.contracts import Context, Happening, Past, Requests
from lingque.decide.facts import Answers, Facts
from lingque.decide.menu import Indices, Menu
from lingque.govern.contracts import Flags


class Axis(StrEnum):
    """What a policy speaks of: the rows of its answer."""

    OFFER = "offer"
    ASK = "ask"
    REACH = "reach"
    CAP = "cap"
    CANDIDATE = "candidate"


@dataclass(frozen=True)
class Question:
    """The customers `start:stop` of the requests, m of them, and the whole menu.

    `answers` (conditions, m) are those of the menu's conditions.
    """

    menu: Menu
    requests: Requests
    context: Context
    start: int
    stop: int
    answers: Answers

    @property
    def customers(self) -> int:
        return self.stop - self.start

    @cached_property
    def facts(self) -> Facts:
        return self.requests.facts.part(self.start, self.stop)

    @cached_property
    def numbers(self) -> Float64s:
        """(k + 1, m) the menu's tags; the last row is unknown, so that `NO_TAG` leads there."""
        unknown = np.full((1, self.customers), np.nan)
        return np.concatenate([self.facts.numbers(self.menu.tags), unknown])

    @cached_property
    def past(self) -> Past:
        return self.requests.past.part(self.start, self.stop)

    @cached_property
    def past_places(self) -> Indices:
        """(k,) which offer of the menu each entry of the past speaks of; -1 for another."""
        places = [self.menu.place_of(name) for name in self.past.offers]
        table = np.array([-1 if place is None else place for place in places], dtype=np.intp)
        found: Indices = table[self.past.offer] if len(table) else np.empty(0, dtype=np.intp)
        return found

    @cached_property
    def held(self) -> Flags:
        """(o + beyond, m) who is known to hold which offer: by its tag, or by having taken it up."""
        held: Flags = self.numbers[self.menu.holders] == 1.0
        bought = (self.past.happening == Happening.PURCHASE) & (self.past_places >= 0)
        held[self.past_places[bought], self.past.position[bought]] = True
        return held


Against = tuple[Reason, Indices | slice, Flags]
"""A reason, for which rows of the axis (each once), and whom it concerns: (rows, m), or (rows, 1) for everybody."""

ALL = slice(None)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A pure function from a question to reasons. It speaks of the rows of one axis, and gives only its `reasons`."""

    name: str
    axis: Axis
    reasons: frozenset[Reason]
    judge: Callable[[Question], Iterable[Against]]

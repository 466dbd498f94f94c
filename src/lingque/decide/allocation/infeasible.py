"""Limits that contradict one another: which, and what is the least that has to give."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lingque.core.errors import AllocationError
from lingque.core.hashing import Float64s
from lingque.decide.allocation.crews import spans, unit_limits
from lingque.decide.allocation.exact import NODES, whole_program
from lingque.decide.allocation.problem import Problem

MOST_ENTRIES = 300_000
"""That a linear program is written for."""
NOTHING_SHORT = 1e-7
"""Of a limit's amount; what a linear program may be off by."""


@dataclass(frozen=True, kw_only=True)
class Conflict:
    """A limit with its amount, and by how much it would have to give (0: it is only in the way of another)."""

    name: str
    amount: float
    give: float


@dataclass(frozen=True, kw_only=True)
class Infeasible:
    """No choice keeps all limits; with each given way by its `give` one does, if contacts could be divided.

    `give` is the least in sum, each limit counted in shares of its own amount. Where it is `estimated`, a drawn part of
    the customers was asked.
    """

    conflicts: tuple[Conflict, ...]
    estimated: bool = False

    def __str__(self) -> str:
        giving = [f"'{one.name}' is {one.amount:g} and would have to give {one.give:g}" for one in self.giving]
        against = [f"'{one.name}' ({one.amount:g})" for one in self.conflicts if one.give <= 0]
        return "; ".join(giving) + (f"; against {', '.join(against)}" if against else "")

    @property
    def giving(self) -> tuple[Conflict, ...]:
        return tuple(one for one in self.conflicts if one.give > 0)


def conflicts_of(problem: Problem, *, seed: int = 0) -> Infeasible:
    """The program of the least relaxation: Σ shortage ÷ amount. Its prices say which limits contradict one another.

    A limit is in conflict exactly if it has a price there (Farkas' lemma). Where contacts that could be divided would
    keep all limits, whole ones are asked. Of more than `MOST_ENTRIES` a drawn part is asked, under its share.
    """
    if problem.entries > MOST_ENTRIES:
        drawn = np.random.default_rng(seed).random(problem.customers) < MOST_ENTRIES / problem.entries
        share = float(drawn.mean())
        part = conflicts_of(problem.part(np.flatnonzero(drawn), share=share))
        scaled = tuple(replace(one, amount=one.amount / share, give=one.give / share) for one in part.conflicts)
        return Infeasible(conflicts=scaled, estimated=True)
    program = whole_program(problem, elastic=True)
    amounts = np.maximum(np.abs(np.concatenate((problem.limits, unit_limits(problem)))), 1.0)
    program = replace(program, gain=np.zeros(len(program.gain)), penalty=1.0 / amounts)
    relaxed = program.relax()
    if relaxed is None:
        raise AllocationError(
            "the least relaxation of the limits was not found",
            next_step="tell us, with the problem: every row may be short",
        )
    short = relaxed.short
    if (short <= NOTHING_SHORT * amounts).all():
        short = program.least_short(nodes=NODES)
    return Infeasible(
        conflicts=tuple(
            Conflict(name=row.name, amount=row.amount, give=float(missing) if missing > NOTHING_SHORT * amount else 0.0)
            for row, missing, price, amount in zip(problem.rows, short, relaxed.prices, amounts, strict=False)
            if missing > NOTHING_SHORT * amount or price > 1e-9 / amount
        )
        + _of_crews(problem, short[len(problem.rows) :], relaxed.unit_prices, amounts[len(problem.rows) :])
    )


def _of_crews(problem: Problem, short: Float64s, prices: Float64s, amounts: Float64s) -> tuple[Conflict, ...]:
    """A crew as a whole: the hours of its units in conflict, and by how much these would have to give together."""
    found = []
    for crew, span in zip(problem.crews, spans(problem), strict=True):
        in_it = (short[span] > NOTHING_SHORT * amounts[span]) | (prices[span] > 1e-9 / amounts[span])
        if in_it.any():
            give = np.where(short[span] > NOTHING_SHORT * amounts[span], short[span], 0.0)
            found.append(Conflict(name=crew.name, amount=float(crew.hours[in_it].sum()), give=float(give.sum())))
    return tuple(found)

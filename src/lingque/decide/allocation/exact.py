"""Small problems: branch and bound over everything, by HiGHS."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from lingque.decide.allocation.certificate import Certificate, certify
from lingque.decide.allocation.crews import unit_limits
from lingque.decide.allocation.local import NOWHERE
from lingque.decide.allocation.passes import Choice, run_pass
from lingque.decide.allocation.primal import keeps_limits, put
from lingque.decide.allocation.problem import Problem
from lingque.decide.allocation.program import WHOLE, Program, Verdict, Whole, write_program

NODES = 5_000
"""Of branch and bound. A limit by count, not by time, so that the same problem gets the same answer everywhere."""


@dataclass(frozen=True, kw_only=True)
class Exact:
    """A choice and its certificate."""

    choice: Choice
    certificate: Certificate


class Without(Enum):
    """Why there is no exact choice: there is none, or it was not found within the nodes or the time."""

    A_SOLUTION = "a solution"
    AN_END = "an end"


def solve_exactly(problem: Problem, *, gap: float = 1e-9, seconds: float | None = None) -> Exact | Without:
    """The best choice, by branch and bound."""
    program = whole_program(problem, elastic=False)
    relaxed = program.relax(seconds=seconds)
    if relaxed is None:
        return Without.A_SOLUTION if seconds is None else Without.AN_END
    # mostly the linear program divides nobody, and its answer is the best
    whole = np.abs(relaxed.shares - np.round(relaxed.shares)).max(initial=0.0) <= WHOLE
    if whole:
        solved: Whole | Verdict = Whole(taken=relaxed.shares > 0.5, proved=True)
    else:
        solved = program.solve(gap=gap, seconds=seconds, nodes=NODES)
    if solved is Verdict.INFEASIBLE:
        return Without.A_SOLUTION
    if isinstance(solved, Verdict):
        return Without.AN_END
    nothing = np.full((problem.customers, problem.most_of_all), NOWHERE, dtype=np.int16)
    nobody = np.empty(0, dtype=np.int64)
    choice = put(problem, nothing, nobody, program.customers[solved.taken], program.entries[solved.taken])
    if not keeps_limits(problem, choice):
        return Without.AN_END
    passed = run_pass(problem, relaxed.prices, unit_prices=relaxed.unit_prices)
    return Exact(choice=choice, certificate=certify(problem, choice, relaxed.prices, passed, optimal=solved.proved))


def whole_program(problem: Problem, *, elastic: bool) -> Program:
    """Everybody's part, within the whole of every limit."""
    left = np.concatenate((problem.limits, unit_limits(problem)))
    return write_program(
        problem,
        np.repeat(np.arange(problem.customers), np.diff(problem.starts)),
        np.arange(problem.entries),
        left=left,
        rooms_left=np.empty(0) if problem.staff is None else problem.staff.rooms,
        penalty=np.zeros(len(left)),
        elastic=elastic,
    )

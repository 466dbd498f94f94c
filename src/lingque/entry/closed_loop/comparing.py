"""The baselines of allocation on a round of the simulated bank: the same customers, values and capacities."""

from __future__ import annotations

import numpy as np

from lingque.decide.allocation.baselines import by_priority, by_value, in_chunks
from lingque.decide.allocation.certificate import value_of
from lingque.decide.allocation.limits import channel_capacity
from lingque.decide.allocation.menu import Menu
from lingque.decide.allocation.problem import Problem
from lingque.decide.allocation.solver import Allocation, allocate
from lingque.decide.decisions import Decisions
from lingque.entry.closed_loop.offers import USED
from lingque.twin.responding.catalogue import OFFER_NAMES


def instance_of(decisions: Decisions) -> Problem:
    """What a round had to share out: one contact each at most, what each is worth, what each channel can make."""
    judgement = decisions.judgement
    values = np.concatenate([judgement.allowed_values(customers) for customers in judgement.blocks()], axis=1).T
    worth = values > 0
    menu = Menu(offers=OFFER_NAMES, channels=USED)
    return Problem(
        menu=menu,
        starts=np.concatenate(([0], np.cumsum(worth.sum(axis=1)))).astype(np.int64),
        kinds=np.nonzero(worth)[1].astype(np.uint8),
        values=values[worth].astype(np.float32),
        most=np.ones(len(values), dtype=np.uint8),
        rows=tuple(channel_capacity(menu, name, decisions.context.capacity[name]) for name in USED),
    )


def worth_by(problem: Problem) -> dict[str, float]:
    """What the allocation finds, and what the baselines do, in fen."""
    found = allocate(problem)
    if not isinstance(found, Allocation):
        raise TypeError(f"capacities alone cannot contradict one another: {found}")
    return {
        "allocation": found.certificate.objective,
        "bound": found.certificate.bound,
        "priority": value_of(problem, by_priority(problem)),
        "greedy": value_of(problem, by_value(problem)),
        "chunks": value_of(problem, in_chunks(problem)),
    }

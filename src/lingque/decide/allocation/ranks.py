"""Service before marketing, in one allocation: ranks of offers, each of which comes before all that follow.

First as many contacts of the first rank are sought as the limits allow, whatever all others lose by it; then as many
of the second without one less of the first; last, what is worth most without one less of any. What a rank was given
is a limit like any other from then on, a minimum volume: its price says what one contact of the rank costs those who
come after it. Nothing is set aside beforehand, so whoever comes after uses all that is left, and a contact of a rank
goes to whom it costs the others least.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lingque.core.errors import AllocationError
from lingque.core.hashing import Float64s
from lingque.decide.allocation.certificate import certify, chosen_entries
from lingque.decide.allocation.counting import Counted, count_most
from lingque.decide.allocation.infeasible import Infeasible
from lingque.decide.allocation.limits import Limit, Row
from lingque.decide.allocation.passes import Choice, run_pass
from lingque.decide.allocation.problem import Flags, Float32s, Problem
from lingque.decide.allocation.solver import DEFAULT_EFFORT, Allocation, Effort, Progress, allocate

PREFERENCE = 1e-3
"""By how much a contact counts more or less for its value. Among equals there is a better one then, which a price can
tell; and no exchange among fewer than 500 contacts is for fewer of them."""


@dataclass(frozen=True, kw_only=True)
class Rank:
    """Offers that come before all others that are not of an earlier rank. `name` is what its minimum is called."""

    name: str
    offers: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Served:
    """How many contacts a rank gets, and how many it could not get more than."""

    rank: Rank
    contacts: int
    at_most: int


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """`problem` is the given one with a minimum per rank: the allocation's certificate speaks of that one, and so must
    whoever verifies it."""

    problem: Problem
    allocation: Allocation
    served: tuple[Served, ...]


def allocate_by_rank(
    problem: Problem,
    ranks: Sequence[Rank],
    effort: Effort = DEFAULT_EFFORT,
    *,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Ranked | Infeasible:
    """The best choice in which no rank gives way to what follows it.

    Raises `AllocationError` where an offer is in two ranks, or a rank's name is taken.
    """
    _check(problem, ranks)
    served: list[Served] = []
    known: Choice | None = None
    towards: Float64s | None = None
    for rank in ranks:
        use = (np.isin(problem.menu.offer_of, [problem.menu.offer(name) for name in rank.offers])).astype(np.float64)
        counted = count_most(problem, use > 0) or _by_prices(problem, use, effort, known, progress)
        if not isinstance(counted, Counted):
            return counted
        of_it = use[problem.kinds].astype(np.float32)
        known = counted.choice
        entries, _ = chosen_entries(problem, known)
        contacts = int(of_it[entries].sum(dtype=np.float64))
        # whatever the prices, they bound the number as well
        alike = run_pass(replace(problem, values=of_it), counted.prices, unit_prices=counted.unit_prices)
        served.append(Served(rank=rank, contacts=contacts, at_most=int(np.floor(alike.bound * (1 + 1e-9) + 1e-9))))
        least = Row(limit=Limit.MINIMUM, subject=rank.name, use=use, amount=float(contacts))
        problem = replace(problem, rows=(*problem.rows, least))
        # who takes all that there is of a limit is dear in proportion to it
        towards = np.append(counted.prices, 1.0)
    found = allocate(problem, effort, known=known, towards=towards, progress=progress)
    if not isinstance(found, Allocation):
        return found
    if known is not None and found.choice is known:
        found = _by_numbers(problem, found, effort, progress)
    return Ranked(problem=problem, allocation=found, served=tuple(served))


def _by_numbers(
    problem: Problem, found: Allocation, effort: Effort, progress: Callable[[Progress], None]
) -> Allocation:
    """Who gets it, where each kind is given as often as it is in a choice that is known.

    Few combinations of whole numbers may use up the limits, and the prices' own is none of them. Given the numbers, it
    is customers who change places, which divides hardly anybody.
    """
    entries, _ = chosen_entries(problem, found.choice)
    numbers = np.bincount(problem.kinds[entries], minlength=problem.menu.kinds)
    longest = max((row.subject for row in problem.rows), key=len)
    pinned = tuple(
        Row(
            limit=Limit.MINIMUM, subject=f"{longest} {kind}", use=np.eye(problem.menu.kinds)[kind], amount=float(number)
        )
        for kind, number in enumerate(numbers)
        if number
    )
    better = allocate(replace(problem, rows=(*problem.rows, *pinned)), effort, known=found.choice, progress=progress)
    if not isinstance(better, Allocation):
        return found
    certificate = found.certificate
    passed = run_pass(problem, certificate.prices, unit_prices=certificate.unit_prices)
    return Allocation(choice=better.choice, certificate=certify(problem, better.choice, certificate.prices, passed))


def _by_prices(
    problem: Problem, use: Float64s, effort: Effort, known: Choice | None, progress: Callable[[Progress], None]
) -> Counted | Infeasible:
    """Where customers are not alike."""
    of_it = use[problem.kinds] > 0
    found = allocate(replace(problem, values=_counted(problem, of_it)), effort, known=known, progress=progress)
    if not isinstance(found, Allocation):
        return found
    certificate = found.certificate
    return Counted(choice=found.choice, prices=certificate.prices, unit_prices=certificate.unit_prices)


def _counted(problem: Problem, of_it: Flags) -> Float32s:
    """One for each entry of the rank, nearly; nothing for others."""
    greatest = max(float(np.abs(problem.values[of_it]).max(initial=0.0)), 1e-30)
    return np.where(of_it, 1 + PREFERENCE * (problem.values / np.float32(greatest)), 0).astype(np.float32)


def _check(problem: Problem, ranks: Sequence[Rank]) -> None:
    offers = [name for rank in ranks for name in rank.offers]
    twice = next((name for name in offers if offers.count(name) > 1), None)
    if twice is not None:
        raise AllocationError(f"the offer '{twice}' is in two ranks", next_step="leave it in the earlier one")
    taken = [row.subject for row in problem.rows if row.limit is Limit.MINIMUM]
    for number, rank in enumerate(ranks):
        if not rank.offers:
            raise AllocationError(f"the rank '{rank.name}' has no offers", next_step="leave it out")
        if rank.name in taken or rank.name in [one.name for one in ranks[:number]]:
            raise AllocationError(f"there is a minimum '{rank.name}' already", next_step="give the rank another name")

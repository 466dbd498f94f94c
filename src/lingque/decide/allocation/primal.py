"""From prices to a choice that keeps the limits.

At the best prices nearly everybody's choice is the right one. Undecided are those to whom something else is nearly as
good: for every kind (and on the staffed channel for every branch) the few who would take it up, or give it up, at the
least loss. Their part is solved as a whole number program with all limits; everybody else stays.

Taken kind by kind, and not by one tolerance for all, a scarce and dear offer finds enough who are undecided.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lingque.core.hashing import Float64s, Int64s
from lingque.decide.allocation.certificate import chosen_entries, usage_of
from lingque.decide.allocation.crews import hours_taken, hours_used, undecided_of_units, unit_limits, without_crews
from lingque.decide.allocation.local import NOWHERE
from lingque.decide.allocation.passes import Choice
from lingque.decide.allocation.problem import Problem
from lingque.decide.allocation.program import Program, write_program
from lingque.decide.allocation.undecided import undecided

FURTHER, MOST_FURTHER, MOST_IN_ALL = 0.2, 50, 500
"""Times the width: how many more are undecided for each contact by which a row is off, spread over its kinds; the most
per kind, and of all kinds together. At first a wider program takes longer than a better price."""


@dataclass(frozen=True, kw_only=True)
class Core:
    """The undecided customers, ascending, the `worth` of what they have, and the whole number program of their part."""

    undecided: Int64s
    worth: float
    program: Program


def core_of(
    problem: Problem,
    prices: Float64s,
    staff_prices: Float64s,
    choice: Choice,
    *,
    width: int,
    branch_width: int,
    unit_prices: Float64s,
    unit_width: int,
    also: Int64s | None = None,
) -> Core:
    """For each kind the `width` customers who take it up, and those who give it up, at the least loss.

    On the staffed channel `branch_width` more of each branch, and `unit_width` of each unit of a crew. Those in
    `also` are undecided in any case.
    """
    staff, seen = problem.staff, without_crews(problem, unit_prices)
    taken, whose = chosen_entries(problem, choice)
    used = usage_of(problem, taken)
    branch_starts = np.empty(0, dtype=np.int64) if staff is None else staff.starts
    pairs = undecided(
        seen.values, problem.kinds, _costs(problem), problem.starts, problem.most, choice,
        prices @ problem.use, prices @ problem.use_of_cost, problem.menu.channel_of, problem.menu.class_of,
        problem.menu.caps, NOWHERE if staff is None else problem.menu.channel(staff.channel), branch_starts,
        staff_prices, _widths(problem, prices, used, width), branch_width,
    )  # fmt: skip
    needing = _in_need(problem, pairs[:, 0])
    wholly = needing if also is None else np.union1d(also, needing)
    of_units = undecided_of_units(seen, problem.crews, choice, prices, unit_width)
    pairs = np.concatenate((pairs, of_units, _everything_of(problem, wholly)))
    customers, entries = pairs[:, 0], pairs[:, 1]
    undecided_too = np.zeros(problem.customers, dtype=np.bool_)
    undecided_too[customers] = True
    mine = undecided_too[whose]
    # what they have, and what they might have instead
    both = np.unique(
        np.column_stack(
            (np.concatenate((customers, whose[mine])), np.concatenate((entries, taken[mine]))),
        ),
        axis=0,
    )
    left = problem.limits - (used - usage_of(problem, taken[mine]))
    rooms_left = np.empty(0)
    if staff is not None:
        on_it = problem.menu.channel_of[problem.kinds[taken]] == problem.menu.channel(staff.channel)
        branch = np.searchsorted(staff.starts, whose[on_it & ~mine], side="right") - 1
        rooms_left = staff.rooms - np.bincount(branch, minlength=len(staff.rooms))
    program = write_program(
        problem,
        both[:, 0],
        both[:, 1],
        left=np.concatenate((left, unit_limits(problem) - hours_used(problem, whose[~mine], taken[~mine]))),
        rooms_left=rooms_left,
        penalty=_penalty(problem, prices, unit_prices, both),
        elastic=True,
    )
    worth = float(np.abs(problem.values[taken[mine]]).sum(dtype=np.float64))
    return Core(undecided=np.flatnonzero(undecided_too), worth=worth, program=program)


def _everything_of(problem: Problem, customers: Int64s) -> Int64s:
    """(pairs, 2): each of their entries."""
    lengths = np.diff(problem.starts)[customers]
    places = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return np.column_stack((np.repeat(customers, lengths), np.repeat(problem.starts[:-1][customers], lengths) + places))


def _in_need(problem: Problem, customers: Int64s) -> Int64s:
    """Those of them, ascending, who may be proposed what needs something that they do not have: to them contacts may be
    right or wrong together only."""
    if not problem.menu.needs:
        return np.empty(0, dtype=np.int64)
    pairs = _everything_of(problem, np.unique(customers))
    offers = problem.menu.offer_of[problem.kinds[pairs[:, 1]]]
    needing = np.zeros(len(pairs), dtype=np.bool_)
    for need, (offer, _) in enumerate(problem.menu.need_pairs):
        needing |= (offers == offer) & (True if problem.has is None else ~problem.has[pairs[:, 0], need])
    return np.unique(pairs[needing, 0])


def _widths(problem: Problem, prices: Float64s, used: Float64s, width: int) -> Int64s:
    """(kinds,) more where a row is far from its limit: so many more have to change to keep it."""
    use = np.abs(problem.use)
    uses = use > 0
    kinds = np.maximum(uses.sum(axis=1), 1)
    off = np.abs(problem.limits - used)
    # what is left of a limit that nobody pays for calls for nobody
    off[(used < problem.limits) & (prices == 0)] = 0.0
    contacts = off / np.maximum(use.sum(axis=1) / kinds, 1e-300)
    more = np.where(uses, (FURTHER * width * contacts / kinds)[:, None], 0.0).max(axis=0, initial=0.0)
    more = np.minimum(more, MOST_FURTHER * width)
    widths: Int64s = width + (more * min(1.0, MOST_IN_ALL * width / max(more.sum(), 1.0))).astype(np.int64)
    return widths


def _penalty(problem: Problem, prices: Float64s, unit_prices: Float64s, pairs: Int64s) -> Float64s:
    """Per unit by which a row, or a unit's hours, is broken: more than anything that could be won by it."""
    customers, entries = pairs[:, 0], pairs[:, 1]
    most = float(np.abs(problem.values[entries]).max(initial=1e-30))
    use = np.abs(problem.use) + np.abs(problem.use_of_cost)
    least = np.where(use > 0, use, np.inf).min(axis=1, initial=np.inf)
    of_rows = np.maximum(20.0 * prices, 4.0 * most / np.where(np.isfinite(least), least, 1.0))
    _, units, hours = hours_taken(problem, customers, entries)
    shortest = np.full(len(unit_prices), np.inf)
    np.minimum.at(shortest, units, hours)
    of_units = np.maximum(20.0 * unit_prices, 4.0 * most / np.where(np.isfinite(shortest), shortest, 1.0))
    return np.concatenate((of_rows, of_units))


def with_core(problem: Problem, choice: Choice, core: Core, taken: NDArray[np.bool_]) -> Choice:
    """The choice with the undecided customers' part replaced."""
    return put(problem, choice, core.undecided, core.program.customers[taken], core.program.entries[taken])


def put(problem: Problem, choice: Choice, cleared: Int64s, customers: Int64s, entries: Int64s) -> Choice:
    """The choice with nothing for those cleared but these entries, which are sorted by customer."""
    new = choice.copy()
    new[cleared] = NOWHERE
    firsts = np.searchsorted(customers, customers, side="left")
    new[customers, np.arange(len(customers)) - firsts] = entries - problem.starts[customers]
    return new


def drop_what_is_too_much(problem: Problem, prices: Float64s, choice: Choice) -> Choice:
    """Contacts taken back, least worth at the prices first, until no upper limit is passed."""
    entries, customers = chosen_entries(problem, choice)
    pairs, units, hours = hours_taken(problem, customers, entries)
    beyond = hours_used(problem, customers, entries) - unit_limits(problem)
    beyond[beyond <= 1e-9 * np.maximum(beyond + unit_limits(problem), 1.0)] = 0.0
    takes: dict[int, list[tuple[int, float]]] = {}
    for pair, unit, time in zip(pairs.tolist(), units.tolist(), hours.tolist(), strict=True):
        if beyond[unit] > 0:
            takes.setdefault(pair, []).append((unit, time))
    kinds = problem.kinds[entries]
    costs = np.zeros(len(entries)) if problem.costs is None else problem.costs[entries]
    used = problem.use[:, kinds] + problem.use_of_cost[:, kinds] * costs
    upper = problem.limits >= 0
    over = np.where(upper, used.sum(axis=1) - problem.limits, 0.0)
    over[over <= slack_allowed(problem)] = 0.0
    needs = problem.limits < 0
    spare = np.where(needs, problem.limits - used.sum(axis=1), 0.0)
    weight = problem.values[entries] - prices @ used
    helps = np.asarray((used[over > 0] > 0).any(axis=0))
    helps[list(takes)] = True
    dropped: list[int] = []
    for at in np.flatnonzero(helps)[np.argsort(weight[helps], kind="stable")]:
        if not (over > 0).any() and not (beyond > 0).any():
            break
        kept_minimum = (spare + used[:, at])[needs] >= 0
        short = any(beyond[unit] > 0 for unit, _ in takes.get(int(at), ()))
        if (short or ((used[:, at] > 0) & (over > 0)).any()) and (kept_minimum.all() or (used[needs, at] == 0).all()):
            over = over - np.where(upper, used[:, at], 0.0)
            over[over <= slack_allowed(problem)] = 0.0
            spare = spare + np.where(needs, used[:, at], 0.0)
            for unit, time in takes.get(int(at), ()):
                beyond[unit] -= time
            dropped.append(int(at))
    keep = np.ones(len(entries), dtype=np.bool_)
    keep[dropped] = False
    _drop_without_what_they_need(problem, kinds, customers, keep)
    touched = np.unique(customers[~keep])
    mine = keep & np.isin(customers, touched)
    return put(problem, choice, touched, customers[mine], entries[mine])


def _drop_without_what_they_need(
    problem: Problem, kinds: NDArray[Any], customers: Int64s, keep: NDArray[np.bool_]
) -> None:
    offers, menu = problem.menu.offer_of[kinds], problem.menu
    for _ in menu.needs:
        for need, (offer, needed) in enumerate(menu.need_pairs):
            asks = keep & (offers == offer) & (True if problem.has is None else ~problem.has[customers, need])
            keep &= ~(asks & ~np.isin(customers, customers[keep & (offers == needed)]))


def slack_allowed(problem: Problem) -> Float64s:
    """(rows,) by how much rounding alone may pass a limit: nothing that counts, whatever the size."""
    return 1e-9 * np.maximum(np.abs(problem.limits), 1e-3)


def keeps_limits(problem: Problem, choice: Choice) -> bool:
    """Whether the global rows and the hours of the crews hold."""
    entries, customers = chosen_entries(problem, choice)
    if (hours_used(problem, customers, entries) > unit_limits(problem) * (1 + 1e-9) + 1e-9).any():
        return False
    return bool((usage_of(problem, entries) <= problem.limits + slack_allowed(problem)).all())


def _costs(problem: Problem) -> Any:
    return np.empty(0, dtype=np.float32) if problem.costs is None else problem.costs

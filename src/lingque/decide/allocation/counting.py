"""As many contacts of some kinds as the limits allow.

Where contacts only count, customers are alike to whom the same kinds may be proposed: what matters is how many of them
get which set of kinds. Of a whole population these are few numbers, and the linear program of them is small and says
how many contacts there can be at most, where prices per customer would see nothing but ties.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from lingque.core.hashing import Float64s, Int64s
from lingque.decide.allocation.certificate import chosen_entries
from lingque.decide.allocation.crews import unit_limits
from lingque.decide.allocation.limits import Limit, Row
from lingque.decide.allocation.local import NOWHERE
from lingque.decide.allocation.passes import Choice
from lingque.decide.allocation.primal import drop_what_is_too_much, keeps_limits, put
from lingque.decide.allocation.problem import Flags, Float32s, Problem, Staff

if TYPE_CHECKING:
    from scipy.sparse import csr_array

MOST_KINDS = 50
"""Of those that matter to the count: the set of a customer's is a number that must be exact."""
MOST_WAYS = 100_000
"""Groups of customers who are alike, times what each may get. Beyond, the linear program is no longer small."""
FEW_WAYS = 5_000
"""Up to here branch and bound takes all of them, and simplex is the quicker way. Of more (interior point: 1.5 s of
85,000, simplex 13 s) it takes the groups which the linear program divides."""
NODES = 200
"""Of branch and bound: mostly its first answer is the best, or one contact off."""
WHOLE = 1e-6
"""By how much a number of customers may miss a whole one."""


@dataclass(frozen=True, kw_only=True)
class Counted:
    """A choice of so many contacts that keeps every limit, and prices (rows,), (units,) that bound the number."""

    choice: Choice
    prices: Float64s
    unit_prices: Float64s


@dataclass(frozen=True, kw_only=True)
class _Ways:
    """Per way (ways,) in which a group is contacted: whose it is, and how many of each kind (ways, kinds)."""

    groups: Int64s
    contacts: Float32s


def count_most(problem: Problem, counts: Flags) -> Counted | None:
    """As many contacts of those kinds that `counts` (kinds,) as there can be, unless branch and bound ends early.

    None where customers are not alike (their costs differ, or each has hours of their own), or no choice was found.
    """
    own_costs = problem.costs is not None and bool(problem.use_of_cost.any())
    kept = what_matters(problem, counts)
    if own_costs or kept.sum() > MOST_KINDS:
        return None
    group_of, firsts, sizes = _alike(problem, kept)
    ways = _ways(problem, kept, firsts)
    if ways is None:
        return None
    gain = (ways.contacts @ counts.astype(np.float32)).astype(np.float64)
    matrix, upper = _limits(problem, ways, firsts, sizes)
    solved = _solve(gain, matrix, upper, ways.groups)
    if solved is None:
        return None
    times, duals = solved
    choice = _given(problem, ways, times, group_of)
    if not keeps_limits(problem, choice):
        return None
    rows, units = len(problem.rows), len(unit_limits(problem))
    return Counted(choice=choice, prices=duals[:rows], unit_prices=duals[rows : rows + units])


def count_as_one(problem: Problem, counts: Flags) -> Counted | None:
    """As if all units of a crew, or all branches, were one: what is left to know where there are too many of them.

    The prices bound the number; the choice is what each unit has hours for, and may break a minimum, or lack what an
    offer needs.
    """
    rows, crews, staff = problem.rows, problem.crews, problem.staff
    longest = max((row.subject for row in rows), key=len, default="")
    pools = [(f"{longest} {number}", crew.use, float(crew.hours.sum())) for number, crew in enumerate(crews)]
    if staff is not None:
        on_it = (problem.menu.channel_of == problem.menu.channel(staff.channel)).astype(np.float64)
        pools.append((f"{longest} staff", on_it, float(staff.rooms.sum())))
    pooled = tuple(Row(limit=Limit.CHANNEL, subject=name, use=use, amount=hours) for name, use, hours in pools)
    if not pooled:
        return None
    found = count_most(replace(problem, rows=(*rows, *pooled), crews=(), staff=None), counts)
    if found is None:
        return None
    of_crews = found.prices[len(rows) : len(rows) + len(crews)]
    prices = found.prices[: len(rows)]
    choice = found.choice if staff is None else _within_rooms(problem, staff, found.choice)
    choice = drop_what_is_too_much(problem, prices, choice)
    # what a minimum held back must go as well where there are no hours for it
    upper = np.array([row.limit is not Limit.MINIMUM for row in rows], dtype=np.bool_)
    without = replace(problem, rows=tuple(itertools.compress(rows, upper)))
    return Counted(
        choice=drop_what_is_too_much(without, prices[upper], choice),
        prices=prices,
        unit_prices=np.repeat(of_crews, [len(crew.hours) for crew in crews]),
    )


def _within_rooms(problem: Problem, staff: Staff, choice: Choice) -> Choice:
    """What minimums demand goes before."""
    entries, customers = chosen_entries(problem, choice)
    on_it = np.flatnonzero(problem.menu.channel_of[problem.kinds[entries]] == problem.menu.channel(staff.channel))
    demanded = (problem.use[:, problem.kinds[entries[on_it]]] < 0).any(axis=0)
    branch = np.searchsorted(staff.starts, customers[on_it], side="right") - 1
    order = np.lexsort((~demanded, branch))
    on_it, branch = on_it[order], branch[order]
    number = np.arange(len(on_it)) - np.searchsorted(branch, branch, side="left")
    kept = np.ones(len(entries), dtype=np.bool_)
    kept[on_it[number >= staff.rooms[branch]]] = False
    touched = np.unique(customers[~kept])
    mine = kept & np.isin(customers, touched)
    return put(problem, choice, touched, customers[mine], entries[mine])


def what_matters(problem: Problem, counts: Flags) -> Flags:
    """(kinds,) those that count, those that a minimum demands, and what these need: to leave out all others takes
    nothing from the count."""
    menu = problem.menu
    kept = counts.copy()
    for row in problem.rows:
        if row.limit is Limit.MINIMUM:
            kept |= row.use > 0
    for _ in menu.needs:
        for offer, needed in menu.need_pairs:
            if kept[menu.offer_of == offer].any():
                kept |= menu.offer_of == needed
    return kept


def _alike(problem: Problem, kept: Flags) -> tuple[Int64s, Int64s, Int64s]:
    """Each customer's group, and of each group its first customer and its size."""
    whose = np.repeat(np.arange(problem.customers), np.diff(problem.starts))
    bit = np.where(kept, 2.0 ** (np.cumsum(kept) - 1), 0.0)
    marks: list[Any] = [np.bincount(whose, weights=bit[problem.kinds], minlength=problem.customers), problem.most]
    if problem.has is not None:
        marks += list(problem.has.T)
    if problem.staff is not None:
        marks.append(np.searchsorted(problem.staff.starts, np.arange(problem.customers), side="right"))
    marks += [crew.unit_of for crew in problem.crews]
    group_of = np.zeros(problem.customers, dtype=np.int64)
    for mark in marks:
        _, of_mark = np.unique(mark, return_inverse=True)
        _, group_of = np.unique(group_of * (int(of_mark.max(initial=0)) + 1) + of_mark, return_inverse=True)
    _, firsts, sizes = np.unique(group_of, return_index=True, return_counts=True)
    return group_of, firsts, sizes


def _ways(problem: Problem, kept: Flags, firsts: Int64s) -> _Ways | None:
    """What each group may get; None where that is too much."""
    groups: list[int] = []
    contacts: list[list[int]] = []
    known: dict[tuple[object, ...], list[list[int]]] = {}
    for group, customer in enumerate(firsts.tolist()):
        mine = problem.kinds[problem.starts[customer] : problem.starts[customer + 1]]
        kinds = np.sort(mine[kept[mine]]).tolist()
        has = () if problem.has is None else tuple(problem.has[customer].tolist())
        most = int(problem.most[customer])
        key = (tuple(kinds), most, has)
        if key not in known:
            room = MOST_WAYS - len(groups) + 1
            known[key] = list(itertools.islice(_sets(problem, kinds, most, has), room))
        groups += [group] * len(known[key])
        contacts += known[key]
        if len(groups) > MOST_WAYS:
            return None
    table = np.zeros((len(groups), problem.menu.kinds), dtype=np.float32)
    for way, kinds in enumerate(contacts):
        table[way, kinds] = 1.0
    return _Ways(groups=np.array(groups, dtype=np.int64), contacts=table)


def _sets(problem: Problem, kinds: list[int], most: int, has: tuple[bool, ...]) -> Iterator[list[int]]:
    """Every set of these kinds, but the empty one, that one customer may get."""
    menu = problem.menu
    class_of, channel_of, offer_of = menu.class_of.tolist(), menu.channel_of.tolist(), menu.offer_of.tolist()
    caps = menu.caps.tolist()
    asked = [pair for need, pair in enumerate(menu.need_pairs.tolist()) if not has or not has[need]]

    def grown(mine: list[int], rest: list[int]) -> Iterator[list[int]]:
        offers = {offer_of[kind] for kind in mine}
        if mine and all(offer not in offers or needed in offers for offer, needed in asked):
            yield mine
        if len(mine) == most:
            return
        for at, kind in enumerate(rest):
            same = [one for one in mine if class_of[one] == class_of[kind]]
            there = [one for one in mine if channel_of[one] == channel_of[kind]]
            if not same and len(there) < caps[channel_of[kind]]:
                yield from grown([*mine, kind], rest[at + 1 :])

    yield from grown([], kinds)


def _limits(problem: Problem, ways: _Ways, firsts: Int64s, sizes: Int64s) -> tuple[csr_array, Float64s]:
    """As ≤: the rows, the hours of the crews' units, the rooms of the branches, the sizes of the groups."""
    from scipy.sparse import coo_array, csr_array, vstack

    number = np.arange(len(ways.groups))

    def summed(place: Int64s, amount: Float64s, height: int) -> csr_array:
        return csr_array(coo_array((amount, (place, number)), shape=(height, len(number))))

    blocks = [csr_array((ways.contacts @ problem.use.T).T)]
    upper = [problem.limits, unit_limits(problem), sizes.astype(np.float64)]
    customers = firsts[ways.groups]
    blocks += [summed(crew.unit_of[customers], ways.contacts @ crew.use, len(crew.hours)) for crew in problem.crews]
    staff = problem.staff
    if staff is not None:
        on_it = problem.menu.channel_of == problem.menu.channel(staff.channel)
        branch = np.searchsorted(staff.starts, customers, side="right") - 1
        blocks.append(summed(branch, ways.contacts @ on_it.astype(np.float64), len(staff.rooms)))
        upper.insert(2, staff.rooms)
    blocks.append(summed(ways.groups, np.ones(len(number)), len(sizes)))
    return csr_array(vstack(blocks)), np.concatenate(upper)


def _solve(gain: Float64s, matrix: csr_array, upper: Float64s, groups: Int64s) -> tuple[Int64s, Float64s] | None:
    """How many customers go each way, and the duals of the limits."""
    from scipy.optimize import linprog

    if not len(gain):
        nothing = np.empty(0, dtype=np.int64), np.zeros(len(upper))
        return nothing if (upper >= 0).all() else None
    few = len(gain) <= FEW_WAYS
    relaxed = linprog(-gain, A_ub=matrix, b_ub=upper, method="highs" if few else "highs-ipm")
    if relaxed.status != 0 or relaxed.x is None:
        return None
    duals = np.maximum(-np.asarray(relaxed.ineqlin.marginals), 0.0)
    shares = np.asarray(relaxed.x)
    times = np.floor(shares + WHOLE)
    divided = shares - times > WHOLE
    if divided.any():
        free = np.ones(len(gain), dtype=np.bool_) if few else np.isin(groups, groups[divided])
        times[free] = 0.0
        whole = _whole(gain[free], matrix[:, free], upper - matrix @ times, -float(relaxed.fun) - float(gain @ times))
        if whole is None:
            return None
        times[free] = whole
    return np.round(times).astype(np.int64), duals


def _whole(gain: Float64s, matrix: csr_array, upper: Float64s, most: float) -> Float64s | None:
    """Whole customers, to less than one contact of the `most` that there can be."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    solved = milp(
        -gain,
        constraints=LinearConstraint(matrix, -np.inf, upper),
        bounds=Bounds(0.0, np.inf),
        integrality=np.ones(len(gain)),
        options={"mip_rel_gap": 0.99 / max(most, 1.0), "node_limit": NODES},
    )
    return None if solved.x is None else np.round(np.asarray(solved.x))


def _given(problem: Problem, ways: _Ways, times: Int64s, group_of: Int64s) -> Choice:
    """Customers of each group, each in a way until it has been gone often enough."""
    # by chance, and not as they are sorted: those of one branch or manager would come together
    order = np.random.default_rng(0).permutation(problem.customers)
    members = order[np.argsort(group_of[order], kind="stable")]
    before = np.searchsorted(group_of[members], ways.groups, side="left")
    gone = np.cumsum(times) - times
    gone -= gone[np.searchsorted(ways.groups, ways.groups, side="left")]
    way = np.repeat(np.arange(len(times)), times)
    within = np.arange(len(way)) - np.repeat(np.cumsum(times) - times, times)
    customer = members[before[way] + gone[way] + within]
    at, kind = np.nonzero(ways.contacts[way])
    wanted = np.sort(customer[at] * problem.menu.kinds + kind)
    whose = np.repeat(np.arange(problem.customers), np.diff(problem.starts))
    entries = np.flatnonzero(np.isin(whose * problem.menu.kinds + problem.kinds, wanted))
    nothing = np.full((problem.customers, problem.most_of_all), NOWHERE, dtype=np.int16)
    return put(problem, nothing, np.empty(0, dtype=np.int64), whose[entries], entries)

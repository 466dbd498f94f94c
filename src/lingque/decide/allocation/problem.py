"""The problem: maximise Σ value · x over contacts x ∈ {0, 1}, within what each customer and all of them together bear.

*Local* limits hold for one customer: at most so many contacts, one per offer and per group of offers that exclude one
another, so many per channel. *Global* limits are rows over all customers, and the hours of those who make contacts with
their own customers only: `Staff`, or more widely `Crew`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lingque.core.errors import AllocationError
from lingque.core.hashing import Float64s, Int64s
from lingque.decide.allocation.limits import Row
from lingque.decide.allocation.menu import Menu

Float32s = NDArray[np.float32]
Flags = NDArray[np.bool_]
Kinds = NDArray[np.uint8] | NDArray[np.uint16]
MOST_ENTRIES = 32_767
"""Of one customer; a choice names an entry of the customer's in 16 bits."""


@dataclass(frozen=True, kw_only=True)
class Staff:
    """A channel on which the staff of each customer's branch makes the contacts, each taking `hours_per_contact`.

    Customers are sorted by branch: those of branch b are `starts[b]:starts[b + 1]`. `hours` (branches,).
    """

    channel: str
    starts: Int64s
    hours: Float64s
    hours_per_contact: float = 1.0

    @property
    def rooms(self) -> Float64s:
        """(branches,) contacts that the hours allow; whole ones, since nobody is called by half."""
        rooms: Float64s = np.floor(self.hours / self.hours_per_contact * (1 + 1e-12))
        return rooms

    def with_rooms(self, rooms: Float64s) -> Staff:
        """The same branches with so many contacts, which may be broken numbers where they are a share of some."""
        return _SharedStaff(channel=self.channel, starts=self.starts, hours=rooms)


@dataclass(frozen=True, kw_only=True)
class Crew:
    """`unit_of` (n,): whose customer each is; `use` (kinds,): what a contact takes of that one's time; `hours`
    (units,), in the same measure. `name` is what limits are called that contradict it."""

    name: str
    unit_of: Int64s
    use: Float64s
    hours: Float64s
    shared: bool = False  # the hours are some customers' share, and may mean part of a contact

    @property
    def limits(self) -> Float64s:
        """(units,) of the hours what whole contacts can use: a multiple of what all of them take a multiple of."""
        used = np.unique(self.use[self.use > 0])
        step = 0.0
        if len(used) == 1:
            step = float(used[0])
        elif len(used) and (used == np.round(used)).all():
            step = float(np.gcd.reduce(used.astype(np.int64)))
        if self.shared or not step:
            return self.hours
        limits: Float64s = np.floor(self.hours / step * (1 + 1e-12)) * step
        return limits


class Needs(NamedTuple):
    """`offer` and `needed` (needs,) by number, `offer_of` (kinds,), `has` (n, needs), or of nobody."""

    offer: Int64s
    needed: Int64s
    offer_of: Int64s
    has: Flags


class Arrays(NamedTuple):
    """A problem as kernels see it. `costs` is empty where costs belong to kinds; `widest`: the most contacts of
    anybody; `staffed`: the channel of the staff, or -1."""

    values: Float32s
    kinds: Kinds
    costs: Float32s
    starts: Int64s
    most: NDArray[np.uint8]
    channel_of: Int64s
    class_of: Int64s
    caps: Int64s
    needs: Needs
    widest: int
    staffed: int


@dataclass(frozen=True, kw_only=True)
class Problem:
    """n customers, and per customer the entries `starts[i]:starts[i + 1]`: a kind with its value, each kind once.

    `values` (entries,) in any unit of money; `most` (n,) contacts of a customer. A cost belongs to the kind
    (`cost_of_kind`) or to the entry (`costs`); without either, contacts cost nothing. `has` (n, needs): who has what
    each of the menu's needs asks for already; nobody, if None. Arrays may be memory-mapped.
    Raises `AllocationError` on anything that makes the question meaningless, and names it.
    """

    menu: Menu
    starts: Int64s
    kinds: Kinds
    values: Float32s
    most: NDArray[np.uint8]
    rows: tuple[Row, ...] = ()
    staff: Staff | None = None
    crews: tuple[Crew, ...] = ()
    cost_of_kind: Float64s | None = None
    costs: Float32s | None = None
    has: Flags | None = None

    def __post_init__(self) -> None:
        _check_shape(self)
        _check_numbers(self)
        _check_rows(self)
        if self.staff is not None:
            _check_staff(self, self.staff)
        for crew in self.crews:
            _check_crew(self, crew)

    @property
    def customers(self) -> int:
        return len(self.starts) - 1

    @property
    def entries(self) -> int:
        return len(self.values)

    @cached_property
    def most_of_all(self) -> int:
        """The greatest number of contacts of a customer, at least 1."""
        return max(int(self.most.max(initial=0)), 1)

    @cached_property
    def needs(self) -> Needs:
        """For kernels."""
        pairs = self.menu.need_pairs
        has = np.empty((0, len(pairs)), dtype=np.bool_) if self.has is None else self.has
        return Needs(offer=pairs[:, 0].copy(), needed=pairs[:, 1].copy(), offer_of=self.menu.offer_of, has=has)

    @cached_property
    def arrays(self) -> Arrays:
        """For kernels."""
        menu = self.menu
        return Arrays(
            values=self.values,
            kinds=self.kinds,
            costs=np.empty(0, dtype=np.float32) if self.costs is None else self.costs,
            starts=self.starts,
            most=self.most,
            channel_of=menu.channel_of,
            class_of=menu.class_of,
            caps=menu.caps,
            needs=self.needs,
            widest=self.most_of_all,
            staffed=-1 if self.staff is None else menu.channel(self.staff.channel),
        )

    @cached_property
    def limits(self) -> Float64s:
        """(rows,) the right-hand sides as ≤; in whole contacts where every contact uses the same (Chvátal 1973)."""
        limits = np.array([row.sign * row.amount for row in self.rows], dtype=np.float64)
        for at, row in enumerate(self.rows):
            used = np.abs(self.use[at][self.use[at] != 0])
            if not row.shared and len(used) and not self.use_of_cost[at].any() and used.min() == used.max():
                # what is one rounding error short of a whole contact was meant to be one
                contacts = limits[at] / used[0]
                limits[at] = np.floor(contacts + 1e-12 * max(abs(contacts), 1.0)) * used[0]
        return limits

    @cached_property
    def use(self) -> Float64s:
        """(rows, kinds) what one contact of a kind uses, as ≤."""
        by_kind = np.zeros(self.menu.kinds) if self.cost_of_kind is None else self.cost_of_kind
        rows = [row.sign * row.use * (by_kind if row.spends else 1.0) for row in self.rows]
        return _table(rows, self.menu)

    @cached_property
    def use_of_cost(self) -> Float64s:
        """(rows, kinds) what a contact uses per unit of its own cost, where costs belong to entries."""
        of_entry = 0.0 if self.costs is None else 1.0
        rows = [row.sign * row.use * (of_entry if row.spends else 0.0) for row in self.rows]
        return _table(rows, self.menu)

    def with_limits(self, amounts: Sequence[float]) -> Problem:
        """The same customers under other amounts, in the order of the rows."""
        rows = tuple(replace(row, amount=amount) for row, amount in zip(self.rows, amounts, strict=True))
        return replace(self, rows=rows)

    def part(self, customers: Int64s, *, share: float) -> Problem:
        """Some of the customers, under that share of every limit; ascending where there are branches."""
        lengths = np.diff(self.starts)[customers]
        starts = np.concatenate(([0], np.cumsum(lengths)))
        entries = np.repeat(self.starts[:-1][customers] - starts[:-1], lengths) + np.arange(starts[-1])
        staff = self.staff
        if staff is not None:
            starts_of_branches = np.searchsorted(customers, staff.starts)
            staff = replace(staff, starts=starts_of_branches).with_rooms(staff.rooms * share)
        return replace(
            self,
            starts=starts,
            kinds=self.kinds[entries],
            values=self.values[entries],
            costs=None if self.costs is None else self.costs[entries],
            most=self.most[customers],
            has=None if self.has is None else self.has[customers],
            rows=tuple(replace(row, amount=row.amount * share, shared=row.shared or share != 1) for row in self.rows),
            staff=staff,
            crews=tuple(
                replace(crew, unit_of=crew.unit_of[customers], hours=crew.limits * share, shared=True)
                for crew in self.crews
            ),
        )


class _SharedStaff(Staff):
    """The staff as a part of the customers sees it."""

    @property
    def rooms(self) -> Float64s:
        return self.hours


def smallest_kinds(kinds: NDArray[Any], menu: Menu) -> Kinds:
    """Kinds in the fewest bytes that hold the menu; a pass over them is as fast as memory."""
    return kinds.astype(np.uint8) if menu.kinds <= 256 else kinds.astype(np.uint16)


def _table(rows: Sequence[Float64s], menu: Menu) -> Float64s:
    table: Float64s = np.array(rows, dtype=np.float64).reshape(len(rows), menu.kinds)
    return table


def _check_shape(problem: Problem) -> None:
    starts, entries = problem.starts, problem.entries
    if len(starts) < 1 or starts[0] != 0 or starts[-1] != entries or (np.diff(starts) < 0).any():
        raise AllocationError(
            f"starts do not lead through the {entries} entries", next_step="starts rise from 0 to the number of entries"
        )
    if len(problem.kinds) != entries or len(problem.most) != problem.customers:
        raise AllocationError(
            f"{problem.customers} customers with {entries} entries have {len(problem.most)} numbers of contacts and"
            f" {len(problem.kinds)} kinds",
            next_step="give one 'most' per customer and one kind per entry",
        )
    if entries and int(problem.kinds.max()) >= problem.menu.kinds:
        raise AllocationError(
            f"kind {int(problem.kinds.max())} is not on the menu of {problem.menu.kinds}", next_step="ask Menu.kind"
        )
    if entries and int(np.diff(starts).max()) > min(MOST_ENTRIES, problem.menu.kinds):
        raise AllocationError(
            f"a customer has {int(np.diff(starts).max())} entries, more than there are kinds",
            next_step="give each kind once",
        )
    if problem.has is not None and problem.has.shape != (problem.customers, len(problem.menu.needs)):
        raise AllocationError(
            f"'has' is {problem.has.shape} for {problem.customers} customers and {len(problem.menu.needs)} needs",
            next_step="give one truth for each customer and need of the menu",
        )
    if problem.cost_of_kind is not None and problem.costs is not None:
        raise AllocationError("costs are given per kind and per entry", next_step="give one of them")


def _check_numbers(problem: Problem) -> None:
    by_kind = problem.cost_of_kind
    costs = problem.costs if by_kind is None else by_kind
    if costs is not None and len(costs) != (problem.entries if by_kind is None else problem.menu.kinds):
        raise AllocationError(f"there are {len(costs)} costs", next_step="give one per entry, or one per kind")
    for what, numbers in (("value", problem.values), ("cost", costs)):
        if numbers is None:
            continue
        # the sum is finite only if every one is, or if huge ones cancel; only then is each looked at
        if not np.isfinite(np.sum(numbers, dtype=np.float64)) or what == "cost":
            bad = ~np.isfinite(numbers) if what == "value" else ~(np.isfinite(numbers) & (numbers >= 0))
            if bad.any():
                at = int(np.argmax(bad))
                raise AllocationError(
                    f"{what} {at} is {numbers[at]}, as are {int(bad.sum()) - 1} others",
                    next_step="leave out the entries that have no value" if what == "value" else "a cost is 0 or more",
                )


def _check_rows(problem: Problem) -> None:
    names = [row.name for row in problem.rows]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise AllocationError(f"the limit '{twice}' is given twice", next_step="keep the narrower one")
    for row in problem.rows:
        if not np.isfinite(row.amount) or row.amount < 0:
            raise AllocationError(
                f"the limit '{row.name}' is {row.amount}", next_step="give 0 or more; leave out what is not limited"
            )
        if len(row.use) != problem.menu.kinds or not np.isfinite(row.use).all() or (row.use < 0).any():
            raise AllocationError(
                f"the limit '{row.name}' has no use of 0 or more for each of the {problem.menu.kinds} kinds",
                next_step="make it with the functions of `allocation.limits`",
            )


def _check_staff(problem: Problem, staff: Staff) -> None:
    problem.menu.channel(staff.channel)
    starts = staff.starts
    if len(starts) != len(staff.hours) + 1 or starts[0] != 0 or starts[-1] != problem.customers:
        raise AllocationError(
            f"the {len(staff.hours)} branches do not lead through the {problem.customers} customers",
            next_step="sort the customers by branch; starts rise from 0 to the number of customers",
        )
    if (np.diff(starts) < 0).any():
        raise AllocationError("the customers are not sorted by branch", next_step="sort them")
    bad = ~(np.isfinite(staff.hours) & (staff.hours >= 0))
    if bad.any():
        branch = int(np.argmax(bad))
        raise AllocationError(f"branch {branch} has {staff.hours[branch]} hours", next_step="give 0 or more")
    if not staff.hours_per_contact > 0:
        raise AllocationError(
            f"a contact takes {staff.hours_per_contact} hours", next_step="give more than 0, or leave the staff out"
        )


def _check_crew(problem: Problem, crew: Crew) -> None:
    units = len(crew.hours)
    if len(crew.unit_of) != problem.customers or len(crew.use) != problem.menu.kinds:
        raise AllocationError(
            f"'{crew.name}' speaks of {len(crew.unit_of)} customers and {len(crew.use)} kinds, of"
            f" {problem.customers} and {problem.menu.kinds}",
            next_step="give each customer a unit, and each kind the time that it takes",
        )
    if problem.customers and not 0 <= crew.unit_of.min() <= crew.unit_of.max() < units:
        raise AllocationError(
            f"a customer of '{crew.name}' belongs to none of the {units} units",
            next_step="give those who are nobody's a unit without hours",
        )
    if not (np.isfinite(crew.use).all() and (crew.use >= 0).all()):
        raise AllocationError(f"a contact takes less than no time of '{crew.name}'", next_step="give 0 or more")
    bad = ~(np.isfinite(crew.hours) & (crew.hours >= 0))
    if bad.any():
        unit = int(np.argmax(bad))
        raise AllocationError(f"unit {unit} of '{crew.name}' has {crew.hours[unit]} hours", next_step="give 0 or more")

"""Drawn allocation problems, small enough to be tried out wholly."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from lingque.decide.allocation.limits import (
    Row,
    channel_capacity,
    minimum_volume,
    offer_budget,
    offer_stock,
    total_budget,
)
from lingque.decide.allocation.menu import Menu
from lingque.decide.allocation.passes import Choice
from lingque.decide.allocation.problem import Crew, Problem, Staff, smallest_kinds

OFFERS = ("card", "loan", "fund", "deposit")
CHANNELS = ("sms", "push", "rm")


def problem_of(
    menu: Menu, values: Sequence[dict[int, float]], *, most: Sequence[int] | int = 1, rows: Sequence[Row] = (),
    **more: Any,
) -> Problem:  # fmt: skip
    """From one {kind: value} per customer."""
    count = len(values)
    return Problem(
        menu=menu,
        starts=np.concatenate(([0], np.cumsum([len(one) for one in values]))).astype(np.int64),
        kinds=smallest_kinds(np.array([kind for one in values for kind in one], dtype=np.int64), menu),
        values=np.array([value for one in values for value in one.values()], dtype=np.float32),
        most=np.array([most] * count if isinstance(most, int) else most, dtype=np.uint8),
        rows=tuple(rows),
        **more,
    )


@st.composite
def problems(draw: st.DrawFn, *, customers: int = 4, kinds: int = 4, most: int = 3, globally: bool = True) -> Problem:
    """Up to so many customers, entries of a customer and contacts of a customer."""
    offers = OFFERS[: draw(st.integers(1, 4))]
    channels = CHANNELS[: draw(st.integers(1, 3))]
    exclusive = ((offers[0], offers[1]),) if len(offers) > 1 and draw(st.booleans()) else ()
    caps = tuple(draw(st.lists(st.integers(0, 3), min_size=len(channels), max_size=len(channels))))
    pair = st.lists(st.sampled_from(offers), min_size=2, max_size=2, unique=True).map(tuple)
    needs = tuple(draw(st.lists(pair, max_size=3, unique=True))) if len(offers) > 1 else ()
    menu = Menu(offers=offers, channels=channels, most_per_channel=caps, exclusive=exclusive, needs=needs)
    count = draw(st.integers(1, customers))
    value = st.integers(-4, 12).map(float)
    values = [
        draw(st.dictionaries(st.integers(0, menu.kinds - 1), value, max_size=min(kinds, menu.kinds)))
        for _ in range(count)
    ]
    cost = st.integers(0, 4).map(float)
    by_kind = np.array(draw(st.lists(cost, min_size=menu.kinds, max_size=menu.kinds)))
    problem = problem_of(
        menu, values, most=draw(st.lists(st.integers(0, most), min_size=count, max_size=count)), cost_of_kind=by_kind
    )
    if needs and draw(st.booleans()):
        has = draw(st.lists(st.booleans(), min_size=count * len(needs), max_size=count * len(needs)))
        problem = replace(problem, has=np.array(has).reshape(count, len(needs)))
    if draw(st.booleans()):
        costs = draw(st.lists(cost, min_size=problem.entries, max_size=problem.entries))
        problem = replace(problem, cost_of_kind=None, costs=np.array(costs, dtype=np.float32))
    return replace(problem, rows=draw(_rows(menu)), staff=draw(_staff(menu, count))) if globally else problem


@st.composite
def _rows(draw: st.DrawFn, menu: Menu) -> tuple[Row, ...]:
    few = st.integers(0, 6).map(lambda half: half / 2)
    rows = [channel_capacity(menu, name, draw(few)) for name in menu.channels if draw(st.booleans())]
    rows += [offer_stock(menu, name, draw(few)) for name in menu.offers if draw(st.booleans())]
    if draw(st.booleans()):
        rows.append(total_budget(menu, draw(st.integers(0, 12).map(float))))
    if draw(st.booleans()):
        rows.append(offer_budget(menu, menu.offers[0], draw(st.integers(0, 8).map(float))))
    if draw(st.booleans()):
        rows.append(minimum_volume(menu, menu.offers[-1], draw(st.integers(0, 4).map(lambda half: half / 2))))
    return tuple(rows)


@st.composite
def _staff(draw: st.DrawFn, menu: Menu, customers: int) -> Staff | None:
    if draw(st.booleans()):
        return None
    border = draw(st.integers(0, customers))
    hours = draw(st.lists(st.integers(0, 5).map(lambda half: half / 2), min_size=2, max_size=2))
    return Staff(
        channel=menu.channels[-1],
        starts=np.array([0, border, customers], dtype=np.int64),
        hours=np.array(hours),
        hours_per_contact=0.5,
    )


@st.composite
def crews(draw: st.DrawFn, problem: Problem) -> tuple[Crew, ...]:
    """One or two, each with two units, whose contacts take different times."""
    found = []
    for name in ("managers", "branches")[: draw(st.integers(1, 2))]:
        time = st.sampled_from([0.0, 2.0, 3.0, 4.0])
        found.append(
            Crew(
                name=name,
                unit_of=np.array(
                    draw(st.lists(st.integers(0, 1), min_size=problem.customers, max_size=problem.customers))
                ),
                use=np.array(draw(st.lists(time, min_size=problem.menu.kinds, max_size=problem.menu.kinds))),
                hours=np.array(draw(st.lists(st.integers(0, 9).map(float), min_size=2, max_size=2))),
            )
        )
    return tuple(found)


def sets_of(problem: Problem, customer: int) -> Iterator[tuple[int, ...]]:
    """Every set of entries that a customer may get."""
    menu = problem.menu
    entries = range(int(problem.starts[customer]), int(problem.starts[customer + 1]))
    for size in range(int(problem.most[customer]) + 1):
        for some in itertools.combinations(entries, size):
            kinds = [int(problem.kinds[entry]) for entry in some]
            classes = [int(menu.class_of[kind]) for kind in kinds]
            channels = [int(menu.channel_of[kind]) for kind in kinds]
            apart = len(set(classes)) == size and all(channels.count(one) <= menu.caps[one] for one in channels)
            offers = {menu.offers[int(menu.offer_of[kind])] for kind in kinds}
            if apart and all(
                offer not in offers or needed in offers or (problem.has is not None and problem.has[customer, number])
                for number, (offer, needed) in enumerate(menu.needs)
            ):
                yield some


def keeps_all(problem: Problem, chosen: Sequence[tuple[int, ...]]) -> bool:
    """Whether one set per customer keeps the global limits."""
    entries = [entry for some in chosen for entry in some]
    for row in problem.rows:
        used = 0.0
        for entry in entries:
            kind = int(problem.kinds[entry])
            cost = problem.costs[entry] if problem.costs is not None else 0.0
            if problem.cost_of_kind is not None:
                cost = problem.cost_of_kind[kind]
            used += float(row.use[kind]) * (float(cost) if row.spends else 1.0)
        if row.sign * used > row.sign * row.amount + 1e-9:
            return False
    return _keeps_crews(problem, chosen) and _keeps_staff(problem, chosen)


def _keeps_crews(problem: Problem, chosen: Sequence[tuple[int, ...]]) -> bool:
    for crew in problem.crews:
        worked = np.zeros(len(crew.hours))
        for customer, some in enumerate(chosen):
            worked[crew.unit_of[customer]] += sum(float(crew.use[problem.kinds[entry]]) for entry in some)
        if (worked > crew.hours + 1e-9).any():
            return False
    return True


def _keeps_staff(problem: Problem, chosen: Sequence[tuple[int, ...]]) -> bool:
    staff = problem.staff
    if staff is None:
        return True
    channel = problem.menu.channel(staff.channel)
    for branch in range(len(staff.hours)):
        its = chosen[int(staff.starts[branch]) : int(staff.starts[branch + 1])]
        calls = sum(problem.menu.channel_of[problem.kinds[entry]] == channel for some in its for entry in some)
        if calls * staff.hours_per_contact > staff.hours[branch] + 1e-9:
            return False
    return True


def worth(problem: Problem, chosen: Sequence[tuple[int, ...]]) -> float:
    return float(sum(float(problem.values[entry]) for some in chosen for entry in some))


def best_by_trying(problem: Problem) -> float | None:
    """The greatest worth of all choices; None where none keeps the limits."""
    every = [list(sets_of(problem, customer)) for customer in range(problem.customers)]
    found = [worth(problem, chosen) for chosen in itertools.product(*every) if keeps_all(problem, chosen)]
    return max(found) if found else None


def chosen_of(problem: Problem, choice: Choice) -> list[tuple[int, ...]]:
    """A choice as one tuple of entries per customer."""
    return [tuple(int(problem.starts[customer] + at) for at in row if at >= 0) for customer, row in enumerate(choice)]


def with_managers(problem: Problem, *, managers: int, minutes: Sequence[float], seed: int = 0) -> Problem:
    """The crowd without its staff: calls by managers to whom customers belong by chance, `minutes` each, by the number
    of the offer; each manager has hours for a few calls."""
    random = np.random.default_rng(seed)
    calls = problem.menu.channel_of == problem.menu.channel("rm")
    unit = random.integers(0, managers, problem.customers)
    crew = Crew(
        name="managers",
        unit_of=unit,
        use=np.where(calls, np.array(minutes)[problem.menu.offer_of % len(minutes)], 0.0),
        hours=np.bincount(unit, minlength=managers) * 20 * random.uniform(0.02, 0.08, managers),
    )
    return replace(problem, staff=None, crews=(crew,))


def crowd(
    customers: int, seed: int, *, most: int = 2, branches: int = 5, needs: tuple[tuple[str, str], ...] = ()
) -> Problem:
    """A bank in small: heavy-tailed values, every kind of limit; a third has what an offer needs."""
    random = np.random.default_rng(seed)
    menu = Menu(offers=tuple(f"offer_{number}" for number in range(8)), channels=("sms", "push", "rm"), needs=needs)
    own = np.array([0.0, 0.0, 0.5, 1.0, 3.0, 0.0, 0.0, 1.0])
    by_kind = (own[:, None] + np.array([0.06, 0.01, 12.0])).ravel()
    there = random.random((customers, menu.kinds)) < 0.4
    worth_of = np.exp(random.normal(0, 1, (customers, 1)) + random.normal(1, 1, (customers, menu.kinds)))
    worth_of = worth_of * np.tile([1.0, 0.8, 3.0], 8) - by_kind
    branch = np.sort(random.integers(0, branches, customers))
    starts = np.searchsorted(branch, np.arange(branches + 1))
    rows = [
        channel_capacity(menu, "sms", customers // 4),
        channel_capacity(menu, "push", customers // 5),
        *(offer_stock(menu, name, customers // random.integers(8, 40)) for name in menu.offers[:6]),
        offer_budget(menu, "offer_4", 0.0613 * customers, each=3.0),
        total_budget(menu, 1.5 * customers),
        minimum_volume(menu, "offer_7", customers // 60),
    ]
    return Problem(
        menu=menu,
        starts=np.concatenate(([0], np.cumsum(there.sum(axis=1)))),
        kinds=smallest_kinds(np.nonzero(there)[1], menu),
        values=worth_of[there].astype(np.float32),
        most=random.integers(1, most + 1, customers).astype(np.uint8),
        rows=tuple(rows),
        staff=Staff(channel="rm", starts=starts, hours=np.diff(starts) * 0.0613),
        cost_of_kind=by_kind,
        has=random.random((customers, len(needs))) < 0.3 if needs else None,
    )

"""Several campaigns share what there is: the best of all choices, each customer's limits and each campaign's kept."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lingque.decide.allocation.infeasible import Infeasible
from lingque.decide.allocation.limits import Limit
from lingque.decide.contracts import NOTHING
from lingque.decide.resources import Resource
from lingque.decide.sharing import FIRST, Shared, Side, share_out

SALT = "autumn/2026-06-15"
Chosen = tuple[tuple[int, ...], ...]
"""Per customer the candidate of each side."""


@dataclass(frozen=True, kw_only=True)
class Fair:
    """Sides with one or two candidates each; a value of 0 stands for a refusal. `room` is of the first candidates of
    all sides together: a channel they share; `budget` of all contacts, which cost 2 and then 1 each in turn."""

    sizes: list[int]
    values: list[list[int]]
    held_out: list[list[bool]]
    hold_outs: list[float]
    groups: list[int]
    first: list[bool]
    minimums: list[int]
    most: list[int]
    room: int | None
    budget: int | None = None

    @property
    def costs(self) -> list[int]:
        return [2 - index % 2 for index in range(len(self.values))]

    @property
    def starts(self) -> list[int]:
        return [0, *itertools.accumulate(self.sizes)]

    @property
    def side_of(self) -> list[int]:
        return [side for side, size in enumerate(self.sizes) for _ in range(size)]

    @property
    def on_channel(self) -> list[bool]:
        return [index in self.starts for index in range(len(self.values))]

    def resources(self) -> list[Resource]:
        found = []
        if self.room is not None:
            use = np.array(self.on_channel, dtype=np.float64)
            found.append(Resource(limit=Limit.CHANNEL, subject="sms", use=use, amount=self.room))
        if self.budget is not None:
            use = np.array(self.costs, dtype=np.float64)
            found.append(Resource(limit=Limit.BUDGET, subject="", use=use, amount=self.budget))
        for side, least in enumerate(self.minimums):
            if least:
                mine = np.array([one == side for one in self.side_of], dtype=np.float64)
                found.append(Resource(limit=Limit.MINIMUM, subject=f"side_{side}", use=mine, amount=least))
        return found

    def shared(self) -> Shared | Infeasible:
        values = np.array(self.values, dtype=np.float64).reshape(len(self.side_of), len(self.most))
        sides = [
            Side(
                name=f"side_{number}",
                candidates=slice(self.starts[number], self.starts[number + 1]),
                hold_out=self.hold_outs[number],
                held_out=np.array(self.held_out[number], dtype=np.bool_),
                group=self.groups[number],
                first=self.first[number],
            )
            for number in range(len(self.sizes))
        ]
        return share_out(
            np.where(values > 0, values, -np.inf),
            self.resources(),
            np.arange(len(self.most), dtype=np.int64) * 977 + 5,
            sides,
            salt=SALT,
            most=np.array(self.most, dtype=np.uint8),
        )

    def options(self, customer: int) -> list[tuple[int, ...]]:
        """Everything one customer may get."""
        of_side = [
            [NOTHING, *(n for n in range(self.starts[side], self.starts[side + 1]) if self.values[n][customer] > 0)]
            for side in range(len(self.sizes))
        ]
        return [one for one in itertools.product(*of_side) if self.bearable(one, customer)]

    def bearable(self, got: tuple[int, ...], customer: int) -> bool:
        groups = [self.groups[side] for side, index in enumerate(got) if index != NOTHING]
        return len(groups) <= self.most[customer] and len(set(groups)) == len(groups)

    def contacts(self, chosen: Chosen, side: int) -> int:
        return sum(got[side] != NOTHING and not self.held_out[side][at] for at, got in enumerate(chosen))

    def on_the_channel(self, chosen: Chosen) -> int:
        return sum(
            index != NOTHING and self.on_channel[index] and not self.held_out[side][at]
            for at, got in enumerate(chosen)
            for side, index in enumerate(got)
        )

    def served(self, chosen: Chosen) -> int:
        return sum(self.contacts(chosen, side) for side, first in enumerate(self.first) if first)

    def worth(self, chosen: Chosen) -> int:
        return sum(
            self.values[index][at]
            for at, got in enumerate(chosen)
            for side, index in enumerate(got)
            if index != NOTHING and not self.held_out[side][at]
        )

    def spent(self, chosen: Chosen) -> int:
        return sum(
            self.costs[index]
            for at, got in enumerate(chosen)
            for side, index in enumerate(got)
            if index != NOTHING and not self.held_out[side][at]
        )

    def fits(self, chosen: Chosen) -> bool:
        within = self.budget is None or self.spent(chosen) <= self.budget
        return within and (self.room is None or self.on_the_channel(chosen) <= self.room)

    def keeps(self, chosen: Chosen) -> bool:
        return self.fits(chosen) and all(
            self.contacts(chosen, side) >= least for side, least in enumerate(self.minimums)
        )

    def choices(self) -> Iterator[Chosen]:
        return itertools.product(*(self.options(customer) for customer in range(len(self.most))))


def chosen_by(shared: Shared) -> Chosen:
    return tuple(tuple(int(one) for one in got) for got in shared.chosen.T)


@st.composite
def fairs(draw: st.DrawFn, *, most: int = 3, minimums: bool = True, hold_out: bool = False) -> Fair:
    size = draw(st.integers(1, most))
    sizes = draw(st.lists(st.integers(1, 2), min_size=1, max_size=3))
    values = st.lists(st.integers(0, 6), min_size=size, max_size=size)
    held = st.lists(st.booleans(), min_size=size, max_size=size)
    return Fair(
        sizes=sizes,
        values=[draw(values) for _ in range(sum(sizes))],
        held_out=[draw(held) if hold_out else [False] * size for _ in sizes],
        hold_outs=[draw(st.sampled_from([0.0, 0.3, 0.5])) if hold_out else 0.0 for _ in sizes],
        groups=[draw(st.integers(0, number)) for number in range(len(sizes))],
        first=[draw(st.booleans()) for _ in sizes],
        minimums=[draw(st.integers(0, 2)) if minimums else 0 for _ in sizes],
        most=draw(st.lists(st.integers(0, 2), min_size=size, max_size=size)),
        room=draw(st.none() | st.integers(0, 4)),
        budget=draw(st.none() | st.integers(0, 6)),
    )


@settings(max_examples=120, deadline=None)
@given(fair=fairs())
def test_with_nobody_held_out_first_comes_first_and_the_rest_is_the_best_of_all(fair: Fair) -> None:
    shared = fair.shared()
    kept = [one for one in fair.choices() if fair.keeps(one)]
    if not kept:
        assert isinstance(shared, Infeasible)
        assert {one.name for one in shared.giving} <= {one.name.rstrip(":") for one in fair.resources()}
        return
    assert isinstance(shared, Shared)
    chosen = chosen_by(shared)
    assert fair.keeps(chosen)
    assert all(fair.bearable(got, at) for at, got in enumerate(chosen))
    served = max(fair.served(one) for one in kept)
    if any(fair.first) and not all(fair.first):
        assert fair.served(chosen) == served
        kept = [one for one in kept if fair.served(one) == served]
    best = max(fair.worth(one) for one in kept)
    assert fair.worth(chosen) == best == shared.certificate.objective
    assert shared.certificate.bound >= best - 1e-6


def test_a_price_is_that_of_its_own_limit_a_budget_of_all_included() -> None:
    """200 customers, all limits bind: only the right prices of all of them make the bound close."""
    rng = np.random.default_rng(8)
    n = 2_000
    values = rng.integers(20, 2_000, size=(4, n)).astype(np.float64)
    sides = [
        Side(name=name, candidates=slice(at, at + 2), hold_out=0.0, held_out=np.zeros(n, dtype=np.bool_), group=at)
        for at, name in ((0, "a"), (2, "b"))
    ]
    resources = [
        Resource(limit=Limit.BUDGET, subject="", use=np.array([7.0, 2.0, 5.0, 1.0]), amount=1_500.0),
        Resource(limit=Limit.CHANNEL, subject="sms", use=np.array([0.0, 1.0, 0.0, 1.0]), amount=300),
        Resource(limit=Limit.MINIMUM, subject="a", use=np.array([1.0, 1.0, 0.0, 0.0]), amount=250),
    ]
    shared = share_out(values, resources, np.arange(n, dtype=np.int64), sides, salt=SALT)
    assert isinstance(shared, Shared)
    assert all(report.price > 0 for report in shared.certificate.limits)
    assert shared.certificate.gap < 1e-3


@settings(max_examples=80, deadline=None)
@given(fair=fairs(minimums=False, hold_out=True))
def test_whoever_is_held_out_nothing_is_overrun_and_the_certificate_bounds_every_choice(fair: Fair) -> None:
    shared = fair.shared()
    assert isinstance(shared, Shared)
    chosen = chosen_by(shared)
    assert fair.fits(chosen)
    assert all(fair.bearable(got, at) for at, got in enumerate(chosen))
    assert all(index == NOTHING or fair.values[index][at] > 0 for at, got in enumerate(chosen) for index in got)
    served = fair.served(chosen)
    others = [one for one in fair.choices() if fair.fits(one) and fair.served(one) >= served]
    assert shared.certificate.objective == fair.worth(chosen)
    assert shared.certificate.bound >= max(fair.worth(one) for one in others) - 1e-6
    used = {report.name: report.used for report in shared.certificate.limits}
    assert used.get("channel:sms", fair.on_the_channel(chosen)) == fair.on_the_channel(chosen)
    assert used.get(f"minimum:{FIRST}", served) == served


@settings(max_examples=60, deadline=None)
@given(fair=fairs(most=6, minimums=False), data=st.data())
def test_nobodys_own_draw_decides_for_what_they_are_considered(fair: Fair, data: st.DataObject) -> None:
    """With one contact each, of the same hold-out: the draws of others say how much is left, one's own nothing."""
    fair = dataclasses.replace(fair, most=[min(one, 1) for one in fair.most])
    at = data.draw(st.integers(0, len(fair.most) - 1))
    turned = [[not held if n == at else held for n, held in enumerate(row)] for row in fair.held_out]
    shared, other = fair.shared(), dataclasses.replace(fair, held_out=turned).shared()
    assert isinstance(shared, Shared)
    assert isinstance(other, Shared)
    assert chosen_by(shared)[at] == chosen_by(other)[at]


def test_a_campaign_that_comes_first_takes_the_channel_and_the_price_says_what_it_costs() -> None:
    fair = Fair(
        sizes=[1, 1],
        values=[[1, 1, 1, 1], [9, 9, 9, 9]],
        held_out=[[False] * 4] * 2,
        hold_outs=[0.0, 0.0],
        groups=[0, 1],
        first=[True, False],
        minimums=[0, 0],
        most=[2] * 4,
        room=6,
    )
    shared = fair.shared()
    assert isinstance(shared, Shared)
    chosen = chosen_by(shared)
    assert (fair.contacts(chosen, 0), fair.contacts(chosen, 1)) == (4, 2)
    prices = shared.certificate.price_of
    assert prices["channel:sms"] == pytest.approx(9)
    assert prices[f"minimum:{FIRST}"] == pytest.approx(8)


def test_a_minimum_takes_from_who_earns_more_and_no_more_than_it_must() -> None:
    fair = Fair(
        sizes=[1, 1],
        values=[[2, 2, 2, 2], [9, 8, 7, 6]],
        held_out=[[False] * 4] * 2,
        hold_outs=[0.0, 0.0],
        groups=[0, 1],
        first=[False, False],
        minimums=[1, 0],
        most=[1] * 4,
        room=None,
    )
    shared = fair.shared()
    assert isinstance(shared, Shared)
    assert chosen_by(shared) == ((NOTHING, 1),) * 3 + ((0, NOTHING),)
    assert shared.certificate.price_of["minimum:side_0"] == pytest.approx(4)
    too_much = dataclasses.replace(fair, minimums=[5, 0]).shared()
    assert isinstance(too_much, Infeasible)
    assert [(one.name, one.give) for one in too_much.giving] == [("minimum:side_0", pytest.approx(1))]


def test_where_campaigns_hold_out_different_shares_room_is_for_those_contacted() -> None:
    """1,000 who are worth the same to both, 100 places: neither side is passed over for holding more out."""
    rng = np.random.default_rng(5)
    n = 1_000
    worth = rng.integers(100, 1_000, size=(2, n)).astype(np.float64)
    held = np.array([rng.random(n) < share for share in (0.5, 0.1)])
    sides = [
        Side(name="a", candidates=slice(0, 1), hold_out=0.5, held_out=held[0], group=0),
        Side(name="b", candidates=slice(1, 2), hold_out=0.1, held_out=held[1], group=1),
    ]
    room = Resource(limit=Limit.CHANNEL, subject="sms", use=np.ones(2), amount=100)
    shared = share_out(worth, [room], np.arange(n, dtype=np.int64), sides, salt=SALT)
    assert isinstance(shared, Shared)
    assert int(((shared.chosen != NOTHING) & ~held).sum()) == 100
    assert shared.certificate.gap < 0.02
    contacted = [int(((shared.chosen[side] != NOTHING) & ~held[side]).sum()) for side in (0, 1)]
    assert min(contacted) > 30

"""What the prices are good for: what one more would earn, and a stream of arrivals within the limits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_problems import chosen_of, crowd, keeps_all, sets_of

from lingque.decide.allocation import infeasible
from lingque.decide.allocation.certificate import value_of
from lingque.decide.allocation.infeasible import conflicts_of
from lingque.decide.allocation.limits import Limit, minimum_volume
from lingque.decide.allocation.online import PriceController, join
from lingque.decide.allocation.passes import run_pass
from lingque.decide.allocation.problem import Problem
from lingque.decide.allocation.solver import Allocation, Effort, allocate
from lingque.decide.allocation.waiting import waiting_prices

FULL = crowd(3_000, 5)
BANK = replace(FULL, rows=tuple(row for row in FULL.rows if row.limit is not Limit.MINIMUM))


@pytest.mark.parametrize("limit", ["channel:sms", "budget"])
def test_profit_rises_with_a_limit_ever_more_slowly_and_the_price_is_the_slope(limit: str) -> None:
    amounts, bounds, prices = [], [], []
    for factor in (0.5, 1.0, 1.5, 2.0):
        varied = BANK.with_limits([row.amount * (factor if row.name == limit else 1.0) for row in BANK.rows])
        found = allocate(varied, Effort(gap=1e-4))
        assert isinstance(found, Allocation)
        (report,) = (one for one in found.certificate.limits if one.name == limit)
        amounts.append(report.amount)
        bounds.append(found.certificate.bound)
        prices.append(report.price)
    slopes = np.diff(bounds) / np.diff(amounts)
    assert (np.diff(bounds) >= -1e-6 * bounds[0]).all()
    assert (np.diff(slopes) <= 1e-3 * slopes[0]).all()
    for at, slope in enumerate(slopes):
        assert prices[at + 1] - 0.02 * prices[0] <= slope <= prices[at] + 0.02 * prices[0]


def test_of_many_customers_a_part_says_what_has_to_give(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = replace(FULL, rows=(minimum_volume(FULL.menu, "offer_1", 2_900.0),))
    exactly = conflicts_of(wanted)
    monkeypatch.setattr(infeasible, "MOST_ENTRIES", FULL.entries // 3)
    estimated = conflicts_of(wanted)
    assert estimated.estimated
    assert not exactly.estimated
    assert estimated.giving[0].give == pytest.approx(exactly.giving[0].give, rel=0.2)


def streamed(day: Problem, drift: float, *, steering: bool) -> tuple[float, bool, bool]:
    """The share of the bound that a stream of the day's customers reaches; whether all limits were kept."""
    random = np.random.default_rng(1)
    stream = replace(day, values=day.values * np.float32(drift))
    best = allocate(stream, Effort(gap=1e-3))
    past = day.part(np.sort(random.choice(day.customers, day.customers // 5, replace=False)), share=0.2)
    known = allocate(past, Effort(gap=1e-3))
    assert isinstance(best, Allocation)
    assert isinstance(known, Allocation)
    assert day.staff is not None
    assert past.staff is not None
    controller = PriceController(
        replace(past, rows=day.rows, staff=replace(day.staff, starts=past.staff.starts)),
        expected=day.customers,
        prices=known.certificate.prices,
        staff_prices=known.certificate.staff_prices,
    )
    whole = np.full((day.customers, day.most_of_all), -1, dtype=np.int16)
    for arriving in np.array_split(random.permutation(day.customers), 40):
        them = np.sort(arriving)
        part = stream.part(them, share=1.0)
        whole[them] = controller.decide(part, random.permutation(len(them)))
        if steering:
            controller.steer()
    kept = keeps_all(replace(stream, staff=None), chosen_of(stream, whole))
    staff_kept = keeps_all(replace(stream, rows=()), chosen_of(stream, whole))
    return value_of(stream, whole) / best.certificate.bound, kept, staff_kept


def test_a_stream_proposes_nothing_without_what_it_needs() -> None:
    day = crowd(2_000, 6, needs=(("offer_1", "offer_7"), ("offer_2", "offer_1")))
    nothing = np.zeros(len(day.rows))
    controller = PriceController(day, expected=4_000, prices=nothing, staff_prices=np.zeros(5))
    chosen = chosen_of(day, controller.decide(day))
    assert all(some == () or tuple(sorted(some)) in set(sets_of(day, one)) for one, some in enumerate(chosen))
    controller.steer()
    assert (controller.prices > 0).any()


@pytest.mark.parametrize("drift", [1.0, 1.15])
def test_a_stream_keeps_every_limit_and_steering_earns_more(drift: float) -> None:
    steered, kept, staff_kept = streamed(BANK, drift, steering=True)
    assert kept
    assert staff_kept
    still, kept, staff_kept = streamed(BANK, drift, steering=False)
    assert kept
    assert staff_kept
    assert steered > 0.95
    assert steered > still - 0.005


@pytest.mark.parametrize("known", [0.01, 0.025, 0.0625, 0.1])
def test_of_many_rooms_the_price_lets_as_many_others_in_as_there_is_room_for(known: float) -> None:
    branches, each, rooms = 4_000, 40, 40
    gains = np.random.default_rng(3).exponential(size=(branches * each, 1))
    prices = waiting_prices(gains, np.arange(branches + 1) * each, np.full(branches, float(rooms)), share=known)
    others = each * float(np.exp(-prices).mean())
    assert others == pytest.approx(rooms * known, rel=0.06)


def worth_of(gains: np.ndarray, rooms: int, coming: int) -> np.ndarray:
    """(rooms + 1,) backwards, a customer after the other: each takes a room or keeps it, whichever is worth more."""
    worth = np.zeros(rooms + 1)
    for _ in range(coming):
        worth[1:] += np.maximum(gains - np.diff(worth), 0).mean(axis=0)
    return worth


@pytest.mark.parametrize(("rooms", "coming"), [(1, 12), (3, 40), (8, 100)])
def test_of_a_few_rooms_the_price_is_what_waiting_is_worth(rooms: int, coming: int) -> None:
    gains = np.random.default_rng(5).exponential(size=(2_000, 1))
    prices = waiting_prices(gains, np.array([0, 2_000]), np.array([float(rooms)]), share=2_000 / coming)
    worth = worth_of(gains, rooms, coming)
    assert prices[0] == pytest.approx(float(worth[rooms] - worth[rooms - 1]), rel=0.1)


def test_branches_are_alike_unless_they_differ_more_than_by_chance() -> None:
    random, branches, each = np.random.default_rng(6), 200, 50
    starts, rooms = np.arange(branches + 1) * each, np.full(branches, 2.0)
    alike = random.exponential(size=(branches * each, 1))
    prices = waiting_prices(alike, starts, rooms, share=1.0)
    assert prices.std() < 0.05 * prices.mean()
    richer = alike.copy()
    richer[: starts[100]] *= 4
    prices = waiting_prices(richer, starts, rooms, share=1.0)
    assert 3 < prices[:100].mean() / prices[100:].mean() < 4.5


def test_where_nobody_gains_or_no_room_is_left_waiting_is_worth_nothing() -> None:
    starts, rooms = np.array([0, 2, 2, 4]), np.array([1.0, 1.0, 0.0])
    assert (waiting_prices(np.zeros((4, 1)), starts, rooms, share=1.0) == 0).all()
    prices = waiting_prices(np.ones((4, 1)), starts, rooms, share=1.0)
    assert prices[0] > 0
    assert (prices[1:] == 0).all()


def test_parts_that_are_joined_are_the_whole_again() -> None:
    customers = np.random.default_rng(2).permutation(BANK.customers)
    parts = [BANK.part(np.sort(some), share=0.5) for some in np.array_split(customers, 2)]
    joined = join(parts)
    zero = np.zeros(len(BANK.rows))
    free = replace(joined, rows=BANK.rows, staff=None)
    assert run_pass(free, zero).bound == pytest.approx(run_pass(replace(BANK, staff=None), zero).bound)
    assert joined.staff is not None
    assert BANK.staff is not None
    assert (joined.staff.starts == BANK.staff.starts).all()

"""What the prices are good for: what one more would earn, and a stream of arrivals within the limits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_problems import chosen_of, crowd, keeps_all, problem_of, sets_of

from lingque.core.errors import AllocationError
from lingque.decide.allocation import infeasible
from lingque.decide.allocation.certificate import value_of
from lingque.decide.allocation.infeasible import Infeasible, conflicts_of
from lingque.decide.allocation.online import PriceController, join
from lingque.decide.allocation.passes import run_pass
from lingque.decide.allocation.problem import Limit, Menu, Problem, Staff, minimum_volume
from lingque.decide.allocation.sensitivity import STAFF, Point, profit_against
from lingque.decide.allocation.solver import Allocation, Effort, allocate

FULL = crowd(3_000, 5)
BANK = replace(FULL, rows=tuple(row for row in FULL.rows if row.limit is not Limit.MINIMUM))


@pytest.mark.parametrize("limit", ["channel:sms", "budget", STAFF])
def test_profit_rises_with_a_limit_ever_more_slowly_and_the_price_is_the_slope(limit: str) -> None:
    points = profit_against(BANK, limit, (0.5, 1.0, 1.5, 2.0), Effort(gap=1e-4))
    assert all(isinstance(point, Point) for point in points)
    amounts = [point.amount for point in points if isinstance(point, Point)]
    bounds = [point.bound for point in points if isinstance(point, Point)]
    prices = [point.price for point in points if isinstance(point, Point)]
    slopes = np.diff(bounds) / np.diff(amounts)
    assert (np.diff(bounds) >= -1e-6 * bounds[0]).all()
    if limit == STAFF:
        return  # whole contacts of each branch: concave only in the mean
    assert (np.diff(slopes) <= 1e-3 * slopes[0]).all()
    for at, slope in enumerate(slopes):
        assert prices[at + 1] - 0.02 * prices[0] <= slope <= prices[at] + 0.02 * prices[0]


def test_a_curve_goes_on_where_the_limits_contradict_one_another() -> None:
    (less, as_it_is) = profit_against(FULL, "minimum:offer_7", (1e4, 1.0))
    assert isinstance(less, Infeasible)
    assert isinstance(as_it_is, Point)


def test_a_limit_that_is_not_there_is_named() -> None:
    with pytest.raises(AllocationError, match="there is no limit 'channel:smss'"):
        profit_against(BANK, "channel:smss", (1.0,))


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


@pytest.mark.parametrize("rooms", [0.4, 1.0, 2.5, 4.0])
def test_prices_ahead_let_as_many_others_in_as_there_is_room_for(rooms: float) -> None:
    branches, each = 4_000, 40
    gains = np.random.default_rng(3).exponential(size=branches * each)
    problem = problem_of(Menu(offers=("card",), channels=("rm",)), [{0: float(gain)} for gain in gains])
    starts = np.arange(branches + 1) * each
    staff = Staff(channel="rm", starts=starts, hours=np.full(branches, rooms))
    shared = replace(problem, staff=staff.with_rooms(staff.hours))
    ahead = run_pass(shared, np.empty(0), ahead=True).staff_prices
    others = each * float(np.exp(-ahead).mean())
    assert others == pytest.approx(rooms, rel=0.06)
    assert (ahead >= run_pass(shared, np.empty(0)).staff_prices).all()


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

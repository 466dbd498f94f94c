"""Hours of relationship managers and branches: who works for whose customers, contacts that take different times."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_problems import best_by_trying, chosen_of, crews, crowd, keeps_all, problem_of, problems, with_managers

from lingque.core.errors import AllocationError
from lingque.decide.allocation.infeasible import Infeasible
from lingque.decide.allocation.limits import minimum_volume
from lingque.decide.allocation.menu import Menu
from lingque.decide.allocation.online import PriceController
from lingque.decide.allocation.problem import Crew, Problem
from lingque.decide.allocation.solver import Allocation, Effort, allocate
from lingque.decide.allocation.verifier import verify

MENU = Menu(offers=("card", "loan"), channels=("sms", "rm"))
CALLS = np.array([0.0, 20.0, 0.0, 30.0])


def solved(problem: Problem, *, gap: float = 1e-9) -> Allocation:
    found = allocate(problem, Effort(gap=gap))
    assert isinstance(found, Allocation)
    assert verify(problem, found.choice, found.certificate).faults == ()
    return found


@given(st.data())
def test_small_problems_get_the_best_of_all_choices(data: st.DataObject) -> None:
    drawn = data.draw(problems(customers=3, kinds=3, most=2))
    problem = replace(drawn, crews=data.draw(crews(drawn)))
    best = best_by_trying(problem)
    found = allocate(problem, Effort(gap=1e-9))
    if best is None:
        assert isinstance(found, Infeasible)
        return
    assert isinstance(found, Allocation)
    assert verify(problem, found.choice, found.certificate).faults == ()
    assert keeps_all(problem, chosen_of(problem, found.choice))
    assert found.certificate.objective == pytest.approx(best)
    assert found.certificate.bound >= best - 1e-6


def test_each_manager_calls_own_customers_in_own_hours_and_an_hour_has_the_price_of_the_next_call() -> None:
    values = [{1: 50.0, 0: 1.0}, {1: 40.0, 0: 1.0}, {1: 30.0, 0: 1.0}, {1: 9.0, 0: 1.0}]
    crew = Crew(name="managers", unit_of=np.array([0, 0, 0, 1]), use=CALLS, hours=np.array([45.0, 60.0]))
    found = solved(problem_of(MENU, values, crews=(crew,)))
    assert [int(one[0]) for one in found.choice] == [0, 0, 1, 0]
    busy, idle = found.certificate.unit_prices.tolist()
    # the third call would earn 29 more than a text, in 20 minutes
    assert 29 / 20 - 1e-6 <= busy <= 39 / 20 + 1e-6
    assert idle == pytest.approx(0, abs=1e-6)


def test_a_customer_counts_with_the_manager_and_with_the_branch() -> None:
    values = [{1: 50.0}, {1: 40.0}, {1: 30.0}, {1: 20.0}]
    manager = Crew(name="managers", unit_of=np.array([0, 0, 1, 1]), use=CALLS, hours=np.array([20.0, 40.0]))
    branch = Crew(name="branches", unit_of=np.zeros(4, dtype=np.int64), use=CALLS, hours=np.array([40.0]))
    found = solved(problem_of(MENU, values, crews=(manager, branch)))
    assert found.certificate.objective == 80.0


@pytest.mark.parametrize("minutes", [(20.0,), (20.0, 30.0)], ids=["alike", "different"])
def test_many_managers_are_used_up_nearly_as_well_as_the_bound_says(minutes: tuple[float, ...]) -> None:
    problem = with_managers(crowd(4_000, 3), managers=20, minutes=minutes)
    found = solved(problem, gap=1e-6)
    assert found.certificate.gap <= (1e-5 if len(minutes) == 1 else 5e-3)
    (crew,) = problem.crews
    taken, places = np.nonzero(found.choice >= 0)
    kinds = problem.kinds[problem.starts[taken] + found.choice[taken, places]]
    worked = np.bincount(crew.unit_of[taken], weights=crew.use[kinds], minlength=20)
    # whoever's hour has a price has no time left for another call
    assert (crew.hours - worked < 20)[found.certificate.unit_prices > 0.1].all()


def test_a_minimum_that_the_hours_do_not_allow_is_told_with_them() -> None:
    values = [{1: 5.0}, {1: 5.0}, {1: 5.0}]
    crew = Crew(name="managers", unit_of=np.array([0, 0, 1]), use=CALLS, hours=np.array([20.0, 0.0]))
    found = allocate(problem_of(MENU, values, rows=(minimum_volume(MENU, "card", 2),), crews=(crew,)))
    assert isinstance(found, Infeasible)
    assert {one.name for one in found.conflicts} == {"minimum:card", "managers"}


def test_the_verifier_sees_hours_passed_and_prices_that_are_none() -> None:
    values = [{1: 50.0}, {1: 40.0}]
    crew = Crew(name="managers", unit_of=np.array([0, 0]), use=CALLS, hours=np.array([40.0]))
    problem = problem_of(MENU, values, crews=(crew,))
    found = solved(problem)
    short = replace(problem, crews=(replace(crew, hours=np.array([30.0])),))
    assert "works more hours" in str(verify(short, found.choice, found.certificate).faults)
    bad = replace(found.certificate, unit_prices=np.array([-1.0]))
    assert "crews' prices" in str(verify(problem, found.choice, bad).faults)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"unit_of": np.array([0, 2])}, "belongs to none of the 2 units"),
        ({"unit_of": np.array([0])}, "speaks of 1 customers"),
        ({"hours": np.array([1.0, -1.0])}, "unit 1 of 'managers' has -1.0 hours"),
        ({"use": np.array([0.0, -1.0, 0.0, 0.0])}, "less than no time"),
    ],
)
def test_a_crew_that_makes_no_sense_is_refused(change: dict[str, Any], told: str) -> None:
    crew = Crew(name="managers", unit_of=np.array([0, 1]), use=CALLS, hours=np.array([1.0, 1.0]))
    with pytest.raises(AllocationError, match=told):
        problem_of(MENU, [{1: 5.0}, {0: 1.0}], crews=(replace(crew, **change),))


def test_a_stream_says_that_it_knows_no_crews() -> None:
    problem = with_managers(crowd(50, 1), managers=2, minutes=(20.0,))
    with pytest.raises(AllocationError, match="knows no crews"):
        PriceController(problem, expected=10, prices=np.zeros(len(problem.rows)), staff_prices=np.empty(0))

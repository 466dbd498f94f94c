"""Odd problems get the right answer, senseless ones an error that names what is wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from small_problems import crowd, problem_of

from lingque.core.errors import AllocationError
from lingque.decide.allocation import solver
from lingque.decide.allocation.infeasible import Infeasible
from lingque.decide.allocation.limits import (
    Limit,
    Row,
    channel_capacity,
    minimum_volume,
    offer_budget,
    offer_stock,
    total_budget,
)
from lingque.decide.allocation.menu import Menu
from lingque.decide.allocation.problem import Problem, Staff
from lingque.decide.allocation.solver import Allocation, allocate
from lingque.decide.allocation.verifier import verify

MENU = Menu(offers=("card", "loan"), channels=("sms", "rm"))
CARD_SMS, CARD_RM, LOAN_SMS, LOAN_RM = range(4)


@pytest.fixture(params=["exact", "decomposed"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways of solving must know better."""
    if request.param == "decomposed":
        monkeypatch.setattr(solver, "SMALL", -1)
    return str(request.param)


def worth(problem: Problem) -> float:
    found = allocate(problem)
    assert isinstance(found, Allocation)
    verdict = verify(problem, found.choice, found.certificate)
    assert verdict.holds, verdict.faults
    return verdict.objective


def test_no_eligible_action() -> None:
    assert worth(problem_of(MENU, [{}, {}], rows=[channel_capacity(MENU, "sms", 1)])) == 0
    assert worth(problem_of(MENU, [])) == 0


def test_all_values_negative() -> None:
    assert worth(problem_of(MENU, [{CARD_SMS: -1.0}, {LOAN_RM: -2.0}], rows=[offer_stock(MENU, "card", 1)])) == 0


def test_zero_capacity() -> None:
    problem = problem_of(MENU, [{CARD_SMS: 3.0, CARD_RM: 1.0}] * 3, rows=[channel_capacity(MENU, "sms", 0)])
    assert worth(problem) == 3
    staff = Staff(channel="rm", starts=np.array([0, 3]), hours=np.zeros(1))
    assert worth(replace(problem, staff=staff)) == 0


def test_one_customer() -> None:
    one = problem_of(MENU, [{CARD_SMS: 3.0, LOAN_RM: 2.0}], most=2, rows=[channel_capacity(MENU, "sms", 1)])
    assert worth(one) == 5


def test_equal_values_everywhere() -> None:
    same = [dict.fromkeys(range(4), 1.0)] * 40
    rows = [channel_capacity(MENU, "sms", 7), offer_stock(MENU, "loan", 9)]
    staff = Staff(channel="rm", starts=np.array([0, 20, 40]), hours=np.array([3.0, 4.0]))
    assert worth(problem_of(MENU, same, rows=rows, staff=staff)) == 14


def test_capacities_a_million_times_too_large() -> None:
    problem = crowd(400, 3)
    lower = [row for row in problem.rows if row.limit is Limit.MINIMUM]
    free = worth(replace(problem, rows=tuple(lower)))
    huge = [row.amount * (1.0 if row.limit is Limit.MINIMUM else 1e6) for row in problem.rows]
    assert worth(problem.with_limits(huge)) == pytest.approx(free, rel=1e-4)


def test_tiny_and_huge_values_together() -> None:
    problem = problem_of(
        MENU,
        [{CARD_SMS: 1e9}, {CARD_SMS: 1e-9, LOAN_RM: 1e-9}, {CARD_SMS: 1e9}],
        rows=[channel_capacity(MENU, "sms", 2)],
    )
    found = allocate(problem)
    assert isinstance(found, Allocation)
    assert verify(problem, found.choice, found.certificate).holds
    assert found.certificate.objective == pytest.approx(2e9)


def test_contradictory_minimum_volumes_are_named_with_the_least_relaxation() -> None:
    rows = [
        minimum_volume(MENU, "card", 4),
        minimum_volume(MENU, "loan", 4),
        channel_capacity(MENU, "sms", 5),
        offer_stock(MENU, "card", 100),
    ]
    found = allocate(problem_of(MENU, [{CARD_SMS: 1.0, LOAN_SMS: 2.0}] * 20, rows=rows))
    assert isinstance(found, Infeasible)
    by_name = {one.name: one.give for one in found.conflicts}
    assert set(by_name) == {"minimum:card", "minimum:loan", "channel:sms"}
    assert sum(by_name.values()) == pytest.approx(3)
    assert "would have to give 3" in str(found)


def test_a_minimum_that_nobody_is_eligible_for() -> None:
    found = allocate(problem_of(MENU, [{CARD_SMS: 1.0}] * 3, rows=[minimum_volume(MENU, "loan", 2)]))
    assert isinstance(found, Infeasible)
    assert [(one.name, one.give) for one in found.giving] == [("minimum:loan", pytest.approx(2))]


def test_a_minimum_is_met_at_a_loss() -> None:
    rows = [minimum_volume(MENU, "loan", 2)]
    assert worth(problem_of(MENU, [{CARD_SMS: 5.0, LOAN_SMS: value} for value in (-3.0, -1.0, 4.0)], rows=rows)) == 8


GOOD = problem_of(MENU, [{CARD_SMS: 1.0}, {LOAN_SMS: 2.0, LOAN_RM: 1.0}])


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"values": np.array([1.0, np.nan, 1.0], dtype=np.float32)}, "value 1 is nan"),
        ({"values": np.array([1.0, 2.0, np.inf], dtype=np.float32)}, "value 2 is inf"),
        ({"costs": np.array([1.0, -2.0, 1.0], dtype=np.float32)}, "cost 1 is -2"),
        ({"cost_of_kind": np.array([1.0, np.nan, 1.0, 1.0])}, "cost 1 is nan"),
        ({"cost_of_kind": np.ones(4), "costs": np.ones(3, dtype=np.float32)}, "per kind and per entry"),
        ({"cost_of_kind": np.ones(3)}, "there are 3 costs"),
        ({"kinds": np.array([0, 4, 3], dtype=np.uint8)}, "kind 4 is not on the menu of 4"),
        ({"starts": np.array([0, 2, 1])}, "starts do not lead through the 3 entries"),
        ({"most": np.ones(3, dtype=np.uint8)}, "3 numbers of contacts"),
        ({"has": np.ones((2, 1), dtype=np.bool_)}, "for 2 customers and 0 needs"),
        ({"rows": (channel_capacity(MENU, "sms", -1),)}, "'channel:sms' is -1"),
        ({"rows": (total_budget(MENU, float("nan")),)}, "'budget' is nan"),
        ({"rows": (offer_stock(MENU, "card", 1), offer_stock(MENU, "card", 2))}, "'stock:card' is given twice"),
        ({"rows": (Row(limit=Limit.STOCK, subject="card", use=np.ones(3), amount=1),)}, "each of the 4 kinds"),
        ({"staff": Staff(channel="rm", starts=np.array([0, 1]), hours=np.ones(1))}, "do not lead through the 2"),
        ({"staff": Staff(channel="rm", starts=np.array([0, 2]), hours=np.array([-1.0]))}, "branch 0 has -1.0 hours"),
        ({"staff": Staff(channel="sea", starts=np.array([0, 2]), hours=np.ones(1))}, "no channel 'sea'"),
        (
            {"staff": Staff(channel="rm", starts=np.array([0, 2]), hours=np.ones(1), hours_per_contact=0.0)},
            "takes 0.0 hours",
        ),
    ],
)
def test_what_makes_no_sense_is_named(change: dict[str, Any], named: str) -> None:
    with pytest.raises(AllocationError, match=named):
        replace(GOOD, **change)


def test_a_menu_that_makes_no_sense_is_named() -> None:
    for wrong, named in (
        ({"offers": ()}, "at least one offer"),
        ({"channels": ("sms", "sms")}, "at least one channel"),
        ({"needs": (("loan", "loan"),)}, "'loan' needs itself"),
        ({"needs": (("loan", "lone"),)}, "no offer 'lone'"),
        ({"most_per_channel": (1,)}, "not as long"),
        ({"most_per_channel": (1, -1)}, "negative"),
        ({"exclusive": (("card", "sloan"),)}, "no offer 'sloan'"),
        ({"exclusive": (("card",), ("card", "loan"))}, "two groups"),
    ):
        with pytest.raises(AllocationError, match=named):
            replace(MENU, **wrong)  # type: ignore[arg-type]
    with pytest.raises(AllocationError, match="did you mean 'loan'"):
        offer_budget(MENU, "lona", 1)

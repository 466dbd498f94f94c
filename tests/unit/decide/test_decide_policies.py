"""Each policy alone, and all of them together."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from datetime import date

import numpy as np
import pytest
from made_up_candidates import CONTEXT, TODAY, candidate, requests

from lingque.core.errors import WarehouseError
from lingque.core.reasons import Reason
from lingque.decide.decision import expected_value
from lingque.decide.policies import (
    eligibility,
    permission,
    pressure,
    reach,
    refusals_of,
    suitability,
    validity,
    worth,
)
from lingque.warehouse.engine import Session

Sessions = Callable[[], Session]


def plain(refusals: Iterable[tuple[Reason, np.ndarray]]) -> dict[Reason, list[bool]]:
    return {reason: flags.tolist() for reason, flags in refusals}


def test_permission_is_the_answer_of_govern_taken_as_it_is() -> None:
    refused = {Reason.NO_CONSENT: [True, False, True], Reason.UNDER_AGE: [False, False, True]}
    assert plain(permission(candidate([1, 2, 3], refused=refused))) == refused


def test_reach_refuses_those_without_an_address() -> None:
    assert plain(reach(candidate([1, 2], reachable=[True, False]))) == {Reason.NOT_REACHABLE: [False, True]}


def test_pressure_refuses_those_contacted_often_enough() -> None:
    assert plain(pressure(candidate([1, 2], capped=[True, False]))) == {Reason.CONTACT_CAP: [True, False]}


def wealth(grade: int, *, age: bool = True) -> dict[str, object]:
    names = {"tolerance": "tolerance", "valid_until": "assessed_until"} | ({"age": "age"} if age else {})
    return {"regime": "wealth", "suitability": {"risk_grade": grade, **names}}


YESTERDAY, TOMORROW = date(2026, 6, 14), date(2026, 6, 16)
MISSING, EXPIRED, HIGH, OLD = (
    Reason.ASSESSMENT_MISSING,
    Reason.ASSESSMENT_EXPIRED,
    Reason.RISK_GRADE_TOO_HIGH,
    Reason.TOO_RISKY_AT_THIS_AGE,
)


@pytest.mark.parametrize(
    ("grade", "tolerance", "until", "age", "refused"),
    [
        (3, 3, TODAY, 40, set()),  # the last day is a day on which it holds
        (3, 2, TOMORROW, 40, {HIGH}),
        (3, 5, YESTERDAY, 40, {EXPIRED}),
        (3, 5, None, 40, {EXPIRED}),
        (3, None, TOMORROW, 40, {MISSING}),
        (3, None, None, 40, {MISSING}),
        (3, 2, YESTERDAY, 40, {EXPIRED, HIGH}),
        (3, 5, TOMORROW, 65, set()),
        (4, 5, TOMORROW, 64, set()),
        (4, 5, TOMORROW, 65, {OLD}),
        (4, 5, TOMORROW, None, {OLD}),
        (5, 4, TOMORROW, 80, {HIGH, OLD}),
    ],
)
def test_what_is_risky_goes_only_to_those_who_can_bear_it(
    grade: int, tolerance: int | None, until: date | None, age: int | None, refused: set[Reason]
) -> None:
    asked = requests([1], tolerance=[tolerance], assessed_until=[until], age=[age])
    answer = plain(suitability(asked, candidate([1], **wealth(grade)), CONTEXT))
    assert {reason for reason, flags in answer.items() if flags == [True]} == refused


def test_age_matters_only_where_the_offer_names_it_and_what_is_not_risky_is_not_asked_about() -> None:
    asked = requests([1], tolerance=[5], assessed_until=[TOMORROW], age=[90])
    assert not any(
        flags[0] for flags in plain(suitability(asked, candidate([1], **wealth(5, age=False)), CONTEXT)).values()
    )
    assert plain(suitability(requests([1]), candidate([1]), CONTEXT)) == {}


@pytest.mark.parametrize(
    ("first", "last", "refused"),
    [
        (date(2026, 6, 15), date(2026, 6, 16), False),
        (date(2026, 6, 1), date(2026, 6, 15), True),  # the day named last is the first without it
        (date(2026, 6, 16), date(2026, 7, 1), True),
        (date(2026, 1, 1), date(2027, 1, 1), False),
    ],
)
def test_an_offer_is_made_from_its_first_day_until_the_day_before_its_last(
    first: date, last: date, refused: bool
) -> None:
    context = dataclasses.replace(CONTEXT, today=date(2026, 6, 15))
    one = candidate([1, 2], valid_from=first, valid_to=last)
    assert plain(validity(one, context, 2)) == {Reason.OFFER_NOT_VALID: [refused, refused]}


def test_eligibility_tells_false_from_unknown(session: Sessions) -> None:
    asked = requests([1, 2, 3, 4], visits=[5, 0, None, 5], vip=[True, True, True, None])
    answer = plain(eligibility(asked, candidate([1, 2, 3, 4], eligibility="visits > 1 and vip"), session))
    assert answer == {
        Reason.NOT_ELIGIBLE: [False, True, False, False],
        Reason.ELIGIBILITY_UNKNOWN: [False, False, True, True],
    }


def test_eligibility_answers_in_the_order_of_the_requests(session: Sessions) -> None:
    customers = np.random.default_rng(1).permutation(5_000)
    asked = requests(customers, visits=(customers % 3).tolist())
    answer = plain(eligibility(asked, candidate(customers, eligibility="visits = 1"), session))
    assert answer[Reason.NOT_ELIGIBLE] == (customers % 3 != 1).tolist()


def test_a_contact_must_be_worth_more_than_nothing() -> None:
    assert plain(worth(np.array([-1, 0, 1]))) == {Reason.NO_VALUE: [True, True, False]}


@pytest.mark.parametrize(
    ("response", "margin", "cost", "value"),
    [
        (0.05, 18_000, 5, 895),
        (0.5, 5, 0, 2),  # 2.5 to the even neighbour
        (0.5, 7, 0, 4),  # 3.5 to the even neighbour
        (0.01, 100, 2, -1),
        (0.01, 100, 1, 0),
    ],
)
def test_the_expected_value_is_response_times_margin_less_the_cost(
    response: float, margin: int, cost: int, value: int
) -> None:
    one = candidate([1, 2], response=response, margin=margin, cost=cost)
    worth = expected_value(one, requests([1, 2]).tags)
    assert worth.value.tolist() == [value, value]
    assert worth.response.tolist() == [response, response]
    assert worth.assumed.all()


def test_a_propensity_takes_the_place_of_the_assumed_response_customer_by_customer() -> None:
    one = candidate([1, 2, 3, 4], response=0.05, propensity="score", margin=1_001, cost=1)
    worth = expected_value(one, requests([1, 2, 3, 4], score=[0.5, None, 0.0, float("nan")]).tags)
    assert worth.response.tolist() == [0.5, 0.05, 0.0, 0.05]
    assert worth.assumed.tolist() == [False, True, False, True]
    assert worth.value.tolist() == [499, 49, -1, 49]  # 500.5 to the even neighbour
    assert worth.value.dtype == np.int64


@pytest.mark.parametrize("score", [-0.01, 1.01])
def test_a_propensity_that_is_no_probability_is_an_error(score: float) -> None:
    one = candidate([1, 2], propensity="score")
    with pytest.raises(WarehouseError, match=r"tag 'score'.*'deposit'.*between 0 and 1"):
        expected_value(one, requests([1, 2], score=[0.5, score]).tags)


def test_every_reason_is_collected_and_not_only_the_first(session: Sessions) -> None:
    one = candidate(
        [1, 2, 3],
        eligibility="visits > 1",
        refused={Reason.NO_CONSENT: [True, False, False], Reason.UNDER_AGE: [True, False, False]},
        reachable=[False, False, True],
        valid_to=TODAY,
    )
    asked = requests([1, 2, 3], visits=[0, None, 2])
    found = refusals_of(asked, one, np.array([0, 1, 1]), CONTEXT, session)
    reasons = [{reason for reason, flags in found.items() if flags[customer]} for customer in range(3)]
    assert reasons == [
        {Reason.NO_CONSENT, Reason.UNDER_AGE, Reason.NOT_REACHABLE, Reason.OFFER_NOT_VALID, Reason.NOT_ELIGIBLE,
         Reason.NO_VALUE},
        {Reason.NOT_REACHABLE, Reason.OFFER_NOT_VALID, Reason.ELIGIBILITY_UNKNOWN},
        {Reason.OFFER_NOT_VALID},
    ]  # fmt: skip


def test_a_reason_that_holds_for_nobody_is_left_out(session: Sessions) -> None:
    one = candidate([1, 2], refused={Reason.NO_CONSENT: [False, False]})
    assert refusals_of(requests([1, 2]), one, np.array([1, 1]), CONTEXT, session) == {}

"""Each policy alone, and all of them together."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from datetime import date

import numpy as np
import pytest
from made_up_candidates import CONTEXT, TODAY, candidate, requests

from lingque.core.reasons import Reason
from lingque.decide.decision import expected_value
from lingque.decide.policies import eligibility, permission, reach, refusals_of, validity, worth
from lingque.warehouse.engine import Session

Sessions = Callable[[], Session]


def plain(refusals: Iterable[tuple[Reason, np.ndarray]]) -> dict[Reason, list[bool]]:
    return {reason: flags.tolist() for reason, flags in refusals}


def test_permission_is_the_answer_of_govern_taken_as_it_is() -> None:
    refused = {Reason.NO_CONSENT: [True, False, True], Reason.UNDER_AGE: [False, False, True]}
    assert plain(permission(candidate([1, 2, 3], refused=refused))) == refused


def test_reach_refuses_those_without_an_address() -> None:
    assert plain(reach(candidate([1, 2], reachable=[True, False]))) == {Reason.NOT_REACHABLE: [False, True]}


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

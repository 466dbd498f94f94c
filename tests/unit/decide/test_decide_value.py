"""What a candidate is worth, part by part."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_candidates import CONTEXT, MadeUp, candidate, decided, menu, people, requests

from lingque.core.errors import WarehouseError
from lingque.core.reasons import Reason
from lingque.decide.contracts import Basis, Worth
from lingque.decide.decision import decide
from lingque.warehouse.engine import Session

NO_HOLD_OUT = dataclasses.replace(CONTEXT, hold_out=0.0)


def worth_of(one: MadeUp, n: int = 1, **tags: Any) -> Worth:
    return decided(people(list(range(n)), **tags), [one], NO_HOLD_OUT).judged[0].worth


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
    worth = worth_of(candidate([0, 1], response=response, margin=margin, cost=cost), 2)
    assert worth.value.tolist() == [value, value]
    assert worth.response.tolist() == [response, response]
    assert worth.assumed.all()


def test_a_propensity_takes_the_place_of_the_assumed_response_customer_by_customer(
    session: Callable[[], Session],
) -> None:
    one = candidate([1, 2, 3, 4], response=0.05, propensity="score", margin=1_001, cost=1)
    for engine in (session, None):
        who = people([1, 2, 3, 4], score=[0.5, None, 0.0, float("nan")])
        worth = decided(who, [one], NO_HOLD_OUT, session=engine).judged[0].worth
        assert worth.response.tolist() == [0.5, 0.05, 0.0, 0.05]
        assert worth.assumed.tolist() == [False, True, False, True]
        assert worth.value.tolist() == [499, 49, -1, 49]  # 500.5 to the even neighbour
        assert worth.value.dtype == np.int64


def test_an_uplift_takes_the_place_of_a_propensity_and_may_be_less_than_nothing() -> None:
    one = candidate([1, 2, 3, 4], propensity="score", uplift="uplift", margin=1_000, cost=0)
    worth = worth_of(one, 4, score=[0.5] * 3 + [None], uplift=[0.1, -0.2, None, None])
    assert worth.response.tolist() == [0.1, -0.2, 0.5, 0.05]
    assert [Basis(code) for code in worth.basis] == [Basis.UPLIFT, Basis.UPLIFT, Basis.PROPENSITY, Basis.ASSUMED]
    assert worth.value.tolist() == [100, -200, 500, 50]


@pytest.mark.parametrize(("tag", "score"), [("score", -0.01), ("score", 1.01), ("uplift", -1.01), ("uplift", 1.5)])
def test_a_score_that_is_no_probability_is_an_error(tag: str, score: float) -> None:
    one = candidate([1, 2], **{"propensity" if tag == "score" else "uplift": tag})
    with pytest.raises(WarehouseError, match=rf"tag '{tag}'.*'deposit'.*between"):
        worth_of(one, 2, **{tag: [0.5, score]})


def test_a_channel_that_works_better_is_worth_more_and_never_surer_than_sure() -> None:
    assert worth_of(candidate([1], response=0.2, factor=3.0, margin=100, cost=0)).value.tolist() == [60]
    assert worth_of(candidate([1], response=0.9, factor=3.0, margin=100, cost=0)).response.tolist() == [1.0]


def test_every_part_of_the_value_is_kept_and_they_add_up() -> None:
    one = candidate(
        [1, 2, 3],
        response=0.1,
        margin=100_000,
        cost=60,
        conversion_cost="80",
        expected_loss_tag="loss",
        expected_loss=None,
        fatigue=200,
    )
    asked = requests(people([1, 2, 3], loss=[5_000, None, 0]), [one], recent=np.array([[0, 1, 3]]))
    worth = decide(asked, menu([one]), NO_HOLD_OUT).judged[0].worth
    assert worth.gain.tolist() == [10_000] * 3
    assert worth.losses.tolist() == [1_300, 800, 800], "a voucher of 80, and what the customer's loan may lose"
    assert worth.fatigue.tolist() == [0, 200, 600], "200 for each contact made lately"
    assert worth.value.tolist() == [8_640, 8_940, 8_540]


def test_margin_and_cost_may_be_told_customer_by_customer() -> None:
    one = candidate(
        [1, 2], response=0.1, margin=1_000, cost=0, conversion_cost="2", margin_tag="margin", cost_tag="cost"
    )
    worth = worth_of(one, 2, margin=[50_000, None], cost=[None, 300])
    assert worth.margin.tolist() == [50_000, 1_000]
    assert (worth.gain.tolist(), worth.losses.tolist()) == ([5_000, 100], [20, 30])


def test_what_a_conversion_costs_is_paid_for_those_too_who_would_have_come_anyway() -> None:
    """Who converts after the contact, 60 in 100, gets the voucher; 50 of them would have come without."""
    one = candidate(
        [1, 2, 3], propensity="score", uplift="uplift", margin=20_000, cost=0, conversion_cost="10",
        expected_loss="3",
    )  # fmt: skip
    worth = worth_of(one, 3, score=[0.6, 0.6, None], uplift=[0.1, None, 0.1])
    assert worth.losses.tolist() == [100 + 500 + 30, 600 + 180, 100 + 30]
    assert worth.value.tolist() == [2_000 - 630, 12_000 - 780, 2_000 - 130]


def test_how_many_would_come_anyway_may_be_told_by_a_tag_of_its_own() -> None:
    one = candidate([1, 2], response=0.1, margin=20_000, cost=0, conversion_cost="10", anyway="stays")
    worth = worth_of(one, 2, stays=[0.5, None])
    assert worth.losses.tolist() == [100 + 500, 100]
    assert (worth.conversion_cost.tolist(), worth.expected_loss.tolist()) == ([1_000] * 2, [0] * 2)
    with pytest.raises(WarehouseError, match=r"tag 'stays', the anyway of offer 'deposit', is not between 0 and 1"):
        worth_of(one, 2, stays=[0.5, 1.5])


def test_what_is_told_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="leave one of them out"):
        candidate([1], propensity="score", uplift="uplift", anyway="stays")


def test_a_stated_loss_holds_for_everybody() -> None:
    worth = worth_of(candidate([1], response=0.5, margin=10_000, cost=0, expected_loss="20"))
    assert (worth.losses.tolist(), worth.value.tolist()) == ([1_000], [4_000])


def test_fatigue_may_be_learnt() -> None:
    one = candidate([1, 2], response=0.5, margin=1_000, cost=0, fatigue_tag="tired")
    assert worth_of(one, 2, tired=[450, None]).value.tolist() == [50, 500]


def test_a_negative_margin_is_refused_where_it_is_defined_and_earns_nothing_where_it_is_not() -> None:
    with pytest.raises(ValueError, match="greater than or equal to 0"):
        candidate([1], margin=-1)
    assert decided(people([1]), [candidate([1], margin=0)], NO_HOLD_OUT).count_refusals() == {Reason.NO_VALUE: 1}


@settings(max_examples=40)
@given(data=st.data())
def test_the_parts_add_up_to_the_value_whatever_they_are(data: st.DataObject) -> None:
    amount = st.integers(0, 10**9)
    n = data.draw(st.integers(1, 5))
    one = candidate(
        list(range(n)),
        margin=data.draw(amount),
        cost=data.draw(st.integers(0, 10**5)),
        factor=data.draw(st.floats(0.1, 5.0)),
        expected_loss_tag="loss",
        propensity="score",
        fatigue=data.draw(st.integers(0, 1_000)),
    )
    tags: dict[str, Any] = {
        "loss": data.draw(st.lists(st.none() | amount, min_size=n, max_size=n)),
        "score": data.draw(st.lists(st.none() | st.floats(0, 1), min_size=n, max_size=n)),
    }
    recent = np.array([data.draw(st.lists(st.integers(0, 5), min_size=n, max_size=n))])
    asked = requests(people(list(range(n)), **tags), [one], recent=recent)
    worth = decide(asked, menu([one]), NO_HOLD_OUT).judged[0].worth
    parts = worth.gain - worth.losses - worth.fatigue - one.candidate.cost
    assert (parts == worth.value).all()

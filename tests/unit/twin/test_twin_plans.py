"""Plans to buy a wealth product every month: who has one, what it buys, and that nothing else is drawn otherwise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lingque.twin.bank import Twin
from lingque.twin.blocks import blocks_of
from lingque.twin.days import day_number
from lingque.twin.placements import Placements
from lingque.twin.plans import MonthlyPurchases
from lingque.twin.population import ADULT, Population
from lingque.twin.presets import parameters_of

PARAMETERS = parameters_of("tiny", customers=5_000, purchase_plan_share=0.05)


def test_the_well_to_do_buy_the_same_every_month_until_they_begin_to_leave() -> None:
    signed = 0
    for block in blocks_of(PARAMETERS):
        people = Population.make(block)
        bought = MonthlyPurchases.make(block, people)
        month = bought.day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
        for owner in np.unique(bought.owner).tolist():
            of_plan = bought.owner == owner
            assert np.ptp(month[of_plan]) == of_plan.sum() - 1, "no month is left out, and none has two"
            assert len(np.unique(bought.amount[of_plan])) == len(np.unique(bought.product[of_plan])) == 1
            signed += 1
        assert (bought.amount % 100_000 == 0).all()
        assert (bought.amount > 0).all()
        assert (bought.day < np.minimum(people.churn_day[bought.owner], day_number(PARAMETERS.as_of))).all()
        owners = np.unique(bought.owner)
        assert (people.age[owners] >= ADULT).all()
        assert np.median(people.wealth[owners]) > 1.5 * np.median(people.wealth)
    # who began to leave before their first purchase never bought
    assert 0.75 < signed / (PARAMETERS.purchase_plan_share * PARAMETERS.customers) < 1.1


def test_without_plans_everything_else_is_placed_as_with_them() -> None:
    few = replace(PARAMETERS, customers=1_000)
    with_plans, without = (Twin.make(one).placed for one in (few, replace(few, purchase_plan_share=0.0)))
    keys, others = dict(_entries(with_plans.placements)), dict(_entries(without.placements))
    assert len(keys) > len(others)
    assert {key: keys.get(key) for key in others} == others
    assert (with_plans.departures.amount == without.departures.amount).all()


def _entries(placed: Placements) -> list[tuple[tuple[int, int], tuple[int, int, int]]]:
    keys = zip(placed.owner.tolist(), placed.opened_day.tolist(), strict=True)
    what = zip(placed.product.tolist(), placed.amount.tolist(), placed.end_day.tolist(), strict=True)
    return list(zip(keys, what, strict=True))

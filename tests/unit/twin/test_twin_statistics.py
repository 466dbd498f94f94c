"""Marginals, seasonality and what life does to money are what the parameters say.

Each bound is five standard deviations of what is counted (a wrong parameter fails, an unlucky seed does not: less than
one in a million), or a ratio whose noise is far smaller than its distance from the bound.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from lingque.core.hashing import Int64s
from lingque.twin.blocks import Block
from lingque.twin.categories import POSITION
from lingque.twin.days import NEVER, day_number
from lingque.twin.life import EVENT_KINDS, history_days
from lingque.twin.needs import NEED_KINDS
from lingque.twin.parameters import TwinParameters
from lingque.twin.part import Part
from lingque.twin.population import HABITS, LIFE_STAGES, Population
from lingque.twin.seasons import SPRING_FESTIVALS, day_weights, drawn_days
from lingque.twin.sessions import EVENTS, Sessions

PARAMETERS = TwinParameters(seed=11, customers=5_000, months=24, log_months=24, spending_per_month=4.0)


@pytest.fixture(scope="module")
def part() -> Part:
    return Part.make(Block(parameters=PARAMETERS, number=0))


def within(found: int, *, of: int, share: float) -> bool:
    return bool(abs(found - of * share) <= 5 * np.sqrt(of * share * (1 - share)))


def booked_days(part: Part, category: str) -> Int64s:
    return part.transactions.day[part.transactions.category == POSITION[category]]


def test_marginals_of_the_population(part: Part) -> None:
    people = part.population
    n = len(people.age)
    employed = people.income_kind == 0
    assert within(int((people.city == 0).sum()), of=n, share=0.18)
    assert within(int(employed.sum()), of=int(((people.age >= 20) & (people.age < 60)).sum()), share=0.85)
    median = np.median(people.income[employed]) / 100
    # the median of a lognormal with sigma 0.5: 1.25 sigma / sqrt(n) is its relative error
    assert abs(np.log(median / PARAMETERS.median_income)) < 5 * 1.25 * 0.5 / np.sqrt(employed.sum())
    assert np.all(people.life_stage[people.age >= 60] == LIFE_STAGES.index("retired"))
    assert np.all((people.employer >= 0) == employed)
    assert people.channel_habit.shape == (n, len(HABITS))
    assert np.all(people.channel_habit > 0)
    for place, low, high in (("app_push", 0.5, 2.5), ("email", 0.5, 2.5)):
        keen = people.channel_habit[people.digital > 0.7, HABITS.index(place)].mean()
        shy = people.channel_habit[people.digital < 0.2, HABITS.index(place)].mean()
        assert keen - shy > low
        assert keen < high + 1


def test_households_share_a_branch_and_have_the_size_of_the_parameter(part: Part) -> None:
    people = part.population
    members = np.bincount(people.household)
    assert np.array_equal(people.branch[people.household], people.branch)
    joined = int(members.sum() - (members > 0).sum())
    assert within(joined, of=len(people.age), share=PARAMETERS.household_share * (1 - 55 / len(people.age)))


def test_twice_the_life_has_twice_the_events(part: Part) -> None:
    doubled = Part.make(Block(parameters=replace(PARAMETERS, life_event_rate=2.0), number=0))
    for name in ("car_purchase", "travel_abroad", "illness", "schooling"):
        kind = EVENT_KINDS.index(name)
        once, twice = (int((one.events.kind == kind).sum()) for one in (part, doubled))
        assert once > 200
        assert abs(twice - 2 * once) <= 5 * np.sqrt(twice + 4 * once)


def test_churn_comes_at_the_rate_of_the_parameter_and_silences_accounts(part: Part) -> None:
    people, booked = part.population, part.transactions
    today = day_number(PARAMETERS.as_of)
    hazard = PARAMETERS.churn_per_year * (1.6 - 1.2 * people.loyalty)
    expected = 1 - np.exp(-3 * hazard)
    left = people.churn_day < today
    assert abs(left.sum() - expected.sum()) <= 5 * np.sqrt((expected * (1 - expected)).sum())
    groceries = booked.category == POSITION["groceries"]
    churn = people.churn_day[part.accounts.owner[booked.account]]
    after = groceries & (churn < NEVER) & (booked.day > churn + 200)
    before = groceries & (churn < NEVER) & (booked.day < churn)
    days_after = np.clip(today - people.churn_day - 200, 0, None)[left].sum()
    first = history_days(PARAMETERS)[0]
    days_before = np.clip(np.minimum(people.churn_day, today) - np.maximum(first, people.opened_day), 0, None)[
        people.churn_day < NEVER
    ].sum()
    assert after.sum() / days_after < 0.1 * before.sum() / days_before


def test_shopping_festivals_and_holidays_show(part: Part) -> None:
    """How much more is booked on some days than on others is what the weights of the days say: in the logarithm, within
    five standard errors of two counts (Poisson), and 0.03 for customers who come and leave between the two."""
    assert date(2026, 2, 17) in SPRING_FESTIVALS
    for category, days, plain in (
        ("online_shopping", (date(2025, 11, 1), date(2025, 11, 11)), (date(2025, 9, 1), date(2025, 10, 31))),
        ("online_shopping", (date(2025, 6, 12), date(2025, 6, 18)), (date(2025, 7, 1), date(2025, 8, 31))),
        ("travel", (date(2025, 10, 1), date(2025, 10, 7)), (date(2025, 11, 1), date(2025, 11, 30))),
        ("groceries", (date(2026, 2, 3), date(2026, 2, 16)), (date(2026, 3, 1), date(2026, 3, 31))),
    ):
        booked = seasonal_days(part, category)
        counts = [count_between(booked, *one) for one in (days, plain)]
        weights = [weight_between(category, *one) for one in (days, plain)]
        error = np.sqrt(sum(1 / count for count in counts))
        found, expected = np.log(counts[0] / counts[1]), np.log(weights[0] / weights[1])
        assert min(counts) > 50, category
        assert abs(found - expected) < 5 * error + 0.03, (category, found, expected)
    assert weight_between("travel", date(2025, 10, 1), date(2025, 10, 7)) / 7 > 1.5


def seasonal_days(part: Part, category: str) -> Int64s:
    """Of bookings that have a season: those of life events, which have none, are left out with their customers."""
    booked = part.transactions
    travels = part.events.of("travel_abroad")[0]
    here = (booked.category == POSITION[category]) & ~np.isin(part.accounts.owner[booked.account], travels)
    return booked.day[here]


def count_between(days: Int64s, first: date, last: date) -> int:
    return int(((days >= day_number(first)) & (days <= day_number(last))).sum())


def weight_between(category: str, first: date, last: date) -> float:
    return float(day_weights(category, day_number(first), day_number(last) + 1).sum())


def test_weekends_and_month_ends_show(part: Part) -> None:
    days = booked_days(part, "entertainment")
    weekend = (days + 3) % 7 >= 5
    assert within(int(weekend.sum()), of=len(days), share=_expected_share("entertainment", part))


def _expected_share(category: str, part: Part) -> float:
    """Of weekends, among everything bought; customers who join and leave move it by less than the noise."""
    first, after = history_days(part.block.parameters)
    weights = day_weights(category, first, after)
    weekend = (np.arange(first, after) + 3) % 7 >= 5
    return float(weights[weekend].sum() / weights.sum())


def test_days_are_drawn_as_their_weights_say() -> None:
    weights = np.array([1.0, 0.0, 3.0])
    drawn = drawn_days(weights, 100, np.linspace(0, 1, 4_000, endpoint=False))
    assert np.bincount(drawn - 100, minlength=3).tolist() == [1000, 0, 3000]


def test_interest_comes_four_times_a_year_and_is_what_the_rate_says(part: Part) -> None:
    booked = part.transactions
    interest = booked.category == POSITION["interest"]
    dates = np.unique(booked.day[interest]).astype("datetime64[D]")
    assert {str(one)[5:] for one in dates} == {"03-21", "06-21", "09-21", "12-21"}
    yearly = PARAMETERS.current_rate / 10_000
    whole = booked.balance[interest] > 0
    # a quarter on what is there: about right in the sum, since balances wander
    ratio = booked.amount[interest].sum() / (booked.balance[interest][whole].sum() * yearly / 4)
    assert 0.5 < ratio < 2.0


def test_needs_follow_events_and_visits_precede_needs(part: Part) -> None:
    needs = part.needs
    assert set(np.unique(needs.kind).tolist()) == set(range(len(NEED_KINDS)))
    assert np.all(needs.ends_day >= needs.begins_day)
    assert np.all(needs.size > 0)
    order = np.lexsort((needs.kind, needs.begins_day, needs.customer))
    assert np.array_equal(order, np.arange(len(order)))
    sessions = Sessions.make(part.block, part.population, needs, place="app")
    fx = sessions.event == EVENTS.index("view_exchange_rates")
    travels = needs.kind == NEED_KINDS.index("travel")
    first_day = dict(zip(needs.customer[travels].tolist(), needs.begins_day[travels].tolist(), strict=True))
    assert {int(one) for one in np.unique(sessions.customer[fx])} <= set(first_day)


def test_repayments_are_what_annuities_say_and_loans_end(part: Part) -> None:
    loans = part.habits.loans
    assert len(loans.owner) > 300
    early = loans.outstanding(int(loans.opened_day.min()) - 1)
    assert not early.any()
    first, after = history_days(PARAMETERS)
    loan, day = loans.due(first, after)
    assert np.all((day >= first) & (day < after))
    key = loan * 100_000 + day
    assert len(np.unique(key)) == len(key)
    assert np.all(loans.outstanding(after) <= loans.amount)


def test_two_blocks_are_two_towns() -> None:
    bank = TwinParameters(seed=11, customers=10_000)
    one, two = (Population.make(Block(parameters=bank, number=number)) for number in (0, 1))
    assert not set(one.customer_no) & set(two.customer_no)
    assert not set(one.email) & set(two.email) - {""}
    assert not set(one.phone) & set(two.phone) - {""}
    assert abs(np.corrcoef(one.wealth, two.wealth)[0, 1]) < 5 / np.sqrt(5_000)
    assert Population.joined([one, two]).customer_no == (*one.customer_no, *two.customer_no)

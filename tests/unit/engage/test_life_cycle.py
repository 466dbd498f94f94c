"""The life of a plan: where it can go from where it is, and on which days a campaign comes again."""

from __future__ import annotations

from datetime import date, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingque.catalog.definitions.campaigns import Schedule
from lingque.core.clock import Instant, shift
from lingque.core.reasons import Reason
from lingque.engage.contracts import Forecast, Plan, State
from lingque.engage.life_cycle import CONTACTED, FOLLOWS, SENDING, STATE_LABELS, cannot_become, state_before_pause
from lingque.engage.schedule import is_due

STATES: tuple[State, ...] = get_args(State)
FORECAST = Forecast(
    customers=0, audience=0, refusals={}, to_contact=0, to_hold_out=0, expected_conversions=0.0, expected_profit=0,
    cost=0, currency="CNY", detectable_effect=None,
)  # fmt: skip


def plan(state: State) -> Plan:
    return Plan(
        campaign="spring", digest="d", approval_digest="d", stages=(), forecast=FORECAST, planned_by="lan",
        planned_at=Instant(0), state=state, wave_id=1,
    )  # fmt: skip


def reachable(start: State) -> set[State]:
    found: set[State] = {start}
    while True:
        more = {after for state in found for after in FOLLOWS[state]} - found
        if not more:
            return found
        found |= more


def test_every_state_has_its_followers_and_its_words() -> None:
    assert set(FOLLOWS) == set(STATES) == set(STATE_LABELS)
    assert reachable("simulated") == set(STATES)


def test_nothing_goes_out_that_was_not_reviewed_and_approved() -> None:
    """Without 'reviewed', and without 'approved', no state in which messages go out can be reached."""
    for gate in ("reviewed", "approved"):
        without: dict[State, frozenset[State]] = {state: follows - {gate} for state, follows in FOLLOWS.items()}
        found: set[State] = {"simulated"}
        while more := {after for state in found for after in without[state]} - found:
            found |= more
        assert not found & SENDING


def test_a_pilot_is_rolled_out_only_after_it_was_approved() -> None:
    assert "rolling_out" not in FOLLOWS["piloted"]
    assert "rolling_out" not in FOLLOWS["piloting"]
    assert "rolling_out" in FOLLOWS["pilot_approved"]


def test_every_state_before_the_end_can_be_stopped_and_none_after() -> None:
    assert {state for state in STATES if "stopped" in FOLLOWS[state]} == {
        "simulated", "reviewed", "rejected", "approved", "piloting", "piloted", "pilot_approved", "rolling_out",
        "paused",
    }  # fmt: skip
    assert not reachable("stopped") & SENDING
    assert FOLLOWS["closed"] == frozenset()


def test_who_may_have_been_contacted_can_be_reported_on() -> None:
    assert SENDING <= CONTACTED
    assert not CONTACTED & {"simulated", "reviewed", "rejected", "approved"}


@pytest.mark.parametrize("state", STATES)
def test_a_step_that_does_not_follow_is_refused_with_those_that_do(state: State) -> None:
    for to in STATES:
        refusal = cannot_become(plan(state), to)
        assert (refusal is None) == (to in FOLLOWS[state])
        if refusal is not None:
            assert refusal.reason is Reason.WRONG_STATE
            assert all(next_state in refusal.detail for next_state in FOLLOWS[state])


def test_a_pause_goes_back_to_where_it_was() -> None:
    assert state_before_pause(["approved", "piloting", "paused"]) == "piloting"
    assert state_before_pause(["piloting", "paused", "piloting", "piloted", "rolling_out", "paused"]) == "rolling_out"
    with pytest.raises(ValueError, match="never under way"):
        state_before_pause(["simulated", "reviewed"])


days = st.dates(date(2000, 1, 1), date(2090, 1, 1))


@given(first=days, length=st.integers(1, 800), at=st.integers(-50, 900))
def test_every_day_is_every_day_within_the_span(first: date, length: int, at: int) -> None:
    schedule = Schedule(every="day", first=first, until=first + timedelta(days=length))
    assert is_due(schedule, first + timedelta(days=at)) == (0 <= at < length)


@given(first=days, at=st.integers(0, 700))
def test_weeks_fall_on_the_first_ones_weekday(first: date, at: int) -> None:
    schedule = Schedule(every="week", first=first, until=first + timedelta(days=1000))
    day = first + timedelta(days=at)
    assert is_due(schedule, day) == (day.weekday() == first.weekday())


@given(first=days)
def test_months_have_one_day_each_also_the_short_ones(first: date) -> None:
    until = shift(first, count=24, unit="month")
    schedule = Schedule(every="month", first=first, until=until)
    due = [day for n in range((until - first).days) if is_due(schedule, day := first + timedelta(days=n))]
    assert due == [shift(first, count=months, unit="month") for months in range(24)]

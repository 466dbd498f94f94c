"""Who gets what where channels are full: never too many, never nobody without need, and the best of all choices."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_candidates import CONTEXT, candidate, decided, people

from lingque.core.reasons import Reason
from lingque.decide.allocation.limits import Limit
from lingque.decide.arbitration import Arbitration, arbitrate
from lingque.decide.contracts import NOTHING
from lingque.decide.decisions import Decisions
from lingque.decide.resources import Resource
from lingque.warehouse.engine import Session

Sessions = Callable[[], Session]
CHANNELS = ("email", "sms", "rm_call")
SALT = "idle/2026-06-15"


@dataclass(frozen=True, kw_only=True)
class Market:
    """Customers × candidates with their values; a value of 0 stands for a refusal."""

    customers: list[int]
    channels: list[str]
    values: list[list[int]]
    held_out: list[bool]
    capacity: dict[str, int]

    def arbitrated(self, hold_out: float = 0.0) -> Arbitration:
        ids = np.array(self.customers, dtype=np.int64)
        held = np.array(self.held_out, dtype=np.bool_)
        values = np.array(self.values, dtype=np.float64).reshape(len(self.channels), len(ids))
        return arbitrate(
            np.where(values > 0, values, -np.inf), self.resources(), ids, held_out=held, hold_out=hold_out, salt=SALT
        )

    def resources(self) -> list[Resource]:
        return [
            Resource(
                limit=Limit.CHANNEL,
                subject=channel,
                use=np.array([float(one == channel) for one in self.channels]),
                amount=room,
            )
            for channel, room in self.capacity.items()
            if channel in self.channels
        ]

    def chosen(self, hold_out: float = 0.0) -> list[int]:
        return self.arbitrated(hold_out).chosen.tolist()

    def total(self, chosen: Sequence[int]) -> int:
        """Of those contacted."""
        return sum(
            self.values[index][at] for at, index in enumerate(chosen) if index != NOTHING and not self.held_out[at]
        )

    def contacts(self, chosen: Sequence[int], channel: str) -> int:
        return sum(
            index != NOTHING and self.channels[index] == channel and not held
            for index, held in zip(chosen, self.held_out, strict=True)
        )

    def fits(self, chosen: Sequence[int]) -> bool:
        return all(self.contacts(chosen, channel) <= room for channel, room in self.capacity.items())

    def best(self) -> int:
        options = [
            [NOTHING] if held else [NOTHING, *(n for n, values in enumerate(self.values) if values[at] > 0)]
            for at, held in enumerate(self.held_out)
        ]
        return max(self.total(chosen) for chosen in itertools.product(*options) if self.fits(chosen))


@st.composite
def markets(draw: st.DrawFn, *, most: int = 5) -> Market:
    size = draw(st.integers(1, most))
    channels = draw(st.lists(st.sampled_from(CHANNELS), min_size=1, max_size=3))
    values = st.lists(st.integers(0, 6), min_size=size, max_size=size)
    return Market(
        customers=draw(st.lists(st.integers(1, 2**62), unique=True, min_size=size, max_size=size)),
        channels=channels,
        values=[draw(values) for _ in channels],
        held_out=draw(st.lists(st.booleans(), min_size=size, max_size=size)),
        capacity=draw(st.dictionaries(st.sampled_from(CHANNELS), st.integers(0, 3), max_size=3)),
    )


@settings(max_examples=80)
@given(market=markets(), hold_out=st.sampled_from([0.0, 0.3, 0.9]))
def test_no_channel_is_overrun_and_nobody_is_passed_over_while_there_is_room(market: Market, hold_out: float) -> None:
    chosen = market.chosen(hold_out)
    assert market.fits(chosen)
    full = {channel for channel, room in market.capacity.items() if market.contacts(chosen, channel) >= room}
    for at, index in enumerate(chosen):
        mine = [values[at] for values in market.values]
        assert index == NOTHING or mine[index] > 0, "what is refused is never chosen"
        for other, value in enumerate(mine):
            better = value > 0 and (index == NOTHING or (-value, other) < (-mine[index], index))
            lost_to = full if index == NOTHING else market.capacity
            assert not better or market.channels[other] in lost_to, "a better one is lost only to its channel's limit"


@settings(max_examples=60)
@given(market=markets(most=4))
def test_with_nobody_held_out_the_choice_is_the_best_of_all(market: Market) -> None:
    market = dataclasses.replace(market, held_out=[False] * len(market.customers))
    arbitrated = market.arbitrated()
    assert market.total(arbitrated.chosen.tolist()) == market.best()
    assert arbitrated.certificate.gap == pytest.approx(0.0, abs=1e-6)


@settings(max_examples=60)
@given(market=markets(most=4), hold_out=st.sampled_from([0.0, 0.3, 0.9]))
def test_whoever_is_held_out_the_certificate_bounds_every_choice(market: Market, hold_out: float) -> None:
    arbitrated = market.arbitrated(hold_out)
    certificate, chosen = arbitrated.certificate, arbitrated.chosen.tolist()
    assert certificate.objective == market.total(chosen)
    assert certificate.bound >= market.best() - 1e-6
    used = {report.subject: report.used for report in certificate.limits}
    assert used == {channel: market.contacts(chosen, channel) for channel in used}
    unbounded = dataclasses.replace(market, capacity={})
    assert unbounded.total(unbounded.chosen()) == unbounded.best()


@settings(max_examples=40)
@given(market=markets(most=8), data=st.data())
def test_nobodys_own_draw_decides_whether_and_for_what_they_are_considered(market: Market, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(market.customers) - 1))
    turned = [not held if n == at else held for n, held in enumerate(market.held_out)]
    assert market.chosen()[at] == dataclasses.replace(market, held_out=turned).chosen()[at]


@settings(max_examples=40)
@given(market=markets(most=8), data=st.data())
def test_the_order_in_which_customers_are_listed_changes_nothing(market: Market, data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(market.customers))))
    shuffled = dataclasses.replace(
        market,
        customers=[market.customers[n] for n in order],
        values=[[values[n] for n in order] for values in market.values],
        held_out=[market.held_out[n] for n in order],
    )
    chosen = market.chosen()
    assert shuffled.chosen() == [chosen[n] for n in order]


def test_who_finds_the_best_channel_full_gets_the_next(session: Sessions) -> None:
    ids = list(range(1, 11))
    mail = candidate(ids, "mail", margin=100_000, cost=0)
    sms = candidate(ids, "text", channel="sms", margin=60_000, cost=0)
    context = dataclasses.replace(CONTEXT, hold_out=0.0, capacity={"email": 3, "sms": 4})
    decisions = decided(people(ids), [mail, sms], context, session=session)
    chosen = decisions.chosen.tolist()
    assert (chosen.count(0), chosen.count(1), chosen.count(NOTHING)) == (3, 4, 3)
    for at, index in enumerate(chosen):
        reasons = [{reason for reason, flags in one.refusals.items() if flags[at]} for one in decisions.judged]
        assert (
            reasons
            == {
                0: [set(), {Reason.BETTER_OFFER}],
                1: [{Reason.NO_CAPACITY}, set()],
                NOTHING: [{Reason.NO_CAPACITY}, {Reason.NO_CAPACITY}],
            }[index]
        )
    assert decisions.count_refusals() == {Reason.NO_CAPACITY: 3}


def test_who_has_a_good_second_channel_leaves_the_full_one_to_who_has_none(session: Sessions) -> None:
    """Taking the most valuable pair first would leave the second customer with nothing."""
    ids = [1, 2]
    call = candidate(ids, "call", channel="rm_call", margin=100_000, cost=0, propensity="score")
    mail = candidate(ids, "mail", margin=80_000, cost=0, reachable=[True, False], propensity="score")
    context = dataclasses.replace(CONTEXT, hold_out=0.0, capacity={"rm_call": 1})
    decisions = decided(people(ids, score=[0.9, 0.8]), [call, mail], context, session=session)
    assert decisions.chosen.tolist() == [1, 0]
    assert decisions.certificate is not None
    (calls,) = decisions.certificate.limits
    assert 18_000 <= calls.price <= 80_000, "between what the first would gain by a call, and what the second has of it"
    assert decisions.certificate.bound == pytest.approx(decisions.certificate.objective)


MANY = np.arange(1, 20_001, dtype=np.int64)


def at_capacity(session: Sessions, hold_out: float) -> Decisions:
    score = (MANY * 7919 % 10_007) / 10_007
    one = candidate(MANY, propensity="score", margin=1_000_000)
    context = dataclasses.replace(CONTEXT, hold_out=hold_out, capacity={"email": 4_000})
    return decided(people(MANY, score=score), [one], context, session=session)


@pytest.mark.parametrize("hold_out", [0.1, 0.5])
def test_a_full_channel_contacts_what_it_can_and_holds_out_the_share_asked_for(
    hold_out: float, session: Sessions
) -> None:
    decisions = at_capacity(session, hold_out)
    contacted, held = decisions.contacted, decisions.held_out
    assert int(contacted.sum()) == 4_000
    assert int(held.sum()) == pytest.approx(4_000 * hold_out / (1 - hold_out), rel=0.15)
    value = decisions.judged[0].value
    assert value[contacted].min() >= value[~(contacted | held)].max(), "those best worth it are considered"
    assert value[held].mean() == pytest.approx(value[contacted].mean(), rel=0.02), "and the groups are alike"


def test_ties_are_not_broken_by_the_draw_that_holds_out(session: Sessions) -> None:
    """Else those held out would all be considered first, and the groups would not be of the share asked for."""
    context = dataclasses.replace(CONTEXT, hold_out=0.2, capacity={"email": 4_000})
    decisions = decided(people(MANY), [candidate(MANY)], context, session=session)
    assert int(decisions.contacted.sum()) == 4_000
    assert int(decisions.held_out.sum()) == pytest.approx(1_000, rel=0.15)

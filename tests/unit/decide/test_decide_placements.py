"""Several places at once."""

from __future__ import annotations

import dataclasses

import pytest
from made_up_candidates import CONTEXT, MadeUp, candidate, decided, people

from lingque.core.reasons import Reason
from lingque.decide.contracts import Context, Exploration
from lingque.decide.placements import ranked

NO_HOLD_OUT = dataclasses.replace(CONTEXT, hold_out=0.0)


def shown(
    made: list[MadeUp], most: int = 9, *, context: Context = NO_HOLD_OUT, channels: tuple[str, ...] = ()
) -> list[str]:
    decisions = decided(people([1]), made, context, clock="asked")
    places = ranked(decisions, 0, most=most, channels=channels)
    return [decisions.menu.candidates[index].offer.name for index in places]


def offers(**margins: int) -> list[MadeUp]:
    return [candidate([1], name, margin=margin, regime="service") for name, margin in margins.items()]


def test_the_best_come_first_each_offer_once_and_what_is_refused_never() -> None:
    made = [
        *offers(low=20_000, high=90_000),
        candidate([1], "high", channel="sms", margin=90_000, regime="service", factor=1.5),
        candidate([1], "refused", margin=99_000, refused={Reason.NO_CONSENT: [True]}),
        candidate([1], "worthless", margin=0),
    ]
    assert shown(made) == ["high", "low"]
    assert shown(made, 1) == ["high"]
    assert shown(made, 0) == []
    assert shown(made, channels=("email",)) == ["high", "low"]
    assert shown(made, channels=("rm_call",)) == []


def test_what_excludes_one_another_is_never_shown_together() -> None:
    made = [*offers(a=90_000, b=80_000), candidate([1], "c", margin=70_000, regime="service", excludes=("a",))]
    assert shown(made) == ["a", "b"]
    assert shown(made[1:]) == ["b", "c"]


@pytest.mark.parametrize(("gift", "expected"), [(90_000, ["coffee", "plain"]), (10_000, ["deposit", "plain"])])
def test_no_benefit_beside_a_deposit(gift: int, expected: list[str]) -> None:
    made = [
        candidate([1], "deposit", margin=50_000),
        candidate([1], "coffee", margin=gift, kind="benefit", regime="service"),
        candidate([1], "plain", margin=5_000, regime="service"),
    ]
    assert shown(made) == expected


def test_prices_and_what_is_used_up_count_in_every_place() -> None:
    made = offers(a=90_000, b=80_000, c=70_000)
    made += [candidate([1], "text", channel="sms", margin=95_000, regime="service")]
    assert shown(made, 2) == ["text", "a"]
    assert shown(made, 2, context=dataclasses.replace(NO_HOLD_OUT, capacity={"sms": 0})) == ["a", "b"]
    dear = dataclasses.replace(NO_HOLD_OUT, capacity={"sms": 9}, prices={"channel:sms": 800.0})
    assert shown(made, 4, context=dear) == ["a", "b", "text", "c"]


def test_what_chance_chose_comes_first_and_whoever_is_held_out_sees_nothing() -> None:
    made = offers(a=90_000, b=80_000, c=70_000)
    exploring = dataclasses.replace(NO_HOLD_OUT, exploration=Exploration(epsilon=1.0))
    firsts = set()
    for salt in range(30):
        listed = shown(made, context=dataclasses.replace(exploring, salt=str(salt)))
        assert sorted(listed) == ["a", "b", "c"]
        assert listed[1:] == sorted(listed[1:])
        firsts.add(listed[0])
    assert firsts == {"a", "b", "c"}
    assert shown(made, context=dataclasses.replace(CONTEXT, hold_out=0.999999)) == []

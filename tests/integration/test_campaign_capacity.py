"""What a channel's capacity earns: a plan decided again with less of it and with more."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from commands import typed
from tiny_bank import AS_OF, CAMPAIGN, LIN, OTTO, Bank

from lingque.core.errors import NotFoundError
from lingque.core.reasons import Reason, Refusal
from lingque.flow import apply
from lingque.flow.capacity import CapacityCurve, capacity_curve
from lingque.flow.what_if import what_if

ON_SQLITE = pytest.mark.parametrize("controls", ["sqlite"], indirect=True)
FIELD = f"campaign.{CAMPAIGN}.channels.email.capacity"


@ON_SQLITE
def test_each_point_is_the_plan_with_that_capacity_and_more_helps_until_nobody_is_left(bank: Bank) -> None:
    with bank.open() as application:
        services = application.services
        assert not isinstance(apply(services, OTTO), Refusal)
        curve = capacity_curve(services, CAMPAIGN, AS_OF, "email", LIN)
        assert isinstance(curve, CapacityCurve)
        for point in curve.points:
            one = what_if(services, CAMPAIGN, AS_OF, {FIELD: point.capacity}, LIN)
            assert not isinstance(one, Refusal)
            assert (point.contacts, point.expected_profit) == (one.then.to_contact, one.then.expected_profit)
        unlimited = what_if(services, CAMPAIGN, AS_OF, {FIELD: None}, LIN)
        assert not isinstance(unlimited, Refusal)
    first, *_, last = curve.points
    assert (first.capacity, first.contacts, first.expected_profit, first.price) == (0, 0, 0, None)
    assert all(one.expected_profit <= next_.expected_profit for one, next_ in pairwise(curve.points))
    assert all(one.contacts <= one.capacity for one in curve.points)
    assert (last.contacts, last.price) == (unlimited.then.to_contact, 0)
    scarce = [one for one in curve.points if 0 < one.contacts == one.capacity < last.contacts]
    assert scarce, "some points are short of capacity"
    assert all(one.price is not None and one.price > 0 for one in scarce)


@ON_SQLITE
def test_an_unused_channel_is_named_and_only_who_may_plan_may_ask(bank: Bank) -> None:
    with bank.open() as application:
        assert not isinstance(apply(application.services, OTTO), Refusal)
        with pytest.raises(NotFoundError, match=f"'{CAMPAIGN}' does not use 'sms'"):
            capacity_curve(application.services, CAMPAIGN, AS_OF, "sms", LIN)
        refused = capacity_curve(application.services, CAMPAIGN, AS_OF, "email", OTTO)
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.ROLE_NOT_ALLOWED


@ON_SQLITE
def test_the_command_prints_a_table_and_writes_a_picture(
    bank: Bank, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with bank.open() as application:
        assert not isinstance(apply(application.services, OTTO), Refusal)
    picture = tmp_path / "email.svg"
    words = f"campaign capacity {CAMPAIGN} --as-of {AS_OF} --channel email --svg {picture} --as lin"
    assert typed(bank, words) == 0
    assert "█" in capfd.readouterr().out
    assert picture.read_text(encoding="utf-8").startswith("<svg")

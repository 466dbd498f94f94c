"""A plan over a real snapshot: who is kept out by a list, and what a channel can do."""

from __future__ import annotations

from typing import Any

import pytest
from tiny_bank import AS_OF, CAMPAIGN, LAWFUL, LIN, MIN, OTTO, Bank, approve, customer_no, write_csv

from lingque.core.reasons import Refusal
from lingque.decide.allocation.prices import prices_in_force
from lingque.engage.contracts import Plan
from lingque.flow import apply, plan_campaign, run_campaign
from lingque.flow.customer_files import CustomerFile
from lingque.flow.lists import upload_list
from lingque.govern.lists import CustomerLists

LIST = """
list: do_not_call
label: {zh: 勿扰名单, en: Do not call}
owner: min
effect: exclude
"""


def plan_of(application: Any) -> Plan:
    assert not isinstance(apply(application.services, OTTO), Refusal)
    plan = plan_campaign(application.services, CAMPAIGN, AS_OF, LIN)
    assert not isinstance(plan, Refusal)
    return plan


def test_a_plan_contacts_what_its_channel_can_and_holds_out_on_top(bank: Bank) -> None:
    with bank.open() as application:
        unbound = plan_of(application).forecast
    assert unbound.to_contact + unbound.to_hold_out == len(LAWFUL)
    assert unbound.to_contact > 7
    bank.replace_in("campaigns", "contact_cost: 0.05}", "contact_cost: 0.05, capacity: 7}")
    with bank.open() as application:
        bound = plan_of(application).forecast
    assert bound.to_contact == 7
    assert 0 < bound.to_hold_out < unbound.to_hold_out
    assert bound.refusals["NO_CAPACITY"] == len(LAWFUL) - bound.to_contact - bound.to_hold_out


@pytest.mark.parametrize("controls", ["sqlite"], indirect=True)
def test_a_wave_publishes_the_prices_at_which_its_offers_are_decided_on_until_the_next(bank: Bank) -> None:
    bank.replace_in("campaigns", "contact_cost: 0.05}", "contact_cost: 0.05, capacity: 7}")
    with bank.open() as application:
        services = application.services
        assert not isinstance(apply(services, OTTO), Refusal)
        approve(services)
        assert not isinstance(run_campaign(services, CAMPAIGN, LIN), Refusal)
        with services.database.reading() as connection:
            prices = prices_in_force(connection, CAMPAIGN, at=services.clock.now())
    assert prices is not None
    # everybody's contact is worth 5 % of 180 yuan less 5 fen, and so is one contact more
    assert dict(prices.rows) == {"channel:email": pytest.approx(895.0, rel=1e-3)}


def test_a_plan_leaves_out_whom_a_list_keeps_out(bank: Bank) -> None:
    bank.define("lists", LIST)
    kept_out = LAWFUL[:5]
    with bank.open() as application:
        services = application.services
        assert not isinstance(apply(services, OTTO), Refusal)
        path = write_csv(bank.folder / "l.csv", ("no",), [(customer_no(n),) for n in kept_out])
        source = CustomerFile(path=path, column="no", system="core")
        lists = CustomerLists(application.vault, services.clock, services.calendar)
        assert not isinstance(upload_list(services, lists, "do_not_call", source, MIN, expires_on=None), Refusal)
        forecast = plan_of(application).forecast
    assert forecast.refusals["ON_EXCLUSION_LIST"] == len(kept_out)
    assert forecast.to_contact + forecast.to_hold_out == len(LAWFUL) - len(kept_out)

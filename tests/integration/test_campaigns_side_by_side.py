"""Caps, capacity and overlap of campaigns that run side by side."""

from __future__ import annotations

from life_cycle import changed, contacted
from tiny_bank import (
    AS_OF,
    CAMPAIGN,
    HUA,
    LAWFUL,
    LIN,
    MIN,
    Bank,
    approve,
)

from lingque.bootstrap import Application
from lingque.core.labels import LANGUAGES
from lingque.deliver.contracts import Fates
from lingque.engage.contracts import Plan
from lingque.engage.explain import explain
from lingque.flow.approving import approve_campaign, review_campaign
from lingque.flow.intake import catalog_of
from lingque.flow.planning import plan_campaign
from lingque.flow.running import run_campaign

CAP = """
cap: mails
label: {zh: 每月至多一封, en: One mail a month at most}
channels: [email]
at_most: 1
within: 30 days
"""


OTHER = """
campaign: other
label: {zh: 另一活动, en: Another campaign}
owner: lan
segment: idle_money
offers: [term_deposit]
channels:
  email: {contact_cost: 0.05}
hold_out: 0.25
outcome: opens_deposit_30d
"""


def test_a_second_campaign_leaves_those_alone_whom_the_first_contacted(bank: Bank, loaded: Application) -> None:
    bank.define("caps", CAP)
    bank.define("other", OTHER)
    services = changed(bank, loaded)
    approve(services)
    run_campaign(services, CAMPAIGN, LIN)
    first = set(contacted(services))

    plan = plan_campaign(services, "other", AS_OF, LIN)
    assert isinstance(plan, Plan)
    assert plan.forecast.refusals["CONTACT_CAP"] == len(first)
    assert plan.forecast.to_contact + plan.forecast.to_hold_out == len(LAWFUL) - len(first)
    assert plan.forecast.overlap == {}
    review_campaign(services, "other", HUA, digest=plan.digest)
    approve_campaign(services, "other", MIN, digest=plan.digest)
    assert isinstance(run_campaign(services, "other", LIN), Fates)
    everybody = contacted(services)
    assert len(everybody) == len(set(everybody))


def test_without_a_cap_the_overlap_is_told(bank: Bank, loaded: Application) -> None:
    bank.define("other", OTHER)
    services = changed(bank, loaded)
    approve(services)
    run_campaign(services, CAMPAIGN, LIN)
    plan = plan_campaign(services, "other", AS_OF, LIN)
    assert isinstance(plan, Plan)
    assert 0 < plan.forecast.overlap[CAMPAIGN] <= len(contacted(services))


def test_a_channel_is_filled_and_no_more(bank: Bank, loaded: Application) -> None:
    services = changed(bank, loaded, ("email: {contact_cost: 0.05}", "email: {contact_cost: 0.05, capacity: 7}"))
    plan = approve(services)
    assert plan.forecast.to_contact == 7
    assert plan.forecast.refusals["NO_CAPACITY"] == len(LAWFUL) - 7 - plan.forecast.to_hold_out
    (limit,) = plan.forecast.limits
    assert (limit.channel, limit.capacity, limit.contacts) == ("email", 7, 7)
    assert plan.forecast.best_possible is not None
    assert plan.forecast.best_possible >= plan.forecast.expected_profit
    assert limit.price > 0, "one more mail would earn something"
    said = {language: dict(explain(plan, catalog_of(services), language)) for language in LANGUAGES}
    assert "capacity 7, 0 left" in said["en"]["allocation"]
    assert "容量 7，余 0" in said["zh"]["分配"]
    run_campaign(services, CAMPAIGN, LIN)
    assert len(contacted(services)) == bank.channel.transmissions == 7
    assert dict(plan.forecast.waterfall)["chosen"] == 7 + plan.forecast.to_hold_out

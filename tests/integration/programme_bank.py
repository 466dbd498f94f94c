"""The tiny bank with three campaigns in one programme."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from tiny_bank import (
    AS_OF,
    CAMPAIGN,
    HUA,
    LIN,
    MIN,
    OTTO,
    Bank,
)

from lingque.bootstrap import Application
from lingque.core.reasons import Refusal
from lingque.deliver.contracts import Fates
from lingque.engage.contracts import Plan, Together
from lingque.engage.service import newest_plan
from lingque.engage.tables import contacts
from lingque.flow.approving import approve_campaign, review_campaign
from lingque.flow.intake import apply, run_tags
from lingque.flow.planning import plan_campaign
from lingque.flow.running import run_campaign
from lingque.flow.services import Services

ON_SQLITE = pytest.mark.parametrize("controls", ["sqlite"], indirect=True)


CARD, NOTICE = "credit_card", "maturity_notice"


PROGRAMME = """
offer: gold_card
label: {zh: 金卡, en: Gold card}
regime: service
valid_from: 2026-01-01
valid_to: 2027-01-01
currency: CNY
margin: 100
response: 0.05
creatives:
  email:
    zh: {subject: 金卡, body: 您好}
---
offer: notice
label: {zh: 到期提醒, en: Maturity notice}
kind: service
regime: service
valid_from: 2026-01-01
valid_to: 2027-01-01
currency: CNY
margin: 2
response: 0.5
creatives:
  email:
    zh: {subject: 提醒, body: 您好}
---
tag: some
label: {zh: 部分客户, en: Some customers}
family: value
value: latest_balance < cny(30040)
---
campaign: credit_card
label: {zh: 金卡推荐, en: Gold card}
owner: lan
segment: idle_money
offers: [gold_card]
channels:
  email: {contact_cost: 0.05}
hold_out: 0.25
outcome: opens_deposit_30d
---
campaign: maturity_notice
label: {zh: 到期提醒, en: Maturity notice}
owner: lan
purpose: service
segment: some
offers: [notice]
channels:
  email: {contact_cost: 0.05}
hold_out: 0.05
outcome: opens_deposit_30d
---
programme: june
label: {zh: 六月统筹, en: June}
campaigns:
  idle_to_deposit: {}
  credit_card: {minimum: 6}
  maturity_notice: {}
channels: {email: 50}
"""


def in_programme(bank: Bank, application: Application, *pairs: tuple[str, str]) -> Services:
    """The bank with its campaigns in one programme, these lines in place of those."""
    text = PROGRAMME
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    bank.define("programme", text)
    services = application.services
    assert not isinstance(apply(services, OTTO), Refusal)
    assert not isinstance(run_tags(services, AS_OF, OTTO), Refusal)
    return services


def planned(services: Services, name: str = CAMPAIGN) -> dict[str, Plan]:
    """By one of them, all."""
    found = plan_campaign(services, name, AS_OF, LIN)
    assert isinstance(found, Plan)
    with services.database.reading() as connection:
        plans = {one: newest_plan(connection, one) for one in (CAMPAIGN, CARD, NOTICE)}
    assert plans[name] == found
    return plans


def together(plan: Plan) -> Together:
    assert plan.forecast.together is not None
    return plan.forecast.together


def approved(services: Services, name: str) -> None:
    with services.database.reading() as connection:
        digest = newest_plan(connection, name).digest
    assert not isinstance(review_campaign(services, name, HUA, digest=digest), Refusal)
    assert not isinstance(approve_campaign(services, name, MIN, digest=digest), Refusal)


def ran(services: Services, name: str) -> Fates:
    approved(services, name)
    fates = run_campaign(services, name, LIN)
    assert isinstance(fates, Fates)
    return fates


def contacted(services: Services, name: str) -> set[int]:
    with services.database.reading() as connection:
        wave = newest_plan(connection, name).wave_id
        return set(connection.execute(select(contacts.c.customer_id).where(contacts.c.wave_id == wave)).scalars())

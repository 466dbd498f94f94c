"""Placements on the tiny bank: who agreed to be shown things on the app, and what there is to be shown."""

from __future__ import annotations

from pathlib import Path

from tiny_bank import (
    AS_OF,
    CURRENT_CONSENT,
    CUSTOMERS,
    OTTO,
    Bank,
    consent,
    consents,
    customer_no,
    make_loaded,
    party_of,
)

from lingque.bootstrap import Application
from lingque.core.ids import CustomerId
from lingque.core.reasons import Refusal
from lingque.flow import apply, ingest, run_tags
from lingque.flow.asking import Asking
from lingque.flow.showing import Answer, Filled, Visit
from lingque.govern.contracts import Principal, Role

APP = Principal(user="app", person="app", roles=frozenset({Role.CHANNEL_SYSTEM}))
NO_APP_CONSENT = 7

OFFER = """
offer: {name}
label: {{zh: 产品, en: {name}}}
regime: {regime}
topic: {topic}
valid_from: 2026-01-01
valid_to: 2027-01-01
currency: CNY
margin: {margin}
response: 0.1
{more}
creatives:
  app:
    zh: {{body: 看看{name}}}
    en: {{body: See {name}}}
"""


def offer(name: str, margin: int, topic: str, regime: str = "service", more: str = "") -> str:
    return OFFER.format(name=name, margin=margin, topic=topic, regime=regime, more=more)


OFFERS = "---".join(
    [
        offer("deposit", 300, "savings", "deposit", "eligibility: latest_balance >= cny(20000)"),
        offer("card", 200, "cards", more="eligibility: transactions_12m >= 2"),
        offer("gold_card", 150, "cards", more="eligibility: salary_3m >= cny(1000)\nexcludes: [deposit]"),
        offer("budget_book", 100, "tools", more="eligibility: salary_3m >= cny(1000)\nstock: 1"),
        offer("help", 10, "service"),
        offer("opening_hours", 10, "service"),
        offer("calculator", 10, "tools"),
        *(offer(name, 10, "web").replace("  app:", "  web:") for name in ("web_one", "web_two", "web_open")),
    ]
)
PLACEMENTS = """
placement: home
label: {zh: 首页, en: Home}
channel: app
offers: [deposit, card, gold_card]
open: [help, opening_hours, calculator]
hold_out: 0
deadline_ms: 10000
---
placement: shelf
label: {zh: 货架, en: Shelf}
channel: app
offers: [deposit, card, gold_card, budget_book]
show: 4
leads:
  - {led_by: behaviour, when: deposits_3m > 0, offers: [card]}
  - {led_by: attribute, when: accounts_held >= 1, offers: [budget_book]}
diversity: {by: topic}
open: [help, opening_hours, calculator]
open_by: popularity
hold_out: 0
deadline_ms: 10000
prices: shelf
---
placement: halves
label: {zh: 对半, en: Halves}
channel: app
offers: [gold_card, deposit, card]
open: [help]
hold_out: 0.5
deadline_ms: 10000
---
placement: either
label: {zh: 二选一, en: Either}
channel: app
offers: [gold_card, deposit]
show: 2
open: [help]
hold_out: 0
deadline_ms: 10000
---
placement: capped_a
label: {zh: 网页甲, en: Web A}
channel: web
offers: [web_one, web_two]
open: [web_open]
show: 2
hold_out: 0
purpose: service
---
placement: capped_b
label: {zh: 网页乙, en: Web B}
channel: web
offers: [web_one, web_two]
open: [web_open]
show: 2
hold_out: 0
purpose: service
---
cap: two_on_the_web
label: {zh: 网页两次, en: Two on the web}
channels: [web]
purpose: service
at_most: 2
within: 7 days
"""


def make_placed(folder: Path) -> None:
    """The loaded bank, with placements and the statements of who agreed to the app. For tests to copy."""
    make_loaded(folder)
    bank = Bank(folder=folder)
    bank.define("placements", "---".join((OFFERS, PLACEMENTS)))
    agreed = [
        ("APP" + row[0], *row[1:4], "app", *row[5:])
        for row in (consent(n, "give", "2025-01-01", CURRENT_CONSENT) for n in range(CUSTOMERS) if n != NO_APP_CONSENT)
    ]
    bank.deliver("consents", [*consents(), *agreed])
    with bank.open() as application:
        services = application.services
        applied = apply(services, OTTO)
        assert not isinstance(applied, Refusal), applied
        for report in ingest(services, OTTO):
            assert not isinstance(report, Refusal), report
        assert not isinstance(run_tags(services, AS_OF, OTTO), Refusal)


def number(application: Application, n: int) -> CustomerId:
    return CustomerId(party_of(application, customer_no(n)))


def asked(asking: Asking, customer: int | None, *placements: str, explain: bool = False) -> tuple[Filled, ...]:
    visit = Visit(
        customer_id=None if customer is None else CustomerId(customer),
        placements=placements or ("home",),
        ends_at=float("inf"),
        explain=explain,
    )
    (found,) = asking.answer([visit])
    assert isinstance(found, Answer), found
    return found.placements


def names(filled: Filled) -> list[str]:
    return [item.offer for item in filled.items]

"""A bank of 120 customers, small enough to be loaded in a second: definitions, files, users and keys."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from lingque.bootstrap import Application
from lingque.core.clock import instant_of
from lingque.core.reasons import Refusal
from lingque.deliver.contracts import Channel
from lingque.flow import apply, ingest, run_tags
from lingque.govern.access import User, add_user, principal_of
from lingque.govern.api_keys import new_api_key
from lingque.govern.contracts import Principal, Role
from lingque.settings import Settings
from lingque.testing import MemoryChannel

CUSTOMERS = 120
AS_OF = date(2026, 3, 1)
PLANNED_AT = instant_of(datetime(AS_OF.year, AS_OF.month, AS_OF.day, 4, 0, tzinfo=UTC))

USERS = {
    "mia": frozenset({Role.CAMPAIGN_MANAGER}),
    "owen": frozenset({Role.CAMPAIGN_MANAGER}),
    "carl": frozenset({Role.COMPLIANCE_OFFICER}),
    "hua": frozenset({Role.CONSUMER_PROTECTION_REVIEWER}),
    "ann": frozenset({Role.ANALYST, Role.OPERATOR}),
    "app": frozenset({Role.CHANNEL_SYSTEM}),
    "teller": frozenset({Role.CHANNEL_SYSTEM, Role.CAMPAIGN_MANAGER}),
    "root": frozenset({Role.SYSTEM_ADMINISTRATOR}),
    "sam": frozenset({Role.SECURITY_ADMINISTRATOR}),
}

DEFINITIONS = """
contract: customers
label: {zh: 客户, en: Customers}
kind: party
load: full
columns:
  customer_no: {type: text, role: key}
  opened_on: {type: date, role: valid_from}
  birth_date: {type: date, required: true, classes: [personal]}
  email: {type: text, role: identifier, identifier: email}
---
contract: payments
label: {zh: 支付, en: Payments}
kind: event
load: full
columns:
  payment_no: {type: text, role: key}
  customer_no: {type: text, role: party}
  paid_on: {type: date, role: event_time}
  amount: {type: money, currency: CNY, required: true, classes: [personal]}
---
contract: consents
label: {zh: 同意, en: Consents}
kind: consent
load: full
columns:
  consent_no: {type: text, role: key}
  customer_no: {type: text, role: party}
  acted_on: {type: date, role: event_time}
  purpose: {type: text, required: true}
  channel: {type: text, required: true}
  data_classes: {type: text}
  action: {type: text, required: true}
  wording_version: {type: text, required: true}
  evidence: {type: text, required: true}
---
source: bank_customers
system: bank
contract: customers
data_date: 2026-04-15
reads:
  customers: {files: [customers.csv]}
mapping: mapping/customers.sql
---
source: bank_payments
system: bank
contract: payments
data_date: 2026-04-15
reads:
  payments: {files: [payments.csv]}
mapping: mapping/payments.sql
---
source: bank_consents
system: bank
contract: consents
data_date: 2026-04-15
reads:
  consents: {files: [consents.csv]}
mapping: mapping/consents.sql
---
tag: payments_90d
label: {zh: 近90天支付笔数, en: Payments within 90 days}
family: payments
from: payments
window: 90 days
value: count(*)
---
tag: payments_year
label: {zh: 近一年支付笔数, en: Payments within a year}
family: payments
from: payments
window: 365 days
value: count(*)
---
tag: pays_often
label: {zh: 活跃支付客户, en: Pays often}
family: payments
value: payments_90d >= 1
---
tag: payments_next_30d
label: {zh: 未来30天支付笔数, en: Payments in the next 30 days}
family: payments
from: payments
window: next 30 days
value: count(*)
---
tag: pays_again
label: {zh: 未来30天再次支付, en: Pays again within 30 days}
family: payments
value: payments_next_30d > 0
---
tag: pays_often_again
label: {zh: 未来30天两次以上支付, en: Pays twice or more within 30 days}
family: payments
value: payments_next_30d > 1
---
offer: card_plus
label: {zh: 优享卡, en: Card Plus}
regime: service
valid_from: 2026-01-01
valid_to: 2027-01-01
currency: CNY
margin: 80.00
response: 0.2
creatives:
  email:
    zh: {subject: 优享卡, body: 了解一下优享卡。}
  app:
    zh: {body: 优享卡}
    en: {body: Card Plus}
---
offer: branch_hours
label: {zh: 网点时间, en: Branch hours}
regime: service
kind: content
valid_from: 2026-01-01
valid_to: 2027-01-01
currency: CNY
margin: 1.00
response: 0.1
creatives:
  app:
    zh: {body: 网点营业时间}
---
placement: app_home
label: {zh: 首页, en: Home}
channel: app
purpose: service
offers: [card_plus]
open: [branch_hours]
show: 2
hold_out: 0
deadline_ms: 10000
---
campaign: card_plus_spring
label: {zh: 春季优享卡, en: Card Plus in spring}
owner: owen
segment: pays_often
offers: [card_plus]
channels:
  email: {contact_cost: 0.05}
hold_out: 0.35
outcome: pays_again
also_measure: [payments_next_30d, pays_often_again]
---
list: watched
label: {zh: 关注名单, en: Watched}
owner: carl
effect: exclude
secret: true
---
list: vip
label: {zh: 贵宾, en: VIP}
owner: owen
effect: audience
---
model: pays_soon
label: {zh: 30天内支付的概率, en: Probability of paying within 30 days}
owner: ann
target: pays_again
features: [payments_90d]
train_as_of: [2026-01-10]
validate_as_of: 2026-03-01
---
campaign: never_planned
label: {zh: 从未编制, en: Never planned}
owner: owen
segment: pays_often
offers: [card_plus]
channels:
  email: {}
outcome: pays_again
"""

MAPPINGS = {
    "customers": "SELECT _file, _row, customer_no, opened_on, birth_date, email FROM customers",
    "payments": "SELECT _file, _row, payment_no, customer_no, paid_on, amount FROM payments",
    "consents": "SELECT _file, _row, consent_no, customer_no, acted_on, purpose, channel, data_classes, action,"
    " wording_version, evidence FROM consents",
}


def mailbox(_settings: Settings) -> Mapping[str, Channel]:
    return {"email": MemoryChannel()}


def write_files(folder: Path) -> None:
    """Definitions, mappings and one delivery of each source."""
    (folder / "definitions" / "bank.yaml").write_text(DEFINITIONS, encoding="utf-8")
    (folder / "mapping").mkdir()
    for name, sql in MAPPINGS.items():
        (folder / "mapping" / f"{name}.sql").write_text(sql, encoding="utf-8")
    landing = folder / "landing"
    landing.mkdir()
    numbers = range(CUSTOMERS)
    _write(
        landing / "customers.csv",
        ("customer_no", "opened_on", "birth_date", "email"),
        ((f"C{n}", "2020-01-01", "1980-05-05", f"c{n}@mail.example") for n in numbers),
    )
    before = (AS_OF - timedelta(days=9)).isoformat()
    after = (AS_OF + timedelta(days=9)).isoformat()
    _write(
        landing / "payments.csv",
        ("payment_no", "customer_no", "paid_on", "amount"),
        [(f"P{n}", f"C{n}", before, "12.50") for n in numbers if n % 10 != 9]
        # what a model can learn from: some paid at Christmas, more in January
        + [(f"N{n}", f"C{n}", "2025-12-20", "30.00") for n in numbers if n % 4 == 0]
        + [(f"J{n}", f"C{n}", "2026-01-20", "8.00") for n in numbers if n % 2 == 0]
        + [(f"Q{n}", f"C{n}", after, "9.90") for n in numbers if n % 3 == 0],
    )
    _write(
        landing / "consents.csv",
        (
            "consent_no",
            "customer_no",
            "acted_on",
            "purpose",
            "channel",
            "data_classes",
            "action",
            "wording_version",
            "evidence",
        ),
        (
            (f"S{n}", f"C{n}", "2025-01-01", "marketing", "email", "personal", "give", "w1", "branch")
            for n in numbers
            if n % 12 != 11
        ),
    )


def set_up(application: Application) -> dict[str, str]:
    """Users with a key each, definitions applied, files loaded, tags computed; the keys by user."""
    services = application.services
    now = services.clock.now()
    with services.database.transaction() as connection:
        for name, roles in USERS.items():
            assert add_user(connection, User(name=name, person=f"staff {name}", roles=roles), at=now) is None
        keys = {name: new_api_key(connection, name, at=now) for name in USERS}
    ann = person(application, "ann")
    assert not isinstance(apply(services, ann), Refusal)
    for report in ingest(services, ann):
        assert not isinstance(report, Refusal)
        assert report.quarantined == 0
    assert not isinstance(run_tags(services, AS_OF, ann), Refusal)
    return keys


def person(application: Application, user: str) -> Principal:
    with application.services.database.reading() as connection:
        return principal_of(connection, user)


def _write(path: Path, header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)

"""A small bank's definitions on disk, for tests to break in one place."""

from __future__ import annotations

from pathlib import Path

import pytest

from lingque.catalog.build import build_catalog
from lingque.catalog.model import Catalog
from lingque.catalog.yaml_files import read_definitions
from lingque.core.errors import DefinitionError, Problem

FILES = {
    "definitions/contracts.yaml": """\
contract: customers
label: {zh: 客户, en: Customers}
kind: party
load: full
columns:
  customer_no: {type: text, role: key}
  email: {type: text, role: identifier, identifier: email}
  birth_date: {type: date, classes: [personal]}
  opened_on: {type: date, role: valid_from}
---
contract: accounts
label: {zh: 账户, en: Accounts}
kind: state
load: full
columns:
  account_no: {type: text, role: key}
  customer_no: {type: text, role: party}
  opened_on: {type: date, role: valid_from}
  score: {type: integer, classes: [credit_bureau], purposes: [service, risk]}
---
contract: transactions
label: {zh: 交易, en: Transactions}
kind: event
load: daily
columns:
  transaction_no: {type: text, role: key}
  customer_no: {type: text, role: party}
  account_no: {type: text, role: reference, references: accounts}
  booked_on: {type: date, role: event_time}
  category: {type: text, classes: [financial]}
  amount: {type: money, currency: CNY, classes: [financial]}
""",
    "definitions/sources.yaml": """\
source: core_accounts
system: core
contract: accounts
reads:
  accounts: {files: ["accounts_{data_date}.csv"]}
mapping: mapping/accounts.sql
""",
    "definitions/tags.yaml": """\
tag: spending
label: {zh: 支出, en: Spending}
family: consumption
from: transactions
where: category = 'shop'
window: 3 months
value: sum(amount)
---
tag: bookings
label: {zh: 笔数, en: Bookings}
family: payments
from: transactions
window: 1 month
value: count(*)
---
tag: bureau_score
label: {zh: 征信分, en: Bureau score}
family: risk
from: accounts
value: max(score)
---
tag: spends
label: {zh: 有消费, en: Spends}
family: consumption
value: spending > cny(100) and bookings > 0
---
tag: buys_next
label: {zh: 将消费, en: Buys}
family: consumption
from: transactions
window: next 30 days
value: count(*)
---
tag: buys
label: {zh: 将消费, en: Buys within 30 days}
family: consumption
value: buys_next > 0
""",
    "definitions/campaign.yaml": """\
offer: deposit
label: {zh: 存款, en: Deposit}
regime: deposit
valid_from: 2026-01-01
valid_to: 2027-01-01
eligibility: bookings > 0
currency: CNY
margin: 180
response: 0.05
creatives:
  email:
    zh: {subject: 存款, body: 您好}
---
campaign: idle
label: {zh: 活动, en: Campaign}
owner: lan
segment: spends
offers: [deposit]
channels: {email: {contact_cost: 0.05}}
outcome: buys
""",
    "mapping/accounts.sql": "SELECT _file, _row, account_no, customer_no, opened_on, score FROM accounts\n",
}


class Workspace:
    """The files above in a folder, changed one place at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, text in FILES.items():
            self.write(name, text)

    def write(self, name: str, text: str | bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    def change(self, name: str, old: str, new: str) -> None:
        """Put `new` in the one place where `old` stands."""
        text = (self.folder / name).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
        self.write(name, text.replace(old, new))

    def build(self) -> Catalog:
        return build_catalog(read_definitions(self.folder))

    def problems(self) -> tuple[Problem, ...]:
        with pytest.raises(DefinitionError) as caught:
            self.build()
        return caught.value.problems

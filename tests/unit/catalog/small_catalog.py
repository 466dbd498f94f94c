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
    "mapping/holdings.sql": (
        "SELECT _file, _row, holding_no, customer_no, product_no, since, gone, balance, matures_on, rate, grade, "
        "manager FROM holdings JOIN prices USING (product_no)\n"
    ),
    "mapping/accounts.sql": "SELECT _file, _row, account_no, customer_no, opened_on, score FROM accounts\n",
}

EVERYTHING = """\
tag: hobby
label: {zh: 爱好, en: Hobby}
family: relationship
meaning: {zh: 客户说起过的爱好。, en: "What the customer likes, as told."}
reveals: [location]
manual: {type: text, allowed: [golf, 茶艺], valid_days: 30, classes: [personal], purposes: [marketing]}
---
tag: since_shop
label: {zh: 上次消费以来, en: Since the last purchase}
family: consumption
from: transactions
window: since category = 'shop'
value: not_followed(category = 'shop', category <> 'shop', 3 days)
---
tag: shops_every_month
label: {zh: 每月消费, en: Shops every month}
family: consumption
from: transactions
window: last 3 calendar months
clock: live
value: every(month, sum(amount) > cny(100) and count(*) >= 2)
---
contract: products
label: {zh: 产品, en: Products}
kind: reference
load: full
columns:
  product_no: {type: text, role: key}
  listed_on: {type: date, role: valid_from}
  price: {type: number}
---
contract: holdings
label: {zh: 持有, en: Holdings}
kind: state
load: delta
gate: 99.5
known_after_days: 2
columns:
  holding_no: {type: text, role: key}
  customer_no: {type: text, role: party}
  product_no: {type: text, role: reference, references: products}
  since: {type: date, role: valid_from}
  gone: {type: boolean, role: deleted}
  balance: {type: money, currency: CNY, classes: [financial], level: 4}
  matures_on: {type: date}
  rate: {type: number}
  grade: {type: integer}
  manager: {type: text}
---
source: core_holdings
system: core
contract: holdings
reads:
  holdings:
    files: ["holdings_{data_date}.dat"]
    format: fixed_width
    encoding: gb18030
    fields: {holding_no: [1, 10], balance: [11, 12]}
  prices: {table: public.prices, connection: reports, date_column: as_of}
control: {file: "holdings_{data_date}.ok", of: holdings, totals: {balance: sum_of_balance}}
late: {every: weekday, rule: alert}
mapping: mapping/holdings.sql
---
tag: average_balance
label: {zh: 月日均余额, en: Monthly average balance}
family: assets
from: holdings
where: balance > cny(0)
window: 1 month
value: time_avg(balance)
---
tag: matures_soon
label: {zh: 即将到期, en: Matures soon}
family: assets
from: holdings
value: any(matures_on between as_of and as_of + 30 days)
---
tag: tolerance
label: {zh: 风险等级, en: Tolerance}
family: risk
from: holdings
value: max(grade)
---
tag: assessed_until
label: {zh: 测评有效期, en: Assessed until}
family: risk
from: holdings
value: max(matures_on)
---
tag: manager
label: {zh: 客户经理, en: Relationship manager}
family: relationship
from: holdings
value: last(manager)
---
tag: age
label: {zh: 年龄, en: Age}
family: demographics
from: customers
value: max(years_between(birth_date, as_of))
---
tag: balance_next
label: {zh: 未来日均, en: Average balance to come}
family: assets
from: holdings
window: next 60 days
value: time_avg(balance)
---
tag: propensity
label: {zh: 购买倾向, en: Propensity}
family: value
model: buys_deposit
---
tag: likely
label: {zh: 高倾向, en: Likely}
family: value
value: propensity > 0.2 and not complained
---
tag: complained
label: {zh: 投诉客户, en: Complained}
family: relationship
list: complaints
---
model: buys_deposit
label: {zh: 存款倾向, en: Buys a deposit}
target: buys
population: matures_soon
features: [average_balance, bookings, age, manager]
train_as_of: [2026-01-01, 2026-02-01]
validate_as_of: 2026-03-01
---
list: complaints
label: {zh: 投诉, en: Complaints}
owner: min
effect: exclude
valid_days: 90
---
list: insiders
label: {zh: 内部, en: Insiders}
owner: min
effect: exclude
secret: true
---
cap: mails
label: {zh: 邮件频次, en: Mails}
channels: [email]
at_most: 2
within: 7 days
---
offer: fund
label: {zh: 固收+, en: Fixed income plus}
regime: wealth
suitability: {risk_grade: 3, tolerance: tolerance, valid_until: assessed_until, age: age}
valid_from: 2026-01-01
valid_to: 2027-01-01
currency: CNY
margin: 180.50
response: 0.05
propensity: propensity
creatives:
  email:
    zh: {subject: 理财, body: "您好！\\n您有一笔资金即将到期。\\n"}
  rm_call:
    zh: {body: "请联系客户：到期提醒"}
---
campaign: maturing
label: {zh: 到期承接, en: Maturing money}
owner: lan
segment: likely
offers: [fund]
channels: {email: {contact_cost: 0.05}, rm_call: {contact_cost: 8, capacity: 100}}
route_by: manager
hold_out: 0.1
pilot: {share: 0.1}
schedule: {every: week, first: 2026-04-06, until: 2026-07-01}
outcome: buys
also_measure: [balance_next, buys_next]
"""
"""Further definitions, with something of every kind and form. Beside `FILES` they make a catalog."""


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

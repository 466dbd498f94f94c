"""What the tiny bank defines: settings, contracts, sources, tags, an offer and a campaign."""

from __future__ import annotations

SETTINGS = """
[workspace]
name = "tiny"
buckets = 4

[warehouse]
memory_limit = "512MB"
threads = 1
"""


CONTRACTS = """
contract: customers
label: {zh: 客户, en: Customers}
kind: party
load: full
columns:
  customer_no: {type: text, role: key}
  name: {type: text, role: identifier, identifier: name}
  email: {type: text, role: identifier, identifier: email}
  birth_date: {type: date, classes: [personal]}
  city: {type: text, classes: [personal]}
  opened_on: {type: date, role: valid_from}
---
contract: accounts
label: {zh: 账户, en: Accounts}
kind: state
load: full
columns:
  account_no: {type: text, role: key}
  customer_no: {type: text, role: party}
  kind: {type: text, required: true, allowed: [current, savings], classes: [financial]}
  opened_on: {type: date, role: valid_from}
---
contract: transactions
label: {zh: 交易流水, en: Transactions}
kind: event
load: daily
columns:
  transaction_no: {type: text, role: key}
  customer_no: {type: text, role: party}
  account_no: {type: text, role: reference, references: accounts}
  booked_on: {type: date, role: event_time}
  direction: {type: text, required: true, allowed: [credit, debit], classes: [financial]}
  category: {type: text, required: true, classes: [financial]}
  amount: {type: money, currency: CNY, required: true, classes: [financial]}
  balance: {type: money, currency: CNY, required: true, classes: [financial]}
---
contract: deposits
label: {zh: 定期存款, en: Term deposits}
kind: event
load: daily
columns:
  deposit_no: {type: text, role: key}
  customer_no: {type: text, role: party}
  opened_on: {type: date, role: event_time}
  amount: {type: money, currency: CNY, required: true, classes: [financial]}
  term_months: {type: integer, required: true, classes: [financial]}
  online: {type: boolean, classes: [financial]}
---
contract: consents
label: {zh: 同意记录, en: Consents}
kind: consent
load: full
columns:
  statement: {type: text, role: key}
  customer_no: {type: text, role: party}
  acted_on: {type: date, role: event_time}
  purpose: {type: text}
  channel: {type: text}
  data_classes: {type: text}
  action: {type: text}
  wording_version: {type: text}
  evidence: {type: text}
"""


SOURCE = """
source: core_{contract}
system: core
contract: {contract}
reads:
  {contract}: {{files: ["{contract}_{{data_date}}.csv"]}}
mapping: mapping/{contract}.sql
"""


TAGS = """
tag: salary_3m
label: {zh: 近3个月代发工资, en: Salary within 3 months}
family: payments
from: transactions
where: category = 'salary'
window: 3 months
value: sum(amount)
---
tag: latest_balance
label: {zh: 最近余额, en: Latest balance}
family: assets
from: transactions
window: 12 months
value: last(balance)
---
tag: transactions_12m
label: {zh: 近12个月交易笔数, en: Transactions within 12 months}
family: payments
from: transactions
window: 12 months
value: count(*)
---
tag: deposits_3m
label: {zh: 近3个月定期笔数, en: Deposits within 3 months}
family: wealth
from: deposits
window: 3 months
value: count(*)
---
tag: accounts_held
label: {zh: 账户数, en: Accounts}
family: assets
from: accounts
value: count(*)
---
tag: idle_money
label: {zh: 闲置资金客户, en: Idle money}
family: value
value: latest_balance >= cny(20000)
---
tag: deposits_next_30d
label: {zh: 未来30天定期笔数, en: Deposits in the next 30 days}
family: wealth
from: deposits
window: next 30 days
value: count(*)
---
tag: opens_deposit_30d
label: {zh: 30天内新开定期, en: Opens a deposit within 30 days}
family: wealth
value: deposits_next_30d > 0
"""


CAMPAIGNS = """
offer: term_deposit
label: {zh: 三个月定期, en: Three-month deposit}
regime: deposit
valid_from: 2026-01-01
valid_to: 2027-01-01
eligibility: deposits_3m = 0
currency: CNY
margin: 180
response: 0.05
creatives:
  email:
    zh:
      subject: 活期里的钱，可以有更高的利息
      body: |
        您好！存为三个月定期，利率高于活期。
---
campaign: idle_to_deposit
label: {zh: 闲置资金转定期, en: Idle money to deposits}
owner: lan
segment: idle_money
offers: [term_deposit]
channels:
  email: {contact_cost: 0.05}
hold_out: 0.5
outcome: opens_deposit_30d
"""

"""The hundred tags of `benchmarks.tags`: 92 aggregates, four ratios, four of recency, frequency and money."""

from __future__ import annotations

from dataclasses import dataclass

CATEGORIES = [
    "salary",
    "rent",
    "groceries",
    "travel",
    "transfer",
    "fee",
    "fuel",
    "clothes",
    "health",
    "school",
    "fun",
    "tax",
]
CHANNELS = ["app", "web", "branch", "atm", "pos"]
WINDOWS = (7, 30, 90, 180, 365)

CONTRACTS = """
contract: customers
label: {zh: 客户, en: Customers}
kind: party
load: full
columns:
  customer_no: {type: text, role: key}
  opened_on: {type: date, role: valid_from}
  segment: {type: text, classes: [personal]}
---
contract: transactions
label: {zh: 交易流水, en: Transactions}
kind: event
load: full
columns:
  transaction_no: {type: text, role: key}
  customer_no: {type: text, role: party}
  booked_at: {type: timestamp, role: event_time}
  direction: {type: text, required: true, classes: [financial]}
  category: {type: text, required: true, classes: [financial]}
  channel: {type: text, required: true, classes: [financial]}
  merchant: {type: text, required: true, classes: [financial]}
  amount: {type: money, currency: CNY, required: true, classes: [financial]}
  balance: {type: money, currency: CNY, required: true, classes: [financial]}
"""


@dataclass(frozen=True, kw_only=True)
class Made:
    """One aggregate tag: what, of which rows, in how many days."""

    name: str
    value: str
    where: str
    days: int


def measured() -> list[Made]:
    """The aggregate tags."""
    made: list[Made] = []

    def add(name: str, value: str, windows: tuple[int, ...], where: str = "") -> None:
        made.extend(Made(name=f"{name}_{days}d", value=value, where=where, days=days) for days in windows)

    add("payments", "count(*)", WINDOWS)
    add("spent", "sum(amount)", WINDOWS, "direction = 'debit'")
    add("received", "sum(amount)", WINDOWS, "direction = 'credit'")
    add("largest", "max(amount)", WINDOWS)
    add("merchants", "count_distinct(merchant)", WINDOWS)
    add("mean", "avg(amount)", (30, 90, 365), "direction = 'debit'")
    add("smallest", "min(amount)", (30, 365))
    for category in CATEGORIES[:8]:
        add(f"spent_{category}", "sum(amount)", (30, 90, 365), f"category = '{category}'")
        add(f"payments_{category}", "count(*)", (30, 90, 365), f"category = '{category}'")
    add("top_merchant", "top(merchant)", (30, 90, 365))
    add("by_app", "share(channel = 'app')", (30, 90, 365))
    add("latest_balance", "last(balance)", (365,))
    add("latest_category", "last(category)", (365,))
    add("first_category", "first(category)", (365,))
    add("days_since_last", "recency()", (365,))
    add("days_since_first", "tenure()", (365,))
    add("large", "count(*)", (30, 90, 365), "amount > cny(500)")
    return made


DERIVED = {
    "spending_trend": "spent_30d / spent_90d",
    "spending_of_income": "spent_365d / received_365d",
    "travel_of_spending": "spent_travel_365d / spent_365d",
    "rent_of_spending": "spent_rent_90d / spent_90d",
    "rfm_recency": "ntile(5, days_since_last_365d)",
    "rfm_frequency": "ntile(5, payments_365d)",
    "rfm_money": "ntile(5, spent_365d)",
    "rfm": "rfm_recency * 100 + rfm_frequency * 10 + rfm_money",
}


def definitions(*, live: bool = False) -> str:
    """Contracts and tags as a workspace's YAML; `live`: all that can be."""
    parts = [CONTRACTS]
    clock = "clock: live\n" if live else ""
    for tag in measured():
        where = f'where: "{tag.where}"\n' if tag.where else ""
        parts.append(
            f"tag: {tag.name}\nlabel: {{zh: {tag.name}, en: {tag.name}}}\nfamily: payments\nfrom: transactions\n"
            f"{where}{clock}window: {tag.days} days\nvalue: {tag.value}\n"
        )
    for name, value in DERIVED.items():
        if live and "rfm" in name:
            continue  # where a customer stands among all is known once a day
        parts.append(f"tag: {name}\nlabel: {{zh: {name}, en: {name}}}\nfamily: value\n{clock}value: {value}\n")
    return "---\n".join(parts)

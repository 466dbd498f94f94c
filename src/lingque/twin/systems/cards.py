"""What the credit card system delivers: cardholders under its own key, cards, and what was bought with them."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from lingque.core.hashing import Int64s
from lingque.twin import columns
from lingque.twin.cards import CARD_CATEGORIES
from lingque.twin.categories import MERCHANTS
from lingque.twin.days import day_number
from lingque.twin.extracts import Extract, Records, arriving, plain_header
from lingque.twin.flaws import Weak, weak_day
from lingque.twin.identities import Identities, as_of_day
from lingque.twin.part import Part

WALLETS = ("", "wallet_a", "wallet_b")
WALLET_DAYS = 45
"""The file of purchases has had one more column for so many days before `as_of` (schema drift)."""
_CODES = np.array((5411, 5812, 5311, 5651, 5732, 7832, 4722))
"""Merchant category codes after ISO 18245, in the order of `CARD_CATEGORIES`."""
_PLAIN = ("card_no", "booked_at", "merchant_code", "merchant", "amount")


def _holders(part: Part, _day: int) -> Records:
    """Who holds a card; in GB18030. A person with two keys holds the card under the first."""
    known = Identities.make(part, "cards", as_of_day(part))
    return Records.of(
        {
            "cardholder_id": known.key,
            "name": known.name,
            "document_no": known.document,
            "mobile": known.phone,
            "birth_date": columns.days(part.population.birth_day[known.customer]),
        },
        encoding="gb18030",
    )


def _cards(part: Part, _day: int) -> Records:
    cards = part.habits.cards
    key = Identities.make(part, "cards", as_of_day(part)).first_keys()
    return Records.of(
        {
            "card_no": cards.card_no,
            "cardholder_id": [key[owner] for owner in cards.owner.tolist()],
            "credit_limit": columns.money(cards.limit),
            "issued_on": columns.days(cards.opened_day),
        }
    )


def _purchases(part: Part, _day: int) -> Records:
    """Local time."""
    bought = part.purchases
    arrival = arriving(part.block, "card purchases", bought.day)
    random = part.block.stream("card purchases told")
    second = random.integers(7 * 3600, 23 * 3600, len(bought.day))
    wallet = random.choice(len(WALLETS), len(bought.day), p=(0.4, 0.4, 0.2))
    names = [MERCHANTS[name] for name in CARD_CATEGORIES]
    first = np.cumsum([0, *(len(one) for one in names[:-1])])
    count = np.array([len(one) for one in names])
    flat = [name for one in names for name in one]

    def content(places: Int64s, file_day: int) -> bytes:
        at = arrival.where[places]
        category = bought.category[at]
        merchant = first[category] + (bought.card[at] + bought.day[at]) % count[category]
        told = {
            "card_no": columns.picked(part.habits.cards.card_no, bought.card[at]),
            "booked_at": columns.moments(bought.day[at] * 86_400 + second[at]),
            "merchant_code": _CODES[category],
            "merchant": columns.picked(flat, merchant),
            "amount": columns.money(bought.amount[at]),
        }
        if file_day >= wallets_since(part):
            told["wallet"] = columns.picked(WALLETS, wallet[at])
        return columns.csv_rows(told)

    return Records(
        count=len(arrival.where),
        content=content,
        arrives=arrival.day,
        amount=bought.amount[arrival.where],
        flaws=arrival.flaws,
    )


def wallets_since(part: Part) -> int:
    return day_number(part.block.parameters.as_of - timedelta(days=WALLET_DAYS))


def _purchase_header(part: Part, day: int) -> bytes:
    return columns.header((*_PLAIN, "wallet") if day >= wallets_since(part) else _PLAIN)


EXTRACTS = (
    Extract(
        name="cards_holders",
        suffix="csv",
        records=_holders,
        weak=(weak_day("birth_date"), Weak(column="cardholder_id")),
        repeats=True,
        header=plain_header("cardholder_id", "name", "document_no", "mobile", "birth_date"),
    ),
    Extract(
        name="cards_cards",
        suffix="csv",
        records=_cards,
        weak=(weak_day("issued_on"), Weak(column="cardholder_id")),
        repeats=True,
        header=plain_header("card_no", "cardholder_id", "credit_limit", "issued_on"),
    ),
    Extract(
        name="cards_purchases",
        suffix="csv",
        records=_purchases,
        weak=(weak_day("booked_at"), Weak(column="card_no")),
        header=_purchase_header,
        control=True,
    ),
)

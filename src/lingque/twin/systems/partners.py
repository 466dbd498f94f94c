"""Feeds of partners: a shop on the web, a hospital, the office for civic services.

They know customers under their own keys and deliver telephone numbers as SHA-256 only.
"""

from __future__ import annotations

import numpy as np

from lingque.core.hashing import Int64s
from lingque.twin import columns
from lingque.twin.extracts import Extract, Records, arriving, plain_header
from lingque.twin.flaws import Weak, weak_day
from lingque.twin.identities import Identities, System, as_of_day
from lingque.twin.life import history_days
from lingque.twin.part import Part
from lingque.twin.seasons import day_weights, drawn_days

_ORDERS_PER_MONTH = 0.8
_GOODS = ("apparel", "appliance", "baby", "building_material", "food", "phone")
_DEPARTMENTS = {"illness": "internal", "child": "obstetrics"}
_MATTERS = {"child": "birth_registration", "home_purchase": "property_registration", "retirement": "pension_claim"}


def _orders(part: Part, _day: int) -> Records:
    """双11 is the day of the shop."""
    known = Identities.make(part, "shop", as_of_day(part))
    random = part.block.stream("shop orders")
    first, after = history_days(part.block.parameters)
    months = (after - first) * 12 / 365
    which = np.repeat(np.arange(len(known.key)), random.poisson(_ORDERS_PER_MONTH * months, len(known.key)))
    day = drawn_days(day_weights("online_shopping", first, after), first, random.random(len(which)))
    income = part.population.income[known.customer[which]]
    amount = np.rint(income * 0.04 * random.lognormal(0.0, 0.7, len(which))).astype(np.int64) + 1
    goods = random.choice(len(_GOODS), len(which))
    order = np.lexsort((which, day))
    arrival = arriving(part.block, "shop orders", day[order])
    hashes = known.hashed_phones()

    def content(places: Int64s, _day: int) -> bytes:
        at = order[arrival.where[places]]
        return columns.csv_rows(
            {
                "member_id": columns.picked(known.key, which[at]),
                "mobile_sha256": columns.picked(hashes, which[at]),
                "ordered_on": columns.days(day[at]),
                "goods": columns.picked(_GOODS, goods[at]),
                "amount": columns.money(amount[at]),
            }
        )

    return Records(
        count=len(arrival.where),
        content=content,
        arrives=arrival.day,
        amount=amount[order][arrival.where],
        flaws=arrival.flaws,
    )


def _visits(part: Part, _day: int) -> Records:
    """In GB18030; the name is half hidden."""
    known, which, day, word = _of_events(part, "hospital", _DEPARTMENTS)
    arrival = arriving(part.block, "hospital visits", day)
    names = [f"{name[0]}**" for name in known.name]
    hashes = known.hashed_phones()

    def content(places: Int64s, _day: int) -> bytes:
        at = arrival.where[places]
        return columns.csv_rows(
            {
                "patient_no": columns.picked(known.key, which[at]),
                "name": columns.picked(names, which[at]),
                "mobile_sha256": columns.picked(hashes, which[at]),
                "seen_on": columns.days(day[at]),
                "department": columns.picked(tuple(_DEPARTMENTS.values()), word[at]),
            },
            encoding="gb18030",
        )

    return Records(count=len(arrival.where), content=content, arrives=arrival.day, flaws=arrival.flaws)


def _matters(part: Part, _day: int) -> Records:
    known, which, day, word = _of_events(part, "civic", _MATTERS)
    arrival = arriving(part.block, "civic matters", day)
    hashes = known.hashed_phones()

    def content(places: Int64s, _day: int) -> bytes:
        at = arrival.where[places]
        return columns.csv_rows(
            {
                "person_no": columns.picked(known.key, which[at]),
                "mobile_sha256": columns.picked(hashes, which[at]),
                "matter": columns.picked(tuple(_MATTERS.values()), word[at]),
                "done_on": columns.days(day[at]),
            }
        )

    return Records(count=len(arrival.where), content=content, arrives=arrival.day, flaws=arrival.flaws)


def _of_events(part: Part, system: System, kinds: dict[str, str]) -> tuple[Identities, Int64s, Int64s, Int64s]:
    """Who is known there, and by day for each event of the history: whose key, when, and of which kind."""
    known = Identities.make(part, system, as_of_day(part))
    first, after = history_days(part.block.parameters)
    keys = np.full(part.block.customers, -1)
    keys[known.customer[::-1]] = np.arange(len(known.key))[::-1]
    parts = []
    for number, kind in enumerate(kinds):
        customer, day = part.events.of(kind)
        here = (keys[customer] >= 0) & (day >= first) & (day < after)
        parts.append((keys[customer[here]], day[here], np.full(int(here.sum()), number)))
    which, when, word = map(np.concatenate, zip(*parts, strict=True))
    order = np.lexsort((which, when))
    return known, which[order], when[order], word[order]


EXTRACTS = (
    Extract(
        name="shop_orders",
        suffix="csv",
        records=_orders,
        weak=(weak_day("ordered_on"), Weak(column="member_id")),
        header=plain_header("member_id", "mobile_sha256", "ordered_on", "goods", "amount"),
        control=True,
    ),
    Extract(
        name="hospital_visits",
        suffix="csv",
        records=_visits,
        weak=(weak_day("seen_on"), Weak(column="patient_no")),
        header=plain_header("patient_no", "name", "mobile_sha256", "seen_on", "department"),
    ),
    Extract(
        name="civic_matters",
        suffix="csv",
        records=_matters,
        weak=(weak_day("done_on"), Weak(column="person_no")),
        header=plain_header("person_no", "mobile_sha256", "matter", "done_on"),
    ),
)

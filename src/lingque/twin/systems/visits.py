"""Places where customers are seen under another key: the web, teller machines (STM), and devices with the app."""

from __future__ import annotations

import numpy as np

from lingque.core.hashing import Int64s
from lingque.twin import columns
from lingque.twin.extracts import Extract, Records, arriving, plain_header
from lingque.twin.flaws import Weak, weak_day
from lingque.twin.identities import Identities, as_of_day
from lingque.twin.life import history_days
from lingque.twin.organisation import BRANCHES
from lingque.twin.part import Part
from lingque.twin.population import CHURN_DAYS
from lingque.twin.sessions import EVENTS, Sessions, log_start

_PAGES = tuple(f"/{event.replace('_', '-')}" for event in EVENTS)
_SAYS_WHO_SHARE = 0.25
"""Of visits to the web: how often somebody logs in, so that the cookie can be linked to a customer."""
OPERATIONS = ("withdraw", "deposit_cash", "print_statement", "change_pin", "open_card")
_OPERATION_SHARES = (0.5, 0.15, 0.2, 0.05, 0.1)
_MACHINE_VISITS_PER_MONTH = 0.5


def _devices(part: Part, _day: int) -> Records:
    """Devices on which customers logged in; the key of a person's second device is a duplicate."""
    known = Identities.make(part, "app", as_of_day(part))
    first = log_start(part.block)
    seen = np.maximum(part.population.opened_day[known.customer] + 1, first)
    return Records.of(
        {
            "device_id": known.key,
            "customer_no": columns.picked(part.population.customer_no, known.customer),
            "first_seen_on": columns.days(seen),
        }
    )


def _web_log(part: Part, _day: int) -> Records:
    """Lines as a web server writes them: time, cookie, page, and the customer where somebody logged in."""
    known = Identities.make(part, "web", as_of_day(part))
    sessions = Sessions.make(part.block, part.population, part.needs, place="web")
    cookie = np.full(part.block.customers, -1)
    cookie[known.customer[::-1]] = np.arange(len(known.key))[::-1]
    seen = np.flatnonzero(cookie[sessions.customer] >= 0)
    arrival = arriving(part.block, "web log", sessions.second[seen] // 86_400)
    says = part.block.stream("web login").random(len(sessions.second)) < _SAYS_WHO_SHARE
    names = ("-", *part.population.customer_no)

    def content(places: Int64s, _day: int) -> bytes:
        at = seen[arrival.where[places]]
        customer = sessions.customer[at]
        return columns.lines(
            "[",
            columns.moments(sessions.second[at]),
            "] ",
            columns.picked(known.key, cookie[customer]),
            ' "GET ',
            columns.picked(_PAGES, sessions.event[at]),
            ' HTTP/1.1" 200 ',
            columns.picked(names, np.where(says[at], customer + 1, 0)),
        )

    return Records(count=len(arrival.where), content=content, arrives=arrival.day, flaws=arrival.flaws)


def _machines(part: Part, _day: int) -> Records:
    """What was done at teller machines: fields between bars, in GB18030."""
    known = Identities.make(part, "stm", as_of_day(part))
    random = part.block.stream("teller machines")
    first, after = history_days(part.block.parameters)
    months = (after - first) * 12 / 365
    which = np.repeat(np.arange(len(known.key)), random.poisson(_MACHINE_VISITS_PER_MONTH * months, len(known.key)))
    customer = known.customer[which]
    day = random.integers(first, after, len(which))
    second = random.integers(8 * 3600, 20 * 3600, len(which))
    operation = random.choice(len(OPERATIONS), len(which), p=_OPERATION_SHARES)
    people = part.population
    here = (day > people.opened_day[customer]) & (day < people.churn_day[customer] + CHURN_DAYS[-1])
    kept = np.flatnonzero(here)
    order = kept[np.lexsort((kept, second[kept], day[kept]))]
    arrival = arriving(part.block, "teller machines", day[order])

    def content(places: Int64s, _day: int) -> bytes:
        at = order[arrival.where[places]]
        return columns.lines(
            columns.picked(known.key, which[at]),
            "|",
            columns.picked(BRANCHES.code, people.branch[customer[at]]),
            "|",
            columns.moments(day[at] * 86_400 + second[at]),
            "|",
            columns.picked(OPERATIONS, operation[at]),
        )

    return Records(count=len(arrival.where), content=content, arrives=arrival.day, flaws=arrival.flaws)


def _machine_cards(part: Part, _day: int) -> Records:
    """Which account a card for teller machines belongs to."""
    known = Identities.make(part, "stm", as_of_day(part))
    return Records.of(
        {
            "machine_key": known.key,
            "account_no": columns.picked(part.accounts.account_no, known.customer),
        }
    )


EXTRACTS = (
    Extract(
        name="app_devices",
        suffix="csv",
        records=_devices,
        weak=(weak_day("first_seen_on"), Weak(column="device_id")),
        repeats=True,
        header=plain_header("device_id", "customer_no", "first_seen_on"),
    ),
    Extract(name="web_visits", suffix="log", records=_web_log, weak=(weak_day("at", pattern=r"^\[([^ ]*) "),)),
    Extract(
        name="stm_operations",
        suffix="txt",
        records=_machines,
        weak=(weak_day("at", pattern=r"^[^|]*\|[^|]*\|([^|]*)"), Weak(column="machine_key", pattern=r"^([^|]*)")),
        control=True,
    ),
    Extract(
        name="stm_cards",
        suffix="csv",
        records=_machine_cards,
        weak=(Weak(column="machine_key"),),
        repeats=True,
        header=plain_header("machine_key", "account_no"),
    ),
)

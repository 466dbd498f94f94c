"""Everything the bank knows of one customer, in one call: for whoever answers for them, masked, with the reasons.

Who they are comes from the vault, masked; what holds and what happened from the stored rows; tags from the newest
snapshot, each with the rows or the tags that made its value; contacts and leave from the control plane.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from operator import itemgetter
from typing import Any, get_args

from sqlalchemy import Connection

from lingque.catalog.definitions import DataContract
from lingque.catalog.definitions.shared import ChannelName
from lingque.catalog.model import Catalog
from lingque.core.errors import NotFoundError
from lingque.core.ids import CustomerId
from lingque.core.reasons import Reason, Refusal
from lingque.core.registries import DataClass, Purpose
from lingque.deliver.history import MessageFate, newest_messages_to
from lingque.flow.customers import CustomerCard, card_of, identifiers_shown
from lingque.flow.intake import catalog_of
from lingque.flow.services import Services
from lingque.govern.access import refused
from lingque.govern.contracts import Action, Grounds, PermitAsk, Principal
from lingque.govern.preferences import parties_of
from lingque.govern.scopes import outside_scope
from lingque.profile.why import Reasons, Why
from lingque.store.runs import published_versions

DUE_WITHIN_DAYS = 90
MOST_EVENTS = 20
MOST_MESSAGES = 20
MOST_IN_HOUSEHOLD = 20
_GENERIC = Grounds(automated=False)
"""Of a contact for which nothing of the customer was looked at."""


@dataclass(frozen=True, kw_only=True)
class TagShown:
    """A tag's value in the newest snapshot and what made it. Money in minor units."""

    tag: str
    value: Any
    why: Why


@dataclass(frozen=True, kw_only=True)
class TableShown:
    """A customer's rows of one table, newest first; `count` of all there are."""

    contract: DataContract
    count: int
    rows: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, kw_only=True)
class Due:
    """A day to come that a row which holds states: a maturity, the end of an assessment."""

    table: str
    column: str
    day: date


@dataclass(frozen=True, kw_only=True)
class Leave:
    """May the customer be written to on a channel for marketing, now, and if not why. `reason` None: yes."""

    channel: str
    reason: Reason | None


@dataclass(frozen=True, kw_only=True)
class Customer360:
    """`as_of` is the day of the snapshot, None where there is none with the customer; rows are as known now.
    `held` are the party's and states' rows, `happened` events. `household`: the other customers who live together with
    this one, as far as they are within the actor's scope; None where nobody knows."""

    card: CustomerCard
    as_of: date | None
    held: tuple[TableShown, ...]
    happened: tuple[TableShown, ...]
    due: tuple[Due, ...]
    tags: tuple[TagShown, ...]
    messages: tuple[MessageFate, ...]
    leave: tuple[Leave, ...]
    household: tuple[CustomerId, ...] | None


def customer_360(services: Services, customer_id: CustomerId, actor: Principal) -> Customer360 | Refusal:
    """The whole picture of a customer within the actor's scope; leaves the trace of a look at a customer.

    A reason that only compliance may see reads like any other.
    """
    identifiers = identifiers_shown(services, customer_id, actor)
    if isinstance(identifiers, Refusal):
        return identifiers
    catalog = catalog_of(services)
    today = services.calendar.day_of(services.clock.now())
    with services.database.reading() as connection:
        parties = parties_of(connection, customer_id)
        card = card_of(services, connection, customer_id, identifiers, parties)
        ids = list(dict.fromkeys([customer_id, *parties]))
        as_of, values = _values(services, connection, customer_id)
        stored = _stored(services, connection, catalog, ids)
        messages = newest_messages_to(connection, ids, most=MOST_MESSAGES)
        leave = tuple(_leave(services, connection, customer_id, actor))
        household = _household(services, connection, customer_id, as_of, values, actor)
    holds = {name: _holding(catalog.contracts[name], rows, services) for name, rows in stored.items()}
    held = [
        TableShown(contract=catalog.contracts[name], count=len(rows), rows=tuple(rows))
        for name, rows in holds.items()
        if catalog.contracts[name].holds and rows
    ]
    return Customer360(
        card=card,
        as_of=as_of,
        held=tuple(held),
        happened=tuple(
            TableShown(contract=catalog.contracts[name], count=len(rows), rows=tuple(rows[:MOST_EVENTS]))
            for name, rows in stored.items()
            if not catalog.contracts[name].holds and rows
        ),
        due=tuple(sorted(_due(held, today), key=lambda one: (one.day, one.table, one.column))),
        tags=() if as_of is None else tuple(_tags(services, catalog, values, stored, as_of)),
        messages=tuple(dataclasses.replace(one, reason=_told(one.reason, actor)) for one in messages),
        leave=leave,
        household=household,
    )


def _values(
    services: Services, connection: Connection, customer_id: CustomerId
) -> tuple[date | None, Mapping[str, Any]]:
    as_of = services.profile.newest_day(connection)
    if as_of is None:
        return None, {}
    try:
        return as_of, services.profile.values_of(connection, as_of, customer_id)
    except NotFoundError:
        return None, {}  # became a customer after the newest snapshot


def _stored(
    services: Services, connection: Connection, catalog: Catalog, ids: Sequence[int]
) -> dict[str, list[dict[str, Any]]]:
    """Per table of the customer's own rows, newest first; of versions all that there are."""
    versions = published_versions(connection)
    found: dict[str, list[dict[str, Any]]] = {}
    for name, contract in catalog.contracts.items():
        if name not in versions or not contract.of_customers:
            continue
        rows = services.points.rows(name, versions[name], ids)
        listed = rows.to_pylist() if rows.num_rows else []  # of most tables a customer has none
        found[name] = sorted(listed, key=itemgetter(contract.time_column, "row_key"), reverse=True)
    return found


def _tags(
    services: Services,
    catalog: Catalog,
    values: Mapping[str, Any],
    stored: Mapping[str, Sequence[dict[str, Any]]],
    as_of: date,
) -> Iterator[TagShown]:
    reasons = Reasons(catalog, values, stored, as_of=as_of, calendar=services.calendar)
    for name, value in values.items():
        if name in catalog.tags:
            yield TagShown(tag=name, value=value, why=reasons.of(name))


def _holding(contract: DataContract, rows: Sequence[dict[str, Any]], services: Services) -> list[dict[str, Any]]:
    """Of versions those that hold now: per key the newest, unless it is the end."""
    if not contract.holds:
        return []
    now = services.clock.now()
    key = "party_id" if contract.kind == "party" else contract.with_role("key")[0]
    newest: dict[Any, dict[str, Any]] = {}
    for row in rows:  # the newest come first
        if row["valid_from"] <= now and row["known_at"] <= now:
            newest.setdefault(row[key], row)
    return [row for row in newest.values() if not row.get("ended")]


def _due(held: Sequence[TableShown], today: date) -> list[Due]:
    last = today + timedelta(days=DUE_WITHIN_DAYS)
    return [
        Due(table=table.contract.contract, column=name, day=row[name])
        for table in held
        for name, column in table.contract.stored.items()
        if column.type == "date"
        for row in table.rows
        if row.get(name) is not None and today <= row[name] <= last
    ]


def _leave(services: Services, connection: Connection, customer_id: CustomerId, actor: Principal) -> list[Leave]:
    found = []
    for channel in get_args(ChannelName):
        ask = PermitAsk(
            purpose=Purpose.MARKETING,
            channel=channel,
            data_classes=DataClass(0),
            moment=services.clock.now(),
            grounds=_GENERIC,
        )
        answer = services.permits.permit(connection, customer_id, ask)
        reason = answer.reason if isinstance(answer, Refusal) else None
        found.append(Leave(channel=channel, reason=_told(reason, actor)))
    return found


def _household(
    services: Services,
    connection: Connection,
    customer_id: CustomerId,
    as_of: date | None,
    values: Mapping[str, Any],
    actor: Principal,
) -> tuple[CustomerId, ...] | None:
    """The others with the same value of the tag that the settings name; None where it is named or known of none."""
    value = values.get(services.household_tag)
    if as_of is None or value is None:
        return None
    together = services.segments.open(connection, as_of).with_value(services.household_tag, value)
    others = (CustomerId(one) for one in together[:MOST_IN_HOUSEHOLD].tolist() if one != customer_id)
    return tuple(one for one in others if outside_scope(connection, actor, one, services.homes) is None)


def _told(reason: Reason | None, actor: Principal) -> Reason | None:
    if reason is None or refused(actor, Action.SEE_COMPLIANCE_REASONS) is None:
        return reason
    return reason.for_customer

"""What a customer is given: a copy of everything, what can be taken elsewhere, or why it was decided so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection

from lingque.catalog.definitions import DataContract
from lingque.catalog.expressions.to_sql import quote
from lingque.catalog.model import Catalog
from lingque.core.clock import Instant, datetime_of
from lingque.core.errors import NotFoundError
from lingque.core.money import Money
from lingque.core.reasons import Reason, Refusal
from lingque.decide.contracts import ALLOTMENT_TABLE, DECISION_TABLE
from lingque.engage.service import campaigns_of
from lingque.flow.intake import catalog_of
from lingque.flow.services import Services
from lingque.flow.traces import traced
from lingque.govern.access import refused
from lingque.govern.contracts import Action, Person, Principal
from lingque.govern.rights.people import person_of
from lingque.govern.rights.requests import RequestKind, check_kind, find_request
from lingque.profile.contracts import SNAPSHOT_RUN
from lingque.store.runs import published_versions, subjects_of

Package = dict[str, Any]
"""Nothing but text, numbers, lists and dictionaries: a JSON document."""

_DECIDED = """
SELECT campaign, offer, channel, arm, reasons, value_basis, response, as_of, decided_at
FROM decisions WHERE customer_id IN ({ids}) ORDER BY decided_at, campaign, offer, channel
"""
_GIVEN = """
SELECT plan, offer, channel, as_of FROM allotments WHERE customer_id IN ({ids}) ORDER BY as_of, plan, offer, channel
"""
_INSTANTS = frozenset({"event_time", "known_at", "valid_from", "valid_to"})
_ARMS = {"contact": "to be contacted", "hold_out": "held out, to measure the effect", "none": "not proposed"}


def package_for(services: Services, request_id: int, actor: Principal) -> Package | Refusal:
    """The answer to a request for access, portability or explanation. It holds personal data: hand it to nobody else.

    What only compliance may know of a customer is not in it. Every time leaves a trace. Raises `NotFoundError` for no
    such request or an erased customer, `ConflictError` for a request that is closed or asks for something else.
    """
    denied = refused(actor, Action.HANDLE_CUSTOMER_REQUESTS)
    if denied is not None:
        return traced(services, denied, actor, "disclose_customer", f"request {request_id}")
    catalog = catalog_of(services)
    with services.database.transaction() as connection:
        request = find_request(connection, request_id)
        check_kind(request, RequestKind.ACCESS, RequestKind.PORTABILITY, RequestKind.EXPLANATION)
        person = person_of(connection, request.customer_id)
        package: Package = {
            "request": request_id,
            "kind": request.kind.value,
            "made_at": datetime_of(services.clock.now()).isoformat(),
            "bank": services.rights.bank,
            "contact": services.rights.contact,
        }
        if request.kind is not RequestKind.EXPLANATION:
            package["identifiers"] = _identifiers(services, connection, person)
            package["data"] = _data(services, connection, catalog, person)
        if request.kind is RequestKind.ACCESS:
            package["tags"] = _tags(services, connection, catalog, person)
            for rows in services.customer_rows:
                package |= {heading: list(found) for heading, found in rows.disclose(connection, person).items()}
        if request.kind is not RequestKind.PORTABILITY:
            package["decisions"] = _decisions(services, connection, person)
            package["given_to_campaigns"] = _given(services, connection, person)
        services.audit.record(
            connection,
            actor=actor.user,
            act="disclose_customer",
            subject=f"customer {request.customer_id}",
            detail={"request": request_id, "kind": request.kind.value},
        )
    return package


def _identifiers(services: Services, connection: Connection, person: Person) -> list[dict[str, str]]:
    opened = services.vault.disclose(connection, person.parties)
    found = [dict(opened[party]) for party in person.parties if party in opened]
    if person.birth_date is not None:
        found.append({"birth_date": person.birth_date.isoformat()})
    return found


def _data(services: Services, connection: Connection, catalog: Catalog, person: Person) -> Package:
    """Rows per table, without the platform's own columns: a surrogate says nothing to the customer."""
    found: Package = {}
    versions = published_versions(connection)
    listed = _listed(person)
    for name, contract in sorted(catalog.contracts.items()):
        if name not in versions or contract.kind == "reference":
            continue
        with services.session() as session:
            session.add_versions({name: versions[name]})
            rows = session.ask(f"SELECT * FROM {quote(name)} WHERE customer_id IN ({listed})")  # noqa: S608 - numbers
        label = contract.label.label()
        found[name] = {"zh": label.zh, "en": label.en, "rows": [_row(contract, row) for row in rows.to_pylist()]}
    return found


def _row(contract: DataContract, row: Mapping[str, Any]) -> Package:
    shown: Package = {}
    for name, value in row.items():
        column = contract.columns.get(name)
        if name in _INSTANTS and value is not None and isinstance(value, int):
            shown[name] = datetime_of(Instant(value)).isoformat() if value < 2**62 else None
        elif column is None or column.role in ("key", "party", "reference"):
            continue
        elif column.type == "money" and value is not None and column.currency is not None:
            shown[name] = str(Money(minor=int(value), currency=column.currency))
        else:
            shown[name] = _plain(value)
    return shown


def _tags(services: Services, connection: Connection, catalog: Catalog, person: Person) -> list[Package]:
    days = subjects_of(connection, kind=SNAPSHOT_RUN, beginning="")
    if not days:
        return []
    day = date.fromisoformat(days[-1])
    try:
        values = services.profile.values_of(connection, day, person.customer_id)
    except NotFoundError:
        return []  # became a customer after the newest snapshot
    return [
        {
            "tag": name,
            "zh": catalog.tags[name].definition.label.label().zh,
            "en": catalog.tags[name].definition.label.label().en,
            "value": _plain(value),
            "as_of": day.isoformat(),
        }
        for name, value in sorted(values.items())
        if name in catalog.tags
    ]


def _decisions(services: Services, connection: Connection, person: Person) -> list[Package]:
    return [
        {
            "campaign": row["campaign"],
            "offer": row["offer"],
            "channel": row["channel"],
            "as_of": row["as_of"].isoformat(),
            "decided_at": datetime_of(Instant(row["decided_at"])).isoformat(),
            "decision": _ARMS[row["arm"]],
            "reasons_against": _reasons(row["reasons"]),
            "chosen_by": row["value_basis"],
            "probability_of_a_response": row["response"],
        }
        for row in _rows(services, connection, DECISION_TABLE, _DECIDED, person)
    ]


def _given(services: Services, connection: Connection, person: Person) -> list[Package]:
    """What a programme kept the customer for, which is decided before the campaign runs and whether it runs or not."""
    rows = _rows(services, connection, ALLOTMENT_TABLE, _GIVEN, person)
    campaigns = campaigns_of(connection, {row["plan"] for row in rows})
    return [
        {
            "campaign": campaigns[row["plan"]],
            "offer": row["offer"],
            "channel": row["channel"],
            "as_of": row["as_of"].isoformat(),
        }
        for row in rows
    ]


def _rows(
    services: Services, connection: Connection, table: str, statement: str, person: Person
) -> list[dict[str, Any]]:
    """Of a table of ours, which is there once something has been published in it."""
    versions = published_versions(connection)
    if table not in versions:
        return []
    with services.session() as session:
        session.add_versions({table: versions[table]})
        found: list[dict[str, Any]] = session.ask(statement.format(ids=_listed(person))).to_pylist()
    return found


def _reasons(numbers: Sequence[int]) -> list[Package]:
    shown = sorted({Reason(number).for_customer for number in numbers})
    return [{"zh": reason.label.zh, "en": reason.label.en} for reason in shown]


def _listed(person: Person) -> str:
    return ", ".join(str(int(one)) for one in person.ids)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | datetime) else value

"""The bank's places and staff, as its own files name them; and whom a narrower campaign reaches."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection

from lingque.catalog.definitions import DataContract
from lingque.catalog.expressions.to_sql import quote
from lingque.catalog.model import Catalog
from lingque.core.errors import ConfigurationError, SourceError
from lingque.core.reasons import Reason, Refusal
from lingque.flow.services import Services
from lingque.flow.traces import traced
from lingque.govern.contracts import Principal
from lingque.govern.scopes import Organisation, places_under, record_organisations, record_staff
from lingque.store.runs import published_versions

# what holds is kept as versions: per key the last one that has begun, as the bank says it, whatever its lag
_NEWEST = """
SELECT * EXCLUDE (_place) FROM (
    SELECT *, row_number() OVER (PARTITION BY {key} ORDER BY valid_from DESC, known_at DESC) AS _place
    FROM {table} WHERE valid_from <= {now}
) AS placed WHERE _place = 1 AND NOT coalesce(ended, FALSE)
"""
PLACE_COLUMNS = ("org_code", "name", "level", "parent_code")
STAFF_COLUMNS = ("staff_no", "branch_code")
MERGED_INTO = "merged_into"
"""A contract of places may have it besides: the code of the place that one was merged into."""


def follow_bank(services: Services, catalog: Catalog, loaded: Collection[str], actor: Principal) -> Iterator[Refusal]:
    """After deliveries of these contracts: what they name as places and staff is what scopes reach from now on.

    Places that are no tree are refused, and the tree before stays; so do scopes. Done again it changes nothing.
    """
    for contract in (services.places.organisations, services.places.staff):
        if contract and contract in loaded:
            refusal = _follow(services, catalog.contracts[contract], actor)
            if refusal is not None:
                yield refusal


def _follow(services: Services, contract: DataContract, actor: Principal) -> Refusal | None:
    name = contract.contract
    try:
        with services.database.transaction() as connection:
            if name == services.places.organisations:
                count = record_organisations(connection, _places(services, connection, contract))
                act = "record_organisations"
            else:
                rows = _holding(services, connection, contract, STAFF_COLUMNS)
                count = record_staff(connection, {row["staff_no"]: row["branch_code"] for row in rows})
                act = "record_staff"
            detail: dict[str, object] = {"version": published_versions(connection)[name], "count": count}
            services.audit.record(connection, actor=actor.user, act=act, subject=name, detail=detail)
    except SourceError as error:
        refusal = Refusal(reason=Reason.NOT_A_TREE, detail=f"{name}: {error.what}; {error.next_step}")
        return traced(services, refusal, actor, "record_organisations", name)
    return None


def within_organisation(services: Services, connection: Connection, tags: pa.Table, organisation: str) -> pa.Table:
    """Of a snapshot the rows of who belongs to the organisation or to a place under it; of no organisation, all."""
    if not organisation:
        return tags
    return tags.filter(pa.array(services.homes.in_branches(tags, places_under(connection, organisation))))


def _places(services: Services, connection: Connection, contract: DataContract) -> list[Organisation]:
    return [
        Organisation(
            code=row["org_code"],
            name=row["name"] or row["org_code"],
            level=row["level"],
            parent_code=row["parent_code"] or "",
            merged_into=row.get(MERGED_INTO) or "",
        )
        for row in _holding(services, connection, contract, PLACE_COLUMNS)
    ]


def _holding(
    services: Services, connection: Connection, contract: DataContract, columns: tuple[str, ...]
) -> list[dict[str, Any]]:
    """The rows that hold now. Raises `ConfigurationError` where the contract lacks a column that is needed."""
    (key,) = contract.with_role("key")
    with services.session() as session:
        session.add_versions({contract.contract: published_versions(connection)[contract.contract]})
        newest = _NEWEST.format(key=quote(key), table=quote(contract.contract), now=int(services.clock.now()))
        rows = session.ask(newest)
    missing = sorted(set(columns) - set(rows.column_names))
    if missing:
        raise ConfigurationError(
            f"contract '{contract.contract}' stores no column {', '.join(missing)}",
            next_step="a column with role key is not stored: map the code into an attribute as well",
        )
    found: list[dict[str, Any]] = rows.to_pylist()
    return found

"""The bank's places and staff, as its own files name them; and whom a narrower campaign reaches."""

from __future__ import annotations

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
from lingque.ingest.contracts import IngestReport
from lingque.store.runs import published_versions

# what holds is kept as versions: per key the last one that has begun, as the bank says it, whatever its lag
_NEWEST = """
SELECT * EXCLUDE (_place) FROM (
    SELECT *, row_number() OVER (PARTITION BY {key} ORDER BY valid_from DESC, known_at DESC) AS _place
    FROM {table} WHERE valid_from <= {now}
) AS placed WHERE _place = 1 AND NOT ended
"""
PLACE_COLUMNS = ("org_code", "name", "level", "parent_code")
STAFF_COLUMNS = ("staff_no", "branch_code")
MERGED_INTO = "merged_into"
"""A contract of places may have it besides: the code of the place that one was merged into."""


def follow_bank(services: Services, catalog: Catalog, loaded: IngestReport, actor: Principal) -> Refusal | None:
    """After a delivery of places or of staff: what it names is what scopes reach from now on.

    Places that are no tree are refused, and the tree before stays; so do scopes. Done again it changes nothing.
    """
    if loaded.held or loaded.contract not in (services.places.organisations, services.places.staff):
        return None
    contract = catalog.contracts[loaded.contract]
    try:
        with services.database.transaction() as connection:
            if loaded.contract == services.places.organisations:
                count = record_organisations(connection, _places(services, connection, contract))
                act = "record_organisations"
            else:
                rows = _holding(services, connection, contract, STAFF_COLUMNS)
                count = record_staff(connection, {row["staff_no"]: row["branch_code"] for row in rows})
                act = "record_staff"
            detail: dict[str, object] = {"run_id": loaded.run_id, "count": count}
            services.audit.record(connection, actor=actor.user, act=act, subject=loaded.contract, detail=detail)
    except SourceError as error:
        refusal = Refusal(reason=Reason.NOT_A_TREE, detail=f"{loaded.contract}: {error.what}; {error.next_step}")
        return traced(services, refusal, actor, "record_organisations", loaded.contract)
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

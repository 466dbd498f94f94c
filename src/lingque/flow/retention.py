"""What is kept for how long: planned as a dry run, carried out with a certificate.

A rule says for how many days a purpose needs a table; a table is kept for the longest of its purposes (PIPL art. 19),
and one without a rule is kept. Of events those that happened before go; of states what ceased to hold before, so that
what held on the first day that is kept is still known. The consents, the audit trail and the requests of customers are
evidence and have none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import get_args

import pyarrow as pa

from lingque.catalog.definitions import DataContract
from lingque.catalog.expressions.to_sql import quote
from lingque.catalog.model import Catalog
from lingque.core.errors import ConfigurationError, nearest
from lingque.core.ids import run_id
from lingque.core.reasons import Refusal
from lingque.core.registries import Purpose
from lingque.decide.contracts import ALLOTMENT_TABLE, DECISION_TABLE
from lingque.engage.contracts import State
from lingque.engage.service import plans_in
from lingque.flow.intake import catalog_of, make_ready
from lingque.flow.services import Services
from lingque.flow.traces import traced
from lingque.govern.access import refused
from lingque.govern.contracts import Action, Principal
from lingque.profile.contracts import SNAPSHOT_TABLE
from lingque.store.runs import Run, finish_run, published_versions
from lingque.warehouse.compacting import days_in
from lingque.warehouse.erasing import Before, OfRows

KIND = "retention"
_SUPERSEDED = """
SELECT row_key FROM (
    SELECT row_key, _past, _ended, row_number() OVER (
        PARTITION BY _key, _past ORDER BY valid_from DESC, known_at DESC, row_key DESC
    ) AS _rank
    FROM (
        SELECT row_key, valid_from, known_at, {key} AS _key, {ended} AS _ended,
            valid_from <= $before AND known_at <= $before AS _past
        FROM {table}
    ) AS versions
) AS ranked
GROUP BY row_key HAVING bool_and(_past AND (_rank > 1 OR _ended))
"""
"""Versions that another one took the place of before the day, and ends of what was over by then."""


@dataclass(frozen=True, kw_only=True)
class Expired:
    """What of a table is older than any of its purposes needs. `kept`: older snapshots that stay, not counted."""

    table: str
    plane: str
    purposes: Mapping[Purpose, int]
    before: date
    rows: int
    kept: tuple[date, ...] = ()

    @property
    def as_detail(self) -> dict[str, object]:
        detail: dict[str, object] = {"table": self.table, "before": self.before.isoformat(), "rows": self.rows}
        return detail | ({"kept": [day.isoformat() for day in self.kept]} if self.kept else {})


def plan_retention(services: Services, actor: Principal) -> list[Expired] | Refusal:
    """What would go now. Nothing is changed. Raises `ConfigurationError` for a rule on a table that cannot have one."""
    denied = refused(actor, Action.RUN_RETENTION)
    if denied is not None:
        return traced(services, denied, actor, "plan_retention", "retention")
    catalog = catalog_of(services)
    return [_expired(services, catalog, table, purposes) for table, purposes in sorted(_rules(services).items())]


def run_retention(services: Services, actor: Principal) -> list[Expired] | Refusal:
    """Purge what the plan names, in both planes; a table at a time, so that one that died goes on. The trail keeps the
    certificate. Raises as the plan does."""
    planned = plan_retention(services, actor)
    if isinstance(planned, Refusal):
        return planned
    done = [_purge(services, one, actor) for one in planned]
    if any(one.rows for one in done if one.plane == "data"):
        make_ready(services)  # what is looked up is a copy of the tables
    with services.database.transaction() as connection:
        certificate: dict[str, object] = {"tables": [one.as_detail for one in done]}
        services.audit.record(
            connection, actor=actor.user, act="certify_retention", subject="retention", detail=certificate
        )
    return done


def _rules(services: Services) -> dict[str, dict[Purpose, int]]:
    found: dict[str, dict[Purpose, int]] = {}
    for rule, days in services.retention.items():
        table, _, purpose = rule.partition("/")
        found.setdefault(table, {})[Purpose[purpose.upper()]] = days
    return found


def _expired(services: Services, catalog: Catalog, table: str, purposes: Mapping[Purpose, int]) -> Expired:
    before = services.calendar.day_of(services.clock.now()) - timedelta(days=max(purposes.values()))
    control = {one.name: one for one in services.expiring}
    with services.database.reading() as connection:
        if table in control:
            moment = services.calendar.start_of(before)
            rows = control[table].count(connection, moment, services.calendar)
            return Expired(table=table, plane="control", purposes=purposes, before=before, rows=rows)
        older = _older(services, catalog, table, before)
        version = published_versions(connection).get(table)
    rows = 0 if version is None else services.tables.count(table, version, older)
    kept = older.but if isinstance(older, Before) else ()
    return Expired(table=table, plane="data", purposes=purposes, before=before, rows=rows, kept=kept)


def _older(services: Services, catalog: Catalog, table: str, before: date) -> Before | OfRows:
    if table == SNAPSHOT_TABLE:
        return Before(column="as_of", value=before, but=_kept_snapshots(services, before))
    if table in (DECISION_TABLE, ALLOTMENT_TABLE):
        return Before(column="as_of", value=before)
    contract = catalog.contracts.get(table)
    if contract is not None and contract.kind == "state":
        return _superseded(services, contract, before)
    if contract is None or contract.kind != "event":
        known = [one.name for one in services.expiring] + [SNAPSHOT_TABLE, DECISION_TABLE, ALLOTMENT_TABLE]
        known += [name for name, one in catalog.contracts.items() if one.kind in ("event", "state")]
        raise ConfigurationError(
            f"setting 'retention.keep': '{table}' is no table of events, states, tags, decisions or short-lived rows",
            next_step=nearest(table, known),
        )
    return Before(column="event_time", value=services.calendar.start_of(before))


def _superseded(services: Services, contract: DataContract, before: date) -> OfRows:
    table = contract.contract
    with services.database.reading() as connection:
        version = published_versions(connection).get(table)
    if version is None:
        return OfRows(row_keys=pa.array([], pa.int64()))
    with services.session() as session:
        session.add_versions({table: version})
        has_ends = "ended" in session.columns(table)
        sql = _SUPERSEDED.format(
            table=quote(table),
            key=quote(contract.with_role("key")[0]),
            ended="COALESCE(ended, FALSE)" if has_ends else "FALSE",
        )
        found = session.ask(sql, {"before": services.calendar.start_of(before)})
    return OfRows(row_keys=found.column("row_key").combine_chunks())


def _kept_snapshots(services: Services, before: date) -> tuple[date, ...]:
    """The snapshots older than that day that stay, by the setting `retention.keep_snapshots`."""
    with services.database.reading() as connection:
        versions = published_versions(connection)
        referred = {plan.as_of for plan in plans_in(connection, [one for one in get_args(State) if one != "closed"])}
    if SNAPSHOT_TABLE not in versions:
        return ()
    if DECISION_TABLE in versions:
        with services.session() as session:
            session.add_versions({DECISION_TABLE: versions[DECISION_TABLE]})
            referred |= set(session.ask(f"SELECT DISTINCT as_of FROM {DECISION_TABLE}").column("as_of").to_pylist())  # noqa: S608 - a name of ours
    days = days_in(services.tables.slices(SNAPSHOT_TABLE, versions[SNAPSHOT_TABLE]))
    rules = services.snapshots_kept
    return tuple(
        day
        for day in days
        if day < before and (("month_ends" in rules and day.day == 1) or ("referred" in rules and day in referred))
    )


def _purge(services: Services, planned: Expired, actor: Principal) -> Expired:
    before = services.calendar.start_of(planned.before)
    if planned.plane == "control":
        (table,) = (one for one in services.expiring if one.name == planned.table)
        with services.database.transaction() as connection:
            rows = table.purge(connection, before, services.calendar)
            purged = Expired(
                table=planned.table, plane="control", purposes=planned.purposes, before=planned.before, rows=rows
            )
            services.audit.record(
                connection, actor=actor.user, act="purge", subject=planned.table, detail=purged.as_detail
            )
        return purged
    with services.database.reading() as connection:
        version = published_versions(connection).get(planned.table)
    if version is None:
        return planned
    older = _older(services, catalog_of(services), planned.table, planned.before)
    run = run_id(KIND, table=planned.table, published=version, before=planned.before.isoformat())
    made, rows = services.tables.erase(planned.table, older, run_id=run, published=version)
    if rows:
        subject, summary = f"{planned.table}/{planned.before.isoformat()}", {"rows": rows}
        finished = Run(run_id=run, kind=KIND, subject=subject, finished_at=services.clock.now(), summary=summary)
        with services.database.transaction() as connection:
            finish_run(connection, finished, published={planned.table: made})
            services.audit.record(
                connection, actor=actor.user, act="purge", subject=planned.table, detail=planned.as_detail
            )
    services.tables.sweep(planned.table, made)
    return planned

"""One delivery, from files to a published version.

Three steps, each of which can be done again: (1) one control transaction mints surrogates and seals identifiers;
(2) the data plane commits the rows under the run's id; (3) one control transaction records the run, publishes the
version, and writes quarantine, consents and the audit entry. A crash between them leaves nothing that a reader
could see, and the next attempt completes it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection

from lingque.catalog.definitions import DataContract
from lingque.catalog.model import Catalog
from lingque.core.clock import BusinessCalendar, Clock
from lingque.core.errors import SourceError
from lingque.core.ids import RunId, run_id
from lingque.govern.contracts import (
    AuditTrail,
    ConsentRegister,
    Identifiers,
    ListRegister,
    Surrogates,
)
from lingque.ingest.arrivals import Arrivals
from lingque.ingest.contracts import IngestReport
from lingque.ingest.corrections import overlay_of
from lingque.ingest.files import Delivery
from lingque.ingest.identity import links_as_of
from lingque.ingest.load import Counts, Load, order_of, referred
from lingque.ingest.quality import (
    Observed,
    Quality,
    is_held,
    judge_delivery,
    judge_last,
    record_quality,
    was_judged_last,
)
from lingque.ingest.quarantine import Notes, keep_bad_rows, reopen
from lingque.ingest.registers import ImportsConsents, consents_of, members_of, parties_of
from lingque.ingest.versions import HISTORY, Versions
from lingque.store.database import Database
from lingque.store.runs import Run, finish_run, newest_run, published_versions, subjects_of
from lingque.warehouse.engine import Session
from lingque.warehouse.tables import DeltaTables, Slice

KIND = "ingest"


@dataclass(frozen=True, kw_only=True)
class IngestSettings:
    """What a workspace fixes for all deliveries."""

    buckets: int
    memory_limit: str
    threads: int


class Ingest:
    """Made by `bootstrap`."""

    def __init__(
        self,
        *,
        arrivals: Arrivals,
        notes: Notes,
        database: Database,
        tables: DeltaTables,
        surrogates: Surrogates,
        identifiers: Identifiers,
        register: ConsentRegister,
        consents: ImportsConsents,
        lists: ListRegister,
        audit: AuditTrail,
        clock: Clock,
        calendar: BusinessCalendar,
        settings: IngestSettings,
    ) -> None:
        self._arrivals = arrivals
        self._notes = notes
        self._database = database
        self._tables = tables
        self._surrogates = surrogates
        self._identifiers = identifiers
        self._register = register
        self._consents = consents
        self._lists = lists
        self._audit = audit
        self._clock = clock
        self._calendar = calendar
        self._settings = settings

    def load(self, catalog: Catalog, delivery: Delivery, *, actor: str) -> IngestReport:
        """Load one delivery; the same content again is reported and not loaded twice. Raises `SourceError`."""
        with self._arrivals.fetched(delivery) as fetched:
            return self._load(catalog, fetched, actor)

    def _load(self, catalog: Catalog, delivery: Delivery, actor: str) -> IngestReport:
        contract = catalog.contracts[delivery.source.contract]
        subject = delivery.subject
        content: dict[str, Any] = {
            "files": delivery.content(),
            "definitions": catalog.closures["source", delivery.source.source],
        }
        with self._database.reading() as connection:
            before = newest_run(connection, kind=KIND, subject=subject)
            overlay = overlay_of(connection, delivery, self._notes)
        if overlay.digest:
            content["corrections"] = overlay.digest
        if before is not None and before.summary["content"] == content:
            self._put_back(delivery, before.run_id)
            return _report(before.summary["report"], delivery, before.run_id, already_done=True)
        run = run_id(KIND, subject=subject, content=content, after=before.run_id if before else None)

        with self._session() as session:
            load = Load(session, delivery, contract, self._calendar, overlay)
            load.read_and_check(salt=self._surrogates.row_key_salt())
            counts = self._place(catalog, delivery, contract, load)
            observed = load.observed(counts)
            with self._database.reading() as connection:
                judged = judge_delivery(connection, delivery, contract, observed)
                held = is_held(connection, contract, run, judged)
            if held:
                return self._hold(delivery, contract, load, counts, observed, judged, run, actor)
            own, customer_of = self._mint(delivery, contract, load)
            published: dict[str, int] = {}
            if contract.kind not in ("consent", "list"):
                published[contract.contract] = self._commit(load, delivery, contract, own, customer_of, run)
            return self._publish(delivery, contract, load, counts, observed, judged, content, run, published, actor)

    def _put_back(self, delivery: Delivery, run: RunId) -> None:
        """What is published lies there again: where another content was held meanwhile, that one is over."""
        with self._database.reading() as connection:
            if was_judged_last(connection, delivery, run):
                return
        with self._database.transaction() as connection:
            judge_last(connection, run, self._clock.now())
            reopen(connection, delivery, run)

    def _place(self, catalog: Catalog, delivery: Delivery, contract: DataContract, load: Load) -> Counts:
        """Judge every row, with what it refers to. Writes nothing."""
        party = catalog.contract_of_kind("party")
        if party is None:
            raise SourceError(
                "no contract of kind party says who the customers are", next_step="define one and apply again"
            )
        with self._database.reading() as connection:
            surrogates = {
                name: self._surrogates.resolve(
                    connection,
                    namespace=f"{delivery.source.system}/{referred(contract.columns[name], party.contract)}",
                    keys=keys,
                    mint=False,
                )
                for name, keys in load.keys_referred_to().items()
            }
        return load.place(surrogates)

    def _hold(
        self,
        delivery: Delivery,
        contract: DataContract,
        load: Load,
        counts: Counts,
        observed: Observed,
        judged: Quality,
        run: RunId,
        actor: str,
    ) -> IngestReport:
        """Below the gate: what is bad is kept to be looked at, and nothing is published."""
        report = {"contract": contract.contract, "files": list(delivery.names), **dataclasses.asdict(counts)}
        report |= {"score": judged.score, "held": True}
        with self._database.transaction() as connection:
            self._keep_judgement(connection, delivery, contract, load, observed, judged, run, held=True)
            self._audit.record(
                connection,
                actor=actor,
                act="hold_delivery",
                subject=delivery.subject,
                detail={"run_id": run, "gate": contract.gate, **report},
            )
        return _report(report, delivery, run, already_done=False)

    def _keep_judgement(
        self,
        connection: Connection,
        delivery: Delivery,
        contract: DataContract,
        load: Load,
        observed: Observed,
        judged: Quality,
        run: RunId,
        *,
        held: bool,
    ) -> None:
        keep_bad_rows(
            connection,
            delivery,
            run,
            load.bad_rows(),
            holds_all=contract.load == "full",
            seal=self._identifiers.seal_note,
        )
        record_quality(connection, delivery, run, judged, observed, held=held, at=self._clock.now())

    def _mint(self, delivery: Delivery, contract: DataContract, load: Load) -> tuple[dict[str, int], dict[int, int]]:
        """Step 1: surrogates, identifiers, subjects."""
        with self._database.transaction() as connection:
            own: dict[str, int] = {}
            if contract.holds:
                namespace = f"{delivery.source.system}/{contract.contract}"
                own = self._surrogates.resolve(connection, namespace=namespace, keys=load.good_keys(), mint=True)
            links = links_as_of(connection, self._clock.now()).to_pydict()
            customer_of = dict(zip(links["party_id"], links["customer_id"], strict=True))
            no_later_day = all(day <= delivery.data_date for day in self._loaded(connection, delivery))
            if contract.kind == "party" and no_later_day:
                subjects, identifiers = parties_of(contract, load, own, customer_of)
                self._register.record_subjects(connection, subjects)
                self._identifiers.put(connection, identifiers)
        return own, customer_of

    def _commit(
        self,
        load: Load,
        delivery: Delivery,
        contract: DataContract,
        own: dict[str, int],
        customer_of: dict[int, int],
        run: RunId,
    ) -> int:
        """Step 2: the rows, sorted, as one Delta transaction."""
        with self._database.reading() as connection:
            visible = published_versions(connection).get(contract.contract)
            loaded = self._loaded(connection, delivery)
        order, buckets = order_of(contract), self._settings.buckets
        if not contract.holds:
            name = HISTORY if contract.load == "full" else delivery.data_date.isoformat()
            target = Slice(table=contract.contract, name=name, order=order)
            rows = load.happened(customer_of=customer_of, buckets=buckets)
            return self._tables.commit(target, rows, run_id=run, published=visible)
        with self._session() as session:
            versions = Versions(session, contract, self._calendar, salt=self._surrogates.row_key_salt())
            slices = versions.slices(
                load.holding(own, customer_of=customer_of, buckets=buckets),
                delivery.data_date,
                version=visible,
                present=[] if visible is None else self._tables.slices(contract.contract, visible),
                loaded=loaded,
            )
            (target, rows), *also = (
                (Slice(table=contract.contract, name=name, order=order), rows) for name, rows in slices.items()
            )
            return self._tables.commit(target, rows, run_id=run, published=visible, also=also)

    def _loaded(self, connection: Connection, delivery: Delivery) -> list[date]:
        """The data dates of the source that were loaded before."""
        beginning = f"{delivery.source.source}/"
        subjects = subjects_of(connection, kind=KIND, beginning=beginning)
        return [date.fromisoformat(subject.removeprefix(beginning)) for subject in subjects]

    def _session(self) -> Session:
        return Session(self._tables, memory_limit=self._settings.memory_limit, threads=self._settings.threads)

    def _publish(
        self,
        delivery: Delivery,
        contract: DataContract,
        load: Load,
        counts: Counts,
        observed: Observed,
        judged: Quality,
        content: dict[str, Any],
        run: RunId,
        published: dict[str, int],
        actor: str,
    ) -> IngestReport:
        """Step 3: make it true."""
        now = self._clock.now()
        subject = delivery.subject
        report = {"contract": contract.contract, "files": list(delivery.names), **dataclasses.asdict(counts)}
        report |= {"score": judged.score, "held": False}
        with self._database.transaction() as connection:
            summary = {"content": content, "report": report}
            finish_run(
                connection,
                Run(run_id=run, kind=KIND, subject=subject, finished_at=now, summary=summary),
                published=published,
            )
            self._keep_judgement(connection, delivery, contract, load, observed, judged, run, held=False)
            if contract.kind == "consent":
                salt = self._surrogates.row_key_salt()
                entries = consents_of(delivery, contract, load, self._calendar, salt=salt)
                self._consents.import_consents(connection, entries, subject=subject, by=actor)
            if contract.kind == "list":
                members = members_of(contract, load, run)
                self._lists.record_members(connection, members, replace=contract.load == "full")
            self._audit.record(connection, actor=actor, act="ingest", subject=subject, detail={"run_id": run, **report})
        return _report(report, delivery, run, already_done=False)


def _report(report: dict[str, Any], delivery: Delivery, run: RunId, *, already_done: bool) -> IngestReport:
    return IngestReport(
        source=delivery.source.source,
        contract=report["contract"],
        data_date=delivery.data_date,
        run_id=run,
        files=tuple(report["files"]),
        read=report["read"],
        accepted=report["accepted"],
        repeated=report["repeated"],
        quarantined=report["quarantined"],
        reasons=report["reasons"],
        dismissed=report.get("dismissed", 0),
        score=report.get("score"),
        held=report.get("held", False),
        already_done=already_done,
    )

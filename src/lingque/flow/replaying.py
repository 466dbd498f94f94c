"""A past decision carried out again from its log."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection

from lingque.catalog.model import Catalog
from lingque.core.errors import NotFoundError
from lingque.core.reasons import Reason, Refusal
from lingque.decide.contracts import DECISION_TABLE
from lingque.decide.facts import TagRows, TagTable
from lingque.decide.journal import entries, log_rows, tags_in
from lingque.decide.log import log_of
from lingque.decide.replay import Difference, Record, decide_again, differences, made_elsewhere
from lingque.engage.contracts import Plan, SelectAudience
from lingque.engage.planning import digest_of_plan
from lingque.engage.service import plan_of
from lingque.flow.intake import catalog_of
from lingque.flow.services import Services
from lingque.flow.traces import traced
from lingque.govern.access import refused
from lingque.govern.contracts import Action, Principal
from lingque.store.runs import Run, find_run, published_versions

_OF_WAVE = "SELECT * FROM decisions WHERE plan = $plan AND phase = $phase AND decided_at = $moment"
_OF_ONE = "SELECT * FROM decisions WHERE plan = $plan"
_NUMBER = re.compile(r"0{9}[0-9a-f]{15}")
"""A number of the journal, as decisions are named by it."""


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """`decisions` customers were decided about again; `differences` are the first that came out otherwise. `elsewhere`
    says in what the code or the machine differ from those that decided: then sameness is not promised."""

    decision_id: str
    campaign: str
    decisions: int
    differences: tuple[Difference, ...]
    elsewhere: tuple[str, ...]

    @property
    def same(self) -> bool:
        return not self.differences


def replay_decision(services: Services, decision_id: str, actor: Principal) -> Replayed | Refusal:
    """Runs no model and writes nothing. Raises `NotFoundError` for no such decision, `WarehouseError` where rows of it
    are gone; refused (CHANGED_SINCE_PLAN) where what it looked at is not there any more."""
    denied = refused(actor, Action.READ_CAMPAIGN)
    if denied is not None:
        return traced(services, denied, actor, "replay_decision", "decision")
    catalog = catalog_of(services)
    with services.database.reading() as connection:
        run = find_run(connection, decision_id)
        if run is not None and "record" in run.summary:
            found = _wave(services, connection, catalog, run)
        else:
            found = _single(services, connection, catalog, decision_id)
    return traced(services, found, actor, "replay_decision", decision_id) if isinstance(found, Refusal) else found


def _wave(services: Services, connection: Connection, catalog: Catalog, run: Run) -> Replayed | Refusal:
    """Everybody of a wave: they were decided about together."""
    plan = plan_of(connection, run.summary["campaign"], run.summary["wave"])
    changed = _changed(services, connection, catalog, plan)
    if changed is not None:
        return changed
    asked = {"plan": run.subject, "phase": run.summary["phase"], "moment": run.finished_at}
    rows = _logged(services, connection, _OF_WAVE, asked)
    snapshot = services.profile.tags_of(connection, plan.as_of)
    people = pa.array(np.unique(rows.column("customer_id").to_numpy()))
    tags = snapshot.filter(pc.is_in(snapshot.column("customer_id"), people))
    record = run.summary["record"]
    again = decide_again(
        record, rows, catalog.offers, tags.column("customer_id").to_numpy(), TagTable(tags, services.session)
    )
    log = log_of(again, plan=plan.digest, campaign=plan.campaign, buckets=services.buckets, phase=run.summary["phase"])
    return _compared(run.run_id, plan.campaign, record, rows, log)


def _single(services: Services, connection: Connection, catalog: Catalog, decision_id: str) -> Replayed | Refusal:
    """One customer's, from the journal or where it was moved to."""
    rows = _journalled(services, connection, decision_id)
    if not rows.num_rows:
        raise NotFoundError(
            f"no decision '{decision_id}' was logged so that it could be made again",
            next_step="'lingque decisions explain CUSTOMER' tells the decision's id",
        )
    record = json.loads(rows.column("context")[0].as_py())
    for name, closure in record["closures"].items():
        if catalog.closures.get(("offer", name)) != closure:
            detail = f"offer '{name}', or a definition under it, was changed since; apply it as it was, then replay"
            return Refusal(reason=Reason.CHANGED_SINCE_PLAN, detail=detail)
    facts = TagRows([tags_in(record)])
    again = decide_again(record, rows, catalog.offers, rows.column("customer_id").to_numpy()[:1], facts)
    log = log_of(again, plan=decision_id, campaign=record["placement"], buckets=services.buckets, phase="once")
    return _compared(decision_id, record["placement"], record, rows, log)


def _compared(decision_id: str, campaign: str, record: Record, rows: pa.Table, log: pa.Table) -> Replayed:
    return Replayed(
        decision_id=decision_id,
        campaign=campaign,
        decisions=pc.count_distinct(log.column("customer_id")).as_py(),
        differences=tuple(differences(rows, log)),
        elsewhere=made_elsewhere(record),
    )


def _changed(services: Services, connection: Connection, catalog: Catalog, plan: Plan) -> Refusal | None:
    select: SelectAudience = plan.stage(SelectAudience)
    if digest_of_plan(catalog, plan.campaign, plan.stages) != plan.digest:
        detail = (
            f"a definition under '{plan.campaign}' was changed since; apply it as it was to make the decision again"
        )
        return Refusal(reason=Reason.CHANGED_SINCE_PLAN, detail=detail)
    if services.profile.find_snapshot(connection, select.as_of).run_id != select.snapshot:
        detail = f"the snapshot as of {select.as_of} that it looked at was replaced"
        return Refusal(reason=Reason.CHANGED_SINCE_PLAN, detail=detail)
    return None


def _journalled(services: Services, connection: Connection, decision_id: str) -> pa.Table:
    _, _, number = decision_id.rpartition("-")
    waiting = entries(connection, entry_id=int(number, 16)) if _NUMBER.fullmatch(number) else []
    here = [entry for entry in waiting if entry.decision_id == decision_id]
    if here:
        return log_rows(here, buckets=services.buckets)
    return _logged(services, connection, _OF_ONE, {"plan": decision_id})


def _logged(services: Services, connection: Connection, question: str, asked: dict[str, Any]) -> pa.Table:
    versions = published_versions(connection)
    if DECISION_TABLE not in versions:
        return log_rows([], buckets=services.buckets)
    with services.session() as session:
        session.add_versions({DECISION_TABLE: versions[DECISION_TABLE]})
        return session.ask(question, asked)

"""A change of policy judged before launch, from decisions that were made partly by chance."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection

from lingque.catalog.model import Catalog, Tag
from lingque.core.errors import NotFoundError
from lingque.core.reasons import Reason, Refusal
from lingque.decide.alternatives import logged_for, policy_named
from lingque.decide.contracts import DECISION_TABLE
from lingque.decide.facts import day_number
from lingque.decide.off_policy import OffPolicy, evaluate
from lingque.flow.intake import catalog_of
from lingque.flow.reporting import not_delivered
from lingque.flow.services import Services
from lingque.flow.traces import traced
from lingque.govern.access import refused
from lingque.govern.contracts import Action, Principal
from lingque.store.runs import published_versions, runs_of

_CONTACTED = """
SELECT d.* FROM decisions d JOIN (
    SELECT plan, customer_id, decided_at FROM decisions
    WHERE campaign = $name AND arm = 'contact' AND propensity IS NOT NULL) c
ON d.plan = c.plan AND d.customer_id = c.customer_id AND d.decided_at = c.decided_at
WHERE d.plan NOT IN (
    SELECT plan FROM decisions
    WHERE campaign = $name AND list_has_any(reasons, [$ran_out, $no_hours, $not_allotted]))
"""


@dataclass(frozen=True, kw_only=True)
class PolicyJudged:
    """What the policy would have brought per contact: the share that converts, and profit, in minor units."""

    name: str
    policy: str
    outcome: str
    currency: str
    conversions: OffPolicy
    profit: OffPolicy


def judge_policy(
    services: Services, name: str, policy: str, actor: Principal, *, outcome: str | None = None
) -> PolicyJudged | Refusal:
    """Over all contacts of a campaign or placement whose outcome is known by now.

    `policy`: see `policy_named`. `outcome`: a true-or-false tag that looks forward; a campaign's own if none is named.
    Refused where the outcome is not known yet, or where what was decided says too little. Raises `NotFoundError` for a
    name under which nobody was contacted, and where no outcome is known by name.
    """
    denied = refused(actor, Action.READ_CAMPAIGN)
    if denied is not None:
        return traced(services, denied, actor, "judge_policy", name)
    catalog = catalog_of(services)
    tag = _outcome(catalog, name, outcome)
    with services.database.reading() as connection:
        rows = _rows(services, connection, name)
        epsilon = _epsilon(connection, rows)
    offers = frozenset(rows.column("offer").to_pylist())
    chosen = policy_named(policy, offers)
    known = _outcomes(services, catalog, tag, rows)
    if not known:
        detail = f"'{tag.name}' is not known yet of anybody who was contacted"
        early = Refusal(reason=Reason.OUTCOME_NOT_YET_KNOWN, detail=detail)
        return traced(services, early, actor, "judge_policy", name)
    found: dict[str, OffPolicy] = {}
    for measure, logged in logged_for(rows, chosen, known, epsilon).items():
        judged = evaluate(logged)
        if isinstance(judged, Refusal):
            return traced(services, judged, actor, "judge_policy", name)
        found[measure] = judged
    currency = next(one.definition.currency for one in catalog.offers.values() if one.name in offers)
    return PolicyJudged(
        name=name,
        policy=policy,
        outcome=tag.name,
        currency=currency,
        conversions=found["conversions"],
        profit=found["profit"],
    )


def _outcome(catalog: Catalog, name: str, outcome: str | None) -> Tag:
    campaign = catalog.campaigns.get(name)
    if outcome is not None:
        return catalog.tag(outcome)
    if campaign is None:
        raise NotFoundError(
            f"'{name}' is no campaign, so it has no outcome of its own", next_step="name one with '--outcome'"
        )
    return catalog.tag(campaign.outcome)


def _rows(services: Services, connection: Connection, name: str) -> pa.Table:
    versions = published_versions(connection)
    rows = None
    if DECISION_TABLE in versions:
        asked = {
            "name": name,
            "ran_out": int(Reason.NO_CAPACITY),
            "no_hours": int(Reason.NO_HOURS),
            "not_allotted": int(Reason.NOT_ALLOTTED),
        }
        with services.session() as session:
            session.add_versions({DECISION_TABLE: versions[DECISION_TABLE]})
            rows = session.ask(_CONTACTED, asked)
    if rows is None or not rows.num_rows:
        raise NotFoundError(
            f"nobody was contacted under '{name}' where nothing ran out, as far as the decision log knows",
            next_step="'lingque decisions move' brings there what was asked for or triggered",
        )
    return rows


def _epsilon(connection: Connection, rows: pa.Table) -> dict[str, float]:
    """Per plan the coin by which any open candidate could be drawn: of a wave beside its run, else in the row."""
    contexts = rows.column("context").to_pylist() if "context" in rows.column_names else [None] * rows.num_rows
    found: dict[str, float] = {}
    for plan, context in dict(zip(rows.column("plan").to_pylist(), contexts, strict=True)).items():
        if context is not None:
            found[plan] = _coin(json.loads(context))
            continue
        runs = runs_of(connection, kind="decide", subject=plan)
        found[plan] = min((_coin(run.summary.get("record", {})) for run in runs), default=0.0)
    return found


def _coin(record: Mapping[str, Any]) -> float:
    exploration = record.get("exploration")
    return 0.0 if exploration is None else float(exploration["epsilon"])


def _outcomes(services: Services, catalog: Catalog, tag: Tag, rows: pa.Table) -> dict[tuple[int, int], bool]:
    """By customer and day, for the days of which the outcome is known by now."""
    now = services.clock.now()
    known: dict[tuple[int, int], bool] = {}
    for day in pc.unique(rows.column("as_of")).to_pylist():
        if now < services.profile.horizon(catalog, tag, day) or not_delivered(services, catalog, [tag], day):
            continue
        labels = services.profile.labels(catalog, tag, day, known_by=now)
        pairs = zip(labels.column("customer_id").to_pylist(), labels.column(tag.name).to_pylist(), strict=True)
        known |= {(customer, day_number(day)): bool(value) for customer, value in pairs if value is not None}
    return known

"""What was decided about a customer at a moment, why, and what would have to change."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection

from lingque.catalog.model import Catalog
from lingque.core.clock import Instant, datetime_of
from lingque.core.errors import NotFoundError
from lingque.core.ids import CustomerId
from lingque.core.labels import Label
from lingque.core.reasons import Reason, Refusal
from lingque.core.registries import Purpose
from lingque.decide.contracts import DECISION_TABLE
from lingque.decide.journal import entries, log_rows, tags_in
from lingque.decide.pressure.caps import ContactKind, Now
from lingque.decide.pressure.ledger import use_of
from lingque.engage.explain import CHANNEL_LABELS
from lingque.flow.intake import catalog_of
from lingque.flow.remedies import Case, Remedy, remedies
from lingque.flow.services import Services
from lingque.flow.story import Arm
from lingque.flow.traces import traced
from lingque.govern.access import refused
from lingque.govern.contracts import Action, Principal
from lingque.govern.scopes import outside_scope
from lingque.store.runs import Run, published_versions, runs_of

_NEWEST = """
SELECT * FROM decisions WHERE customer_id = $customer AND decided_at = (
    SELECT max(decided_at) FROM decisions WHERE customer_id = $customer AND decided_at <= $at)
ORDER BY value DESC, offer, channel
"""


@dataclass(frozen=True, kw_only=True)
class Option:
    """A candidate as it was weighed, in minor units of `currency`; `against` is all that spoke against it, and what
    would have to change."""

    offer: str
    label: Label
    channel: str
    arm: Arm
    response: float
    value_basis: str
    margin: int
    losses: int
    fatigue: int
    cost: int
    price: int
    value: int
    propensity: float | None
    currency: str
    against: tuple[Remedy, ...]


@dataclass(frozen=True, kw_only=True)
class Explained:
    """The newest decision about a customer at a moment. `decision_id` names it for a replay."""

    decision_id: str
    customer_id: CustomerId
    campaign: str
    clock: str
    as_of: date
    decided_at: Instant
    options: tuple[Option, ...]


def explain_decision(
    services: Services, customer_id: CustomerId, at: Instant, actor: Principal, *, offer: str | None = None
) -> Explained | Refusal:
    """The last decision about the customer up to that moment; of one offer only, if named.

    A reason that only compliance may see reads like any other exclusion. Raises `NotFoundError` where nothing was
    decided, or not about that offer.
    """
    denied = refused(actor, Action.READ_CAMPAIGN)
    if denied is not None:
        return traced(services, denied, actor, "explain_decision", "decision")
    catalog = catalog_of(services)
    with services.database.reading() as connection:
        outside = outside_scope(connection, actor, customer_id, services.homes)
    if outside is not None:
        return traced(services, outside, actor, "explain_decision", "decision")
    with services.database.reading() as connection:
        rows = _rows(services, connection, customer_id, at)
        decision_id = _decision_id(connection, rows[0])
        tags = _tags(services, connection, rows[0])
        hide = refused(actor, Action.SEE_COMPLIANCE_REASONS) is not None
        options = tuple(
            _option(services, connection, catalog, row, rows, tags, hide=hide)
            for row in rows
            if offer is None or row["offer"] == offer
        )
    if not options:
        raise NotFoundError(
            f"offer '{offer}' was not among those decided about", next_step="leave '--offer' out to see all of them"
        )
    first = rows[0]
    return Explained(
        decision_id=decision_id,
        customer_id=customer_id,
        campaign=first["campaign"],
        clock=first["clock"],
        as_of=first["as_of"],
        decided_at=Instant(first["decided_at"]),
        options=options,
    )


def _rows(services: Services, connection: Connection, customer_id: CustomerId, at: Instant) -> list[dict[str, Any]]:
    """Of the log and of what has not been moved there yet, the newest decision's."""
    versions = published_versions(connection)
    rows: list[dict[str, Any]] = []
    if DECISION_TABLE in versions:
        with services.session() as session:
            session.add_versions({DECISION_TABLE: versions[DECISION_TABLE]})
            rows = session.ask(_NEWEST, {"customer": customer_id, "at": at}).to_pylist()
    waiting = [entry for entry in entries(connection, customers=[customer_id]) if entry.decided_at <= at]
    if waiting and (not rows or rows[0]["decided_at"] <= waiting[-1].decided_at):
        rows = log_rows(waiting[-1:], buckets=services.buckets).to_pylist()
    # two decisions of one instant are two: the one that was written last
    rows = [row for row in rows if row["plan"] == rows[-1]["plan"]]
    if not rows:
        raise NotFoundError(
            f"nothing was decided about that customer up to {datetime_of(at).isoformat()}",
            next_step="name a later moment with '--at'",
        )
    return rows


def _decision_id(connection: Connection, row: Mapping[str, Any]) -> str:
    if row["clock"] != "planned":
        return str(row["plan"])
    run = _run_of(connection, row)
    return "" if run is None or "record" not in run.summary else run.run_id


def _run_of(connection: Connection, row: Mapping[str, Any]) -> Run | None:
    runs = runs_of(connection, kind="decide", subject=row["plan"])
    return next((run for run in runs if run.finished_at == row["decided_at"]), None)


def _tags(services: Services, connection: Connection, row: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the decision looked at: live tags stand in the log, those of a day in its snapshot."""
    context = row.get("context")
    if context is not None:
        return tags_in(json.loads(context))
    try:
        return services.profile.values_of(connection, row["as_of"], row["customer_id"])
    except NotFoundError:
        return {}  # the snapshot was purged: what it said is not told any more


def _purpose_of(catalog: Catalog, name: str) -> Purpose:
    """Of the campaign or the placement for which it was decided; of one that is gone, what most are for."""
    placement = catalog.placements.get(name)
    definition = catalog.campaigns.get(name) if placement is None else placement.definition
    return Purpose.MARKETING if definition is None else Purpose[definition.purpose.upper()]


def _option(
    services: Services,
    connection: Connection,
    catalog: Catalog,
    row: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    tags: Mapping[str, Any],
    *,
    hide: bool,
) -> Option:
    offer = catalog.offers.get(row["offer"])
    purpose = _purpose_of(catalog, row["campaign"])
    reasons = [Reason(number) for number in row["reasons"]]
    shown = list(dict.fromkeys(reason.for_customer if hide else reason for reason in reasons))
    topic = None if offer is None else offer.definition.topic
    currency = "CNY" if offer is None else offer.definition.currency
    capped = Reason.CONTACT_CAP in reasons
    kind = ContactKind(channel=row["channel"], purpose=purpose, topic=topic)
    now = Now(instant=services.clock.now(), calendar=services.calendar)
    nets = [other["value"] - (other.get("price") or 0.0) for other in rows if other["arm"] != "none"]
    case = Case(
        offer=offer,
        channel=CHANNEL_LABELS[row["channel"]],
        currency=currency,
        purpose=purpose,
        value=row["value"],
        price=row.get("price") or 0.0,
        chosen_net=max(nets, default=None),
        tags=tags,
        caps=use_of(connection, CustomerId(row["customer_id"]), kind, catalog.caps.values(), now) if capped else (),
        calendar=services.calendar,
    )
    return Option(
        offer=row["offer"],
        label=Label(zh=row["offer"], en=row["offer"]) if offer is None else offer.label,
        channel=row["channel"],
        arm=row["arm"],
        response=row["response"],
        value_basis=row["value_basis"],
        margin=row["margin"],
        losses=row.get("losses") or 0,
        fatigue=row.get("fatigue") or 0,
        cost=row["cost"],
        price=round(row.get("price") or 0.0),
        value=row["value"],
        propensity=row.get("propensity"),
        currency=currency,
        against=remedies(case, shown),
    )

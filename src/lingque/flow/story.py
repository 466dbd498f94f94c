"""One customer's story in one campaign: what was known, what was weighed, what was decided and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

from sqlalchemy import Connection

from lingque.catalog.model import Catalog, DerivedTag
from lingque.core.clock import Instant
from lingque.core.errors import NotFoundError
from lingque.core.ids import CustomerId
from lingque.core.reasons import Reason, Refusal
from lingque.decide.contracts import DECISION_TABLE
from lingque.deliver.history import MessageFate, messages_to
from lingque.engage.contracts import Decide, Plan, SelectAudience
from lingque.engage.service import plan_of
from lingque.flow.intake import catalog_of
from lingque.flow.services import Services
from lingque.flow.traces import traced
from lingque.govern.access import refused
from lingque.govern.contracts import Action, Principal
from lingque.govern.scopes import outside_scope
from lingque.store.runs import published_versions

Arm = Literal["none", "contact", "hold_out"]

_ONE = """
SELECT offer, channel, arm, reasons, response, value_basis, margin, cost, value, probability, decided_at
FROM decisions WHERE plan = $plan AND customer_id = $customer ORDER BY value DESC, offer, channel
"""
_SOMEBODY = """
SELECT min(customer_id) AS customer_id FROM decisions WHERE plan = $plan AND arm = $arm
"""


@dataclass(frozen=True, kw_only=True)
class Weighed:
    """A candidate as it was weighed: every reason against it, and its value in minor units."""

    offer: str
    channel: str
    arm: Arm
    reasons: tuple[Reason, ...]
    response: float
    value_basis: str
    cost: int
    value: int


@dataclass(frozen=True, kw_only=True)
class Story:
    """`tags` holds what the campaign looked at: the segment, what it is built on, and what the offers ask for."""

    customer_id: CustomerId
    plan: Plan
    as_of: date
    tags: Mapping[str, Any]
    weighed: tuple[Weighed, ...]
    messages: tuple[MessageFate, ...]
    currency: str
    decided_at: Instant


def story_of(
    services: Services, campaign: str, customer_id: CustomerId, actor: Principal, *, wave: int | None = None
) -> Story | Refusal:
    """A customer's story in a wave (by default the newest). Raises `NotFoundError` where nothing was decided for them.

    A reason that only compliance may see is told to everybody else as an exclusion like any other.
    """
    denied = refused(actor, Action.READ_CAMPAIGN)
    if denied is not None:
        return traced(services, denied, actor, "read_story", campaign)
    catalog = catalog_of(services)
    with services.database.reading() as connection:
        outside = outside_scope(connection, actor, customer_id, services.homes)
    if outside is not None:
        return traced(services, outside, actor, "read_story", campaign)
    with services.database.reading() as connection:
        plan = plan_of(connection, campaign, wave)
        rows = _decided(services, connection, plan, customer_id)
        values = services.profile.values_of(connection, plan.as_of, customer_id)
        messages = messages_to(connection, plan.wave_id, customer_id)
    choice: Decide = plan.stage(Decide)
    hide = refused(actor, Action.SEE_COMPLIANCE_REASONS) is not None
    return Story(
        customer_id=customer_id,
        plan=plan,
        as_of=plan.as_of,
        tags={name: values.get(name) for name in _looked_at(catalog, plan)},
        weighed=tuple(_weighed(row, hide=hide) for row in rows),
        messages=tuple(replace(m, reason=None if m.reason is None else _shown(m.reason, hide=hide)) for m in messages),
        currency=choice.currency,
        decided_at=Instant(rows[0]["decided_at"]),
    )


def somebody(services: Services, campaign: str, arm: Arm, *, wave: int | None = None) -> CustomerId | None:
    """Some customer of a wave (by default the newest) who was drawn into that arm, the same one every time; None where
    nobody was."""
    with services.database.reading() as connection:
        plan = plan_of(connection, campaign, wave)
        versions = published_versions(connection)
    with services.session() as session:
        session.add_versions({DECISION_TABLE: versions[DECISION_TABLE]})
        found = session.ask(_SOMEBODY, {"plan": plan.digest, "arm": arm}).to_pylist()[0]["customer_id"]
    return None if found is None else CustomerId(found)


def _decided(services: Services, connection: Connection, plan: Plan, customer_id: CustomerId) -> list[dict[str, Any]]:
    versions = published_versions(connection)
    rows: list[dict[str, Any]] = []
    if DECISION_TABLE in versions:
        with services.session() as session:
            session.add_versions({DECISION_TABLE: versions[DECISION_TABLE]})
            rows = session.ask(_ONE, {"plan": plan.digest, "customer": customer_id}).to_pylist()
    if not rows:
        raise NotFoundError(
            f"nothing was decided for customer {customer_id} in wave {plan.wave_id} of '{plan.campaign}'",
            next_step="the customer is not in its segment, or the wave has not run yet",
        )
    return rows


def _weighed(row: dict[str, Any], *, hide: bool) -> Weighed:
    return Weighed(
        offer=row["offer"],
        channel=row["channel"],
        arm=row["arm"],
        reasons=tuple(_shown(Reason(number), hide=hide) for number in row["reasons"]),
        response=row["response"],
        value_basis=row["value_basis"],
        cost=row["cost"],
        value=row["value"],
    )


def _shown(reason: Reason, *, hide: bool) -> Reason:
    """A secret exclusion reads like any other to whoever may not know of it."""
    return reason.for_customer if hide else reason


def _looked_at(catalog: Catalog, plan: Plan) -> list[str]:
    """The segment, its inputs, and what eligibility, suitability and propensity of the offers name."""
    select: SelectAudience = plan.stage(SelectAudience)
    choice: Decide = plan.stage(Decide)
    names = [select.segment]
    segment = catalog.tags.get(select.segment)
    if isinstance(segment, DerivedTag):
        names += sorted(segment.inputs)
    for name, _ in choice.offers:
        offer = catalog.offers.get(name)
        if offer is None:
            continue
        names += sorted(offer.chosen_by | offer.definition.suited_by)
    return list(dict.fromkeys(names))

"""A segment as it is on a day, kept: its members go onto an audience list, which has an owner, a reason and an end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from lingque.catalog.definitions import ListDefinition
from lingque.catalog.expressions.tree import names_in
from lingque.catalog.model import Catalog, Lineage, ListTag
from lingque.core.errors import ConflictError
from lingque.core.hashing import Int64s, digest_of
from lingque.core.reasons import Reason, Refusal
from lingque.flow.intake import catalog_of
from lingque.flow.lists import named_list, not_allowed, visible_lists
from lingque.flow.segments import read_condition, read_snapshot
from lingque.flow.services import Services
from lingque.flow.traces import trace, traced
from lingque.govern.access import refused
from lingque.govern.contracts import Action, Principal


@dataclass(frozen=True, kw_only=True)
class Frozen:
    """How many customers the segment had on the day, and how many of them were not on the list before."""

    as_of: date
    members: int
    added: int


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Customers chosen by what is known of them. `origin` says by what, without saying anything of a person."""

    as_of: date
    customers: Int64s
    lineage: Lineage
    built_on: frozenset[str]
    origin: str


def freeze_segment(
    services: Services,
    text: str,
    list_name: str,
    actor: Principal,
    *,
    as_of: date | None = None,
    expires_on: date | None = None,
    reason: str = "",
) -> Frozen | Refusal:
    """Put whoever makes the condition true on that day onto an audience list of the actor's.

    Refused where the condition looks at classes of data that the list does not state, or may not serve what the list
    may. Raises `ExpressionError`, `NotFoundError`, and `ConflictError` where the condition looks at the list itself.
    """
    denied = refused(actor, Action.COUNT_SEGMENTS)
    if denied is not None:
        return traced(services, denied, actor, "freeze_segment", f"list {list_name}")
    catalog = catalog_of(services)
    with services.database.reading() as connection:
        reading = read_snapshot(services, connection, catalog, as_of)
    asked = read_condition(reading, text)
    if isinstance(asked, Refusal):
        return asked
    (members,) = reading.opened.members([asked.node])
    named = text.strip() in catalog.tags
    return put_on_list(
        services,
        catalog,
        Choice(
            as_of=reading.report.as_of,
            customers=reading.opened.ids(members),
            lineage=asked.lineage,
            built_on=names_in(asked.node),
            # what somebody typed may hold anything: on record is its digest
            origin=f"segment {text.strip()}" if named else f"condition {digest_of(text)[:16]}",
        ),
        list_name,
        actor,
        expires_on=expires_on,
        reason=reason,
    )


def put_on_list(
    services: Services,
    catalog: Catalog,
    choice: Choice,
    list_name: str,
    actor: Principal,
    *,
    expires_on: date | None,
    reason: str,
) -> Frozen | Refusal:
    """The chosen customers onto the list, in one transaction with its trace. Raises as `freeze_segment`."""
    with services.database.transaction() as connection:
        definition = named_list(list_name, visible_lists(connection, actor))
        denied = not_allowed(connection, definition, actor) or _unfit(definition, choice.lineage)
        if denied is not None:
            trace(services, connection, denied, actor, "freeze_segment", f"list {list_name}")
            return denied
        _refuse_itself(catalog, choice.built_on, list_name)
        added = services.lists.put_customers(
            connection,
            definition,
            choice.customers.tolist(),
            origin=f"{choice.origin} as of {choice.as_of}",
            reason=reason,
            expires_on=expires_on,
            by=actor.user,
        )
        services.audit.record(
            connection,
            actor=actor.user,
            act="freeze_segment",
            subject=f"list {list_name}",
            detail={
                "origin": choice.origin,
                "as_of": choice.as_of.isoformat(),
                "members": len(choice.customers),
                "added": added,
                "reason": reason,
            },
        )
    return Frozen(as_of=choice.as_of, members=len(choice.customers), added=added)


def _unfit(definition: ListDefinition, lineage: Lineage) -> Refusal | None:
    """On a list nobody sees any more what its members were chosen by: the list itself must say it."""
    stated = definition.data_classes
    unstated = [name for name in lineage.classes.names if name not in stated.names]
    barred = sorted(one.name.lower() for one in definition.purpose_set - lineage.purposes)
    if not unstated and not barred:
        return None
    wrong = [f"does not state the classes {', '.join(unstated)}"] if unstated else []
    wrong += [f"serves {', '.join(barred)}, for which the data may not be used"] if barred else []
    return Refusal(
        reason=Reason.PURPOSE_NOT_ALLOWED,
        detail=f"list '{definition.list}' {' and '.join(wrong)}; mend 'classes' and 'purposes' in its definition",
    )


def _refuse_itself(catalog: Catalog, names: frozenset[str], list_name: str) -> None:
    below = {("tag", name) for name in names}
    users = catalog.users_of(("list", list_name))
    itself = any(isinstance(tag := catalog.tags[name], ListTag) and tag.list.list == list_name for name in names)
    if itself or below & users:
        raise ConflictError(
            f"the condition looks at list '{list_name}' itself", next_step="put its members on another list"
        )

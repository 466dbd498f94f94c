"""Lists of customers: a person's file goes on or off a list, and who may see what is on which."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection

from lingque.catalog.definitions import ListDefinition
from lingque.core.errors import NotFoundError, nearest
from lingque.core.reasons import Reason, Refusal
from lingque.flow.customer_files import CustomerFile, cells_of
from lingque.flow.intake import catalog_of
from lingque.flow.services import Services
from lingque.flow.traces import trace, traced
from lingque.govern.access import person_of, refused
from lingque.govern.contracts import Action, Principal
from lingque.govern.lists import CustomerLists, MatchReport, Membership, Upload, history, lists_in_force


@dataclass(frozen=True, kw_only=True)
class ListShown:
    """A list and what was put on it."""

    definition: ListDefinition
    acts: tuple[Membership, ...]

    @property
    def members(self) -> int:
        """Parties put on it and not off again; one put on by a person and by a delivery counts twice."""
        return sum(act.still_on for act in self.acts)


def upload_list(
    services: Services,
    lists: CustomerLists,
    name: str,
    file: CustomerFile,
    actor: Principal,
    *,
    expires_on: date | None,
    reason: str = "",
) -> MatchReport | Refusal:
    """Put the customers of the file on the list until that day; `reason` holds no personal data and stays on record.
    Raises `SourceError` for a file that cannot be read."""

    def put(connection: Connection, definition: ListDefinition, upload: Upload) -> MatchReport:
        return lists.upload(connection, definition, upload, by=actor.user)

    return _change(services, name, file, actor, expires_on=expires_on, reason=reason, act="upload_list", change=put)


def remove_from_list(
    services: Services, lists: CustomerLists, name: str, file: CustomerFile, actor: Principal
) -> MatchReport | Refusal:
    """Take the customers of the file off the list. Raises `SourceError` for a file that cannot be read."""

    def take(connection: Connection, definition: ListDefinition, upload: Upload) -> MatchReport:
        return lists.remove(connection, definition, upload, by=actor.user)

    return _change(services, name, file, actor, expires_on=None, act="remove_from_list", change=take)


def show_lists(services: Services, actor: Principal, *, name: str | None = None) -> list[ListShown] | Refusal:
    """The lists that the actor may see: secret ones only who may see compliance's reasons. Never who is on them."""
    denied = refused(actor, Action.READ_CAMPAIGN)
    if denied is not None:
        return traced(services, denied, actor, "show_lists", name or "all lists")
    with services.database.reading() as connection:
        visible = visible_lists(connection, actor)
        wanted = visible if name is None else {name: named_list(name, visible)}
        acts = history(connection, wanted, at=services.clock.now())
    return [
        ListShown(definition=definition, acts=tuple(act for act in acts if act.list_name == listed))
        for listed, definition in wanted.items()
    ]


def _change(
    services: Services,
    name: str,
    file: CustomerFile,
    actor: Principal,
    *,
    expires_on: date | None,
    reason: str = "",
    act: str,
    change: Callable[[Connection, ListDefinition, Upload], MatchReport],
) -> MatchReport | Refusal:
    party = catalog_of(services).contract_of_kind("party")
    if party is None:
        raise NotFoundError(
            "no contract of kind party is in force, so no customer is known", next_step="apply the definitions first"
        )
    with services.database.transaction() as connection:
        definition = named_list(name, visible_lists(connection, actor))
        denied = not_allowed(connection, definition, actor)
        if denied is not None:
            trace(services, connection, denied, actor, act, f"list {name}")
            return denied
        upload = dataclasses.replace(
            _read(file, namespace=f"{file.system}/{party.contract}", expires_on=expires_on), reason=reason
        )
        report = change(connection, definition, upload)
        services.audit.record(
            connection,
            actor=actor.user,
            act=act,
            subject=f"list {name}",
            detail={
                "origin": upload.origin,
                "rows": report.rows,
                "changed": report.changed,
                "unknown": len(report.unknown),
                "reason": reason,
                "expires_on": None if expires_on is None else expires_on.isoformat(),
            },
        )
    return report


def not_allowed(connection: Connection, definition: ListDefinition, actor: Principal) -> Refusal | None:
    """Why the actor may not change the list, or nothing: it is changed by who answers for it, in the role that its
    effect asks for."""
    action = Action.MANAGE_EXCLUSION_LISTS if definition.effect == "exclude" else Action.MANAGE_AUDIENCE_LISTS
    denied = refused(actor, action)
    if denied is not None:
        return denied
    if person_of(connection, definition.owner) == actor.person:
        return None
    return Refusal(
        reason=Reason.ROLE_NOT_ALLOWED,
        detail=f"{definition.owner} answers for list '{definition.list}', not {actor.user}; ask them, or name another "
        "owner in its definition",
    )


def visible_lists(connection: Connection, actor: Principal) -> dict[str, ListDefinition]:
    """The lists that the actor may know of, by name."""
    sees_secret = refused(actor, Action.SEE_COMPLIANCE_REASONS) is None
    return {name: one for name, one in lists_in_force(connection).items() if sees_secret or not one.secret}


def named_list(name: str, known: dict[str, ListDefinition]) -> ListDefinition:
    """The list of that name. Raises `NotFoundError`."""
    if name not in known:
        raise NotFoundError(f"there is no list '{name}'", next_step=nearest(name, list(known)))
    return known[name]


def _read(file: CustomerFile, *, namespace: str, expires_on: date | None) -> Upload:
    cells = cells_of(file.path, file.column)
    return Upload(
        rows=tuple((row, number) for row, (number,) in cells.rows),
        namespace=namespace,
        origin=cells.origin,
        expires_on=expires_on,
    )

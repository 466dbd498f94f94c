"""How far somebody's sight reaches: the tree of organisations, and whose customer is whose."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from lingque.core.errors import SourceError
from lingque.core.ids import CustomerId
from lingque.core.reasons import Reason, Refusal
from lingque.govern.contracts import Homes, Principal, ScopeKind
from lingque.govern.tables import organisations

LEVELS = ("head_office", "province", "city", "branch")


@dataclass(frozen=True, kw_only=True)
class Organisation:
    """A place of the bank; the head office has no parent."""

    code: str
    name: str
    level: str
    parent_code: str


def record_organisations(connection: Connection, tree: Iterable[Organisation]) -> int:
    """Make this the tree, and return how many places it has. Raises `SourceError` for what is no tree."""
    listed = list(tree)
    parents = {one.code: one.parent_code for one in listed}
    if len(parents) != len(listed):
        raise SourceError("an organisation is stated twice", next_step="give every place a code of its own")
    for one in listed:
        if one.level not in LEVELS:
            raise SourceError(f"organisation {one.code} is no level of the tree", next_step=f"use {', '.join(LEVELS)}")
        if one.parent_code and one.parent_code not in parents:
            raise SourceError(f"organisation {one.code} has a parent that is not there", next_step="state it too")
        if len(_way_up(one.code, parents)) > len(LEVELS):
            raise SourceError(f"organisation {one.code} is its own superior", next_step="mend its parent")
    connection.execute(delete(organisations))
    if listed:
        connection.execute(
            insert(organisations),
            [
                {"code": one.code, "name": one.name, "level": one.level, "parent_code": one.parent_code}
                for one in listed
            ],
        )
    return len(listed)


def outside_scope(
    connection: Connection, principal: Principal, customer_id: CustomerId, homes: Homes
) -> Refusal | None:
    """Why the customer is none of the principal's, or nothing. One who is not known reads like one of somebody else."""
    scope = principal.scope
    if scope.kind is ScopeKind.BANK:
        return None
    home = homes.home_of(connection, customer_id)
    if scope.kind is ScopeKind.OWN:
        within = bool(home.manager) and home.manager == scope.of
    else:
        rows = connection.execute(select(organisations.c.code, organisations.c.parent_code))
        parents: dict[str, str] = {row.code: row.parent_code for row in rows}
        within = bool(home.branch) and scope.of in _way_up(home.branch, parents)
    if within:
        return None
    return Refusal(
        reason=Reason.OUTSIDE_SCOPE, detail=f"{principal.user} answers for other customers, or there is no such one"
    )


def _way_up(code: str, parents: dict[str, str]) -> list[str]:
    """The place itself and all above it, at most one more than there are levels."""
    way: list[str] = []
    while code and len(way) <= len(LEVELS):
        way.append(code)
        code = parents.get(code, "")
    return way

"""How far somebody's sight reaches: the tree of organisations, and whose customer is whose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from lingque.core.errors import SourceError
from lingque.core.ids import CustomerId
from lingque.core.reasons import Reason, Refusal
from lingque.govern.contracts import Homes, Principal, ScopeKind
from lingque.govern.tables import organisations, staff_places
from lingque.store.chunks import chunks

LEVELS = ("head_office", "province", "city", "branch")


@dataclass(frozen=True, kw_only=True)
class Organisation:
    """A place of the bank; the head office has no parent. One that was merged hangs under the place it went into."""

    code: str
    name: str
    level: str
    parent_code: str
    merged_into: str = ""

    @property
    def above(self) -> str:
        """The place that answers for it."""
        return self.merged_into or self.parent_code


def record_organisations(connection: Connection, tree: Iterable[Organisation]) -> int:
    """Make this the tree, and return how many places it has. Raises `SourceError` for what is no tree.

    A place that is not named any more stays, closed, where it hung: customers whose tags still name it, and scopes that
    do, are answered for by those above it.
    """
    listed = list(tree)
    parents = {one.code: one.above for one in listed}
    if len(parents) != len(listed):
        raise SourceError("an organisation is stated twice", next_step="give every place a code of its own")
    for one in listed:
        if not one.code:
            raise SourceError("an organisation has no code", next_step="give every place a code of its own")
        if one.level not in LEVELS:
            raise SourceError(f"organisation {one.code} is no level of the tree", next_step=f"use {', '.join(LEVELS)}")
        if one.above and one.above not in parents:
            raise SourceError(f"organisation {one.code} has a parent that is not there", next_step="state it too")
        if parents.get(_way_up(one.code, parents)[-1]):
            raise SourceError(f"organisation {one.code} is its own superior", next_step="mend its parent")
    rows = [
        {
            "code": one.code,
            "name": one.name,
            "level": one.level,
            "parent_code": one.above,
            "closed": bool(one.merged_into),
        }
        for one in listed
    ]
    known = connection.execute(select(organisations)).all()
    rows += [{**row._mapping, "closed": True} for row in known if row.code not in parents]
    connection.execute(delete(organisations))
    for part in chunks(rows):
        connection.execute(insert(organisations), list(part))
    return len(listed)


def record_staff(connection: Connection, places: Mapping[str, str]) -> int:
    """Make this who works where, by staff number; how many there are."""
    connection.execute(delete(staff_places))
    rows = [{"staff_no": number, "org_code": code} for number, code in sorted(places.items())]
    for part in chunks(rows):
        connection.execute(insert(staff_places), list(part))
    return len(rows)


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
        within = bool(scope.of and home.branch) and scope.of in _way_up(home.branch, _parents(connection))
    if within:
        return None
    return Refusal(
        reason=Reason.OUTSIDE_SCOPE, detail=f"{principal.user} answers for other customers, or there is no such one"
    )


def beyond_reach(connection: Connection, principal: Principal, organisation: str) -> Refusal | None:
    """Why what is done to an organisation's customers (empty: the whole bank's) is not the principal's, or nothing."""
    scope = principal.scope
    if scope.kind is ScopeKind.BANK:
        return None
    placed = scope.kind is ScopeKind.ORGANISATION and bool(scope.of)
    if placed and scope.of in _way_up(organisation, _parents(connection)):
        return None
    place = f"organisation {organisation}" if organisation else "the whole bank"
    return Refusal(reason=Reason.OUTSIDE_SCOPE, detail=f"{principal.user} does not answer for {place}")


def places_under(connection: Connection, organisation: str) -> set[str]:
    """The place itself and all under it, those that were closed too."""
    parents = _parents(connection)
    return {organisation} | {code for code in parents if organisation in _way_up(code, parents)}


def _parents(connection: Connection) -> dict[str, str]:
    rows = connection.execute(select(organisations.c.code, organisations.c.parent_code))
    return {row.code: row.parent_code for row in rows}


def _way_up(code: str, parents: Mapping[str, str]) -> list[str]:
    """The place itself and all above it; of what goes round in a circle every place once."""
    way: dict[str, None] = {}
    while code and code not in way:
        way[code] = None
        code = parents.get(code, "")
    return list(way)

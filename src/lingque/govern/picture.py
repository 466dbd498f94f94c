"""A picture of the register in memory, as columns, so that a permit costs microseconds.

How fresh it is: every permit reads the register's version in its own transaction, and the picture is brought up to that
version before it is looked at. So whatever was committed before a permit is asked for is seen by it, in this process
and in every other. A transaction that changed the register itself, and one that sees an older state than the picture
shows, is answered from the database alone.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Select, select

from lingque.core.clock import END_OF_TIME
from lingque.core.hashing import Int64s
from lingque.core.reasons import Reason
from lingque.core.registries import DataClass, Purpose
from lingque.govern.consent import NEVER
from lingque.govern.contracts import Flags
from lingque.govern.lists import lists_in_force
from lingque.govern.register import EVERYBODY, KEPT_CHANGES, NAMED_CUSTOMERS, written_here
from lingque.govern.tables import (
    automated_refusals,
    consents,
    legal_bases,
    list_members,
    refused_tags,
    register_changes,
    subjects,
)
from lingque.store.straight import rows_of

FEW = 1_000
"""So many customers are read from the database by their ids; more, and the register is read whole."""
OFTEN = 200
"""About so many customers, a few at a time, a process answers from the database before it draws a picture."""
UNKNOWN = NEVER
"""In `Picture.born`: no party of the customer has a birth date."""
_ROWS_AT_ONCE = 100_000
_STAMP = "SELECT version, (SELECT max(definition_id) FROM definitions) FROM register_version"

Columns = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Facts:
    """Rows about customers, as columns: `at` (m,) is the position of the customer in the picture, ascending; the rows
    of one customer stand in the order in which they count. `starts` (n + 1,) says where those of each begin."""

    at: Int64s
    starts: Int64s
    columns: Columns

    def of(self, position: int) -> slice:
        """The rows of one customer."""
        return slice(int(self.starts[position]), int(self.starts[position + 1]))

    def among(self, positions: Int64s) -> tuple[Int64s, Int64s]:
        """All rows of the customers at these positions (m,), as `at` has them: whose each is, as a place among the
        positions (k,), and where it stands (k,)."""
        first = self.starts[positions]
        counts = self.starts[positions + 1] - first
        ends = np.cumsum(counts)
        owners = np.repeat(np.arange(len(positions)), counts)
        return owners, np.arange(len(owners)) + np.repeat(first - ends + counts, counts)


@dataclass(frozen=True, kw_only=True)
class Basis:
    """A legal basis as the judge needs it."""

    purpose: int
    data_classes: DataClass
    begins_at: int
    ends_at: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Sheet:
    """What the statements for one purpose and channel amount to, all told, per customer (n,).

    `until` says by class of data when the consent ends (`NEVER` where there is none); `newest` is the moment of the
    last statement: only from then on is the sheet true.
    """

    until: Mapping[DataClass, Int64s]
    granted: Flags
    ever: Flags
    by_guardian: Flags
    newest: Int64s


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """Customers in ascending order (n,) and everything that is known of them; `born` in days since 1970, of the
    youngest of a customer's parties. Channels, tags and lists stand in columns as numbers; -1 is none of them."""

    customers: Int64s
    born: Int64s
    statements: Facts
    automated: Facts
    tags: Facts
    memberships: Facts
    channels: Mapping[str, int]
    tag_codes: Mapping[str, int]
    list_codes: Mapping[str, int]
    _sheets: dict[tuple[Purpose, str], Sheet] = field(default_factory=dict)

    @classmethod
    def draw(cls, connection: Connection, only: Iterable[int] | None) -> Picture:
        """Of these customers, or of all."""
        wanted = None if only is None else sorted(only)
        who = _read(connection, select(subjects.c.customer_id, subjects.c.birth_date), wanted)
        ids, births = who["customer_id"], who["birth_date"]
        customers, places = np.unique(ids, return_inverse=True)
        born = np.full(len(customers), UNKNOWN, dtype=np.int64)
        np.maximum.at(born, places, births)
        c, a, t, m = consents.c, automated_refusals.c, refused_tags.c, list_members.c
        said = select(
            c.purpose, c.channel, c.given, c.by_guardian, c.data_classes, c.acted_at, c.expires_at, c.consent_id
        )
        channels: dict[str, int] = {}
        tags: dict[str, int] = {}
        lists: dict[str, int] = {}
        statements = _facts(connection, customers, said, c.party_id, wanted, order="consent_id", codes=channels)
        return cls(
            customers=customers,
            born=born,
            statements=statements,
            automated=_facts(
                connection, customers, select(a.refused, a.acted_at, a.refusal_id), a.party_id, wanted,
                order="refusal_id",
            ),
            tags=_facts(
                connection, customers, select(t.tag, t.refused, t.acted_at, t.refusal_id), t.party_id, wanted,
                order="refusal_id", codes=tags,
            ),
            memberships=_facts(
                connection, customers, select(m.list_name, m.added_at, m.removed_at, m.expires_at, m.membership_id),
                m.party_id, wanted, order="membership_id", codes=lists,
            ),
            channels=channels,
            tag_codes=tags,
            list_codes=lists,
        )  # fmt: skip

    def positions(self, customer_ids: Int64s) -> Int64s:
        """Where each stands (n,), or -1 for one that is not known."""
        if not len(self.customers):
            return np.full(len(customer_ids), -1, dtype=np.int64)
        # looked up in their order: at random each costs a miss of the cache
        order = np.argsort(customer_ids, kind="stable")
        ordered = customer_ids[order]
        found = np.minimum(np.searchsorted(self.customers, ordered), len(self.customers) - 1)
        found[self.customers[found] != ordered] = -1
        result = np.empty(len(customer_ids), dtype=np.int64)
        result[order] = found
        return result

    def position(self, customer_id: int) -> int:
        """Where one stands, or -1."""
        place = int(np.searchsorted(self.customers, customer_id))
        known = place < len(self.customers) and int(self.customers[place]) == customer_id
        return place if known else -1

    def sheet(self, purpose: Purpose, channel: str) -> Sheet:
        """What was said for that purpose on that channel; worked out when it is first asked for."""
        key = (purpose, channel)
        if key not in self._sheets:
            self._sheets[key] = self._worked_out(purpose, channel)
        return self._sheets[key]

    def _worked_out(self, purpose: Purpose, channel: str) -> Sheet:
        n, rows = len(self.customers), self.statements.columns
        mine = (rows["purpose"] == int(purpose)) & (rows["channel"] == self.channels.get(channel, -1))
        at = self.statements.at[mine]
        classes, given, expires = rows["data_classes"][mine], rows["given"][mine], rows["expires_at"][mine]
        acted, guardian = rows["acted_at"][mine], rows["by_guardian"][mine]
        until: dict[DataClass, Int64s] = {}
        granted = np.zeros(n, dtype=np.bool_)
        by_guardian = np.zeros(n, dtype=np.bool_)
        ever = np.zeros(n, dtype=np.bool_)
        for one in DataClass:
            touching = np.flatnonzero((classes == 0) | (classes & int(one) != 0))
            last = touching[_last_of_each(at[touching])]  # the newest word on a class decides
            ends = np.full(n, NEVER, dtype=np.int64)
            ends[at[last]] = np.where(given[last], expires[last], NEVER)
            until[one] = ends
            if one is DataClass.PERSONAL:
                granted[at[last]] = given[last]
                by_guardian[at[last]] = guardian[last]
                ever[at[touching[given[touching]]]] = True
        newest = np.full(n, NEVER, dtype=np.int64)
        ending = _last_of_each(at)
        newest[at[ending]] = acted[ending]
        return Sheet(until=until, granted=granted, ever=ever, by_guardian=by_guardian, newest=newest)


@dataclass(frozen=True, kw_only=True, eq=False)
class View:
    """A picture, what changed since it was drawn (customer → a small picture of them), and what concerns all alike."""

    picture: Picture
    version: int
    definitions: int
    bases: tuple[Basis, ...]
    list_reasons: Mapping[str, Reason]
    changed: Mapping[int, Picture] = field(default_factory=dict)

    def waived(self, purpose: Purpose, moment: int) -> DataClass:
        """The classes that need no consent for the purpose at that moment."""
        return DataClass.union(
            basis.data_classes
            for basis in self.bases
            if basis.purpose == purpose and basis.begins_at <= moment < basis.ends_at
        )


class CurrentPicture:
    """Keeps a picture and brings it up to date; safe to share between threads."""

    def __init__(self) -> None:
        self._view: View | None = None
        self._asked = 0
        self._guard = threading.Lock()

    def view(self, connection: Connection, customers: Sequence[int] | Int64s) -> View:
        """What this transaction sees of the register, as far as these customers are concerned."""
        version, definitions = _stamp(connection)
        if not written_here(connection):
            with self._guard:
                view = self._brought_up(connection, version, definitions, len(customers))
                if view is not None:
                    self._view = view
                    return view
        only = set(np.asarray(customers).tolist()) if len(customers) <= FEW else None
        return _viewed(connection, Picture.draw(connection, only), version, definitions)

    def _brought_up(self, connection: Connection, version: int, definitions: int, customers: int) -> View | None:
        """The shared view as of that version; None where this question is better answered without it."""
        view = self._view
        if view is None:
            self._asked += customers
            if customers <= FEW and self._asked <= OFTEN:
                return None
            return _viewed(connection, Picture.draw(connection, None), version, definitions)
        if view.version == version and view.definitions == definitions:
            return view
        if view.version > version:
            return None  # an older state than ours
        changed = _changed_since(connection, view.version) if version - view.version <= KEPT_CHANGES else {EVERYBODY}
        if EVERYBODY in changed or len(view.changed) + len(changed) > NAMED_CUSTOMERS:
            return _viewed(connection, Picture.draw(connection, None), version, definitions)
        news = dict.fromkeys(changed, Picture.draw(connection, changed)) if changed else {}
        brought_up = _viewed(connection, view.picture, version, definitions)
        return replace(brought_up, changed={**view.changed, **news})


def _viewed(connection: Connection, picture: Picture, version: int, definitions: int) -> View:
    bases = connection.execute(select(legal_bases)).all()
    return View(
        picture=picture,
        version=version,
        definitions=definitions,
        bases=tuple(
            Basis(
                purpose=row.purpose,
                data_classes=DataClass(row.data_classes),
                begins_at=row.begins_at,
                ends_at=row.ends_at,
            )
            for row in bases
        ),
        list_reasons={
            name: Reason.COMPLIANCE_EXCLUSION if definition.secret else Reason.ON_EXCLUSION_LIST
            for name, definition in lists_in_force(connection).items()
            if definition.effect == "exclude"
        },
    )


def _stamp(connection: Connection) -> tuple[int, int]:
    # asked before every permit
    found = rows_of(connection, _STAMP)
    version, definitions = found[0] if found else (0, None)
    return int(version), int(definitions or 0)


def _changed_since(connection: Connection, version: int) -> set[int]:
    rows = connection.execute(select(register_changes.c.customer_id).where(register_changes.c.version > version))
    return set(rows.scalars())


def _facts(
    connection: Connection,
    customers: Int64s,
    query: Select[Any],
    party: Any,
    only: list[int] | None,
    *,
    order: str,
    codes: dict[str, int] | None = None,
) -> Facts:
    """Rows about parties as facts about their customers, by customer, moment and the order in which they came."""
    joined = query.add_columns(subjects.c.customer_id).join_from(party.table, subjects, subjects.c.party_id == party)
    columns = _read(connection, joined, only, codes)
    at = np.searchsorted(customers, columns.pop("customer_id"))
    moment = columns["acted_at"] if "acted_at" in columns else columns["added_at"]
    ranked = np.lexsort((columns.pop(order), moment, at))
    at = at[ranked]
    starts = np.searchsorted(at, np.arange(len(customers) + 1))
    return Facts(at=at, starts=starts, columns={name: values[ranked] for name, values in columns.items()})


def _read(
    connection: Connection, query: Select[Any], only: list[int] | None, codes: dict[str, int] | None = None
) -> dict[str, NDArray[Any]]:
    """Columns by name; `only` limits them to those customers. Made into arrays a part at a time: objects take room."""
    limited = query if only is None else query.where(subjects.c.customer_id.in_(only))
    rows = connection.execute(limited)
    names = list(rows.keys())
    parts = [
        [_column(name, values, codes) for name, values in zip(names, zip(*part, strict=True), strict=True)]
        for part in rows.partitions(_ROWS_AT_ONCE)
    ]
    if not parts:
        return {name: _column(name, (), codes) for name in names}
    return {name: np.concatenate([part[place] for part in parts]) for place, name in enumerate(names)}


def _column(name: str, values: Sequence[Any], codes: dict[str, int] | None) -> NDArray[Any]:
    match name:
        case "channel" | "tag" | "list_name" if codes is not None:
            return np.array([codes.setdefault(value, len(codes)) for value in values], dtype=np.int64)
        case "given" | "refused" | "by_guardian":
            return np.array(values, dtype=np.bool_)
        case "expires_at":
            return np.array([END_OF_TIME if value is None else value for value in values], dtype=np.int64)
        case "birth_date":
            return np.array(values, dtype="datetime64[D]").astype(np.int64)  # none becomes NEVER, as NaT is
        case _:
            return np.array(values, dtype=np.int64)


def _last_of_each(at: Int64s) -> Int64s:
    """Of an ascending column, the index of the last entry of each value."""
    return np.flatnonzero(np.append(at[1:] != at[:-1], True)) if len(at) else np.zeros(0, dtype=np.int64)

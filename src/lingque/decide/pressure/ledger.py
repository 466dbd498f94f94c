"""Reserving, committing and releasing, set-wise and singly, on both databases.

*Exact under concurrency.* SQLite has one writer at a time. On PostgreSQL whoever reserves or commits for a set of
customers first takes the locks of the shards that these customers lie in, always in the same order: two who want the
same customer come one after the other, two who do not may work side by side, and nobody waits in a circle. The locks
end with the transaction. Who does several things in one transaction calls `lock` first, for all customers concerned:
asking for shards bit by bit could be asking in another order, and PostgreSQL would then end one of the two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, TextClause, text

from lingque.catalog.definitions import CapDefinition
from lingque.core.clock import END_OF_TIME, Clock, Instant
from lingque.core.hashing import Int64s, bucket_of
from lingque.core.ids import CustomerId
from lingque.core.periods import Period
from lingque.core.registries import Purpose
from lingque.decide.contracts import PlannedContact
from lingque.decide.pressure.caps import ContactKind, ContactState, Now, caps_on, room, room_values, speaks_of
from lingque.govern.contracts import Flags
from lingque.store.straight import changed_by, rows_of

SHARDS = 64
_LOCK_CLASS = 0x11E96
PER_STATEMENT = 50_000
"""Customers of one statement: some megabytes of numbers, and a step that others can watch."""

_HELD = (
    f"(l.state = {ContactState.COMMITTED:d}"
    f" OR l.state = {ContactState.RESERVED:d} AND l.expires_at > :now)"
)  # fmt: skip
_EXPIRED = (
    # the last term is the one by which the databases know their index of what can expire
    f"state = {ContactState.RESERVED:d} AND expires_at <= :now AND expires_at < {END_OF_TIME:d}"
)


@dataclass(frozen=True, kw_only=True)
class ContactKeys:
    """Contacts by their key: one each of these customers, in one wave and step, or each in its own ((n,) arrays)."""

    customer_ids: Int64s
    wave_ids: Int64s | int
    steps: Int64s | int

    def __len__(self) -> int:
        return len(self.customer_ids)

    def at(self, rows: NDArray[np.intp]) -> ContactKeys:
        """Those keys only."""
        if isinstance(self.wave_ids, int) or isinstance(self.steps, int):
            return replace(self, customer_ids=self.customer_ids[rows])
        return ContactKeys(customer_ids=self.customer_ids[rows], wave_ids=self.wave_ids[rows], steps=self.steps[rows])


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Contacts of one kind, at most one with each customer. A reservation that is not committed before `expires_at` is
    none any more."""

    kind: ContactKind
    keys: ContactKeys
    expires_at: Instant = END_OF_TIME


def capped(
    connection: Connection, customer_ids: Int64s, kind: ContactKind, caps: Iterable[CapDefinition], now: Now
) -> Flags:
    """Per customer, in order: would one more contact of that kind exceed a cap now?"""
    return full(connection, customer_ids, caps_on(kind, caps), now)


def full(connection: Connection, customer_ids: Int64s, caps: tuple[CapDefinition, ...], now: Now) -> Flags:
    """Per customer, in order: would one more contact that counts against all of these caps exceed one now?"""
    if not caps:
        return np.zeros(len(customer_ids), dtype=np.bool_)

    def answer(part: ContactKeys) -> Flags:
        rows = rows_of(
            connection, _full(_asked(connection, part), caps), _values(connection, part) | room_values(caps, now)
        )
        if not rows:
            return np.zeros(len(part), dtype=np.bool_)
        return np.isin(part.customer_ids, np.array([row[0] for row in rows], dtype=np.int64))

    # of no wave: nobody asks for the key
    return _in_parts(ContactKeys(customer_ids=customer_ids, wave_ids=0, steps=0), answer)


@lru_cache(maxsize=256)
def _full(asked: str, caps: tuple[CapDefinition, ...]) -> str:
    return f"SELECT a.customer_id FROM ({asked}) a WHERE NOT {room(caps)}"


def reserve(
    connection: Connection,
    contacts: Iterable[PlannedContact],
    *,
    caps: Iterable[CapDefinition],
    now: Now,
    expires_at: Instant = END_OF_TIME,
) -> list[PlannedContact]:
    """Reserve contacts in their order, in the caller's transaction, and return those that a cap refuses.

    A contact that is reserved or made already is left as it is; one that was released, or has expired, is judged anew.
    Contacts are written down without caps too: a cap defined later counts them.
    """
    listed = list(contacts)
    rounds: dict[tuple[int, ContactKind], list[int]] = {}
    earlier: dict[CustomerId, int] = {}
    for row, contact in enumerate(listed):
        # several contacts of one customer count each other: each comes in a round of its own
        turn = earlier[contact.customer_id] = earlier.get(contact.customer_id, -1) + 1
        kind = ContactKind(channel=contact.channel, purpose=contact.purpose, topic=contact.topic)
        rounds.setdefault((turn, kind), []).append(row)
    lock(connection, np.array(list(earlier), dtype=np.int64))
    refused: set[int] = set()
    in_force = tuple(caps)
    for (_, kind), rows in sorted(rounds.items(), key=lambda entry: entry[0][0]):
        wanted = Wanted(kind=kind, keys=keys_of([listed[row] for row in rows]), expires_at=expires_at)
        flags = _reserve(connection, wanted, in_force, now)
        refused |= {row for row, flag in zip(rows, flags.tolist(), strict=True) if flag}
    return [contact for row, contact in enumerate(listed) if row in refused]


def keys_of(contacts: Sequence[PlannedContact]) -> ContactKeys:
    """Their keys, in their order."""
    ids = np.array([contact.customer_id for contact in contacts], dtype=np.int64)
    keys = {(contact.wave_id, contact.step) for contact in contacts}
    if len(keys) == 1:
        ((wave_id, step),) = keys
        return ContactKeys(customer_ids=ids, wave_ids=wave_id, steps=step)
    return ContactKeys(
        customer_ids=ids,
        wave_ids=np.array([contact.wave_id for contact in contacts], dtype=np.int64),
        steps=np.array([contact.step for contact in contacts], dtype=np.int64),
    )


def reserve_each(connection: Connection, wanted: Wanted, *, caps: Iterable[CapDefinition], now: Now) -> Flags:
    """Reserve each of these contacts, in the caller's transaction; true where a cap refuses. As `reserve`, for many."""
    lock(connection, wanted.keys.customer_ids)
    return _reserve(connection, wanted, tuple(caps), now)


def commit_each(connection: Connection, keys: ContactKeys, *, now: Instant) -> Flags:
    """The contacts are made: they count from now on. False where nothing is reserved (any more): it must not be made.

    What is committed already stays so and is true again.
    """
    lock(connection, keys.customer_ids)
    return _in_parts(keys, lambda part: _commit(connection, part, now))


def release_each(connection: Connection, keys: ContactKeys) -> None:
    """The contacts will not be made: they count no more. What was made stays made."""
    lock(connection, keys.customer_ids)

    def released(part: ContactKeys) -> Flags:
        statement = (
            f"UPDATE contact_ledger SET state = {ContactState.RELEASED:d} WHERE state = {ContactState.RESERVED:d}"
            f" AND (customer_id, wave_id, step) IN ({_asked(connection, part)})"
        )
        connection.execute(_text(statement), _values(connection, part))
        return np.ones(len(part), dtype=np.bool_)

    _in_parts(keys, released)


class ContactPressure:
    """Settles contacts one by one, for whoever makes them. A contact that was never reserved is left alone: it is
    older than the ledger."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def commit(self, connection: Connection, wave_id: int, customer_id: int, step: int) -> None:
        """It was made, or may have been: a fact, which counts from now on whatever was reserved."""
        connection.execute(
            _text(
                # a clock that was set back makes no contact older than its reservation
                f"UPDATE contact_ledger SET state = {ContactState.COMMITTED:d},"
                " at = CASE WHEN at < :now THEN :now ELSE at END WHERE customer_id = :customer AND wave_id = :wave"
                f" AND step = :step AND state <> {ContactState.COMMITTED:d}"
            ),
            {"customer": customer_id, "wave": wave_id, "step": step, "now": self._clock.now()},
        )

    def release(self, connection: Connection, wave_id: int, customer_id: int, step: int) -> None:
        """It will not be made: it counts no more. What was made stays made."""
        connection.execute(
            _text(
                f"UPDATE contact_ledger SET state = {ContactState.RELEASED:d} WHERE customer_id = :customer"
                f" AND wave_id = :wave AND step = :step AND state = {ContactState.RESERVED:d}"
            ),
            {"customer": customer_id, "wave": wave_id, "step": step},
        )


@dataclass(frozen=True, kw_only=True)
class CapUse:
    """How full a cap is for one customer. `frees_at`: from when on there is room for one more, if nothing else is
    reserved meanwhile; None where there is room now, or where that depends on a reservation that does not expire."""

    cap: CapDefinition
    used: int
    frees_at: Instant | None

    @property
    def full(self) -> bool:
        return self.used >= self.cap.at_most


def use_of(
    connection: Connection, customer_id: CustomerId, kind: ContactKind, caps: Iterable[CapDefinition], now: Now
) -> tuple[CapUse, ...]:
    """Every cap that a contact of that kind counts against, with what counts against it now."""
    counting = _text(
        f"SELECT channel, topic, purpose, state, at, expires_at FROM contact_ledger l WHERE customer_id = :customer"
        f" AND {_HELD}"
    )
    held = connection.execute(counting, {"customer": customer_id, "now": now.instant}).all()
    return tuple(_use(cap, held, now) for cap in caps_on(kind, caps))


def _use(cap: CapDefinition, held: Sequence[Any], now: Now) -> CapUse:
    period = Period.parse(cap.within)
    start = period.start(now.instant, now.calendar)
    ends: list[Instant] = []
    for row in held:
        if not speaks_of(cap, ContactKind(channel=row.channel, purpose=Purpose(row.purpose), topic=row.topic)):
            continue
        if row.state == ContactState.RESERVED:
            ends.append(Instant(row.expires_at))
        elif row.at >= start:
            ends.append(period.end(Instant(row.at), now.calendar))
    too_many = len(ends) - cap.at_most + 1
    frees_at = sorted(ends)[too_many - 1] if 0 < too_many <= len(ends) else None
    return CapUse(cap=cap, used=len(ends), frees_at=None if frees_at == END_OF_TIME else frees_at)


def lock(connection: Connection, customer_ids: Int64s) -> None:
    """Until the transaction ends nobody else reserves or commits sets of these customers."""
    if connection.dialect.name == "postgresql" and len(customer_ids):
        shards = np.unique(bucket_of(customer_ids, buckets=SHARDS)).tolist()
        connection.execute(
            _text("SELECT pg_advisory_xact_lock(:lock_class, shard) FROM unnest(CAST(:shards AS INTEGER[])) AS shard"),
            {"lock_class": _LOCK_CLASS, "shards": shards},
        )


def _reserve(connection: Connection, wanted: Wanted, caps: Sequence[CapDefinition], now: Now) -> Flags:
    """True where a cap refuses; the customers are locked."""
    mine = caps_on(wanted.kind, caps)
    _end_expired(connection, wanted.keys, now.instant)
    values = room_values(mine, now) | {
        "now": int(now.instant),
        "channel": wanted.kind.channel,
        "topic": wanted.kind.topic,
        "purpose": int(wanted.kind.purpose),
        "expires": int(wanted.expires_at),
    }

    def refused(part: ContactKeys) -> Flags:
        insertion = _insertion(_asked(connection, part), mine)
        if changed_by(connection, insertion, _values(connection, part) | values) == len(part):
            return np.zeros(len(part), dtype=np.bool_)
        return ~_held(connection, part, now.instant)

    return _in_parts(wanted.keys, refused)


@lru_cache(maxsize=256)
def _insertion(asked: str, caps: tuple[CapDefinition, ...]) -> str:
    return (
        "INSERT INTO contact_ledger"
        " (customer_id, wave_id, step, channel, topic, purpose, state, at, expires_at)"
        " SELECT a.customer_id, a.wave_id, a.step, CAST(:channel AS VARCHAR), CAST(:topic AS VARCHAR),"
        f" CAST(:purpose AS SMALLINT), {ContactState.RESERVED:d}, CAST(:now AS BIGINT), CAST(:expires AS BIGINT)"
        f" FROM ({asked}) a WHERE {room(caps)}"
        " ON CONFLICT (customer_id, wave_id, step) DO UPDATE SET channel = excluded.channel, topic = excluded.topic,"
        " purpose = excluded.purpose, state = excluded.state, at = excluded.at, expires_at = excluded.expires_at"
        f" WHERE contact_ledger.state = {ContactState.RELEASED:d}"
    )


def _end_expired(connection: Connection, keys: ContactKeys, now: Instant) -> None:
    """What has expired is released for good: a clock set back does not bring it to life again."""
    there_are = f"SELECT 1 FROM contact_ledger WHERE {_EXPIRED} LIMIT 1"
    if not rows_of(connection, there_are, {"now": now}):
        return

    def ended(part: ContactKeys) -> Flags:
        statement = (
            f"UPDATE contact_ledger SET state = {ContactState.RELEASED:d} WHERE {_EXPIRED}"
            f" AND customer_id IN (SELECT a.customer_id FROM ({_asked(connection, part)}) a)"
        )
        changed_by(connection, statement, _values(connection, part) | {"now": now})
        return np.ones(len(part), dtype=np.bool_)

    _in_parts(keys, ended)


def _commit(connection: Connection, part: ContactKeys, now: Instant) -> Flags:
    committed = (
        f"UPDATE contact_ledger SET state = {ContactState.COMMITTED:d}, at = CASE WHEN at < :now THEN :now ELSE at END"
        f" WHERE state = {ContactState.RESERVED:d} AND expires_at > :now"
        f" AND (customer_id, wave_id, step) IN ({_asked(connection, part)})"
    )
    values = _values(connection, part) | {"now": now}
    if connection.execute(_text(committed), values).rowcount == len(part):
        return np.ones(len(part), dtype=np.bool_)
    # what was reserved and has not expired is committed by now
    return _held(connection, part, now)


def _held(connection: Connection, part: ContactKeys, now: Instant) -> Flags:
    held = (
        f"SELECT a.customer_id, a.wave_id, a.step FROM ({_asked(connection, part)}) a WHERE EXISTS ("
        "SELECT 1 FROM contact_ledger l WHERE l.customer_id = a.customer_id AND l.wave_id = a.wave_id"
        f" AND l.step = a.step AND {_HELD})"
    )
    rows = connection.execute(_text(held), _values(connection, part) | {"now": now})
    if isinstance(part.wave_ids, int):
        return np.isin(part.customer_ids, np.array([row.customer_id for row in rows], dtype=np.int64))
    found = {tuple(row) for row in rows}
    flags: Flags = np.fromiter((key in found for key in _triples(part)), dtype=np.bool_, count=len(part))
    return flags


def _in_parts(keys: ContactKeys, answer: Callable[[ContactKeys], Flags]) -> Flags:
    """The answers in the keys' order, asked in the order of the table."""
    if len(keys) == 1:
        return answer(keys)
    flags: Flags = np.zeros(len(keys), dtype=np.bool_)
    order = np.argsort(keys.customer_ids, kind="stable")
    for start in range(0, len(order), PER_STATEMENT):
        rows = order[start : start + PER_STATEMENT]
        flags[rows] = answer(keys.at(rows))
    return flags


_OF_ONE_WAVE = {
    "sqlite": "SELECT value AS customer_id, :wave AS wave_id, :step AS step FROM json_each(:ids)",
    "postgresql": "SELECT unnest(CAST(:ids AS BIGINT[])) AS customer_id, CAST(:wave AS BIGINT) AS wave_id,"
    " CAST(:step AS SMALLINT) AS step",
}
_OF_MANY = {
    "sqlite": "SELECT json_extract(value, '$[0]') AS customer_id, json_extract(value, '$[1]') AS wave_id,"
    " json_extract(value, '$[2]') AS step FROM json_each(:ids)",
    "postgresql": "SELECT u.customer_id, u.wave_id, u.step FROM unnest(CAST(:ids AS BIGINT[]),"
    " CAST(:waves AS BIGINT[]), CAST(:steps AS SMALLINT[])) AS u (customer_id, wave_id, step)",
}
"""Keys as rows, out of a few parameters: a statement does not take a hundred thousand."""


def _asked(connection: Connection, keys: ContactKeys) -> str:
    return (_OF_ONE_WAVE if isinstance(keys.wave_ids, int) else _OF_MANY)[connection.dialect.name]


def _values(connection: Connection, keys: ContactKeys) -> dict[str, Any]:
    if isinstance(keys.wave_ids, int):
        return {"ids": _listed(connection, keys.customer_ids), "wave": keys.wave_ids, "step": keys.steps}
    if connection.dialect.name == "sqlite":
        return {"ids": f"[{','.join(f'[{c},{w},{s}]' for c, w, s in _triples(keys))}]"}
    columns = {"ids": keys.customer_ids, "waves": keys.wave_ids, "steps": np.asarray(keys.steps)}
    return {name: _listed(connection, column) for name, column in columns.items()}


def _triples(keys: ContactKeys) -> Iterator[tuple[int, int, int]]:
    shape = keys.customer_ids.shape
    columns = (keys.customer_ids, np.broadcast_to(keys.wave_ids, shape), np.broadcast_to(keys.steps, shape))
    return zip(*(column.tolist() for column in columns), strict=True)


def _listed(connection: Connection, numbers: Int64s) -> str:
    listed = ",".join(map(str, numbers.tolist()))
    return f"[{listed}]" if connection.dialect.name == "sqlite" else f"{{{listed}}}"


@lru_cache(maxsize=1024)
def _text(statement: str) -> TextClause:
    return text(statement)

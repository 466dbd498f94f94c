"""Asked and triggered decisions, written down before they are answered: one packed row each.

An entry holds what the log will say of every candidate, the context, and the live tags that were looked at; the menu,
which many decisions share, stands beside it once. Entries are moved to the data plane in batches (`flow.journaling`).
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from lingque.core.clock import Instant, datetime_of
from lingque.core.hashing import bucket_of, canonical_json, digest_of
from lingque.decide.contracts import DECISION_ORDER, NOTHING, OF_CONVERSION, OfConversion
from lingque.decide.decisions import Decisions
from lingque.decide.log import ARMS, VALUE_BASIS
from lingque.decide.menu import Menu
from lingque.decide.reason_bits import reasons_in
from lingque.decide.replay import Record, context_record
from lingque.decide.tables import contact_ledger, decision_journal, decision_menus
from lingque.govern.contracts import Erased, Person
from lingque.store.straight import execute_each, rows_of

_COLUMNS = tuple(
    (name, np.dtype(kind))
    for name, kind in (
        ("bits", "<u8"), ("response", "<f8"), ("basis", "<i1"), ("losses", "<i8"), ("fatigue", "<i8"),
        ("value", "<i8"), ("price", "<f8"),
    )
)  # fmt: skip
_PLURAL: dict[OfConversion, str] = {
    "margin": "margins",
    "conversion_cost": "conversion_costs",
    "expected_loss": "expected_losses",
}
"""What entries and their menus call the amounts of all candidates."""
_WIDTH = sum(kind.itemsize for _, kind in _COLUMNS)
_AS_THEY_ARE = frozenset({int, float, bool, type(None)})
_INSERTION = (
    "INSERT INTO decision_journal (entry_id, customer_id, decided_at, menu_id, packed)"
    " VALUES (:entry_id, :customer_id, :decided_at, :menu_id, :packed)"
)
_MENU = "SELECT menu_id FROM decision_menus WHERE menu_id = :menu_id"
_LAST = "SELECT seq FROM sqlite_sequence WHERE name = 'decision_journal'"
_NEXT = (
    "SELECT nextval(pg_get_serial_sequence('decision_journal', 'entry_id')) FROM generate_series(1, CAST(:n AS INT))"
)
_DAY = "day:"
"""How a tag that is a day stands in JSON; texts that begin so get one more of it."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One decision about one customer. `decision_id` names it for ever; `columns` has one value per candidate."""

    entry_id: int
    customer_id: int
    decided_at: Instant
    header: Mapping[str, Any]
    menu: Mapping[str, Any]
    columns: Mapping[str, NDArray[Any]]

    @property
    def decision_id(self) -> str:
        return f"{self.header['clock']}-{self.entry_id:024x}"

    @property
    def offer(self) -> str | None:
        """What was chosen."""
        chosen = self.header["chosen"]
        return None if chosen == NOTHING else str(self.menu["menu"][chosen]["offer"])

    def of_conversion(self, name: OfConversion) -> Sequence[int]:
        """Of each candidate: the customer's own where an offer has a tag of it, else those of the menu."""
        plural = _PLURAL[name]
        nothing = [0] * len(self.menu["menu"])  # an entry of an earlier version knows margins alone
        own: Sequence[int] = self.header.get(plural, self.menu.get(plural, nothing))
        return own

    @property
    def context(self) -> str:
        """What a replay needs besides the rows, as it stands in the log."""
        return canonical_json({**self.header, **self.menu})


class DecisionJournal:
    """Where decisions are written down. One may serve any number of threads."""

    def __init__(self) -> None:
        self._menus: WeakKeyDictionary[Menu, dict[tuple[str, ...], str]] = WeakKeyDictionary()

    def write(
        self,
        connection: Connection,
        decisions: Decisions,
        *,
        placement: str,
        closures: Mapping[str, str],
        tags: Sequence[Mapping[str, Any]],
        rows: Sequence[int] | None = None,
    ) -> list[int]:
        """Write the decisions down, in the caller's transaction, and return the entries' numbers. Answer after its
        commit.

        `placement` is what asked; `closures` name each offer as it is defined; `tags` what was looked at, per customer,
        the same tags of each. `rows`: of these customers only, by their places; their numbers come in that order.
        """
        places = list(range(len(decisions.requests)) if rows is None else rows)
        if not places:
            return []
        names = tuple(tags[places[0]])
        menu_id = self._menu_id(connection, decisions.menu, closures, names)
        shared = canonical_json(context_record(decisions) | {"placement": placement})
        numbers = _numbers(connection, len(places))
        entries = []
        owns = _own(decisions, places)
        for number, row, own, columns in zip(numbers, places, owns, _packed(decisions, places), strict=True):
            values = [tags[row][name] for name in names]
            own["tags"] = values if _AS_THEY_ARE.issuperset(map(type, values)) else list(map(_plain, values))
            # one object out of two: the first half is the same for all
            header = f"{shared[:-1]},{canonical_json(own)[1:]}\n".encode()
            entries.append(
                {
                    "entry_id": number,
                    "customer_id": int(decisions.requests.customer_ids[row]),
                    "decided_at": decisions.context.moment,
                    "menu_id": menu_id,
                    "packed": _compressed(header + columns),
                }
            )
        execute_each(connection, _INSERTION, entries)
        return numbers

    def _menu_id(self, connection: Connection, menu: Menu, closures: Mapping[str, str], names: tuple[str, ...]) -> str:
        ids = self._menus.setdefault(menu, {})
        known = ids.get(names)
        if known is None:
            known = ids[names] = digest_of(_menu_content(menu, closures, names))
        if not rows_of(connection, _MENU, {"menu_id": known}):
            # beside another who writes the same it stands once
            upsert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
            row = {"menu_id": known, "content": _menu_content(menu, closures, names)}
            connection.execute(upsert(decision_menus).values(row).on_conflict_do_nothing())
        return known


def entries(
    connection: Connection,
    *,
    customers: Iterable[int] | None = None,
    entry_id: int | None = None,
    most: int | None = None,
) -> list[Entry]:
    """What has not been moved yet, oldest first: of some customers, the first so many, or one by its number."""
    journal = decision_journal.c
    wanted = select(decision_journal).order_by(journal.entry_id)
    if customers is not None:
        wanted = wanted.where(journal.customer_id.in_(list(customers)))
    if entry_id is not None:
        wanted = wanted.where(journal.entry_id == entry_id)
    rows = connection.execute(wanted if most is None else wanted.limit(most)).all()
    named = {row.menu_id for row in rows}
    menus = select(decision_menus).where(decision_menus.c.menu_id.in_(named))
    contents = {menu.menu_id: menu.content for menu in connection.execute(menus)}
    return [_entry(row, contents[row.menu_id]) for row in rows]


def drop(connection: Connection, moved: Sequence[Entry]) -> int:
    """Delete entries that were moved, if all are still there; how many are."""
    numbers = {entry.entry_id for entry in moved}
    there = decision_journal.c.entry_id.between(min(numbers), max(numbers))
    known = set(connection.execute(select(decision_journal.c.entry_id).where(there)).scalars())
    if known != numbers:
        return len(known & numbers)
    return connection.execute(delete(decision_journal).where(there)).rowcount


def log_rows(found: Sequence[Entry], *, buckets: int) -> pa.Table:
    """The entries as rows of the decision log, in its order; `context` holds what the log of a wave keeps once."""
    counts = [len(entry.columns["value"]) for entry in found]
    customers = np.repeat(np.array([entry.customer_id for entry in found], dtype=np.int64), counts)
    sized = list(zip(found, counts, strict=True))
    chosen = [number == entry.header["chosen"] for entry, count in sized for number in range(count)]
    owners = [entry for entry, count in sized for _ in range(count)]
    pairs = list(zip(chosen, owners, strict=True))
    terms = [one for entry in found for one in entry.menu["menu"]]

    def each(values: Iterable[Any], kind: pa.DataType) -> pa.Array:
        return pa.array(list(values), kind).take(pa.array(np.repeat(np.arange(len(found)), counts)))

    def joined(name: str, kind: pa.DataType) -> pa.Array:
        parts = [entry.columns[name] for entry in found]
        return pa.array(np.concatenate(parts) if parts else np.empty(0), kind)

    def listed(values: Iterable[Any], kind: pa.DataType) -> pa.Array:
        return pa.array(list(values), kind)

    log = pa.table(
        {
            "customer_id": pa.array(customers, pa.int64()),
            "bucket": pa.array(bucket_of(customers, buckets=buckets), pa.int32()),
            "plan": each((entry.decision_id for entry in found), pa.string()),
            "campaign": each((entry.header["placement"] for entry in found), pa.string()),
            "phase": each(("once" for _ in found), pa.string()),
            "clock": each((entry.header["clock"] for entry in found), pa.string()),
            "offer": listed((one["offer"] for one in terms), pa.string()),
            "channel": listed((one["channel"] for one in terms), pa.string()),
            "arm": listed((ARMS[mine * (1 + one.header["held_out"])] for mine, one in pairs), pa.string()),
            "reasons": listed(
                (reasons_in(int(bits)) for entry in found for bits in entry.columns["bits"]), pa.list_(pa.int16())
            ),
            "probability": listed((one.header["probability"] if mine else 1.0 for mine, one in pairs), pa.float64()),
            "propensity": listed((one.header["propensity"] if mine else None for mine, one in pairs), pa.float64()),
            "response": joined("response", pa.float64()),
            "value_basis": listed((VALUE_BASIS[one] for entry in found for one in entry.columns["basis"]), pa.string()),
            "cost": listed((one["cost"] for one in terms), pa.int64()),
            "losses": joined("losses", pa.int64()),
            "fatigue": joined("fatigue", pa.int64()),
            "value": joined("value", pa.int64()),
            "price": joined("price", pa.float64()),
            "repaired": listed((mine and one.header["repaired"] for mine, one in pairs), pa.bool_()),
            "as_of": each((date.fromisoformat(entry.header["as_of"]) for entry in found), pa.date32()),
            "decided_at": each((entry.decided_at for entry in found), pa.int64()),
            "context": each((entry.context for entry in found), pa.string()),
        }
    )
    for name in OF_CONVERSION:
        amounts = listed((amount for entry in found for amount in entry.of_conversion(name)), pa.int64())
        log = log.append_column(name, amounts)
    return log.take(pc.sort_indices(log, [(name, "ascending") for name in DECISION_ORDER])).combine_chunks()


def tags_in(context: Record) -> dict[str, Any]:
    """The live tags that the decision looked at, as they were."""
    return {name: _value(value) for name, value in context["tags"].items()}


class JournalRows:
    """What `decide` keeps of contacts and of decisions that have not been moved: it goes with the customer. Where a law
    keeps decisions (`held`) it keeps these too, by surrogate."""

    def __init__(self, *, held: bool) -> None:
        self._held = held

    def erase(self, connection: Connection, person: Person) -> Erased:
        ledger = delete(contact_ledger).where(contact_ledger.c.customer_id.in_(person.ids))
        gone = {"contact_ledger": connection.execute(ledger).rowcount}
        mine = decision_journal.c.customer_id.in_(person.ids)
        if self._held:
            counted = select(func.count()).select_from(decision_journal).where(mine)
            return Erased(gone=gone, kept={"decision_journal": int(connection.execute(counted).scalar_one())})
        entries_gone = connection.execute(delete(decision_journal).where(mine)).rowcount
        return Erased(gone=gone | {"decision_journal": entries_gone}, kept={})

    def disclose(self, connection: Connection, person: Person) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        return {
            "decisions_on_request": [
                {
                    "placement": entry.header["placement"],
                    "decided_at": datetime_of(entry.decided_at).isoformat(),
                    "offer": entry.offer,
                    "held_out": entry.header["held_out"],
                    "looked_at": {name: _shown(value) for name, value in tags_in(dict(entry.header)).items()},
                }
                for entry in entries(connection, customers=person.ids)
            ]
        }


def _menu_content(menu: Menu, closures: Mapping[str, str], tags: Sequence[str]) -> dict[str, Any]:
    return {
        "menu": [{"offer": one.offer.name, **asdict(one.terms)} for one in menu.candidates],
        "margins": menu.margin[menu.offer_of].tolist(),
        "conversion_costs": menu.conversion_cost[menu.offer_of].tolist(),
        "expected_losses": menu.stated_loss[menu.offer_of].tolist(),
        "closures": {name: closures[name] for name in menu.names},
        "tags": list(tags),
    }


def _numbers(connection: Connection, count: int) -> list[int]:
    """So many numbers that no entry has or had. SQLite has one writer, who finds the last one; PostgreSQL hands out."""
    if connection.dialect.name == "postgresql":
        return [int(number) for (number,) in rows_of(connection, _NEXT, {"n": count})]
    last = sum(int(number) for (number,) in rows_of(connection, _LAST))
    return list(range(last + 1, last + 1 + count))


def _own(decisions: Decisions, rows: Sequence[int]) -> list[dict[str, Any]]:
    """What an entry says of its customer alone, but for the tags; their names stand with the menu."""
    columns = {
        name: getattr(decisions, name)[rows].tolist()
        for name in ("chosen", "held_out", "propensity", "probability", "repaired")
    }
    owns: list[dict[str, Any]] = [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]
    for name in OF_CONVERSION:
        if decisions.judgement.varies(name):
            amounts = decisions.judgement.of_conversion(name, decisions.menu.every)[:, rows].T.tolist()
            for own, mine in zip(owns, amounts, strict=True):
                own[_PLURAL[name]] = mine
    return owns


def _packed(decisions: Decisions, rows: Sequence[int]) -> list[bytes]:
    """The columns of these customers, each as one text of bytes."""
    values = decisions.judgement.values()
    columns: dict[str, NDArray[Any]] = {
        "bits": decisions.reasons(),
        "response": values.response,
        "basis": decisions.judgement.scores.basis[decisions.menu.offer_of],
        "losses": values.losses,
        "fatigue": values.fatigue,
        "value": values.value,
        "price": decisions.price[:, None],
    }
    count, start = len(decisions.menu), 0
    packed = np.empty((len(decisions.requests), count * _WIDTH), dtype=np.uint8)
    for name, kind in _COLUMNS:
        stop = start + count * kind.itemsize
        packed[:, start:stop].view(kind)[...] = columns[name].T
        start = stop
    return [packed[row].tobytes() for row in rows]


def _compressed(content: bytes) -> bytes:
    """As `zlib.decompress` reads it. By a small window: the usual one takes longer to set up, a quarter of a megabyte,
    than to press a few kilobytes."""
    press = zlib.compressobj(1, zlib.DEFLATED, 13, 6)
    return press.compress(content) + press.flush()


def _entry(row: Any, menu: Mapping[str, Any]) -> Entry:
    header, _, body = zlib.decompress(row.packed).partition(b"\n")
    count, columns, start = len(menu["menu"]), {}, 0
    for name, kind in _COLUMNS:
        columns[name] = np.frombuffer(body, dtype=kind, count=count, offset=start)
        start += count * kind.itemsize
    told: dict[str, Any] = json.loads(header)
    if "tags" in menu:  # an entry of an earlier version has the names with the values
        told["tags"] = dict(zip(menu["tags"], told["tags"], strict=True))
    return Entry(
        entry_id=row.entry_id,
        customer_id=row.customer_id,
        decided_at=Instant(row.decided_at),
        header=told,
        menu={name: content for name, content in menu.items() if name != "tags"},
        columns=columns,
    )


def _shown(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return f"{_DAY}{value.isoformat()}"
    return f"{_DAY}{value}" if isinstance(value, str) and value.startswith(_DAY) else value


def _value(value: Any) -> Any:
    if not isinstance(value, str) or not value.startswith(_DAY):
        return value
    text = value.removeprefix(_DAY)
    return text if text.startswith(_DAY) else date.fromisoformat(text)

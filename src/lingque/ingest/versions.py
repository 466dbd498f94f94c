"""States as versions (拉链表): what holds is kept as one row per change (docs/adr/0017-states-are-versions.md).

At a moment holds, per key, the version with the greatest `(valid_from, known_at)` among those with `valid_from` before
the moment and `known_at` not after what is known by; where that has `ended`, the key stands for nothing.

A slice has the versions that one data date brought: the difference to the state known from the slices before it. A day
that is delivered late or again therefore changes its own slice and, for the keys of which it now says something else,
those after it, so that from the next full delivery on everything is as it was. All of them are committed at once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta

import pyarrow as pa

from lingque.catalog.definitions import Column, DataContract
from lingque.catalog.expressions.to_sql import quote
from lingque.core.clock import BusinessCalendar, Instant
from lingque.core.hashing import digest_of
from lingque.ingest.checks import row_key_sql
from lingque.warehouse.engine import Session
from lingque.warehouse.statements import statements
from lingque.warehouse.tables import SortedFile

SQL = statements("lingque.ingest")
HISTORY = "all"
"""The slice of a contract whose every delivery brings all versions; also of what the first landing wrote."""
_TYPES = {
    "text": "VARCHAR",
    "integer": "BIGINT",
    "money": "BIGINT",
    "number": "DOUBLE",
    "date": "DATE",
    "boolean": "BOOLEAN",
}
_ORDER = ("bucket", "customer_id", "valid_from", "row_key")


class Versions:
    """One delivery of a contract that holds, turned into slices.

    `session` reads files and is not sealed. `delivered` has one row per key: `_key` (its surrogate), `_held` (a struct
    of `party_id` and the stored columns), `customer_id`, `bucket`, `valid_from`, `valid_to` (NULL: open), `ended`;
    times are instants.
    """

    def __init__(self, session: Session, contract: DataContract, calendar: BusinessCalendar, *, salt: str) -> None:
        self._session = session
        self._contract = contract
        self._calendar = calendar
        self._salt = digest_of([salt, contract.contract])[:32]
        self._key = "party_id" if contract.kind == "party" else contract.with_role("key")[0]

    def slices(
        self,
        delivered: SortedFile,
        day: date,
        *,
        version: int | None,
        present: Sequence[str],
        loaded: Collection[date],
    ) -> dict[str, SortedFile | pa.Table]:
        """Every slice that the delivery of that day writes, its own first.

        `present` are the slices of the table's `version`. `loaded` are the data dates that were loaded before: one on
        which nothing changed has no slice, and yet said what holds.
        """
        self._session.add_file("_delivered", delivered)
        if self._contract.with_role("valid_to"):
            self._add_history(day)
            return {HISTORY: self._written(f"{_FRESH} FROM _versions"), **self._emptied(present, but=HISTORY)}
        self._add_stored(version)
        self._add_day(day)
        own = day.isoformat()
        written: dict[str, SortedFile | pa.Table] = {own: self._written(f"{_FRESH} FROM _versions")}
        self._add_later(day, {one for one in loaded if one > day})
        rewritten = self._days(SQL["rewritten_days"].sql, {"day": day})
        if HISTORY in present:  # of the first landing: its rows go where their day is
            rewritten |= self._days(f"SELECT DISTINCT data_date FROM _stored WHERE data_date <> DATE '{own}'")
            written |= self._emptied([HISTORY])
        for other in sorted(rewritten):
            kept = f"{_FRESH} FROM _stored ANTI JOIN _touched ON _touched._key = _stored._key"
            mended = f"{_FRESH} FROM _rewritten"
            where = f"WHERE data_date = DATE '{other.isoformat()}'"
            written[other.isoformat()] = self._written(f"{kept} {where} UNION ALL {mended} {where}")
        return written

    def _add_stored(self, version: int | None) -> None:
        """The versions that are there, whatever columns the contract had when they were written."""
        table = self._contract.contract
        if version is None:
            there: list[str] = []
            source = "(SELECT 0 AS none) AS nothing WHERE FALSE"
        else:
            self._session.add_versions({table: version})
            there = self._session.columns(table)
            source = quote(table)

        def column(name: str, kind: str) -> str:
            return f"CAST({quote(name) if name in there else 'NULL'} AS {kind})"

        held = {"party_id": "BIGINT"} | {name: _type(one) for name, one in self._contract.stored.items()}
        self._session.add_view(
            "_stored",
            f"SELECT {column(self._key, 'BIGINT')} AS _key, "
            f"{{{', '.join(f'{quote(name)}: {column(name, kind)}' for name, kind in held.items())}}} AS _held, "
            f"{column('customer_id', 'BIGINT')} AS customer_id, {column('bucket', 'INTEGER')} AS bucket, "
            f"{column('valid_from', 'BIGINT')} AS valid_from, {column('known_at', 'BIGINT')} AS known_at, "
            f"COALESCE({column('ended', 'BOOLEAN')}, FALSE) AS ended, {column('data_date', 'DATE')} AS data_date "
            f"FROM {source}",
        )

    def _add_day(self, day: date) -> None:
        """`_before`, `_told` and `_versions`: the state before, what the day says to it, and that as versions."""
        at = {"day": day, "starts": self._calendar.start_of(day)}
        self._session.add_relation("_before", SQL["state_before"].sql, {"day": day})
        if self._is_full:
            self._session.add_relation("_told", SQL["told_by_full"].sql, {"starts": at["starts"]})
        else:
            self._session.add_relation("_told", SQL["told_by_delta"].sql)
        self._session.add_relation("_chain", SQL["chain_of_day"].sql, at)
        self._add_versions("_versions")

    def _add_later(self, day: date, later: set[date]) -> None:
        """`_touched` and `_rewritten`: the keys of which later slices must say something else, and what they say."""
        self._session.add_relation("_touched", SQL["touched_keys"].sql, {"day": day})
        if not later or not self._session.ask("SELECT _key FROM _touched LIMIT 1").num_rows:
            self._session.add_relation("_touched", "SELECT * FROM _touched WHERE FALSE")
            self._session.add_relation("_rewritten", "SELECT * FROM _versions WHERE FALSE")
            return
        following = min(later)
        starts = [self._calendar.start_of(one) for one in sorted(later)]
        days = {"data_date": pa.array(sorted(later), pa.date32()), "starts_at": pa.array(starts, pa.int64())}
        self._session.add_arrow("_days", pa.table(days))
        self._session.add_relation("_began", SQL["began"].sql)
        self._session.add_relation("_after", SQL["state_after"].sql, {"next_day": following})
        self._session.add_relation(
            "_chain",
            SQL["chain_of_touched"].sql,
            {
                "day": day,
                "starts": self._calendar.start_of(day),
                "next_day": following,
                "next_starts": self._calendar.start_of(following),
                "is_full": self._is_full,
            },
        )
        self._add_versions("_rewritten", after=day)

    def _add_versions(self, name: str, *, after: date | None = None) -> None:
        self._add_moments("SELECT starts_at AS at FROM _chain UNION SELECT LEAST(own_from, starts_at) FROM _chain")
        later = f" AND data_date > DATE '{after.isoformat()}'" if after else ""
        versions = f"SELECT * FROM ({SQL['versions'].sql}) AS versions WHERE NOT is_before{later}"
        self._session.add_relation(name, versions, {"is_full": self._is_full})

    def _add_history(self, day: date) -> None:
        self._session.add_relation("_history", SQL["versions_of_history"].sql)
        self._add_moments("SELECT DISTINCT valid_from AS at FROM _history")
        self._session.add_relation(
            "_versions",
            f"SELECT _history.*, DATE '{day.isoformat()}' AS data_date, _moments.known_at "
            "FROM _history JOIN _moments ON _moments.instant = _history.valid_from",
        )

    def _add_moments(self, asked: str) -> None:
        """When what was told at an instant is known: at the beginning of its day, the contract's lag later."""
        instants = self._session.ask(asked).column("at").to_pylist()
        lag = timedelta(days=self._contract.known_after_days)
        known = [self._calendar.start_of(self._calendar.day_of(Instant(at)) + lag) for at in instants]
        columns = {"instant": pa.array(instants, pa.int64()), "known_at": pa.array(known, pa.int64())}
        self._session.add_arrow("_moments", pa.table(columns))

    def _written(self, rows: str) -> SortedFile:
        key = "" if self._key == "party_id" else f"_key AS {quote(self._key)}, "
        row_key = row_key_sql("$salt", "_key || '/' || valid_from")
        sql = (
            f"SELECT {row_key} AS row_key, {key}_held.*, customer_id, bucket, valid_from, known_at, ended, data_date "
            f"FROM ({rows}) AS fresh"
        )
        return self._session.write_sorted(sql, _ORDER, {"salt": self._salt})

    def _emptied(self, names: Sequence[str], *, but: str = "") -> Mapping[str, pa.Table]:
        nothing = pa.table({n: pa.array([], pa.int32() if n == "bucket" else pa.int64()) for n in _ORDER})
        return {name: nothing for name in names if name != but}

    def _days(self, sql: str, parameters: Mapping[str, date] | None = None) -> set[date]:
        return set(self._session.ask(sql, parameters).column("data_date").to_pylist())

    @property
    def _is_full(self) -> bool:
        return self._contract.load == "full"


def _type(column: Column) -> str:
    return "BIGINT" if column.role == "reference" else _TYPES[column.type]


_FRESH = "SELECT _key, _held, customer_id, bucket, valid_from, known_at, ended, data_date"

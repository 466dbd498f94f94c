"""The data-plane half of an ingest: read the files, map them, judge every row, shape the accepted ones.

Text is held once, as it was read, or where `one_pass` can judge rows while they are read not at all. One pass makes the
relation `typed` with one flag per row; everything that concerns bad, repeated or unknown rows only looks at those.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import sqlglot
from sqlglot import exp

from lingque.catalog.definitions import Column, DataContract
from lingque.catalog.expressions.to_sql import quote
from lingque.core.clock import BusinessCalendar, Instant
from lingque.core.errors import SourceError, nearest
from lingque.core.hashing import Int64s, bucket_of, digest_of
from lingque.core.reasons import Reason
from lingque.ingest.checks import SEPARATOR, Checks, as_text, checks_of
from lingque.ingest.corrections import NO_CORRECTIONS, Overlay
from lingque.ingest.files import Delivery
from lingque.ingest.one_pass import judged_in_one_pass
from lingque.ingest.quality import Observed, filled
from lingque.ingest.quarantine import BadRow
from lingque.ingest.reading import read_delivery
from lingque.warehouse.engine import Session
from lingque.warehouse.statements import statements
from lingque.warehouse.tables import SortedFile

SQL = statements("lingque.ingest")
FOR_EVER = "9999-12-31"
"""How banks write the end of what has none."""
_OTHER_DELIMITERS = re.compile(r"[,;|\t]")
_SURROGATE = pa.schema([("key", pa.string()), ("surrogate", pa.int64())])
_KEYS_AT_ONCE = 1 << 24
_NEVER = date(9999, 12, 31)
_ALWAYS = ("row_key", "party_id", "event_time", "known_at", "data_date", "customer_id", "bucket")
_NO_FAULTS = "SELECT CAST(NULL AS BIGINT) AS _id, CAST(NULL AS INTEGER) AS _number WHERE FALSE"


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How a delivery's rows were judged."""

    read: int
    accepted: int
    repeated: int
    quarantined: int
    dismissed: int
    reasons: dict[str, int]


class Load:
    """One delivery on its way; the methods are called in the order in which they stand."""

    def __init__(
        self,
        session: Session,
        delivery: Delivery,
        contract: DataContract,
        calendar: BusinessCalendar,
        overlay: Overlay = NO_CORRECTIONS,
    ) -> None:
        self._session = session
        self._delivery = delivery
        self._contract = contract
        self._calendar = calendar
        self._overlay = overlay
        self._dismissed = 0
        self._row = "_typed._row"
        self._checks: Checks = checks_of(contract)
        self._keys: dict[str, list[str]] = {}
        self._references = [
            (name, column)
            for name, column in contract.columns.items()
            if column.role == "reference" or (column.role == "party" and contract.kind != "party")
        ]
        # the rules that only the whole delivery shows; their numbers follow those of the checks
        self._later = [
            *((name, Reason.UNKNOWN_REFERENCE) for name, _ in self._references),
            (contract.with_role("key")[0], Reason.DUPLICATE_KEY),
            *((name, Reason.VALUE_NOT_ALLOWED) for name in contract.with_role("valid_to")),
        ]

    def read_and_check(self, *, salt: str) -> None:
        """Read every file, run the mapping, apply the contract's rules. Raises `SourceError`.

        `salt` is the vault's for row keys.
        """
        source = self._delivery.source
        # 128 bits of the salt are enough for a row key, and with them most keys fit into one block of the digest
        salted = {"salt": digest_of([salt, self._contract.contract])[:32]}
        if judged_in_one_pass(self._session, self._delivery, self._contract, self._overlay, self._checks.sql, salted):
            self._row = "_typed.rowid + 1"
            return
        read_delivery(self._session, self._delivery, self._calendar)
        self._session.seal()  # from here on only the bank's own mapping runs: it reaches no file
        try:
            mapping, self._dismissed = self._overlay.laid_over(self._session, source.mapping_sql.strip().rstrip(";"))
            self._session.add_view("_mapped", mapping)
            self._session.add_relation("_typed", self._checks.sql, salted)
        except duckdb.BinderException as error:
            raise self._unmapped(error) from error
        except duckdb.OutOfMemoryException:
            raise
        except duckdb.Error as error:
            raise SourceError(
                f"{source.mapping} failed: {type(error).__name__}",  # the message itself may repeat values
                next_step="use TRY_CAST and NULLIF in the mapping; the contract's rules then name the bad rows",
            ) from None

    def keys_referred_to(self) -> dict[str, list[str]]:
        """Per column that refers to a party or to another table: the distinct source keys in it."""
        for name, _ in self._references:
            distinct = f"SELECT DISTINCT {quote(name)} AS key FROM _typed WHERE {quote(name)} IS NOT NULL"
            self._keys[name] = self._session.ask(distinct).column("key").to_pylist()
        return self._keys

    def place(self, surrogates: Mapping[str, Mapping[str, int]]) -> Counts:
        """Judge every row, with the surrogates of what it refers to."""
        self._add_unknown(surrogates)
        self._add_repeated()
        self._add_overlapping()
        self._session.add_relation("_faulty", SQL["faulty_rows"].sql)
        self._session.add_relation("_bad", self._bad())
        self._session.add_relation("_dropped", "SELECT _id FROM _faulty UNION SELECT _id FROM _repeats")
        self._session.add_view("good", SQL["good_rows"].sql)
        row = self._session.ask(SQL["counts"].sql).to_pylist()[0]
        reasons = Counter(f"{column}: {reason.name}" for bad in self.bad_rows() for column, reason in bad.reasons)
        return Counts(
            read=row["read_rows"] + self._dismissed,
            accepted=row["read_rows"] - row["repeated_rows"] - row["quarantined_rows"],
            repeated=row["repeated_rows"],
            quarantined=row["quarantined_rows"],
            dismissed=self._dismissed,
            reasons=dict(sorted(reasons.items())),
        )

    def observed(self, counts: Counts) -> Observed:
        """What its quality is judged by."""
        return Observed(
            read=counts.read,
            accepted=counts.accepted,
            repeated=counts.repeated,
            quarantined=counts.quarantined,
            dismissed=counts.dismissed,
            filled=filled(self._session, self._contract),
        )

    def bad_rows(self) -> list[BadRow]:
        """The rows for the quarantine."""
        rules = [(rule.column, rule.reason) for rule in self._checks.rules] + self._later
        return [
            BadRow(
                file=row["_file"],
                row=row["_row"],
                reasons=tuple(
                    rules[int(n)] for n in [*(row["_broken"] or "").split(","), *(row["_numbers"] or [])] if n != ""
                ),
                content=row["_content"],
            )
            for row in self._session.ask("SELECT * FROM _bad ORDER BY _file, _row").to_pylist()
        ]

    def good_keys(self) -> list[str]:
        """The source keys of the accepted rows, each once."""
        return [str(key) for key in self._session.ask(f"SELECT DISTINCT {self._key} FROM good").column(0).to_pylist()]

    def good_rows(self) -> list[dict[str, Any]]:
        """The accepted rows as they are, identifiers included: for the vault and the registers only.

        `_key` is the source's key; `_id_…` the surrogate of each reference.
        """
        columns = "".join(f", _ref_{name}.surrogate AS {quote('_id_' + name)}" for name, _ in self._references)
        rows: list[dict[str, Any]] = self._session.ask(
            f"SELECT good.*, good.{self._key} AS _key{columns} FROM good {self._joined()}"
        ).to_pylist()
        return rows

    def happened(self, *, customer_of: Mapping[int, int], buckets: int) -> SortedFile:
        """The accepted events as the data plane keeps them, in its order."""
        (time,) = self._contract.with_role("event_time")
        (party,) = self._contract.with_role("party")
        self._add_customers(f"SELECT surrogate AS party_id FROM _ref_{party}", customer_of, buckets)
        joins, happened_at, known_at = self._in_time(time)
        for told in self._contract.with_role("known_at"):  # a day on which something became known is over then
            more, told_at, _ = self._in_time(told, after=timedelta(days=1))
            joins, known_at = f"{joins} {more}", f"COALESCE({told_at}, {known_at})"
        stored = "".join(f", {value} AS {quote(name)}" for name, value in self._stored().items())
        sql = f"""
SELECT * EXCLUDE (_place) FROM (
    SELECT good._row_key AS row_key, _customers.party_id, {happened_at} AS event_time, {known_at} AS known_at,
        DATE '{self._delivery.data_date.isoformat()}' AS data_date{stored},
        _customers.customer_id, _customers.bucket, _customers._place
    FROM good {self._joined()} JOIN _customers ON _customers.party_id = _ref_{party}.surrogate {joins}
) AS happened"""
        required = [n for n, c in self._contract.stored.items() if c.is_required and c.role != "reference"]
        return self._session.write_sorted(sql, ("_place", "event_time", "row_key"), required=[*_ALWAYS, *required])

    def holding(self, own: Mapping[str, int], *, customer_of: Mapping[int, int], buckets: int) -> SortedFile:
        """What the accepted rows say holds, for `lingque.ingest.versions`; `own` are the surrogates of their keys."""
        contract = self._contract
        self._add_surrogates("_own", own)
        party = "0" if contract.kind == "reference" else "_own.surrogate"
        for name in contract.with_role("party"):
            party = f"_ref_{name}.surrogate"
        source = f"FROM good JOIN _own ON _own.key = good.{self._key} {self._joined()}"
        self._add_customers(f"SELECT CAST({party} AS BIGINT) AS party_id {source}", customer_of, buckets)
        joins, valid_from, _ = self._in_time(contract.with_role("valid_from")[0])
        valid_to = "NULL"
        for name in contract.with_role("valid_to"):
            more, ends_at, _ = self._in_time(name)
            joins = f"{joins} {more}"
            valid_to = f"CASE WHEN good.{quote(name)} < DATE '{FOR_EVER}' THEN {ends_at} END"
        ended = "".join(f"COALESCE(good.{quote(name)}, FALSE)" for name in contract.with_role("deleted")) or "FALSE"
        held = "".join(f", {quote(name)}: {value}" for name, value in self._stored().items())
        sql = f"""
SELECT _own.surrogate AS _key, {{'party_id': CAST({party} AS BIGINT){held}}} AS _held,
    _customers.customer_id, _customers.bucket, {valid_from} AS valid_from, CAST({valid_to} AS BIGINT) AS valid_to,
    {ended} AS ended
{source} JOIN _customers ON _customers.party_id = {party} {joins}"""
        return self._session.write_sorted(sql, ("_key",))

    def _add_unknown(self, surrogates: Mapping[str, Mapping[str, int]]) -> None:
        """Rows that refer to what was never delivered. Most deliveries have none, as their few distinct keys show."""
        parts = [_NO_FAULTS]
        for position, (name, _) in enumerate(self._references):
            self._add_surrogates(f"_ref_{name}", surrogates[name])
            unknown = [key for key in self._keys[name] if key not in surrogates[name]]
            if unknown:
                self._add_surrogates(f"_unknown_{name}", dict.fromkeys(unknown, 0))
                parts.append(
                    f"SELECT _typed.rowid AS _id, {len(self._checks.rules) + position} AS _number FROM _typed "
                    f"JOIN _unknown_{name} ON _unknown_{name}.key = _typed.{quote(name)}"
                )
        self._session.add_relation("_faults", " UNION ALL ".join(parts))

    def _add_repeated(self) -> None:
        """Rows whose key stands in the delivery more than once: repeated word for word, or of two contents."""
        self._session.add_arrow("_suspect_keys", pa.table({"_row_key": pa.array(self._suspect_keys(), pa.int64())}))
        identity = " || chr(31) || ".join(as_text(name, self._contract.columns[name]) for name in self._checks.identity)
        self._session.add_relation(
            "_suspects",
            f"SELECT rowid AS _id, _file, {self._row} AS _row, {identity} AS _identity, {self._content()} AS _content "
            "FROM _typed SEMI JOIN _suspect_keys ON _suspect_keys._row_key = _typed._row_key "
            "WHERE _broken IS NULL AND rowid NOT IN (SELECT _id FROM _faults)",
        )
        self._session.add_relation("_clash", SQL["keys_of_two_contents"].sql)
        self._session.add_relation("_repeats", SQL["repeated_rows"].sql)
        self._add_faults(SQL["clashing_rows"].sql, len(self._checks.rules) + len(self._references))

    def _suspect_keys(self) -> Int64s:
        """Row keys that more than one unbroken row has, a part of all keys at a time so that memory stays bounded."""
        rows: int = self._session.ask("SELECT count(*) AS n FROM _typed").column("n")[0].as_py()
        parts = rows // _KEYS_AT_ONCE + 1
        found: list[Int64s] = []
        for part in range(parts):
            first, after = (2**63 * n // parts for n in (part, part + 1))
            keys = self._session.ask(
                f"SELECT _row_key FROM _typed WHERE _broken IS NULL AND _row_key BETWEEN {first} AND {after - 1}"
            )
            ordered = np.sort(keys.column(0).to_numpy())
            found.append(np.unique(ordered[1:][ordered[1:] == ordered[:-1]]))
        return np.concatenate(found)

    def _add_overlapping(self) -> None:
        """Of a history: intervals of one key that overlap. Neither of two can be believed."""
        for ends in self._contract.with_role("valid_to"):
            (begins,) = self._contract.with_role("valid_from")
            self._session.add_relation(
                "_intervals",
                f"SELECT rowid AS _id, {self._key} AS _key, {quote(begins)} AS _begins, "
                f"COALESCE({quote(ends)}, DATE '{FOR_EVER}') AS _ends FROM _typed "
                "WHERE _broken IS NULL AND rowid NOT IN (SELECT _id FROM _faults UNION ALL SELECT _id FROM _repeats)",
            )
            self._add_faults(SQL["overlapping_rows"].sql, len(self._checks.rules) + len(self._references) + 1)

    def _add_faults(self, rows: str, number: int) -> None:
        added = f"SELECT _id, {number} AS _number FROM ({rows}) AS added"
        self._session.add_relation("_faults", f"SELECT * FROM _faults UNION ALL {added}")

    def _content(self) -> str:
        texts = (f"COALESCE({as_text(name, column)}, '')" for name, column in self._contract.columns.items())
        return f" || '{SEPARATOR}' || ".join(texts)

    def _bad(self) -> str:
        """Broken rows with the text that was delivered, others with one that says the same."""
        return (
            f"SELECT _file, {self._row} AS _row, _broken, _numbers, COALESCE(_content, {self._content()}) AS _content "
            "FROM _typed LEFT JOIN _faulty ON _faulty._id = _typed.rowid "
            "WHERE _broken IS NOT NULL OR _faulty._id IS NOT NULL"
        )

    @property
    def _key(self) -> str:
        return quote(self._contract.with_role("key")[0])

    def _joined(self) -> str:
        return " ".join(f"JOIN _ref_{name} ON _ref_{name}.key = good.{quote(name)}" for name, _ in self._references)

    def _stored(self) -> dict[str, str]:
        """What the data plane keeps under the contract's own names, and where it comes from."""
        return {
            name: f"_ref_{name}.surrogate" if column.role == "reference" else f"good.{quote(name)}"
            for name, column in self._contract.stored.items()
        }

    def _in_time(self, name: str, *, after: timedelta = timedelta(0)) -> tuple[str, str, str]:
        """A join, the instant of that day (or the one so much later) or time, and when the lag makes it known.

        Only distinct days and hours are turned into instants, by the calendar: SQL converts no time zone.
        """
        is_day = self._contract.columns[name].type == "date"
        local = f"good.{quote(name)}" if is_day else f"date_trunc('hour', good.{quote(name)})"
        table = f"_at_{name}"
        found = self._session.ask(f"SELECT DISTINCT {local} AS at FROM good WHERE {quote(name)} IS NOT NULL")
        lag = timedelta(days=self._contract.known_after_days)
        instants: list[int] = []
        known: list[int] = []
        for at in found.column("at").to_pylist():
            day = at.date() if isinstance(at, datetime) else at
            instants.append(self._calendar.instant_at(at) if isinstance(at, datetime) else self._start_of(day, after))
            known.append(self._start_of(day, lag))
        moments = {
            "at": found.column("at"),
            "instant": pa.array(instants, pa.int64()),
            "known_at": pa.array(known, pa.int64()),
        }
        self._add_table(table, pa.table(moments))
        instant = f"{table}.instant"
        if not is_day:
            instant = f"({instant} + epoch_us(good.{quote(name)}) - epoch_us({table}.at))"
        return f"LEFT JOIN {table} ON {table}.at = {local}", instant, f"{table}.known_at"

    def _start_of(self, day: date, later: timedelta) -> Instant:
        return self._calendar.start_of(day if day == _NEVER else day + later)

    def _add_customers(self, parties: str, customer_of: Mapping[int, int], buckets: int) -> None:
        """`_customers`: whose each party is, in which bucket, and the place of the two in the table's order."""
        found = self._session.ask(f"SELECT DISTINCT party_id FROM ({parties}) AS parties").column("party_id")
        of = found.to_numpy().astype(np.int64)
        customers = np.array([customer_of.get(party, party) for party in of.tolist()], dtype=np.int64)
        in_bucket = bucket_of(customers, buckets=buckets)
        order = np.lexsort((customers, in_bucket))
        is_next = np.ones(len(of), dtype=np.int32)
        is_next[1:] = customers[order][1:] != customers[order][:-1]
        places = np.empty(len(of), dtype=np.int32)
        places[order] = np.cumsum(is_next)
        columns = {"party_id": of, "customer_id": customers, "bucket": in_bucket, "_place": places}
        self._add_table("_customers", pa.table({name: pa.array(values) for name, values in columns.items()}))

    def _add_surrogates(self, name: str, mapping: Mapping[str, int]) -> None:
        self._add_table(name, pa.table([list(mapping), list(mapping.values())], schema=_SURROGATE))

    def _add_table(self, name: str, table: pa.Table) -> None:
        """Into the engine itself: a join would read it from Python's memory on one thread."""
        self._session.add_arrow(f"{name}_given", table)
        self._session.add_relation(name, f'SELECT * FROM "{name}_given"')

    def _unmapped(self, error: duckdb.Error) -> SourceError:
        source = self._delivery.source
        first = str(error).splitlines()[0].removeprefix("Binder Error: ")
        columns = {name: [c for c in self._session.columns(name) if not c.startswith("_")] for name in source.reads}
        read = {
            one.name.lower() for one in sqlglot.parse_one(source.mapping_sql, dialect="duckdb").find_all(exp.Column)
        }
        for name, found in columns.items():
            # a first line of which the mapping knows nothing is no header but somebody's data: it is not repeated
            if read.isdisjoint(part.strip().lower() for column in found for part in _OTHER_DELIMITERS.split(column)):
                return SourceError(
                    f"{source.mapping}: {first}",
                    next_step=f"the first line of '{name}' names no column that the mapping reads: is it the header?",
                )
        listed = "; ".join(f"{name}: {', '.join(found)}" for name, found in columns.items())
        missing = first.split('"')[1] if '"' in first else ""
        everything = [c for found in columns.values() for c in found]
        hint = f"; {nearest(missing, everything)}" if missing else ""
        return SourceError(
            f"{source.mapping}: {first}{hint}",
            next_step=f"the files have the columns {listed}. Did a column disappear, or is 'delimiter' wrong?",
        )


def order_of(contract: DataContract) -> tuple[str, ...]:
    """The order in which the data plane keeps a contract's rows."""
    return ("bucket", "customer_id", contract.time_column, "row_key")


def referred(column: Column, party_contract: str) -> str:
    """The contract whose keys the column holds."""
    return column.references or party_contract

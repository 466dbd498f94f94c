"""The data-plane half of an ingest: read the files, map them, judge every row, shape the accepted ones."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import sqlglot
from sqlglot import exp

from lingque.catalog.definitions import Column, DataContract
from lingque.catalog.expressions.to_sql import quote
from lingque.core.clock import END_OF_TIME, BusinessCalendar
from lingque.core.errors import SourceError, nearest
from lingque.core.hashing import bucket_of
from lingque.core.reasons import Reason
from lingque.ingest.checks import Checks, checks_of
from lingque.ingest.corrections import NO_CORRECTIONS, Overlay
from lingque.ingest.files import Delivery
from lingque.ingest.quality import Observed, filled
from lingque.ingest.quarantine import BadRow
from lingque.ingest.reading import read_delivery
from lingque.warehouse.engine import Session
from lingque.warehouse.statements import statements

SQL = statements("lingque.ingest")
_OTHER_DELIMITERS = re.compile(r"[,;|\t]")
_SURROGATE = pa.schema([("key", pa.string()), ("surrogate", pa.int64())])


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
        self._checks: Checks = checks_of(contract)
        self._references = [
            (name, column)
            for name, column in contract.columns.items()
            if column.role == "reference" or (column.role == "party" and contract.kind != "party")
        ]

    def read_and_check(self) -> None:
        """Read every file, run the mapping, apply the contract's rules. Raises `SourceError`."""
        source = self._delivery.source
        read_delivery(self._session, self._delivery, self._calendar)
        self._session.seal()  # from here on only the bank's own mapping runs: it reaches no file
        try:
            mapping = source.mapping_sql.strip().rstrip(";")
            mapping, self._dismissed = self._overlay.laid_over(self._session, mapping)
            self._session.add_relation("mapped", mapping)
        except duckdb.BinderException as error:
            raise self._unmapped(error) from error
        except duckdb.Error as error:
            raise SourceError(
                f"{source.mapping} failed: {type(error).__name__}",  # the message itself may repeat values
                next_step="use TRY_CAST and NULLIF in the mapping; the contract's rules then name the bad rows",
            ) from None
        self._session.add_relation("typed", self._checks.sql)

    def keys_referred_to(self) -> dict[str, list[str]]:
        """Per column that refers to a party or to another table: the distinct source keys in it."""
        return {
            name: self._session.ask(f"SELECT DISTINCT {quote(name)} AS key FROM typed WHERE {quote(name)} IS NOT NULL")
            .column("key")
            .to_pylist()
            for name, _ in self._references
        }

    def place(self, surrogates: Mapping[str, Mapping[str, int]]) -> Counts:
        """Put surrogates in the place of keys and judge every row."""
        columns = ["typed.* EXCLUDE (_broken)"]
        joins: list[str] = []
        unknown: list[str] = []
        for position, (name, _) in enumerate(self._references):
            self._add_surrogates(f"ref_{name}", surrogates[name])
            columns.append(f"ref_{name}.surrogate AS {quote('_id_' + name)}")
            joins.append(f"LEFT JOIN ref_{name} ON ref_{name}.key = typed.{quote(name)}")
            number = len(self._checks.rules) + position
            missing = f"typed.{quote(name)} IS NOT NULL AND ref_{name}.surrogate IS NULL"
            unknown.append(f"CASE WHEN {missing} THEN {number} END")
        added = f"list_filter([{', '.join(unknown)}], lambda n: n IS NOT NULL)" if unknown else "[]"
        self._session.add_relation(
            "placed",
            f"SELECT {', '.join(columns)}, list_concat(_broken, {added}) AS _broken FROM typed {' '.join(joins)}",
        )
        self._session.add_relation("clash", SQL["keys_of_two_contents"].sql)
        self._session.add_relation("judged", SQL["judged"].sql)
        self._session.add_relation("good", SQL["good_rows"].sql)
        row = self._session.ask(SQL["counts"].sql).to_pylist()[0]
        reasons = Counter(f"{column}: {reason.name}" for bad in self.bad_rows() for column, reason in bad.reasons)
        return Counts(
            read=row["read_rows"] + self._dismissed,
            accepted=row["accepted_rows"],
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
        return [
            BadRow(file=row["_file"], row=row["_row"], reasons=tuple(self._reasons(row)), content=row["_content"])
            for row in self._session.ask(SQL["bad_rows"].sql).to_pylist()
        ]

    def good_keys(self) -> list[str]:
        """The source keys of the accepted rows."""
        return [str(key) for key in self._session.ask("SELECT _key FROM good").column("_key").to_pylist()]

    def good_rows(self) -> list[dict[str, Any]]:
        """The accepted rows as they are, identifiers included: for the vault and the consent register only."""
        rows: list[dict[str, Any]] = self._session.ask("SELECT * FROM good").to_pylist()
        return rows

    def accepted(self, own: Mapping[str, int], *, salt: str, customer_of: Mapping[int, int], buckets: int) -> pa.Table:
        """The accepted rows as the data plane keeps them, in its order; `own` are the surrogates of their own keys."""
        self._add_surrogates("own", own)
        (time_column,) = self._contract.with_role(self._contract.time_column)
        self._session.add_arrow("days", self._days(time_column))
        sql = f"""
SELECT {", ".join(self._stored_columns())}
FROM good
JOIN days ON days.day = good.{quote(time_column)}
LEFT JOIN own ON own.key = good._key"""
        rows = self._session.ask(sql, {"salt": f"{salt}/{self._contract.contract}"})
        return self._cluster(rows, customer_of, buckets)

    def _stored_columns(self) -> list[str]:
        party = (
            "own.surrogate" if self._contract.kind == "party" else quote("_id_" + self._contract.with_role("party")[0])
        )
        key = self._contract.with_role("key")[0]
        columns = [
            # the upper 63 bits of a salted digest: equal for a row that is delivered again, and only then
            "CAST(md5_number_upper($salt || chr(31) || _key) // 2 AS BIGINT) AS row_key",
            f"CAST({party} AS BIGINT) AS party_id",
            f"days.starts_at AS {self._contract.time_column}",
            "days.known_at AS known_at",
            f"DATE '{self._delivery.data_date.isoformat()}' AS data_date",
        ]
        if self._contract.time_column == "valid_from":
            columns.append(f"CAST({END_OF_TIME} AS BIGINT) AS valid_to")
        if self._contract.kind == "state":
            columns.append(f"own.surrogate AS {quote(key)}")
        for name, column in self._contract.stored.items():
            columns.append(quote("_id_" + name) + f" AS {quote(name)}" if column.role == "reference" else quote(name))
        return columns

    def _cluster(self, rows: pa.Table, customer_of: Mapping[int, int], buckets: int) -> pa.Table:
        parties = rows.column("party_id").to_numpy()
        customers = parties.copy()
        for party, customer in customer_of.items():
            customers[parties == party] = customer
        rows = rows.append_column("customer_id", pa.array(customers, pa.int64()))
        rows = rows.append_column("bucket", pa.array(bucket_of(customers, buckets=buckets), pa.int32()))
        return rows.take(
            pc.sort_indices(rows, [(name, "ascending") for name in order_of(self._contract)])
        ).combine_chunks()

    def _days(self, column: str) -> pa.Table:
        found: list[date] = (
            self._session.ask(f"SELECT DISTINCT {quote(column)} AS day FROM good").column("day").to_pylist()
        )
        lag = timedelta(days=self._contract.known_after_days)
        return pa.table(
            {
                "day": pa.array(found, pa.date32()),
                "starts_at": pa.array([self._calendar.start_of(day) for day in found], pa.int64()),
                "known_at": pa.array([self._calendar.start_of(day + lag) for day in found], pa.int64()),
            }
        )

    def _add_surrogates(self, name: str, mapping: Mapping[str, int]) -> None:
        columns = [list(mapping), list(mapping.values())]
        self._session.add_arrow(name, pa.table(columns, schema=_SURROGATE))

    def _reasons(self, row: Mapping[str, Any]) -> list[tuple[str, Reason]]:
        rules = self._checks.rules
        found = [
            (rules[n].column, rules[n].reason)
            if n < len(rules)
            else (self._references[n - len(rules)][0], Reason.UNKNOWN_REFERENCE)
            for n in row["_broken"]
        ]
        if row["_clashes"]:
            found.append((self._contract.with_role("key")[0], Reason.DUPLICATE_KEY))
        return found

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

"""The control database as files, the same from SQLite and PostgreSQL: a line of JSON per row, in a file per table."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, Date, LargeBinary, Table, func, insert, select, text

from lingque.store.schema import METADATA

ROWS_AT_ONCE = 5_000


def dump(connection: Connection, folder: Path) -> dict[str, int]:
    """Write every table as this connection sees it; rows per table."""
    folder.mkdir(parents=True)
    counts: dict[str, int] = {}
    for table in METADATA.sorted_tables:
        counts[table.name] = 0
        with (folder / f"{table.name}.jsonl").open("w", encoding="utf-8") as file:
            keys = list(table.primary_key.columns)
            for row in connection.execute(select(table).order_by(*keys).execution_options(yield_per=ROWS_AT_ONCE)):
                encoded = [_encoded(column, value) for column, value in zip(table.columns, row, strict=True)]
                file.write(json.dumps(encoded, ensure_ascii=False) + "\n")
                counts[table.name] += 1
    return counts


def load(connection: Connection, folder: Path) -> dict[str, int]:
    """Fill an empty database of the same schema; rows per table."""
    counts: dict[str, int] = {}
    for table in METADATA.sorted_tables:
        counts[table.name] = 0
        for rows in _groups(folder / f"{table.name}.jsonl", table):
            connection.execute(insert(table), rows)
            counts[table.name] += len(rows)
        _continue_numbers(connection, table)
    return counts


def _groups(path: Path, table: Table) -> Iterator[list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    with path.open(encoding="utf-8") as file:
        for line in file:
            values = zip(table.columns, json.loads(line), strict=True)
            rows.append({column.name: _decoded(column, value) for column, value in values})
            if len(rows) == ROWS_AT_ONCE:
                yield rows
                rows = []
    if rows:
        yield rows


def _continue_numbers(connection: Connection, table: Table) -> None:
    """PostgreSQL counts apart from the rows: the next number must come after those that were loaded."""
    column = table.autoincrement_column
    if column is None or connection.dialect.name != "postgresql":
        return
    sequence = connection.execute(text("SELECT pg_get_serial_sequence(:t, :c)"), {"t": table.name, "c": column.name})
    name = sequence.scalar()
    last = connection.execute(select(func.max(column))).scalar()
    if name is not None and last is not None:
        connection.execute(text("SELECT setval(CAST(:name AS regclass), :last)"), {"name": name, "last": last})


def _encoded(column: Column[Any], value: Any) -> Any:
    if value is None:
        return None
    encode = _ENCODE.get(type(column.type))
    return value if encode is None else encode(value)


def _decoded(column: Column[Any], value: Any) -> Any:
    if value is None:
        return None
    decode = _DECODE.get(type(column.type))
    return value if decode is None else decode(value)


_ENCODE: dict[type, Callable[[Any], Any]] = {LargeBinary: bytes.hex, Date: date.isoformat}
_DECODE: dict[type, Callable[[Any], Any]] = {LargeBinary: bytes.fromhex, Date: date.fromisoformat}

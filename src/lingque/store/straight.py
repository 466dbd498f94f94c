"""Statements straight to the driver: those of which the way there costs more than the answer.

A statement that SQLite answers in 3 µs takes 60 µs by way of SQLAlchemy's statement objects. What is asked for every
permit and every decision goes this way, in the same transaction; everything else keeps to SQLAlchemy.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

Values = Mapping[str, Any]
_NO_VALUES: Values = {}
_MARKS = re.compile(r"\\:|(?<![:\w]):(?P<name>\w+)|%")


def rows_of(connection: Connection, statement: str, values: Values = _NO_VALUES) -> list[tuple[Any, ...]]:
    """What it answers. Values are marked `:name`, and a colon that marks none is written `\\:`, as in `text()`.

    Raises SQLAlchemy's `DBAPIError`, as every statement does.
    """
    found: list[tuple[Any, ...]] = _executed(connection, statement, values).fetchall()
    return found


def changed_by(connection: Connection, statement: str, values: Values) -> int:
    """How many rows it changed. Marks and errors as `rows_of`."""
    return int(_executed(connection, statement, values).rowcount)


def execute_each(connection: Connection, statement: str, rows: Sequence[Values]) -> None:
    """Once for each of these values. Marks and errors as `rows_of`."""
    _executed(connection, statement, rows, many=True)


def begin(connection: Connection, statement: str) -> None:
    """The statement that begins a transaction: for who is told that one is to begin. Errors as `rows_of`."""
    _sent(connection, statement, _NO_VALUES)


def _executed(connection: Connection, statement: str, values: Any, *, many: bool = False) -> Any:
    if not connection.in_transaction():
        connection.begin()  # what goes to the driver begins no transaction by itself, and all is to be one view
    return _sent(connection, statement, values, many=many)


def _sent(connection: Connection, statement: str, values: Any, *, many: bool = False) -> Any:
    dialect = connection.dialect
    marked = _marked(statement, dialect.name)
    cursor = connection.connection.cursor()
    try:
        if many:
            cursor.executemany(marked, values)
        else:
            cursor.execute(marked, values)
    except dialect.loaded_dbapi.Error as error:
        # as SQLAlchemy tells it: with the statement, without values, which may be personal
        raise DBAPIError.instance(
            statement, None, error, dialect.loaded_dbapi.Error, hide_parameters=True, dialect=dialect
        ) from error
    return cursor


@lru_cache(maxsize=1024)
def _marked(statement: str, dialect: str) -> str:
    """The marks as the driver wants them: SQLite's knows `:name`, PostgreSQL's `%(name)s`."""

    def mark(found: re.Match[str]) -> str:
        if found[0] == "\\:":
            return ":"
        if dialect == "sqlite":
            return found[0]
        return "%%" if found[0] == "%" else f"%({found['name']})s"

    return _MARKS.sub(mark, statement)

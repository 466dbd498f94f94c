"""PostgreSQL tables of the bank as a source: the rows of one day, copied into a CSV file, so that memory is bounded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from lingque.catalog.definitions import TableRead
from lingque.core.errors import ConfigurationError, SourceError

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.sql import Composed

_DATE, _TIMESTAMP, _TIMESTAMPTZ = 1082, 1114, 1184  # type numbers that PostgreSQL never changes
_DAYS = {_DATE, _TIMESTAMP, _TIMESTAMPTZ}


class SourceTables:
    """Made by `bootstrap` with the connections of the settings (name: URL). Holds nothing open."""

    def __init__(self, connections: Mapping[str, str], *, time_zone: str) -> None:
        self._connections = connections
        self._time_zone = time_zone

    def days(self, read: TableRead, *, after: date | None, before: date) -> list[date]:
        """The distinct days between the two for which the table has rows, oldest first. Raises `SourceError`."""
        with self._open(read) as connection:
            from psycopg import sql

            self._columns(connection, read)
            question = sql.SQL("SELECT DISTINCT {day}::date FROM {table} WHERE {day} >= {after} AND {day} < {before}")
            found = connection.execute(
                question.format(
                    day=sql.Identifier(read.date_column),
                    table=sql.Identifier(*read.table.split(".")),
                    after=sql.Literal(date.min if after is None else after + timedelta(days=1)),
                    before=sql.Literal(before),
                )
            ).fetchall()
        return sorted(row[0] for row in found)

    def extract(self, read: TableRead, day: date, target: Path) -> None:
        """Write the rows of that day: every column as text, in an order that the content alone determines.

        The same rows give the same bytes, so that a digest of the file is one of the rows. Raises `SourceError`.
        """
        with self._open(read) as connection:
            from psycopg import sql

            columns = self._columns(connection, read)
            copy = sql.SQL(
                "COPY (SELECT {texts} FROM {table} WHERE {day} >= {first} AND {day} < {next} ORDER BY {order})"
                " TO STDOUT (FORMAT csv, HEADER)"
            ).format(
                texts=sql.SQL(", ").join(_text(name, kind) for name, kind in columns.items()),
                table=sql.Identifier(*read.table.split(".")),
                day=sql.Identifier(read.date_column),
                first=sql.Literal(day),
                next=sql.Literal(day + timedelta(days=1)),
                order=sql.SQL(", ").join(sql.SQL('{}::text COLLATE "C"').format(sql.Identifier(n)) for n in columns),
            )
            with target.open("wb") as file, connection.cursor().copy(copy) as rows:
                for part in rows:
                    file.write(part)

    def _columns(self, connection: Connection, read: TableRead) -> dict[str, int]:
        """Names and type numbers; `SourceError` where the data date is not among them, or is no date."""
        from psycopg import sql

        table = sql.Identifier(*read.table.split("."))
        described = connection.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(table)).description or []
        columns = {column.name: column.type_code for column in described}
        if columns.get(read.date_column) not in _DAYS:
            raise SourceError(
                f"table {read.table}: '{read.date_column}' is no column of type date or timestamp",
                next_step=f"the table has the columns {', '.join(columns)}; a view can make a date of another type",
            )
        return columns

    @contextmanager
    def _open(self, read: TableRead) -> Iterator[Connection]:
        """One read-only transaction that sees one state. Errors name the table and what PostgreSQL calls the fault;
        its own message may hold values."""
        try:
            import psycopg
        except ImportError as error:
            raise ConfigurationError(
                "tables of PostgreSQL need psycopg", next_step="install lingque[postgres]"
            ) from error
        url = self._connections.get(read.connection)
        if url is None:
            raise ConfigurationError(
                f"table {read.table}: there is no connection '{read.connection}'",
                next_step=f"name it under [connections] in lingque.toml, or set LINGQUE_CONNECTIONS__"
                f"{read.connection.upper()}",
            )
        settings = {"TimeZone": self._time_zone, "DateStyle": "ISO, YMD", "extra_float_digits": "1"}
        try:
            with psycopg.connect(url, client_encoding="utf8") as connection:
                connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                connection.read_only = True
                for setting, value in settings.items():
                    connection.execute("SELECT set_config(%s, %s, false)", (setting, value))
                yield connection
        except psycopg.Error as error:
            fault = type(error).__name__
            raise SourceError(
                f"table {read.table} of connection '{read.connection}' cannot be read: {fault}",
                next_step="check the connection's URL, the table's name and that its user may read it",
            ) from None


def _text(name: str, kind: int) -> Composed:
    from psycopg import sql

    # a time with a zone is told in the business time zone, which is the session's, and without the zone
    cast = "{0}::timestamp::text AS {0}" if kind == _TIMESTAMPTZ else "{0}::text AS {0}"
    return sql.SQL(cast).format(sql.Identifier(name))

"""What is known of customers, read as numbers and as answers to conditions: from a table of many, or rows of a few.

The two ways give the same (a table is asked in SQL, a row by generated Python), which is what makes a decision the same
on every clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import repeat
from typing import Any, NoReturn, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lingque.catalog.expressions.to_python import RowFunction, row_function
from lingque.catalog.expressions.to_sql import row_sql
from lingque.catalog.expressions.tree import Constant, Node
from lingque.core.errors import WarehouseError, nearest
from lingque.core.hashing import Float64s
from lingque.warehouse.engine import Session

Answers = NDArray[np.int8]
"""1 is true, 0 false, -1 unknown."""

TRUE, FALSE, UNKNOWN = 1, 0, -1
_FIRST_DAY = date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class Condition:
    """A condition over tags."""

    node: Node

    @cached_property
    def function(self) -> RowFunction:
        """Of one row; made when it is first asked."""
        return row_function(self.node)


class Facts(Protocol):
    """Of n customers, in an order of their own."""

    def __len__(self) -> int: ...

    def part(self, start: int, stop: int) -> Facts:
        """Of some of them."""
        ...

    def numbers(self, names: Sequence[str]) -> Float64s:
        """(k, n): a tag's value as a number, NaN where it is not known. Days count from 1970-01-01; true is 1.

        Raises `WarehouseError` for a tag that is not there, or that holds texts."""
        ...

    def texts(self, name: str) -> Sequence[str | None]:
        """(n,) a tag's value as a text, None where it is not known. Raises `WarehouseError` for a tag that is not
        there."""
        ...

    def answers(self, conditions: Sequence[Condition], as_of: date) -> Answers:
        """(k, n). Raises `WarehouseError` for a tag that is not there."""
        ...


def day_number(day: date) -> int:
    """As days stand among `numbers`."""
    return day.toordinal() - _FIRST_DAY


class TagTable:
    """A table of tags: one column per tag, one row per customer."""

    def __init__(self, table: pa.Table, session: Callable[[], Session]) -> None:
        self.table = table
        self._session = session

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def part(self, start: int, stop: int) -> TagTable:
        return TagTable(self.table.slice(start, stop - start), self._session)

    def numbers(self, names: Sequence[str]) -> Float64s:
        result = np.empty((len(names), len(self)))
        known = set(self.table.column_names)
        for number, name in enumerate(names):
            if name not in known:
                _no_tag(name, sorted(known))
            column = self.table.column(name)
            if pa.types.is_date32(column.type):
                column = column.cast(pa.int32())
            elif not (pa.types.is_boolean(column.type) or _is_number(column.type)):
                raise _not_a_number(name)
            result[number] = pc.fill_null(column.cast(pa.float64(), safe=False), np.nan).to_numpy()
        return result

    def texts(self, name: str) -> Sequence[str | None]:
        if name not in self.table.column_names:
            _no_tag(name, sorted(self.table.column_names))
        found: list[str | None] = self.table.column(name).cast(pa.string()).to_pylist()
        return found

    def answers(self, conditions: Sequence[Condition], as_of: date) -> Answers:
        result: Answers = np.full((len(conditions), len(self)), UNKNOWN, dtype=np.int8)
        asked: dict[int, str] = {}
        for number, condition in enumerate(conditions):
            if isinstance(condition.node, Constant):
                result[number] = _answer(condition.node.value)
            else:
                asked[number] = row_sql(condition.node, as_of=as_of)
        if not asked or not len(self):
            return result
        columns = ", ".join(
            f"CAST(COALESCE(CAST(({sql}) AS INTEGER), {UNKNOWN}) AS TINYINT) AS c{number}"
            for number, sql in asked.items()
        )
        # the row's number goes along: an engine owes nobody an order
        numbered = self.table.append_column("_position", pa.array(np.arange(len(self)), pa.int64()))
        with self._session() as engine:
            engine.add_arrow("request_tags", numbered)
            found = engine.ask(f"SELECT _position, {columns} FROM request_tags")
        position = found.column("_position").to_numpy()
        for number in asked:
            result[number, position] = found.column(f"c{number}").to_numpy()
        return result


class TagRows:
    """A few customers' tags, each a mapping from name to Python's own value, None where it is not known."""

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def part(self, start: int, stop: int) -> TagRows:
        return TagRows(self.rows[start:stop])

    def numbers(self, names: Sequence[str]) -> Float64s:
        try:
            listed = [[_number(row[name]) for row in self.rows] for name in names]
        except KeyError as error:
            _no_tag(str(error.args[0]), sorted(self.rows[0]))
        except ValueError:
            _blame_text(self.rows, names)
        return np.array(listed, dtype=np.float64).reshape(len(names), len(self.rows))

    def texts(self, name: str) -> Sequence[str | None]:
        if self.rows and name not in self.rows[0]:
            _no_tag(name, sorted(self.rows[0]))
        return [None if row[name] is None else str(row[name]) for row in self.rows]

    def answers(self, conditions: Sequence[Condition], as_of: date) -> Answers:
        try:
            found = [list(map(one.function, self.rows, repeat(as_of))) for one in conditions]
        except KeyError as error:
            _no_tag(str(error.args[0]), sorted(self.rows[0]))
        listed = [[UNKNOWN if one is None else TRUE if one else FALSE for one in answers] for answers in found]
        return np.array(listed, dtype=np.int8).reshape(len(conditions), len(self.rows))


def _number(value: Any) -> float:
    if value is None:
        return np.nan
    return float(day_number(value)) if isinstance(value, date) else float(value)


def _answer(value: object) -> int:
    return UNKNOWN if value is None else TRUE if value else FALSE


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _no_tag(name: str, known: Sequence[str]) -> NoReturn:
    raise WarehouseError(f"what is known of the customers has no tag '{name}'", next_step=nearest(name, list(known)))


def _blame_text(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> NoReturn:
    raise _not_a_number(next(name for name in names if any(isinstance(row[name], str) for row in rows)))


def _not_a_number(name: str) -> WarehouseError:
    return WarehouseError(f"tag '{name}' holds texts", next_step="name a tag of numbers, truth or days")

"""Arrow columns as the arrays that a kernel reads. Texts become codes; what is asked of a text is asked once each."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lingque.catalog.expressions.to_sql import quote, row_sql
from lingque.catalog.expressions.tree import Name, Node, names_in
from lingque.catalog.expressions.types import Kind
from lingque.core.hashing import Int64s
from lingque.profile.kernel.plan import Kernel

AskRows = Callable[[str, pa.Table], pa.Table]
"""A statement over the relation `rows`, answered in the order of its rows."""

_NUMPY: dict[Kind, Any] = {
    Kind.BOOLEAN: np.uint8, Kind.INTEGER: np.int64, Kind.MONEY: np.int64, Kind.NUMBER: np.float64, Kind.DATE: np.int32,
}  # fmt: skip
_ARROW = {
    Kind.BOOLEAN: pa.bool_(), Kind.INTEGER: pa.int64(), Kind.MONEY: pa.int64(), Kind.NUMBER: pa.float64(),
    Kind.DATE: pa.date32(), Kind.TEXT: pa.string(),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Coded:
    """A code per row, and the value of each code; a row without a value has the code after the last."""

    codes: NDArray[np.int32]
    values: pa.Array

    def in_order(self) -> Coded:
        """The same with codes in the order of their values; texts by their UTF-8 bytes."""
        falls = np.flatnonzero(~pc.less(self.values[:-1], self.values[1:]).to_numpy(zero_copy_only=False))
        if not len(falls):
            return self
        order = _merged(self.values, int(falls[0]) + 1)
        ranks = np.empty(len(order) + 1, np.int32)
        ranks[order] = np.arange(len(order), dtype=np.int32)
        ranks[-1] = len(order)
        return Coded(codes=ranks[self.codes], values=self.values.take(pa.array(order)))


_FEW_BEHIND = 16
"""Of values in order with fewer than a sixteenth behind them that are not, those find their places one by one: what a
day brings that the base does not have. To sort fifty thousand texts takes 30 ms, and each group of rows has its own."""


def _merged(values: pa.Array, ordered: int) -> Int64s:
    """The places of the values in their order; so many of the first stand in it."""
    behind = len(values) - ordered
    if behind * _FEW_BEHIND > ordered:
        found: Int64s = pc.array_sort_indices(values).to_numpy().astype(np.int64)
        return found
    rest = pc.array_sort_indices(values[ordered:]).to_numpy().astype(np.int64) + ordered
    first = range(ordered)
    before = [bisect_left(first, values[place].as_py(), key=lambda one: values[one].as_py()) for place in rest.tolist()]
    return np.insert(np.arange(ordered, dtype=np.int64), before, rest)


class TextAnswers:
    """What conditions on texts say of each text. Of few texts it is remembered. Used from several threads at once."""

    def __init__(self, ask: AskRows) -> None:
        self._ask = ask
        self._known: dict[str, dict[str | None, bytes]] = {}

    def tests(self, question: str, column: str, values: pa.Array) -> NDArray[np.int8]:
        """Per text, and then for none, a row of answers: 1 true, 0 false, 2 unknown."""
        if len(values) > _FEW:
            return _answers(self._ask(question, _rows(column, values)))
        return self.tests_of(question, column, values.to_pylist())

    def tests_of(self, question: str, column: str, values: Sequence[str]) -> NDArray[np.int8]:
        """The same of a few texts."""
        known = self._known.get(question, {})
        texts: list[str | None] = [*values, None]
        new = [text for text in texts if text not in known]
        if new:
            answers = _answers(self._ask(question, pa.table({column: pa.array(new, pa.string())})))
            kept = known if len(known) < _MANY else {}
            # a new mapping instead of a changed one: another thread may be reading
            known = kept | {text: answers[number].tobytes() for number, text in enumerate(new)}
            self._known[question] = known
            if not known.keys() >= set(texts):
                return self.tests_of(question, column, values)
        joined = np.frombuffer(b"".join([known[text] for text in texts]), np.int8)
        return joined.reshape(len(texts), -1)

    def texts(self, question: str, column: str, values: pa.Array) -> pa.Array:
        """Per text, and then for none, the text that is made of it."""
        return _one(self._ask(question, _rows(column, values)).column(0)).cast(pa.string())


_FEW = 2_000
_MANY = 50_000


def _rows(column: str, values: pa.Array) -> pa.Table:
    return pa.table({column: pa.concat_arrays([values.cast(pa.string()), pa.nulls(1, pa.string())])})


def _answers(table: pa.Table) -> NDArray[np.int8]:
    columns = [column.cast(pa.int8()).fill_null(2).to_numpy() for column in table.columns]
    return np.ascontiguousarray(np.stack(columns, axis=1), np.int8)


class Columns:
    """The columns of some rows, each made ready once for all kernels that read it.

    `table`: the rows as they are stored; `again`: which of them are read once more behind the others.
    """

    def __init__(self, table: pa.Table, *, again: Int64s, as_of: date, answers: TextAnswers) -> None:
        self._table = table
        self._again = pa.array(again) if len(again) else None
        self._as_of = as_of
        self._answers = answers
        self._numbers: dict[str, tuple[NDArray[Any], NDArray[np.uint8]]] = {}
        self._codes: dict[tuple[str, bool], Coded] = {}
        self._ones = np.ones(table.num_rows + len(again), np.uint8)

    def arguments(self, kernel: Kernel) -> tuple[list[NDArray[Any]], list[Coded]]:
        """The kernel's arguments that are columns, in order, and what its codes stand for."""
        needs = kernel.needs
        found: list[NDArray[Any]] = []
        for column in needs.numbers:
            values, known = self._number(column)
            found += [values, known] if column.name in needs.nullable else [values]
        for text, conditions in needs.tests.items():
            ordered = any(
                isinstance(one, Name) and one.name == text for n, one in enumerate(needs.codes) if n in kernel.ordered
            )
            coded = self._column_code(text, ordered=ordered)
            found += [coded.codes, self._tested(text, conditions, coded)]
        codes = [self._code(node, ordered=number in kernel.ordered) for number, node in enumerate(needs.codes)]
        found += [one.codes for one in codes]
        found += [np.zeros(len(codes[place].values) + 1, np.int64) for place, _ in kernel.stamps]
        return found, codes

    def _number(self, column: Name) -> tuple[NDArray[Any], NDArray[np.uint8]]:
        if column.name not in self._numbers:
            whole = self._whole(column.name, column.type.kind)
            known = self._ones
            if whole.null_count:
                known = pc.is_valid(whole).cast(pa.uint8()).to_numpy()
                whole = whole.fill_null(_NOTHING[column.type.kind])
            if column.type.kind is Kind.DATE:
                whole = whole.cast(pa.int32())
            if column.type.kind is Kind.BOOLEAN:
                whole = whole.cast(pa.uint8())
            self._numbers[column.name] = (np.ascontiguousarray(whole.to_numpy(), _NUMPY[column.type.kind]), known)
        return self._numbers[column.name]

    def _whole(self, name: str, kind: Kind) -> pa.Array:
        """The column as one array, what is read again behind the rest."""
        return _one(self._column(name, kind).cast(_ARROW[kind]))

    def _column(self, name: str, kind: Kind) -> pa.ChunkedArray:
        if name not in self._table.column_names:
            return pa.chunked_array([pa.nulls(len(self._ones), _ARROW[kind])])
        column = self._table.column(name)
        if self._again is not None:
            column = pa.chunked_array([*column.chunks, *column.take(self._again).chunks], column.type)
        return column

    def _column_code(self, name: str, *, ordered: bool, kind: Kind = Kind.TEXT) -> Coded:
        if (name, ordered) not in self._codes:
            if ordered:
                self._codes[name, True] = self._column_code(name, ordered=False, kind=kind).in_order()
            else:
                column = self._column(name, kind)
                several = pa.types.is_dictionary(column.type) and column.num_chunks > 1
                self._codes[name, False] = in_one_dictionary(column) if several else _coded(_one(column))
        return self._codes[name, ordered]

    def _code(self, node: Node, *, ordered: bool) -> Coded:
        if isinstance(node, Name):
            return self._column_code(node.name, ordered=ordered, kind=node.type.kind)
        (text,) = names_in(node)
        of = self._column_code(text, ordered=False)
        made = _coded(self._answers.texts(self._question([node]), text, of.values))
        coded = Coded(codes=made.codes[of.codes], values=made.values)
        return coded.in_order() if ordered else coded

    def _tested(self, text: str, conditions: Sequence[Node], coded: Coded) -> NDArray[np.int8]:
        """Per text (and for none) and condition: 1 true, 0 false, 2 unknown."""
        return self._answers.tests(self._question(conditions), text, coded.values)

    def _question(self, nodes: Sequence[Node]) -> str:
        columns = [f"{row_sql(node, as_of=self._as_of)} AS {quote(f'_{number}')}" for number, node in enumerate(nodes)]
        return f"SELECT {', '.join(columns)} FROM rows"


_NOTHING: dict[Kind, Any] = {
    Kind.BOOLEAN: False, Kind.INTEGER: 0, Kind.MONEY: 0, Kind.NUMBER: 0.0, Kind.DATE: date(1970, 1, 1),
}  # fmt: skip


def _one(column: pa.ChunkedArray) -> pa.Array:
    if column.num_chunks == 1:
        return column.chunk(0)
    combined = column.combine_chunks()
    return combined if isinstance(combined, pa.Array) else combined.chunk(0)


def in_one_dictionary(column: pa.ChunkedArray) -> Coded:
    """Texts of several files by the dictionary of the largest piece, with what only others have behind it: so it stands
    in order but for that."""
    pieces: list[pa.DictionaryArray] = column.chunks
    order = sorted(range(len(pieces)), key=lambda number: -len(pieces[number]))
    unified = pa.chunked_array([pieces[number] for number in order]).unify_dictionaries().chunks
    values = unified[0].dictionary
    codes = {number: _filled(piece, len(values)) for number, piece in zip(order, unified, strict=True)}
    return Coded(codes=np.concatenate([codes[number] for number in range(len(pieces))]), values=values)


def _filled(piece: pa.DictionaryArray, none: int) -> NDArray[np.int32]:
    codes = piece.indices.fill_null(none) if piece.indices.null_count else piece.indices
    return np.asarray(codes.to_numpy(), np.int32)


def _coded(values: pa.Array) -> Coded:
    encoded = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
    return Coded(codes=np.ascontiguousarray(_filled(encoded, len(encoded.dictionary))), values=encoded.dictionary)

"""A Parquet file some of whose columns are known only when all its rows are.

Parquet lets the pieces of a group's columns stand anywhere in a file; its writers want all columns of a group at once.
So each group is written as a file of its own in memory, by a thread beside whoever makes the next rows, and its pieces
are put behind those before; what comes last stands behind everything, and the footer names all pieces together. The
other way is to put every value aside until the last is known, and to encode them all at the end by one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from lingque.warehouse.footer import MAGIC, Structure, footer_bytes, footer_of
from lingque.warehouse.parquet import declared, encoded, form_of, groups

_ROWS, _GROUPS = 3, 4
_COLUMNS, _BYTES, _BEGIN, _COMPRESSED, _NUMBER = 1, 2, 5, 6, 7  # of a group
_PIECE = 3
_PAGES = (9, 10, 11, 14)  # where the pages, the dictionary and the filter of a column's piece begin


def write_with_late_columns(
    path: Path,
    batches: Iterable[pa.Table],
    late: Callable[[], pa.Table],
    *,
    names: Sequence[str],
    statistics: Collection[str],
    required: Collection[str] = (),
) -> None:
    """Tables of equal columns, of which there is at least one, and the columns that `late` gives of the same rows after
    the last of them, as one file whose columns are `names` in their order; `statistics` are told of these only, and
    `required` are never null.

    Raises `OSError`, and `ValueError` where `late` gives other rows, the columns are not those, or a required one is
    null after all.
    """
    sizes: list[int] = []
    schema = pa.schema([])
    with path.open("wb") as file, ThreadPoolExecutor(1, thread_name_prefix="parquet") as beside:
        file.write(MAGIC)
        pieces = _Pieces(file, beside, statistics)
        for group in groups(batches, columns=2 * len(names)):  # beside the one that gathers another is encoded
            group = declared(group, required)
            schema = group.schema
            sizes.append(group.num_rows)
            pieces.add(group)
        rest = declared(late(), required)
        schema = pa.schema([*schema, *rest.schema])
        if rest.num_columns and rest.num_rows != sum(sizes):
            raise ValueError(f"there are late columns of {rest.num_rows} rows, and {sum(sizes)} rows")
        if sorted(schema.names) != sorted(names):
            raise ValueError("the columns of a file are not those that it is to have")
        first = 0
        for size in sizes if rest.num_columns else ():
            pieces.add(rest.slice(first, size))
            first += size
        pieces.finish()
        file.write(footer_bytes(_footer([schema.field(name) for name in names], sizes, pieces.found)))


class _Pieces:
    """Groups on their way into a file: one is encoded while the next is made. `found`: what stands in the file."""

    def __init__(self, file: BinaryIO, beside: ThreadPoolExecutor, statistics: Collection[str]) -> None:
        self.found: list[Structure] = []
        self._file, self._beside, self._statistics = file, beside, statistics
        self._waiting: Future[pa.Buffer] | None = None
        self._forms: dict[pa.Schema, dict[str, Any]] = {}

    def add(self, rows: pa.Table) -> None:
        self.finish()
        if rows.schema not in self._forms:  # that of the first group will do: to look for it takes a tenth of writing
            self._forms[rows.schema] = form_of(rows, statistics=self._statistics)
        self._waiting = self._beside.submit(encoded, rows, self._forms[rows.schema])

    def finish(self) -> None:
        """Write what is still on its way."""
        if self._waiting is None:
            return
        made = memoryview(self._waiting.result())
        self._waiting = None
        footer, end = footer_of(made)
        (group,) = footer[_GROUPS][1][1]
        moved = self._file.tell() - len(MAGIC)
        self._file.write(made[len(MAGIC) : end])
        _move(group, [_BEGIN], moved)
        for column in group[_COLUMNS][1][1]:
            _move(column[_PIECE][1], _PAGES, moved)
        self.found.append(group)


def _move(structure: Structure, fields: Iterable[int], moved: int) -> None:
    for field in fields:
        if field in structure:
            kind, place = structure[field]
            structure[field] = (kind, place + moved)


def _footer(fields: Sequence[pa.Field], sizes: Sequence[int], found: Sequence[Structure]) -> Structure:
    """That of an empty file of these columns, with the groups that were found: first those of the first columns, then
    those of the late ones."""
    footer, _ = footer_of(memoryview(encoded(pa.schema(fields).empty_table(), {})))
    late = found[len(sizes) :] or [{}] * len(sizes)
    made: list[Structure] = []
    for number, (group, behind) in enumerate(zip(found[: len(sizes)], late, strict=True)):
        kind, (of, columns) = group[_COLUMNS]
        both = [*columns, *(behind[_COLUMNS][1][1] if behind else ())]
        by_name = {b".".join(column[_PIECE][1][3][1][1]).split(b".")[0]: column for column in both}
        ordered = [by_name[field.name.encode()] for field in fields]
        whole = group | {_COLUMNS: (kind, (of, ordered)), _NUMBER: (4, number)}
        for field in (_BYTES, _COMPRESSED):
            whole[field] = (6, group[field][1] + (behind[field][1] if behind else 0))
        made.append(whole)
    kind, (of, _) = footer[_GROUPS]
    return footer | {_ROWS: (6, sum(sizes)), _GROUPS: (kind, (12, made))}

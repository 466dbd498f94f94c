"""Lines cut by byte positions, as mainframes write them. Many lines at once, so that millions take seconds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lingque.catalog.definitions import FileRead
from lingque.core.errors import SourceError
from lingque.core.hashing import Int64s
from lingque.warehouse.bank_files import MAX_LINE, NOTHING_LOADED, wrong_encoding

CHUNK = 1 << 22
_BOM = b"\xef\xbb\xbf"
_PADDING = " \t\u3000\x00"
_NEWLINE, _RETURN = 10, 13


def read_fixed_width(path: Path, label: str, read: FileRead) -> Iterator[pa.Table]:
    """The rows of a file, in tables of bounded size; padding is taken off, and what is empty then is NULL.

    Empty lines may stand at the end only. A line that ends before the last field does, or a field that is not of the
    encoding, is a `SourceError` with its number.
    """
    cutter = _Cutter(label, read)
    rest = b""
    with path.open("rb") as file:
        if read.encoding == "utf-8" and file.read(len(_BOM)) != _BOM:
            file.seek(0)
        yield cutter.cut(b"")
        while part := file.read(CHUNK):
            block = rest + part
            whole = block.rfind(b"\n") + 1
            rest = block[whole:]
            if len(rest) > MAX_LINE:
                raise cutter.too_long()
            if whole:
                yield cutter.cut(block[:whole])
    if rest:
        yield cutter.cut(rest + b"\n")


class _Cutter:
    """Knows how many lines there were before, and whether the last of them were empty."""

    def __init__(self, label: str, read: FileRead) -> None:
        self._label = label
        self._encoding = read.encoding
        self._fields = {name: (first - 1, first - 1 + length) for name, (first, length) in read.fields.items()}
        self._needed = max(end for _, end in self._fields.values())
        self._lines = 0
        self._first_empty = 0

    def cut(self, block: bytes) -> pa.Table:
        """The rows of whole lines."""
        data = np.frombuffer(block, dtype=np.uint8)
        stops = np.flatnonzero(data == _NEWLINE)
        starts = np.concatenate([np.zeros(min(1, len(stops)), dtype=np.int64), stops[:-1] + 1])
        ends = stops - ((stops > starts) & (data[stops - 1] == _RETURN))
        starts = starts[: self._check(ends - starts)]
        columns = {name: self._column(data, starts, first, end) for name, (first, end) in self._fields.items()}
        columns["_file"] = pa.repeat(pa.scalar(self._label), len(starts))
        columns["_row"] = pa.array(np.arange(self._lines + 1, self._lines + 1 + len(starts)), pa.int64())
        self._lines += len(stops)
        return pa.table(columns)

    def _check(self, lengths: Int64s) -> int:
        """How many lines there are before the empty ones at the end; `SourceError` where one before is too short."""
        filled = np.flatnonzero(lengths)
        count = int(filled[-1]) + 1 if len(filled) else 0
        if count and self._first_empty:
            raise self._too_short(self._first_empty)
        short = np.flatnonzero(lengths[:count] < self._needed)
        if len(short):
            raise self._too_short(self._lines + 1 + int(short[0]))
        if count < len(lengths) and not self._first_empty:
            self._first_empty = self._lines + 1 + count
        return count

    def _column(self, data: NDArray[np.uint8], starts: Int64s, first: int, end: int) -> pa.Array:
        width = end - first
        cells = np.full((len(starts), width + 1), _NEWLINE, dtype=np.uint8)
        cells[:, :width] = data[starts[:, None] + np.arange(first, end)]
        try:
            # In each of the encodings a character cut off before a line's end is an error, never a letter less.
            texts = cells.tobytes().decode(self._encoding).split("\n")[:-1]
        except UnicodeDecodeError as error:
            line = self._lines + 1 + error.start // (width + 1)
            raise wrong_encoding(f"{self._label}, line {line}") from None
        values = pc.utf8_trim(pa.array(texts, pa.string()), characters=_PADDING)
        return pc.if_else(pc.equal(values, ""), pa.scalar(None, pa.string()), values)

    def _too_short(self, line: int) -> SourceError:
        return SourceError(
            f"{self._label}, line {line}: is shorter than the {self._needed} bytes that 'fields' need",
            next_step=f"check 'fields' of the source, or {NOTHING_LOADED}",
        )

    def too_long(self) -> SourceError:
        return SourceError(
            f"{self._label}, line {self._lines + 1}: is longer than {MAX_LINE} bytes",
            next_step=f"check 'format' of the source, or {NOTHING_LOADED}",
        )

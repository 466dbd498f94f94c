"""Columns of a bank as bytes of its files: CSV, fixed width and other lines of text, many rows at a time."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
from numba import njit
from numpy.typing import NDArray

from lingque.core.hashing import Int64s

Bytes = NDArray[np.uint8]
SPACE = ord(" ")


def money(fen: Int64s) -> pa.Array:
    """An exact decimal with two places: `1234.56` in a CSV file."""
    halves = np.ascontiguousarray(np.stack([fen, fen >> 63], axis=1))  # 128 bits, the lower ones first
    return pa.Array.from_buffers(pa.decimal128(18, 2), len(fen), [None, pa.py_buffer(halves)])


def rate(hundredths_of_a_percent: Int64s) -> pa.Array:
    """A fraction of 1 with four places: 0.0115 is 1.15 %."""
    halves = np.ascontiguousarray(np.stack([hundredths_of_a_percent, hundredths_of_a_percent >> 63], axis=1))
    return pa.Array.from_buffers(pa.decimal128(6, 4), len(halves), [None, pa.py_buffer(halves)])


def days(numbers: Int64s, *, missing: NDArray[np.bool_] | None = None) -> pa.Array:
    """`YYYY-MM-DD`, empty where `missing`."""
    return pa.array(numbers.astype(np.int32), type=pa.date32(), mask=missing)


def picked(words: Sequence[str], where: Int64s) -> pa.Array:
    """The word at each position."""
    return pa.array(words, type=pa.string()).take(pa.array(where))


def header(names: Iterable[str], *, encoding: str = "utf-8") -> bytes:
    """`utf-8-sig` begins with a BOM."""
    return (",".join(names) + "\n").encode(encoding)


def csv_rows(columns: Mapping[str, Any], *, encoding: str = "utf-8") -> bytes:
    """One line per row, without a header; no value may need a quotation mark."""
    target = io.BytesIO()
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="none")
    pyarrow.csv.write_csv(pa.table(dict(columns)), target, options)
    written = target.getvalue()
    return written if encoding.startswith("utf-8") else written.decode().encode(encoding)


def joined(*pieces: pa.Array | str) -> pa.Array:
    """One text for each row, of the pieces one after the other; a piece may be the same for all rows."""
    return pyarrow.compute.binary_join_element_wise(*pieces, "")


def lines(*pieces: pa.Array | str) -> bytes:
    """One line per row."""
    whole = joined(*pieces, "\n")
    if isinstance(whole, pa.ChunkedArray):
        whole = whole.combine_chunks()
    if not len(whole):
        return b""
    _, offsets, data = whole.buffers()
    bounds = np.frombuffer(offsets, dtype=np.int32)
    return bytes(memoryview(data)[bounds[whole.offset] : bounds[whole.offset + len(whole)]])


def moments(seconds: Int64s) -> pa.Array:
    """`YYYY-MM-DD HH:MM:SS` of seconds since 1970-01-01 00:00, local time."""
    return pa.array(seconds.astype("datetime64[s]")).cast(pa.string())


def whole(numbers: Int64s) -> pa.Array:
    return pa.array(numbers).cast(pa.string())


def padded_numbers(prefix: str, numbers: Int64s, width: int) -> pa.Array:
    """The prefix and the number with leading zeros."""
    text = pyarrow.compute.utf8_lpad(whole(numbers), width, "0")
    return joined(pa.array([prefix]).take(pa.array(np.zeros(len(numbers), dtype=np.int64))), text)


def control(**values: object) -> bytes:
    """`key=value` lines."""
    return "".join(f"{key}={value}\n" for key, value in values.items()).encode()


def yuan(fen: int) -> str:
    """`1234.56`, with its sign."""
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"


class Lines:
    """Lines of one length, filled field by field. `layout`: name → (first byte, from 1, and bytes)."""

    def __init__(self, layout: Mapping[str, tuple[int, int]], count: int) -> None:
        self._layout = layout
        width = max(first + length - 1 for first, length in layout.values())
        self.bytes: Bytes = np.full((count, width + 1), SPACE, dtype=np.uint8)
        self.bytes[:, width] = ord("\n")

    def field(self, name: str) -> Bytes:
        first, length = self._layout[name]
        return self.bytes[:, first - 1 : first - 1 + length]

    def words(self, name: str, table: Bytes, where: Int64s) -> None:
        self.field(name)[:] = table[where]

    def whole(self, name: str, values: Int64s) -> None:
        """Digits with leading zeros."""
        write_digits(self.field(name), values)

    def amounts(self, name: str, fen: Int64s) -> None:
        """Right-aligned, two decimals: `     1234.56`. For what is not below zero."""
        _write_amounts(self.field(name), fen)

    def dates(self, name: str, numbers: Int64s) -> None:
        """`YYYYMMDD`."""
        self.whole(name, compact_days(numbers))


def compact_days(numbers: Int64s) -> Int64s:
    """Days as whole numbers YYYYMMDD."""
    at = numbers.astype("datetime64[D]")
    month = at.astype("datetime64[M]")
    day = (at - month).astype(np.int64) + 1
    months = month.astype(np.int64) + 1970 * 12
    compact: Int64s = (months // 12) * 10_000 + (months % 12 + 1) * 100 + day
    return compact


def padded(words: Sequence[str], length: int, *, encoding: str = "gb18030") -> Bytes:
    """One row of `length` bytes per word, filled up with spaces. A longer word raises `ValueError`."""
    encoded = [word.encode(encoding) for word in words]
    longest = max(map(len, encoded), default=0)
    if longest > length:
        raise ValueError(f"a word takes {longest} bytes, the field has {length}")
    joined = b"".join(word.ljust(length) for word in encoded)
    return np.frombuffer(joined, dtype=np.uint8).reshape(len(encoded), length)


@njit(cache=True)
def write_digits(field: Bytes, values: Int64s) -> None:
    """Right-aligned decimal digits with leading zeros; what does not fit is cut off on the left."""
    for row in range(len(values)):
        rest = values[row]
        for place in range(field.shape[1] - 1, -1, -1):
            field[row, place] = rest % 10 + 48
            rest //= 10


@njit(cache=True)
def _write_amounts(field: Bytes, fen: Int64s) -> None:
    for row in range(len(fen)):
        rest = fen[row]
        place = field.shape[1] - 1
        for decimal in range(2):
            field[row, place - decimal] = rest % 10 + 48
            rest //= 10
        field[row, place - 2] = 46
        place -= 3
        field[row, place] = rest % 10 + 48
        rest //= 10
        while rest > 0 and place > 0:
            place -= 1
            field[row, place] = rest % 10 + 48
            rest //= 10

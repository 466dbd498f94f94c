"""Columns of a bank as bytes of its files: CSV, fixed width, JSON lines and Parquet, many rows at a time."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from lingque.core.hashing import Int64s

CHUNK = 100_000
"""Rows whose bytes are in memory at a time."""

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


def csv(columns: Mapping[str, Any], *, encoding: str = "utf-8") -> Iterator[bytes]:
    """A header and one line per row; no value may need a quotation mark. `utf-8-sig` begins with a BOM."""
    table = pa.table(dict(columns))
    yield (",".join(columns) + "\n").encode(encoding)
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="none")
    for start in range(0, table.num_rows, CHUNK):
        target = io.BytesIO()
        pyarrow.csv.write_csv(table.slice(start, CHUNK), target, options)
        written = target.getvalue()
        yield written if encoding.startswith("utf-8") else written.decode().encode(encoding)


def parquet(columns: Mapping[str, Any]) -> Iterator[bytes]:
    target = io.BytesIO()
    pyarrow.parquet.write_table(pa.table(dict(columns)), target)
    yield target.getvalue()


def control(**values: object) -> Iterator[bytes]:
    """`key=value` lines."""
    yield "".join(f"{key}={value}\n" for key, value in values.items()).encode()


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
        field = self.field(name)
        write_digits(field[:, -2:], fen % 100)
        field[:, -3] = ord(".")
        whole = field[:, :-3]
        write_digits(whole, fen // 100)
        leading = np.cumsum(whole[:, :-1] != ord("0"), axis=1) == 0
        whole[:, :-1][leading] = SPACE

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


def write_digits(field: Bytes, values: Int64s) -> None:
    """Right-aligned decimal digits with leading zeros; what does not fit is cut off on the left."""
    rest = values.copy()
    for place in range(field.shape[1] - 1, -1, -1):
        rest, digit = np.divmod(rest, 10)
        field[:, place] = digit + ord("0")

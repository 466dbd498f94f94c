"""Bitmaps of a snapshot: for every true-or-false tag and every tag of few values, who has which value.

A bitmap has one bit per customer, in the order of the snapshot's file. What is kept of a tag are the bitmaps of the
customers whose value is at most v, one for each value v in ascending order; the last is of those who have any value. So
the customers within a range of values are two bitmaps, whatever the range, and those of one value too (range encoding,
Chan and Ioannidis 1998). Packed bits, not compressed: counting reads them as they lie on the disk.

The file lies beside the snapshot's file, is named for it and goes with it. It can always be made again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numba import njit
from numba.cpython.unsafe.numbers import trailing_zeros
from numpy.typing import NDArray

from lingque.catalog.definitions.tags import RESERVED_TAGS
from lingque.core.errors import WarehouseError
from lingque.core.hashing import Int64s
from lingque.warehouse.whole_files import made_whole

Words = NDArray[np.uint64]
"""One bit per customer, 64 to a word, the lowest bit first; bits beyond the last customer are 0."""
Value = bool | int | str

MOST_VALUES = 128
"""A tag of more values is counted from its column: its bitmaps would take more room than it does."""
_INDEXED = (pa.bool_(), pa.string(), pa.int64())
_UNKNOWN = 255
_FORMAT = 1
_BATCH = 131_072
_ALIGNED = 64
_lowest_bit: Any = trailing_zeros  # which takes its compiler as its first argument, for all that its type says


@dataclass(frozen=True, kw_only=True)
class _Place:
    """The values of a tag, and which row of the file's bitmaps is of the first."""

    values: tuple[Value, ...]
    first: int


class Bitmaps:
    """An opened file of bitmaps, mapped into memory. `ids` are the customers in the order of the bits."""

    def __init__(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                length = int.from_bytes(file.read(8), "little")
                head = json.loads(file.read(length))
            if head["format"] != _FORMAT:
                raise ValueError(f"form {head['format']}")
            self.customers: int = head["customers"]
            self._places = {
                name: _Place(values=tuple(values), first=first) for name, (first, values) in head["tags"].items()
            }
            begin, words = _aligned(8 + length), words_for(self.customers)
            self.ids: Int64s = np.memmap(path, np.int64, "r", begin, (self.customers,))
            bits = begin + _aligned(8 * self.customers)
            self._bits: Words = np.memmap(path, np.uint64, "r", bits, (head["bitmaps"], words))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise WarehouseError(
                f"the bitmaps {path} cannot be read: {error}", next_step="delete the file; it is made again when needed"
            ) from error

    def values(self, tag: str) -> tuple[Value, ...] | None:
        """The values that occur, in ascending order; None where the tag has no bitmaps."""
        place = self._places.get(tag)
        return None if place is None else place.values

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags that have bitmaps."""
        return tuple(self._places)

    def known(self, tag: str) -> Words:
        """Who has a value."""
        place = self._places[tag]
        return self._bits[place.first + len(place.values) - 1] if place.values else self.nobody()

    def among(self, tag: str, chosen: Sequence[bool]) -> Words:
        """Who has one of the chosen values: one flag per value of `values(tag)`."""
        first = self._places[tag].first
        found: Words | None = None
        for begin, end in _runs(chosen):
            run = self._bits[first + end]
            if begin > 0:
                run = np.bitwise_and(run, ~self._bits[first + begin - 1])
            found = run if found is None else np.bitwise_or(found, run)
        return self.nobody() if found is None else found

    def nobody(self) -> Words:
        return np.zeros(words_for(self.customers), np.uint64)

    def everybody(self) -> Words:
        return complement(self.nobody(), self.customers)


def complement(words: Words, customers: int) -> Words:
    """Everybody else."""
    others: Words = ~words
    if customers % 64:
        others[-1] &= np.uint64((1 << customers % 64) - 1)
    return others


def count_bits(words: Words) -> int:
    """How many customers."""
    return int(np.bitwise_count(words).sum(dtype=np.int64))


def pack(flags: NDArray[np.bool_]) -> Words:
    """One flag per customer as words."""
    packed = np.packbits(flags, bitorder="little")
    padded = np.zeros(8 * words_for(len(flags)), np.uint8)
    padded[: len(packed)] = packed
    return padded.view("<u8")


def unpack(words: Words, customers: int) -> NDArray[np.bool_]:
    """Words as one flag per customer (n,)."""
    flags: NDArray[np.bool_] = np.unpackbits(words.view(np.uint8), count=customers, bitorder="little").view(np.bool_)
    return flags


def ids_of(words: Words, ids: Int64s) -> Int64s:
    """Those of `ids`, one per customer, whose bits are set, in their order.

    Two threads, since what it takes is the reading of memory: all of `ids`, 80 MB of ten million customers, which one
    core cannot read in less than 5 ms. The room comes from Arrow's pool: to be given new pages takes as long again.
    """
    words = words.view()
    words.flags.writeable = False  # as mapped ones are: one compiled function for both
    half = len(words) // 2
    first = count_bits(words[:half])
    count = first + count_bits(words[half:])
    found: Int64s = np.ndarray((count,), np.int64, pa.allocate_buffer(8 * count))
    with ThreadPoolExecutor(1) as beside:
        done = beside.submit(_pick, words[:half], ids[: 64 * half], found[:first])
        _pick(words[half:], ids[64 * half :], found[first:])
        done.result()
    return found


@njit(nogil=True, cache=True)
def _pick(words: Any, ids: Any, found: Any) -> None:
    at = 0
    for place in range(len(words)):
        word = words[place]
        begin = 64 * place
        if word == ~np.uint64(0):
            for bit in range(64):
                found[at + bit] = ids[begin + bit]
            at += 64
        else:
            while word != 0:
                found[at] = ids[begin + np.int64(_lowest_bit(word))]
                at += 1
                word &= word - np.uint64(1)


def words_for(customers: int) -> int:
    return -(-customers // 64)


def build_bitmaps(file: Path, target: Path) -> None:
    """Make the bitmaps of a snapshot's Parquet file from its columns, one in memory at a time.

    Whoever reads `target` finds it whole or not at all. Raises `WarehouseError` where the disk is full.
    """
    places: dict[str, tuple[int, list[Value]]] = {}
    parts: list[Words] = []
    with pq.ParquetFile(file) as opened:
        customers = opened.metadata.num_rows
        ids = np.concatenate([np.zeros(0, np.int64), *(column.to_numpy() for column in _column(opened, "customer_id"))])
        for field in opened.schema_arrow:
            name = field.name
            if field.type not in _INDEXED or name in RESERVED_TAGS:
                continue
            coded = _coded(opened, name)
            if coded is None:
                continue
            values, codes = coded
            places[name] = (len(parts), values)
            parts += [pack(codes <= place) for place in range(len(values))]
    head = json.dumps({"format": _FORMAT, "customers": customers, "bitmaps": len(parts), "tags": places}).encode()
    with made_whole(target) as half, half.open("wb") as made:
        made.write(len(head).to_bytes(8, "little") + head)
        made.write(b"\0" * (_aligned(8 + len(head)) - 8 - len(head)))
        made.write(ids.tobytes() + b"\0" * (_aligned(ids.nbytes) - ids.nbytes))
        for bits in parts or [np.zeros(1, np.uint64)]:  # what is empty cannot be mapped
            made.write(bits.tobytes())


def _coded(file: pq.ParquetFile, name: str) -> tuple[list[Value], NDArray[np.uint8]] | None:
    """The values of a column in ascending order and each customer's place among them; None where they are too many."""
    seen: dict[Value, int] = {}
    codes = np.empty(file.metadata.num_rows, np.uint8)
    at = 0
    for column in _column(file, name):
        encoded = column.dictionary_encode()
        found: list[Value] = encoded.dictionary.to_pylist()
        for value in found:
            seen.setdefault(value, len(seen))
        if len(seen) > MOST_VALUES:
            return None
        table = np.array([*(seen[value] for value in found), _UNKNOWN], np.uint8)
        places = encoded.indices.fill_null(len(found)).to_numpy(zero_copy_only=False)
        codes[at : at + len(places)] = table[places]
        at += len(places)
    values = sorted(seen)
    ranks = np.full(_UNKNOWN + 1, _UNKNOWN, np.uint8)
    for rank, value in enumerate(values):
        ranks[seen[value]] = rank
    return values, ranks[codes]


def _column(file: pq.ParquetFile, name: str) -> list[pa.Array]:
    return [batch.column(0) for batch in file.iter_batches(_BATCH, columns=[name])]


def _runs(chosen: Sequence[bool]) -> list[tuple[int, int]]:
    """First and last place of each run of chosen values."""
    found: list[tuple[int, int]] = []
    for place, wanted in enumerate(chosen):
        if not wanted:
            continue
        if found and found[-1][1] == place - 1:
            found[-1] = (found[-1][0], place)
        else:
            found.append((place, place))
    return found


def _aligned(length: int) -> int:
    return -(-length // _ALIGNED) * _ALIGNED

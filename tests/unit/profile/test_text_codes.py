"""Texts as codes: of several files by one dictionary, and in their order; always what plain texts would say."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from lingque.profile.kernel.columns import Coded, in_one_dictionary

TEXTS = st.none() | st.sampled_from(["", "a", "A", "ab", "中", "é", "b"]) | st.text(max_size=2)
PIECE = st.tuples(st.lists(TEXTS, max_size=12), st.lists(st.text(max_size=2), max_size=5), st.booleans())


def piece(rows: list[str | None], unused: list[str], *, ordered: bool) -> pa.DictionaryArray:
    """These rows by a dictionary that holds other texts too, and may stand in their order."""
    texts = dict.fromkeys([*(row for row in rows if row is not None), *unused])
    dictionary = sorted(texts, key=str.encode) if ordered else list(texts)
    codes = [None if row is None else dictionary.index(row) for row in rows]
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(dictionary, pa.string()))


def read(coded: Coded) -> list[str | None]:
    values = [*coded.values.to_pylist(), None]
    return [values[code] for code in coded.codes]


@given(st.lists(PIECE, min_size=2, max_size=4))
def test_pieces_of_several_files_are_read_by_one_dictionary(
    pieces: list[tuple[list[str | None], list[str], bool]],
) -> None:
    column = pa.chunked_array([piece(rows, unused, ordered=ordered) for rows, unused, ordered in pieces])
    coded = in_one_dictionary(column)
    assert read(coded) == [row for rows, _, _ in pieces for row in rows]
    assert coded.codes.dtype == np.int32
    assert len(set(coded.values.to_pylist())) == len(coded.values)


@given(
    begin=st.sets(st.text(max_size=3), max_size=60),
    behind=st.lists(st.text(max_size=3), max_size=4, unique=True),
    data=st.data(),
)
def test_codes_are_put_in_the_order_of_their_texts(begin: set[str], behind: list[str], data: st.DataObject) -> None:
    values = [*sorted(begin, key=str.encode), *(text for text in behind if text not in begin)]
    codes = data.draw(st.lists(st.integers(0, len(values)), max_size=20))
    coded = Coded(codes=np.array(codes, np.int32), values=pa.array(values, pa.string()))
    ordered = coded.in_order()
    assert ordered.values.to_pylist() == sorted(values, key=str.encode)
    assert read(ordered) == read(coded)


def test_what_a_day_brings_finds_its_place_in_a_long_dictionary() -> None:
    values = [f"m{number:05d}" for number in range(0, 2_000, 2)]
    new = ["m00001", "a", "z", "m01997", "m00003"]
    coded = Coded(codes=np.arange(1_006, dtype=np.int32), values=pa.array([*values, *new]))
    ordered = coded.in_order()
    assert ordered.values.to_pylist() == sorted([*values, *new])
    assert read(ordered) == [*values, *new, None]

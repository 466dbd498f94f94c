"""Buckets and draws are promises for ever: golden values hold them through every release."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lingque.core.hashing import Int64s, bucket_of, canonical_json, digest_of, distinct, draw, mix64

GOLDEN_IDS = np.array([0, 1, 2, 42, -1, 2**63 - 1, -(2**63), 1234567890123456789], dtype=np.int64)
id_lists = st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=30)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def array(ids: list[int]) -> Int64s:
    return np.array(ids, dtype=np.int64)


def chi_square(counts: np.ndarray) -> float:
    expected = counts.sum() / len(counts)
    return float(((counts - expected) ** 2 / expected).sum())


def unlikely(degrees: int) -> float:
    """Five standard deviations above what χ² has on average."""
    return degrees + 5 * math.sqrt(2 * degrees)


@given(st.lists(st.integers(-3, 3) | st.integers(-(2**63), 2**63 - 1)))
def test_distinct_ids_are_ascending_and_each_there_once(ids: list[int]) -> None:
    given_ids = array(ids)
    assert distinct(given_ids).tolist() == sorted(set(ids))
    assert given_ids.tolist() == ids


def test_mixed_bits_are_those_of_every_release() -> None:
    assert mix64(GOLDEN_IDS).tolist() == [
        16294208416658607535, 10451216379200822465, 10905525725756348110, 13679457532755275413,
        16490336266968443936, 3055647633038352039, 5196802822362493915, 11026200465730903474,
    ]  # fmt: skip
    assert mix64(GOLDEN_IDS, seed=7).tolist()[:3] == [
        7191089600892374487,
        11409396526365357622,
        12587370737594032228,
    ]


def test_mixed_bits_are_those_of_the_published_splitmix64() -> None:
    """First outputs of the reference implementation from state 0: the state grows by the golden gamma each time."""
    gamma = 0x9E3779B97F4A7C15
    states = np.array([0, gamma, 2 * gamma % 2**64], dtype=np.uint64).view(np.int64)
    assert [f"{bits:016x}" for bits in mix64(states).tolist()] == [
        "e220a8397b1dcdaf",
        "6e789e6aa1b965f4",
        "06c45d188009454f",
    ]


def test_buckets_are_those_of_every_release() -> None:
    assert bucket_of(GOLDEN_IDS, buckets=256).tolist() == [226, 145, 151, 189, 228, 42, 72, 153]
    assert bucket_of(GOLDEN_IDS, buckets=1).tolist() == [0] * 8
    assert bucket_of(GOLDEN_IDS, buckets=2).tolist() == [1, 1, 1, 1, 1, 0, 0, 1]


def test_draws_are_those_of_every_release() -> None:
    assert [drawn.hex() for drawn in draw(GOLDEN_IDS, salt="idle/2026-06-01").tolist()] == [
        "0x1.747cc721e71e0p-6", "0x1.9cbeca5bade28p-2", "0x1.819aeee4f4c8fp-1", "0x1.5dfa1560b2068p-1",
        "0x1.ad347f42fe4acp-3", "0x1.dfe65159bf614p-1", "0x1.3ceb1c7a67754p-1", "0x1.04360db850c84p-3",
    ]  # fmt: skip


@given(id_lists, st.integers(0, 15))
def test_doubling_the_buckets_splits_each_in_two(ids: list[int], bits: int) -> None:
    before, after = bucket_of(array(ids), buckets=2**bits), bucket_of(array(ids), buckets=2 ** (bits + 1))
    assert (after // 2 == before).all()
    assert ((before >= 0) & (before < 2**bits)).all()


@pytest.mark.parametrize("buckets", [0, -4, 3, 6, 100, 255])
def test_the_number_of_buckets_is_a_power_of_two(buckets: int) -> None:
    with pytest.raises(ValueError, match=f"power of two, not {buckets}"):
        bucket_of(GOLDEN_IDS, buckets=buckets)


@given(id_lists, st.text(max_size=10), st.randoms(use_true_random=False))
def test_a_draw_depends_on_nobody_else(ids: list[int], salt: str, random) -> None:
    shuffled = random.sample(ids, len(ids))
    alone = {customer: draw(array([customer]), salt=salt)[0] for customer in ids}
    assert draw(array(shuffled), salt=salt).tolist() == [alone[customer] for customer in shuffled]
    assert all(0 <= drawn < 1 for drawn in alone.values())


def test_no_two_ids_mix_to_the_same_bits() -> None:
    ids = np.concatenate([np.arange(50_000), np.arange(50_000) << 40, -1 - np.arange(50_000)]).astype(np.int64)
    assert len(np.unique(mix64(ids))) == len(np.unique(ids))


@pytest.mark.parametrize("stride", [1, 2, 256, 2**32])
def test_ids_in_a_row_spread_evenly_over_buckets_and_draws(stride: int) -> None:
    ids = np.arange(100_000, dtype=np.int64) * stride
    assert chi_square(np.bincount(bucket_of(ids, buckets=256), minlength=256)) < unlikely(255)
    drawn = draw(ids, salt="even")
    assert chi_square(np.bincount((drawn * 100).astype(int), minlength=100)) < unlikely(99)


def test_two_salts_draw_independently() -> None:
    """Also salts that differ in one character, and also from the bucket: nobody is always the one held out."""
    ids = np.arange(100_000, dtype=np.int64)
    one, other = draw(ids, salt="idle/2026-06-01"), draw(ids, salt="idle/2026-06-02")
    joint = np.bincount((one * 10).astype(int) * 10 + (other * 10).astype(int), minlength=100)
    assert chi_square(joint) < unlikely(99)
    with_bucket = np.bincount((one * 10).astype(int) * 16 + bucket_of(ids, buckets=16), minlength=160)
    assert chi_square(with_bucket) < unlikely(159)


def test_a_digest_is_that_of_every_release() -> None:
    content = {"b": [1, 2.5, None, True], "a": "灵鹊"}
    assert canonical_json(content) == '{"a":"灵鹊","b":[1,2.5,null,true]}'
    assert digest_of(content) == "20faed2f7f864bf7a75617cce662bd9cd39d5b0487c19f6b485dfdd2958056c0"


@settings(max_examples=40)
@given(st.dictionaries(st.text(max_size=5), json_values, max_size=6), st.randoms(use_true_random=False))
def test_a_digest_does_not_depend_on_the_order_of_fields(content: dict[str, object], random) -> None:
    keys = random.sample(list(content), len(content))
    assert digest_of({key: content[key] for key in keys}) == digest_of(content)


@given(st.lists(json_values, min_size=2, max_size=5))
def test_a_digest_depends_on_the_order_of_lists_and_on_every_value(content: list[object]) -> None:
    turned = content[::-1]
    assert (digest_of(content) == digest_of(turned)) == (canonical_json(content) == canonical_json(turned))
    assert digest_of([*content, None]) != digest_of(content)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_json_cannot_say_has_no_digest(value: float) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        digest_of({"rate": value})

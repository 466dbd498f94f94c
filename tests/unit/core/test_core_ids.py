"""Surrogates say nothing; run ids say everything."""

from __future__ import annotations

from itertools import pairwise

import pytest

from lingque.core.ids import new_surrogate, run_id

CONTENT = {"as_of": "2026-06-01", "versions": {"transactions": 3}, "links": []}


def test_surrogates_are_positive_64_bit_numbers_that_do_not_repeat() -> None:
    surrogates = [new_surrogate() for _ in range(20_000)]
    assert len(set(surrogates)) == len(surrogates)
    assert all(0 < surrogate < 2**63 for surrogate in surrogates)


def test_surrogates_use_all_their_bits_and_no_order() -> None:
    surrogates = [new_surrogate() for _ in range(2_000)]
    seen = 0
    for surrogate in surrogates:
        seen |= surrogate
    assert seen == 2**63 - 1
    rising = sum(later > earlier for earlier, later in pairwise(surrogates))
    assert 800 < rising < 1_200


def test_the_same_work_has_the_same_id_in_every_release() -> None:
    assert run_id("snapshot", as_of="2026-06-01", n=3) == "snapshot-dc1844026a3d67f1db504853"
    assert run_id("snapshot", n=3, as_of="2026-06-01") == run_id("snapshot", as_of="2026-06-01", n=3)


@pytest.mark.parametrize(
    "other",
    [
        {**CONTENT, "as_of": "2026-06-02"},
        {**CONTENT, "versions": {"transactions": 4}},
        {**CONTENT, "links": [{"party_id": 1, "customer_id": 2}]},
        {**CONTENT, "after": None},
        {"as_of": "2026-06-01", "versions": {"transactions": 3}},
    ],
)
def test_other_work_has_another_id(other: dict[str, object]) -> None:
    assert run_id("snapshot", **other) != run_id("snapshot", **CONTENT)


def test_another_kind_of_work_has_another_id() -> None:
    assert run_id("ingest", **CONTENT) != run_id("snapshot", **CONTENT)

"""The score of a delivery: between 0 and 100, and lower whenever anything about the data is worse."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lingque.entry.show_data import sparkline
from lingque.ingest.quality import Observed, judge

counts = st.integers(0, 200)


@st.composite
def observations(draw: st.DrawFn) -> Observed:
    accepted, repeated, quarantined, dismissed = (draw(counts) for _ in range(4))
    return Observed(
        read=accepted + repeated + quarantined + dismissed,
        accepted=accepted,
        repeated=repeated,
        quarantined=quarantined,
        dismissed=dismissed,
        filled={name: draw(st.integers(0, accepted)) for name in ("a", "b")},
    )


histories = st.lists(observations(), max_size=9)


def observed(accepted: int, *, repeated: int = 0, quarantined: int = 0, filled: int | None = None) -> Observed:
    return Observed(
        read=accepted + repeated + quarantined,
        accepted=accepted,
        repeated=repeated,
        quarantined=quarantined,
        dismissed=0,
        filled={"a": accepted if filled is None else filled},
    )


@given(observations(), histories, st.booleans())
def test_a_score_lies_between_0_and_100_and_is_the_product_of_its_dimensions(
    one: Observed, before: list[Observed], has_volume: bool
) -> None:
    found = judge(one, before, has_volume=has_volume)
    assert 0 <= found.score <= 100
    product = 100.0
    for dimension in found.dimensions.values():
        assert 0 <= dimension <= 1
        product *= dimension
    assert found.score == pytest.approx(product)


@settings(max_examples=60)
@given(observations(), histories, st.sampled_from(["validity", "uniqueness", "completeness", "volume"]))
def test_the_score_falls_when_any_dimension_falls(one: Observed, before: list[Observed], worse: str) -> None:
    assume(one.accepted > 1)
    was = judge(one, before, has_volume=True)
    changes = {
        "validity": {"accepted": one.accepted, "quarantined": one.quarantined + 5, "read": one.read + 5},
        "uniqueness": {"repeated": one.repeated + 5, "read": one.read + 5},
        "completeness": {"filled": {"a": 0, "b": one.filled["b"]}},
        "volume": {
            "accepted": one.accepted - 1,
            "read": one.read - 1,
            "filled": {name: min(count, one.accepted - 1) for name, count in one.filled.items()},
        },
    }
    now = judge(replace(one, **changes[worse]), before, has_volume=True)  # type: ignore[arg-type]
    others = {name for name in was.dimensions if name != worse}
    assume(now.dimensions[worse] < was.dimensions[worse])
    assume(all(now.dimensions[name] <= was.dimensions[name] for name in others))
    assert now.score < was.score or was.score == 0


def test_each_dimension_is_what_the_page_says() -> None:
    usual = [observed(100)] * 3
    assert judge(observed(100), usual, has_volume=True).score == 100
    assert judge(observed(90, quarantined=10), [], has_volume=True).dimensions["validity"] == 0.9
    assert judge(observed(80, repeated=20), [], has_volume=True).dimensions["uniqueness"] == 0.8
    assert judge(observed(100, filled=25), usual, has_volume=True).dimensions["completeness"] == 0.25
    assert judge(observed(50), usual, has_volume=True).dimensions["volume"] == 0.5
    assert judge(observed(50), usual, has_volume=False).dimensions["volume"] == 1
    assert judge(observed(0), [], has_volume=True).score == 100
    assert judge(observed(0), usual, has_volume=True).score == 0


def test_dismissed_rows_are_not_held_against_the_data() -> None:
    clean = Observed(read=10, accepted=8, repeated=0, quarantined=0, dismissed=2, filled={})
    assert judge(clean, [], has_volume=True).score == 100


def test_an_optional_column_costs_only_when_it_loses_what_it_had() -> None:
    half = observed(100, filled=50)
    assert judge(half, [], has_volume=True).score == 100
    assert judge(half, [half] * 3, has_volume=True).score == 100
    assert judge(observed(100, filled=25), [half] * 3, has_volume=True).score == 50
    assert judge(observed(100, filled=0), [observed(100, filled=0)], has_volume=True).score == 100


def test_only_the_last_seven_deliveries_are_looked_at() -> None:
    before = [observed(1_000)] * 20 + [observed(100)] * 7
    assert judge(observed(100), before, has_volume=True).dimensions["volume"] == 1


def test_a_sparkline_shows_high_and_low() -> None:
    assert sparkline([100.0, 95.0, 100.0]) == "█▁█"
    assert sparkline([100.0, 0.0, 50.0]) in ("█▁▅", "█▁▄")
    assert sparkline([]) == ""

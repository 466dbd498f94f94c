"""Which data date a snapshot needs."""

from __future__ import annotations

from datetime import date

import pytest

from lingque.catalog.definitions.sources import LateRule
from lingque.ingest.lateness import needed_day


@pytest.mark.parametrize(
    ("every", "as_of", "needed"),
    [
        ("day", date(2026, 6, 1), date(2026, 5, 31)),
        ("weekday", date(2026, 6, 2), date(2026, 6, 1)),
        ("weekday", date(2026, 6, 1), date(2026, 5, 29)),  # Monday: Friday
        ("weekday", date(2026, 5, 31), date(2026, 5, 29)),  # Sunday: Friday
        ("weekday", date(2026, 5, 30), date(2026, 5, 29)),  # Saturday: Friday
    ],
)
def test_a_snapshot_needs_the_day_or_the_weekday_before(every: str, as_of: date, needed: date) -> None:
    assert needed_day(LateRule.model_validate({"every": every}), as_of) == needed

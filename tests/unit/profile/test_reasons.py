"""The rows told for a value are those that lie in its window, were known, and meet its condition."""

from __future__ import annotations

from datetime import date
from typing import Any

from hypothesis import given, settings

from lingque.catalog.build import build_catalog
from lingque.catalog.definitions import TagDefinition
from lingque.catalog.yaml_files import Located
from lingque.profile.why import MOST_ROWS, Reasons
from made_up_tags import AS_OF, CALENDAR, LABEL, MOMENT, WINDOWS, Facts, contract, facts_of

PAST = [window for window in WINDOWS if not window.startswith("next")]
CONDITION = "visits > 0 or city = 'a'"
CONTRACT = contract("event")


def counting(number: int, **asked: str) -> Located:
    said = {"tag": f"tag_{number}", "label": LABEL, "family": "value", "from": CONTRACT.contract, "value": "count(*)"}
    return Located(definition=TagDefinition.model_validate(said | asked), file="tags.yaml")


PLAIN = [counting(number, window=window) for number, window in enumerate(PAST)]
CHOOSING = [counting(100 + number, window=window, where=CONDITION) for number, window in enumerate(PAST)]
CATALOG = build_catalog([Located(definition=CONTRACT, file="tables.yaml"), *PLAIN, *CHOOSING])


def lies_in(row: dict[str, Any], window: str) -> bool:
    first, after = WINDOWS[window]
    begins = first == date.min or row["event_time"] >= CALENDAR.start_of(first)
    return begins and row["event_time"] < min(CALENDAR.start_of(after), MOMENT) and row["known_at"] <= MOMENT


@settings(max_examples=40)
@given(facts=facts_of("event_time"))
def test_rows_are_those_in_the_window_that_meet_the_condition(facts: Facts) -> None:
    newest_first = sorted(facts, key=lambda row: (row["event_time"], row["row_key"]), reverse=True)
    reasons = Reasons(CATALOG, {}, {CONTRACT.contract: newest_first}, as_of=AS_OF, calendar=CALENDAR)
    for number, window in enumerate(PAST):
        within = [row for row in newest_first if lies_in(row, window)]
        chosen = [row for row in within if (row["visits"] or 0) > 0 or row["city"] == "a"]
        for name, expected in ((f"tag_{number}", within), (f"tag_{100 + number}", chosen)):
            why = reasons.of(name)
            assert why.rows == len(expected), window
            assert [row["event_time"] for row in why.newest] == [row["event_time"] for row in expected[:MOST_ROWS]]

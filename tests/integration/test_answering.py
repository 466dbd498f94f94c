"""What is asked about one customer at a time: as the snapshot and the tables say, and nothing of the erased."""

from __future__ import annotations

from datetime import date

import pytest
from tiny_bank import AS_OF, CUSTOMERS, NOW, OTTO, Bank, customer_no, party_of

from lingque.bootstrap import Application
from lingque.core.clock import instant_of
from lingque.core.errors import NotFoundError
from lingque.flow import run_tags
from lingque.flow.tags import backfill_tags

pytestmark = pytest.mark.parametrize("controls", ["sqlite"], indirect=True)
MOMENT = instant_of(NOW)
TAGS = ("salary_3m", "latest_balance", "transactions_12m", "deposits_3m", "accounts_held", "idle_money")


def test_a_row_is_what_the_snapshot_says(loaded: Application) -> None:
    run_tags(loaded.services, AS_OF, OTTO)
    profile = loaded.services.profile
    with loaded.services.database.reading() as connection:
        rows = profile.tags_of(connection, AS_OF).to_pylist()
    assert len(rows) == CUSTOMERS
    for row in rows:
        assert profile.row_of(row["customer_id"], MOMENT, TAGS) == {name: row[name] for name in TAGS}
    assert profile.row_of(rows[0]["customer_id"], MOMENT, ()) == {}


def test_the_newest_snapshot_answers_whenever_the_others_are_made(loaded: Application) -> None:
    run_tags(loaded.services, AS_OF, OTTO)
    customer = party_of(loaded, customer_no(1))
    today = loaded.services.profile.row_of(customer, MOMENT, TAGS)
    list(backfill_tags(loaded.services, date(2026, 5, 11), date(2026, 5, 12), OTTO))
    assert loaded.services.profile.row_of(customer, MOMENT, TAGS) == today
    list(backfill_tags(loaded.services, date(2026, 9, 1), date(2026, 9, 1), OTTO))
    later = loaded.services.calendar.start_of(date(2026, 9, 1))
    assert loaded.services.profile.row_of(customer, later, TAGS)["salary_3m"] == 0


def test_what_nobody_knows_is_said(bank: Bank, loaded: Application) -> None:
    run_tags(loaded.services, AS_OF, OTTO)
    customer = party_of(loaded, customer_no(1))
    with pytest.raises(NotFoundError, match="nothing is known of that customer"):
        loaded.services.profile.row_of(7, MOMENT, TAGS)
    with pytest.raises(NotFoundError, match="tag 'salery_3m' is not in the snapshot as of 2026-06-01"):
        loaded.services.profile.row_of(customer, MOMENT, ("salery_3m",))


def test_before_anything_was_made_ready_it_is_said_what_to_do(defined: Application) -> None:
    with pytest.raises(NotFoundError, match="nothing was made ready"):
        defined.services.profile.row_of(1, MOMENT, TAGS)


def test_a_past_moment_is_not_answered_with_what_was_known_later(loaded: Application) -> None:
    run_tags(loaded.services, AS_OF, OTTO)
    customer = party_of(loaded, customer_no(1))
    with pytest.raises(NotFoundError, match="knows more than was known then"):
        loaded.services.profile.row_of(customer, loaded.services.calendar.start_of(date(2026, 5, 20)), TAGS)

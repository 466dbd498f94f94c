"""Prices are facts: versions follow one another, none changes, and a moment has the ones in force then."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy.exc import IntegrityError

from lingque.core.clock import Instant
from lingque.decide.allocation.prices import prices_in_force, publish_prices
from lingque.decide.tables import allocation_prices
from lingque.store.database import Database


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    database = Database(migrated_url)
    yield database
    database.close()


def test_every_version_is_in_force_until_the_next(database: Database) -> None:
    with database.transaction() as connection:
        first = publish_prices(
            connection, "day", rows={"budget": 1.25}, staff=(3.0, 0.0), source="plan", at=Instant(10)
        )
        second = publish_prices(connection, "day", rows={"budget": 1.5}, source="stream", at=Instant(20))
        other = publish_prices(connection, "night", rows={}, source="plan", at=Instant(15))
    assert (first.version, second.version, other.version) == (1, 2, 1)
    with database.reading() as connection:
        assert prices_in_force(connection, "day", at=Instant(9)) is None
        assert prices_in_force(connection, "day", at=Instant(10)) == first
        assert prices_in_force(connection, "day", at=Instant(19)) == first
        assert prices_in_force(connection, "day", at=Instant(20)) == second
        assert prices_in_force(connection, "noon", at=Instant(99)) is None


def test_two_who_publish_at_the_same_time_do_not_share_a_version(database: Database) -> None:
    with database.transaction() as connection:
        published = publish_prices(connection, "day", rows={"budget": 1.0}, source="plan", at=Instant(1))
    with pytest.raises(IntegrityError), database.transaction() as connection:
        connection.execute(
            allocation_prices.insert().values(
                scope="day", version=published.version, at=2, source="plan", prices={}, staff_prices=[]
            )
        )

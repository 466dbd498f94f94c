"""Tasks of people have a last day: after it nobody is waited for, and what was done in time still counts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from post_office import DUE, WAVE, Post

from lingque.core.clock import Instant
from lingque.core.reasons import Reason
from lingque.deliver.receipts import Statement
from lingque.testing import MemoryBatchChannel

DAY = 86_400_000_000


@pytest.fixture
def post(migrated_url: str) -> Iterator[Post]:
    made = Post(migrated_url)
    yield made
    made.close()


def pump(post: Post) -> MemoryBatchChannel:
    channel = MemoryBatchChannel(name="rm_call")
    post.outbox(channel).pump()
    return channel


def to_the_day_after(post: Post) -> None:
    post.clock.advance(post.calendar.start_of(DUE) + DAY - post.clock.now())


def test_on_its_last_day_a_task_is_open_and_on_the_next_it_has_expired(post: Post) -> None:
    (key,) = post.queue("rm_call", customers=[1])
    pump(post)
    post.clock.advance(post.calendar.start_of(DUE) + DAY - 1 - post.clock.now())
    pump(post)
    assert post.statuses() == {key: "assigned"}
    post.clock.advance(1)
    channel = pump(post)
    assert post.statuses() == {key: "expired"}
    assert post.fates().by_reason == {Reason.NOT_DONE_IN_TIME: 1}
    assert post.ledger.told[WAVE, 1, 1] == ["release"]
    assert channel.recalled == {}  # the list that the person has says its last day


def test_a_task_without_a_last_day_waits(post: Post) -> None:
    (key,) = post.queue("rm_call", customers=[1], due=None)
    pump(post)
    to_the_day_after(post)
    pump(post)
    assert post.statuses() == {key: "assigned"}


def test_what_was_done_in_time_and_told_late_counts(post: Post) -> None:
    done, silent = post.queue("rm_call", customers=[1, 2])
    pump(post)
    in_time = Instant(post.clock.now() + DAY)
    to_the_day_after(post)
    pump(post)
    with post.database.transaction() as connection:
        taken = post.receipts().take(
            connection, [Statement(row=1, key=done, outcome="done", at=in_time)], origin="monday.csv"
        )
    assert (taken.counted, taken.problems) == (1, ())
    assert post.statuses() == {done: "sent", silent: "expired"}
    assert post.ledger.told[WAVE, 1, 1] == ["release", "commit"]

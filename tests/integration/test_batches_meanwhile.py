"""What happens while batches and tasks are under way: withdrawals, nights, pauses, stops, a vault that fails."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from post_office import WAVE, Post, Receiver, file_drop
from power_cut import PowerCut, power_cut
from sqlalchemy import Connection

from lingque.core.errors import ChannelError, VaultError
from lingque.core.reasons import Reason, Refusal
from lingque.deliver.contracts import Batch, Message
from lingque.govern.contracts import Permit
from lingque.testing import MemoryBatchChannel, MemoryChannel


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "outgoing"


def test_a_withdrawal_between_death_and_the_next_pump_takes_the_message_out_and_says_so(
    post: Post, folder: Path
) -> None:
    """The receiver may have taken the first version: it gets the batch anew without the message, and a recall."""
    keys = post.queue("sms", customers=[1, 2, 3])
    channel = MemoryBatchChannel(after_hand_over=power_cut)
    with pytest.raises(PowerCut):
        post.outbox(channel).pump()
    post.withdraw(2, "sms")
    post.outbox(file_drop(folder)).pump()
    (batch_id,) = channel.batches
    taken = Receiver(folder).take()
    assert [row["key"] for row in taken[batch_id]] == [keys[0], keys[2]]
    assert [row["key"] for row in taken[f"cancelled_{batch_id}"]] == [keys[1]]
    assert post.statuses()[keys[1]] == "refused"


def test_a_withdrawal_cancels_a_task_that_nobody_has_done_yet(post: Post, folder: Path) -> None:
    keys = post.queue("rm_call", customers=[1, 2, 3])
    outbox = post.outbox(file_drop(folder, "rm_call"))
    outbox.pump()
    for customer in (1, 3):
        post.withdraw(customer, "rm_call")
        outbox.pump()
    assert post.statuses() == {keys[0]: "cancelled", keys[1]: "assigned", keys[2]: "cancelled"}
    ((name, rows),) = ((name, rows) for name, rows in Receiver(folder).take().items() if name.startswith("cancelled_"))
    assert rows == [
        {"key": keys[0], "route": "rm1", "at": "2026-06-01T02:00:00+00:00"},  # and not why
        {"key": keys[2], "route": "rm0", "at": "2026-06-01T02:00:00+00:00"},
    ]
    assert name.removeprefix("cancelled_") in Receiver(folder).take()
    assert post.ledger.told[WAVE, 1, 1] == ["release"]


def test_a_recall_that_could_not_be_written_is_written_by_the_next_pump(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise ChannelError("full", next_step="")

    post.queue("rm_call", customers=[1])
    post.outbox(MemoryBatchChannel(name="rm_call")).pump()
    post.withdraw(1, "rm_call")
    channel = MemoryBatchChannel(name="rm_call")
    with monkeypatch.context() as patch:
        patch.setattr(channel, "recall", full)
        with pytest.raises(ChannelError):
            post.outbox(channel).pump()
    post.outbox(channel).pump()
    (recalled,) = channel.recalled.values()
    assert len(recalled) == 1
    channel.recalled.clear()
    post.outbox(channel).pump()
    assert channel.recalled == {}


@pytest.mark.parametrize("name", ["sms", "email"])
def test_at_night_messages_wait_and_nothing_spins(name: str, post: Post) -> None:
    """Of two, one has lost its leave for good: that is told at once; the other goes by day."""
    channel = MemoryBatchChannel() if name == "sms" else MemoryChannel()
    keys = post.queue(name, customers=[1, 2, 3])
    post.withdraw(2, name)
    post.office.night = True
    done = post.outbox(channel).pump()
    assert (done.handled, done.held, done.paused) == (1, 2, 0)
    assert list(post.statuses().values()) == ["queued", "refused", "queued"]
    assert {row.attempts for row in post.rows().values()} == {0}
    post.office.night = False
    assert post.outbox(channel).pump().handled == 2
    assert post.statuses()[keys[0]] in ("handed_over", "sent")


def test_an_interrupted_batch_is_not_handed_over_at_night(post: Post) -> None:
    post.queue("sms", customers=[1, 2])
    with pytest.raises(PowerCut):
        post.outbox(MemoryBatchChannel(before_hand_over=power_cut)).pump()
    post.office.night = True
    channel = MemoryBatchChannel()
    post.outbox(channel).pump()
    assert channel.handed_over == 0
    post.office.night = False
    post.outbox(channel).pump()
    assert set(post.statuses().values()) == {"handed_over"}


@pytest.mark.parametrize("name", ["sms", "email"])
def test_a_paused_wave_waits_and_the_others_go(name: str, post: Post) -> None:
    channel = MemoryBatchChannel() if name == "sms" else MemoryChannel()
    for wave in (1, 2, 3):
        post.queue(name, customers=[1, 2], wave=wave)
    done = post.outbox(channel).pump(allowed_wave=lambda _connection, wave: wave != 2)
    assert (done.handled, done.paused) == (4, 2)
    assert post.fates(2).by_status == {"queued": 2}
    assert post.outbox(channel).pump().handled == 2


def test_stopping_a_wave_cancels_what_nobody_has_done_and_recalls_it(post: Post) -> None:
    calls, mails = MemoryBatchChannel(name="rm_call"), MemoryChannel()
    post.queue("rm_call", customers=[1, 2], wave=1)
    outbox = post.outbox(calls, mails)
    outbox.pump()
    post.queue("email", customers=[1, 2], wave=1)
    post.queue("email", customers=[1, 2], wave=2)
    with post.database.transaction() as connection:
        assert outbox.cancel(connection, 1, Reason.CAMPAIGN_STOPPED) == 4
    outbox.pump()
    assert post.fates(1).by_status == {"cancelled": 4}
    assert post.fates(1).by_reason == {Reason.CAMPAIGN_STOPPED: 4}
    assert post.fates(2).by_status == {"sent": 2}
    (recalled,) = calls.recalled.values()
    assert len(recalled) == 2
    with post.database.transaction() as connection:
        assert outbox.cancel(connection, 2, Reason.CAMPAIGN_STOPPED) == 0


def test_a_stop_while_a_batch_is_handed_over_is_not_overwritten(post: Post) -> None:
    """The batch is out, but what was stopped meanwhile stays stopped and is recalled."""
    post.queue("rm_call", customers=[1, 2])
    channel = MemoryBatchChannel(name="rm_call")
    outbox = post.outbox(channel)

    def stop(_batch: Batch) -> None:
        with post.database.transaction() as connection:
            assert outbox.cancel(connection, WAVE, Reason.CAMPAIGN_STOPPED) == 2

    channel.after_hand_over = stop
    outbox.pump()
    assert post.fates().by_status == {"cancelled": 2}
    assert [len(recalled) for recalled in channel.recalled.values()] == [2]


def test_a_stop_or_a_pause_while_mails_go_out_holds_from_the_next_one_on(post: Post) -> None:
    keys = {wave: post.queue("email", customers=[1, 2, 3], wave=wave) for wave in (1, 2)}
    channel = MemoryChannel()
    outbox = post.outbox(channel)
    paused: set[int] = set()

    def meanwhile(message: Message) -> None:
        if message.key == keys[1][0]:
            with post.database.transaction() as connection:
                assert outbox.cancel(connection, 1, Reason.CAMPAIGN_STOPPED) == 2
        if message.key == keys[2][1]:
            paused.add(2)

    channel.before_send = meanwhile
    done = outbox.pump(allowed_wave=lambda _connection, wave: wave not in paused)
    assert (done.handled, done.held, done.paused) == (3, 0, 1)
    assert post.fates(1).by_status == {"sent": 1, "cancelled": 2}
    assert post.fates(2).by_status == {"sent": 2, "queued": 1}
    assert list(channel.messages) == [keys[1][0], keys[2][0], keys[2][1]]


def test_a_vault_that_does_not_open_the_next_address_loses_no_fate(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mail before it was sent, and that is written down, though both share a transaction."""
    post.queue("email", customers=[1, 2, 3])
    opened = post.addresses.release_all

    def failing(connection: Connection, permits: Sequence[Permit]) -> list[str | Refusal]:
        if any(permit.customer_id == 2 for permit in permits):
            raise VaultError("the data key of party 2 is not there")
        return opened(connection, permits)

    with monkeypatch.context() as patch:
        patch.setattr(post.addresses, "release_all", failing)
        with pytest.raises(VaultError):
            post.outbox(MemoryChannel()).pump()
    assert list(post.statuses().values()) == ["sent", "queued", "queued"]
    assert post.ledger.told == {(WAVE, 1, 1): ["commit"]}
    post.outbox(MemoryChannel()).pump()
    assert post.fates().by_status == {"sent": 3}

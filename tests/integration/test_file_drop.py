"""Batches in a folder: what a receiver finds there, whatever dies, is withdrawn or is stopped in between."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

import post_office
import pytest
from killing import Workers, moments
from post_office import WAVE, Post, Receiver, file_drop, phone_of
from power_cut import PowerCut, power_cut
from sqlalchemy import Connection, select

from lingque.core.errors import ChannelError
from lingque.core.ids import CustomerId
from lingque.core.reasons import Reason, Refusal
from lingque.core.registries import Purpose
from lingque.deliver.contracts import Batch, Receipt
from lingque.deliver.outbox import spent
from lingque.deliver.tables import batches
from lingque.govern.contracts import OptOut, Permit
from lingque.testing import MemoryBatchChannel


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "outgoing"


def test_text_messages_are_handed_over_and_never_called_sent(post: Post, folder: Path) -> None:
    keys = post.queue("sms")
    assert post.outbox(file_drop(folder)).pump().handled == len(keys)
    taken = Receiver(folder).take()
    assert [len(rows) for rows in taken.values()] in ([5, 5, 2], [5, 2, 5], [2, 5, 5])
    rows = {row["key"]: row for batch in taken.values() for row in batch}
    assert rows.keys() == set(keys)
    assert rows[keys[0]] == {
        "key": keys[0],
        "phone": f"'{phone_of(1)}",
        "text": "【示例银行】到期的钱，可以续存。 拒收请回复R",
    }
    assert post.fates().by_status == {"handed_over": len(keys)}
    assert post.fates().sent == 0
    assert set(map(tuple, post.ledger.told.values())) == {("commit",)}
    assert post.outbox(file_drop(folder)).pump().handled == 0


def test_a_work_list_says_whom_to_call_why_and_how_to_record_a_refusal(post: Post, folder: Path) -> None:
    keys = post.queue("rm_call", customers=[4])
    post.outbox(file_drop(folder, "rm_call")).pump()
    ((row,),) = Receiver(folder).take().values()
    assert row == {
        "key": keys[0],
        "route": "rm1",
        "name": "客户4",
        "phone": f"'{phone_of(4)}",
        "offer": "到期续存",
        "words": "到期的钱，可以续存。",
        "why": "'=定期将到期",
        "due_by": "2026-06-15",
        "opt_out": "客户拒绝再被联系时，在回执中登记 opted_out",
    }
    assert post.fates().by_status == {"assigned": 1}
    assert post.ledger.told == {}  # its place stays reserved until somebody calls


def test_the_manifest_says_what_the_file_holds_and_only_the_owner_may_read(post: Post, folder: Path) -> None:
    post.queue("sms", customers=[1, 2])
    post.outbox(file_drop(folder)).pump()
    (path,) = folder.glob("*.manifest.json")
    manifest = json.loads(path.read_bytes())
    assert manifest["batch"] == path.name.removesuffix(".manifest.json")
    assert {name: manifest[name] for name in ("channel", "wave", "rows", "columns", "created_at")} == {
        "channel": "sms",
        "wave": WAVE,
        "rows": 2,
        "columns": ["key", "phone", "text"],
        "created_at": "2026-06-01T02:00:00+00:00",
    }
    assert (folder / manifest["file"]).read_bytes().startswith(b"\xef\xbb\xbfkey,phone,text")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


def test_leave_is_asked_for_every_message_of_a_batch(post: Post, folder: Path) -> None:
    keys = post.queue("sms", customers=[1, 2, 3])
    post.withdraw(2, "sms")
    assert post.outbox(file_drop(folder)).pump().handled == 3
    assert post.statuses() == {keys[0]: "handed_over", keys[1]: "refused", keys[2]: "handed_over"}
    assert post.fates().by_reason == {Reason.CONSENT_WITHDRAWN: 1}
    assert [row["key"] for row in next(iter(Receiver(folder).take().values()))] == [keys[0], keys[2]]
    assert post.ledger.told[WAVE, 2, 1] == ["release"]
    assert not list(folder.glob("cancelled_*"))  # it was never in a batch


def test_who_refuses_while_the_others_of_the_batch_are_opened_is_taken_out(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = post.queue("sms", customers=[1, 2, 3])
    opened = post.addresses.release_all

    def meanwhile(connection: Connection, permits: Sequence[Permit]) -> list[str | Refusal]:
        first = OptOut(customer_id=CustomerId(1), purpose=Purpose.MARKETING, channel="sms")
        post.opt_outs.withdraw(connection, first, at=post.clock.now(), evidence="one click")
        return opened(connection, permits)

    monkeypatch.setattr(post.addresses, "release_all", meanwhile)
    channel = MemoryBatchChannel()
    post.outbox(channel).pump()
    assert [[m.key for m in batch.messages] for batch in channel.batches.values()] == [keys[1:]]
    assert post.statuses()[keys[0]] == "refused"


def test_waves_that_were_queued_in_turns_all_go(post: Post) -> None:
    for customer in (1, 2, 3):
        for wave in (1, 2):
            post.queue("sms", customers=[customer], wave=wave)
    assert post.outbox(MemoryBatchChannel()).pump().handled == 6


def test_a_batch_holds_messages_of_one_wave_and_one_channel(post: Post) -> None:
    sms, calls = MemoryBatchChannel(name="sms"), MemoryBatchChannel(name="rm_call")
    for wave in (1, 2):
        post.queue("sms", customers=[1, 2], wave=wave)
    post.queue("rm_call", customers=[1], wave=1)
    post.outbox(sms, calls, batch_size=3).pump()
    assert sorted((batch.wave_id, len(batch.messages)) for batch in sms.batches.values()) == [(1, 2), (2, 2)]
    assert [batch.channel for batch in calls.batches.values()] == ["rm_call"]


@pytest.mark.parametrize("moment", ["before_hand_over", "after_hand_over"])
def test_what_died_while_handing_over_is_handed_over_again_as_the_same_batch(moment: str, post: Post) -> None:
    keys = post.queue("sms", customers=[1, 2, 3])
    channel = MemoryBatchChannel(**{moment: power_cut})
    with pytest.raises(PowerCut):
        post.outbox(channel).pump()
    assert set(post.statuses().values()) == {"sending"}
    first = dict(channel.batches)
    post.clock.advance(1_000_000)
    again = MemoryBatchChannel(batches=channel.batches)
    assert post.outbox(again).pump().handled == 3
    assert set(post.statuses().values()) == {"handed_over"}
    (batch,) = again.batches.values()
    assert [message.key for message in batch.messages] == keys
    assert first in ({}, again.batches)  # the same id, rows and moment: nothing differs


def test_writing_a_batch_again_gives_the_same_two_files(post: Post, folder: Path) -> None:
    def write_and_die(batch: Batch) -> None:
        file_drop(folder).hand_over(batch)
        raise PowerCut

    post.queue("sms", customers=[1, 2, 3])
    with pytest.raises(PowerCut):
        post.outbox(MemoryBatchChannel(before_hand_over=write_and_die)).pump()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    post.clock.advance(3_600_000_000)
    post.outbox(file_drop(folder)).pump()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert len(before) == 2


def test_a_call_can_be_made_without_knowing_the_name(post: Post) -> None:
    post.queue("rm_call", customers=[1])
    post.addresses.name_of = {}
    channel = MemoryBatchChannel(name="rm_call")
    post.outbox(channel).pump()
    ((message,),) = (batch.messages for batch in channel.batches.values())
    assert (message.name, message.address) == ("", phone_of(1))


def test_without_room_or_right_everything_stays_queued(
    post: Post, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = post.queue("sms", customers=[1, 2])

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(ChannelError, match="No space left on device") as stopped:
            post.outbox(file_drop(folder)).pump()
    assert "stays queued" in stopped.value.next_step
    assert list(folder.iterdir()) == []
    assert set(post.statuses().values()) == {"queued"}
    assert {row.attempts for row in post.rows().values()} == {0}
    with post.database.reading() as connection:
        assert connection.execute(select(batches)).all() == []
    post.outbox(file_drop(folder)).pump()
    assert [row["key"] for rows in Receiver(folder).take().values() for row in rows] == keys


def test_a_folder_that_others_can_read_is_not_used(post: Post, folder: Path) -> None:
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    post.queue("sms", customers=[1])
    with pytest.raises(ChannelError, match="others can read") as stopped:
        post.outbox(file_drop(folder)).pump()
    assert "chmod 700" in stopped.value.next_step
    assert set(post.statuses().values()) == {"queued"}


@pytest.mark.parametrize(("outcome", "ends"), [("failed", "failed"), ("again", "sending"), ("unknown", "sending")])
def test_what_a_batch_channel_answers_is_what_becomes_of_the_batch(outcome: str, ends: str, post: Post) -> None:
    class Answering(MemoryBatchChannel):
        def hand_over(self, batch: Batch) -> Receipt:
            super().hand_over(batch)
            return Receipt(outcome=outcome, reason=Reason.RECEIVER_REFUSED)  # type: ignore[arg-type]

    post.queue("sms", customers=[1, 2])
    post.outbox(Answering()).pump()
    assert set(post.statuses().values()) == {ends}
    channel = MemoryBatchChannel()
    post.outbox(channel).pump()
    assert channel.handed_over == (1 if ends == "sending" else 0)


def test_what_was_spent_counts_what_has_to_be_paid(post: Post) -> None:
    post.queue("sms")
    post.queue("rm_call", customers=[1, 2])
    post.withdraw(3, "sms")
    post.outbox(MemoryBatchChannel(), MemoryBatchChannel(name="rm_call")).pump()
    with post.database.reading() as connection:
        assert spent(connection, WAVE, {"sms": 5, "rm_call": 800, "email": 1}) == {"sms": 55, "rm_call": 0, "email": 0}
    assert post.fates().by_channel == {"rm_call": {"assigned": 2}, "sms": {"handed_over": 11, "refused": 1}}


@pytest.fixture(scope="module")
def handing_workers() -> Iterator[Workers]:
    made = Workers(Path(post_office.__file__))
    yield made
    made.close()


def test_a_handing_over_that_is_killed_again_and_again_loses_and_doubles_nothing(
    migrated_url: str, folder: Path, handing_workers: Workers
) -> None:
    post = Post(migrated_url, customers=60)
    keys = post.queue("sms") + post.queue("rm_call")
    receiver = Receiver(folder)
    job: list[str | int] = [migrated_url, str(folder), post.customers]
    codes = []
    for after in moments(4, 0.8):
        codes.append(handing_workers.do(job, kill_after=after))
        receiver.take()  # in the middle of it, as a gateway would
    assert -9 in codes
    assert handing_workers.do(job) == 0
    taken = [row["key"] for rows in receiver.take().values() for row in rows]
    assert sorted(taken) == sorted(keys)
    assert post.fates().by_channel == {"rm_call": {"assigned": 60}, "sms": {"handed_over": 60}}
    assert not list(folder.glob(".*"))
    post.close()

"""What comes back: each statement counts once, moves a status only forward, and a refusal is obeyed at once."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from post_office import MINUTE, WAVE, Post
from sqlalchemy import func, select
from tiny_bank import CAMPAIGN, LAN, LIN, OTTO, Bank, audit_of
from typer.testing import CliRunner

from lingque.core.clock import Instant
from lingque.core.errors import SourceError
from lingque.core.reasons import Reason, Refusal
from lingque.deliver.receipts import OUTCOMES, Outcome, Statement, Taken
from lingque.deliver.tables import deliveries, receipts
from lingque.engage.service import newest_plan
from lingque.entry.cli import app
from lingque.flow.messages import send_messages, status_of_messages
from lingque.flow.receipts import ReceiptReport, read_receipts
from lingque.govern.tables import consents
from lingque.testing import MemoryBatchChannel, MemoryChannel


@pytest.fixture
def post(migrated_url: str) -> Iterator[Post]:
    made = Post(migrated_url, customers=3)
    yield made
    made.close()


def out(post: Post, channel: str) -> list[str]:
    """Messages that have gone out, a minute ago."""
    keys = post.queue(channel)
    post.outbox(MemoryChannel() if channel == "email" else MemoryBatchChannel(name=channel)).pump()
    post.clock.advance(MINUTE)
    return keys


def take(post: Post, *said: tuple[str, Outcome], at: Instant | None = None, note: str = "") -> Taken:
    statements = [
        Statement(row=row, key=key, outcome=outcome, at=at or post.clock.now(), note=note)
        for row, (key, outcome) in enumerate(said, start=1)
    ]
    with post.database.transaction() as connection:
        return post.receipts().take(connection, statements, origin="gateway.csv")


def recorded(post: Post) -> int:
    with post.database.reading() as connection:
        return connection.execute(select(func.count()).select_from(receipts)).scalar_one()


@pytest.mark.parametrize(
    ("channel", "said", "ends"),
    [
        ("sms", ["delivered"], "delivered"),
        ("sms", ["opened"], "delivered"),
        ("sms", ["clicked", "delivered"], "delivered"),
        ("sms", ["answered", "delivered"], "answered"),
        ("sms", ["opted_out", "delivered"], "answered"),
        ("sms", ["failed", "delivered"], "failed"),
        ("sms", ["delivered", "failed"], "delivered"),
        ("sms", ["expired"], "expired"),
        ("email", ["failed"], "failed"),
        ("email", ["delivered", "opened", "answered"], "answered"),
        ("rm_call", ["done"], "sent"),
        ("rm_call", ["done", "answered"], "answered"),
        ("rm_call", ["answered", "done"], "answered"),
        ("rm_call", ["declined", "expired"], "declined"),
        ("rm_call", ["expired", "done"], "sent"),
        ("rm_call", ["done", "expired"], "sent"),
        ("rm_call", ["failed"], "failed"),
    ],
)
def test_a_status_moves_only_forward(channel: str, said: list[Outcome], ends: str, post: Post) -> None:
    keys = out(post, channel)
    for outcome in said:
        assert take(post, (keys[0], outcome)).counted == 1
    assert post.statuses()[keys[0]] == ends
    assert post.statuses()[keys[1]] in {"sent", "handed_over", "assigned"}


def test_whatever_comes_in_whatever_order_an_answer_is_not_undone(post: Post) -> None:
    """Every pair of statements after an answer leaves it an answer."""
    (key, *_) = out(post, "sms")
    take(post, (key, "answered"))
    for n, pair in enumerate(itertools.product(OUTCOMES, repeat=2)):
        take(post, *((key, outcome) for outcome in pair), at=Instant(post.clock.now() - n))
        assert post.statuses()[key] == "answered"


def test_a_statement_counts_once_under_whatever_name_and_row_it_comes_again(post: Post) -> None:
    keys = out(post, "sms")
    first = take(post, (keys[0], "delivered"), (keys[0], "delivered"), (keys[1], "delivered"))
    assert (first.counted, first.repeated) == (2, 1)
    again = take(post, (keys[1], "delivered"), (keys[0], "delivered"))
    assert (again.counted, again.repeated) == (0, 2)
    assert recorded(post) == 2


def test_an_opt_out_withdraws_that_consent_from_its_moment_on(post: Post) -> None:
    keys = out(post, "sms")
    moment = Instant(post.clock.now() - 10)
    take(post, (keys[0], "opted_out"), at=moment)
    assert post.fates().by_reason == {Reason.RECEIVER_OPTED_OUT: 1}
    post.queue("sms", wave=8)
    post.queue("rm_call", wave=8)
    post.outbox(MemoryBatchChannel(), MemoryBatchChannel(name="rm_call")).pump()
    assert post.fates(8).by_channel["sms"] == {"handed_over": 2, "refused": 1}
    assert post.fates(8).by_channel["rm_call"] == {"assigned": 3}  # refusing texts is not refusing calls


@pytest.mark.parametrize("off", [-400 * 24 * 60 * MINUTE, 60 * MINUTE])
def test_a_refusal_is_heard_whatever_clock_it_was_written_by(off: int, post: Post) -> None:
    """And by whatever message: one that still waits dies."""
    key, *_ = post.queue("sms")
    assert take(post, (key, "opted_out"), at=Instant(post.clock.now() + off)).problems == ()
    assert post.statuses()[key] == "queued"
    post.outbox(MemoryBatchChannel()).pump()
    assert post.fates().by_status == {"refused": 1, "handed_over": 2}


def test_a_late_opt_out_does_not_undo_a_consent_given_after_it(post: Post) -> None:
    keys = out(post, "sms")
    refused_at = post.clock.now()
    post.clock.advance(2 * MINUTE)
    with post.database.transaction() as connection:
        row = dict(connection.execute(select(consents).where(consents.c.party_id == 1)).mappings().one())
        row.update(origin="anew", acted_at=refused_at + MINUTE)
        row.pop("consent_id")
        connection.execute(consents.insert().values(row))
    take(post, (keys[0], "opted_out"), at=refused_at)
    post.queue("sms", wave=8)
    post.outbox(MemoryBatchChannel()).pump()
    assert post.fates(8).by_status == {"handed_over": 3}


def test_a_call_counts_only_where_there_was_leave_when_it_was_made(post: Post) -> None:
    keys = out(post, "rm_call")
    before = post.clock.now()
    post.clock.advance(MINUTE)
    for customer in (1, 2):
        post.withdraw(customer, "rm_call")
    post.clock.advance(MINUTE)
    assert take(post, (keys[0], "done"), at=before).problems == ()  # made before the withdrawal, reported after it
    taken = take(post, (keys[1], "done"), (keys[2], "done"))
    assert [(problem.row, problem.reason) for problem in taken.problems] == [(1, Reason.WRONG_STATE)]
    assert post.statuses() == {keys[0]: "sent", keys[1]: "refused", keys[2]: "sent"}
    assert post.fates().by_reason == {Reason.CONSENT_WITHDRAWN: 1}
    assert post.ledger.told == {(WAVE, 1, 1): ["commit"], (WAVE, 2, 1): ["release"], (WAVE, 3, 1): ["commit"]}


def test_a_call_made_after_its_task_was_cancelled_is_kept_and_shown(post: Post) -> None:
    keys = out(post, "rm_call")
    post.withdraw(1, "rm_call")
    post.outbox(MemoryBatchChannel(name="rm_call")).pump()
    taken = take(post, (keys[0], "done"))
    assert (taken.counted, [problem.reason for problem in taken.problems]) == (1, [Reason.WRONG_STATE])
    assert post.statuses()[keys[0]] == "cancelled"
    assert recorded(post) == 1


@pytest.mark.parametrize(
    ("channel", "outcome"), [("sms", "done"), ("email", "declined"), ("rm_call", "delivered"), ("rm_call", "opened")]
)
def test_what_cannot_be_said_of_a_channel_is_a_problem(channel: str, outcome: Outcome, post: Post) -> None:
    keys = out(post, channel)
    taken = take(post, (keys[0], outcome))
    assert (taken.counted, [(p.field, p.reason) for p in taken.problems]) == (0, [("outcome", Reason.WRONG_STATE)])
    assert recorded(post) == 0


def test_what_cannot_have_happened_is_a_problem(post: Post) -> None:
    keys = out(post, "sms")
    queued = post.queue("sms", wave=8)
    assert [p.field for p in take(post, (keys[0], "delivered"), at=Instant(post.clock.now() + 1)).problems] == ["at"]
    early = Instant(post.clock.now() - 2 * MINUTE)
    assert [p.field for p in take(post, (keys[0], "delivered"), at=early).problems] == ["at"]
    assert [p.reason for p in take(post, (queued[0], "delivered")).problems] == [Reason.WRONG_STATE]
    assert [p.reason for p in take(post, ("7-9-x-1-sms", "delivered")).problems] == [Reason.UNKNOWN_REFERENCE]
    assert recorded(post) == 0


def test_the_ledger_hears_of_every_end_once(post: Post) -> None:
    keys = out(post, "rm_call")
    for outcome in ("declined", "expired", "declined"):
        take(post, (keys[0], outcome), at=Instant(post.clock.now() - len(outcome)))
    take(post, (keys[1], "done"), (keys[1], "answered"))
    assert post.ledger.told == {(WAVE, 1, 1): ["release"], (WAVE, 2, 1): ["commit"]}


def test_a_mail_of_unknown_fate_that_was_delivered_is_not_sent_again(post: Post) -> None:
    (key, *_) = post.queue("email", customers=[1])

    def cut(_message: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        post.outbox(MemoryChannel(before_send=cut)).pump()
    take(post, (key, "delivered"))
    channel = MemoryChannel()
    assert post.outbox(channel).pump().handled == 0
    assert channel.transmissions == 0


def test_what_somebody_wrote_about_a_customer_is_sealed(post: Post) -> None:
    keys = out(post, "rm_call")
    take(post, (keys[0], "done"), note="王女士，电话 13800000001")
    with post.database.reading() as connection:
        sealed = connection.execute(select(receipts.c.sealed_note)).scalar_one()
    assert b"13800000001" not in sealed
    assert post.vault.open_note(sealed) == "王女士，电话 13800000001"


# ---- files


@pytest.fixture
def sent(sent_bank: Bank) -> Bank:
    return sent_bank


def keys_of(bank: Bank) -> list[str]:
    with bank.open() as application, application.services.database.reading() as connection:
        return list(
            connection.execute(select(deliveries.c.message_key).order_by(deliveries.c.delivery_id).limit(6)).scalars()
        )


def read(bank: Bank, content: str | bytes) -> ReceiptReport:
    file = bank.folder / "receipts.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    with bank.open() as application:
        report = read_receipts(application.services, file, OTTO)
    assert not isinstance(report, Refusal)
    return report


def test_a_file_with_bad_rows_loses_none_of_the_good_ones_and_counts_once(sent: Bank) -> None:
    sent.clock.advance(60 * MINUTE)
    a, b, c, d, *_ = keys_of(sent)
    lines = [
        b"\xef\xbb\xbfkey,outcome,at,note",
        f"{a},delivered,2026-06-01T10:30:00+08:00,".encode(),
        f"{b},answered,2026-06-01 10:30:00,好的".encode(),  # the business time zone
        f"{c},flown,2026-06-01 10:30:00,".encode(),
        f"{d},delivered,yesterday,".encode(),
        b"1-2-nothing-1-email,delivered,2026-06-01 10:30:00,",
        b"\xff\xfe,delivered,2026-06-01 10:30:00,",
        f",delivered,2026-06-01 10:30:00,{a}".encode(),
        f"{c},delivered,2026-06-31 10:30:00,".encode(),
        f"{c},delivered".encode(),
        f'{d},opened,2026-06-01T02:30:00Z,"two\nlines, one row"'.encode(),
    ]
    report = read(sent, b"\r\n".join(lines))
    assert (report.read, report.counted, report.repeated) == (10, 3, 0)
    assert [(problem.row, problem.field, problem.reason) for problem in report.problems] == [
        (3, "outcome", Reason.VALUE_NOT_ALLOWED),
        (4, "at", Reason.NOT_A_TIMESTAMP),
        (5, "key", Reason.UNKNOWN_REFERENCE),
        (6, "key", Reason.VALUE_NOT_ALLOWED),
        (7, "key", Reason.MISSING_VALUE),
        (8, "at", Reason.NOT_A_TIMESTAMP),
        (9, "at", Reason.MISSING_VALUE),
    ]
    assert (read(sent, b"\r\n".join(lines)).counted, report.repeated) == (0, 0)
    with sent.open() as application:
        with application.services.database.reading() as connection:
            wave = newest_plan(connection, CAMPAIGN).wave_id
        fates = status_of_messages(application.services, wave, LIN)
        assert not isinstance(fates, Refusal)
        assert (fates.by_status["delivered"], fates.by_status["answered"]) == (2, 1)
        assert [trace.detail["counted"] for trace in audit_of(application.services, "read_receipts")] == [3, 0]


def test_a_file_that_is_no_file_of_receipts_is_refused_as_a_whole(sent: Bank) -> None:
    with pytest.raises(SourceError, match="no column outcome, at") as stopped:
        read(sent, "key;outcome;at\n".replace(";outcome;at", ""))
    assert "nothing of it was taken" in stopped.value.next_step
    with sent.open() as application, pytest.raises(SourceError, match="cannot be read"):
        read_receipts(application.services, Path("missing.csv"), OTTO)


def test_who_may_and_who_may_not(sent: Bank, tmp_path: Path) -> None:
    with sent.open() as application:
        services = application.services
        nobody = replace(LAN, roles=frozenset())
        for refusal in (
            read_receipts(services, tmp_path / "x.csv", LAN),
            send_messages(services, OTTO),
            status_of_messages(services, 1, nobody),
        ):
            assert isinstance(refusal, Refusal)
            assert refusal.reason is Reason.ROLE_NOT_ALLOWED
        assert len(audit_of(services, "refused_send_messages")) == 1


def test_the_commands(sent: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent.clock.advance(60 * MINUTE)
    monkeypatch.setattr("lingque.bootstrap.SystemClock", lambda: sent.clock)
    file = tmp_path / "r.csv"
    file.write_text(f"key,outcome,at\n{keys_of(sent)[0]},delivered,2026-06-01 10:30\nx,delivered,2026-06-01 10:30\n")

    def run(*command: str) -> str:
        result = CliRunner().invoke(app, ["messages", *command, "-w", str(sent.folder)])
        assert result.exit_code == 0, result.output
        return result.output

    told = run("receipts", str(file), "--as", "otto")
    assert "新增 1" in told
    assert "UNKNOWN_REFERENCE" in told
    assert "已送达" in run("status", CAMPAIGN, "--as", "lin")
    assert "已送达" in run("status", "--wave", "1", "--as", "lin")
    assert "处理 0 条" in run("send", "--as", "lin")
    assert CliRunner().invoke(app, ["messages", "status", "--as", "lin", "-w", str(sent.folder)]).exit_code == 2

"""One suite for everything that calls itself a channel: the fake, and e-mail to a real server; and one for batches."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from email.header import decode_header, make_header
from email.utils import parseaddr
from pathlib import Path
from typing import Any

import pytest
from post_office import Receiver, file_drop

from lingque.core.clock import Instant
from lingque.core.errors import ChannelError
from lingque.core.reasons import Reason
from lingque.deliver.contracts import Batch, BatchChannel, Channel, Message, Recalled, Receipt
from lingque.deliver.smtp import SmtpChannel, SmtpSettings
from lingque.entry.mailbox import Mailbox, open_mailbox
from lingque.testing import MemoryBatchChannel, MemoryChannel

BOUNCING = "gone@mail.example"
SENDER = "灵鹊银行 “Lingque” <Bank>"
CUSTOMER = "7777777777777"


def message(n: int = 1, **changed: str) -> Message:
    values = {
        "key": f"1-{CUSTOMER}{n}-offer-1-email",
        "address": f"client{n}@mail.example",
        "subject": "活期里的钱 — more interest ✓",
        "body": "您好！\n\n一行\n.\n..two dots\nFrom here\n" + "长" * 1200 + "\nEnd\n",
        "opt_out_url": f"https://bank.example/u/{'x' * 120}{n}",
    }
    return Message(**{**values, **changed})


class Receiving:
    """A channel and what arrives at its other end, whichever kind it is."""

    def __init__(self, channel: Channel, received: Callable[[], list[tuple[str, str, str, str]]]) -> None:
        self.channel = channel
        self.received = received  # address, subject, body, identity of the message


def memory() -> Iterator[Receiving]:
    channel = MemoryChannel(bouncing=[BOUNCING])
    yield Receiving(channel, lambda: [(m.address, m.subject, m.body, m.key) for m in channel.messages.values()])


def smtp_settings(port: int) -> SmtpSettings:
    return SmtpSettings(host="127.0.0.1", port=port, from_address="news@bank.example", from_name=SENDER)


def smtp() -> Iterator[Receiving]:
    mailbox = Mailbox(bouncing=[BOUNCING])
    with open_mailbox(mailbox) as port:
        channel = SmtpChannel(smtp_settings(port))

        def received() -> list[tuple[str, str, str, str]]:
            return [(m.address, text_of(m.mail["Subject"]), m.mail.get_content(), m.message_id) for m in mailbox.mails]

        yield Receiving(channel, received)
        channel.close()


def text_of(header: Any) -> str:
    return str(make_header(decode_header(str(header))))


@pytest.fixture(params=[memory, smtp])
def receiving(request: pytest.FixtureRequest) -> Iterator[Receiving]:
    yield from request.param()


def test_a_message_arrives_as_it_was_written(receiving: Receiving) -> None:
    assert receiving.channel.send(message()) == Receipt(outcome="sent")
    ((address, subject, body, _),) = receiving.received()
    assert (address, subject) == (message().address, message().subject)
    assert body.replace("\r\n", "\n").rstrip("\n") == message().body.rstrip("\n")


def test_a_key_sent_twice_is_one_message_to_the_receiver(receiving: Receiving) -> None:
    assert receiving.channel.honours_key
    for _ in range(2):
        assert receiving.channel.send(message()).outcome == "sent"
    assert len(receiving.received()) == 1


def test_two_keys_are_two_messages(receiving: Receiving) -> None:
    for n in (1, 2, 3):
        assert receiving.channel.send(message(n, address="one@mail.example")).outcome == "sent"
    assert len({identity for *_, identity in receiving.received()}) == 3


def test_an_address_that_is_refused_has_failed_and_the_next_goes_on(receiving: Receiving) -> None:
    receipt = receiving.channel.send(message(1, address=BOUNCING))
    assert (receipt.outcome, receipt.reason) == ("failed", Reason.RECEIVER_REFUSED)
    assert BOUNCING not in receipt.note
    assert receiving.channel.send(message(2)).outcome == "sent"
    assert [address for address, *_ in receiving.received()] == [message(2).address]


@pytest.mark.parametrize("address", ["客户@例子.cn", "üser@mail.example", "a b@mail.example", "not-an-address", ""])
def test_no_address_makes_the_channel_raise(address: str, receiving: Receiving) -> None:
    """One message that cannot be sent must not stop all those behind it."""
    assert receiving.channel.send(message(1, address=address)).outcome in {"sent", "failed"}
    assert receiving.channel.send(message(2)).outcome == "sent"


def test_closing_is_quiet_also_before_the_first_message(receiving: Receiving) -> None:
    assert receiving.channel.name == "email"


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def channel(mailbox: Mailbox) -> Iterator[SmtpChannel]:
    with open_mailbox(mailbox) as port:
        channel = SmtpChannel(smtp_settings(port))
        yield channel
        channel.close()


def test_a_mail_says_who_sends_it_and_how_to_refuse_it_with_one_click(channel: SmtpChannel, mailbox: Mailbox) -> None:
    channel.send(message())
    (received,) = mailbox.mails
    name, address = parseaddr(str(received.mail["From"]))
    assert (text_of(name), address) == (SENDER, "news@bank.example")
    assert received.mail["List-Unsubscribe"] == f"<{message().opt_out_url}>"
    assert received.mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert received.mail["Auto-Submitted"] == "auto-generated"
    assert received.mail["To"] == message().address


def test_the_opt_out_link_stands_on_one_plain_line_of_the_wire(channel: SmtpChannel) -> None:
    raw = channel.mail(message())
    assert f"\r\nList-Unsubscribe: <{message().opt_out_url}>\r\n".encode() in raw
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    assert raw.isascii()


def test_the_message_id_is_the_same_for_a_key_and_does_not_tell_the_customer(channel: SmtpChannel) -> None:
    def id_of(raw: bytes) -> bytes:
        return next(line for line in raw.split(b"\r\n") if line.lower().startswith(b"message-id:"))

    first, again, other = (id_of(channel.mail(message(n))) for n in (1, 1, 2))
    assert first == again != other
    assert first.endswith(b"@bank.example>")
    assert CUSTOMER.encode() not in channel.mail(message())


def test_a_line_break_cannot_smuggle_a_header(channel: SmtpChannel, mailbox: Mailbox) -> None:
    for evil in ({"subject": "x\r\nBcc: all@bank.example"}, {"address": "a@b.example\r\nBcc: all@bank.example"}):
        try:
            channel.send(message(**evil))
        except ValueError:
            continue
    for received in mailbox.mails:
        assert received.mail["Bcc"] is None
        assert received.address != "all@bank.example"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_without_a_server_the_channel_cannot_be_used() -> None:
    channel = SmtpChannel(smtp_settings(free_port()))
    with pytest.raises(ChannelError, match="no mail server answers") as stopped:
        channel.send(message())
    assert "stays queued" in stopped.value.next_step
    channel.close()


def test_a_server_that_comes_back_is_used_again(mailbox: Mailbox) -> None:
    port = free_port()
    channel = SmtpChannel(smtp_settings(port))
    with open_mailbox(mailbox, port=port):
        assert channel.send(message(1)).outcome == "sent"
    lost: list[str] = []
    try:
        lost.append(channel.send(message(2)).outcome)
    except ChannelError:
        lost.append("down")
    assert lost in (["unknown"], ["down"])
    with open_mailbox(mailbox, port=port):
        assert channel.send(message(2)).outcome == "sent"
        channel.close()
    assert [received.address for received in mailbox.mails] == [message(1).address, message(2).address]


def test_closing_after_the_server_went_away_is_quiet(mailbox: Mailbox) -> None:
    with ExitStack() as stack:
        port = stack.enter_context(open_mailbox(mailbox))
        channel = SmtpChannel(smtp_settings(port))
        channel.send(message())
    channel.close()


def batch(*numbers: int, batch_id: str = "sms-1-a") -> Batch:
    messages = tuple(message(n, body=f'{n}: 有，逗号，和\n换行 "quoted"') for n in numbers)
    return Batch(batch_id=batch_id, channel="sms", wave_id=1, made_at=Instant(0), messages=messages)


class Taking:
    """A batch channel and what its receiver has taken: per batch the key and words of each row."""

    def __init__(
        self,
        channel: BatchChannel,
        taken: Callable[[], dict[str, list[tuple[str, str]]]],
        recalled: Callable[[], dict[str, list[str]]],
    ) -> None:
        self.channel = channel
        self.taken = taken
        self.recalled = recalled


def in_memory(_folder: Path) -> Taking:
    channel = MemoryBatchChannel()
    return Taking(
        channel,
        lambda: {name: [(m.key, m.body) for m in entry.messages] for name, entry in channel.batches.items()},
        lambda: {name: [r.key for r in entries] for name, entries in channel.recalled.items()},
    )


def in_a_folder(folder: Path) -> Taking:
    receiver = Receiver(folder / "outgoing")

    def taken() -> dict[str, list[tuple[str, str]]]:
        files = receiver.take().items()
        return {n: [(r["key"], r["text"]) for r in rows] for n, rows in files if not n.startswith("cancelled_")}

    def recalled() -> dict[str, list[str]]:
        files = receiver.take().items()
        return {
            n.removeprefix("cancelled_"): [r["key"] for r in rows] for n, rows in files if n.startswith("cancelled_")
        }

    return Taking(file_drop(receiver.folder), taken, recalled)


@pytest.fixture(params=[in_memory, in_a_folder])
def taking(request: pytest.FixtureRequest, tmp_path: Path) -> Taking:
    made: Taking = request.param(tmp_path)
    return made


def test_a_batch_arrives_as_it_was_put_together(taking: Taking) -> None:
    assert isinstance(taking.channel, BatchChannel)
    assert taking.channel.hand_over(batch(1, 2)) == Receipt(outcome="sent")
    assert taking.taken() == {"sms-1-a": [(m.key, m.body) for m in batch(1, 2).messages]}


def test_a_batch_handed_over_again_takes_the_place_of_the_first(taking: Taking) -> None:
    for numbers in ((1, 2, 3), (1, 2, 3), (1, 3)):
        taking.channel.hand_over(batch(*numbers))
        assert [key for key, _ in taking.taken()["sms-1-a"]] == [m.key for m in batch(*numbers).messages]
    taking.channel.hand_over(batch())
    assert taking.taken() == {"sms-1-a": []}


def test_two_ids_are_two_batches(taking: Taking) -> None:
    taking.channel.hand_over(batch(1))
    taking.channel.hand_over(batch(2, batch_id="sms-1-b"))
    assert {name: len(rows) for name, rows in taking.taken().items()} == {"sms-1-a": 1, "sms-1-b": 1}


def test_what_is_recalled_is_stated_beside_the_batch_and_grows(taking: Taking) -> None:
    taking.channel.hand_over(batch(1, 2))
    gone = [Recalled(key=f"k{n}", route="rm1", at=Instant(n)) for n in (1, 2)]
    for count in (1, 2, 2):
        taking.channel.recall("sms-1-a", gone[:count])
        assert taking.recalled() == {"sms-1-a": [f"k{n}" for n in (1, 2)[:count]]}
    assert len(taking.taken()["sms-1-a"]) == 2
    taking.channel.close()

"""Leave is asked again before each send; one message is one message whatever dies in between."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from killing import Workers, moments
from sqlalchemy import func, select, text, update
from tiny_bank import CAMPAIGN, LAWFUL, LIN, Bank, audit_of, customer_no, email_of, party_of

from lingque.bootstrap import Application
from lingque.core.ids import CustomerId
from lingque.core.reasons import Reason, Refusal
from lingque.core.registries import Purpose
from lingque.deliver.contracts import Fates, Message, Receipt
from lingque.deliver.outbox import MAX_ATTEMPTS, Outbox, fates_of
from lingque.deliver.tables import deliveries
from lingque.engage.service import newest_plan
from lingque.engage.tables import contacts
from lingque.entry.mailbox import Mailbox, open_mailbox
from lingque.flow import run_campaign
from lingque.govern.contracts import OptOut
from lingque.testing import MemoryChannel


class PowerCut(BaseException):
    """Nobody catches it."""


@pytest.fixture
def bank(queued_bank: Bank) -> Bank:
    return queued_bank


@pytest.fixture
def queued(bank: Bank) -> Iterator[Application]:
    with bank.open() as application:
        yield application


@pytest.fixture
def few(queued: Application) -> Application:
    """Only six of them."""
    sixth = rows(queued)[5].delivery_id
    with queued.services.database.transaction() as connection:
        connection.execute(deliveries.delete().where(deliveries.c.delivery_id > sixth))
    return queued


def rows(application: Application) -> list[Any]:
    with application.services.database.reading() as connection:
        return list(connection.execute(select(deliveries).order_by(deliveries.c.delivery_id)))


def fates(application: Application) -> Fates:
    with application.services.database.reading() as connection:
        return fates_of(connection, newest_plan(connection, CAMPAIGN).wave_id)


def pump(application: Application) -> int:
    return application.services.open_outbox().pump().handled


def withdraw(application: Application, customer: int) -> None:
    services = application.services
    gone = OptOut(customer_id=CustomerId(customer), purpose=Purpose.MARKETING, channel="email")
    with services.database.transaction() as connection:
        services.opt_outs.withdraw(connection, gone, at=services.clock.now(), evidence="one click")


def addresses(application: Application) -> set[str]:
    """Of everybody chosen, by this bank's own list."""
    customer_of = {party_of(application, customer_no(n)): email_of(n) for n in LAWFUL}
    return {customer_of[row.customer_id] for row in rows(application)}


def test_a_channel_that_is_down_leaves_everything_queued(bank: Bank, queued: Application) -> None:
    assert fates(queued).by_status == {"queued": len(rows(queued))}
    assert {row.attempts for row in rows(queued)} == {0}
    assert bank.channel.messages == {}


def test_everybody_chosen_gets_one_message_with_sender_and_opt_out(bank: Bank, queued: Application) -> None:
    expected = addresses(queued)
    assert pump(queued) == len(expected) > 20
    assert fates(queued).by_status == {"sent": len(expected)}
    assert {message.address for message in bank.channel.messages.values()} == expected
    for message in bank.channel.messages.values():
        assert "示例银行 Example Bank" in message.body
        assert "95555" in message.body
        assert f"请点击退订：{message.opt_out_url}" in message.body
    assert pump(queued) == 0
    assert bank.channel.transmissions == len(expected)
    assert len(audit_of(queued.services, "release_address")) >= len(expected)


def test_the_link_in_a_message_withdraws_the_consent_it_came_by(bank: Bank, queued: Application) -> None:
    pump(queued)
    message = next(iter(bank.channel.messages.values()))
    link = queued.services.opt_outs.read(message.opt_out_url.rpartition("/u/")[2])
    assert link is not None
    assert email_of(next(n for n in LAWFUL if party_of(queued, customer_no(n)) == link.customer_id)) == message.address


def test_a_withdrawal_while_queued_kills_the_message(bank: Bank, queued: Application) -> None:
    victim = rows(queued)[3]
    withdraw(queued, victim.customer_id)
    pump(queued)
    assert fates(queued).by_reason == {Reason.CONSENT_WITHDRAWN: 1}
    assert victim.message_key not in bank.channel.messages
    (trace,) = audit_of(queued.services, "refuse_send")
    assert trace.subject == f"customer {victim.customer_id}"
    assert trace.detail == {"message": victim.message_key, "reason": "CONSENT_WITHDRAWN"}


def test_a_withdrawal_between_two_sends_kills_the_second(bank: Bank, queued: Application) -> None:
    order = rows(queued)
    last = order[-1]

    def meanwhile(message: Message) -> None:
        if message.key == order[-2].message_key:
            withdraw(queued, last.customer_id)

    bank.channel.before_send = meanwhile
    pump(queued)
    assert last.message_key not in bank.channel.messages
    assert fates(queued).by_status == {"sent": len(order) - 1, "refused": 1}


def test_an_address_that_is_gone_by_then_is_a_refusal(bank: Bank, queued: Application) -> None:
    with queued.services.database.transaction() as connection:
        connection.execute(text("DELETE FROM vault_identifiers WHERE kind = 'email'"))
    pump(queued)
    assert fates(queued).by_reason == {Reason.ADDRESS_MISSING: len(rows(queued))}


def test_a_bounce_is_final_and_the_rest_goes_on(bank: Bank, queued: Application) -> None:
    bank.channel.bouncing = [next(iter(addresses(queued)))]
    pump(queued)
    assert fates(queued).by_status == {"sent": len(rows(queued)) - 1, "failed": 1}
    assert fates(queued).by_reason == {Reason.RECEIVER_REFUSED: 1}


class Failing(MemoryChannel):
    """Gives the same answer to the first `times` sends of every message."""

    def __init__(self, outcome: str, times: int, *, honours_key: bool) -> None:
        super().__init__(honours_key=honours_key)
        self.outcome, self.times, self.tries = outcome, times, dict[str, int]()

    def send(self, message: Message) -> Receipt:
        self.tries[message.key] = self.tries.get(message.key, 0) + 1
        if self.tries[message.key] <= self.times:
            return Receipt(outcome=self.outcome, reason=Reason.FATE_UNKNOWN)  # type: ignore[arg-type]
        return super().send(message)


@pytest.mark.parametrize(
    ("outcome", "times", "honours_key", "tries", "ends"),
    [
        ("again", 1, False, 2, "sent"),
        ("again", MAX_ATTEMPTS - 1, False, MAX_ATTEMPTS, "sent"),
        ("again", 99, False, MAX_ATTEMPTS, "failed"),
        ("unknown", 1, True, 2, "sent"),
        ("unknown", 99, True, MAX_ATTEMPTS, "unknown"),
        ("unknown", 1, False, 1, "unknown"),
        ("failed", 99, True, 1, "failed"),
    ],
)
def test_what_is_tried_again_and_how_often(
    outcome: str,
    times: int,
    honours_key: bool,
    tries: int,
    ends: str,
    bank: Bank,
    few: Application,
) -> None:
    bank.channel = Failing(outcome, times, honours_key=honours_key)
    with bank.open() as application:
        pump(application)
        assert fates(application).by_status == {ends: len(rows(application))}
        assert set(bank.channel.tries.values()) == {tries}
        assert pump(application) == 0


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("honours_key", [True, False])
def test_a_crash_while_sending_is_settled_by_the_next_pump(
    moment: str,
    honours_key: bool,
    bank: Bank,
    few: Application,
) -> None:
    """The fate is unknown; the message is sent again only to a receiver that knows it by its key."""
    order = rows(few)
    victim = order[2].message_key

    class Dying(MemoryChannel):
        def send(self, message: Message) -> Receipt:
            if message.key != victim or self.transmissions > 2:
                return super().send(message)
            if moment == "after":
                super().send(message)
            self.transmissions = 3
            raise KeyboardInterrupt

    bank.channel = Dying(honours_key=honours_key)
    with bank.open() as application:
        with pytest.raises(KeyboardInterrupt):
            pump(application)
        assert [row.status for row in rows(application)][:4] == ["sent", "sent", "sending", "queued"]
    with bank.open() as application:
        pump(application)
        by_key = {row.message_key: row for row in rows(application)}
        assert by_key.pop(victim).status == ("sent" if honours_key else "unknown")
        assert {row.status for row in by_key.values()} == {"sent"}
        if not honours_key:
            assert fates(application).by_reason == {Reason.FATE_UNKNOWN: 1}
    assert (victim in bank.channel.messages) == (honours_key or moment == "after")
    assert len(bank.channel.messages) >= len(order) - 1


def test_a_message_that_kills_the_process_is_not_tried_for_ever(bank: Bank, few: Application) -> None:
    victim = rows(few)[0].message_key

    class Deadly(MemoryChannel):
        def send(self, message: Message) -> Receipt:
            if message.key == victim:
                raise KeyboardInterrupt
            return super().send(message)

    bank.channel = Deadly()
    for _ in range(MAX_ATTEMPTS):
        with bank.open() as application, pytest.raises(KeyboardInterrupt):
            pump(application)
    with bank.open() as application:
        pump(application)
        by_key = {row.message_key: row for row in rows(application)}
        assert by_key.pop(victim).status == "unknown"
        assert {row.status for row in by_key.values()} == {"sent"}


def test_other_channels_messages_are_let_be(bank: Bank, queued: Application) -> None:
    with queued.services.database.transaction() as connection:
        connection.execute(update(deliveries).values(channel="sms"))
    assert pump(queued) == 0
    assert fates(queued).by_status == {"queued": len(rows(queued))}


def test_a_contact_is_written_once(queued: Application) -> None:
    pump(queued)
    assert not isinstance(run_campaign(queued.services, CAMPAIGN, LIN), Refusal)
    with queued.services.database.reading() as connection:
        assert connection.execute(select(func.count()).select_from(contacts)).scalar_one() == len(rows(queued))


def test_progress_counts_every_message(bank: Bank, queued: Application) -> None:
    seen: list[int] = []
    queued.services.open_outbox().pump(progress=seen.append)
    assert seen == list(range(1, len(rows(queued)) + 1))
    assert isinstance(queued.services.open_outbox(), Outbox)


def test_a_sending_that_is_killed_again_and_again_reaches_everybody_once(bank: Bank, workers: Workers) -> None:
    """Exactly one distinct mail for each, none missing, at a real mail server."""
    mailbox = Mailbox()
    with open_mailbox(mailbox) as port:
        codes = [workers.work(bank, campaign=CAMPAIGN, port=port, kill_after=after) for after in moments(3, 0.6)]
        assert -9 in codes
        assert workers.work(bank, campaign=CAMPAIGN, port=port) == 0
    with bank.open() as application:
        expected = addresses(application)
        assert fates(application).by_status == {"sent": len(expected)}
    assert sorted(mail.address for mail in mailbox.mails) == sorted(expected)
    assert len({mail.message_id for mail in mailbox.mails}) == len(expected)

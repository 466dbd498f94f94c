"""An outbox over a bare control database: customers are numbers, and may be contacted once they have consented."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bank_process import main
from sqlalchemy import Connection, select

from lingque.core.clock import BusinessCalendar, Instant, instant_of
from lingque.core.hashing import Int64s
from lingque.core.ids import CustomerId, PartyId
from lingque.core.reasons import Reason, Refusal
from lingque.core.registries import DataClass, Purpose
from lingque.deliver.compose import Sender
from lingque.deliver.contracts import AnyChannel, Content, Fates, Outgoing
from lingque.deliver.file_drop import RM_COLUMNS, SMS_COLUMNS, FileDropChannel
from lingque.deliver.moves import Moves
from lingque.deliver.outbox import Outbox, enqueue, fates_of
from lingque.deliver.receipts import Receipts
from lingque.deliver.tables import deliveries
from lingque.govern.audit import Audit
from lingque.govern.contracts import ConsentEntry, OptOut, Permit, PermitAsk, PermitSet, Subject
from lingque.govern.opt_out import OptOutLinks
from lingque.govern.permits import PermitOffice
from lingque.store.database import Database
from lingque.testing import FixedClock, MemoryAddresses, MemoryLedger, memory_vault

NOW = datetime(2026, 6, 1, 2, 0, tzinfo=UTC)
MINUTE = 60_000_000
WAVE = 7
CONTENT = Content(subject="", body="到期的钱，可以续存。", language="zh")
DUE = date(2026, 6, 15)


class Office:
    """The permit office, with a night that can be made to fall."""

    def __init__(self, office: PermitOffice) -> None:
        self.office = office
        self.night = False

    def permit(self, connection: Connection, customer_id: CustomerId, ask: PermitAsk) -> Permit | Refusal:
        judged = self.office.permit(connection, customer_id, ask)
        if self.night and isinstance(judged, Permit):
            return Refusal(reason=Reason.QUIET_HOURS, detail="night")
        return judged

    def permit_set(self, connection: Connection, customer_ids: Int64s, ask: PermitAsk) -> PermitSet:
        return self.office.permit_set(connection, customer_ids, ask)

    def permit_sets(self, connection: Connection, customer_ids: Int64s, asks: Sequence[PermitAsk]) -> list[PermitSet]:
        return self.office.permit_sets(connection, customer_ids, asks)

    def next_open(self, moment: Instant) -> Instant:
        return moment


def phone_of(customer: int) -> str:
    return f"+86138{customer:08}"


@dataclass
class Post:
    """A control database with an outbox on it."""

    url: str
    customers: int = 12
    clock: FixedClock = field(default_factory=lambda: FixedClock(instant_of(NOW)))
    ledger: MemoryLedger = field(default_factory=MemoryLedger)

    def __post_init__(self) -> None:
        self.database = Database(self.url)
        self.calendar = BusinessCalendar(ZoneInfo("Asia/Shanghai"))
        self.audit = Audit(self.clock)
        self.office = Office(PermitOffice(self.clock, self.calendar))
        self.vault = memory_vault(self.database, self.audit)
        self.opt_outs = OptOutLinks(self.vault, self.office.office, self.audit)
        everybody = range(1, self.customers + 1)
        self.addresses = MemoryAddresses(
            address_of={n: phone_of(n) for n in everybody}, name_of={n: f"客户{n}" for n in everybody}
        )

    def outbox(self, *channels: AnyChannel, batch_size: int = 5) -> Outbox:
        return Outbox(
            database=self.database,
            channels={channel.name: channel for channel in channels},
            permits=self.office,
            addresses=self.addresses,
            opt_outs=self.opt_outs,
            ledger=self.ledger,
            audit=self.audit,
            sender=Sender(name="示例银行", contact="95555", opt_out_base="http://bank.example"),
            clock=self.clock,
            calendar=self.calendar,
            batch_size=batch_size,
        )

    def receipts(self) -> Receipts:
        return Receipts(
            moves=Moves(ledger=self.ledger, clock=self.clock),
            permits=self.office,
            withdrawals=self.opt_outs,
            identifiers=self.vault,
            audit=self.audit,
            clock=self.clock,
        )

    def queue(self, channel: str, *, customers: Iterable[int] = (), wave: int = WAVE, **changed: Any) -> list[str]:
        """Consents and a message for each (by default everybody); their keys."""
        chosen = list(customers) or list(range(1, self.customers + 1))
        self.consent(chosen, channel)
        messages = [
            Outgoing(
                **{
                    "wave_id": wave,
                    "customer_id": CustomerId(n),
                    "offer": "renewal",
                    "step": 1,
                    "channel": channel,
                    "purpose": Purpose.MARKETING,
                    "data_classes": DataClass.PERSONAL,
                    "content": CONTENT,
                    "route": f"rm{n % 3}",
                    "label": "到期续存",
                    "why": "=定期将到期",
                    "due": DUE,
                    **changed,
                }
            )
            for n in chosen
        ]
        with self.database.transaction() as connection:
            enqueue(connection, messages, clock=self.clock)
        return [message.key for message in messages]

    def consent(self, customers: Iterable[int], channel: str) -> None:
        listed = [PartyId(n) for n in customers]
        moment = Instant(self.clock.now() - MINUTE)
        with self.database.transaction() as connection:
            self.office.office.record_subjects(
                connection,
                [Subject(party_id=n, customer_id=CustomerId(n), birth_date=date(1980, 1, 1)) for n in listed],
            )
            self.office.office.record_consents(
                connection,
                [
                    ConsentEntry(
                        party_id=n,
                        purpose=Purpose.MARKETING,
                        channel=channel,
                        data_classes=DataClass(0),
                        action="give",
                        acted_at=moment,
                        wording_version="v1",
                        evidence="branch",
                        origin=f"{n}/{channel}",
                    )
                    for n in listed
                ],
            )

    def withdraw(self, customer: int, channel: str) -> None:
        gone = OptOut(customer_id=CustomerId(customer), purpose=Purpose.MARKETING, channel=channel)
        with self.database.transaction() as connection:
            self.opt_outs.withdraw(connection, gone, at=self.clock.now(), evidence="by word of mouth")

    def rows(self) -> dict[str, Any]:
        """Every message by its key."""
        with self.database.reading() as connection:
            found = connection.execute(select(deliveries).order_by(deliveries.c.delivery_id)).all()
        return {row.message_key: row for row in found}

    def statuses(self) -> dict[str, str]:
        return {key: row.status for key, row in self.rows().items()}

    def fates(self, wave: int = WAVE) -> Fates:
        with self.database.reading() as connection:
            return fates_of(connection, wave)

    def close(self) -> None:
        self.database.close()


def file_drop(folder: Path, name: str = "sms") -> FileDropChannel:
    return FileDropChannel(folder, name=name, columns=RM_COLUMNS if name == "rm_call" else SMS_COLUMNS)


class Receiver:
    """Takes from the folder as a gateway does: only what has a manifest that agrees, a batch by its id."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.taken: dict[str, list[dict[str, str]]] = {}

    def take(self) -> Mapping[str, list[dict[str, str]]]:
        for path in sorted(self.folder.glob("*.manifest.json")) if self.folder.exists() else []:
            manifest = json.loads(path.read_bytes())
            content = (self.folder / manifest["file"]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == manifest["sha256"]
            rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
            assert len(rows) == manifest["rows"]
            self.taken[manifest["file"].removesuffix(".csv")] = rows
        return self.taken


def work(url: str, folder: str, customers: int) -> None:
    """Hand over whatever waits; done in a child that is killed."""
    post = Post(url, customers=customers)
    post.outbox(file_drop(Path(folder)), file_drop(Path(folder), "rm_call")).pump()
    post.close()


if __name__ == "__main__":
    main(work)

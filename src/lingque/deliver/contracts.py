"""What crosses the border of `deliver`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal, Protocol, runtime_checkable

from sqlalchemy import Connection

from lingque.core.clock import Instant
from lingque.core.ids import CustomerId
from lingque.core.labels import Label, Language
from lingque.core.reasons import Reason
from lingque.core.registries import DataClass, Purpose
from lingque.govern.contracts import UNSTATED, Grounds, OptOut

Status = Literal[
    "queued",
    "sending",
    "handed_over",
    "assigned",
    "sent",
    "delivered",
    "answered",
    "declined",
    "expired",
    "failed",
    "refused",
    "cancelled",
    "unknown",
]

STATUS_LABELS: dict[Status, Label] = {
    "queued": Label(zh="排队中", en="queued"),
    "sending": Label(zh="发送中", en="being sent"),
    "handed_over": Label(zh="已交付网关", en="handed over to the gateway"),
    "assigned": Label(zh="已派单，待执行", en="assigned, to be done by a person"),
    "sent": Label(zh="已发送", en="sent"),
    "delivered": Label(zh="已送达", en="delivered"),
    "answered": Label(zh="客户已回应", en="answered"),
    "declined": Label(zh="执行人员放弃", en="declined by the person who was to do it"),
    "expired": Label(zh="逾期", en="expired"),
    "failed": Label(zh="未能送达", en="failed"),
    "refused": Label(zh="发送前许可被拒", en="refused at the moment of sending"),
    "cancelled": Label(zh="已取消", en="cancelled"),
    "unknown": Label(zh="结果未知", en="fate unknown"),
}

REACHED: frozenset[Status] = frozenset({"sent", "delivered", "answered"})
"""It is known that the contact was made. Handing over never counts as sent."""

COSTING: frozenset[Status] = REACHED | {"handed_over", "unknown"}
"""What has to be paid: contacts made, those the gateway has taken, and those that may have gone out. A task that is
only assigned has cost nobody's time yet."""

BY_PEOPLE = frozenset({"rm_call"})
"""Channels on which a person makes the contact: what is handed over is a task, and counts when it is done."""

BATCH_SIZE = 1_000
"""Messages of a batch, at most: whoever withdraws meanwhile waits while so many permits are asked, a few seconds."""


@dataclass(frozen=True, kw_only=True)
class Content:
    """The words of a message before the sender's footer is added."""

    subject: str
    body: str
    language: Language


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """One message to be queued. The key (wave, customer, offer, step, channel) makes it one message for ever.

    For a contact that people make: `route` says to whom the task goes, `label` names the offer, `why` says why this
    customer, and `due` is the last day on which it makes sense.
    """

    wave_id: int
    customer_id: CustomerId
    offer: str
    step: int
    channel: str
    purpose: Purpose
    data_classes: DataClass
    content: Content
    grounds: Grounds = UNSTATED
    route: str = ""
    label: str = ""
    why: str = ""
    due: date | None = None

    @property
    def key(self) -> str:
        """The idempotency key: the same contact always has the same."""
        return f"{self.wave_id}-{self.customer_id}-{self.offer}-{self.step}-{self.channel}"


@dataclass(frozen=True, kw_only=True)
class Message:
    """What a channel sends. `key` identifies it to the receiver; `opt_out_url` refuses all of its kind.

    `route` to `opt_out` are for a person who makes the contact; `opt_out` says how to record a refusal.
    """

    key: str
    address: str
    subject: str
    body: str
    opt_out_url: str
    route: str = ""
    name: str = ""
    label: str = ""
    why: str = ""
    due: date | None = None
    opt_out: str = ""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Messages of one wave that are handed over together. The id was fixed when they were first put together."""

    batch_id: str
    channel: str
    wave_id: int
    made_at: Instant
    messages: tuple[Message, ...]


@dataclass(frozen=True, kw_only=True)
class Recalled:
    """A message that left a batch after it may have been handed over: nobody is to act on it any more.

    It does not say why: some reasons are nobody's business outside compliance.
    """

    key: str
    route: str
    at: Instant


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What became of a send. `again` is worth trying later, `failed` is not, `unknown` may have arrived."""

    outcome: Literal["sent", "again", "failed", "unknown"]
    reason: Reason | None = None
    note: str = ""


class Channel(Protocol):
    """Speaks one protocol, a message at a time. `send` never raises for a single message; `honours_key` says whether
    a receiver that gets the same key twice treats it as one message."""

    name: str
    honours_key: bool

    def send(self, message: Message) -> Receipt: ...

    def close(self) -> None: ...


@runtime_checkable
class BatchChannel(Protocol):
    """Hands batches over to a receiver to whom two batches of one id are one, the later in the place of the earlier.

    `hand_over` raises `ChannelError` only where nothing of that call is left with the receiver. `recall` states all
    that has left a batch so far; stating it again changes nothing.
    """

    name: str

    def hand_over(self, batch: Batch) -> Receipt: ...

    def recall(self, batch_id: str, recalled: Sequence[Recalled]) -> None: ...

    def close(self) -> None: ...


AnyChannel = Channel | BatchChannel


class ContactLedger(Protocol):
    """Counts how often a customer is contacted; called in the transaction that changes the message's status.

    `commit`: the contact was made, or may have been. `release`: it will not be made.
    """

    def commit(self, connection: Connection, wave_id: int, customer_id: int, step: int) -> None: ...

    def release(self, connection: Connection, wave_id: int, customer_id: int, step: int) -> None: ...


class Withdrawals(Protocol):
    """Takes a customer's refusal, effective from the moment on that it was made."""

    def withdraw(self, connection: Connection, opt_out: OptOut, *, at: Instant, evidence: str) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Pumped:
    """What one pump did: messages brought on, those held by quiet hours, and those of waves that may not send now."""

    handled: int
    held: int
    paused: int


@dataclass(frozen=True, kw_only=True)
class Fates:
    """How many messages of a wave have which status, and why those not sent were not."""

    by_status: dict[Status, int]
    by_reason: dict[Reason, int]
    by_channel: Mapping[str, Mapping[Status, int]] = field(default_factory=dict)

    @property
    def sent(self) -> int:
        """Contacts of which it is known that they were made."""
        return sum(self.by_status.get(status, 0) for status in REACHED)

    @property
    def waiting(self) -> int:
        """Messages that have not left yet; tasks that people have are not among them."""
        return self.by_status.get("queued", 0) + self.by_status.get("sending", 0)

"""What crosses the border of `deliver`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from lingque.core.ids import CustomerId
from lingque.core.labels import Language
from lingque.core.reasons import Reason
from lingque.core.registries import DataClass, Purpose

Status = Literal["queued", "sending", "sent", "failed", "refused", "unknown"]


@dataclass(frozen=True, kw_only=True)
class Content:
    """The words of a message before the sender's footer is added."""

    subject: str
    body: str
    language: Language


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """One message to be queued. The key (wave, customer, offer, step) makes it one message for ever."""

    wave_id: int
    customer_id: CustomerId
    offer: str
    step: int
    channel: str
    purpose: Purpose
    data_classes: DataClass
    content: Content

    @property
    def key(self) -> str:
        """The idempotency key: the same contact always has the same."""
        return f"{self.wave_id}-{self.customer_id}-{self.offer}-{self.step}-{self.channel}"


@dataclass(frozen=True, kw_only=True)
class Message:
    """What a channel sends. `key` identifies it to the receiver; `opt_out_url` refuses all of its kind."""

    key: str
    address: str
    subject: str
    body: str
    opt_out_url: str


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What became of a send. `again` is worth trying later, `failed` is not, `unknown` may have arrived."""

    outcome: Literal["sent", "again", "failed", "unknown"]
    reason: Reason | None = None
    note: str = ""


class Channel(Protocol):
    """Speaks one protocol. `send` never raises for a single message; `honours_key` says whether a receiver that gets
    the same key twice treats it as one message."""

    name: str
    honours_key: bool

    def send(self, message: Message) -> Receipt: ...

    def close(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Fates:
    """How many messages of a wave have which status, and why those not sent were not."""

    by_status: dict[Status, int]
    by_reason: dict[Reason, int]

    @property
    def sent(self) -> int:
        return self.by_status.get("sent", 0)

"""Fakes, for our tests and for those of whoever extends Lingque. Each passes the suite that the real part passes."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from lingque.core.clock import Instant
from lingque.core.reasons import Reason
from lingque.deliver.contracts import Message, Receipt
from lingque.govern.key_store import KEY_BYTES


class FixedClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: Instant) -> None:
        self._now = now

    def now(self) -> Instant:
        return self._now

    def advance(self, microseconds: int) -> None:
        """Move it on; backwards too, as real clocks do."""
        self._now = Instant(self._now + microseconds)


class MemoryKeyStore:
    """A key store without a file. The same key for the same `seed`."""

    def __init__(self, seed: int = 1) -> None:
        self._key = seed.to_bytes(KEY_BYTES, "big")

    def master_key(self) -> bytes:
        return self._key


@dataclass
class MemoryChannel:
    """A channel that keeps what it is given, one message per key, as a receiver that honours keys does.

    `bouncing` addresses are refused for good; `before_send` runs before each message is taken, so that a test can let
    something happen at that very moment.
    """

    name: str = "email"
    honours_key: bool = True
    bouncing: Collection[str] = ()
    before_send: Callable[[Message], None] = lambda _message: None
    messages: dict[str, Message] = field(default_factory=dict)
    transmissions: int = 0

    def send(self, message: Message) -> Receipt:
        self.before_send(message)
        if message.address in self.bouncing:
            return Receipt(outcome="failed", reason=Reason.RECEIVER_REFUSED, note="550")
        self.transmissions += 1
        self.messages.setdefault(message.key, message)
        return Receipt(outcome="sent")

    def close(self) -> None:
        """Nothing to close."""

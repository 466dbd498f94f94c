"""Fakes, for our tests and for those of whoever extends Lingque. Each passes the suite that the real part passes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sqlalchemy import Connection

from lingque.core.clock import Instant
from lingque.core.errors import VaultError
from lingque.core.hashing import Int64s
from lingque.core.ids import CustomerId
from lingque.core.reasons import Reason, Refusal
from lingque.deliver.contracts import Batch, Message, Recalled, Receipt
from lingque.govern.ciphers import Lock, Suite, seal, unseal
from lingque.govern.contracts import AuditTrail, Flags, Home, Permit
from lingque.govern.key_store import Wrapped
from lingque.govern.keyring import Keyring
from lingque.govern.vault import Vault
from lingque.store.database import Database


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
    """A key store as a KMS is one: its master keys never leave it. The same keys for the same `seed`."""

    def __init__(self, seed: int = 1) -> None:
        self._seed = seed
        self._count = 1

    def add_key(self) -> str:
        """A new master key, which wraps from now on."""
        self._count += 1
        return self.current()

    def current(self) -> str:
        return f"memory/{self._seed}/{self._count}"

    def wrap(self, key: bytes, *, place: str) -> Wrapped:
        return Wrapped(master_key=self.current(), sealed=seal(self._lock(self._count), key, place))

    def unwrap(self, wrapped: Wrapped, *, place: str) -> bytes:
        beginning, _, number = wrapped.master_key.rpartition("/")
        if beginning != f"memory/{self._seed}" or not 1 <= int(number) <= self._count:
            raise VaultError(f"there is no master key {wrapped.master_key} here", next_step="use the store that has it")
        return unseal(self._lock(int(number)), wrapped.sealed, place)

    def _lock(self, number: int) -> Lock:
        return Suite().lock(self._seed.to_bytes(16, "big") + number.to_bytes(16, "big"))


def memory_vault(database: Database, audit: AuditTrail) -> Vault:
    """A vault on that database whose master key is in memory; the same every time it is asked for."""
    keyring = Keyring(MemoryKeyStore(), Suite())
    with database.transaction() as connection:
        keyring.create(connection)
    with database.reading() as connection:
        keyring.load(connection)
    return Vault(keyring, audit)


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


@dataclass
class MemoryBatchChannel:
    """A batch channel that keeps what it is given, one batch per id, the later in the place of the earlier.

    `before_hand_over` runs before each batch is taken, `after_hand_over` when it has been, so that a test can let
    something happen at that very moment.
    """

    name: str = "sms"
    before_hand_over: Callable[[Batch], None] = lambda _batch: None
    after_hand_over: Callable[[Batch], None] = lambda _batch: None
    batches: dict[str, Batch] = field(default_factory=dict)
    recalled: dict[str, tuple[Recalled, ...]] = field(default_factory=dict)
    handed_over: int = 0

    def hand_over(self, batch: Batch) -> Receipt:
        self.before_hand_over(batch)
        self.handed_over += 1
        self.batches[batch.batch_id] = batch
        self.after_hand_over(batch)
        return Receipt(outcome="sent")

    def recall(self, batch_id: str, recalled: Sequence[Recalled]) -> None:
        self.recalled[batch_id] = tuple(recalled)

    def close(self) -> None:
        """Nothing to close."""


class NoLedger:
    """A contact ledger for whoever does not count contacts."""

    def commit(self, connection: Connection, wave_id: int, customer_id: int, step: int) -> None:
        """Nothing is counted."""

    def release(self, connection: Connection, wave_id: int, customer_id: int, step: int) -> None:
        """Nothing was counted."""


@dataclass
class MemoryLedger:
    """A contact ledger that remembers, per (wave, customer, step), what it was told, in order."""

    told: dict[tuple[int, int, int], list[str]] = field(default_factory=dict)

    def commit(self, connection: Connection, wave_id: int, customer_id: int, step: int) -> None:
        self.told.setdefault((wave_id, customer_id, step), []).append("commit")

    def release(self, connection: Connection, wave_id: int, customer_id: int, step: int) -> None:
        self.told.setdefault((wave_id, customer_id, step), []).append("release")


@dataclass
class MemoryAddresses:
    """A vault that knows one address and one name per customer; whoever is not in it cannot be reached."""

    address_of: Mapping[int, str]
    name_of: Mapping[int, str] = field(default_factory=dict)

    def reachable(self, connection: Connection, customer_ids: Int64s, *, channel: str) -> Flags:
        return np.isin(customer_ids, np.array(list(self.address_of), dtype=np.int64))

    def release_all(self, connection: Connection, permits: Sequence[Permit]) -> list[str | Refusal]:
        return [self._of(self.address_of, permit) for permit in permits]

    def release_names(self, connection: Connection, permits: Sequence[Permit]) -> list[str | Refusal]:
        return [self._of(self.name_of, permit) for permit in permits]

    def _of(self, known: Mapping[int, str], permit: Permit) -> str | Refusal:
        if permit.customer_id in known:
            return known[permit.customer_id]
        return Refusal(reason=Reason.ADDRESS_MISSING, detail=f"customer {permit.customer_id} has none")


@dataclass
class MemoryHomes:
    """Where customers belong, by customer: (branch, staff number). Whoever is not in it belongs nowhere."""

    home_of_customer: Mapping[int, tuple[str, str]]

    def home_of(self, connection: Connection, customer_id: CustomerId) -> Home:
        branch, manager = self.home_of_customer.get(customer_id, ("", ""))
        return Home(branch=branch, manager=manager)

    def in_branches(self, snapshot: Any, branches: Collection[str]) -> Flags:
        customers = snapshot.column("customer_id").to_pylist()
        return np.array([self.home_of_customer.get(one, ("", ""))[0] in branches for one in customers], dtype=np.bool_)

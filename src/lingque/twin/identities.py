"""Under which key, name and telephone number each system knows each customer, and what is wrong with that."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lingque.core.hashing import Int64s, mix64
from lingque.twin.blocks import Block
from lingque.twin.population import ADULT, Population

System = Literal["cards", "loans", "app", "web", "stm", "crm", "wecom", "shop", "hospital", "civic"]
SYSTEMS: tuple[System, ...] = ("cards", "loans", "app", "web", "stm", "crm", "wecom", "shop", "hospital", "civic")

Fault = Literal["", "missing", "conflicting", "duplicate"]
"""Nothing; the number is missing; it is one that belongs to somebody else; the person has another key as well."""

_PREFIXES = {
    "cards": "K",
    "loans": "L",
    "app": "dev-",
    "web": "ck-",
    "stm": "M",
    "crm": "R",
    "wecom": "wm",
    "shop": "u",
    "hospital": "P",
    "civic": "G",
}
# assumed; shares of adults, whatever their traits
_REACH = {
    "cards": 1.0,
    "loans": 1.0,
    "app": 0.9,
    "web": 0.5,
    "stm": 0.7,
    "crm": 0.5,
    "wecom": 0.35,
    "shop": 0.45,
    "hospital": 0.3,
    "civic": 0.5,
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Identities:
    """One entry per key in one system."""

    system: System
    customer: Int64s
    """Position in the block."""
    key: tuple[str, ...]
    name: tuple[str, ...]
    phone: tuple[str, ...]
    fault: tuple[Fault, ...]

    @classmethod
    def make(cls, block: Block, population: Population, system: System) -> Identities:
        random = block.stream(f"identities in {system}")
        known = (random.random(block.customers) < _REACH[system]) & (population.age >= ADULT)
        twice = known & (random.random(block.customers) < block.parameters.identity_duplicate_share)
        customer = np.concatenate([np.flatnonzero(known), np.flatnonzero(twice)])
        second = np.concatenate([np.zeros(int(known.sum()), np.int64), np.ones(int(twice.sum()), np.int64)])
        luck = random.random(len(customer))
        stranger = random.integers(0, block.customers, len(customer))
        missing = luck < block.parameters.identity_missing_share
        wrong = ~missing & (luck < block.parameters.identity_missing_share + block.parameters.identity_conflict_share)
        phones = np.array(population.phone, dtype=object)
        phone = np.where(missing, "", np.where(wrong, phones[stranger], phones[customer]))
        faults = np.select([missing, wrong, second > 0], ["missing", "conflicting", "duplicate"], "")
        return cls(
            system=system,
            customer=customer,
            key=tuple(f"{_PREFIXES[system]}{number:013d}" for number in _keys(block, system, customer, second)),
            name=tuple(population.name[one] for one in customer.tolist()),
            phone=tuple(phone.tolist()),
            fault=tuple(faults.tolist()),
        )

    def hashed_phones(self) -> tuple[str, ...]:
        """SHA-256, as partners deliver numbers; empty where none is known."""
        return tuple(hashlib.sha256(one.encode()).hexdigest() if one else "" for one in self.phone)


def _keys(block: Block, system: System, customer: Int64s, second: Int64s) -> list[int]:
    """Numbers that do not show whose they are; the last seven digits, a bijection, keep them apart."""
    number = (block.first + customer) * 2 + second
    salt = sum(ord(letter) << (8 * place) for place, letter in enumerate(system[:6]))
    mixed = (mix64(number, seed=salt + block.parameters.seed % 2**32) >> np.uint64(42)).astype(np.int64)
    keys: list[int] = (mixed % 1_000_000 * 10_000_000 + number * 7_919 % 10_000_000).tolist()
    return keys

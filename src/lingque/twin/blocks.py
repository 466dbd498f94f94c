"""A bank is made block by block, so that a million customers take no more memory than a few thousand."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lingque.core.hashing import Int64s
from lingque.twin.parameters import TwinParameters

SIZE = 5_000
"""Customers of a block, fixed: whoever makes the bank, and with however many workers, makes the same bank."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """Customers `first` to `first + customers - 1` of a bank, and their chance."""

    parameters: TwinParameters
    number: int

    @property
    def first(self) -> int:
        return self.number * SIZE

    @property
    def customers(self) -> int:
        return min(SIZE, self.parameters.customers - self.first)

    @property
    def positions(self) -> Int64s:
        """Of its customers in the whole bank."""
        return np.arange(self.first, self.first + self.customers)

    def stream(self, subject: str) -> np.random.Generator:
        """The random numbers of one subject in this block, independent of all other subjects and blocks.

        Keyed by name, not by order of spawning, so that a subject added later reshuffles no other.
        """
        key = zlib.crc32(subject.encode())
        return np.random.default_rng(np.random.SeedSequence(self.parameters.seed, spawn_key=(key, self.number)))


def blocks_of(parameters: TwinParameters) -> Iterator[Block]:
    for number in range(-(-parameters.customers // SIZE)):
        yield Block(parameters=parameters, number=number)

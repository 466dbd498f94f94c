"""Lists that people keep by hand and upload: who complained, and whom the bank watches."""

from __future__ import annotations

import numpy as np

from lingque.core.hashing import Float64s, Int64s
from lingque.twin.blocks import Block
from lingque.twin.population import Population

_STRANGERS = 3


def complaints(block: Block, population: Population) -> list[str]:
    """Who complained lately: the easily annoyed more often."""
    return _list(block, population, subject="complaints", probability=0.03 * population.annoyance)


def aml_watch(block: Block, population: Population) -> list[str]:
    """Whom the people against money laundering watch."""
    return _list(block, population, subject="aml watch", probability=np.full(block.customers, 0.004))


def _list(block: Block, population: Population, *, subject: str, probability: Float64s) -> list[str]:
    """One column; with numbers that nobody has, and one that stands in it twice: a person keeps it."""
    random = block.stream(subject)
    on_it: Int64s = np.flatnonzero(random.random(block.customers) < probability)
    listed = [population.customer_no[customer] for customer in on_it.tolist()]
    unknown = [f"C99{number:05d}" for number in random.integers(0, 100_000, _STRANGERS).tolist()]
    return [*listed, *unknown, *listed[:1]] if block.number == 0 else listed

"""Many keys against a database, a statement's worth at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

KEYS_PER_STATEMENT = 5_000
"""SQLite takes 32,766 parameters in a statement; PostgreSQL 65,535."""


def chunks(values: Sequence[T], size: int = KEYS_PER_STATEMENT) -> Iterator[Sequence[T]]:
    """The values in order, at most `size` at a time."""
    for start in range(0, len(values), size):
        yield values[start : start + size]

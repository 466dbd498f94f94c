"""Numbers of identity cards: eighteen characters with a check character, of districts that do not exist."""

from __future__ import annotations

import numpy as np

from lingque.core.hashing import Int64s
from lingque.twin import columns

_WEIGHTS = np.array((7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2))
_CHECKS = "10X98765432"
_NOWHERE = 99
"""No district's code begins with it."""


def document_numbers(number: Int64s, *, birth_day: Int64s, female: Int64s) -> tuple[str, ...]:
    """By customer, `number` being the one in the bank: district, day of birth, order (even for women) and check
    character (GB 11643-1999, ISO 7064 MOD 11-2)."""
    district = number // 500 % 10_000
    order = 2 * (number % 500) + 1 - female
    whole = ((_NOWHERE * 10_000 + district) * 10**8 + columns.compact_days(birth_day)) * 1_000 + order
    digits = whole[:, None] // 10 ** np.arange(16, -1, -1) % 10
    checks = ((digits * _WEIGHTS).sum(axis=1) % 11).tolist()
    return tuple(f"{one}{_CHECKS[check]}" for one, check in zip(whole.tolist(), checks, strict=True))


def is_valid(document_no: str) -> bool:
    """Whether the check character fits."""
    digits = np.array([int(one) for one in document_no[:17]])
    return _CHECKS[int((digits * _WEIGHTS).sum() % 11)] == document_no[17]


def swapped(document_no: str) -> str:
    """Two neighbouring digits exchanged, as a tired hand types; unchanged where all neighbours are equal.

    The last pair before the check character that differs, so that most are digits of the order or the day."""
    for at in range(15, 6, -1):
        if document_no[at] != document_no[at + 1]:
            return document_no[:at] + document_no[at + 1] + document_no[at] + document_no[at + 2 :]
    return document_no

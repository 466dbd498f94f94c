"""Ids. Why they are as they are: docs/adr/0003-ids-parties-customers.md.

- `PartyId`: a random surrogate for one party of one source system. The vault alone knows which.
- `CustomerId`: the founding party's id of a customer. Which parties make up a customer is a stored fact with
  valid and known intervals, so that a merge or an unmerge changes no row of the past.
- `RunId`: names a piece of work by its content; doing it twice is doing it once, in both planes.
"""

from __future__ import annotations

import secrets
from typing import Any, NewType

from lingque.core.hashing import digest_of

PartyId = NewType("PartyId", int)
CustomerId = NewType("CustomerId", int)
RunId = NewType("RunId", str)


def new_surrogate() -> int:
    """A random positive int64. Says nothing about whom it stands for, nor about the order of arrival."""
    return secrets.randbelow(2**63 - 1) + 1


def run_id(kind: str, **content: Any) -> RunId:
    """The deterministic id of a piece of work: the same kind and content always give the same id."""
    return RunId(f"{kind}-{digest_of(content)[:24]}")

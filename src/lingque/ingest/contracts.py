"""What crosses the border of `ingest`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from lingque.core.ids import RunId


@dataclass(frozen=True, kw_only=True)
class IngestReport:
    """What became of one delivery of one source. `read = accepted + repeated + quarantined + dismissed`.

    `reasons` counts quarantined rows by `column: REASON`; a row that breaks several rules counts under each. `score`
    is the data's quality; a delivery that was `held` scored below its contract's gate, and nothing of it is published.
    """

    source: str
    contract: str
    data_date: date
    run_id: RunId
    files: tuple[str, ...]
    read: int
    accepted: int
    repeated: int
    quarantined: int
    reasons: dict[str, int]
    already_done: bool = False
    dismissed: int = 0
    score: float | None = None
    held: bool = False


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A delivery that is not complete: what it waits for."""

    source: str
    data_date: date
    missing: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Late:
    """A source of which the data date that a snapshot needs was not loaded; `newest` is the last before it."""

    source: str
    needed: date
    newest: date | None
    rule: Literal["wait", "previous", "alert"]

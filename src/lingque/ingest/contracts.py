"""What crosses the border of `ingest`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from lingque.core.ids import RunId


@dataclass(frozen=True, kw_only=True)
class IngestReport:
    """What became of one delivery of one source. `read = accepted + repeated + quarantined`.

    `reasons` counts quarantined rows by `column: REASON`; a row that breaks several rules counts under each.
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

"""What crosses the border of `profile`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from lingque.core.ids import RunId

SNAPSHOT_TABLE = "customer_tags"
SNAPSHOT_RUN = "snapshot"


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """For how many customers a tag has a value, and for how many a true-or-false tag is true."""

    known: int
    true: int | None


@dataclass(frozen=True, kw_only=True)
class SnapshotReport:
    """A snapshot: whose tags, as of the beginning of which day, of which definitions (closures by tag)."""

    as_of: date
    run_id: RunId
    customers: int
    coverage: dict[str, Coverage]
    closures: dict[str, str]
    already_done: bool = False

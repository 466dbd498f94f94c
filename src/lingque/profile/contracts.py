"""What crosses the border of `profile`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Protocol

import pyarrow as pa
from sqlalchemy import Connection

from lingque.catalog.model import Catalog
from lingque.core.clock import Instant
from lingque.core.hashing import Int64s
from lingque.core.ids import RunId
from lingque.core.reasons import Reason, Refusal

SNAPSHOT_TABLE = "customer_tags"
SNAPSHOT_RUN = "snapshot"


class ListMembers(Protocol):
    """Who is on a list; `govern` keeps them."""

    def members(self, connection: Connection, list_name: str, *, at: Instant) -> Int64s:
        """The customers on the list at the moment, in any order."""
        ...


class Scorer(Protocol):
    """What models say; `predict` keeps them."""

    def version(self, model: str) -> str:
        """Which trained version `scores` would use now: it changes whenever the scores may. Empty: none is trained."""
        ...

    def scores(self, catalog: Catalog, model: str, features: pa.Table, *, as_of: date) -> pa.Array | Refusal:
        """One number between 0 and 1 per row of `features`, in their order; null outside the population.

        `features` holds `customer_id`, the model's features and its population (true or false, or null), for every
        customer there is. A model that is not trained is a refusal.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """For how many customers a tag has a value, and for how many a true-or-false tag is true."""

    known: int
    true: int | None


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """How the values of a tag are spread, from a sample of customers: which share has a value up to each of `edges` and
    above the last (of numbers and days), or has each of `values` and another (of the rest); the last share has none."""

    edges: tuple[float, ...]
    values: tuple[str, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Note:
    """What a reader of a snapshot should know of one of its tags: why it is null for everybody, or may mislead."""

    tag: str
    reason: Reason
    detail: str


@dataclass(frozen=True, kw_only=True)
class SnapshotReport:
    """A snapshot: whose tags, as of the beginning of which day, of which definitions (closures by tag).

    `drift`: the population stability index of a tag against the snapshot before, where that had the same definition:
    below 0.1 nothing to see, from 0.25 on somebody should look.
    """

    as_of: date
    run_id: RunId
    customers: int
    coverage: dict[str, Coverage]
    closures: dict[str, str]
    distributions: dict[str, Distribution]
    drift: dict[str, float]
    notes: tuple[Note, ...] = ()
    already_done: bool = False


@dataclass(frozen=True, kw_only=True)
class TableFreshness:
    """Of the events of a table that are kept for live tags: for how many days, the latest (None: there is none), and
    whether no newer delivery was published since."""

    table: str
    kept_days: int
    newest: Instant | None
    is_newest: bool


@dataclass(frozen=True, kw_only=True)
class Freshness:
    """What is known of one customer at a time: of which day daily tags are, and up to when events were taken in."""

    as_of: date | None
    is_newest_snapshot: bool
    filled_at: Instant | None
    tables: tuple[TableFreshness, ...]

"""What a delivery's data is like: a score from 0 to 100, a gate, and a trend.

    score = 100 · validity · uniqueness · completeness · volume

- *validity* = 1 − quarantined / judged, *uniqueness* = 1 − repeated / judged, where judged = read − dismissed;
- *completeness*: per column, the share of accepted rows that have a value, against the median share of up to seven
  deliveries before, at most 1; the mean over the columns. A column that was never filled, or is new, counts 1, so that
  optional columns cost nothing until they lose what they had;
- *volume* = accepted rows against the median of up to seven deliveries before, at most 1; a delta has none (1).

The product, not the least of them: it falls whenever any of them falls. Over no rows validity, uniqueness and
completeness are 1. Deliveries before are those of the source with an earlier data date that were not held.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import fmean, median
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from lingque.catalog.definitions import DataContract
from lingque.catalog.expressions.to_sql import quote
from lingque.core.clock import Instant
from lingque.core.errors import NotFoundError
from lingque.core.ids import RunId
from lingque.govern.contracts import AuditTrail
from lingque.ingest.files import Delivery
from lingque.ingest.tables import quality
from lingque.warehouse.engine import Session

BEFORE = 7
ALERT_POINTS = 5.0


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What was counted in a delivery. `filled`: of the accepted rows, how many have a value, by column."""

    read: int
    accepted: int
    repeated: int
    quarantined: int
    dismissed: int
    filled: Mapping[str, int]

    def share(self, column: str) -> float | None:
        """The share of accepted rows that have a value; None over no rows, or where the column was not there."""
        return self.filled[column] / self.accepted if self.accepted and column in self.filled else None


@dataclass(frozen=True, kw_only=True)
class Quality:
    """A delivery's score and the dimensions (0 to 1) it is made of."""

    score: float
    dimensions: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class QualityDay:
    """The newest judgement on a source's data date. `fell`: by more than five points against the median before it."""

    source: str
    contract: str
    data_date: date
    run_id: RunId
    score: float
    dimensions: dict[str, float]
    observed: Observed
    held: bool
    released_by: str | None
    fell: bool


def judge(observed: Observed, before: Sequence[Observed], *, has_volume: bool) -> Quality:
    """The score of a delivery after those (up to seven are looked at, the last first)."""
    recent = before[-BEFORE:]
    judged = observed.read - observed.dismissed
    usual = median(one.accepted for one in recent) if recent else 0
    dimensions = {
        "validity": 1 - observed.quarantined / judged if judged else 1.0,
        "uniqueness": 1 - observed.repeated / judged if judged else 1.0,
        "completeness": fmean([_completeness(observed, recent, column) for column in observed.filled] or [1.0]),
        "volume": min(1.0, observed.accepted / usual) if usual and has_volume else 1.0,
    }
    score = 100.0
    for dimension in dimensions.values():
        score *= dimension
    return Quality(score=score, dimensions=dimensions)


def _completeness(observed: Observed, recent: Sequence[Observed], column: str) -> float:
    share = observed.share(column)
    shares = [known for one in recent if (known := one.share(column)) is not None]
    usual = median(shares) if shares else 0.0
    return 1.0 if share is None or usual == 0 else min(1.0, share / usual)


def filled(session: Session, contract: DataContract) -> dict[str, int]:
    """How many rows of the relation `good` have a value in each column that does not have to have one."""
    columns = [
        name
        for name, column in contract.columns.items()
        if column.role in ("attribute", "identifier") and not column.is_required
    ]
    if not columns:
        return {}
    counts = ", ".join(f"count({quote(name)}) AS {quote(name)}" for name in columns)
    found: dict[str, int] = session.ask(f"SELECT {counts} FROM good").to_pylist()[0]
    return found


def judge_delivery(connection: Connection, delivery: Delivery, contract: DataContract, observed: Observed) -> Quality:
    """The score of the delivery after those of its source that are there."""
    days = _newest(connection, delivery.source.source)
    before = [_observed(row) for day, row in days.items() if day < delivery.data_date and not row.held]
    return judge(observed, before, has_volume=contract.load != "delta")


def is_held(connection: Connection, contract: DataContract, run: RunId, judged: Quality) -> bool:
    """Does the delivery score below the gate, and has nobody released it?"""
    if contract.gate is None or judged.score >= contract.gate:
        return False
    known = connection.execute(select(quality.c.released_at).where(quality.c.run_id == run)).one_or_none()
    return known is None or known.released_at is None


def record_quality(
    connection: Connection,
    delivery: Delivery,
    run: RunId,
    judged: Quality,
    observed: Observed,
    *,
    held: bool,
    at: Instant,
) -> None:
    """Keep the judgement; one that the same run made before is replaced, and a release stays."""
    values = {
        "score": judged.score,
        "dimensions": judged.dimensions,
        "counts": {
            "read": observed.read,
            "accepted": observed.accepted,
            "repeated": observed.repeated,
            "quarantined": observed.quarantined,
            "dismissed": observed.dismissed,
            "filled": dict(observed.filled),
        },
        "held": held,
        "judged_at": at,
    }
    if connection.execute(update(quality).where(quality.c.run_id == run).values(**values)).rowcount:
        return
    connection.execute(
        insert(quality).values(
            run_id=run,
            source=delivery.source.source,
            contract=delivery.source.contract,
            data_date=delivery.data_date,
            **values,
        )
    )


def was_judged_last(connection: Connection, delivery: Delivery, run: RunId) -> bool:
    """Is the run the last one judged on its day? Not where another content came, was held, and went again."""
    last = _newest(connection, delivery.source.source).get(delivery.data_date)
    return last is None or last.run_id == run


def judge_last(connection: Connection, run: RunId, at: Instant) -> None:
    """The run's judgement counts again."""
    connection.execute(update(quality).where(quality.c.run_id == run).values(judged_at=at))


def release(
    connection: Connection,
    source: str,
    data_date: date,
    *,
    comment: str,
    audit: AuditTrail,
    actor: str,
    at: Instant,
) -> QualityDay:
    """Let a held delivery through: the next load publishes it. Raises `NotFoundError` where none is held."""
    found = next((day for day in quality_days(connection, source) if day.data_date == data_date and day.held), None)
    if found is None:
        raise NotFoundError(
            f"no delivery of '{source}' for {data_date} is held",
            next_step="'lingque quality show' names those that are",
        )
    connection.execute(
        update(quality)
        .where(quality.c.run_id == found.run_id)
        .values(released_by=actor, release_comment=comment, released_at=at)
    )
    audit.record(
        connection,
        actor=actor,
        act="release_delivery",
        subject=f"{source}/{data_date.isoformat()}",
        detail={"run_id": found.run_id, "score": found.score, "comment": comment},
    )
    return found


def quality_days(connection: Connection, source: str | None = None) -> list[QualityDay]:
    """The newest judgement on every data date, by source and then by date."""
    names = select(quality.c.source).distinct().order_by(quality.c.source)
    sources = [source] if source is not None else connection.execute(names).scalars().all()
    return [day for name in sources for day in _days(connection, name)]


def held_days(connection: Connection, source: str) -> set[date]:
    """The data dates whose newest delivery is held, released or not: it is still to be loaded."""
    return {day for day, row in _newest(connection, source).items() if row.held}


def _days(connection: Connection, source: str) -> list[QualityDay]:
    found: list[QualityDay] = []
    for row in _newest(connection, source).values():
        scores = [day.score for day in found if not day.held][-BEFORE:]
        found.append(
            QualityDay(
                source=row.source,
                contract=row.contract,
                data_date=row.data_date,
                run_id=RunId(row.run_id),
                score=row.score,
                dimensions=row.dimensions,
                observed=_observed(row),
                held=row.held,
                released_by=row.released_by,
                fell=bool(scores) and row.score < median(scores) - ALERT_POINTS,
            )
        )
    return found


def _newest(connection: Connection, source: str) -> dict[date, Row[Any]]:
    """By data date, oldest first, the last row that was judged."""
    rows = connection.execute(
        select(quality)
        .where(quality.c.source == source)
        .order_by(quality.c.data_date, quality.c.judged_at, quality.c.quality_id)
    )
    return {row.data_date: row for row in rows}


def _observed(row: Row[Any]) -> Observed:
    return Observed(**row.counts)

"""Prices as facts: published with a version, never changed, so that a decision can name the ones it stood on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select

from lingque.core.clock import Instant
from lingque.decide.tables import allocation_prices


@dataclass(frozen=True, kw_only=True)
class PublishedPrices:
    """The prices of a `scope` (what is allocated together) from the moment `at` on, until the next version.

    `rows`: by the limit's name, per unit, of 0 or more. `staff`: per branch and contact. `source` says what made them:
    a plan's digest, or the controller of a stream.
    """

    scope: str
    version: int
    at: Instant
    source: str
    rows: Mapping[str, float]
    staff: tuple[float, ...]


def publish_prices(
    connection: Connection,
    scope: str,
    *,
    rows: Mapping[str, float],
    staff: tuple[float, ...] = (),
    source: str,
    at: Instant,
) -> PublishedPrices:
    """The scope's next version. Of two who publish at the same time one fails on the key, and tries again."""
    newest = connection.execute(
        select(func.max(allocation_prices.c.version)).where(allocation_prices.c.scope == scope)
    ).scalar()
    published = PublishedPrices(
        scope=scope, version=(newest or 0) + 1, at=at, source=source, rows=dict(rows), staff=staff
    )
    connection.execute(
        insert(allocation_prices).values(
            scope=scope, version=published.version, at=at, source=source, prices=dict(rows), staff_prices=list(staff)
        )
    )
    return published


def prices_in_force(connection: Connection, scope: str, *, at: Instant) -> PublishedPrices | None:
    """The newest version published by that moment; None where there is none."""
    row = connection.execute(
        select(allocation_prices)
        .where(allocation_prices.c.scope == scope, allocation_prices.c.at <= at)
        .order_by(allocation_prices.c.version.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    return PublishedPrices(
        scope=row.scope,
        version=row.version,
        at=Instant(row.at),
        source=row.source,
        rows=dict(row.prices),
        staff=tuple(row.staff_prices),
    )

"""Late upstream: which sources a snapshot should have and has not."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from sqlalchemy import Connection, or_, select

from lingque.catalog.definitions.sources import LateRule
from lingque.catalog.model import Catalog
from lingque.ingest.contracts import Late
from lingque.store.runs import runs

KIND = "ingest"
_SATURDAY = 5


def late_sources(connection: Connection, catalog: Catalog, as_of: date) -> list[Late]:
    """The sources with a late rule of which the data date that a snapshot as of that day needs was not loaded.

    A source whose deliveries hold everything (`load: full`) is not late where a newer data date was loaded.
    """
    rules = {name: source.late for name, source in catalog.sources.items() if source.late is not None}
    loaded = loaded_days(connection, rules)
    found: list[Late] = []
    for name, rule in sorted(rules.items()):
        needed, days = needed_day(rule, as_of), loaded[name]
        holds_all = catalog.contracts[catalog.sources[name].contract].load == "full"
        if needed in days or (holds_all and any(day > needed for day in days)):
            continue
        newest = max((day for day in days if day < needed), default=None)
        found.append(Late(source=name, needed=needed, newest=newest, rule=rule.rule))
    return found


def needed_day(rule: LateRule, as_of: date) -> date:
    """The data date that a snapshot as of the morning of that day needs: the day before, or the last weekday before."""
    day = as_of - timedelta(days=1)
    while rule.every == "weekday" and day.weekday() >= _SATURDAY:
        day -= timedelta(days=1)
    return day


def loaded_days(connection: Connection, sources: Iterable[str]) -> dict[str, set[date]]:
    """The data dates of which each source has a published run."""
    days: dict[str, set[date]] = {source: set() for source in sources}
    if days:
        mine = or_(*(runs.c.subject.startswith(f"{source}/", autoescape=True) for source in days))
        for subject in connection.execute(select(runs.c.subject).where(runs.c.kind == KIND, mine)).scalars():
            source, _, day = subject.rpartition("/")
            days[source].add(date.fromisoformat(day))
    return days

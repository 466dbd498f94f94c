"""Commands on what came in: the quarantine and the quality of the data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from lingque.catalog.definitions import DataContract
from lingque.catalog.model import Catalog
from lingque.core.errors import NotFoundError, nearest
from lingque.entry import show_data
from lingque.entry.cli.application import HERE, Opened, UserOption, WorkspaceOption, console, end_refused, opened
from lingque.flow.intake import catalog_of
from lingque.flow.traces import traced
from lingque.govern.access import refused
from lingque.govern.contracts import Action
from lingque.ingest.corrections import correct, dismiss
from lingque.ingest.quality import quality_days, release
from lingque.ingest.quarantine import counted_quarantine, quarantined_row, reveal

quarantine_app = typer.Typer(
    name="quarantine", help="Rows that broke a rule: look, correct, dismiss, load again.", no_args_is_help=True
)
quality_app = typer.Typer(
    name="quality", help="What the data is like, day by day; let a held delivery through.", no_args_is_help=True
)

SourceOption = Annotated[str | None, typer.Option("--source", help="Only this source.")]
RowArgument = Annotated[int, typer.Argument(help="The number of the row, as 'lingque quarantine list' shows it.")]
DATE = ["%Y-%m-%d"]


@quarantine_app.command("list")
def list_rows(
    user: UserOption,
    source: SourceOption = None,
    data_date: Annotated[datetime | None, typer.Option("--data-date", formats=DATE, help="Only this day.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Those that a later load has judged anew, too.")] = False,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Count the rows in quarantine by source, data date and reason. Shows none of their content.

    Examples:

        lingque quarantine list --as otto

        lingque quarantine list --source core_transactions --data-date 2026-06-01 --all --as otto
    """
    with _may(workspace, user, "list_quarantine", source or "all sources") as session:
        day = None if data_date is None else data_date.date()
        with session.application.services.database.reading() as connection:
            counts = counted_quarantine(connection, source=source, data_date=day, open_only=not every)
        console.print(show_data.quarantine_counts(counts, session.language))


@quarantine_app.command("show")
def show_row(number: RowArgument, user: UserOption, workspace: WorkspaceOption = HERE) -> None:
    """Open one row and print it as it was delivered. It may hold personal data: the audit trail keeps who looked.

    Examples:

        lingque quarantine show 12 --as otto
    """
    with _may(workspace, user, "reveal_quarantined_row", f"row {number}") as session:
        services = session.application.services
        with session.application.writing(), services.database.transaction() as connection:
            row = quarantined_row(connection, number)
            values = reveal(
                connection,
                number,
                _contract_of(catalog_of(services), row.source),
                notes=session.application.vault,
                audit=services.audit,
                actor=user,
            )
        console.print(show_data.quarantined_row(row, values, session.language))


@quarantine_app.command("correct")
def correct_row(
    number: RowArgument,
    values: Annotated[list[str], typer.Argument(help="column=value, by the contract's columns; several may be given.")],
    user: UserOption,
    workspace: WorkspaceOption = HERE,
) -> None:
    """State what stands in place of what was delivered. The next ingest judges the row anew.

    Examples:

        lingque quarantine correct 12 booked_on=2026-05-31 --as otto

        lingque quarantine correct 12 booked_on=2026-05-31 amount=12.50 --as otto
    """
    pairs = [value.partition("=") for value in values]
    if any(not separator for _, separator, _ in pairs):
        raise typer.BadParameter("write column=value", param_hint="VALUES")
    with _may(workspace, user, "correct_quarantined_row", f"row {number}") as session:
        services = session.application.services
        with session.application.writing(), services.database.transaction() as connection:
            row = quarantined_row(connection, number)
            correct(
                connection,
                number,
                _contract_of(catalog_of(services), row.source),
                {name: value for name, _, value in pairs},
                notes=session.application.vault,
                audit=services.audit,
                actor=user,
                at=services.clock.now(),
            )
        session.say(
            zh=f"✓ 已更正 {number}；下次 lingque ingest 时重新校验",
            en=f"✓ {number} corrected; the next 'lingque ingest' judges it anew",
        )


@quarantine_app.command("dismiss")
def dismiss_row(
    number: RowArgument,
    comment: Annotated[str, typer.Option(help="Why. No personal data: the audit trail keeps it.")],
    user: UserOption,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Leave a row out for good. The next ingest counts it as dismissed.

    Examples:

        lingque quarantine dismiss 12 --comment "test booking of the branch" --as otto
    """
    with _may(workspace, user, "dismiss_quarantined_row", f"row {number}") as session:
        services = session.application.services
        with session.application.writing(), services.database.transaction() as connection:
            dismiss(connection, number, comment=comment, audit=services.audit, actor=user, at=services.clock.now())
        session.say(
            zh=f"✓ 已剔除 {number}；下次 lingque ingest 时生效",
            en=f"✓ {number} dismissed; it takes effect with the next 'lingque ingest'",
        )


@quality_app.command("show")
def show_quality(
    user: UserOption,
    source: SourceOption = None,
    days: Annotated[int, typer.Option(min=1, max=366, help="How many data dates back.")] = 14,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Print each source's scores over the last data dates, what the last one is made of, and alerts.

    Examples:

        lingque quality show --as otto

        lingque quality show --source core_transactions --days 30 --as otto
    """
    with _may(workspace, user, "show_quality", source or "all sources") as session:
        with session.application.services.database.reading() as connection:
            found = quality_days(connection, source)
        console.print(show_data.quality(found, days, session.language))


@quality_app.command("release")
def release_delivery(
    source: Annotated[str, typer.Argument(help="The source.")],
    data_date: Annotated[datetime, typer.Option("--data-date", formats=DATE, help="The day the files speak of.")],
    comment: Annotated[str, typer.Option(help="Why. No personal data: the audit trail keeps it.")],
    user: UserOption,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Let a delivery through that scored below its contract's gate. The next ingest publishes it, and only it.

    Examples:

        lingque quality release core_transactions --data-date 2026-06-01 --comment "a holiday: few bookings" --as otto
    """
    day: date = data_date.date()
    with _may(workspace, user, "release_delivery", f"{source}/{day}") as session:
        services = session.application.services
        with session.application.writing(), services.database.transaction() as connection:
            release(connection, source, day, comment=comment, audit=services.audit, actor=user, at=services.clock.now())
        session.say(
            zh=f"✓ 已放行 {source} {day}；下次 lingque ingest 时发布",
            en=f"✓ {source} {day} released; the next 'lingque ingest' publishes it",
        )


@contextmanager
def _may(workspace: Path, user: str, act: str, subject: str) -> Iterator[Opened]:
    """The open workspace for somebody who may load data; anybody else is refused, and the trail keeps it."""
    with opened(workspace, user) as session:
        denied = refused(session.actor, Action.INGEST)
        if denied is not None:
            end_refused(traced(session.application.services, denied, session.actor, act, subject), session.language)
        yield session


def _contract_of(catalog: Catalog, source: str) -> DataContract:
    if source not in catalog.sources:
        raise NotFoundError(
            f"source '{source}' is not in force any more", next_step=nearest(source, list(catalog.sources))
        )
    return catalog.contracts[catalog.sources[source].contract]

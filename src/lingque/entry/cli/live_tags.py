"""Commands on what is known of one customer right now."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

import typer

from lingque.core.clock import Instant
from lingque.core.ids import CustomerId
from lingque.entry import show_live as drawing
from lingque.entry.cli.application import HERE, UserOption, WorkspaceOption, accepted, console, opened, progress_bar
from lingque.entry.cli.tags import tags_app
from lingque.flow.intake import catalog_of
from lingque.flow.live import fill_live, show_live

live_app = typer.Typer(
    name="live", help="One customer's tags at this moment, from the events that are kept.", no_args_is_help=True
)
tags_app.add_typer(live_app)


@live_app.command("fill")
def fill(user: UserOption, workspace: WorkspaceOption = HERE) -> None:
    """Take in what was published since the last time; 'lingque tags run' does so too. Started again, it goes on.

    Examples:

        lingque tags live fill --as otto
    """
    with opened(workspace, user) as session, session.application.writing() as services, progress_bar() as progress:
        task = progress.add_task("live tags", total=None)

        def told(done: int, steps: int) -> None:
            progress.update(task, completed=done, total=steps)

        fresh = accepted(fill_live(services, session.actor, told), session.language)
        progress.remove_task(task)
        console.print(drawing.freshness(fresh, services.calendar, session.language))


@live_app.command("status")
def status(user: UserOption, workspace: WorkspaceOption = HERE) -> None:
    """What is known here of each table, and up to when.

    Examples:

        lingque tags live status --as otto
    """
    with opened(workspace, user) as session:
        services = session.application.services
        console.print(drawing.freshness(services.profile.answering.freshness(), services.calendar, session.language))


@live_app.command("show")
def show(
    customer: Annotated[int, typer.Argument(help="The customer, as the platform numbers them.")],
    user: UserOption,
    at: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="At the end of that day. Default: now.")
    ] = None,
    workspace: WorkspaceOption = HERE,
) -> None:
    """One customer's live tags, and what was known when they were worked out. The audit trail keeps who looked.

    Examples:

        lingque tags live show 4371257431375131705 --as lan
    """
    with opened(workspace, user) as session:
        services = session.application.services
        end = None if at is None else Instant(services.calendar.start_of(at.date() + timedelta(days=1)) - 1)
        found = accepted(show_live(services, CustomerId(customer), session.actor, at=end), session.language)
        console.print(drawing.live_tags(found, catalog_of(services), services.calendar, session.language))

"""Commands on tags."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from lingque.entry import show
from lingque.entry.cli.application import HERE, UserOption, WorkspaceOption, accepted, console, opened
from lingque.flow.intake import catalog_of, run_tags

tags_app = typer.Typer(name="tags", help="Compute and look at tags.", no_args_is_help=True)

DayOption = Annotated[
    datetime,
    typer.Option("--as-of", formats=["%Y-%m-%d"], help="The day at whose beginning the tags are true."),
]


@tags_app.command("run")
def run(as_of: DayOption, user: UserOption, workspace: WorkspaceOption = HERE) -> None:
    """Compute every tag as of the beginning of a day, from what was known by then.

    Examples:

        lingque tags run --as-of 1994-03-30 --as otto
    """
    with opened(workspace, user) as session, session.application.writing() as services:
        with console.status("tags"):
            report = accepted(run_tags(services, as_of.date(), session.actor), session.language)
        console.print(show.snapshot(report, catalog_of(services), session.language))


@tags_app.command("list")
def list_(user: UserOption, workspace: WorkspaceOption = HERE) -> None:
    """Every tag with its type, family, data classes and definition.

    Examples:

        lingque tags list --as otto
    """
    with opened(workspace, user) as session:
        console.print(show.tags(catalog_of(session.application.services), session.language))

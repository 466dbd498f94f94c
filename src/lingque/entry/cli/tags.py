"""Commands on tags."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from lingque.entry import show, show_tag
from lingque.entry.cli.application import HERE, UserOption, WorkspaceOption, accepted, console, opened
from lingque.flow.intake import catalog_of, run_tags
from lingque.flow.tags import backfill_tags, newest_snapshot
from lingque.profile.explaining import explained

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


NameArgument = Annotated[str, typer.Argument(help="Name of the tag.")]


@tags_app.command("show")
def show_command(name: NameArgument, user: UserOption, workspace: WorkspaceOption = HERE) -> None:
    """One tag: its definition, and its coverage, distribution and drift in the newest snapshot.

    Examples:

        lingque tags show monthly_income --as otto
    """
    with opened(workspace, user) as session:
        services = session.application.services
        console.print(show_tag.tag(catalog_of(services), name, newest_snapshot(services), session.language))


@tags_app.command("explain")
def explain(name: NameArgument, user: UserOption, workspace: WorkspaceOption = HERE) -> None:
    """How one tag is computed: by which kernel and with which tags, or why by SQL; and the columns it is built on.

    Examples:

        lingque tags explain monthly_income --as otto
    """
    with opened(workspace, user) as session:
        catalog = catalog_of(session.application.services)
        console.print(show_tag.explanation(catalog, name, explained(catalog, name), session.language))


@tags_app.command("backfill")
def backfill(
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="The first day.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="The last day.")],
    user: UserOption,
    workspace: WorkspaceOption = HERE,
) -> None:
    """The snapshots of many days, each from what was known by then. Started again, it goes on where it was.

    Examples:

        lingque tags backfill --from 1994-03-01 --to 1994-03-30 --as otto
    """
    with opened(workspace, user) as session, session.application.writing() as services:
        for outcome in backfill_tags(services, first.date(), last.date(), session.actor):
            report = accepted(outcome, session.language)
            console.print(f"{report.as_of} {report.customers:,}{' ✓' if report.already_done else ''}", highlight=False)

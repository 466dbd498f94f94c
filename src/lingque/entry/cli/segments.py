"""Commands on segments: count as one types, list, compare."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

import typer

from lingque.entry import show_segments
from lingque.entry.cli.application import HERE, UserOption, WorkspaceOption, accepted, console, opened
from lingque.flow.segments import count_segment, list_segments, overlap_of

segments_app = typer.Typer(name="segments", help="Count, compare and find groups of customers.", no_args_is_help=True)

AsOfOption = Annotated[
    datetime | None,
    typer.Option("--as-of", formats=["%Y-%m-%d"], help="The day of the snapshot. Default: the newest."),
]
ConditionArgument = Annotated[str, typer.Argument(help="A condition over tags, or the name of a segment.")]


def day_of(moment: datetime | None) -> date | None:
    """The day of an option."""
    return None if moment is None else moment.date()


@segments_app.command("count")
def count(
    condition: ConditionArgument, user: UserOption, as_of: AsOfOption = None, workspace: WorkspaceOption = HERE
) -> None:
    """How many customers make a condition true, and what each part of it does.

    Examples:

        lingque segments count "age > 30 and is_salary_customer" --as ada

        lingque segments count high_value --as ada --as-of 2026-06-01
    """
    with opened(workspace, user) as session:
        found = count_segment(session.application.services, condition, session.actor, as_of=day_of(as_of))
        console.print(show_segments.counted(accepted(found, session.language), session.language))


@segments_app.command("list")
def list_(user: UserOption, workspace: WorkspaceOption = HERE) -> None:
    """Every segment with its count in the newest snapshot.

    Examples:

        lingque segments list --as ada
    """
    with opened(workspace, user) as session:
        as_of, found = accepted(list_segments(session.application.services, session.actor), session.language)
        console.print(show_segments.segments(as_of, found, session.language))


@segments_app.command("overlap")
def overlap(
    conditions: Annotated[list[str], typer.Argument(help="Segments or conditions, 20 at most.")],
    user: UserOption,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = HERE,
) -> None:
    """How many customers each two segments have in common.

    Examples:

        lingque segments overlap high_value maturing_soon "age > 60" --as ada
    """
    with opened(workspace, user) as session:
        found = overlap_of(session.application.services, conditions, session.actor, as_of=day_of(as_of))
        console.print(show_segments.overlap(accepted(found, session.language), session.language))

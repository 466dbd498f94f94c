"""Commands on segments: count as one types, compare, follow, keep, and who of them can be reached."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

import typer

from lingque.core.ids import CustomerId
from lingque.core.registries import Purpose
from lingque.entry import show_segments
from lingque.entry.cli.application import HERE, UserOption, WorkspaceOption, accepted, console, opened
from lingque.flow.freezing import freeze_segment
from lingque.flow.intake import catalog_of
from lingque.flow.reach import reach_of
from lingque.flow.segment_history import customer_in_segment, segment_history
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


@segments_app.command("history")
def history(
    name: Annotated[str, typer.Argument(help="The segment.")],
    user: UserOption,
    since: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="The first day. Default: the earliest.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="The last day. Default: the newest.")
    ] = None,
    customer: Annotated[int | None, typer.Option(help="One customer, by the platform's number.")] = None,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Who entered and left between the stored snapshots, and why; of one customer with the values before and after.

    Examples:

        lingque segments history high_value --as ada

        lingque segments history high_value --customer 5577006791947779410 --as mei
    """
    with opened(workspace, user) as session:
        services, language = session.application.services, session.language
        days = {"since": day_of(since), "until": day_of(until)}
        if customer is None:
            found = segment_history(services, name, session.actor, **days)
            console.print(show_segments.history(accepted(found, language), language))
        else:
            standings = customer_in_segment(services, name, CustomerId(customer), session.actor, **days)
            console.print(show_segments.standings(accepted(standings, language), catalog_of(services), language))


@segments_app.command("freeze")
def freeze(
    condition: ConditionArgument,
    onto: Annotated[str, typer.Option(help="The audience list; its owner is who acts.")],
    user: UserOption,
    as_of: AsOfOption = None,
    expires: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day on which they are off it again.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; stays on record, so no personal data.")] = "",
    workspace: WorkspaceOption = HERE,
) -> None:
    """Keep a segment as it is on a day: its members go onto an audience list.

    Examples:

        lingque segments freeze "high_value and not maturing_soon" --onto spring_audience --as lan
    """
    with opened(workspace, user) as session, session.application.writing() as services:
        done = freeze_segment(
            services, condition, onto, session.actor, as_of=day_of(as_of), expires_on=day_of(expires), reason=reason
        )
        frozen = accepted(done, session.language)
        session.say(
            zh=f"{frozen.members:,} 位客户（{frozen.as_of} 快照），新加入名单 {frozen.added:,} 位",
            en=f"{frozen.members:,} customers (snapshot as of {frozen.as_of}), {frozen.added:,} newly on the list",
        )


@segments_app.command("reach")
def reach(
    segment: Annotated[str, typer.Argument(help="The segment.")],
    offers: Annotated[list[str], typer.Option("--offer", help="An offer; may be given several times.")],
    user: UserOption,
    as_of: AsOfOption = None,
    purpose: Annotated[str, typer.Option(help="What the contact is for.")] = "marketing",
    route_by: Annotated[str | None, typer.Option(help="The tag that says who makes the calls.")] = None,
    workspace: WorkspaceOption = HERE,
) -> None:
    """How many of a segment could be reached with some offers, step by step and channel by channel.

    Examples:

        lingque segments reach high_value --offer term_deposit --offer wealth_plus --as lan
    """
    if purpose.upper() not in Purpose.__members__:
        raise typer.BadParameter(", ".join(name.lower() for name in Purpose.__members__), param_hint="--purpose")
    with opened(workspace, user) as session:
        found = reach_of(
            session.application.services, segment, offers, session.actor, as_of=day_of(as_of),
            purpose=Purpose[purpose.upper()], route_by=route_by,
        )  # fmt: skip
        console.print(show_segments.reach(accepted(found, session.language), session.language))

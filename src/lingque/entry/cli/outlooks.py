"""Commands on plans as they would be, if something were otherwise. They write nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lingque.entry import show_capacity, show_plan
from lingque.entry.cli.application import HERE, UserOption, WorkspaceOption, accepted, console, opened
from lingque.entry.cli.campaign import NameArgument, campaign_app
from lingque.entry.cli.tags import DayOption
from lingque.flow.capacity import capacity_curve, hours_curve
from lingque.flow.what_if import read_change, what_if


@campaign_app.command("what-if")
def what_if_command(
    name: NameArgument,
    as_of: DayOption,
    user: UserOption,
    changes: Annotated[
        list[str],
        typer.Option("--set", help="KIND.NAME.FIELD=VALUE of a cap, an offer or a campaign."),
    ],
    workspace: WorkspaceOption = HERE,
) -> None:
    """Compare a plan as it would be now with one after changes that nobody has applied. Writes nothing.

    Examples:

        lingque campaign what-if spring_loans --as-of 1994-03-30 --set offer.personal_loan.margin=3000 --as eva
    """
    with opened(workspace, user) as session:
        asked = dict(read_change(one) for one in changes)
        services = session.application.services
        found = accepted(what_if(services, name, as_of.date(), asked, session.actor), session.language)
        console.print(show_plan.what_if(found, session.language))


@campaign_app.command("capacity")
def capacity_command(
    name: NameArgument,
    as_of: DayOption,
    user: UserOption,
    channel: Annotated[str | None, typer.Option(help="Whose capacity: a channel of the campaign.")] = None,
    hours: Annotated[str | None, typer.Option(help="Or whose hours: the tag by which they are stated.")] = None,
    svg: Annotated[Path | None, typer.Option(help="Also write the picture into this file.")] = None,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Show what a channel's capacity earns, or the hours of those who make contacts: the plan as it would be with less
    of it and with more. Writes nothing.

    Of a campaign in a programme it is what all its campaigns earn; a channel that they share is the programme's.

    Examples:

        lingque campaign capacity spring_loans --as-of 1994-03-30 --channel rm_call --svg calls.svg --as eva
        lingque campaign capacity spring_loans --as-of 1994-03-30 --hours relationship_manager --as eva
    """
    if (channel is None) == (hours is None):
        raise typer.BadParameter("say '--channel' or '--hours', one of them")
    with opened(workspace, user) as session:
        services = session.application.services
        with console.status(name):
            day, actor = as_of.date(), session.actor
            curve = (
                hours_curve(services, name, day, hours, actor)
                if hours is not None
                else capacity_curve(services, name, day, channel or "", actor)
            )
            found = accepted(curve, session.language)
        console.print(show_capacity.curve(found, session.language))
        if svg is not None:
            svg.write_text(show_capacity.picture(found, session.language), encoding="utf-8")
            session.say(zh=f"✓ {svg}", en=f"✓ {svg}")

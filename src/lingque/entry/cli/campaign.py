"""Commands on campaigns: plan, explain, approve, run, report."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

import typer

from lingque.core.reasons import Refusal
from lingque.engage.service import newest_plan
from lingque.entry import show, show_report
from lingque.entry.cli.application import HERE, UserOption, WorkspaceOption, accepted, console, end_refused, opened
from lingque.entry.cli.tags import DayOption
from lingque.entry.cli.workspace import progress_bar
from lingque.entry.report.filling import page_of
from lingque.flow.campaigns import approve_campaign, plan_campaign, report_campaign, run_campaign
from lingque.flow.intake import catalog_of
from lingque.govern.access import refused
from lingque.govern.contracts import Action

campaign_app = typer.Typer(name="campaign", help="From a plan to a measured effect.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(help="The campaign.")]


@campaign_app.command("plan")
def plan(name: NameArgument, as_of: DayOption, user: UserOption, workspace: WorkspaceOption = HERE) -> None:
    """Make a plan over the snapshot of a day: stages as data, and what they would do. Sends nothing.

    Examples:

        lingque campaign plan spring_loans --as-of 1994-03-30 --as eva
    """
    with opened(workspace, user) as session, session.application.writing() as services:
        made = accepted(plan_campaign(services, name, as_of.date(), session.actor), session.language)
        console.print(show.plan(made, catalog_of(services), session.language))


@campaign_app.command("explain")
def explain(name: NameArgument, user: UserOption, workspace: WorkspaceOption = HERE) -> None:
    """Print the newest plan: every stage, refusals by reason, cost and expected profit.

    Examples:

        lingque campaign explain spring_loans --as jan
    """
    with opened(workspace, user) as session:
        services = session.application.services
        denied = refused(session.actor, Action.READ_CAMPAIGN)
        if denied is not None:
            end_refused(denied, session.language)
        with services.database.reading() as connection:
            found = newest_plan(connection, name)
        console.print(show.plan(found, catalog_of(services), session.language))


@campaign_app.command("approve")
def approve(
    name: NameArgument,
    user: UserOption,
    reject: Annotated[bool, typer.Option("--reject", help="Decide against it.")] = False,
    comment: Annotated[str, typer.Option(help="Why.")] = "",
    workspace: WorkspaceOption = HERE,
) -> None:
    """Approve (or reject) the newest plan. Neither its planner nor the campaign's owner can.

    Examples:

        lingque campaign approve spring_loans --as jan --comment "reviewed the wording"

        lingque campaign approve spring_loans --as jan --reject --comment "the rate is missing"
    """
    with opened(workspace, user) as session, session.application.writing() as services:
        with services.database.reading() as connection:
            looked_at = newest_plan(connection, name).digest
        decided = accepted(
            approve_campaign(services, name, session.actor, digest=looked_at, approved=not reject, comment=comment),
            session.language,
        )
        session.say(
            zh=f"✓ {name} {'已驳回' if reject else '已批准'}：方案摘要 {decided.digest[:12]}",
            en=f"✓ {name} {'rejected' if reject else 'approved'}: plan {decided.digest[:12]}",
        )


@campaign_app.command("run")
def run(name: NameArgument, user: UserOption, workspace: WorkspaceOption = HERE) -> None:
    """Run exactly what was approved. Interrupted, it goes on where it stopped when run again.

    Examples:

        lingque campaign run spring_loans --as eva
    """
    with opened(workspace, user) as session, session.application.writing() as services:
        with services.database.reading() as connection:
            total = newest_plan(connection, name).forecast.to_contact
        with progress_bar() as progress:
            task = progress.add_task(name, total=total)
            fates = run_campaign(
                services, name, session.actor, progress=lambda done: progress.update(task, completed=done)
            )
        console.print(show.fates(accepted(fates, session.language), session.language))


@campaign_app.command("report")
def report(
    name: NameArgument,
    user: UserOption,
    known_by: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Use what was known by the end of that day. Default: everything."),
    ] = None,
    workspace: WorkspaceOption = HERE,
) -> None:
    """What the campaign did and what it changed, with an interval.

    Examples:

        lingque campaign report spring_loans --as eva
    """
    with opened(workspace, user) as session:
        services = session.application.services
        moment = None if known_by is None else services.calendar.start_of(known_by.date() + timedelta(days=1))
        found = report_campaign(services, name, session.actor, known_by=moment)
        if isinstance(found, Refusal):
            end_refused(found, session.language)
        console.print(show_report.report(page_of(found, catalog_of(services)), session.language))

"""Commands on campaigns, in the order of their life."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

import typer

from lingque.core.errors import NotFoundError
from lingque.core.ids import CustomerId
from lingque.core.labels import Language
from lingque.core.reasons import Refusal
from lingque.engage.contracts import Plan
from lingque.engage.service import find_plan, newest_plan, waves_of
from lingque.entry import show, show_plan, show_report, show_story
from lingque.entry.cli.application import (
    HERE,
    UserOption,
    WorkspaceOption,
    accepted,
    console,
    end_refused,
    opened,
    progress_bar,
)
from lingque.entry.cli.tags import DayOption
from lingque.entry.report.filling import page_of
from lingque.entry.report.html import render
from lingque.flow.approving import approve_campaign, review_campaign
from lingque.flow.halting import close_campaign, pause_campaign, resume_campaign, stop_campaign
from lingque.flow.intake import catalog_of
from lingque.flow.planning import plan_campaign
from lingque.flow.recurring import run_due
from lingque.flow.reporting import evaluate_campaign, report_campaign
from lingque.flow.running import run_campaign
from lingque.flow.services import Services
from lingque.flow.story import somebody, story_of
from lingque.govern.access import refused
from lingque.govern.contracts import Action

campaign_app = typer.Typer(name="campaign", help="From a plan to a measured effect.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(help="The campaign.")]
RejectOption = Annotated[bool, typer.Option("--reject", help="Decide against it.")]
WaveOption = Annotated[
    int | None, typer.Option(min=1, help="A wave by its number (see 'campaign waves'). Default: the newest.")
]
BehalfOption = Annotated[str, typer.Option("--for", help="In whose place, by their delegation.")]
CommentOption = Annotated[str, typer.Option(help="Why.")]


@campaign_app.command("plan")
def plan(name: NameArgument, as_of: DayOption, user: UserOption, workspace: WorkspaceOption = HERE) -> None:
    """Make a plan over the snapshot of a day: stages as data, and what they would do. Sends nothing.

    A campaign of a programme is planned with all others of it; each gets a plan of its own, to be reviewed, approved
    and run by itself.

    Examples:

        lingque campaign plan spring_loans --as-of 1994-03-30 --as eva
    """
    with opened(workspace, user) as session, session.application.writing() as services:
        made = accepted(plan_campaign(services, name, as_of.date(), session.actor), session.language)
        _print_plan(services, made, session.language)


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
        _print_plan(services, found, session.language)


def _print_plan(services: Services, plan: Plan, language: Language) -> None:
    """The plan; before it, those that were made together with it."""
    catalog = catalog_of(services)
    if plan.share is not None:
        with services.database.reading() as connection:
            newest = [find_plan(connection, name) for name, _ in plan.share.campaigns]
        together = [one for one in newest if one is not None and one.share == plan.share and one.as_of == plan.as_of]
        if plan in together:
            console.print(show_plan.programme(together, catalog, language))
    console.print(show_plan.plan(plan, catalog, language))


@campaign_app.command("list")
def list_(user: UserOption, workspace: WorkspaceOption = HERE) -> None:
    """Every campaign with its owner and the state of its newest plan.

    Examples:

        lingque campaign list --as min
    """
    with opened(workspace, user) as session:
        services = session.application.services
        denied = refused(session.actor, Action.READ_CAMPAIGN)
        if denied is not None:
            end_refused(denied, session.language)
        catalog = catalog_of(services)
        with services.database.reading() as connection:
            plans = {name: find_plan(connection, name) for name in catalog.campaigns}
        console.print(show_plan.campaigns(catalog, plans, session.language))


@campaign_app.command("waves")
def waves(name: NameArgument, user: UserOption, workspace: WorkspaceOption = HERE) -> None:
    """Every wave of a campaign, newest first: its day, its state, whom it was to contact.

    Examples:

        lingque campaign waves spring_loans --as jan
    """
    with opened(workspace, user) as session:
        services = session.application.services
        denied = refused(session.actor, Action.READ_CAMPAIGN)
        if denied is not None:
            end_refused(denied, session.language)
        with services.database.reading() as connection:
            newest_plan(connection, name)  # an error where there is none
            found = waves_of(connection, name)
        console.print(show_plan.waves(found, session.language))


@campaign_app.command("review")
def review(
    name: NameArgument,
    user: UserOption,
    reject: RejectOption = False,
    comment: CommentOption = "",
    on_behalf_of: BehalfOption = "",
    workspace: WorkspaceOption = HERE,
) -> None:
    """Review the newest plan for consumer protection: wording, disclosures, who is addressed.

    Examples:

        lingque campaign review spring_loans --as hua --comment "the rate is shown"
    """
    words = {"comment": comment, "on_behalf_of": on_behalf_of}
    _decide(review_campaign, name, user, reject=reject, words=words, workspace=workspace)


@campaign_app.command("approve")
def approve(
    name: NameArgument,
    user: UserOption,
    reject: RejectOption = False,
    comment: CommentOption = "",
    on_behalf_of: BehalfOption = "",
    workspace: WorkspaceOption = HERE,
) -> None:
    """Approve (or reject) the newest plan after its review; or its pilot, once that is done.

    Neither its planner, nor the campaign's owner, nor its reviewer can.

    Examples:

        lingque campaign approve spring_loans --as jan --comment "go ahead"

        lingque campaign approve spring_loans --as jan --reject --comment "too many of them are over 65"
    """
    words = {"comment": comment, "on_behalf_of": on_behalf_of}
    _decide(approve_campaign, name, user, reject=reject, words=words, workspace=workspace)


def _decide(
    decide: Callable[..., Plan | Refusal],
    name: str,
    user: str,
    *,
    reject: bool,
    words: dict[str, str],
    workspace: Path,
) -> None:
    with opened(workspace, user) as session, session.application.writing() as services:
        with services.database.reading() as connection:
            looked_at = newest_plan(connection, name).digest
        plan = accepted(
            decide(services, name, session.actor, digest=looked_at, approved=not reject, **words),
            session.language,
        )
        console.print(show_plan.state_line(plan, session.language), highlight=False)


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


@campaign_app.command("run-due")
def run_due_(as_of: DayOption, user: UserOption, workspace: WorkspaceOption = HERE) -> None:
    """Plan every campaign that is due on that day, and run those whose approval still holds. For the nightly job.

    Examples:

        lingque campaign run-due --as-of 2026-07-01 --as lan
    """
    with opened(workspace, user) as session, session.application.writing() as services:
        for wave in run_due(services, as_of.date(), session.actor):
            console.print(f"[bold]{wave.campaign}[/]", highlight=False)
            if isinstance(wave.outcome, Refusal):
                console.print(f"  ✋ {wave.outcome}", highlight=False)
            else:
                console.print(show.fates(wave.outcome, session.language))


_Move = Callable[..., Plan | Refusal]


def _move(move: _Move, name: str, user: str, comment: str, workspace: Path) -> None:
    # without the workspace's lock: a stop must work while another process sends
    with opened(workspace, user) as session:
        plan = accepted(move(session.application.services, name, session.actor, comment=comment), session.language)
        console.print(show_plan.state_line(plan, session.language), highlight=False)


@campaign_app.command("pause")
def pause(name: NameArgument, user: UserOption, comment: CommentOption = "", workspace: WorkspaceOption = HERE) -> None:
    """Let nothing more go out, from the next message on, also while 'run' is at work in another terminal.

    Examples:

        lingque campaign pause spring_loans --as jan --comment "complaints from Ostrava"
    """
    _move(pause_campaign, name, user, comment, workspace)


@campaign_app.command("resume")
def resume(
    name: NameArgument, user: UserOption, comment: CommentOption = "", workspace: WorkspaceOption = HERE
) -> None:
    """Take the pause back; 'run' then sends what is left.

    Examples:

        lingque campaign resume spring_loans --as eva
    """
    _move(resume_campaign, name, user, comment, workspace)


@campaign_app.command("stop")
def stop(name: NameArgument, user: UserOption, comment: CommentOption = "", workspace: WorkspaceOption = HERE) -> None:
    """Stop for good: what was not sent is cancelled; what was sent can still be measured.

    Examples:

        lingque campaign stop spring_loans --as jan --comment "the rate changed"
    """
    _move(stop_campaign, name, user, comment, workspace)


@campaign_app.command("evaluate")
def evaluate(name: NameArgument, user: UserOption, wave: WaveOption = None, workspace: WorkspaceOption = HERE) -> None:
    """Record what the campaign changed, as known now; after that it can be closed.

    Examples:

        lingque campaign evaluate spring_loans --as eva
    """
    with opened(workspace, user) as session, session.application.writing() as services:
        found = accepted(evaluate_campaign(services, name, session.actor, wave=wave), session.language)
        page = page_of(found, catalog_of(services), services.calendar)
        console.print(show_report.report(page, session.language))


@campaign_app.command("story")
def story(
    name: NameArgument,
    user: UserOption,
    customer: Annotated[int | None, typer.Argument(help="The customer, as the platform numbers them.")] = None,
    arm: Annotated[
        Literal["contact", "hold_out", "none"], typer.Option(help="Without a customer: of whom.")
    ] = "contact",
    wave: WaveOption = None,
    workspace: WorkspaceOption = HERE,
) -> None:
    """One customer's story in a wave: what was known, why this offer and not the other, what became of it.

    Examples:

        lingque campaign story spring_loans 4190578261622027 --as jan

        lingque campaign story spring_loans --arm hold_out --as jan
    """
    with opened(workspace, user) as session:
        services = session.application.services
        wanted = CustomerId(customer) if customer is not None else somebody(services, name, arm, wave=wave)
        if wanted is None:
            raise NotFoundError(f"nobody in that wave of '{name}' is in that arm", next_step="name another arm")
        told = accepted(story_of(services, name, wanted, session.actor, wave=wave), session.language)
        console.print(show_story.story(told, catalog_of(services), services.calendar, session.language))


@campaign_app.command("close")
def close(name: NameArgument, user: UserOption, comment: CommentOption = "", workspace: WorkspaceOption = HERE) -> None:
    """Close an evaluated (or stopped) campaign: nothing can be done with the plan any more but read it.

    Examples:

        lingque campaign close spring_loans --as eva
    """
    _move(close_campaign, name, user, comment, workspace)


@campaign_app.command("report")
def report(
    name: NameArgument,
    user: UserOption,
    known_by: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Use what was known by the end of that day. Default: everything."),
    ] = None,
    phase: Annotated[Literal["pilot", "rollout"] | None, typer.Option(help="Only this phase.")] = None,
    wave: WaveOption = None,
    html: Annotated[Path | None, typer.Option(help="Write the report as a page too: one file, nothing loaded.")] = None,
    workspace: WorkspaceOption = HERE,
) -> None:
    """What the campaign did and what it changed, with an interval; in the terminal, and as a page.

    Examples:

        lingque campaign report spring_loans --as eva

        lingque campaign report spring_loans --as eva --html report.html

        lingque campaign report spring_loans --as jan --phase pilot
    """
    with opened(workspace, user) as session:
        services = session.application.services
        moment = None if known_by is None else services.calendar.start_of(known_by.date() + timedelta(days=1))
        found = report_campaign(services, name, session.actor, known_by=moment, phase=phase, wave=wave)
        if isinstance(found, Refusal):
            end_refused(found, session.language)
        page = page_of(found, catalog_of(services), services.calendar)
        console.print(show_report.report(page, session.language))
        if html is not None:
            html.write_text(render(page, session.language), encoding="utf-8")
            session.say(zh=f"✓ 报告页面：{html}", en=f"✓ page: {html}")
        effect = found.evaluation.effect
        if isinstance(effect, Refusal):
            end_refused(effect, session.language)

"""Commands on single decisions: why, why not, and whether they would be made again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from lingque.core.ids import CustomerId
from lingque.core.labels import Label
from lingque.entry import show_decision
from lingque.entry.cli.application import (
    HERE,
    UserOption,
    WorkspaceOption,
    accepted,
    console,
    opened,
    progress_bar,
)
from lingque.flow.explaining import explain_decision
from lingque.flow.journaling import move_decisions
from lingque.flow.judging import judge_policy
from lingque.flow.replaying import replay_decision

decisions_app = typer.Typer(name="decisions", help="Why this and not that, for any customer and moment.",
                            no_args_is_help=True)  # fmt: skip
EXIT_DIFFERENT = 1


@decisions_app.command("explain")
def explain(
    customer: Annotated[int, typer.Argument(help="The customer, as the platform numbers them.")],
    user: UserOption,
    at: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="The moment, in business time. Default: now."),
    ] = None,
    offer: Annotated[str | None, typer.Option(help="Only this offer: why not?")] = None,
    workspace: WorkspaceOption = HERE,
) -> None:
    """What was decided about a customer, why, and what would have to change for an offer to be made.

    Examples:

        lingque decisions explain 4190578261622027 --at 2026-06-01T12:00:00 --as jan

        lingque decisions explain 4190578261622027 --offer spring_loan --as jan
    """
    with opened(workspace, user) as session:
        services = session.application.services
        moment = services.clock.now() if at is None else services.calendar.instant_at(at)
        found = accepted(
            explain_decision(services, CustomerId(customer), moment, session.actor, offer=offer), session.language
        )
        console.print(show_decision.explained(found, services.calendar, session.language))


@decisions_app.command("replay")
def replay(
    decision: Annotated[str, typer.Argument(help="The decision's id, as 'explain' tells it.")],
    user: UserOption,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Make a past decision again from its log, and compare. Runs no model; exit code 1 where something differs.

    Examples:

        lingque decisions replay decide-0123456789abcdef01234567 --as jan
    """
    with opened(workspace, user) as session:
        found = accepted(replay_decision(session.application.services, decision, session.actor), session.language)
        console.print(show_decision.replayed(found, session.language))
    if not found.same:
        raise typer.Exit(EXIT_DIFFERENT)


@decisions_app.command("move")
def move(user: UserOption, workspace: WorkspaceOption = HERE) -> None:
    """Move decisions that were asked for or triggered from the journal to the decision log. Run it now and then.

    Examples:

        lingque decisions move --as otto
    """
    with opened(workspace, user) as session, session.application.writing() as services, progress_bar() as bar:
        task = bar.add_task(Label(zh="归档决策", en="moving decisions").in_language(session.language), total=None)
        done = move_decisions(services, session.actor, progress=lambda count: bar.update(task, completed=count))
        count = accepted(done, session.language)
    console.print(Label(zh=f"已归档 {count:,} 条决策", en=f"{count:,} decisions moved").in_language(session.language))


@decisions_app.command("evaluate")
def evaluate(
    name: Annotated[str, typer.Argument(help="The campaign, or the placement that asked.")],
    user: UserOption,
    policy: Annotated[str, typer.Option(help="best, even, without:OFFER or prefer:OFFER.")] = "best",
    outcome: Annotated[
        str | None, typer.Option(help="A true-or-false tag that looks forward. Default: the campaign's own.")
    ] = None,
    workspace: WorkspaceOption = HERE,
) -> None:
    """What another policy would have brought, judged from decisions made partly by chance.

    Where what was decided says too little about the policy it is refused, with the reason.

    Examples:

        lingque decisions evaluate app_home --policy without:gold --outcome bought_30d --as jan
    """
    with opened(workspace, user) as session:
        services = session.application.services
        found = accepted(judge_policy(services, name, policy, session.actor, outcome=outcome), session.language)
        console.print(show_decision.judged(found, session.language))

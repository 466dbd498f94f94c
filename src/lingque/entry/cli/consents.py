"""Commands on consents that a file brought and that wait for a second person."""

from __future__ import annotations

from typing import Annotated

import typer

from lingque.core.clock import datetime_of
from lingque.entry import show
from lingque.entry.cli.application import HERE, UserOption, WorkspaceOption, accepted, console, opened
from lingque.flow.consent_imports import decide_import, show_import, show_imports

consents_app = typer.Typer(
    name="consents", help="Consents that a file brought and that wait for a second person.", no_args_is_help=True
)

ImportArgument = Annotated[int, typer.Argument(help="The import, as 'lingque consents list' shows it.")]


@consents_app.command("list")
def list_imports(
    user: UserOption,
    everything: Annotated[bool, typer.Option("--all", help="Those that were decided on too.")] = False,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Print the imports that wait, where the setting `approvals.consents` asks for an approval.

    Examples:

        lingque consents list --as min
    """
    with opened(workspace, user) as session:
        found = show_imports(session.application.services, session.actor, everything=everything)
        zh = session.language == "zh"
        head = ("导入", "来源", "条数", "状态", "提交人", "提交时间 (UTC)", "计入") if zh else (
            "import", "delivery", "statements", "state", "loaded by", "when (UTC)", "recorded"
        )  # fmt: skip
        made = show.table(*head, right=(head[2], head[6]))
        for one in accepted(found, session.language):
            made.add_row(
                str(one.import_id),
                one.subject,
                f"{one.statements:,}",
                one.state,
                one.submitted_by,
                f"{datetime_of(one.submitted_at):%Y-%m-%d %H:%M}",
                "" if one.recorded is None else f"{one.recorded:,}",
            )
        console.print(made)


@consents_app.command("show")
def show_one(number: ImportArgument, user: UserOption, workspace: WorkspaceOption = HERE) -> None:
    """Print how many statements of which sort wait in an import, and its digest: what an approval speaks of.

    Examples:

        lingque consents show 3 --as min
    """
    with opened(workspace, user) as session:
        shown = accepted(show_import(session.application.services, number, session.actor), session.language)
        zh = session.language == "zh"
        head = ("用途", "渠道", "与现状相比", "条数") if zh else ("purpose", "channel", "as things stand", "statements")
        made = show.table(*head, right=head[3:])
        for one in shown.counts:
            made.add_row(
                one.purpose.label.in_language(session.language),
                one.channel,
                one.standing.label.in_language(session.language),
                f"{one.statements:,}",
            )
        console.print(made)
        console.print(f"{shown.what.state} {shown.what.digest}", highlight=False, soft_wrap=True)


@consents_app.command("approve")
def approve(
    number: ImportArgument,
    digest: Annotated[str, typer.Argument(help="What 'lingque consents show' names: exactly what was looked at.")],
    user: UserOption,
    reject: Annotated[bool, typer.Option("--reject", help="Say no: none of them counts.")] = False,
    comment: Annotated[str, typer.Option(help="Why; no personal data.")] = "",
    workspace: WorkspaceOption = HERE,
) -> None:
    """Take exactly these statements into the register, or none. It takes another person than who loaded the file.

    Examples:

        lingque consents approve 3 5f2b… --as min --comment "forms were sampled"
    """
    with opened(workspace, user) as session, session.application.writing() as services:
        decided = decide_import(services, number, session.actor, digest=digest, approved=not reject, comment=comment)
        done = accepted(decided, session.language)
        session.say(zh=f"✓ 计入 {done.recorded or 0:,} 条", en=f"✓ {done.recorded or 0:,} statements recorded")

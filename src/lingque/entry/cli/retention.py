"""Commands on what is kept for how long."""

from __future__ import annotations

from collections.abc import Sequence

import typer
from rich.table import Table

from lingque.core.labels import Label, Language
from lingque.entry import show
from lingque.entry.cli.application import HERE, UserOption, WorkspaceOption, accepted, console, opened, progress_bar
from lingque.flow.nightly import put_in_order
from lingque.flow.retention import Expired, plan_retention, run_retention

retention_app = typer.Typer(name="retention", help="What is older than any purpose needs.", no_args_is_help=True)


@retention_app.command("plan")
def plan(user: UserOption, workspace: WorkspaceOption = HERE) -> None:
    """Print what would be purged now by the setting `retention.keep`. Nothing is changed.

    Examples:

        lingque retention plan --as min
    """
    with opened(workspace, user) as session:
        found = accepted(plan_retention(session.application.services, session.actor), session.language)
        console.print(_table(found, session.language))


@retention_app.command("run")
def run(user: UserOption, workspace: WorkspaceOption = HERE) -> None:
    """Purge it in both planes. The certificate is an entry of the audit trail.

    Examples:

        lingque retention run --as min
    """
    with opened(workspace, user) as session, session.application.writing() as services:
        console.print(_table(accepted(run_retention(services, session.actor), session.language), session.language))


def nightly(user: UserOption, workspace: WorkspaceOption = HERE) -> None:
    """Put the house in order: move decisions from the journal to the log, purge what nobody needs. For the nightly job.

    Each as far as the user may: run it once as an operator, and once as who answers for retention.

    Examples:

        lingque nightly --as otto

        lingque nightly --as min
    """
    with opened(workspace, user) as session, session.application.writing() as services, progress_bar() as bar:
        task = bar.add_task(Label(zh="归档决策", en="moving decisions").in_language(session.language), total=None)
        told = put_in_order(services, session.actor, progress=lambda count: bar.update(task, completed=count))
        done = accepted(told, session.language)
        if done.moved is not None:
            session.say(zh=f"已归档 {done.moved:,} 条决策", en=f"{done.moved:,} decisions moved")
        if done.purged is not None:
            console.print(_table(done.purged, session.language))


def _table(found: Sequence[Expired], language: Language) -> Table:
    head = ("表", "平面", "用途与天数", "早于", "行数", "仍保留的快照") if language == "zh" else (
        "table", "plane", "days per purpose", "before", "rows", "snapshots kept"
    )  # fmt: skip
    made = show.table(*head, right=head[4:5])
    for one in found:
        purposes = ", ".join(f"{purpose.label.in_language(language)} {days}" for purpose, days in one.purposes.items())
        made.add_row(
            one.table, one.plane, purposes, one.before.isoformat(), f"{one.rows:,}", ", ".join(map(str, one.kept))
        )
    return made

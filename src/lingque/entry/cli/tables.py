"""Commands on the files of tables."""

from __future__ import annotations

from typing import Annotated

import typer

from lingque.entry import show
from lingque.entry.cli.application import HERE, UserOption, WorkspaceOption, accepted, console, opened
from lingque.flow.compacting import compact_tables, vacuum_tables

tables_app = typer.Typer(name="tables", help="Put the files of tables in order.", no_args_is_help=True)


@tables_app.command("compact")
def compact(user: UserOption, workspace: WorkspaceOption = HERE) -> None:
    """Put the daily files of each table of events together into one. Nothing else changes; weekly will do.

    Examples:

        lingque tables compact --as otto
    """
    with opened(workspace, user) as session, session.application.writing() as services:
        zh = session.language == "zh"
        head = ("表", "行数", "原文件数", "现文件数") if zh else ("table", "rows", "files before", "files now")
        made = show.table(*head, right=head[1:])
        with console.status("tables"):
            for outcome in compact_tables(services, session.actor):
                one = accepted(outcome, session.language)
                made.add_row(one.table, f"{one.rows:,}", str(one.files_before), str(one.files))
        if made.row_count:
            console.print(made)
        else:
            session.say(zh="各表均已整理", en="every table is in order already")


@tables_app.command("vacuum")
def vacuum(
    user: UserOption,
    keep_days: Annotated[int, typer.Option(min=1, max=3650, help="Keep whatever was current within so many days.")] = 7,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Delete files that no version of the last days holds any more.

    Examples:

        lingque tables vacuum --as otto

        lingque tables vacuum --keep-days 30 --as otto
    """
    with opened(workspace, user) as session, session.application.writing() as services:
        head = ("表", "删除文件数") if session.language == "zh" else ("table", "files deleted")
        made = show.table(*head, right=head[1:])
        with console.status("tables"):
            for outcome in vacuum_tables(services, session.actor, keep_days=keep_days):
                one = accepted(outcome, session.language)
                made.add_row(one.table, str(one.files))
        console.print(made)

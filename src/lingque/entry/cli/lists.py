"""Commands on lists of customers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from lingque.bootstrap import Application
from lingque.core.clock import datetime_of
from lingque.core.labels import Label, Language
from lingque.entry import show
from lingque.entry.cli.application import HERE, UserOption, WorkspaceOption, accepted, console, opened
from lingque.flow.customer_files import CustomerFile
from lingque.flow.lists import ListShown, remove_from_list, show_lists, upload_list
from lingque.govern.lists import CustomerLists, MatchReport

lists_app = typer.Typer(name="lists", help="Who is to be kept out, and whom to ask.", no_args_is_help=True)

ROWS_NAMED = 20
LONGEST_REASON = 200

NameArgument = Annotated[str, typer.Argument(help="The list.")]
FileArgument = Annotated[Path, typer.Argument(help="A CSV file with a header.")]
ColumnOption = Annotated[str, typer.Option(help="The column that holds the customer numbers.")]
SystemOption = Annotated[str, typer.Option(help="The source system that gave those numbers.")]


@lists_app.command("upload")
def upload(
    name: NameArgument,
    file: FileArgument,
    column: ColumnOption,
    system: SystemOption,
    user: UserOption,
    expires: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The day on which they are off the list again. Default: never."),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why they are put on it; stays on record, so no personal data.")] = "",
    workspace: WorkspaceOption = HERE,
) -> None:
    """Put the customers of a file on a list. Numbers that nobody knows are reported by row, never by value.

    Only who answers for the list can: a campaign manager for an audience, a compliance officer for an exclusion.

    Examples:

        lingque lists upload do_not_call complaints.csv --column customer_no --system core_banking --as min

        lingque lists upload vip vip.csv --column customer_no --system core_banking --expires 2027-01-01 --as lan
    """
    with opened(workspace, user) as session, session.application.writing() as services:
        source = CustomerFile(path=file, column=column, system=system)
        day = None if expires is None else expires.date()
        if len(reason) > LONGEST_REASON:
            raise typer.BadParameter(f"{LONGEST_REASON} characters at most", param_hint="--reason")
        done = upload_list(
            services, _lists(session.application), name, source, session.actor, expires_on=day, reason=reason
        )
        report = accepted(done, session.language)
        print_report(report, session.language, Label(zh="新加入名单", en="newly on the list"),
               Label(zh="原已在名单", en="on it already"))  # fmt: skip
        if report.all_unknown:
            session.say(
                zh=f"{system} 系统从未送来过其中任何一个客户号：列或系统是否选错，或名单属于其他银行？",
                en=f"{system} never delivered any of these numbers: another column or system, or another bank's list?",
            )


@lists_app.command("remove")
def remove(
    name: NameArgument,
    file: FileArgument,
    column: ColumnOption,
    system: SystemOption,
    user: UserOption,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Take the customers of a file off a list. That they were on it stays on record.

    Examples:

        lingque lists remove do_not_call settled.csv --column customer_no --system core_banking --as min
    """
    with opened(workspace, user) as session, session.application.writing() as services:
        source = CustomerFile(path=file, column=column, system=system)
        done = remove_from_list(services, _lists(session.application), name, source, session.actor)
        print_report(accepted(done, session.language), session.language, Label(zh="移出名单", en="taken off"),
               Label(zh="原不在名单", en="not on it"))  # fmt: skip


@lists_app.command("show")
def show_command(
    user: UserOption,
    name: Annotated[str | None, typer.Argument(help="One list, with everything that was put on it.")] = None,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Print the lists and how many are on each. Secret ones are shown to compliance officers only.

    Examples:

        lingque lists show --as lan

        lingque lists show do_not_call --as min
    """
    with opened(workspace, user) as session:
        found = accepted(show_lists(session.application.services, session.actor, name=name), session.language)
        console.print(_overview(found, session.language))
        if name is not None:
            console.print(_acts(found[0], session.language))


def _lists(application: Application) -> CustomerLists:
    services = application.services
    return CustomerLists(application.vault, services.clock, services.calendar)


def print_report(report: MatchReport, language: Language, changed: Label, already: Label) -> None:
    """What became of the rows of a file of customers."""
    made = show.table("", "", "行号" if language == "zh" else "rows of the file")
    made.columns[1].justify = "right"
    made.add_row(Label(zh="文件行数", en="rows").in_language(language), f"{report.rows:,}", "")
    made.add_row(Label(zh="匹配到客户", en="matched").in_language(language), f"{report.matched:,}", "")
    made.add_row(f"  {changed.in_language(language)}", f"{report.changed:,}", "")
    made.add_row(f"  {already.in_language(language)}", f"{report.already:,}", "")
    for label, rows in (
        (Label(zh="查无此客户号", en="unknown"), report.unknown),
        (Label(zh="文件内重复", en="repeated in the file"), report.repeated),
        (Label(zh="无效", en="invalid"), report.invalid),
    ):
        made.add_row(label.in_language(language), f"{len(rows):,}", _row_numbers(rows))
    console.print(made)


def _row_numbers(rows: Sequence[int]) -> str:
    return ", ".join(str(row) for row in rows[:ROWS_NAMED]) + (", …" if len(rows) > ROWS_NAMED else "")


def _overview(found: Sequence[ListShown], language: Language) -> Table:
    head = ("名单", "名称", "作用", "负责人", "在名单人数") if language == "zh" else (
        "list", "label", "effect", "owner", "on it now"
    )  # fmt: skip
    made = show.table(*head, right=head[4:])
    for entry in found:
        definition = entry.definition
        made.add_row(
            definition.list,
            definition.label.label().in_language(language),
            _effect(entry).in_language(language),
            definition.owner,
            f"{entry.members:,}",
        )
    return made


def _effect(entry: ListShown) -> Label:
    if entry.definition.secret:
        return Label(zh="合规排除（保密）", en="excludes, secret")
    if entry.definition.effect == "exclude":
        return Label(zh="排除", en="excludes")
    return Label(zh="客群", en="audience")


def _acts(entry: ListShown, language: Language) -> Table:
    head = ("时间 (UTC)", "操作人", "来源", "原因", "加入", "仍在") if language == "zh" else (
        "when (UTC)", "by", "origin", "reason", "put on", "still on"
    )  # fmt: skip
    made = show.table(*head, right=head[4:])
    for act in entry.acts:
        moment = f"{datetime_of(act.added_at):%Y-%m-%d %H:%M}"
        made.add_row(moment, act.added_by, act.origin, act.reason, f"{act.put_on:,}", f"{act.still_on:,}")
    return made

"""Commands on messages: send what waits, take receipts, see what became of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from lingque.core.labels import Label, Language
from lingque.deliver.contracts import STATUS_LABELS, Fates
from lingque.engage.service import newest_plan
from lingque.entry import show
from lingque.entry.cli.application import HERE, UserOption, WorkspaceOption, accepted, console, opened, progress_bar
from lingque.flow.messages import send_messages, status_of_messages
from lingque.flow.receipts import ReceiptReport, read_receipts

messages_app = typer.Typer(
    name="messages", help="Send what waits, take receipts, see what became of it.", no_args_is_help=True
)


@messages_app.command("send")
def send(user: UserOption, workspace: WorkspaceOption = HERE) -> None:
    """Send once whatever is queued, and hand over batches. What quiet hours hold back goes on waiting.

    Made to be run by cron: started again, it goes on where it stopped.

    Examples:

        lingque messages send --as eva
    """
    with opened(workspace, user) as session, session.application.writing() as services:
        with progress_bar() as progress:
            task = progress.add_task("messages", total=None)
            done = accepted(
                send_messages(services, session.actor, progress=lambda n: progress.update(task, completed=n)),
                session.language,
            )
        session.say(
            zh=f"✓ 处理 {done.handled:,} 条；免打扰时段暂缓 {done.held:,} 条；活动暂停 {done.paused:,} 条",
            en=f"✓ handled {done.handled:,}; held by quiet hours {done.held:,}; campaign paused {done.paused:,}",
        )


@messages_app.command("receipts")
def receipts(
    file: Annotated[Path, typer.Argument(help="CSV: key,outcome,at or key,outcome,at,note.")],
    user: UserOption,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Take what a gateway reports or staff confirm: delivered, failed, opened, clicked, answered, done, declined,
    expired, opted_out.

    A file read twice counts once. Bad rows are named and do not stop the good ones.

    Examples:

        lingque messages receipts receipts_20260601.csv --as otto
    """
    with opened(workspace, user) as session, session.application.writing() as services:
        report = accepted(read_receipts(services, file, session.actor), session.language)
        session.say(
            zh=f"✓ {report.file}：读入 {report.read:,} 行，新增 {report.counted:,}，重复 {report.repeated:,}",
            en=f"✓ {report.file}: {report.read:,} rows read, {report.counted:,} new, {report.repeated:,} repeated",
        )
        if report.problems:
            console.print(_problems(report, session.language))


@messages_app.command("status")
def status(
    user: UserOption,
    campaign: Annotated[str, typer.Argument(help="The campaign, of which the newest wave is shown.")] = "",
    wave: Annotated[int, typer.Option(min=0, help="A wave by its number, in the place of a campaign.")] = 0,
    workspace: WorkspaceOption = HERE,
) -> None:
    """What became of a wave's messages: by channel and status, and why those not sent were not.

    Examples:

        lingque messages status spring_loans --as eva

        lingque messages status --wave 3 --as eva
    """
    if bool(campaign) == bool(wave):
        raise typer.BadParameter("name either a campaign or a wave")
    with opened(workspace, user) as session:
        services = session.application.services
        if campaign:
            with services.database.reading() as connection:
                wave = newest_plan(connection, campaign).wave_id
        fates = accepted(status_of_messages(services, wave, session.actor), session.language)
        console.print(_fates(fates, wave, session.language))


def _fates(fates: Fates, wave: int, language: Language) -> Table:
    head = ("渠道", "状态", "消息数") if language == "zh" else ("channel", "status", "messages")
    title = Label(zh=f"波次 {wave}", en=f"wave {wave}").in_language(language)
    made = show.table(*head, title=title, right=head[2:])
    for channel, counts in fates.by_channel.items():
        for state, label in STATUS_LABELS.items():
            if state in counts:
                made.add_row(channel, label.in_language(language), f"{counts[state]:,}")
    for reason, count in fates.by_reason.items():
        made.add_row("", f"  {reason.label.in_language(language)} ({reason.name})", f"{count:,}", style="dim")
    return made


def _problems(report: ReceiptReport, language: Language) -> Table:
    head = ("行", "列", "问题") if language == "zh" else ("row", "column", "problem")
    made = show.table(*head, right=head[:1])
    for problem in report.problems:
        label = problem.reason.label.in_language(language)
        made.add_row(f"{problem.row:,}", problem.field, f"{label} ({problem.reason.name})")
    return made

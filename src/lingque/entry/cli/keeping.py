"""Commands on the vault's keys and on the audit trail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from lingque.core.clock import datetime_of
from lingque.entry import show
from lingque.entry.cli.application import HERE, UserOption, WorkspaceOption, accepted, console, opened, progress_bar
from lingque.flow.keeping import export_audit, list_audit, retire_key, rotate_keys, seal_audit, verify_audit
from lingque.govern.audit import MOST_LISTED

vault_app = typer.Typer(name="vault", help="The keys under which identifiers are sealed.", no_args_is_help=True)
audit_app = typer.Typer(
    name="audit", help="Who did what: seal it, check it, hand it to an auditor.", no_args_is_help=True
)

EXIT_UNSOUND = 1


@vault_app.command("rotate")
def rotate(user: UserOption, workspace: WorkspaceOption = HERE) -> None:
    """Change the vault's keys while it is in use; both old and new ones open until the end. Broken off, it goes on.

    Examples:

        lingque vault rotate --as root
    """
    with opened(workspace, user) as session:
        steps = accepted(rotate_keys(session.application.services, session.actor), session.language)
        done = 0
        with progress_bar() as progress:
            task = progress.add_task("rotate", total=None)
            for step in steps:
                done += step.wrapped
                progress.update(task, total=done + step.remaining, completed=done)
        session.say(zh=f"✓ 已用新密钥重新封装 {done:,} 个数据密钥", en=f"✓ {done:,} data keys are under the new key")


@vault_app.command("retire")
def retire(
    master_key: Annotated[str, typer.Argument(help="The number of the old master key in the key file.")],
    user: UserOption,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Destroy an old master key after a rotation. Backups made before it cannot be opened any more without its copy.

    Examples:

        lingque vault retire 1 --as root
    """
    with opened(workspace, user) as session:
        accepted(retire_key(session.application.services, master_key, session.actor), session.language)
        session.say(zh=f"✓ 主密钥 {master_key} 已销毁", en=f"✓ master key {master_key} is destroyed")


@audit_app.command("seal")
def seal(user: UserOption, workspace: WorkspaceOption = HERE) -> None:
    """Seal what was written since the last time, and print the newest block: note it down where nobody here can write.

    Examples:

        lingque audit seal --as min
    """
    with opened(workspace, user) as session:
        done = accepted(seal_audit(session.application.services, session.actor), session.language)
        console.print(f"{done.block} {done.digest.hex()}", highlight=False, soft_wrap=True)


@audit_app.command("verify")
def verify(
    user: UserOption,
    block: Annotated[int | None, typer.Option(min=1, help="A block noted down earlier.")] = None,
    digest: Annotated[str, typer.Option(help="Its digest.")] = "",
    workspace: WorkspaceOption = HERE,
) -> None:
    """Find any change, deletion, insertion or reordering since the entries were sealed. Exit code 1: found.

    Examples:

        lingque audit verify --as min

        lingque audit verify --block 12 --digest 5f2b… --as min
    """
    if (block is None) != (not digest):
        raise typer.BadParameter("a block and its digest go together", param_hint="--block")
    try:
        noted = None if block is None else (block, bytes.fromhex(digest))
    except ValueError:
        raise typer.BadParameter("not hexadecimal", param_hint="--digest") from None
    with opened(workspace, user) as session:
        found = accepted(verify_audit(session.application.services, session.actor, noted=noted), session.language)
        for fault in found.faults:
            console.print(f"[bold red]✗[/] {fault}", highlight=False)
        counted = f"{found.entries:,} / {found.blocks:,}, {found.digest.hex()}"
        sound = not found.faults
        session.say(
            zh=f"{'✓ 审计链完整' if sound else '✗ 审计链不完整'}: {counted}; 未封存 {found.unsealed:,}",
            en=f"{'✓ sound' if sound else '✗ not sound'}: entries / blocks {counted}; "
            f"{found.unsealed:,} not sealed yet",
        )
        if found.faults:
            raise typer.Exit(EXIT_UNSOUND)


@audit_app.command("list")
def list_entries(
    user: UserOption,
    after: Annotated[int, typer.Option(min=0, help="The entry after which to begin.")] = 0,
    most: Annotated[int, typer.Option(min=1, max=MOST_LISTED, help="How many at most.")] = 50,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Print entries of the trail, the oldest first.

    Examples:

        lingque audit list --after 1200 --as min
    """
    with opened(workspace, user) as session:
        found = list_audit(session.application.services, session.actor, after=after, most=most)
        zh = session.language == "zh"
        made = show.table(
            *(("条目", "时间 (UTC)", "操作人", "动作", "对象", "详情") if zh else
              ("entry", "when (UTC)", "who", "act", "to what", "detail"))
        )  # fmt: skip
        for one in accepted(found, session.language):
            moment = f"{datetime_of(one.at):%Y-%m-%d %H:%M:%S}"
            detail = json.dumps(one.detail, ensure_ascii=False).replace("[", r"\[")
            made.add_row(str(one.number), moment, one.actor, one.act, one.subject, detail)
        console.print(made)


@audit_app.command("export")
def export(
    file: Annotated[Path, typer.Argument(help="The file to write, such as audit.pyz.")],
    user: UserOption,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Write what is sealed into one file that checks itself with Python alone.

    Examples:

        lingque audit export audit.pyz --as min    # then, anywhere: python3 audit.pyz
    """
    with opened(workspace, user) as session:
        done = accepted(export_audit(session.application.services, file, session.actor), session.language)
        console.print(f"✓ {file}\n{done.block} {done.digest.hex()}", highlight=False, soft_wrap=True)

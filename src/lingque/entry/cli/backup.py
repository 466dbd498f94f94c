"""Commands on copies of the workspace."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lingque.bootstrap import MASTER_KEY_FILE, restore_workspace
from lingque.core.errors import ConfigurationError
from lingque.entry.cli.application import HERE, UserOption, WorkspaceOption, accepted, console, opened
from lingque.flow.backup import ERASED, copy_keys, make_backup, read_erased, write_erased

backup_app = typer.Typer(name="backup", help="Copies of both planes, and of the keys apart.", no_args_is_help=True)


@backup_app.command("make")
def make(
    folder: Annotated[Path, typer.Argument(help="A new folder.")], user: UserOption, workspace: WorkspaceOption = HERE
) -> None:
    """Copy both planes as they are at this moment. No key is in it.

    Examples:

        lingque backup make /backups/2026-06-01 --as root
    """
    with opened(workspace, user) as session, session.application.writing() as services:
        done = accepted(make_backup(services, folder, session.actor), session.language)
        session.say(
            zh=f"✓ {folder}: {done.rows:,} 行, {done.files:,} 个文件, {len(done.tables)} 张表",
            en=f"✓ {folder}: {done.rows:,} rows, {done.files:,} files, {len(done.tables)} tables",
        )


@backup_app.command("keys")
def keys(
    folder: Annotated[Path, typer.Argument(help="A new folder, on another medium than any backup.")],
    user: UserOption,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Copy the master keys, and the list of the erased with them. Destroy the copy when its days are over.

    Examples:

        lingque backup keys /media/safe/2026-06-01 --as root
    """
    with opened(workspace, user) as session, session.application.writing() as services:
        key_file = services.folder / MASTER_KEY_FILE
        if not key_file.exists():
            raise ConfigurationError("the keys are not in a file", next_step="copy them where they are")
        done = accepted(copy_keys(services, key_file, folder, session.actor), session.language)
        by = done.destroy_by
        session.say(zh=f"✓ {folder}, 须于 {by} 前销毁", en=f"✓ {folder}, to be destroyed by {by}")


@backup_app.command("erased")
def erased(
    file: Annotated[Path, typer.Argument(help="The file to write.")],
    user: UserOption,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Write the list of the erased (surrogates only), which a restore needs: keep it apart from the machine, and fresh.

    Examples:

        lingque backup erased /media/safe/erased.json --as root
    """
    with opened(workspace, user) as session:
        count = accepted(write_erased(session.application.services, file, session.actor), session.language)
        session.say(zh=f"✓ {file}: {count} 位客户", en=f"✓ {file}: {count} customers")


@backup_app.command("restore")
def restore(
    backup: Annotated[Path, typer.Argument(help="The folder of a backup.")],
    folder: Annotated[Path, typer.Argument(help="The workspace to make; a new folder.")],
    erased_list: Annotated[
        list[Path] | None, typer.Option("--erased", help="A list of the erased; may be given several times.")
    ] = None,
    keys_folder: Annotated[
        Path | None, typer.Option("--keys", help="The folder of a copy of the keys, where they were in a file.")
    ] = None,
) -> None:
    """Make a workspace what the backup is of. Whoever was erased since is erased again before it opens.

    Examples:

        lingque backup restore /backups/2026-06-01 my-bank --keys /media/safe/2026-06-01

        lingque backup restore /backups/2026-06-01 my-bank --erased /media/safe/erased.json
    """
    lists = [*(erased_list or ()), *([keys_folder / ERASED] if keys_folder is not None else ())]
    if not lists:
        raise typer.BadParameter("the newest list of the erased is needed", param_hint="--erased")
    people = {number: one for path in lists for number, one in read_erased(path).items()}
    replayed = restore_workspace(backup, folder, keys=keys_folder, erased=people)
    console.print(f"✓ {folder} ({replayed} erased again)", highlight=False)

"""Commands on definitions: what would change, put it in force, write down what is in force."""

from __future__ import annotations

import json
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from lingque.catalog.differences import Difference, FieldChange
from lingque.core.labels import Label
from lingque.entry import show
from lingque.entry.cli.application import HERE, UserOption, WorkspaceOption, accepted, console, opened
from lingque.flow.agreeing import approve_definitions, digest_of_changes
from lingque.flow.intake import apply, diff, export

_WORDS = {
    "new": (Label(zh="新增", en="new"), "+", "green"),
    "changed": (Label(zh="变更", en="changed"), "~", "yellow"),
    "withdrawn": (Label(zh="停用", en="withdrawn"), "-", "red"),
}


def diff_command(user: UserOption, workspace: WorkspaceOption = HERE) -> None:
    """Say what 'lingque apply' would change, field by field, and what is built on it. Changes nothing.

    Examples:

        lingque diff --as otto
    """
    with opened(workspace, user) as session:
        found = diff(session.application.services)
        if not found:
            session.say(zh="✓ 没有变化", en="✓ nothing would change")
        for one in found:
            label, sign, style = _WORDS[one.what]
            console.print(Text(f"{sign} {one.kind} {one.name}  {label.in_language(session.language)}", style=style))
            for line in _lines(one):
                console.print(Text(f"    {line}"), soft_wrap=True)
            if one.users:
                built_on = Label(zh="影响", en="concerns").in_language(session.language)
                users = ", ".join(f"{kind} {name}" for kind, name in one.users)
                console.print(Text(f"    → {built_on}: {users}", style="dim"), soft_wrap=True)
        if found and session.application.services.thresholds.definitions:
            digest = digest_of_changes(found)
            session.say(zh=f"须先批准：lingque approve {digest}", en=f"to be approved first: lingque approve {digest}")


def apply_command(user: UserOption, workspace: WorkspaceOption = HERE) -> None:
    """Check the YAML under definitions/ and make it what is in force.

    Everything is checked before anything changes; every problem is named with its file and line.

    Examples:

        lingque apply --as otto
    """
    with opened(workspace, user) as session, session.application.writing() as services:
        changes = accepted(apply(services, session.actor), session.language)
        if not changes:
            session.say(zh="✓ 没有变化", en="✓ nothing changed")
            return
        console.print(show.changes(changes, session.language))


def approve_command(
    digest: Annotated[str, typer.Argument(help="What 'lingque diff' names: exactly the changes that were looked at.")],
    user: UserOption,
    reject: Annotated[bool, typer.Option("--reject", help="Say no.")] = False,
    comment: Annotated[str, typer.Option(help="Why.")] = "",
    workspace: WorkspaceOption = HERE,
) -> None:
    """Approve (or reject) what 'lingque apply' would change, where the bank asks for that. Somebody else applies it.

    Examples:

        lingque approve 3f0a… --as min --comment "the consents fit"
    """
    with opened(workspace, user) as session, session.application.writing() as services:
        accepted(
            approve_definitions(services, session.actor, digest=digest, approved=not reject, comment=comment),
            session.language,
        )
        session.say(zh="✓ 已记录", en="✓ recorded")


def export_command(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    user: UserOption,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Write the definitions in force as YAML, with their mapping SQL. Applied elsewhere they are the same definitions.

    Examples:

        lingque export definitions-2026-06 --as otto
    """
    with opened(workspace, user) as session:
        files = export(session.application.services, folder)
        session.say(zh=f"✓ {folder}：{len(files)} 个文件", en=f"✓ {folder}: {len(files)} files")


def _lines(one: Difference) -> Iterator[str]:
    for change in one.fields:
        if isinstance(change.old, str) and isinstance(change.new, str) and "\n" in change.old + change.new:
            yield f"{change.field}:"
            yield from (f"  {line}" for line in _text_changes(change.old, change.new))
        else:
            yield _line(change)


def _line(change: FieldChange) -> str:
    if change.old is None:
        return f"{change.field}: + {_shown(change.new)}"
    if change.new is None:
        return f"{change.field}: - {_shown(change.old)}"
    return f"{change.field}: {_shown(change.old)} → {_shown(change.new)}"


def _text_changes(old: str, new: str) -> list[str]:
    lines = list(unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=1))
    return lines[2:]  # the first two name files


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

"""Writes the reference pages from the code, or checks (`--check`) that those committed say what the code says."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel, SecretStr

from lingque.core.reasons import Reason
from lingque.core.registries import SENSITIVE, DataClass, Purpose
from lingque.entry.cli import app
from lingque.govern.access import PERMISSIONS
from lingque.govern.contracts import Action, Role, ScopeKind
from lingque.settings import Settings
from lingque.warehouse.statements import all_statements
from lingque.warehouse.subset import BANNED_FUNCTIONS

FOLDER = Path(__file__).parents[1] / "docs" / "reference"
NOTE = "<!-- Generated from the code by `make docs`. Do not edit. -->\n\n"


def settings() -> str:
    """Every setting with its default and meaning."""
    lines = [
        "# Settings\n",
        "`lingque.toml` in the workspace; each can be overridden by an environment variable.\n",
    ]
    for section, info in Settings.model_fields.items():
        model: Any = info.annotation
        if section == "connections":
            lines += [f"## [{section}]\n", f"{info.description}.", ""]
            lines += ["Each can be set by the environment: `LINGQUE_CONNECTIONS__NAME`.", ""]
            continue
        assert issubclass(model, BaseModel)
        lines += [f"## [{section}]\n", "| setting | default | meaning | environment |", "|---|---|---|---|"]
        for name, setting in model.model_fields.items():
            value = setting.default
            shown = "" if isinstance(value, SecretStr) else f"`{value}`" if value != "" else ""
            variable = f"`LINGQUE_{section.upper()}__{name.upper()}`"
            lines.append(f"| `{name}` | {shown} | {setting.description} | {variable} |")
        lines.append("")
    return "\n".join(lines)


def commands() -> str:
    """Every command with its help."""
    root: Any = typer.main.get_command(app)
    parts = ["# Commands\n", "Exit codes: 0 done, 1 an error, 2 wrong usage, 3 refused, with its reason.\n"]

    def describe(command: Any, path: str) -> None:
        if hasattr(command, "list_commands"):
            for name in command.list_commands(None):
                describe(command.get_command(None, name), f"{path} {name}")
            return
        parts.append(f"## {path}\n\n{(command.help or '').strip()}\n")
        rows = [_parameter(parameter) for parameter in command.params if parameter.name != "help"]
        parts.append("| | | |\n|---|---|---|\n" + "\n".join(rows) + "\n")

    describe(root, "lingque")
    return "\n".join(parts)


def _parameter(parameter: Any) -> str:
    name = (
        ", ".join(f"`{option}`" for option in parameter.opts) if parameter.opts[0].startswith("-") else parameter.name
    )
    required = "required" if parameter.required else ""
    variable = f" (`{parameter.envvar}`)" if parameter.envvar else ""
    return f"| {name} | {required} | {getattr(parameter, 'help', '') or ''}{variable} |"


def registries() -> str:
    """The closed registries with their numbers."""
    lines = ["# Registries\n", "Closed and numbered; a number never changes its meaning.\n", "## Reasons\n"]
    lines += ["| code | name | 中文 | English |", "|---|---|---|---|"]
    lines += [f"| {r.value} | `{r.name}` | {r.label.zh} | {r.label.en} |" for r in Reason]
    lines += ["", "## Purposes\n", "| code | name | 中文 | English |", "|---|---|---|---|"]
    lines += [f"| {p.value} | `{p.name.lower()}` | {p.label.zh} | {p.label.en} |" for p in Purpose]
    lines += ["", "## Data classes\n", "| bit | name | separate consent for marketing |", "|---|---|---|"]
    lines += [f"| {c.value} | `{(c.name or '').lower()}` | {'yes' if c in SENSITIVE else ''} |" for c in DataClass]
    return "\n".join(lines) + "\n"


_REACH = {ScopeKind.BANK: "bank", ScopeKind.ORGANISATION: "organisation", ScopeKind.OWN: "own"}


def access() -> str:
    """The permission matrix."""
    lines = [
        "# Who may do what\n",
        "Denied unless it stands here. A cell says with which scope a role may: over the whole bank, over an",
        "organisation and all under it, or over one's own customers ([access](../concepts/access.md)).\n",
    ]
    roles = list(Role)
    lines += ["| action | " + " | ".join(role.value for role in roles) + " |", "|---" * (len(roles) + 1) + "|"]
    for action in Action:
        cells = [
            ", ".join(word for kind, word in _REACH.items() if kind in PERMISSIONS[role].get(action, ()))
            for role in roles
        ]
        lines.append(f"| `{action.value}` | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def sql() -> str:
    """The SQL templates of the data plane, and what the subset bans."""
    lines = ["# SQL of the data plane\n", "| statement | for |", "|---|---|"]
    lines += [f"| `{name}` | {statement.purpose} |" for name, statement in all_statements().items()]
    lines += ["", "## Not in the subset\n", "| function | why |", "|---|---|"]
    lines += [f"| `{name}` | {why} |" for name, why in BANNED_FUNCTIONS.items()]
    return "\n".join(lines) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings,
    "commands.md": commands,
    "registries.md": registries,
    "access.md": access,
    "sql.md": sql,
}


def main() -> int:
    """0 where all pages say what the code says (or were written anew)."""
    check = "--check" in sys.argv
    stale: list[str] = []
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        path, text = FOLDER / name, NOTE + page()
        if check and (not path.exists() or path.read_text(encoding="utf-8") != text):
            stale.append(name)
        elif not check:
            path.write_text(text, encoding="utf-8")
    for name in stale:
        print(f"docs/reference/{name} does not say what the code says; run 'make docs'")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())

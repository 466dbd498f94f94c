"""The commands by name. Each is loaded when it is asked for: to import them all takes longer than most of them run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

MARKUP: Any = "markdown"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a command, or a group of them, is: `what` in the first of the modules; the others add commands to it.
    `help` is its line in `lingque --help`, for which nothing is loaded."""

    modules: tuple[str, ...]
    what: str
    help: str


def _in(modules: str, what: str, help_line: str) -> Place:
    return Place(modules=tuple(modules.split()), what=what, help=help_line)


COMMANDS: dict[str, Place] = {
    "demo": _in(
        "workspace", "demo",
        "Run the whole way on a generated bank: maturing deposits are to be kept (到期承接), and the truth is known.",
    ),
    "init": _in("workspace", "init", "Make a folder a workspace, or bring one to this version's schema."),
    "diff": _in(
        "definitions", "diff_command",
        "Say what 'lingque apply' would change, field by field, and what is built on it. Changes nothing.",
    ),
    "apply": _in("definitions", "apply_command", "Check the YAML under definitions/ and make it what is in force."),
    "approve": _in(
        "definitions", "approve_command",
        "Approve (or reject) what 'lingque apply' would change, where the bank asks for that."
        " Somebody else applies it.",
    ),
    "export": _in(
        "definitions", "export_command",
        "Write the definitions in force as YAML, with their mapping SQL."
        " Applied elsewhere they are the same definitions.",
    ),
    "ingest": _in(
        "workspace", "ingest_command",
        "Load what lies in the landing folder. What was loaded before is recognised and left.",
    ),
    "nightly": _in(
        "retention", "nightly",
        "Put the house in order: move decisions from the journal to the log, purge what nobody needs."
        " For the nightly job.",
    ),
    "serve": _in("servers", "serve", "Serve the API (OpenAPI at /openapi.json) and the customers' opt-out page."),
    "mailbox": _in(
        "servers", "mailbox", "Listen as a mail server and keep every mail as a file: to see what would go out."
    ),
    "quarantine": _in("data", "quarantine_app", "Rows that broke a rule: look, correct, dismiss, load again."),
    "quality": _in("data", "quality_app", "What the data is like, day by day; let a held delivery through."),
    "tags": _in("tags live_tags lineage manual_tags", "tags_app", "Compute and look at tags."),
    "segments": _in("segments finding", "segments_app", "Count, compare and find groups of customers."),
    "lists": _in("lists", "lists_app", "Who is to be kept out, and whom to ask."),
    "customers": _in("customers", "customers_app", "Look at one customer."),
    "models": _in("models", "models_app", "Train models and look at their cards."),
    "campaign": _in("campaign outlooks", "campaign_app", "From a plan to a measured effect."),
    "decisions": _in("decisions", "decisions_app", "Why this and not that, for any customer and moment."),
    "messages": _in("messages", "messages_app", "Send what waits, take receipts, see what became of it."),
    "users": _in(
        "people", "users_app",
        "Users, passwords and API keys. Whoever can write to the workspace's folder can: that is the administrator.",
    ),
    "consents": _in("consents", "consents_app", "Consents that a file brought and that wait for a second person."),
    "rights": _in(
        "rights", "rights_app", "What customers ask for: copies, explanations, corrections, erasure."
    ),
    "audit": _in("keeping", "audit_app", "Who did what: seal it, check it, hand it to an auditor."),
    "vault": _in("keeping", "vault_app", "The keys under which identifiers are sealed."),
    "retention": _in("retention", "retention_app", "What is older than any purpose needs."),
    "tables": _in("tables", "tables_app", "Put the files of tables in order."),
    "backup": _in("backup", "backup_app", "Copies of both planes, and of the keys apart."),
    "twin": _in("twin", "twin_app", "The simulated bank, whose truth is known."),
}  # fmt: skip


class Commands(TyperGroup):
    """The group of all commands."""

    def __init__(self, **attributes: Any) -> None:
        lines: dict[str, Any] = {
            name: TyperCommand(name=name, help=place.help, rich_markup_mode=MARKUP) for name, place in COMMANDS.items()
        }
        super().__init__(**attributes | {"commands": lines})

    def get_command(self, _ctx: Any, cmd_name: str) -> Any:
        """The command itself; None where there is none of that name."""
        return loaded(cmd_name) if cmd_name in COMMANDS else None

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """As of the lines alone."""
        told = TyperGroup(
            name=self.name, help=self.help, params=self.params, commands=dict(self.commands), rich_markup_mode=MARKUP
        )
        told.format_help(ctx, formatter)


@cache
def loaded(name: str) -> Any:
    """The command or group of that name, with all that belongs to it."""
    place = COMMANDS[name]
    first, *_ = [import_module(f"lingque.entry.cli.{module}") for module in place.modules]
    found = getattr(first, place.what)
    around = typer.Typer(rich_markup_mode=MARKUP, pretty_exceptions_enable=False)
    if isinstance(found, typer.Typer):
        around.add_typer(found, name=name)
    else:
        around.command(name)(found)
    return typer.main.get_group(around).commands[name]

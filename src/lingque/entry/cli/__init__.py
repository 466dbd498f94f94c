"""The command line."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console

from lingque import __version__
from lingque.core.errors import LingqueError
from lingque.entry.cli.commands import MARKUP, Commands

EXIT_ERROR = 1
EXIT_REFUSED = 3

app = typer.Typer(
    name="lingque",
    cls=Commands,
    help="Lingque 灵鹊: from a bank's raw files to a lawful, delivered, measured proposal.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a traceback with local variables would print personal data
    rich_markup_mode=MARKUP,
)


def _version(wanted: bool) -> None:
    if wanted:
        Console().print(f"lingque {__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def _root(
    _version_wanted: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Lingque 灵鹊: from a bank's raw files to a lawful, delivered, measured proposal."""


def main() -> None:
    """Run a command. Exit codes: 0 done, 1 an error, 2 wrong usage, 3 refused (with its reason)."""
    try:
        app()
    except LingqueError as error:
        Console(stderr=True).print(f"[bold red]✗[/] {_plain(str(error))}", highlight=False)
        sys.exit(EXIT_ERROR)


def _plain(text: str) -> str:
    return text.replace("[", r"\[")

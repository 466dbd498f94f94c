"""The command line."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import UnsupportedOperation
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
    with _stdout_of_our_own():
        try:
            app()
        except LingqueError as error:
            Console(stderr=True).print(f"[bold red]✗[/] {_plain(str(error))}", highlight=False)
            sys.exit(EXIT_ERROR)


@contextmanager
def _stdout_of_our_own() -> Iterator[None]:
    """What compiled libraries print past Python goes to stderr: a program that reads our output would trip over it.

    HiGHS does so in branch and bound, whatever it is told. Once for the whole command, since there is one descriptor
    for all threads.
    """
    ours, before = os.dup(1), sys.stdout
    os.dup2(2, 1)
    with suppress(UnsupportedOperation):  # a test's, of no file
        if before.fileno() == 1:
            at_once = 1 if before.isatty() else -1
            sys.stdout = os.fdopen(os.dup(ours), "w", at_once, encoding=before.encoding, errors=before.errors)
    try:
        yield
    finally:
        if sys.stdout is not before:
            sys.stdout.close()
            sys.stdout = before
        ctypes.CDLL(None).fflush(None)  # C keeps lines back until it ends
        os.dup2(ours, 1)
        os.close(ours)


def _plain(text: str) -> str:
    return text.replace("[", r"\[")

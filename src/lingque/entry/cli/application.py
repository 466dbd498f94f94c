"""What all commands share: the workspace, the acting user, and how a refusal ends a command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from lingque.bootstrap import Application, open_workspace
from lingque.core.labels import Label, Language
from lingque.core.reasons import Refusal
from lingque.govern.access import principal_of
from lingque.govern.contracts import Principal

T = TypeVar("T")

WorkspaceOption = Annotated[
    Path, typer.Option("--workspace", "-w", envvar="LINGQUE_HOME", help="Folder of the workspace.", show_default="here")
]
UserOption = Annotated[str, typer.Option("--as", envvar="LINGQUE_USER", help="The user who acts.")]

HERE = Path()
console = Console()


@dataclass(frozen=True, kw_only=True)
class Opened:
    """An open workspace and who works in it."""

    application: Application
    actor: Principal

    @property
    def language(self) -> Language:
        return self.application.settings.workspace.language

    def say(self, *, zh: str, en: str) -> None:
        console.print(Label(zh=zh, en=en).in_language(self.language), highlight=False)


@contextmanager
def opened(workspace: Path, user: str) -> Iterator[Opened]:
    """Open the workspace for a user. Raises `NotFoundError` for an unknown one."""
    with open_workspace(workspace) as application:
        with application.services.database.reading() as connection:
            actor = principal_of(connection, user)
        yield Opened(application=application, actor=actor)


def accepted(outcome: T | Refusal, language: Language) -> T:
    """The outcome; a refusal is printed with its reason and ends the command with exit code 3."""
    if isinstance(outcome, Refusal):
        end_refused(outcome, language)
    return outcome


def end_refused(refusal: Refusal, language: Language) -> NoReturn:
    text = f"{refusal.reason.label.in_language(language)} ({refusal.reason.name})\n  {refusal.detail}"
    Console(stderr=True).print(f"[bold yellow]✋[/] {text.replace('[', chr(92) + '[')}", highlight=False)
    raise typer.Exit(3)


def progress_bar() -> Progress:
    """Progress for anything that takes longer than a second."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )

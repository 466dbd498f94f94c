"""Commands on a workspace: set it up, load files; and the demo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lingque.bootstrap import create_workspace
from lingque.core.reasons import Refusal
from lingque.entry import show, show_data
from lingque.entry.cli.application import (
    HERE,
    UserOption,
    WorkspaceOption,
    console,
    end_refused,
    opened,
    progress_bar,
)
from lingque.flow.intake import catalog_of, incomplete, ingest, waiting
from lingque.ingest.contracts import IngestReport


def init(folder: Annotated[Path, typer.Argument(help="The folder to make a workspace of.")] = HERE) -> None:
    """Make a folder a workspace, or bring one to this version's schema.

    Existing settings, keys and data are kept.

    Examples:

        lingque init my-bank

        lingque init          # in the folder itself, after an upgrade
    """
    settings = create_workspace(folder)
    console.print(f"✓ {folder.resolve()}\n  settings: {settings}", highlight=False)
    console.print("  next: lingque users add NAME --person PERSON --role operator", highlight=False)


def ingest_command(user: UserOption, workspace: WorkspaceOption = HERE) -> None:
    """Load what lies in the landing folder. What was loaded before is recognised and left.

    Bad rows go to the quarantine with file, row, column and reason; good rows go through.

    Examples:

        lingque ingest --as otto
    """
    with opened(workspace, user) as session, session.application.writing() as services:
        total = len(waiting(services, catalog_of(services)))
        reports: list[IngestReport] = []
        with progress_bar() as progress:
            task = progress.add_task("ingest", total=total)
            for report in ingest(services, session.actor):
                if isinstance(report, Refusal):
                    end_refused(report, session.language)
                reports.append(report)
                progress.update(task, advance=1, description=report.source)
        console.print(show.ingested(reports, session.language))
        if waits := incomplete(services):
            console.print(show_data.waiting(waits, session.language))


def demo(
    folder: Annotated[Path, typer.Argument(help="Where the demo's workspace is made; must not exist yet.")] = Path(
        "demo-bank"
    ),
    language: Annotated[str, typer.Option(help="Language of the terminal: zh or en.")] = "zh",
    customers: Annotated[int, typer.Option(min=100, max=100_000, help="Size of the generated bank.")] = 20_000,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another bank.")] = 1,
) -> None:
    """Run the whole way on a generated bank: maturing deposits are to be kept (到期承接), and the truth is known.

    Examples:

        lingque demo

        lingque demo my-demo --language en --customers 5000
    """
    # the simulated bank and its mail server, which no other command should pay for
    from lingque.entry.demo import run_demo

    if language not in ("zh", "en"):
        raise typer.BadParameter("zh or en", param_hint="--language")
    run_demo(folder, language="zh" if language == "zh" else "en", customers=customers, seed=seed, console=console)

"""Commands that keep running: the API, and a mailbox to try things with."""

from __future__ import annotations

import atexit
import gc
import logging
import threading
from pathlib import Path
from typing import Annotated

import typer

from lingque.bootstrap import open_workspace
from lingque.entry.cli.application import HERE, WorkspaceOption, console
from lingque.entry.mailbox import Mailbox, open_mailbox
from lingque.entry.sealing import sealed_as_time_goes_by
from lingque.flow.intake import catalog_of


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Serve the API (OpenAPI at /openapi.json) and the customers' opt-out page.

    Examples:

        lingque serve

        lingque serve --host 0.0.0.0 --port 80
    """
    # the web framework takes half a second to import, which no other command should pay
    import uvicorn

    from lingque.entry.api.app import create_app
    from lingque.entry.one_write import OneWrite

    with open_workspace(workspace) as application, sealed_as_time_goes_by(application.services):
        console.print(f"http://{host}:{port}/openapi.json", highlight=False)
        # our own access line names routes, never paths: tokens stand in paths
        shown = logging.StreamHandler()
        shown.setFormatter(EachLine())
        logging.basicConfig(level=logging.INFO, handlers=[shown])
        # what this format does not show is not looked up: a line costs half ('Optimization' in the logging how-to)
        logging._srcfile = None
        logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
        app = create_app(application)
        catalog_of(application.services)
        collect_seldom()
        uvicorn.run(
            app,
            host=host,
            port=port,
            http=OneWrite,
            log_level="warning",
            access_log=False,
            server_header=False,
        )


class EachLine(logging.Formatter):
    """When, whose and what, line by line: a record may hold what several requests came to."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(name)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  logging's own name
        return "\n".join(f"{record.asctime} {record.name} {line}" for line in record.message.split("\n"))


def collect_seldom() -> None:
    """For a process that has loaded what it needs and now answers."""
    # what is there stays; to look through it for rubbish takes fifty milliseconds in the midst of an answer
    gc.freeze()
    atexit.register(gc.unfreeze)  # what stays frozen at the end, the engine's binding tells of as leaked
    # a group of answers makes ten thousand objects, which go with it: looking through them finds none
    gc.set_threshold(50_000, 20, 20)


def mailbox(
    folder: Annotated[Path, typer.Argument(help="Where mails are kept, one .eml file each.")] = Path("mailbox"),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8025,
) -> None:
    """Listen as a mail server and keep every mail as a file: to see what would go out.

    Examples:

        lingque mailbox

        lingque mailbox mails --port 2525
    """
    with open_mailbox(Mailbox(folder), port=port) as listening:
        console.print(f"smtp://127.0.0.1:{listening} → {folder}", highlight=False)
        threading.Event().wait()

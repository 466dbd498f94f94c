"""A process that works on workspaces: per line of its input one job, done in a child that can be killed.

A child, because what takes long is to start Python and import the platform, and that need not happen for every kill.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from tiny_bank import LIN, OTTO, Bank

from lingque.bootstrap import smtp_only
from lingque.core.reasons import Refusal
from lingque.deliver.contracts import Channel
from lingque.flow import ingest, run_campaign
from lingque.settings import Settings


def to_port(settings: Settings, port: int) -> dict[str, Channel]:
    smtp = settings.smtp.model_copy(update={"host": "127.0.0.1", "port": port})
    return dict(smtp_only(settings.model_copy(update={"smtp": smtp})))


def work(folder: str, control: str, campaign: str, port: int) -> None:
    """Send the campaign where one is named, else load what waits."""
    os.environ["LINGQUE_CONTROL__URL"] = control
    bank = Bank(folder=Path(folder))
    with bank.open(lambda settings: to_port(settings, port)) as application, application.writing() as services:
        if campaign:
            assert not isinstance(run_campaign(services, campaign, LIN), Refusal)
        else:
            assert not [report for report in ingest(services, OTTO) if isinstance(report, Refusal)]


def done(work: Callable[..., None], job: list[str | int]) -> int:
    try:
        work(*job)
    except BaseException:  # noqa: BLE001 - whatever it is, it must not reach the loop of the parent
        traceback.print_exc()
        return 1
    return 0


def main(work: Callable[..., None]) -> None:
    while line := sys.stdin.readline():
        child = os.fork()
        if child == 0:
            os._exit(done(work, json.loads(line)))
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        sys.stdin.readline()  # until then the child is not reaped, so that its number stays its own
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(work)

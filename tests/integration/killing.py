"""Working in a process that is killed in the middle, as a power cut would."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from tiny_bank import Bank

PROGRAM = Path(__file__).with_name("bank_process.py")


class Workers:
    """Processes that work on a workspace until they are done or killed."""

    def __init__(self, program: Path = PROGRAM) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def work(self, bank: Bank, *, campaign: str = "", port: int = 0, kill_after: float | None = None) -> int:
        """Work for that many seconds (None: to the end); the exit code, -9 where it was killed."""
        return self.do([str(bank.folder), os.environ["LINGQUE_CONTROL__URL"], campaign, port], kill_after=kill_after)

    def do(self, job: list[str | int], *, kill_after: float | None = None) -> int:
        """Do the job in a child."""
        assert self._process.stdout is not None
        self._say(json.dumps(job))
        child = int(self._process.stdout.readline())
        if kill_after is not None:
            time.sleep(kill_after)
            os.kill(child, signal.SIGKILL)
        self._say("reap it")
        return int(self._process.stdout.readline())

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def close(self) -> None:
        self._process.communicate(timeout=60)


def moments(count: int, longest: float) -> list[float]:
    """Seconds after which to kill, spread over the work and never the same twice."""
    chance = random.Random()  # noqa: S311 - any moment will do
    return [longest * (n + chance.random()) / count for n in range(count)]

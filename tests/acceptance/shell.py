"""Runs the installed command as a user does."""

from __future__ import annotations

import io
import os
import random
import re
import secrets
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pytest

from lingque.entry.cli import main

PROJECT = Path(__file__).parents[2]
COMMAND = Path(sys.executable).parent / "lingque"


_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)


def commands_of(page: Path) -> list[str]:
    """Every line of every shell block."""
    blocks = _BLOCK.findall(page.read_text(encoding="utf-8"))
    return [line for block in blocks for line in block.splitlines() if line.strip()]


@dataclass(frozen=True)
class Shell:
    """A terminal in a folder, without anything of the developer's own environment.

    What commands print is the same in every run and at every hour: surrogates are drawn alike, and no hours are quiet.
    """

    folder: Path
    environment: Mapping[str, str]

    def __call__(self, *arguments: str, exit_code: int = 0, timeout: float = 600) -> str:
        """Run `lingque`, check the exit code, and give what it printed (both streams)."""
        return self.run([str(COMMAND), *arguments], exit_code=exit_code, timeout=timeout)

    def run(self, command: list[str], *, exit_code: int = 0, timeout: float = 600) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=dict(self.environment),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        printed = done.stdout + done.stderr
        assert done.returncode == exit_code, f"{' '.join(command)} → {done.returncode}\n{printed}"
        return printed

    def in_this_process(self, *arguments: str, exit_code: int = 0) -> str:
        """The same in this process, for many short commands: most of their time is the start of Python."""
        words, printed = "\0".join(arguments), io.StringIO()
        with (
            pytest.MonkeyPatch.context() as patched,
            patch.dict(os.environ, self.environment, clear=True),
            redirect_stdout(printed),
            redirect_stderr(printed),
        ):
            patched.chdir(self.folder)
            patched.setattr(sys, "argv", [COMMAND.name, *arguments])
            patched.setattr(secrets, "randbelow", random.Random(words).randrange)  # noqa: S311 - as same_surrogates does
            with pytest.raises(SystemExit) as ended:
                main()
        assert (ended.value.code or 0) == exit_code, f"{' '.join(arguments)} → {ended.value.code}\n{printed.getvalue()}"
        return printed.getvalue()

    def at(self, folder: Path, **more: str) -> Shell:
        return Shell(folder, {**self.environment, **more})

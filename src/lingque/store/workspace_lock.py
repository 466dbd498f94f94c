"""One writing process per workspace: an advisory lock on a file, freed by the system when the process dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lingque.core.errors import BusyError


@contextmanager
def workspace_lock(path: Path) -> Iterator[None]:
    """Hold the workspace for writing; `BusyError` at once where another process does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise BusyError(
                f"another process (id {file.read().strip() or 'unknown'}) is writing to this workspace",
                next_step="wait until it has finished; nothing was changed",
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield

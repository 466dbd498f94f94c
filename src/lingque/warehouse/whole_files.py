"""Files that stand whole or not at all, whoever reads, and whenever who writes dies."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lingque.core.errors import WarehouseError


@contextmanager
def made_whole(target: Path) -> Iterator[Path]:
    """Where to write: it becomes `target` when all is written. Raises `WarehouseError` where the disk is full."""
    half = target.with_suffix(f".{os.getpid()}.half")
    try:
        yield half
        half.replace(target)
    except OSError as error:
        half.unlink(missing_ok=True)
        raise WarehouseError(
            f"cannot write {target}: {error.strerror or error}", next_step="make room or mend the rights"
        ) from error

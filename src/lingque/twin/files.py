"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path


def publish(folder: Path, files: Mapping[str, Iterable[bytes]], *, replace: bool = False) -> list[Path]:
    """Writes all of them or none: nothing gets its name before everything is on disk.

    A name that is taken raises `FileExistsError`, unless it may be replaced; what the disk refuses raises `OSError`.
    """
    for name in () if replace else files:
        if (folder / name).exists():
            raise FileExistsError(f"{folder / name} exists already; the twin overwrites nothing")
    partial = {folder / f".{name}.partial": folder / name for name in files}
    named: list[Path] = []
    try:
        for path, chunks in zip(partial, files.values(), strict=True):
            with path.open("wb") as file:
                file.writelines(chunks)
                file.flush()
                os.fsync(file.fileno())
        for path, final in partial.items():
            path.replace(final)
            named.append(final)
    except BaseException:
        # without leave to replace, what bears a final name now is ours
        for path in (*partial, *([] if replace else named)):
            with suppress(OSError):
                path.unlink()
        raise
    return named

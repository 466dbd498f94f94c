"""Files that appear whole or not at all, filled block by block."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet

from lingque.twin import columns

_STAGING = ".partial"


@dataclass(eq=False)
class _Filled:
    rows: int = 0
    total: int = 0
    writer: pyarrow.parquet.ParquetWriter | None = None


@dataclass(eq=False)
class Landing:
    """A folder of files that get their names when all of them are on disk; an error leaves nothing behind.

    `into`: `empty`, a folder that is empty or does not exist yet (else `FileExistsError`); `new`, one that exists
    (`FileNotFoundError`) and has no file of any of these names (`FileExistsError`); `replace`, one that exists.
    """

    folder: Path
    into: str
    _files: dict[str, _Filled] = field(default_factory=dict)
    _made: bool = False

    def __enter__(self) -> Self:
        if self.into == "empty":
            if self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir())):
                raise FileExistsError(
                    f"{self.folder} is not an empty folder; name one that is empty or does not exist yet"
                )
            self._made = not self.folder.exists()
        elif not self.folder.is_dir():
            raise FileNotFoundError(f"{self.folder} is not a folder; write the extracts there first")
        self.scratch.mkdir(parents=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._publish()
        finally:
            for filled in self._files.values():
                if filled.writer is not None:
                    with suppress(OSError):  # the error that brought us here says more
                        filled.writer.close()
            shutil.rmtree(self._staging, ignore_errors=True)
            if kind is not None and self._made:
                shutil.rmtree(self.folder, ignore_errors=True)

    def add(self, name: str, content: bytes | pa.Table, *, header: bytes = b"", rows: int = 0, total: int = 0) -> None:
        """Appends to a file of the landing; the header stands once, before everything."""
        begun = name in self._files
        filled = self._files.setdefault(name, _Filled())
        filled.rows += rows
        filled.total += total
        path = self._staging / name
        if isinstance(content, pa.Table):
            if filled.writer is None:
                path.parent.mkdir(parents=True, exist_ok=True)
                filled.writer = pyarrow.parquet.ParquetWriter(path, content.schema)
            filled.writer.write_table(content)
            return
        if not begun:
            path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(content if begun else header + content)

    def control(self, name: str, *, data_date: str) -> None:
        """A control file beside a file: its rows, their total and the date of the data."""
        filled = self._files[name]
        text = columns.control(
            file=Path(name).name, rows=filled.rows, amount_total=columns.yuan(filled.total), data_date=data_date
        )
        self.add(f"{name.rsplit('.', 1)[0]}.ok", text)

    @property
    def scratch(self) -> Path:
        """A folder for what is needed only until everything is written."""
        return self._staging / ".scratch"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._files)

    @property
    def written(self) -> list[Path]:
        return [self.folder / name for name in self._files]

    def rows_of(self, name: str) -> int:
        """How many rows a file has so far; 0 of one that was not begun."""
        return self._files[name].rows if name in self._files else 0

    @property
    def _staging(self) -> Path:
        return self.folder / _STAGING

    def _publish(self) -> None:
        for name, filled in self._files.items():
            if filled.writer is not None:
                filled.writer.close()
            if self.into == "new" and (self.folder / name).exists():
                raise FileExistsError(f"{self.folder / name} exists already; the twin overwrites nothing")
            with (self._staging / name).open("rb") as file:
                os.fsync(file.fileno())
        named: list[Path] = []
        try:
            for name in self._files:
                target = self.folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                (self._staging / name).replace(target)
                named.append(target)
        except BaseException:
            for path in named if self.into != "replace" else ():
                path.unlink(missing_ok=True)
            raise

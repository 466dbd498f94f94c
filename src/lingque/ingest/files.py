"""Which files a source delivers for which data date, and which deliveries are not complete yet."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path

from lingque.catalog.definitions import FileRead, SourceDefinition
from lingque.core.errors import SourceError
from lingque.ingest.contracts import Waiting

_PLACEHOLDER = "{data_date}"


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """A file of the bank; `name` is its path within the landing folder, by which everything speaks of it."""

    name: str
    path: Path


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """The files of one source for one data date, by the name under which the mapping reads them.

    Tables of a database are among them only once they were fetched (`lingque.ingest.arrivals`), and `scratch` is there
    only then.
    """

    source: SourceDefinition
    data_date: date
    files: dict[str, tuple[SourceFile, ...]]
    control: SourceFile | None = None
    scratch: Path | None = None

    @property
    def subject(self) -> str:
        """What the runs call it."""
        return f"{self.source.source}/{self.data_date.isoformat()}"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(file.name for files in self.files.values() for file in files))

    @cached_property
    def digests(self) -> dict[str, str]:
        """Name and SHA-256 of every file of rows."""
        return {file.name: _sha256(file.path) for files in self.files.values() for file in files}

    def content(self) -> list[list[str]]:
        """Name and SHA-256 of every file, the control file among them: the same content is the same delivery, whatever
        its time stamp says."""
        control = [] if self.control is None else [[self.control.name, _sha256(self.control.path)]]
        return sorted([*([name, digest] for name, digest in self.digests.items()), *control])

    def new_scratch_file(self) -> Path:
        """An empty file that only this user can read, and that goes when the delivery has been dealt with."""
        if self.scratch is None:
            raise ValueError(f"{self.subject} was not fetched: there is no folder that would be emptied again")
        handle, name = tempfile.mkstemp(dir=self.scratch)
        open(handle, "wb").close()
        return Path(name)


def deliveries(source: SourceDefinition, landing: Path, *, table_days: Iterable[date] = ()) -> list[Delivery]:
    """Every complete delivery that lies in the landing folder for this source, oldest data date first.

    Where the source has a control file, a delivery without it waits and is not among them (`waiting_for`).
    `table_days` are the data dates of a source that reads tables alone. Raises `SourceError` where nothing has come at
    all, or where one data date lacks one of the files.
    """
    reads_files = any(isinstance(read, FileRead) for read in source.reads.values())
    found = _days(source, landing) if reads_files else sorted({*table_days, *_control_days(source, landing)})
    if not found and reads_files:
        patterns = ", ".join(
            pattern for read in source.reads.values() if isinstance(read, FileRead) for pattern in read.files
        )
        raise SourceError(
            f"source '{source.source}': no file in {landing} is named {patterns}",
            next_step="check the landing folder in lingque.toml, or the file names in the source",
        )
    return [
        Delivery(
            source=source,
            data_date=day,
            files={
                name: _files(source, read, landing, day)
                for name, read in source.reads.items()
                if isinstance(read, FileRead)
            },
            control=_control(source, landing, day),
        )
        for day in found
        if _missing_control(source, landing, day) is None
    ]


def waiting_for(source: SourceDefinition, landing: Path) -> list[Waiting]:
    """The data dates of which something has come but not the control file that says it is all."""
    return [
        Waiting(source=source.source, data_date=day, missing=(missing,))
        for day in _days(source, landing)
        if (missing := _missing_control(source, landing, day)) is not None
    ]


def _days(source: SourceDefinition, landing: Path) -> list[date]:
    if source.data_date:
        return [source.data_date]
    patterns = [pattern for read in source.reads.values() if isinstance(read, FileRead) for pattern in read.files]
    return sorted({day for pattern in patterns for day in _days_of(pattern, landing)} | _control_days(source, landing))


def _control_days(source: SourceDefinition, landing: Path) -> set[date]:
    return set() if source.control is None else _days_of(source.control.file, landing)


def _days_of(pattern: str, landing: Path) -> set[date]:
    if _PLACEHOLDER not in pattern:
        return set()
    before, after = (re.escape(part).replace(r"\*", ".*") for part in pattern.split(_PLACEHOLDER, 1))
    matcher = re.compile(f"{before}(\\d{{8}}){after}")
    paths = landing.glob(pattern.replace(_PLACEHOLDER, "*"))
    matches = ((matcher.fullmatch(path.relative_to(landing).as_posix()), path) for path in paths)
    return {_day(match[1], path) for match, path in matches if match}


def _day(text: str, path: Path) -> date:
    try:
        return datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 - a day has no time zone
    except ValueError as error:
        raise SourceError(
            f"{path.name}: {text} in the file's name is not a day",
            next_step="rename the file and ingest again",
        ) from error


def _named(pattern: str, day: date) -> str:
    return pattern.replace(_PLACEHOLDER, day.strftime("%Y%m%d"))


def _files(source: SourceDefinition, read: FileRead, landing: Path, day: date) -> tuple[SourceFile, ...]:
    found: dict[str, SourceFile] = {}
    for pattern in read.files:
        named = _named(pattern, day)
        matching = sorted(path for path in landing.glob(named) if path.is_file())
        if not matching:
            raise SourceError(
                f"source '{source.source}': {named} is not in {landing}",
                next_step="deliver the file and ingest again; nothing of this source was loaded for that day",
            )
        for path in matching:
            name = path.relative_to(landing).as_posix()
            found[name] = SourceFile(name=name, path=path)
    return tuple(found.values())


def _control(source: SourceDefinition, landing: Path, day: date) -> SourceFile | None:
    if source.control is None:
        return None
    name = _named(source.control.file, day)
    return SourceFile(name=name, path=landing / name)


def _missing_control(source: SourceDefinition, landing: Path, day: date) -> str | None:
    control = _control(source, landing, day)
    return None if control is None or control.path.is_file() else control.name


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SourceError(
            f"{path.name} cannot be read: {error.strerror or type(error).__name__}",
            next_step="mend the rights or deliver the file again; nothing of it was loaded",
        ) from error

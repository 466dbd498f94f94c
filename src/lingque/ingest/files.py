"""Which files a source delivers for which data date."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from lingque.catalog.definitions import FileRead, SourceDefinition
from lingque.core.errors import SourceError

_PLACEHOLDER = "{data_date}"
_CHUNK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """The files of one source for one data date, by the name under which the mapping reads them."""

    source: SourceDefinition
    data_date: date
    files: dict[str, tuple[Path, ...]]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(path.name for paths in self.files.values() for path in paths))

    def content(self) -> list[list[str]]:
        """Name and SHA-256 of every file: the same content is the same delivery, whatever its time stamp says."""
        return sorted([path.name, _sha256(path)] for paths in self.files.values() for path in paths)


def deliveries(source: SourceDefinition, landing: Path) -> list[Delivery]:
    """Everything that lies in the landing folder for this source, oldest data date first.

    Raises `SourceError` where nothing does, or where one data date lacks one of the files.
    """
    dates = [source.data_date] if source.data_date else _dates(source, landing)
    if not dates:
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
        )
        for day in dates
    ]


def _dates(source: SourceDefinition, landing: Path) -> list[date]:
    found: set[date] = set()
    for read in source.reads.values():
        for pattern in read.files if isinstance(read, FileRead) else ():
            if _PLACEHOLDER not in pattern:
                continue
            before, after = (re.escape(part).replace(r"\*", ".*") for part in pattern.split(_PLACEHOLDER, 1))
            matcher = re.compile(f"{before}(\\d{{8}}){after}")
            for path in landing.glob(pattern.replace(_PLACEHOLDER, "*")):
                match = matcher.fullmatch(path.relative_to(landing).as_posix())
                if match:
                    found.add(_day(match[1], path))
    return sorted(found)


def _day(text: str, path: Path) -> date:
    try:
        return datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 - a day has no time zone
    except ValueError as error:
        raise SourceError(
            f"{path.name}: {text} in the file's name is not a day",
            next_step="rename the file and ingest again",
        ) from error


def _files(source: SourceDefinition, read: FileRead, landing: Path, day: date) -> tuple[Path, ...]:
    found: list[Path] = []
    for pattern in read.files:
        named = pattern.replace(_PLACEHOLDER, day.strftime("%Y%m%d"))
        matching = sorted(path for path in landing.glob(named) if path.is_file())
        if not matching:
            raise SourceError(
                f"source '{source.source}': {named} is not in {landing}",
                next_step="deliver the file and ingest again; nothing of this source was loaded for that day",
            )
        found.extend(matching)
    return tuple(found)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(_CHUNK):
            digest.update(part)
    return digest.hexdigest()

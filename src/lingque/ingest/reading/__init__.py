"""Reading a delivery: whatever form its files have, each read becomes a relation of text with `_file` and `_row`.

In: a delivery whose files lie on the disk. Out: relations of the session, under the names the mapping uses. Always:
`_row` counts a file's rows from 1; what cannot be read as the source states is a `SourceError` that names file and
line and repeats nothing of the content.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pyarrow as pa

from lingque.catalog.definitions import FileRead
from lingque.core.clock import BusinessCalendar
from lingque.core.errors import SourceError
from lingque.ingest.control_files import check_control
from lingque.ingest.files import Delivery, SourceFile
from lingque.ingest.reading.fixed_width import read_fixed_width
from lingque.ingest.reading.json_lines import read_json_lines
from lingque.ingest.reading.transcoding import to_utf8
from lingque.warehouse.bank_files import CsvForm
from lingque.warehouse.engine import Session

_AS_EXTRACTED = CsvForm(delimiter=",", quote='"')
_BY_LINES: dict[str, Callable[[Path, str, FileRead], Iterator[pa.Table]]] = {
    "fixed_width": read_fixed_width,
    "jsonl": read_json_lines,
}


def read_delivery(session: Session, delivery: Delivery, calendar: BusinessCalendar) -> None:
    """Read every file into the session and hold the result against the control file. Raises `SourceError`."""
    for name, files in delivery.files.items():
        read = delivery.source.reads[name]
        if not isinstance(read, FileRead):
            session.add_csv(name, _paths(files), _AS_EXTRACTED)
        elif read.format == "csv":
            form = CsvForm(delimiter=read.delimiter, quote=read.quote, columns=read.columns)
            session.add_csv(name, _in_utf8(delivery, files, read), form)
        elif read.format == "parquet":
            session.add_parquet(name, _paths(files), time_zone=calendar.time_zone.key)
        else:
            _append(session, name, files, read)
    check_control(session, delivery)


def _paths(files: tuple[SourceFile, ...]) -> dict[str, Path]:
    return {file.name: file.path for file in files}


def _in_utf8(delivery: Delivery, files: tuple[SourceFile, ...], read: FileRead) -> Mapping[str, Path]:
    if read.encoding == "utf-8":
        return _paths(files)
    made: dict[str, Path] = {}
    for file in files:
        made[file.name] = delivery.new_scratch_file()
        to_utf8(file.path, file.name, read.encoding, made[file.name])
    return made


def _append(session: Session, name: str, files: tuple[SourceFile, ...], read: FileRead) -> None:
    for file in files:
        for rows in _BY_LINES[read.format](file.path, file.name, read):
            session.append(name, rows)
    if not session.has(name):
        raise SourceError(
            f"{', '.join(file.name for file in files)}: no row says which columns there are",
            next_step="ask for the file again; nothing of it was loaded",
        )

"""A person's file of customers: a CSV with a header, one column of which holds customer numbers."""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

from lingque.core.errors import SourceError

ENCODINGS = ("utf-8-sig", "gb18030")
HEADER_ROW = 1


@dataclass(frozen=True, kw_only=True)
class CustomerFile:
    """`column` holds the customer numbers as the source system `system` gives them."""

    path: Path
    column: str
    system: str


@dataclass(frozen=True, kw_only=True)
class Cells:
    """What stands in some columns, per row of the file. Rows are numbered as a spreadsheet does."""

    rows: tuple[tuple[int, tuple[str, ...]], ...]
    origin: str


def cells_of(path: Path, *columns: str) -> Cells:
    """Those columns of the file. Raises `SourceError` where it cannot be read or has no such column."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SourceError(
            f"{path.name} cannot be read ({error.strerror})", next_step="check the file's name and rights"
        ) from error
    try:
        rows = list(csv.reader(io.StringIO(_decoded(content, path.name), newline="")))
    except csv.Error as error:
        raise SourceError(f"{path.name} is not a CSV file ({error})", next_step="save it as CSV") from error
    header = [cell.strip() for cell in rows[0]] if rows else []
    for column in columns:
        if column not in header:
            # which columns there are is not told: in a file without a header they are customers
            raise SourceError(f"{path.name} has no column '{column}'", next_step="name one of those in its first row")
    at = [header.index(column) for column in columns]
    return Cells(
        # an empty line is no row
        rows=tuple(
            (number, tuple(row[place] if place < len(row) else "" for place in at))
            for number, row in enumerate(rows[1:], start=HEADER_ROW + 1)
            if row
        ),
        # not the file's name: people put names of people into it
        origin=f"file {hashlib.sha256(content).hexdigest()[:16]}",
    )


def _decoded(content: bytes, name: str) -> str:
    for encoding in ENCODINGS:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise SourceError(f"{name} is neither UTF-8 nor GB18030", next_step="save it as CSV in UTF-8 and upload it again")

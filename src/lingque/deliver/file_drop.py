"""Batches as files in a folder, from where a gateway or a work-list system takes them.

A receiver takes only what has a manifest, checks its SHA-256, and knows a batch by its id. The manifest is written
last and, where a batch is written anew, taken away first: whatever dies in between leaves nothing that could be
taken for a whole batch.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path

from lingque.core.clock import datetime_of
from lingque.core.errors import ChannelError
from lingque.deliver.contracts import Batch, Message, Recalled, Receipt

SMS_COLUMNS = {"key": "key", "phone": "address", "text": "body"}
RM_COLUMNS = {
    "key": "key",
    "route": "route",
    "name": "name",
    "phone": "address",
    "offer": "label",
    "words": "body",
    "why": "why",
    "due_by": "due",
    "opt_out": "opt_out",
}
"""Columns of the file, and the field of the message that fills each."""

RECALL_COLUMNS = ("key", "route", "at")

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "'")
_GUARD = "a cell that begins with = + - @ ' or a control character has an apostrophe put in front: take one off"


def guarded(cell: str) -> str:
    """The cell as no spreadsheet takes it for a formula; taking one leading apostrophe off gives it back."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


class FileDropChannel:
    """One CSV (UTF-8 with BOM) and one manifest per batch. Made by `bootstrap`.

    The folder and its files hold addresses: only their owner may read them.
    """

    def __init__(self, folder: Path, *, name: str, columns: Mapping[str, str]) -> None:
        self.name = name
        self._folder = folder
        self._columns = dict(columns)

    def hand_over(self, batch: Batch) -> Receipt:
        """Write the batch, in the place of what was written under its id."""
        rows = [[_text(message, field) for field in self._columns.values()] for message in batch.messages]
        about = {
            "batch": batch.batch_id,
            "channel": batch.channel,
            "wave": batch.wave_id,
            "created_at": datetime_of(batch.made_at).isoformat(),
        }
        self._drop(batch.batch_id, tuple(self._columns), rows, about)
        return Receipt(outcome="sent")

    def recall(self, batch_id: str, recalled: Sequence[Recalled]) -> None:
        """Write beside the batch what is not to be acted on any more: all of it, in the place of an earlier file."""
        rows = [[entry.key, entry.route, datetime_of(entry.at).isoformat()] for entry in recalled]
        about = {"cancels_in_batch": batch_id, "channel": self.name}
        self._drop(f"cancelled_{batch_id}", RECALL_COLUMNS, rows, about)

    def close(self) -> None:
        """Nothing stays open."""

    def _drop(self, stem: str, columns: Sequence[str], rows: list[list[str]], about: Mapping[str, object]) -> None:
        content = _csv(columns, rows)
        manifest = {
            **about,
            "file": f"{stem}.csv",
            "rows": len(rows),
            "columns": list(columns),
            "sha256": hashlib.sha256(content).hexdigest(),
            "guard": _GUARD,
        }
        last = self._folder / f"{stem}.manifest.json"
        try:
            self._open_folder()
            last.unlink(missing_ok=True)
            try:
                self._write(f"{stem}.csv", content)
                self._write(last.name, json.dumps(manifest, ensure_ascii=False, indent=2).encode() + b"\n")
            except OSError:
                with suppress(OSError):  # it is the first failure that is told
                    last.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise ChannelError(
                f"channel '{self.name}' cannot write to {self._folder} ({error.strerror or type(error).__name__})",
                next_step="make room, or give this user the right to write there; what is queued stays queued",
            ) from error

    def _open_folder(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._folder.stat().st_mode & 0o077:
            raise ChannelError(
                f"others can read {self._folder}, and what is handed over there holds addresses",
                next_step=f"chmod 700 {self._folder}",
            )

    def _write(self, name: str, content: bytes) -> None:
        """All of the file under its name, or nothing: what a power cut leaves is under another name."""
        unfinished = self._folder / f".{name}.unfinished"
        try:
            unfinished.unlink(missing_ok=True)  # what an earlier process left may not have our mode
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(self._folder / name)
        finally:
            unfinished.unlink(missing_ok=True)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _csv(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([guarded(cell) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")


def _text(message: Message, field: str) -> str:
    value = getattr(message, field)
    if isinstance(value, date):
        return value.isoformat()
    return "" if value is None else str(value)

"""Writers of one SQLite file come in the order in which they asked.

SQLite lets waiting writers try again after pauses that grow, so whoever has just written is first again: of sixteen
busy processes one wrote 140 times while another wrote once. Here each takes a number and waits until nobody with a
smaller one is left. The numbers are locks on bytes of a file, which the system frees when a process dies, so the dead
hold up nobody. Nothing but the order depends on it: that there is one writer at a time SQLite sees to itself.
"""

from __future__ import annotations

import fcntl
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from lingque.core.errors import BusyError, WarehouseError

_PAUSE_SECONDS = 0.001
_LONGEST_PAUSE = 20
_COUNTER = struct.Struct("<q")
_LAST, _PRESENT = 0, _COUNTER.size
"""Where in the file the last number given stands, and the one whose turn it is."""
_KNOWN = hasattr(fcntl, "F_OFD_SETLK")
"""Locks that belong to an open file and not to a process, so that threads queue too; not every system has them."""


class Turns:
    """The queue at one file. Where the system has no such locks everybody is next."""

    def __init__(self, path: Path, *, patience: float) -> None:
        """`patience`: seconds after which waiting is given up."""
        self._path = path
        self._patience = patience

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for one's turn and have it for the block. `BusyError` after too long a wait."""
        if not _KNOWN:
            yield
            return
        until = time.monotonic() + self._patience
        with self._opened() as file:
            number = self._number(file, until)
            # bytes below the own one are held by those who came before and have not left
            while number > 1 and not _locked(file, fcntl.F_RDLCK, 1, number - 1):
                # whoever comes much later looks less often
                ahead = number - _read(file, _PRESENT)
                _pause(until, seconds=_PAUSE_SECONDS * min(max(ahead, 1), _LONGEST_PAUSE))
            _write(file, _PRESENT, number)
            yield

    def _opened(self) -> FileIO:
        try:
            # as the database beside it: whoever may write that may queue for it
            return FileIO(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666), "r+")
        except OSError as error:
            raise WarehouseError(
                f"the control database cannot be written: {self._path.name}: {error.strerror}",
                next_step="make room or mend the rights, then run the same command again: nothing was changed",
            ) from error

    def _number(self, file: FileIO, until: float) -> int:
        """The next number, and its lock."""
        while not _locked(file, fcntl.F_WRLCK, 0, 1):
            _pause(until)
        number = _read(file, _LAST) + 1
        if not _locked(file, fcntl.F_WRLCK, number, 1):
            raise BusyError(
                f"the queue file {self._path.name} was changed by hand", next_step="delete it while nobody writes"
            )
        _write(file, _LAST, number)
        _locked(file, fcntl.F_UNLCK, 0, 1)
        return number


def _read(file: FileIO, place: int) -> int:
    file.seek(place)
    found = file.read(_COUNTER.size) or b""
    return int(_COUNTER.unpack(found)[0]) if len(found) == _COUNTER.size else 0


def _write(file: FileIO, place: int, number: int) -> None:
    file.seek(place)
    file.write(_COUNTER.pack(number))


def _locked(file: FileIO, kind: int, start: int, length: int) -> bool:
    try:
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack("hhqqi", kind, 0, start, length, 0))
    except BlockingIOError:
        return False
    return True


def _pause(until: float, *, seconds: float = _PAUSE_SECONDS) -> None:
    if time.monotonic() > until:
        raise BusyError(
            "the control database is held by another process",
            next_step="wait for it to finish, or see which process holds it",
        )
    time.sleep(seconds)

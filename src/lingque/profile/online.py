"""The one file of records that are found by their key in microseconds: what a customer is asked about one at a time.

Everything in it is a copy of published tables and may be deleted: it is then made anew. One process writes at a time,
any number reads meanwhile and sees whole transactions only. A record set that is made anew is written beside the one
in use and takes its place in one transaction.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import WeakValueDictionary

import lmdb

from lingque.core.errors import WarehouseError

_LARGEST = 1 << 40
"""Of the address space, not of the disk: the file grows as it is written, so there is no size to choose or to change
under readers."""
_SETS = (b"rows-0", b"rows-1", b"facts-0", b"facts-1")
_STATE = b"state"


class OnlineFile:
    """Named sets of records in one folder. Made by `bootstrap`; the file is opened when it is first used."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._data = folder / "data.mdb"
        self._opened: _Opened | None = None

    @property
    def exists(self) -> bool:
        return self._data.exists()

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """One moment of the file. Raises `WarehouseError` where it cannot be opened."""
        opened = self._file()
        with opened.environment.begin() as transaction:
            yield Reading(transaction, opened.sets)

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        """Everything or nothing of what is done inside. Raises `WarehouseError` where there is no room."""
        opened = self._file()
        try:
            with opened.environment.begin(write=True) as transaction:
                yield Writing(transaction, opened.sets)
        except (lmdb.DiskError, lmdb.MapFullError) as error:
            raise WarehouseError(
                f"cannot write {self._folder}: {error}",
                next_step="make room, then run the same command again: what was in use before still is",
            ) from error

    def close(self) -> None:
        """Forget the file; whoever else in this process has opened it keeps it."""
        self._opened = None

    def _file(self) -> _Opened:
        if self._opened is None or self._opened.process != os.getpid():
            self._opened = _opened(self._folder)
        return self._opened


class Reading:
    """One moment of the file."""

    def __init__(self, transaction: Any, sets: dict[bytes, Any]) -> None:
        self._transaction = transaction
        self._sets = sets

    def state(self, name: bytes) -> bytes | None:
        """What is noted of a set."""
        found: bytes | None = self._transaction.get(name, db=self._sets[_STATE])
        return found

    def get(self, of: bytes, key: bytes) -> bytes | None:
        found: bytes | None = self._transaction.get(key, db=self._sets[of])
        return found

    def count(self, of: bytes) -> int:
        """How many records a set has."""
        return int(self._transaction.stat(self._sets[of])["entries"])


class Writing(Reading):
    """A transaction that changes the file."""

    def note(self, name: bytes, state: bytes | None) -> None:
        """Note of a set what is to be known of it; None: nothing any more."""
        if state is None:
            self._transaction.delete(name, db=self._sets[_STATE])
        else:
            self._transaction.put(name, state, db=self._sets[_STATE])

    def put(self, of: bytes, key: bytes, record: bytes) -> None:
        self._transaction.put(key, record, db=self._sets[of])

    def delete(self, of: bytes, key: bytes) -> bool:
        """Was there one?"""
        return bool(self._transaction.delete(key, db=self._sets[of]))

    def empty(self, of: bytes) -> None:
        self._transaction.drop(self._sets[of], delete=False)


class _Opened:
    """A file and its sets, as one process knows them."""

    def __init__(self, folder: Path) -> None:
        self.process = os.getpid()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.environment = lmdb.open(
                str(folder), map_size=_LARGEST, max_readers=512, max_dbs=len(_SETS) + 1, metasync=False
            )
            self.sets = {name: self.environment.open_db(name) for name in (_STATE, *_SETS)}
        except (lmdb.Error, OSError, MemoryError) as error:
            raise WarehouseError(
                f"cannot open {folder}: {error}",
                next_step="mend the rights or the limit of the address space; the folder may be deleted",
            ) from error


_LOCK = Lock()
_ALL: WeakValueDictionary[tuple[int, str], _Opened] = WeakValueDictionary()
"""A process may open a file once only; workspaces that are opened twice in one process share it."""


def _opened(folder: Path) -> _Opened:
    key = (os.getpid(), str(folder.resolve()))
    with _LOCK:
        found = _ALL.get(key)
        if found is None:
            found = _Opened(folder)
            _ALL[key] = found
        return found

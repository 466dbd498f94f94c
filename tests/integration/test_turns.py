"""Writers come in the order in which they asked; the dead hold up nobody."""

from __future__ import annotations

import os
import signal
import struct
import threading
import time
from pathlib import Path

import pytest

from lingque.core.errors import BusyError, WarehouseError
from lingque.store.turns import Turns


def numbers_given(path: Path) -> int:
    content = path.read_bytes() if path.exists() else b""
    return struct.unpack("<q", content[:8])[0] if len(content) >= 8 else 0


def wait_for(path: Path, number: int) -> None:
    until = time.monotonic() + 30
    while numbers_given(path) < number and time.monotonic() < until:
        time.sleep(0.001)
    assert numbers_given(path) == number


def test_who_asks_first_comes_first_and_one_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "turns"
    turns = Turns(path, patience=30)
    came: list[int] = []
    inside = threading.Lock()

    def come(number: int) -> None:
        with turns.taken():
            assert inside.acquire(blocking=False), "somebody else has the turn"
            came.append(number)
            inside.release()

    threads = [threading.Thread(target=come, args=(number,)) for number in range(8)]
    with turns.taken():
        for number, thread in enumerate(threads, start=2):
            thread.start()
            wait_for(path, number)
        assert came == []
    for thread in threads:
        thread.join(30)
    assert came == list(range(8))


def test_who_dies_while_waiting_or_in_turn_holds_up_nobody(tmp_path: Path) -> None:
    path = tmp_path / "turns"
    turns = Turns(path, patience=30)
    children = []
    for number in (1, 2):
        child = os.fork()
        if not child:
            with turns.taken():
                time.sleep(60)
            os._exit(0)
        children.append(child)
        wait_for(path, number)
    for child in reversed(children):
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    with turns.taken():
        assert numbers_given(path) == 3


def test_a_queue_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    turns = Turns(tmp_path / "no" / "turns", patience=1)
    with pytest.raises(WarehouseError, match="cannot be written: turns"), turns.taken():
        pass


def test_patience_ends(tmp_path: Path) -> None:
    turns, hasty = Turns(tmp_path / "turns", patience=30), Turns(tmp_path / "turns", patience=0.05)
    with turns.taken(), pytest.raises(BusyError, match="held by another process"), hasty.taken():
        pass
    with hasty.taken():
        pass

"""Making a bank on disk, block by block, with bounded memory and as many workers as wanted."""

from __future__ import annotations

import multiprocessing
import pickle
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice, pairwise
from pathlib import Path

import numpy as np

from lingque.twin.blocks import Block, blocks_of
from lingque.twin.days import day_number
from lingque.twin.deliveries import Cut, Days, cuts, deliver
from lingque.twin.landing import Landing
from lingque.twin.life import history_days
from lingque.twin.parameters import TwinParameters
from lingque.twin.part import Part
from lingque.twin.presets import as_yaml
from lingque.twin.systems.all import EXTRACTS
from lingque.twin.systems.transactions import AGAIN
from lingque.twin.truth import TRUTH

LANDING, RESENT, TRUE = "landing/", "resent/", "truth/"
"""Folders of what the systems deliver, of what they send again later, and of what no bank could know."""
DAILY_FILES = 3
"""The last days of the history come one by one (T+1), the months before in one file each."""
_AHEAD = 1
"""Blocks that are made ahead of what is being written, beside one for each worker."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """What was made. `rows` are those of all files, truth left out."""

    customers: int
    transactions: int
    rows: int
    files: tuple[Path, ...]


def make_bank(
    parameters: TwinParameters,
    folder: Path,
    *,
    workers: int = 1,
    progress: Callable[[int], None] = lambda _blocks: None,
) -> Made:
    """Write all extracts and the truth, all files or none; equal parameters give equal bytes, whatever the workers.

    `progress` hears how many blocks are done. A folder that is not empty raises `FileExistsError`, what the disk
    refuses `OSError`, fewer than one worker `ValueError`.
    """
    if workers < 1:
        raise ValueError(f"workers is {workers}; allowed is a whole number from 1")
    blocks = tuple(blocks_of(parameters))
    rows = 0
    with Landing(folder=folder, into="empty") as landing:

        def every() -> Iterator[Cut]:
            nonlocal rows
            for done, block_cuts in enumerate(_made(blocks, landing.scratch, workers), 1):
                for cut in block_cuts:
                    rows += 0 if cut.name.startswith((TRUE, RESENT)) else cut.rows
                    yield cut
                progress(done)

        data_date = parameters.as_of - timedelta(days=1)
        deliver(landing, every(), dirt=f"{TRUE}dirt_{data_date:%Y%m%d}.csv")
        landing.add("parameters.yaml", as_yaml(parameters).encode())
        transactions = sum(landing.rows_of(name) for name in landing.names if "/core_transactions_" in name)
    resent = sum(landing.rows_of(name) for name in landing.names if name.startswith(RESENT))
    return Made(
        customers=parameters.customers,
        transactions=transactions - resent,
        rows=rows,
        files=tuple(landing.written),
    )


def file_days(parameters: TwinParameters) -> tuple[Days, ...]:
    """The months of the history, then its last days one by one."""
    first, after = history_days(parameters)
    daily = max(after - DAILY_FILES, first)
    starts = np.arange(
        np.datetime64(first, "D").astype("datetime64[M]") + 1, np.datetime64(daily, "D").astype("datetime64[M]") + 1
    )
    edges = sorted({first, *starts.astype("datetime64[D]").astype(np.int64).tolist(), daily})
    months = [Days(first=one, last=following - 1) for one, following in pairwise(edges)]
    return (*months, *(Days(first=day, last=day) for day in range(daily, after)))


def block_cuts(block: Block) -> Iterator[Cut]:
    """All that one block adds to the files of its bank."""
    part = Part.make(block)
    days = file_days(block.parameters)
    today = day_number(block.parameters.as_of)
    yield from cuts(part, EXTRACTS, days, under=LANDING)
    yield from cuts(part, (AGAIN,), (Days(first=today - 1, last=today - 1),), under=RESENT)
    yield from cuts(part, TRUTH, (Days(first=0, last=today - 1),), under=TRUE)


def _made(blocks: tuple[Block, ...], scratch: Path, workers: int) -> Iterator[Iterator[Cut]]:
    """The cuts of each block, in the order of the blocks."""
    if workers == 1 or len(blocks) == 1:
        for block in blocks:
            yield block_cuts(block)
        return
    # "spawn": a fork of a process with threads (Arrow has some) may never wake up
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        waiting: deque[Future[Path]] = deque()
        following = iter(blocks)
        try:
            while True:
                for block in islice(following, workers + _AHEAD - len(waiting)):
                    waiting.append(pool.submit(_spool, block, scratch / f"block-{block.number:06d}"))
                if not waiting:
                    return
                spooled = waiting.popleft().result()
                yield _unspooled(spooled)
                spooled.unlink()
        finally:
            for future in waiting:
                future.cancel()


def _spool(block: Block, path: Path) -> Path:
    """Runs in a worker: the cuts of a block go through a file, so that no more than one is in memory."""
    with path.open("wb") as file:
        for cut in block_cuts(block):
            pickle.dump(cut, file, protocol=pickle.HIGHEST_PROTOCOL)
    return path


def _unspooled(path: Path) -> Iterator[Cut]:
    with path.open("rb") as file:
        size = path.stat().st_size
        while file.tell() < size:
            cut: Cut = pickle.load(file)  # noqa: S301 - a worker of this very run wrote it
            yield cut

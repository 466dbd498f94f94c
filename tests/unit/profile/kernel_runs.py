"""Kernels over a few rows in files, each in its order; and the text of a kernel run without a compiler."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from lingque.catalog.expressions.types import BOOLEAN, DATE, INTEGER, TEXT
from lingque.catalog.model import AggregateTag
from lingque.profile.kernel.columns import TextAnswers
from lingque.profile.kernel.compiled import Compiled, KernelCache
from lingque.profile.kernel.plan import Kernel
from lingque.profile.kernel.planning import plan_of
from lingque.profile.kernel.segments import Links
from lingque.profile.kernel.walking import Walker
from lingque.profile.tag_sql import PointInTime
from lingque.warehouse.engine import RowEngine
from made_up_tags import AS_OF, CALENDAR, CNY, COLUMNS, LINKS, MOMENT, POPULATION, Facts

ANSWERS = TextAnswers(RowEngine().ask)
AT = PointInTime(as_of=AS_OF, moment=MOMENT, known_by=MOMENT)
LINKED = Links.of(np.array(list(LINKS), np.int64), np.array(list(LINKS.values()), np.int64))
ARROW = {BOOLEAN: pa.bool_(), INTEGER: pa.int64(), CNY: pa.int64(), TEXT: pa.string(), DATE: pa.date32()}


class Interpreted(KernelCache):
    """Runs the text as it stands: definitions are drawn by the hundred, and compiling one takes a second."""

    def __init__(self) -> None:
        super().__init__(Path("nowhere"))

    def compiled(self, kernel: Kernel) -> Compiled:
        namespace: dict[str, Any] = {}
        exec(kernel.text, namespace)  # noqa: S102 - it is what the compiler is given

        def run(*arguments: Any) -> None:
            with np.errstate(over="ignore"):  # compiled, whole numbers wrap without a word; that is asked for elsewhere
                namespace["kernel"](*arguments)

        return run


def table_of(files: Sequence[Facts]) -> tuple[pa.Table, tuple[int, ...]]:
    """The rows of several files, each in its order, and where each begins."""
    parts: list[int] = []
    rows: Facts = []
    for facts in files:
        parts.append(len(rows))
        rows += sorted(facts, key=lambda row: (row["party_id"], row["event_time"], row["row_key"]))
    columns = {name: pa.array([row[name] for row in rows], ARROW[kind]) for name, kind in COLUMNS.items()}
    for name in ("party_id", "event_time", "known_at", "row_key"):
        columns[name] = pa.array([row[name] for row in rows], pa.int64())
    return pa.table(columns), tuple(parts)


def in_files(facts: Facts, seed: int) -> list[Facts]:
    """The rows as one to three deliveries brought them."""
    chosen = random.Random(seed)  # noqa: S311 - a test's
    files: list[Facts] = [[] for _ in range(chosen.randint(1, 3))]
    for row in facts:
        chosen.choice(files).append(row)
    return files


def walked(
    tags: Sequence[AggregateTag], facts: Facts, cache: KernelCache, *, seed: int = 0
) -> dict[int, dict[str, Any]]:
    """Per customer of the population, the tags that kernels compute."""
    plan = plan_of(tags[0].contract, tags)
    walker = Walker(plan=plan, at=AT, calendar=CALENDAR, cache=cache, answers=ANSWERS)
    table, parts = table_of(in_files(facts, seed))
    found = walker.walk(table, LINKED, customers=np.array(POPULATION, np.int64), parts=parts)
    return {row["customer_id"]: row for row in found.to_pylist()}

"""What is wrong with rows that systems deliver, and how rows are spoilt.

Bad rows stand beside the clean ones, as spoilt copies of them, so that the clean ones stay complete. A copy lacks a
value, or has one that means nothing, where no reader can do without it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lingque.core.hashing import Int64s
from lingque.twin.blocks import Block

FlawKind = Literal["late", "repeated", "missing", "malformed", "unknown", "corrected"]
"""The row stands in the file of a later day; once more; without a value; with one that means nothing; with the key of
nobody; with a mistake in the file that was sent first."""


@dataclass(frozen=True, kw_only=True)
class Flaw:
    """Of one row. `detail`: the column that is wrong, of a late row the day on which it happened, of a row that was
    corrected or came with the second file its number."""

    position: int
    """Among the records of an extract; in the file, once it has been cut, from 1."""
    kind: FlawKind
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Weak:
    """A column in which rows of an extract can be wrong. `malformed`: what stands there then, if not nothing.

    In files with a header it is found by name, in others by a pattern whose one group is the value."""

    column: str
    malformed: str = ""
    pattern: str = ""


def weak_day(column: str, *, pattern: str = "") -> Weak:
    """Of a date or a time of day: the thirtieth of February."""
    return Weak(column=column, malformed="2026-02-30", pattern=pattern)


@dataclass(frozen=True, kw_only=True, eq=False)
class Spoiling:
    """Which records of an extract come once more and how, in the order in which everything stands in the file."""

    source: Int64s
    """By record of the file: the position of the clean record whose copy it is."""
    flaws: tuple[Flaw, ...]
    """By position."""
    weak: Mapping[int, Weak]
    """By position of each spoilt record."""

    @classmethod
    def make(cls, block: Block, name: str, count: int, weak: Sequence[Weak], *, repeats: bool) -> Spoiling:
        """`repeats`: rows come twice as well, which tells nothing that is wrong."""
        parameters, random = block.parameters, block.stream(f"dirt of {name}")
        shares: dict[FlawKind, float] = {
            "missing": parameters.missing_share if weak else 0.0,
            "malformed": parameters.malformed_share if any(one.malformed for one in weak) else 0.0,
            "repeated": parameters.repeated_share if repeats else 0.0,
        }
        counts = [int(random.binomial(count, share)) for share in shares.values()]
        copied = random.integers(0, max(count, 1), sum(counts))
        kinds = [kind for kind, number in zip(shares, counts, strict=True) for _ in range(number)]
        luck = random.random(len(copied)).tolist()
        source = np.concatenate([np.arange(count), copied])
        order = np.argsort(source, kind="stable")
        flaws, spoilt = [], {}
        for position in np.flatnonzero(order >= count).tolist():
            nth = int(order[position]) - count
            kind = kinds[nth]
            if kind == "repeated":
                flaws.append(Flaw(position=position, kind=kind))
                continue
            able = [one for one in weak if kind == "missing" or one.malformed]
            one = able[int(luck[nth] * len(able))]
            spoilt[position] = one if kind == "malformed" else Weak(column=one.column, pattern=one.pattern)
            flaws.append(Flaw(position=position, kind=kind, detail=one.column))
        return cls(source=source[order], flaws=tuple(flaws), weak=spoilt)

    def within(self, where: Int64s) -> dict[int, Weak]:
        """Of consecutive records of the file: place among them → what is wrong there."""
        if not len(where):
            return {}
        first, last = int(where[0]), int(where[-1])
        return {position - first: one for position, one in self.weak.items() if first <= position <= last}


def spoil(content: bytes, rows: Mapping[int, Weak], header: bytes) -> bytes:
    """The lines of a file with some of them spoilt. `header` is empty where there is none."""
    if not rows:
        return content
    names = header.removeprefix(b"\xef\xbb\xbf").decode().strip().split(",")
    lines = content.split(b"\n")
    for row, weak in rows.items():
        if weak.pattern:
            lines[row] = _replaced(lines[row], weak)
        else:
            values = lines[row].split(b",")
            values[names.index(weak.column)] = weak.malformed.encode()
            lines[row] = b",".join(values)
    return b"\n".join(lines)


def _replaced(line: bytes, weak: Weak) -> bytes:
    found = re.search(weak.pattern.encode(), line)
    if found is None:
        raise ValueError(f"no {weak.column} stands in a line that should be spoilt")
    return line[: found.start(1)] + weak.malformed.encode() + line[found.end(1) :]

"""The text of one kernel: a function that walks each customer's rows once, from the newest to the oldest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import cache, partial
from importlib.resources import files

from lingque.catalog.expressions.tree import Aggregate, NotFollowed, PerPeriod, Trend, of_nothing
from lingque.catalog.expressions.types import Kind
from lingque.catalog.model import AggregateTag
from lingque.core.clock import AnyWindow
from lingque.profile.kernel.choosing import Family, families_of, placed
from lingque.profile.kernel.logic import TRUE
from lingque.profile.kernel.measuring import Block, Gate, Kept, Measuring
from lingque.profile.kernel.needs import Needs, UnsupportedError
from lingque.profile.kernel.plan import Border, Kernel, Period, Slot, Span
from lingque.profile.kernel.row_code import RowCode
from lingque.profile.kernel.settling import Settled, Settling

_HEAD = """\
import numpy as np

from lingque.profile.kernel.arithmetic import (
    added_badly, as_number, day_of, divided, fits, full_years, heaviest, joined, mean, month_of, multiplied_badly,
    rounded, spread, squared, taken_badly, year_of,
)


def kernel({arguments}):
{allocate}
    passed = np.int64(0)
    rows = np.int64(0)
    for c in range(first.shape[0] - 1):
        passed = rows
{begin}
        s = first[c]
        last = first[c + 1]
        more = s < last
        r = np.int64(-1)
        low = np.int64(0)
        if more:
            r = stops[s] - 1
            low = starts[s]
        for w in range(begins.shape[0]):
            begin = begins[w]
            while more:
                q = np.uint64(r)  # of a place without a sign nobody asks whether it counts from the end
                t = time[q]
                if t < begin:
                    break
                if t < latest and (all_known or known[q] <= known_by):
                    rows += 1
{step}
                r -= 1
                if r < low:
                    s += 1
                    if s < last:
                        r = stops[s] - 1
                        low = starts[s]
                    else:
                        more = False
            i = which[w]
{settle}
"""
MOST_UNASKED = 2
"""How much of a block is worked out for every row and added where its condition is true, which is quicker than to ask:
a processor that guesses an answer wrong loses fifteen additions' time."""
COMMON = (
    "first", "starts", "stops", "time", "known", "all_known", "known_by", "latest", "begins", "which", "ends", "days",
    "sizes", "whole", "real", "have_whole", "have_real", "failed",
)  # fmt: skip
_INT64, _BYTES = "int64[::1]", "uint8[::1]"
_COMMON_TYPES = {
    "all_known": "boolean", "known_by": "int64", "latest": "int64", "whole": "int64[:, ::1]", "real": "float64[:, ::1]",
    "have_whole": "uint8[:, ::1]", "have_real": "uint8[:, ::1]",
}  # fmt: skip
_WRITTEN = frozenset({"whole", "real", "have_whole", "have_real", "failed"})
COLUMN_TYPES = {
    Kind.BOOLEAN: "uint8", Kind.INTEGER: "int64", Kind.MONEY: "int64", Kind.NUMBER: "float64", Kind.DATE: "int32",
}  # fmt: skip


def kernel_of(tags: Sequence[AggregateTag], nullable: frozenset[str]) -> Kernel:
    """One kernel for all these tags. Raises `UnsupportedError` where one of them has no text."""
    return _Writer(tags, nullable).kernel()


def arguments(kernel_needs: Needs, stamps: Sequence[tuple[int, str]]) -> list[tuple[str, str]]:
    """Name and type of each argument that is a column, in order; a type that ends in `!` is written to."""
    found: list[tuple[str, str]] = []
    for place, name in enumerate(kernel_needs.numbers):
        found.append((f"x{place}", f"{COLUMN_TYPES[name.type.kind]}[::1]"))
        if name.name in kernel_needs.nullable:
            found.append((f"k{place}", _BYTES))
    for place in range(len(kernel_needs.tests)):
        found += [(f"c{place}", "int32[::1]"), (f"t{place}", "int8[:, ::1]")]
    found += [(f"d{place}", "int32[::1]") for place in range(len(kernel_needs.codes))]
    return found + [(name, "int64[::1]!") for _, name in stamps]


def signature(kernel: Kernel) -> tuple[tuple[str, bool], ...]:
    """The type of each argument, and whether it is only read."""
    columns = [(kind.rstrip("!"), not kind.endswith("!")) for _, kind in arguments(kernel.needs, kernel.stamps)]
    return (*_common_types(), *columns)


def _common_types() -> list[tuple[str, bool]]:
    return [(_COMMON_TYPES.get(name, _INT64), name not in _WRITTEN) for name in COMMON]


class _Writer:
    def __init__(self, tags: Sequence[AggregateTag], nullable: frozenset[str]) -> None:
        self.tags = tags
        self.needs = Needs(nullable=nullable)
        self.measuring = Measuring(self.needs)
        self.borders: list[Border] = []
        self.ends: list[Span | None] = []
        self.slots: list[Slot] = []
        self.settling: dict[int, list[str]] = {}
        self.begins: list[str] = []
        self.families: list[Family] = []
        self.places: dict[str, tuple[str, int]] = {}
        self._per_period: dict[int, list[str]] = {}

    def kernel(self) -> Kernel:
        for tag in self.tags:
            self._tag(tag)
        self.families = families_of(self.measuring.blocks.values())
        self.places = {name: place for family in self.families for name, place in family.places().items()}
        step = self._step()
        begin = [
            line
            for block in self.measuring.blocks.values()
            for kept in block.kept.values()
            if kept.name not in self.places
            for line in kept.begins(kept.name)
        ]
        begin += [line for family in self.families for line in family.begin()]
        allocate = [line for family in self.families for line in family.allocation(self.needs)]
        for place in range(len(self.measuring.sinces)):
            begin += [f"o{place} = True", f"f{place} = False"]
        columns = arguments(self.needs, self.measuring.stamps)
        text = _HEAD.format(
            arguments=", ".join([*COMMON, *(name for name, _ in columns)]),
            allocate="\n".join(" " * 4 + line for line in allocate),
            begin="\n".join(" " * 8 + line for line in [*begin, *self.begins]) or " " * 8 + "pass",
            step="\n".join(step) or " " * 20 + "pass",
            settle="\n".join(placed(self._settle(), self.places)),
        )
        types = (_common_types(), [kind for _, kind in columns])
        digest = hashlib.sha256(f"{beside_text()}\n{types}\n{text}".encode()).hexdigest()[:32]
        return Kernel(
            tags=tuple(self.tags),
            text=text,
            digest=digest,
            needs=self.needs,
            ordered=frozenset(self.measuring.ordered),
            stamps=tuple(self.measuring.stamps),
            borders=tuple(self.borders),
            ends=tuple(self.ends),
            slots=tuple(self.slots),
            checks=tuple(frozenset(tags) for tags in self.measuring.checks),
        )

    def _tag(self, tag: AggregateTag) -> None:
        window, measure = tag.window, tag.value
        if window is None:
            raise UnsupportedError("what holds on a day")
        match measure:
            case Aggregate(function="time_avg"):
                raise UnsupportedError("time_avg()")
            case Aggregate():
                self._settled(tag, measure, Span(window))
            case Trend():
                if tag.since is not None:
                    raise UnsupportedError("a trend since an event")
                self._settled(tag, measure.of, Span(window))
                self._settled(tag, measure.of, Span(window, earlier=True))
            case PerPeriod():
                self._period(tag, measure, window)
            case NotFollowed():
                block = self._block(tag, self._gate(tag, Span(window)))
                flag, rows = self.measuring.not_followed(block, measure), self.measuring.count(block)
                code = self._code_at(Span(window), block, tag.name)
                found = Settled(value=f"(1 if {flag} else 0)", known=f"({rows} > 0)")
                self._store(tag, code, self._since(block, found), Span(window))
            case _:
                raise UnsupportedError(type(measure).__name__)

    def _settled(self, tag: AggregateTag, measure: Aggregate, span: Span) -> None:
        block = self._block(tag, self._gate(tag, span))
        code = self._code_at(span, block, tag.name)
        found = self._since(block, code.aggregate(measure), empty=of_nothing(measure))
        self._store(tag, code, found, span, measure=measure)

    def _since(self, block: Block, found: Settled, *, empty: bool | int | None = None) -> Settled:
        """Where no row began it, there are no rows."""
        if block.gate.since is None:
            return found
        began = f"f{block.gate.since}"
        if empty is None:
            return Settled(value=found.value, known=f"({began} and {found.known})")
        return Settled(value=f"({found.value} if {began} else {int(empty)})", known=found.known)

    def _period(self, tag: AggregateTag, measure: PerPeriod, window: AnyWindow) -> None:
        border = Period(window, measure.unit)
        place = self._border(border)
        span = Span(window)
        gate = self._gate(tag, span)
        inner = Gate(end=gate.end, since=gate.since, period=place)
        block, rows = self._block(tag, inner), self.measuring.count(self._block(tag, gate))
        code = Settling(self.measuring, block, tag.name, indent=4)
        true = code.true(measure.condition)
        name = f"p{len(self._per_period.get(place, ()))}_{place}_{len(self.slots)}"
        first = measure.function == "every"
        self.begins.append(f"{name} = {1 if first else 0}")
        update = f"{name} &= 1 if {true} else 0" if first else f"{name} += 1 if {true} else 0"
        self._per_period.setdefault(place, []).extend([*code.lines, " " * 16 + update])
        at_window = self._code_at(span, block, tag.name)
        found = Settled(value=f"({name} if {rows} > 0 else 0)", known=TRUE)
        self._store(tag, at_window, self._since(block, found, empty=0), span)

    def _gate(self, tag: AggregateTag, span: Span) -> Gate:
        end = None if span.ends_at_as_of else span
        if end not in self.ends:
            self.ends.append(end)
        since = None if tag.since is None else self.measuring.since(tag.since)
        if since is not None and end is not None:
            raise UnsupportedError("since an event in a window that ends before the day")
        return Gate(end=self.ends.index(end), since=since)

    def _block(self, tag: AggregateTag, gate: Gate) -> Block:
        return self.measuring.block(gate, tag.where, tag.name)

    def _border(self, border: Border) -> int:
        if border not in self.borders:
            self.borders.append(border)
        return self.borders.index(border)

    def _code_at(self, span: Span, block: Block, tag: str) -> Settling:
        self._border(span)
        return Settling(self.measuring, block, tag, indent=4)

    def _store(
        self, tag: AggregateTag, code: Settling, found: Settled, span: Span, measure: Aggregate | None = None
    ) -> None:
        kind = tag.type.kind if measure is None else measure.type.kind
        operand = measure.operand if measure is not None else None
        coded = None
        if measure is not None and operand is not None and (kind is Kind.TEXT or measure.function == "top"):
            coded = self.needs.code(operand)
        real = kind is Kind.NUMBER and coded is None
        row = sum(slot.real is real for slot in self.slots)
        values, have = ("real", "have_real") if real else ("whole", "have_whole")
        code.line(f"{values}[{row}, c] = {found.value}")
        if found.known != TRUE:
            code.line(f"{have}[{row}, c] = 1 if {found.known} else 0")
        self.settling.setdefault(self._border(span), []).extend(code.lines)
        always = found.known == TRUE
        self.slots.append(Slot(tag=tag.name, earlier=span.earlier, row=row, real=real, code=coded, always=always))

    def _step(self) -> list[str]:
        """What one row does: each gate and each condition is asked once."""
        row = RowCode(self.needs, indent=5)
        lines: list[str] = []
        gates = [f"(t < ends[{place}])" if len(self.ends) > 1 else TRUE for place in range(len(self.ends))]
        parts: list[tuple[str, int, Callable[[RowCode], None]]] = []
        for family in self.families:
            asked = self._asked(family.gate, gates, [row.true(one) for one in family.rest])
            parts.append((asked, family.members[0][1].check, partial(family.step, needs=self.needs)))
        for block in self.measuring.blocks.values():
            left = [kept for kept in block.kept.values() if kept.name not in self.places]
            asked = self._asked(block.gate, gates, [row.true(block.where)]) if left else ""
            if left and not (asked and _unasked(left, asked, row)):
                parts.append((asked, block.check, partial(_each, left)))
        row.finish()
        for asked, check, step in sorted(parts, key=lambda part: part[0] != ""):
            inner = row.inside(check=check, asked=asked)
            step(inner)
            if inner.lines:
                row.lines += ([" " * 20 + f"if {asked}:"] if asked else []) + inner.lines
        for place, condition in enumerate(self.measuring.sinces):
            inner = row.inside(check=0, asked="it is not yet found")
            true = inner.true(condition)
            at_as_of = gates[self.ends.index(None)]
            head = f"o{place}" if at_as_of == TRUE else f"o{place} and {at_as_of}"
            row.line(f"if {head}:")
            row.lines += inner.lines
            row.line(f"    if {true}:")
            row.line(f"        o{place} = False")
            row.line(f"        f{place} = True")
        lines += row.lines
        return lines

    def _asked(self, gate: Gate, gates: Sequence[str], conditions: Sequence[str]) -> str:
        """What has to be true of a row, as text; nothing where it is of every row."""
        since = TRUE if gate.since is None else f"o{gate.since}"
        return " and ".join(one for one in (gates[gate.end], since, *conditions) if one != TRUE)

    def _settle(self) -> list[str]:
        lines: list[str] = []
        for place, border in enumerate(self.borders):
            lines.append(" " * 12 + f"{'el' if lines else ''}if i == {place}:")
            if isinstance(border, Span):
                lines += self.settling.get(place, [" " * 16 + "pass"])
                continue
            lines += self._per_period[place]
            for block in self.measuring.blocks.values():
                if block.gate.period == place:
                    lines += [" " * 16 + line for kept in block.kept.values() for line in kept.begins(kept.name)]
        return lines


def _unasked(left: Sequence[Kept], asked: str, row: RowCode) -> bool:
    """Have all of that worked out and added without asking, where it can be and is little."""
    steps = [(kept.name, kept.unasked) for kept in left if kept.unasked is not None]
    if len(steps) < len(left) or len(steps) > MOST_UNASKED:
        return False
    truth = row.kept(("number", asked), f"np.int64({asked})")
    for name, step in steps:
        step(name, row, truth)
    return True


def _each(kept: Sequence[Kept], row: RowCode) -> None:
    for one in kept:
        one.step(one.name, row)


@cache
def beside_text() -> str:
    """The digest of what kernels call and of how they are compiled: all else that one is made of stands in its text and
    its types."""
    folder = files("lingque.profile.kernel")
    both = [folder.joinpath(name).read_bytes() for name in ("arithmetic.py", "compiled.py")]
    return hashlib.sha256(b"".join(both)).hexdigest()

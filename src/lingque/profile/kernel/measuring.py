"""The text of what is kept while walking one customer's rows, and of what a tag is at the border of its window.

Rows come from the newest to the oldest. What is kept only ever grows, so at the moment when the walk passes the
beginning of a window, it is what the window holds: one set of sums serves all windows that end at the same moment
(a `Gate`). Tags that ask the same of the same rows share what is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from lingque.catalog.expressions.tree import Name, Node, NotFollowed, names_in, walk
from lingque.catalog.expressions.types import Kind
from lingque.profile.kernel.logic import FALSE, TRUE
from lingque.profile.kernel.needs import Needs, UnsupportedError, shape
from lingque.profile.kernel.row_code import RowCode

HOURS_24 = 86_400_000_000


@dataclass(frozen=True, kw_only=True)
class Gate:
    """Which rows are counted: those before `end` (a place among the ends), of these those since the last row for which
    `since` is true, and of `period` (a place among the borders) only what came after the last border."""

    end: int
    since: int | None = None
    period: int | None = None


@dataclass(kw_only=True)
class Kept:
    """What one thing that is kept needs: how it begins, and what a row does to it, under its name or another.

    `adds_up`: it is whole numbers to which rows add. `unasked`: what a row does that may not count, told by a number
    that is 1 or 0.
    """

    name: str
    begin: list[str]
    step: Callable[[str, RowCode], None]
    adds_up: bool
    unasked: Callable[[str, RowCode, str], None] | None = None

    def begins(self, name: str) -> list[str]:
        return [one.format(name) for one in self.begin]


@dataclass(kw_only=True)
class Block:
    """Everything that is kept of the same rows."""

    gate: Gate
    where: Node
    check: int
    kept: dict[Hashable, Kept] = field(default_factory=dict)


class Measuring:
    """What one kernel keeps."""

    def __init__(self, needs: Needs) -> None:
        self.needs = needs
        self.blocks: dict[Hashable, Block] = {}
        self.sinces: list[Node] = []
        self.stamps: list[tuple[int, str]] = []
        """Per array of one entry for each code: of which code, and its name."""
        self.ordered: set[int] = set()
        """The codes whose order is that of their values."""
        self.checks: list[set[str]] = []
        """Which tags an overflow is told of, by its number."""
        self._count = 0

    def since(self, condition: Node) -> int:
        shapes = [shape(one) for one in self.sinces]
        if shape(condition) not in shapes:
            self.sinces.append(condition)
            return len(self.sinces) - 1
        return shapes.index(shape(condition))

    def block(self, gate: Gate, where: Node, tag: str) -> Block:
        key = (gate, shape(where))
        if key not in self.blocks:
            self.blocks[key] = Block(gate=gate, where=where, check=self.check(tag))
        found = self.blocks[key]
        self.checks[found.check].add(tag)
        return found

    def check(self, tag: str) -> int:
        """A number under which an overflow can be told."""
        self.checks.append({tag})
        return len(self.checks) - 1

    # What is kept

    def count(self, block: Block) -> str:
        def unasked(name: str, row: RowCode, truth: str) -> None:
            row.line(f"{name} += {truth}")

        return self._keep(block, "count", ["{0} = 0"], lambda name, row: row.line(f"{name} += 1"), unasked)

    def present(self, block: Block, operand: Node) -> str:
        def step(name: str, row: RowCode) -> None:
            _add(row, _known(self, row, operand), name)

        def unasked(name: str, row: RowCode, truth: str) -> None:
            known = _known(self, row, operand)
            row.line(f"{name} += {truth}" if known == TRUE else f"{name} += {truth} & np.int64({known})")

        return self._keep(block, ("present", shape(operand)), ["{0} = 0"], step, unasked)

    def trues(self, block: Block, condition: Node) -> str:
        def step(name: str, row: RowCode) -> None:
            _add(row, row.true(condition), name)

        return self._keep(block, ("true", shape(condition)), ["{0} = 0"], step)

    def falses(self, block: Block, condition: Node) -> str:
        def step(name: str, row: RowCode) -> None:
            _add(row, row.false(condition), name)

        return self._keep(block, ("false", shape(condition)), ["{0} = 0"], step)

    def total(self, block: Block, operand: Node) -> str:
        """Exactly: `<name>h` × 2³² + `<name>l`. Of numbers: `<name>h` and what rounding lost of it, `<name>l`.

        What fits into 32 bits goes into `l` alone, which holds 2³¹ of them; of the rest `h` takes the upper part.
        """

        def step(name: str, row: RowCode) -> None:
            value = row.value(operand)
            if operand.type.kind is Kind.NUMBER:  # Neumaier, "Rundungsfehleranalyse einiger Verfahren …" (1974)
                lines = [
                    f"{name}t = {name}h + {value}",
                    f"{name}l += ({name}h - {name}t) + {value} if abs({name}h) >= abs({value}) "
                    f"else ({value} - {name}t) + {name}h",
                    f"{name}h = {name}t",
                ]
            else:
                high = row.kept(("high", shape(operand)), f"({value} >> 32) + (({value} >> 31) & 1)")
                lines = [
                    f"{name}l += {value}",
                    f"if {high} != 0:",
                    f"    {name}h += {high}",
                    f"    {name}l -= {high} << 32",
                ]
            _if(row, row.known(operand), *lines)

        def unasked(name: str, row: RowCode, truth: str) -> None:
            value = row.value(operand)
            high = row.kept(("high", shape(operand)), f"({value} >> 32) + (({value} >> 31) & 1)")
            row.line(f"{name}l += {value} * {truth}")
            row.rarely(f"{high} != 0", f"{name}h += {high} * {truth}", f"{name}l -= ({high} * {truth}) << 32")

        counts = self._is_always(operand) and operand.type.kind in (Kind.INTEGER, Kind.MONEY)
        zero = "0.0" if operand.type.kind is Kind.NUMBER else "0"
        begin = [f"{{0}}h = {zero}", f"{{0}}l = {zero}"]
        return self._keep(block, ("total", shape(operand)), begin, step, unasked if counts else None)

    def extreme(self, block: Block, operand: Node, *, least: bool) -> tuple[str, str]:
        """The least or the greatest value, and whether there is one."""
        number = operand.type.kind is Kind.NUMBER
        counted = self._is_always(operand) and not number
        sign = "<" if least else ">"

        def step(name: str, row: RowCode) -> None:
            value = _value(self, row, operand, ordered=True)
            known = _known(self, row, operand)
            if not number:
                found = f"{name}v = {'min' if least else 'max'}({name}v, {value})"
                _if(row, known, found, *([] if counted else [f"{name}k = True"]))
                return
            condition = f"(not {name}k or {value} {sign} {name}v)"
            _if(
                row, condition if known == TRUE else f"{known} and {condition}", f"{name}v = {value}", f"{name}k = True"
            )

        begins = _value_begins(operand)
        if not number:
            begins[0] = f"{{0}}v = {'9223372036854775807' if least else '-9223372036854775807 - 1'}"
        name = self._keep(block, ("least" if least else "most", shape(operand)), begins, step)
        return f"{name}v", self._there(block, name, counted=counted)

    def newest(self, block: Block, operand: Node) -> tuple[str, str]:
        """The value of the newest row that has one, and whether there is one."""

        def step(name: str, row: RowCode) -> None:
            known, value = _known(self, row, operand), _value(self, row, operand)
            _if(row, _not(known, f"{name}k"), f"{name}v = {value}", f"{name}k = True")

        name = self._keep(block, ("newest", shape(operand)), _value_begins(operand), step)
        return f"{name}v", f"{name}k"

    def oldest(self, block: Block, operand: Node) -> tuple[str, str]:
        """Likewise of the oldest row."""
        counted = self._is_always(operand)

        def step(name: str, row: RowCode) -> None:
            value, known = _value(self, row, operand), _known(self, row, operand)
            _if(row, known, f"{name}v = {value}", *([] if counted else [f"{name}k = True"]))

        name = self._keep(block, ("oldest", shape(operand)), _value_begins(operand), step)
        return f"{name}v", self._there(block, name, counted=counted)

    def newest_time(self, block: Block) -> tuple[str, str]:
        """When the newest row was, and whether there is one."""

        def step(name: str, row: RowCode) -> None:
            _if(row, f"not {name}k", f"{name}v = t", f"{name}k = True")

        name = self._keep(block, "newest time", ["{0}v = 0", "{0}k = False"], step)
        return f"{name}v", f"{name}k"

    def oldest_time(self, block: Block) -> tuple[str, str]:
        """Likewise of the oldest row."""
        name = self._keep(block, "oldest time", ["{0}v = 0"], lambda name, row: row.line(f"{name}v = t"))
        return f"{name}v", self._there(block, name, counted=True)

    def _is_always(self, operand: Node) -> bool:
        """Has every row such a value?"""
        return isinstance(operand, Name) and operand.name not in self.needs.nullable

    def _there(self, block: Block, name: str, *, counted: bool) -> str:
        """Whether there is a value, as text: where every row has one, how many rows there are says so."""
        return f"({self.count(block)} > 0)" if counted else f"{name}k"

    def distinct(self, block: Block, operand: Node) -> str:
        if block.gate.period is not None:
            raise UnsupportedError("count_distinct() per period")

        def step(name: str, row: RowCode) -> None:
            known, times = self._seen(block, operand, row)
            _if(row, known, f"{name} += np.int64({times} == 1)")

        return self._keep(block, ("distinct", shape(operand)), ["{0} = 0"], step)

    def top(self, block: Block, operand: Node) -> str:
        """Which code occurs most often, of equals the least: counts only grow, so the best so far is the best. It is
        `<name>` = 2³² × its count − the code, which is greatest of the best; 0 where there is none."""
        if block.gate.period is not None:
            raise UnsupportedError("top() per period")
        code = self._code(operand)
        self.ordered.add(code)

        def step(name: str, row: RowCode) -> None:
            known, times = self._seen(block, operand, row)
            value = row.kept(("code", code), _code_of(code))
            _if(row, known, f"{name} = max({name}, ({times} << 32) - {value})")

        return self._keep(block, ("top", shape(operand)), ["{0} = 0"], step)

    def heaviest(self, block: Block, operand: Node, weight: Node) -> str:
        """The total weight of each code, and which there are: a weight may be less than nothing, so which is the
        heaviest is found at the border."""
        if block.gate.period is not None:
            raise UnsupportedError("top() per period")
        code = self._code(operand)
        self.ordered.add(code)

        def step(name: str, row: RowCode) -> None:
            known, times = self._seen(block, operand, row)
            value = row.kept(("code", code), _code_of(code))
            weighs, heavy = row.known(weight), row.value(weight)
            _if(
                row,
                known,
                f"if {times} == 1:",
                f"    {name}z[np.uint64({name}n)] = {value}",
                f"    {name}h[np.uint64({value})] = 0",
                f"    {name}l[np.uint64({value})] = 0",
                f"    {name}n += 1",
                f"if {weighs}:",
                f"    {name}h[np.uint64({value})] += {heavy} >> 32",
                f"    {name}l[np.uint64({value})] += {heavy} & 4294967295",
            )

        name = self._keep(block, ("heaviest", shape(operand), shape(weight)), ["{0}n = 0"], step)
        for array in (f"{name}z", f"{name}h", f"{name}l"):
            if (code, array) not in self.stamps:
                self.stamps.append((code, array))
        return name

    def squares(self, block: Block, operand: Node) -> str:
        """The sum of squares exactly, in four words of 32 bits: `<name>w` + `<name>x` × 2³² + …"""

        def step(name: str, row: RowCode) -> None:
            parts = row.kept(("squared", shape(operand)), f"squared({row.value(operand)})")
            lines = [f"{name}{word} += {parts}[{place}]" for place, word in enumerate("wxyz")]
            _if(row, row.known(operand), *lines)

        return self._keep(block, ("squares", shape(operand)), [f"{{0}}{word} = 0" for word in "wxyz"], step)

    def _seen(self, block: Block, operand: Node, row: RowCode) -> tuple[str, str]:
        """Has the row such a value, and the how manieth of the customer's it is then, in this block.

        Nothing is cleared between customers: each counts on from where the rows of those before it ended (`passed`),
        and what is less was another's.
        """
        code = self._code(operand)
        known = _coded(self, row, operand)
        value = row.kept(("code", code), _code_of(code))
        key = ("seen", block.check, code)
        times = row.found(key)
        if times is None:
            name = f"y{code}_{len(self.stamps)}"
            self.stamps.append((code, name))
            times = row.named(key)
            place = f"{name}[np.uint64({value})]"
            _if(row, known, f"{times} = max({place}, passed) + 1", f"{place} = {times}", f"{times} -= passed")
        return known, times

    def not_followed(self, block: Block, measure: NotFollowed) -> str:
        span = measure.days * HOURS_24

        def step(name: str, row: RowCode) -> None:
            open_ = f"({name}q < 0 or {name}q - t > {span}) and t + {span} <= ends[{block.gate.end}]"
            _if(row, f"{row.true(measure.first)} and {open_}", f"{name} = True")
            _if(row, row.true(measure.then), f"{name}q = t")

        key = ("not followed", shape(measure))
        return self._keep(block, key, ["{0} = False", "{0}q = -1"], step)

    def _keep(
        self,
        block: Block,
        key: Hashable,
        begin: list[str],
        step: Callable[[str, RowCode], None],
        unasked: Callable[[str, RowCode, str], None] | None = None,
    ) -> str:
        found = block.kept.get(key)
        if found is None:
            self._count += 1
            name = f"a{self._count}"
            kind = key[0] if isinstance(key, tuple) else key
            adds_up = kind in ("count", "present", "true", "false", "total") and not begin[0].endswith("0.0")
            found = Kept(name=name, begin=begin, step=step, adds_up=adds_up, unasked=unasked)
            block.kept[key] = found
        return found.name

    def _code(self, operand: Node) -> int:
        """The place of the code of a column, or of a text worked out of one column of texts."""
        names = [part for part in walk(operand) if isinstance(part, Name)]
        if not isinstance(operand, Name) and (
            operand.type.kind is not Kind.TEXT or len(names_in(operand)) != 1 or names[0].type.kind is not Kind.TEXT
        ):
            raise UnsupportedError("values told apart that are more than one column")
        if operand.type.kind is Kind.BOOLEAN:
            raise UnsupportedError("the commonest of true and false")
        return self.needs.code(operand)


def _value_begins(operand: Node) -> list[str]:
    return [f"{{0}}v = {'0.0' if operand.type.kind is Kind.NUMBER else '0'}", "{0}k = False"]


def _value(measuring: Measuring, row: RowCode, operand: Node, *, ordered: bool = False) -> str:
    if operand.type.kind is not Kind.TEXT:
        return row.value(operand)
    code = measuring._code(operand)
    if ordered:
        measuring.ordered.add(code)
    return row.kept(("code", code), _code_of(code))


def _code_of(code: int) -> str:
    return f"np.int64(d{code}[q])"


def _known(measuring: Measuring, row: RowCode, operand: Node) -> str:
    return row.known(operand) if operand.type.kind is not Kind.TEXT else _coded(measuring, row, operand)


def _coded(measuring: Measuring, row: RowCode, operand: Node) -> str:
    """Is the code that of a value?"""
    if measuring._is_always(operand):
        return TRUE
    code = measuring._code(operand)
    return row.kept(("coded", code), f"{_code_of(code)} < sizes[{code}]")


def _not(known: str, flag: str) -> str:
    return f"not {flag}" if known == TRUE else f"{known} and not {flag}"


def _add(row: RowCode, condition: str, name: str) -> None:
    """One more where it is true: added without asking, which is quicker."""
    if condition != FALSE:
        row.line(f"{name} += 1" if condition == TRUE else f"{name} += np.int64({condition})")


def _if(row: RowCode, condition: str, *lines: str) -> None:
    if condition == FALSE:
        return
    pad = "" if condition == TRUE else "    "
    if condition != TRUE:
        row.line(f"if {condition}:")
    for line in lines:
        row.line(pad + line)

"""The text of a tag's value at the border of its window, from what was kept while walking."""

from __future__ import annotations

from dataclasses import dataclass

from lingque.catalog.expressions.tree import Aggregate, Node
from lingque.catalog.expressions.types import Kind
from lingque.profile.kernel.logic import TRUE, both
from lingque.profile.kernel.measuring import Block, Measuring
from lingque.profile.kernel.needs import UnsupportedError, shape
from lingque.profile.kernel.row_code import RowCode


@dataclass(frozen=True, kw_only=True)
class Settled:
    """What a measure is at a border: text of the value, and of whether it is known."""

    value: str
    known: str


class Settling(RowCode):
    """What is asked at a border: an expression whose leaves are aggregates of one block."""

    def __init__(self, measuring: Measuring, block: Block, tag: str, *, indent: int) -> None:
        super().__init__(measuring.needs, indent=indent, check=measuring.check(tag))
        self._measuring, self._block = measuring, block

    def aggregate(self, node: Aggregate) -> Settled:
        """The value of one aggregate of the block."""
        keep, block, x = self._measuring, self._block, node.operand
        if x is None:
            return self._of_rows(node)
        match node.function:
            case "count" | "count_distinct":
                return self._counted(node.function, x)
            case "sum":
                return self._sum(keep.total(block, x), x)
            case "avg":
                return self._avg(keep.total(block, x), keep.present(block, x), x)
            case "stddev":
                return self._deviation(x)
            case "top" if node.weight is not None:
                name = keep.heaviest(block, x, node.weight)
                return Settled(value=f"heaviest({name}z, {name}n, {name}h, {name}l)", known=f"({name}n > 0)")
            case "top":
                name = keep.top(block, x)
                return Settled(value=f"(-{name} & 4294967295)", known=f"({name} > 0)")
            case "any" | "all" | "share":
                return self._of_truth(node.function, keep.trues(block, x), keep.falses(block, x))
            case _:
                value, known = self._one_of_them(node, x)
                return Settled(value=value, known=known)

    def _one_of_them(self, node: Aggregate, x: Node) -> tuple[str, str]:
        """Where the value of one row is wanted: that value, and whether there is such a row."""
        keep, block = self._measuring, self._block
        match node.function:
            case "min" | "max":
                return keep.extreme(block, x, least=node.function == "min")
            case "first":
                return keep.oldest(block, x)
            case "last":
                return keep.newest(block, x)
            case _:
                raise UnsupportedError(f"{node.function}()")

    def _counted(self, function: str, x: Node) -> Settled:
        keep, block = self._measuring, self._block
        if function == "count":
            return Settled(value=keep.present(block, x), known=TRUE)
        if x.type.kind is Kind.BOOLEAN:
            true, false = keep.trues(block, x), keep.falses(block, x)
            return Settled(value=f"((1 if {true} > 0 else 0) + (1 if {false} > 0 else 0))", known=TRUE)
        return Settled(value=keep.distinct(block, x), known=TRUE)

    def _of_rows(self, node: Aggregate) -> Settled:
        if node.function == "count":
            return Settled(value=self._measuring.count(self._block), known=TRUE)
        keep = self._measuring.newest_time if node.function == "recency" else self._measuring.oldest_time
        value, known = keep(self._block)
        if self._block.gate.period is not None:
            raise UnsupportedError(f"{node.function}() per period")
        return Settled(value=value, known=known)

    def _sum(self, name: str, x: Node) -> Settled:
        if x.type.kind is Kind.NUMBER:
            return Settled(value=f"({name}h + {name}l)", known=TRUE)
        self.line(f"if not fits({name}h, {name}l):")
        self.line(f"    failed[{self.check}] = 1")
        return Settled(value=f"joined({name}h, {name}l)", known=TRUE)

    def _avg(self, name: str, count: str, x: Node) -> Settled:
        known = f"({count} > 0)"
        match x.type.kind:
            case Kind.NUMBER:
                value = f"({name}h + {name}l) / {count}"
            case Kind.MONEY:
                value = f"mean({name}h, {name}l, {count})"
            case _:
                value = f"as_number({name}h, {name}l) / {count}"
        zero = "0" if x.type.kind is Kind.MONEY else "0.0"
        return Settled(value=f"({value} if {count} > 0 else {zero})", known=known)

    def _deviation(self, x: Node) -> Settled:
        if x.type.kind is Kind.NUMBER:
            raise UnsupportedError("stddev() of numbers, the last digits of which depend on the order of rows")
        keep, block = self._measuring, self._block
        squares, total, count = keep.squares(block, x), keep.total(block, x), keep.present(block, x)
        words = ", ".join(f"{squares}{word}" for word in "wxyz")
        spread = self.kept(("spread", shape(x)), f"spread({count}, {words}, {total}h, {total}l)")
        self.line(f"if {spread} < 0.0:")
        self.line(f"    failed[{self.check}] = 1")
        root = f"np.sqrt({spread} / (float({count}) * float({count} - 1)))"
        value, zero = (f"np.int64(np.floor({root} + 0.5))", "0") if x.type.kind is Kind.MONEY else (root, "0.0")
        enough = f"({count} > 1 and {spread} >= 0.0)"
        return Settled(value=f"({value} if {enough} else {zero})", known=f"({count} > 1)")

    def _of_truth(self, function: str, true: str, false: str) -> Settled:
        known = f"({true} + {false} > 0)"
        match function:
            case "any":
                return Settled(value=f"(1 if {true} > 0 else 0)", known=known)
            case "all":
                return Settled(value=f"(1 if {false} == 0 else 0)", known=known)
            case _:
                return Settled(value=f"({true} / ({true} + {false}) if {true} + {false} > 0 else 0.0)", known=known)

    def _truth(self, node: Node, *, wanted: bool) -> str:
        if isinstance(node, Aggregate):
            found = self.aggregate(node)
            value = self.kept(("settled", shape(node)), found.value)
            return both(found.known, f"({value} {'!=' if wanted else '=='} 0)")
        return super()._truth(node, wanted=wanted)

    def _value(self, node: Node) -> str:
        return self.aggregate(node).value if isinstance(node, Aggregate) else super()._value(node)

    def _known(self, node: Node) -> str:
        return self.aggregate(node).known if isinstance(node, Aggregate) else super()._known(node)

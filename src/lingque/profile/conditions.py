"""For whom a condition over tags is true, and for whom it is false, by SQL's three-valued logic.

`and`, `or` and `not` are worked out on bits: who makes `a and b` true makes both true, who makes it false makes one of
them false, and the others are unknown. A condition on one tag of few values is asked once of each value, by the same
Python function that asks one customer; any other goes as SQL to the columns of the snapshot, all of them in one scan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import numpy as np

from lingque.catalog.expressions.to_python import RowFunction, row_function
from lingque.catalog.expressions.tree import Binary, Constant, Name, Node, Unary, names_in
from lingque.catalog.expressions.types import Kind
from lingque.profile.bitmaps import Bitmaps, Words, complement

Judged = tuple[Words, Words]
"""Who makes a condition true, and who makes it false."""
Scan = Callable[[Sequence[Node]], list[Judged]]
"""Works conditions out on the columns, in the order of the bits."""


@dataclass(frozen=True, kw_only=True)
class _Chosen:
    """A condition on one tag: for which of its values it is true (false), and whether it is where there is none."""

    tag: str
    values: tuple[bool, ...]
    unknown: bool


class Conditions:
    """Answers conditions over one snapshot. Values of tags are as `Bitmaps` and columns hold them."""

    def __init__(self, bitmaps: Bitmaps, scan: Scan, as_of: date) -> None:
        self._bitmaps = bitmaps
        self._scan = scan
        self._as_of = as_of

    def true(self, nodes: Sequence[Node]) -> list[Words]:
        """For each condition, for whom it is true."""
        asked = list(dict.fromkeys(part for node in nodes for part in self._for_columns(node)))
        scanned = dict(zip(asked, self._scan(asked), strict=True)) if asked else {}
        return [self._of(node, scanned, wanted=True) for node in nodes]

    def is_indexed(self, node: Node) -> bool:
        """Needs it no column?"""
        return all(self._is_indexed(leaf) for leaf in _leaves(node))

    def _for_columns(self, node: Node) -> Iterator[Node]:
        """The largest parts in which nothing can be answered by bits: together they stop at the first that decides."""
        indexed = [self._is_indexed(leaf) for leaf in _leaves(node)]
        if not any(indexed):
            yield node
        elif not all(indexed):
            for part in node.parts:
                yield from self._for_columns(part)

    def _is_indexed(self, leaf: Node) -> bool:
        names = names_in(leaf)
        return len(names) <= 1 and all(self._bitmaps.values(name) is not None for name in names)

    def _of(self, node: Node, scanned: dict[Node, Judged], *, wanted: bool) -> Words:
        match node:
            case _ if node in scanned:
                return scanned[node][0 if wanted else 1]
            case Unary(operator="not"):
                return self._of(node.operand, scanned, wanted=not wanted)
            case Binary(operator="and" | "or"):
                left = self._of(node.left, scanned, wanted=wanted)
                right = self._of(node.right, scanned, wanted=wanted)
                both = (node.operator == "and") == wanted
                return np.bitwise_and(left, right) if both else np.bitwise_or(left, right)
            case _:
                return self._of_values(node, wanted=wanted)

    def _of_values(self, leaf: Node, *, wanted: bool) -> Words:
        bitmaps = self._bitmaps
        names = names_in(leaf)
        if not names:
            always = _function(leaf)({}, self._as_of) is wanted
            return bitmaps.everybody() if always else bitmaps.nobody()
        (tag,) = names
        chosen = self._chosen(leaf, tag, wanted=wanted)
        if not chosen.unknown:
            return bitmaps.among(tag, chosen.values)
        # everybody but those with one of the other values
        return complement(bitmaps.among(tag, [not one for one in chosen.values]), bitmaps.customers)

    def _chosen(self, leaf: Node, tag: str, *, wanted: bool) -> _Chosen:
        values = self._bitmaps.values(tag) or ()
        match leaf:
            case Name():
                return _Chosen(tag=tag, values=tuple(value is wanted for value in values), unknown=False)
            case Binary(operator="=", left=Name(type=kind), right=Constant(value=constant)) if (
                kind.kind is Kind.TEXT and constant is not None
            ):
                equal = tuple((value == constant) is wanted for value in values)
                return _Chosen(tag=tag, values=equal, unknown=False)
            case _:
                function = _function(leaf)
                of_values = tuple(function({tag: value}, self._as_of) is wanted for value in values)
                unknown = function({tag: None}, self._as_of) is wanted
                return _Chosen(tag=tag, values=of_values, unknown=unknown)


def _leaves(node: Node) -> Iterator[Node]:
    """The conditions between which `and`, `or` and `not` stand."""
    match node:
        case Unary(operator="not"):
            yield from _leaves(node.operand)
        case Binary(operator="and" | "or"):
            yield from _leaves(node.left)
            yield from _leaves(node.right)
        case _:
            yield node


@lru_cache(maxsize=1024)
def _function(leaf: Node) -> RowFunction:
    """Of a condition that is typed on at its end the beginning stays."""
    return row_function(leaf)

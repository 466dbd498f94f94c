"""Conditions of which at most one is true of a row, because each wants other texts of one column.

Asked one after another (`category = 'rent'`, `category = 'fee'`, …) they cost a question each, and the processor
guesses most of the answers wrong. Instead what such blocks add up stands side by side in arrays, one place per block
and one more for everything else, and the row's text says which place is its.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field

from lingque.catalog.expressions.tree import Binary, Constant, Name, Node, OneOf
from lingque.catalog.expressions.types import Kind
from lingque.profile.kernel.measuring import Block, Gate, Kept
from lingque.profile.kernel.needs import Needs, shape
from lingque.profile.kernel.row_code import RowCode

FEWEST = 3
"""Of two conditions an array is no faster than asking."""
_KEPT = re.compile(r"\b(a\d+)([a-z]?)\b")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A condition as: the column is one of these texts (`asked`), and the rest is true."""

    column: str
    texts: frozenset[str]
    asked: Node
    rest: tuple[Node, ...]


@dataclass(kw_only=True)
class Family:
    """Blocks that differ only in their texts."""

    number: int
    gate: Gate
    column: str
    rest: tuple[Node, ...]
    members: list[tuple[Choice, Block]] = field(default_factory=list)

    def kept(self) -> dict[Hashable, Kept]:
        """What is added up, once each."""
        return {key: kept for _, block in self.members for key, kept in block.kept.items() if kept.adds_up}

    def _name(self, key: Hashable) -> str:
        return f"g{self.number}_{list(self.kept()).index(key)}"

    def _variables(self) -> list[str]:
        return [line.partition(" = ")[0] for key, kept in self.kept().items() for line in kept.begins(self._name(key))]

    def allocation(self, needs: Needs) -> list[str]:
        """The arrays, and which place is whose."""
        count = len(self.members)
        lines = [f"{name} = np.zeros({count + 1}, np.int64)" for name in self._variables()]
        text, _ = needs.test(self.column, self.members[0][0].asked)
        lines.append(f"u{self.number} = np.full(t{text}.shape[0], {count}, np.uint64)")
        lines.append(f"for i in range(t{text}.shape[0]):")
        for place, (choice, _) in enumerate(self.members):
            _, test = needs.test(self.column, choice.asked)
            lines += [f"    if t{text}[i, {test}] == 1:", f"        u{self.number}[i] = {place}"]
        return lines

    def begin(self) -> list[str]:
        return [f"{name}[:] = 0" for name in self._variables()]

    def step(self, row: RowCode, needs: Needs) -> None:
        """What a row for which the rest is true does."""
        text, _ = needs.test(self.column, self.members[0][0].asked)
        row.line(f"i{self.number} = u{self.number}[np.uint32(c{text}[q])]")
        written = len(row.lines)
        for key, kept in self.kept().items():
            kept.step(self._name(key), row)
        pattern = re.compile(rf"\b(g{self.number}_\d+[a-z]?)\b")
        row.lines[written:] = [pattern.sub(rf"\1[i{self.number}]", line) for line in row.lines[written:]]

    def places(self) -> dict[str, tuple[str, int]]:
        """Per name of what is kept: in which array it is, and at which place."""
        return {
            kept.name: (self._name(key), place)
            for place, (_, block) in enumerate(self.members)
            for key, kept in block.kept.items()
            if kept.adds_up
        }


def families_of(blocks: Iterable[Block]) -> list[Family]:
    """The families of at least three. What a member keeps that does not add up stays with its block."""
    found: dict[Hashable, list[Family]] = {}
    for block in blocks:
        choice = choice_of(block.where)
        if choice is None or block.gate.period is not None or not any(kept.adds_up for kept in block.kept.values()):
            continue
        alike = found.setdefault((block.gate, choice.column, shape(choice.rest)), [])
        for family in alike:
            if not any(choice.texts & other.texts for other, _ in family.members):
                family.members.append((choice, block))
                break
        else:
            family = Family(number=0, gate=block.gate, column=choice.column, rest=choice.rest)
            family.members.append((choice, block))
            alike.append(family)
    families = [family for alike in found.values() for family in alike if len(family.members) >= FEWEST]
    for number, family in enumerate(families):
        family.number = number
    return families


def choice_of(where: Node) -> Choice | None:
    """The condition as a choice, where it is one."""
    conjuncts = list(_conjuncts(where))
    for number, one in enumerate(conjuncts):
        match one:
            case Binary(operator="=", left=Name() as name, right=Constant() as constant):
                choices: tuple[Node, ...] = (constant,)
            case OneOf(operand=Name() as name, choices=choices):
                pass
            case _:
                continue
        texts = [choice.value for choice in choices if isinstance(choice, Constant) and isinstance(choice.value, str)]
        if name.type.kind is Kind.TEXT and len(texts) == len(choices):
            rest = (*conjuncts[:number], *conjuncts[number + 1 :])
            return Choice(column=name.name, texts=frozenset(texts), asked=one, rest=rest)
    return None


def _conjuncts(where: Node) -> Iterable[Node]:
    if isinstance(where, Binary) and where.operator == "and":
        yield from _conjuncts(where.left)
        yield from _conjuncts(where.right)
    elif not (isinstance(where, Constant) and where.value is True):
        yield where


def placed(lines: Iterable[str], places: dict[str, tuple[str, int]]) -> list[str]:
    """The lines, with what stands in arrays read from there."""

    def read(found: re.Match[str]) -> str:
        if found[1] not in places:
            return found[0]
        array, place = places[found[1]]
        return f"{array}{found[2]}[{place}]"

    return [_KEPT.sub(read, line) for line in lines]

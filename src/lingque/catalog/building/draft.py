"""The definitions while they become a catalog: where each stands, what is wrong so far."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from lingque.catalog.definitions import AnyDefinition, DataContract, kind_of, name_of
from lingque.catalog.expressions.parse import parse_condition, parse_derived, parse_measure
from lingque.catalog.expressions.tree import Measure, Node
from lingque.catalog.expressions.types import Kind, Type
from lingque.catalog.model import Tag
from lingque.catalog.yaml_files import Located
from lingque.core.errors import ExpressionError, Problem, nearest

_D = TypeVar("_D", bound=AnyDefinition)
_N = TypeVar("_N", bound=Node)


class Draft:
    """All definitions by kind and name; `problems` grows, so that one apply tells all there is to mend."""

    def __init__(self, located: Iterable[Located]) -> None:
        self.problems: list[Problem] = []
        self.at: dict[tuple[str, str], Located] = {}
        for entry in located:
            key = (kind_of(entry.definition), name_of(entry.definition))
            if key in self.at:
                self.problem(
                    entry, key[0], found=f"'{key[1]}' is defined twice",
                    allowed=f"it stands in {self.at[key].file} already",
                )  # fmt: skip
            self.at[key] = entry
        self.contracts = self.of(DataContract)
        self.tags: dict[str, Tag] = {}
        """Those read so far, each after its inputs."""

    def of(self, model: type[_D]) -> dict[str, _D]:
        return {name: entry.definition for (_, name), entry in self.at.items() if isinstance(entry.definition, model)}

    def problem(self, entry: Located, *path: str | int, found: str, allowed: str) -> None:
        self.problems.append(entry.problem(*path, found=found, allowed=allowed))

    def need_tag(
        self, entry: Located, *path: str | int, name: str, wanted: str, fits: Callable[[Tag], bool]
    ) -> Tag | None:
        """The tag of that name if it is what is wanted ("a true-or-false tag"), else a problem at the field."""
        tag = self.tags.get(name)
        if tag is not None and fits(tag):
            return tag
        fitting = [other for other, one in self.tags.items() if fits(one)]
        self.problem(entry, *path, found=f"'{name}' is no {wanted}", allowed=nearest(name, fitting))
        return None

    def condition(self, entry: Located, field: str, text: str, names: Mapping[str, Type]) -> Node | None:
        return self._read(entry, field, text, names, parse_condition)

    def derived(self, entry: Located, field: str, text: str, names: Mapping[str, Type]) -> Node | None:
        return self._read(entry, field, text, names, parse_derived)

    def measure(self, entry: Located, field: str, text: str, names: Mapping[str, Type]) -> Measure | None:
        return self._read(entry, field, text, names, parse_measure)

    def _read(
        self,
        entry: Located,
        field: str,
        text: str,
        names: Mapping[str, Type],
        parse: Callable[[str, Mapping[str, Type]], _N],
    ) -> _N | None:
        try:
            return parse(text, names)
        except ExpressionError as error:
            pointed = f"{error.message}, at «{error.text[error.position :][:30]}»"
            self.problem(entry, field, found=pointed, allowed=error.next_step or "see the expression reference")
            return None


def is_true_or_false(tag: Tag) -> bool:
    """A segment: it says yes or no, of what is known on the day."""
    return tag.type.kind is Kind.BOOLEAN and not tag.looks_forward


def is_label(tag: Tag) -> bool:
    """It says yes or no, of what comes after the day."""
    return tag.type.kind is Kind.BOOLEAN and tag.looks_forward

"""Ways through the catalog: from a definition down to the columns that it is built on, from a column up to its users.

A *thing* is a definition, or a column of a contract: `("column", "transactions.amount")`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from lingque.catalog.model import Catalog, Key, Use
from lingque.core.errors import NotFoundError, nearest

Thing = Key
Uses = Mapping[Key, tuple[Use, ...]]

_NOT_LOOKED_INTO = frozenset({"suitability", "cover", "student", "target"})
"""What suits a customer, and who is a student, is looked at by law, whatever the customer consented to; a score is
made of its features, and what the model once learned from is a use of its own."""


def column(table: str, name: str) -> Thing:
    return ("column", f"{table}.{name}")


def goes_into(use: Use) -> bool:
    """Does what is used go into what its user says of a customer?"""
    return use.role not in _NOT_LOOKED_INTO


def under(uses: Uses, thing: Thing) -> Iterator[tuple[Thing, Use]]:
    """What it names itself; of a contract's rows, the columns read."""
    for use in uses.get(thing, ()):
        if use.columns:
            for name in sorted(use.columns):
                yield column(use.of[1], name), use
        else:
            yield use.of, use


def ways_down(uses: Uses, thing: Thing, through: Callable[[Use], bool] = goes_into) -> dict[Thing, tuple[Thing, ...]]:
    """Everything under a thing, with the shortest way from there up to it, both ends included. Nearest first."""
    found: dict[Thing, tuple[Thing, ...]] = {thing: (thing,)}
    waiting = [thing]
    for one in waiting:
        for below, use in under(uses, one):
            if below not in found and through(use):
                found[below] = (below, *found[one])
                waiting.append(below)
    return found


@dataclass(frozen=True, kw_only=True)
class User:
    """Something that is built on a thing: by the shortest way from the thing up to it, `role` being the field in which
    it names the last but one."""

    key: Key
    role: str
    way: tuple[Thing, ...]

    @property
    def is_direct(self) -> bool:
        return len(self.way) == 2


def users_of(catalog: Catalog, thing: Thing) -> tuple[User, ...]:
    """Whoever is built on it, at any remove, nearest first."""
    above: dict[Thing, list[tuple[Key, str]]] = {}
    for key in catalog.uses:
        for below, use in under(catalog.uses, key):
            above.setdefault(below, []).append((key, use.role))
    found: dict[Key, User] = {}
    waiting: list[tuple[Thing, ...]] = [(thing,)]
    for way in waiting:
        for key, role in sorted(above.get(way[-1], ())):
            if key not in found and key != thing:
                found[key] = User(key=key, role=role, way=(*way, key))
                waiting.append(found[key].way)
    return tuple(found.values())


def thing_named(catalog: Catalog, name: str) -> Thing:
    """A tag by its name, a column by `table.column`. Raises `NotFoundError`."""
    table, dot, field = name.partition(".")
    if not dot:
        return ("tag", catalog.tag(name).name)
    contract = catalog.contracts.get(table)
    if contract is None:
        raise NotFoundError(f"there is no contract '{table}'", next_step=nearest(table, list(catalog.contracts)))
    if field not in contract.stored:
        raise NotFoundError(
            f"contract '{table}' has no column '{field}' that tags can read",
            next_step=nearest(field, list(contract.stored)),
        )
    return column(table, field)


def told(thing: Thing) -> str:
    """How a thing is called on a way: a column and a tag by their names, anything else with its kind."""
    kind, name = thing
    return name if kind in ("column", "tag") else f"{kind} {name}"

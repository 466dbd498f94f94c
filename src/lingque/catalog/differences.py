"""What would change: definitions as they are wanted beside those in force, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lingque.catalog.definitions import kind_of, name_of
from lingque.catalog.model import Catalog, Key
from lingque.catalog.yaml_files import Located
from lingque.core.hashing import digest_of


@dataclass(frozen=True, kw_only=True)
class FieldChange:
    """One field of a definition (`columns.amount.required`), before and after; None where it is not stated."""

    field: str
    old: Any
    new: Any


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One definition that is new, changed or withdrawn.

    `body` is its new content (None: withdrawn). `users` are the definitions built on it, at any remove: what an
    approval said of them, it says no more.
    """

    kind: str
    name: str
    what: Literal["new", "changed", "withdrawn"]
    body: dict[str, Any] | None
    fields: tuple[FieldChange, ...] = ()
    users: tuple[Key, ...] = ()


def compare(in_force: Mapping[Key, dict[str, Any]], wanted: Sequence[Located], catalog: Catalog) -> list[Difference]:
    """In the order of `wanted`, then what is withdrawn. `catalog` is that of `wanted`."""
    found: list[Difference] = []
    bodies = {(kind_of(e.definition), name_of(e.definition)): e.definition.model_dump(mode="json") for e in wanted}
    for key, body in bodies.items():
        old = in_force.get(key)
        if old is not None and digest_of(old) == digest_of(body):
            continue
        found.append(
            Difference(
                kind=key[0],
                name=key[1],
                what="new" if old is None else "changed",
                body=body,
                fields=() if old is None else tuple(_changes(old, body)),
                users=tuple(sorted(catalog.users_of(key))),
            )
        )
    found += [
        # nobody can be built on it any more, or `wanted` would make no catalog
        Difference(kind=kind, name=name, what="withdrawn", body=None)
        for kind, name in in_force
        if (kind, name) not in bodies
    ]
    return found


def _changes(old: Any, new: Any, path: str = "") -> Iterator[FieldChange]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys([*old, *new]):
            yield from _changes(old.get(name), new.get(name), f"{path}.{name}" if path else name)
    elif old != new:
        yield FieldChange(field=path, old=old, new=new)

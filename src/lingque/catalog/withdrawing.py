"""What is in use is not withdrawn: the answer names everybody who uses it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from lingque.catalog.build import build_catalog
from lingque.catalog.definitions import KINDS, kind_of, name_of
from lingque.catalog.model import Catalog, Key
from lingque.catalog.tracing import User, told, users_of
from lingque.catalog.yaml_files import Located
from lingque.core.errors import DefinitionError, Problem


def withdrawn_in_use(in_force: Mapping[Key, dict[str, Any]], wanted: Sequence[Located]) -> DefinitionError | None:
    """Why `wanted` makes no catalog, if that is only because something in force is missing that it still uses."""
    places = {(kind_of(entry.definition), name_of(entry.definition)): entry for entry in wanted}
    withdrawn = {key: body for key, body in in_force.items() if key not in places}
    try:
        missing = [_as_in_force(key, body) for key, body in withdrawn.items()]
        catalog = build_catalog([*wanted, *missing])
    except (ValidationError, DefinitionError):  # something else is wrong too, and that is what to mend first
        return None
    problems = [_problem(catalog, key, places) for key in sorted(withdrawn) if _users(catalog, key, places)]
    next_step = "'lingque tags used NAME' names the users of a tag that is in force"
    return DefinitionError(problems, next_step=next_step) if problems else None


def _as_in_force(key: Key, body: dict[str, Any]) -> Located:
    kind, name = key
    return Located(definition=KINDS[kind].model_validate(body), file=f"{kind} {name}")


def _users(catalog: Catalog, key: Key, places: Mapping[Key, Located]) -> list[User]:
    """Those that stay."""
    return [user for user in users_of(catalog, key) if user.key in places]


def _problem(catalog: Catalog, key: Key, places: Mapping[Key, Located]) -> Problem:
    kind, name = key
    users = "; ".join(_said(user, places) for user in _users(catalog, key, places))
    return Problem(
        file=f"{kind} {name}", line=0, field="", found=f"is withdrawn while in use by {users}",
        allowed="keep it, or change or withdraw its users too",
    )  # fmt: skip


def _said(user: User, places: Mapping[Key, Located]) -> str:
    kind, name = user.key
    entry = places[user.key]
    place = f"{entry.file}:{entry.lines[()]}" if () in entry.lines else entry.file
    by = f" by way of {', '.join(told(one) for one in user.way[1:-1])}" if not user.is_direct else ""
    return f"{kind} {name} ({user.role}{by}, {place})"

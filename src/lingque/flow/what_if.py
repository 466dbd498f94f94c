"""What a plan would be if something were otherwise: a cap, a capacity, a budget, any field of an offer.

The changed definitions are read as if they were applied, and the campaign is decided twice over the same customers at
the same moment: as it is, and as it would be. Nothing is written, and no counter moves.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import yaml
from pydantic import ValidationError

from lingque.catalog.build import build_catalog
from lingque.catalog.definitions import KINDS, AnyDefinition, kind_of, name_of
from lingque.catalog.model import Catalog
from lingque.catalog.repository import definitions_in_force
from lingque.catalog.yaml_files import Located
from lingque.core.errors import DefinitionError, Problem, nearest
from lingque.core.reasons import Refusal
from lingque.engage.contracts import Forecast
from lingque.flow.forecasting import stale
from lingque.flow.planning import outlooks_of, planned_with
from lingque.flow.services import Services
from lingque.flow.traces import traced
from lingque.govern.access import refused
from lingque.govern.contracts import Action, Principal

CHANGEABLE = ("cap", "offer", "campaign", "programme")


@dataclass(frozen=True, kw_only=True)
class WhatIf:
    """The forecast as things are, and as they would be."""

    campaign: str
    as_of: date
    now: Forecast
    then: Forecast

    @property
    def refusals_change(self) -> dict[str, int]:
        """By reason, how many more customers (or fewer) would be refused; reasons that stay alike are left out."""
        reasons = dict.fromkeys([*self.now.refusals, *self.then.refusals])
        changes = {one: self.then.refusals.get(one, 0) - self.now.refusals.get(one, 0) for one in reasons}
        return {reason: change for reason, change in changes.items() if change}


def what_if(
    services: Services, name: str, as_of: date, changes: Mapping[str, Any], actor: Principal
) -> WhatIf | Refusal:
    """`changes`: from `KIND.NAME.FIELD…` (such as `cap.weekly.at_most`, `campaign.spring.channels.sms.capacity`) to its
    new value, null taking the field away. Raises `DefinitionError` for a change that could not be applied."""
    found = outlooks(services, name, as_of, ({}, changes), actor)
    return found if isinstance(found, Refusal) else WhatIf(campaign=name, as_of=as_of, now=found[0], then=found[1])


def outlooks(
    services: Services, name: str, as_of: date, changes: Sequence[Mapping[str, Any]], actor: Principal
) -> list[Forecast] | Refusal:
    """The forecast after each of these changes alone (none: as things are), at one moment. Raises as `what_if`."""
    denied = refused(actor, Action.PLAN_CAMPAIGN)
    if denied is not None:
        return traced(services, denied, actor, "what_if", name)
    now = services.clock.now()
    with services.database.reading() as connection:
        definitions = definitions_in_force(connection)
        catalogs = [_catalog(_changed(definitions, one)) for one in changes]
        for catalog in catalogs:
            snapshot = services.profile.find_snapshot(connection, as_of)
            for one in planned_with(catalog, name):
                old = stale(catalog, one, snapshot)
                if old is not None:
                    return traced(services, old, actor, "what_if", name)
        found: list[Forecast] = []
        for catalog in catalogs:
            planned = outlooks_of(services, connection, catalog, name, as_of, moment=now)
            if isinstance(planned, Refusal):
                return traced(services, planned, actor, "what_if", name)
            found.append(planned[name].forecast)
        return found


def read_change(text: str) -> tuple[str, Any]:
    """`FIELD=VALUE` as somebody typed it; the value is YAML. Raises `DefinitionError`."""
    field, equals, value = text.partition("=")
    try:
        if not equals or not field.strip():
            raise ValueError(text)
        return field.strip(), json.loads(json.dumps(yaml.safe_load(value), default=str))
    except (ValueError, yaml.YAMLError) as error:
        raise _problem(text, "is no change", "write KIND.NAME.FIELD=VALUE, such as cap.weekly.at_most=3") from error


def _catalog(definitions: Sequence[AnyDefinition]) -> Catalog:
    located = [Located(definition=one, file=f"{kind_of(one)} {name_of(one)}") for one in definitions]
    return build_catalog(located, check_mappings=False)


def _changed(definitions: Sequence[AnyDefinition], changes: Mapping[str, Any]) -> list[AnyDefinition]:
    bodies = {(kind_of(one), name_of(one)): one for one in definitions}
    for path, value in changes.items():
        kind, _, rest = path.partition(".")
        name, _, field = rest.partition(".")
        if kind not in CHANGEABLE or not field:
            raise _problem(path, "is nothing that can be changed", f"name a field of {', '.join(CHANGEABLE)}")
        if (kind, name) not in bodies:
            known = [other for of_kind, other in bodies if of_kind == kind]
            raise _problem(path, f"there is no {kind} '{name}'", nearest(name, known))
        body = bodies[kind, name].model_dump(mode="json", by_alias=True)
        _put(body, field.split("."), value, path)
        try:
            bodies[kind, name] = KINDS[kind].model_validate(body)
        except ValidationError as error:
            first = error.errors()[0]
            allowed = str(first["msg"]).removeprefix("Value error, ")
            raise _problem(path, f"found {value!r}", allowed) from error
    return list(bodies.values())


def _put(body: dict[str, Any], fields: Sequence[str], value: Any, path: str) -> None:
    *around, last = fields
    for field in around:
        inner = body.get(field)
        if inner is None and field in body:
            inner = body[field] = {}
        if not isinstance(inner, dict):
            raise _problem(path, f"there is no '{field}'", nearest(field, list(body)))
        body = inner
    if value is None:
        body.pop(last, None)
    else:
        body[last] = value


def _problem(path: str, found: str, allowed: str) -> DefinitionError:
    problem = Problem(file="what-if", line=0, field=path, found=found, allowed=allowed)
    return DefinitionError([problem], next_step="mend the change and ask again")

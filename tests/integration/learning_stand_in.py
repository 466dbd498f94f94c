"""Stands in for what the catalog and `profile` are going to have: models in the catalog, and rows to learn from.

`stand_in` does nothing where the real ones are there.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import select

from lingque.catalog.definitions import ModelDefinition
from lingque.catalog.model import Catalog
from lingque.catalog.repository import definitions
from lingque.core.errors import NotFoundError
from lingque.core.hashing import digest_of
from lingque.flow import intake
from lingque.flow.services import Services
from lingque.profile import service
from lingque.profile.service import Profile
from lingque.store.runs import published_versions


@dataclass(frozen=True, kw_only=True)
class CatalogWithModels(Catalog):
    models: Any

    def model(self, name: str) -> Any:
        if name not in self.models:
            raise NotFoundError(f"there is no model '{name}'")
        return self.models[name]


def catalog_with_models(services: Services) -> Any:
    catalog = intake.catalog_of(services)
    if "models" in Catalog.__dataclass_fields__:
        return catalog
    with services.database.reading() as connection:
        rows = connection.execute(select(definitions).order_by(definitions.c.definition_id)).all()
    newest = {row.name: row.body for row in rows if row.kind == "model"}
    models = {name: ModelDefinition.model_validate(body) for name, body in newest.items() if body is not None}
    closures = dict(catalog.closures)
    for name, model in models.items():
        tags = sorted({model.target, *model.features, *({model.population} if model.population else set())})
        below = [closures["tag", tag] for tag in tags]
        closures["model", name] = digest_of({"body": model.model_dump(mode="json"), "built_on": below})
    known = {field.name: getattr(catalog, field.name) for field in fields(Catalog)}
    return CatalogWithModels(**{**known, "closures": closures}, models=models)


def features_and_label(
    self: Any,
    catalog: Catalog,
    *,
    features: tuple[str, ...],
    population: str | None,
    target: str,
    as_of: Any,
    known_by: Any,
) -> pa.Table:
    """By the parts of `Profile` as it is: features as of the morning, the label from what is known later."""
    needed = {
        tag.name
        for name in (*features, *([population] if population else ()))
        for tag in service._closure_of(catalog, catalog.tag(name))
    }
    tags = [tag for name, tag in catalog.tags.items() if name in needed]
    with self._database.reading() as connection:
        versions = service._inputs(catalog, published_versions(connection))
        moment = self._calendar.start_of(as_of)
        links = self._links_as_of(connection, moment)
    at = service.PointInTime(as_of=as_of, moment=moment, known_by=moment)
    rows = self._compute(catalog, tags, at, versions, links)
    labels = self.labels(catalog, catalog.tag(target), as_of, known_by=known_by)
    names = dict.fromkeys([*features, *([population] if population else [])])
    return rows.select(["customer_id", *names]).join(labels, "customer_id").sort_by("customer_id")


def stand_in(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("lingque.flow.learning.catalog_of", catalog_with_models)
    if not hasattr(Profile, "features_and_label"):
        patch.setattr(Profile, "features_and_label", features_and_label, raising=False)

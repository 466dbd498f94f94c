"""The model card: what there is to know of one version, made from the catalog and what learning found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from lingque.catalog.definitions import ModelDefinition
from lingque.catalog.lineage import join
from lingque.catalog.model import Catalog
from lingque.core.clock import Instant
from lingque.core.labels import Label
from lingque.predict.contracts import FeatureUse, ModelCard
from lingque.predict.learning import Learned
from lingque.predict.libraries import library_versions
from lingque.predict.registry import Version


@dataclass(frozen=True, kw_only=True)
class Training:
    """When, by whom, from what was known by when, and how far the labels reach."""

    at: Instant
    by: str
    known_by: Instant
    labels_until: date
    overlapping: tuple[date, ...]


def make_card(
    catalog: Catalog, definition: ModelDefinition, learned: Learned, training: Training, version: Version
) -> ModelCard:
    """The card of a version."""
    lineage = join(catalog.lineages[name] for name in definition.features)
    population = definition.population
    return ModelCard(
        model=definition.model,
        label=definition.label.label(),
        owner=definition.owner,
        version=version.version,
        run_id=version.run_id,
        trained_at=training.at,
        trained_by=training.by,
        known_by=training.known_by,
        target=definition.target,
        target_label=_label(catalog, definition.target),
        population=population,
        population_label=None if population is None else _label(catalog, population),
        labels_until=training.labels_until,
        overlapping=training.overlapping,
        too_old_after=too_old_after(definition),
        calibration=definition.calibration,
        seed=definition.seed,
        features=tuple(_features(catalog, definition.features)),
        data_classes=lineage.classes.names,
        purposes=tuple(sorted(purpose.name.lower() for purpose in lineage.purposes)),
        judgement=learned.judgement,
        closure=version.closure,
        artefact=version.artefact_digest,
        libraries=library_versions(),
    )


def too_old_after(definition: ModelDefinition) -> date:
    """The last day whose scores need no warning."""
    return definition.validate_as_of + timedelta(days=definition.too_old_after_days)


def _features(catalog: Catalog, names: Iterable[str]) -> Iterable[FeatureUse]:
    for name in names:
        lineage = catalog.lineages[name]
        yield FeatureUse(
            name=name,
            label=_label(catalog, name),
            type=str(catalog.tag(name).type),
            data_classes=lineage.classes.names,
            columns=tuple(f"{table}.{column}" for table, column in sorted(lineage.columns)),
        )


def _label(catalog: Catalog, tag: str) -> Label:
    return catalog.tag(tag).definition.label.label()

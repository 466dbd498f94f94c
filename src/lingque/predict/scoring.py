"""Scores for whoever computes tags."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
from sqlalchemy import Connection

from lingque.catalog.model import Catalog
from lingque.core.reasons import Reason, Refusal
from lingque.predict.artefact import Artefact
from lingque.predict.registry import Version, artefact_of, newest_version
from lingque.store.database import Database


class Scorer:
    """Made by `bootstrap`. Keeps the models it was asked for loaded: a version never changes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._loaded: dict[str, Artefact] = {}

    def scores(self, catalog: Catalog, model: str, features: pa.Table, *, as_of: date) -> pa.Array | Refusal:
        """Calibrated probabilities (float64, one per row of `features`), null outside the population.

        `features` has `customer_id`, the model's features as of that morning, and its population where it has one.
        Refused as MODEL_NOT_TRAINED where no version is of the definition in force, and where the labels that the
        version learned from reach beyond `as_of`: on that day nobody could have had it.
        """
        with self._database.reading() as connection:
            version = newest_version(connection, model, closure=catalog.closures["model", model])
            if version is None:
                return Refusal(
                    reason=Reason.MODEL_NOT_TRAINED,
                    detail=f"model '{model}' has not been trained as it is defined now;"
                    f" run 'lingque models train {model}'",
                )
            artefact = self._artefact(connection, version)
        if as_of < artefact.labels_until:
            return Refusal(
                reason=Reason.MODEL_NOT_TRAINED,
                detail=f"model '{model}' learned from what happened until {artefact.labels_until};"
                f" a score as of {as_of} would know the future",
            )
        return artefact.scores(features, as_of=as_of)

    def version(self, model: str) -> str:
        """Names the newest version by its content; empty where there is none. Another version, other scores."""
        with self._database.reading() as connection:
            version = newest_version(connection, model)
        return "" if version is None else f"{version.version}-{version.artefact_digest}"

    def _artefact(self, connection: Connection, version: Version) -> Artefact:
        if version.artefact_digest not in self._loaded:
            self._loaded[version.artefact_digest] = artefact_of(connection, version)
        return self._loaded[version.artefact_digest]

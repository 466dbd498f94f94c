"""A trained model as one JSON document: the encoding, the trees as text, the calibrator. Holds no customer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import TypeAdapter

from lingque.core.hashing import Float64s, digest_of
from lingque.predict.calibrating import Calibrator
from lingque.predict.encoding import Code, encode
from lingque.predict.learners import log_odds


@dataclass(frozen=True, kw_only=True)
class Artefact:
    """What it takes to score. `labels_until` is the day that the labels it learned from do not reach beyond."""

    codes: tuple[Code, ...]
    booster: str
    calibrator: Calibrator
    population: str | None
    labels_until: date

    @property
    def digest(self) -> str:
        """Of the whole content: trained alike on the same data, it is the same."""
        return digest_of(to_json(self))

    def probabilities(self, rows: pa.Table, *, as_of: date) -> Float64s:
        """Calibrated probabilities (n,) for rows that have the features' columns."""
        return self.calibrator.apply(log_odds(self.booster, encode(self.codes, rows, as_of=as_of)))

    def scores(self, rows: pa.Table, *, as_of: date) -> pa.Array:
        """float64 (n,), null outside the population."""
        inside = (
            np.ones(rows.num_rows, dtype=np.bool_)
            if self.population is None
            else rows.column(self.population).fill_null(False).to_numpy()
        )
        scores = np.zeros(rows.num_rows)
        if inside.any():
            scores[inside] = self.probabilities(rows.filter(pa.array(inside)), as_of=as_of)
        return pa.array(scores, pa.float64(), mask=~inside)


_ADAPTER = TypeAdapter(Artefact)


def to_json(artefact: Artefact) -> dict[str, Any]:
    """For the control database."""
    content: dict[str, Any] = _ADAPTER.dump_python(artefact, mode="json")
    return content


def from_json(content: dict[str, Any]) -> Artefact:
    """What `to_json` gave."""
    return _ADAPTER.validate_python(content)

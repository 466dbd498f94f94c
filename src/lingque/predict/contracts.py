"""What crosses the border of `predict`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

import pyarrow as pa

from lingque.catalog.expressions.types import Type
from lingque.core.clock import Instant
from lingque.core.labels import Label


@dataclass(frozen=True, kw_only=True)
class Day:
    """One row per customer of the population: `customer_id`, the features as of that morning, and the target."""

    as_of: date
    rows: pa.Table


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """All there is to learn from. `overlapping` are the training days whose labels were not yet known on the
    validation day: there the same customer's label would stand in both parts."""

    model: str
    target: str
    features: tuple[tuple[str, Type], ...]
    training: tuple[Day, ...]
    validation: Day
    overlapping: tuple[date, ...]
    calibration: Literal["sigmoid", "isotonic"]
    seed: int


@dataclass(frozen=True, kw_only=True)
class Interval:
    """An estimate and its 95 % interval (percentiles of a bootstrap over customers)."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Lift:
    """How many times more often the label is true among the `share` of customers with the highest scores."""

    share: float
    lift: Interval


@dataclass(frozen=True, kw_only=True)
class Performance:
    """How well probabilities foretold the label of customers they were not fitted on.

    The calibration error has no interval: resampling adds chance to each tenth, so its percentiles lie too high.
    `Judgement.error_by_chance` says what to hold it against.
    """

    auc: Interval
    average_precision: Interval
    brier: Interval
    log_loss: Interval
    calibration_error: float
    lifts: tuple[Lift, ...]


@dataclass(frozen=True, kw_only=True)
class Part:
    """Rows of one day: used, of them positive; left to the other part; without a known label."""

    use: Literal["training", "validation"]
    as_of: date
    rows: int
    positives: int
    left_out: int
    without_label: int


@dataclass(frozen=True, kw_only=True)
class CalibrationRow:
    """A tenth of the validation part by score: what was foretold on average, what came true (Wilson interval)."""

    rows: int
    foretold: float
    observed: Interval


@dataclass(frozen=True, kw_only=True)
class GroupRow:
    """How the model does on the customers for whom a feature has one value; `auc` where both labels are frequent
    enough in the group."""

    feature: str
    value: str
    rows: int
    foretold: float
    observed: float
    auc: float | None


@dataclass(frozen=True, kw_only=True)
class Importance:
    """A feature's share of the gain of all splits, its mean |SHAP| (log-odds), and for how many it is known."""

    feature: str
    gain: float
    shap: float
    known: float


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What the validation part says, beside a logistic regression on the same features and the bare base rate.

    `advantage` is the model's AUC minus the baseline's, on the same resampled customers. `error_by_chance` is what 19
    of 20 perfectly calibrated models would stay under on that many customers.
    """

    parts: tuple[Part, ...]
    base_rate: float
    trees: int
    leaves: int
    model: Performance
    baseline: Performance
    advantage: Interval
    calibration: tuple[CalibrationRow, ...]
    error_by_chance: float
    groups: tuple[GroupRow, ...]
    importances: tuple[Importance, ...]


@dataclass(frozen=True, kw_only=True)
class FeatureUse:
    """A feature: what it is called, what it is built on."""

    name: str
    label: Label
    type: str
    data_classes: tuple[str, ...]
    columns: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """What there is to know of one version of a model before using it. Holds no customer's data."""

    model: str
    label: Label
    owner: str
    version: int
    run_id: str
    trained_at: Instant
    trained_by: str
    known_by: Instant
    target: str
    target_label: Label
    population: str | None
    population_label: Label | None
    labels_until: date
    overlapping: tuple[date, ...]
    too_old_after: date
    calibration: str
    seed: int
    features: tuple[FeatureUse, ...]
    data_classes: tuple[str, ...]
    purposes: tuple[str, ...]
    judgement: Judgement
    closure: str
    artefact: str
    libraries: dict[str, str]

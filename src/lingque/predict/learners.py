"""The two learners: boosted trees, and the logistic regression they are measured against."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lingque.catalog.expressions.types import Kind
from lingque.core.hashing import Float64s
from lingque.predict.encoding import Code
from lingque.predict.libraries import load

THREADS = 1  # sums of floats depend on how they are cut up; and threads that wait spin: two took 14 s where one takes 1
MOST_TREES = 500
PATIENCE = 30
LEARNING_RATE = 0.05


@dataclass(frozen=True, kw_only=True)
class Boosted:
    """Trained trees as LightGBM's text, and how large they were allowed to grow."""

    text: str
    trees: int
    leaves: int


def boost(codes: Sequence[Code], rows: Float64s, labels: Float64s, folds: NDArray[np.int64], *, seed: int) -> Boosted:
    """LightGBM on the log loss. How many trees: where the loss on left-out customers is least, over the `folds` (a
    customer is in one fold with all its rows). Leaves and their least size follow the number of examples."""
    lightgbm = load("lightgbm")
    leaves = int(np.clip(labels.sum() // 12, 4, 31))
    least = int(np.clip(len(labels) // 50, 20, 200))
    parameters = {
        "objective": "binary",
        "metric": "binary_logloss",
        "learning_rate": LEARNING_RATE,
        "num_leaves": leaves,
        "min_child_samples": least,
        "min_data_per_group": least,
        "feature_fraction": 0.8,
        "lambda_l2": 1.0,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": THREADS,
        "verbosity": -1,
    }
    data = lightgbm.Dataset(
        rows,
        labels,
        feature_name=[code.feature for code in codes],
        categorical_feature=[index for index, code in enumerate(codes) if code.kind is Kind.TEXT],
        params=parameters,
        free_raw_data=False,
    )
    left_out = [(np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)) for fold in np.unique(folds)]
    losses = lightgbm.cv(
        parameters,
        data,
        num_boost_round=MOST_TREES,
        folds=left_out,
        callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)],
    )
    trees = len(losses["valid binary_logloss-mean"])
    booster = lightgbm.train(parameters, data, num_boost_round=trees)
    # the text repeats each feature's least and greatest value: those are single customers', and scoring needs neither
    text = re.sub(r"^feature_infos=.*$", _without_extremes, booster.model_to_string(), flags=re.MULTILINE)
    return Boosted(text=text, trees=trees, leaves=leaves)


def _without_extremes(infos: re.Match[str]) -> str:
    return re.sub(r"\[[^\]]*\]", "[-inf:inf]", infos[0])


def log_odds(text: str, rows: Float64s) -> Float64s:
    """The raw scores (n,) of trained trees."""
    booster = load("lightgbm").Booster(model_str=text)
    scores: Float64s = booster.predict(rows, raw_score=True, num_threads=THREADS)
    return scores


def importances(text: str, rows: Float64s) -> tuple[Float64s, Float64s]:
    """Per feature the share of the gain of all splits, and the mean |SHAP| in log-odds over these rows."""
    booster = load("lightgbm").Booster(model_str=text)
    gain = booster.feature_importance(importance_type="gain")
    shap = np.abs(booster.predict(rows, pred_contrib=True, num_threads=THREADS)[:, :-1]).mean(axis=0)
    return gain / (gain.sum() or 1.0), shap


class Logistic:
    """A logistic regression with a little L2 on standardised features. Money goes in as arsinh, as an analyst would
    take its logarithm; a missing value is the mean, with a flag of its own; words are flags."""

    def __init__(self, codes: Sequence[Code], rows: Float64s, labels: Float64s) -> None:
        self._codes = codes
        wide = self._widened(rows)
        known = ~np.isnan(wide)
        count = np.maximum(known.sum(axis=0), 1)
        self._mean = np.where(known, wide, 0).sum(axis=0) / count
        self._scale = np.sqrt(np.where(known, (wide - self._mean) ** 2, 0).sum(axis=0) / count)
        self._scale[self._scale == 0] = 1.0
        self._fitted = load("sklearn.linear_model").LogisticRegression(C=1.0, max_iter=2_000)
        with warnings.catch_warnings():  # not converged after 2,000 steps is still a baseline
            warnings.simplefilter("ignore", load("sklearn.exceptions").ConvergenceWarning)
            self._fitted.fit(self._standardised(wide), labels)

    def log_odds(self, rows: Float64s) -> Float64s:
        """The raw scores (n,)."""
        scores: Float64s = self._fitted.decision_function(self._standardised(self._widened(rows)))
        return scores

    def _standardised(self, wide: Float64s) -> Float64s:
        standardised: Float64s = np.nan_to_num((wide - self._mean) / self._scale, nan=0.0)
        return standardised

    def _widened(self, rows: Float64s) -> Float64s:
        columns: list[Float64s] = []
        for index, code in enumerate(self._codes):
            values = rows[:, index]
            if code.kind is Kind.TEXT:
                columns += [(values == word).astype(np.float64) for word in range(len(code.words) + 1)]
            else:
                columns += [np.arcsinh(values) if code.kind is Kind.MONEY else values, np.isnan(values) * 1.0]
        return np.column_stack(columns)

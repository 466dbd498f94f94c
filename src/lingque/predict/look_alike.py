"""Look-alike: who, of those who do not belong to a segment, looks most like those who do.

LightGBM and a logistic regression, as of models, tell the seed from a sample of the rest. Nobody is scored by what has
seen them: the customers are drawn into folds, and each fold is scored by what the others taught and calibrated by what
another fold shows. The better of the two by AUC ranks. A probability says how often somebody who looks so is in the
seed; it does not say that a contact helps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lingque.catalog.expressions.types import Type
from lingque.core.hashing import Float64s, Int64s, draw
from lingque.core.reasons import Reason, Refusal
from lingque.predict.calibrating import fit_calibrator
from lingque.predict.contracts import Importance, Interval
from lingque.predict.encoding import Code, codes_of, encode
from lingque.predict.judging import judge
from lingque.predict.learners import Logistic, boost, importances, log_odds

FOLDS = 3
INNER_FOLDS = 3
LEAST_SEED = 100
PER_SEED = 10
"""So many of the rest are learned from for each of the seed: more of them teach little."""
MOST_LEARNED = 100_000


@dataclass(frozen=True, kw_only=True)
class LookAlike:
    """The rest, the likest first: their ids (m,) and calibrated probabilities (m,). `auc` of the learner that ranks,
    over customers it has not seen, seed and sample of the rest; `other_auc` of the other one; `seed` and `rest` how
    many there are of each."""

    ids: Int64s
    probabilities: Float64s
    learner: Literal["trees", "logistic"]
    auc: Interval
    other_auc: Interval
    importances: tuple[Importance, ...]
    seed: int
    rest: int


def look_alike(
    rows: pa.Table,
    members: NDArray[np.bool_],
    features: Sequence[tuple[str, Type]],
    *,
    as_of: date,
    name: str,
    seed: int,
) -> LookAlike | Refusal:
    """Rank those rows (`customer_id` and the features) whose flag in `members` is false. The same rows in the same
    order give the same answer. `name` salts the draws. Too small a seed, or rest, is a refusal."""
    customers: Int64s = rows.column("customer_id").to_numpy()
    count, rest = int(members.sum()), int((~members).sum())
    for many, word in ((count, "in the seed"), (rest, "besides the seed")):
        if many < LEAST_SEED:
            return Refusal(reason=Reason.TOO_FEW_EXAMPLES, detail=f"{many} customers {word}, {LEAST_SEED} are needed")
    codes = codes_of(features, [rows])
    matrix = encode(codes, rows, as_of=as_of)
    labels = members.astype(np.float64)
    learned = _learned_from(customers, members, name)
    fold = (draw(customers, salt=f"{name}/look-alike") * FOLDS).astype(np.int64)
    trees, logistic = _scores(codes, matrix, labels, customers, learned, fold, name=name, seed=seed)
    weight = rest / max(int((learned & ~members).sum()), 1)
    found = [_calibrated(scores, labels, learned, fold) for scores in (trees, logistic)]
    one, other, _ = judge(found[0][learned], found[1][learned], labels[learned], seed=seed)
    better = 0 if one.auc.value >= other.auc.value else 1
    probabilities = _for_all(found[better], weight)[~members]
    ids = customers[~members]
    order = np.lexsort((ids, -probabilities))
    return LookAlike(
        ids=ids[order],
        probabilities=probabilities[order],
        learner="trees" if better == 0 else "logistic",
        auc=(one, other)[better].auc,
        other_auc=(other, one)[better].auc,
        importances=_importances(codes, matrix[learned], labels[learned], fold[learned], seed=seed),
        seed=count,
        rest=rest,
    )


def _learned_from(customers: Int64s, members: NDArray[np.bool_], name: str) -> NDArray[np.bool_]:
    """The seed and a drawn part of the rest."""
    count, rest = int(members.sum()), int((~members).sum())
    drawn = draw(customers, salt=f"{name}/look-alike/learned")
    share_of_seed = min(1.0, MOST_LEARNED / (2 * count))
    share_of_rest = min(1.0, max(PER_SEED * count, 1_000) / rest, MOST_LEARNED / rest)
    return np.where(members, drawn < share_of_seed, drawn < share_of_rest)


def _scores(
    codes: tuple[Code, ...],
    matrix: Float64s,
    labels: Float64s,
    customers: Int64s,
    learned: NDArray[np.bool_],
    fold: NDArray[np.int64],
    *,
    name: str,
    seed: int,
) -> tuple[Float64s, Float64s]:
    """Log-odds of everybody by both learners, each fold by what the other folds taught."""
    trees, logistic = np.empty(len(labels)), np.empty(len(labels))
    inner = (draw(customers, salt=f"{name}/look-alike/trees") * INNER_FOLDS).astype(np.int64)
    for number in range(FOLDS):
        taught = learned & (fold != number)
        mine = fold == number
        boosted = boost(codes, matrix[taught], labels[taught], inner[taught], seed=seed)
        trees[mine] = log_odds(boosted.text, matrix[mine])
        logistic[mine] = Logistic(codes, matrix[taught], labels[taught]).log_odds(matrix[mine])
    return trees, logistic


def _calibrated(scores: Float64s, labels: Float64s, learned: NDArray[np.bool_], fold: NDArray[np.int64]) -> Float64s:
    """Probabilities of everybody in the mixture that was learned from; each fold by a calibrator of the others."""
    probabilities = np.empty(len(scores))
    for number in range(FOLDS):
        others = learned & (fold != number)
        calibrator = fit_calibrator("sigmoid", scores[others], labels[others])
        probabilities[fold == number] = calibrator.apply(scores[fold == number])
    return probabilities


def _for_all(probabilities: Float64s, weight: float) -> Float64s:
    """From the mixture that was learned from to all customers: there are `weight` times as many of the rest."""
    found: Float64s = probabilities / (probabilities + (1 - probabilities) * weight)
    return found


def _importances(
    codes: tuple[Code, ...], matrix: Float64s, labels: Float64s, fold: NDArray[np.int64], *, seed: int
) -> tuple[Importance, ...]:
    """Of trees over all that was learned from: they explain, and score nobody."""
    boosted = boost(codes, matrix, labels, fold, seed=seed)
    gain, shap = importances(boosted.text, matrix)
    known = 1 - np.isnan(matrix).mean(axis=0)
    listed = [
        Importance(feature=code.feature, gain=float(gain[place]), shap=float(shap[place]), known=float(known[place]))
        for place, code in enumerate(codes)
    ]
    return tuple(sorted(listed, key=lambda one: (-one.shap, one.feature)))

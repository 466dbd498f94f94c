"""From a lesson to trained trees, a calibrator, and what the validation part says of them.

Who may be judged on: nothing that a score is judged by was seen by what made it. Customers, not rows, are divided, by
`core.hashing.draw`, so anybody can check who was where:

- where a training day's label was not yet known on the validation day (the two look at the same future), half of the
  customers are left to validation and learned from on no day; otherwise everybody is in both;
- the number of trees is chosen by cross-validation within the training part;
- the validation part is drawn into two halves, each judged by a calibrator fitted on the other (cross-fitting: with
  few examples nobody is spent on calibration alone); the calibrator delivered is fitted on both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lingque.catalog.expressions.types import Kind
from lingque.core.hashing import Float64s, Int64s, draw
from lingque.core.reasons import Reason, Refusal
from lingque.predict.calibrating import Calibrator, fit_calibrator
from lingque.predict.contracts import Day, GroupRow, Importance, Judgement, Lesson, Part
from lingque.predict.encoding import Code, codes_of, encode
from lingque.predict.judging import auc_of, calibration_table, error_by_chance, judge
from lingque.predict.learners import Boosted, Logistic, boost, importances, log_odds

LEFT_TO_VALIDATION = 0.5
FOLDS = 4
LEAST_TO_LEARN = 30
LEAST_TO_JUDGE = 10
MOST_GROUPS = 8
LEAST_IN_GROUP = 20
Step = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Learned:
    """What it takes to score, and what is known of how well it does."""

    codes: tuple[Code, ...]
    boosted: Boosted
    calibrator: Calibrator
    judgement: Judgement


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """One part of a day: numbers, labels (0 and 1), whose they are."""

    part: Part
    table: pa.Table
    customers: Int64s
    labels: Float64s


def learn(lesson: Lesson, *, step: Step = lambda _name: None) -> Learned | Refusal:
    """Train, calibrate, judge. The same lesson gives the same result. `step` hears what is being done."""
    training = [_used(lesson, day, "training") for day in lesson.training]
    validation = _used(lesson, lesson.validation, "validation")
    refusal = _too_few(lesson, training, validation)
    if refusal is not None:
        return refusal
    codes = codes_of(lesson.features, [rows.table for rows in training])
    matrix = np.concatenate([encode(codes, rows.table, as_of=rows.part.as_of) for rows in training])
    labels = np.concatenate([rows.labels for rows in training])
    customers = np.concatenate([rows.customers for rows in training])
    step("trees")
    folds = (draw(customers, salt=f"{lesson.model}/folds") * FOLDS).astype(np.int64)
    boosted = boost(codes, matrix, labels, folds, seed=lesson.seed)
    step("baseline")
    logistic = Logistic(codes, matrix, labels)
    step("calibration")
    unseen = encode(codes, validation.table, as_of=validation.part.as_of)
    scores = log_odds(boosted.text, unseen)
    half = draw(validation.customers, salt=f"{lesson.model}/calibration") < LEFT_TO_VALIDATION
    probabilities = _cross_fitted(lesson, scores, validation.labels, half)
    baseline = _cross_fitted(lesson, logistic.log_odds(unseen), validation.labels, half)
    step("judgement")
    model, other, advantage = judge(probabilities, baseline, validation.labels, seed=lesson.seed)
    judgement = Judgement(
        parts=(*(rows.part for rows in training), validation.part),
        base_rate=float(validation.labels.mean()),
        trees=boosted.trees,
        leaves=boosted.leaves,
        model=model,
        baseline=other,
        advantage=advantage,
        calibration=calibration_table(probabilities, validation.labels),
        error_by_chance=error_by_chance(probabilities, seed=lesson.seed),
        groups=_groups(codes, unseen, probabilities, validation.labels),
        importances=_importances(codes, boosted, unseen),
    )
    calibrator = fit_calibrator(lesson.calibration, scores, validation.labels)
    return Learned(codes=codes, boosted=boosted, calibrator=calibrator, judgement=judgement)


def _used(lesson: Lesson, day: Day, use: str) -> _Rows:
    """The rows of a day for this use, in the order of their customers: the order they came in is nothing."""
    known = day.rows.filter(pc.is_valid(day.rows.column(lesson.target)))
    known = known.take(pc.sort_indices(known, [("customer_id", "ascending")]))
    customers = known.column("customer_id").to_numpy()
    mine = np.ones(len(customers), dtype=np.bool_)
    if lesson.overlapping:
        left = draw(customers, salt=lesson.model) < LEFT_TO_VALIDATION
        mine = left if use == "validation" else ~left
    table = known.filter(pa.array(mine))
    labels = pc.cast(pc.cast(table.column(lesson.target), pa.int8()), pa.float64()).to_numpy()
    part = Part(
        use="validation" if use == "validation" else "training",
        as_of=day.as_of,
        rows=table.num_rows,
        positives=int(labels.sum()),
        left_out=known.num_rows - table.num_rows,
        without_label=day.rows.num_rows - known.num_rows,
    )
    return _Rows(part=part, table=table, customers=customers[mine], labels=labels)


def _too_few(lesson: Lesson, training: list[_Rows], validation: _Rows) -> Refusal | None:
    """Examples are customers: the same one on several days teaches little more than once."""
    for value, word in ((1.0, "positive"), (0.0, "negative")):
        found = len(np.unique(np.concatenate([rows.customers[rows.labels == value] for rows in training])))
        if found < LEAST_TO_LEARN:
            return Refusal(
                reason=Reason.TOO_FEW_EXAMPLES,
                detail=f"model '{lesson.model}': {found} {word} customers to learn from, {LEAST_TO_LEARN} are needed;"
                " add training days, widen the population, or look further ahead",
            )
        half = draw(validation.customers, salt=f"{lesson.model}/calibration") < LEFT_TO_VALIDATION
        for mine in (half, ~half):
            count = int((validation.labels[mine] == value).sum())
            if count < LEAST_TO_JUDGE:
                return Refusal(
                    reason=Reason.TOO_FEW_EXAMPLES,
                    detail=f"model '{lesson.model}': {count} {word} customers in one half of the validation part as of"
                    f" {lesson.validation.as_of}, {LEAST_TO_JUDGE} are needed in each",
                )
    return None


def _cross_fitted(lesson: Lesson, scores: Float64s, labels: Float64s, half: NDArray[np.bool_]) -> Float64s:
    probabilities = np.empty(len(scores))
    for mine in (half, ~half):
        probabilities[mine] = fit_calibrator(lesson.calibration, scores[~mine], labels[~mine]).apply(scores[mine])
    return probabilities


def _groups(codes: tuple[Code, ...], rows: Float64s, probabilities: Float64s, labels: Float64s) -> tuple[GroupRow, ...]:
    """By true-or-false features and those of few words; small groups are left out, as they tell of single people."""
    found: list[GroupRow] = []
    for index, code in enumerate(codes):
        if code.kind is Kind.BOOLEAN:
            values = ["false", "true"]
        elif code.kind is Kind.TEXT and len(code.words) < MOST_GROUPS:
            values = [*code.words, "…"]
        else:
            continue
        for number, value in enumerate(values):
            mine = rows[:, index] == number
            count, positives = int(mine.sum()), float(labels[mine].sum())
            if count < LEAST_IN_GROUP:
                continue
            enough = min(positives, count - positives) >= LEAST_TO_JUDGE
            found.append(
                GroupRow(
                    feature=code.feature,
                    value=value,
                    rows=count,
                    foretold=float(probabilities[mine].mean()),
                    observed=positives / count,
                    auc=auc_of(probabilities[mine], labels[mine]) if enough else None,
                )
            )
    return tuple(found)


def _importances(codes: tuple[Code, ...], boosted: Boosted, rows: Float64s) -> tuple[Importance, ...]:
    gain, shap = importances(boosted.text, rows)
    known = 1 - np.isnan(rows).mean(axis=0)
    listed = [
        Importance(feature=code.feature, gain=float(gain[i]), shap=float(shap[i]), known=float(known[i]))
        for i, code in enumerate(codes)
    ]
    return tuple(sorted(listed, key=lambda one: (-one.shap, one.feature)))

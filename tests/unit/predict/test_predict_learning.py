"""What is there is found, what is not there is not claimed, and nobody is judged by what has seen them."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from made_up_customers import TRAINING, VALIDATION, day, lesson

from lingque.catalog.expressions.types import INTEGER
from lingque.core.errors import ConfigurationError
from lingque.core.hashing import draw
from lingque.core.reasons import Reason, Refusal
from lingque.predict.artefact import Artefact, from_json, to_json
from lingque.predict.contracts import Day, Lesson
from lingque.predict.learning import Learned, learn
from lingque.predict.libraries import load


def learned(what: Lesson) -> Learned:
    found = learn(what)
    assert not isinstance(found, Refusal), found
    return found


def artefact(found: Learned, population: str | None = None) -> Artefact:
    return Artefact(
        codes=found.codes,
        booster=found.boosted.text,
        calibrator=found.calibrator,
        population=population,
        labels_until=date(2025, 7, 1),
    )


@pytest.fixture(scope="module", autouse=True)
def quickly() -> Iterator[None]:
    """A tenth of the resamples is enough for what is asked here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lingque.predict.judging.RESAMPLES", 100)
        yield


@pytest.fixture(scope="module")
def found() -> Learned:
    return learned(lesson())


def test_a_signal_is_found_and_the_noise_ranks_below_it(found: Learned) -> None:
    assert found.judgement.model.auc.low > 0.6
    ranking = [one.feature for one in found.judgement.importances]
    assert set(ranking[:2]) == {"balance", "city"}
    assert found.judgement.model.calibration_error < 0.1
    assert sum(one.gain for one in found.judgement.importances) == pytest.approx(1)
    assert {row.value for row in found.judgement.groups if row.feature == "city"} == {"北京", "上海", "广州"}


def test_no_signal_is_claimed_where_there_is_none() -> None:
    judged = learned(lesson(signal=0)).judgement
    assert judged.model.auc.low < 0.5 < judged.model.auc.high
    assert judged.advantage.low <= 0


def test_the_same_lesson_gives_the_same_model_whatever_the_order_of_rows(found: Learned) -> None:
    what = lesson()
    shuffled = [
        dataclasses.replace(one, rows=one.rows.take(np.random.default_rng(4).permutation(one.rows.num_rows)))
        for one in (*what.training, what.validation)
    ]
    again = learned(dataclasses.replace(what, training=tuple(shuffled[:-1]), validation=shuffled[-1]))
    assert artefact(again).digest == artefact(found).digest
    assert again.judgement == found.judgement
    assert artefact(learned(lesson(seed=2))).digest != artefact(found).digest


def test_without_overlap_everybody_is_in_both_parts(found: Learned) -> None:
    assert [(part.use, part.as_of, part.rows, part.left_out) for part in found.judgement.parts] == [
        ("training", TRAINING[0], 800, 0),
        ("training", TRAINING[1], 800, 0),
        ("validation", VALIDATION, 800, 0),
    ]


def named_by_a_feature(overlapping: tuple[date, ...]) -> Lesson:
    """A feature that names the customer, and a label that is a coin thrown once per customer: whoever is in both
    parts is foretold perfectly, and it means nothing."""
    ids = np.random.default_rng(6).integers(1, 2**62, 800)
    rows = pa.table({"customer_id": ids, "name": np.arange(800), "label": np.arange(800) // 25 % 2 == 0})
    days = [Day(as_of=as_of, rows=rows) for as_of in (*TRAINING, VALIDATION)]
    return Lesson(
        model="coin",
        target="label",
        features=(("name", INTEGER),),
        training=tuple(days[:-1]),
        validation=days[-1],
        overlapping=overlapping,
        calibration="sigmoid",
        seed=1,
    )


def test_where_labels_overlap_no_customer_is_in_both_parts() -> None:
    what = named_by_a_feature((TRAINING[1],))
    parts = learned(what).judgement.parts
    ids = what.validation.rows.column("customer_id").to_numpy()
    left = int((draw(ids, salt="coin") < 0.5).sum())
    assert [(part.rows, part.left_out) for part in parts] == [(800 - left, left)] * 2 + [(left, 800 - left)]


def test_customers_in_both_parts_would_have_been_foretold_by_heart() -> None:
    """Each row alone tells its label here, so this is what the rule above keeps out."""
    scattered = np.random.default_rng(7).permutation(800)

    def scatter(one: Day) -> Day:
        return Day(as_of=one.as_of, rows=one.rows.set_column(1, "name", pa.array(scattered)))

    def judged(overlapping: tuple[date, ...]) -> float:
        what = named_by_a_feature(overlapping)
        fresh = dataclasses.replace(
            what, training=tuple(map(scatter, what.training)), validation=scatter(what.validation)
        )
        return learned(fresh).judgement.model.auc.value

    assert judged(()) > judged((TRAINING[1],)) + 0.05
    assert judged((TRAINING[1],)) < 0.6


def test_rows_without_a_label_are_counted_and_not_used() -> None:
    what = lesson(customers=600)
    labels = what.validation.rows.column("label").to_pylist()
    rows = what.validation.rows.set_column(6, "label", pa.array([None, None, *labels[2:]], pa.bool_()))
    part = learned(dataclasses.replace(what, validation=Day(as_of=VALIDATION, rows=rows))).judgement.parts[-1]
    assert (part.rows, part.without_label) == (598, 2)


def only_positive(one: Day, count: int) -> Day:
    labels = np.arange(one.rows.num_rows) < count
    return Day(as_of=one.as_of, rows=one.rows.set_column(6, "label", pa.array(labels)))


def test_too_few_examples_are_a_refusal() -> None:
    what = lesson(customers=400)
    # the same 20 customers on two days are 20 examples, not 40
    few = dataclasses.replace(what, training=tuple(only_positive(one, 20) for one in what.training))
    refusal = learn(few)
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.TOO_FEW_EXAMPLES
    assert "20 positive customers to learn from" in refusal.detail
    refusal = learn(dataclasses.replace(what, validation=only_positive(what.validation, 12)))
    assert isinstance(refusal, Refusal)
    assert "half of the validation part" in refusal.detail
    none_negative = dataclasses.replace(what, training=tuple(only_positive(one, 400) for one in what.training))
    assert "0 negative" in str(learn(none_negative))


def test_the_artefact_scores_alike_after_the_database_and_holds_no_customer(found: Learned) -> None:
    kept = artefact(found)
    rows = day(VALIDATION, seed=9).rows
    content = to_json(kept)
    again = from_json(content)
    assert again == kept
    scores = again.scores(rows, as_of=VALIDATION)
    assert scores.null_count == 0
    assert scores.equals(kept.scores(rows, as_of=VALIDATION))
    told = str(content) + str(found.judgement)
    assert not [one for one in rows.column("customer_id").to_pylist() if str(one) in told]
    for extreme in (pa.compute.max, pa.compute.min):
        assert str(extreme(rows.column("balance")).as_py() / 100) not in told, "the least and greatest are somebody's"


def test_outside_the_population_there_is_no_score(found: Learned) -> None:
    rows = day(VALIDATION, seed=9, customers=4).rows.append_column("mine", pa.array([True, False, None, True]))
    scores = artefact(found, population="mine").scores(rows, as_of=VALIDATION)
    assert [score is None for score in scores.to_pylist()] == [False, True, True, False]
    nobody = rows.drop_columns(["mine"]).append_column("mine", pa.array([False] * 4))
    assert artefact(found, population="mine").scores(nobody, as_of=VALIDATION).null_count == 4


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ModuleNotFoundError("No module named 'lightgbm'", name="lightgbm"), "lingque[models]"),
        (OSError("libgomp.so.1: cannot open shared object file"), "libgomp1"),
    ],
)
def test_a_missing_library_says_what_to_install(error: Exception, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_name: str) -> None:
        raise error

    monkeypatch.setattr("lingque.predict.libraries.import_module", fail)
    with pytest.raises(ConfigurationError) as raised:
        load("lightgbm")
    assert told in str(raised.value)


def test_learners_are_loaded_only_when_something_learns() -> None:
    # the compiler of the kernels asks SciPy for its version, which loads none of its parts
    heavy = {
        "lightgbm",
        "sklearn",
        "scipy.optimize",
        "scipy.sparse",
        "scipy.special",
        "scipy.stats",
        "matplotlib.pyplot",
    }
    probe = (
        "import sys; from lingque.entry.cli.commands import COMMANDS, loaded; [loaded(name) for name in COMMANDS]; "
        f"print(sorted({heavy} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

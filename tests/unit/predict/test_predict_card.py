"""A card says what was found, in both languages, and no more."""

from __future__ import annotations

import dataclasses
import re
from datetime import date

import pytest
from pydantic import TypeAdapter

from lingque.core.clock import Instant
from lingque.core.labels import LANGUAGES, Label, Language
from lingque.predict.card_pages import to_html, to_markdown
from lingque.predict.card_text import sections_of
from lingque.predict.contracts import (
    CalibrationRow,
    FeatureUse,
    GroupRow,
    Importance,
    Interval,
    Judgement,
    Lift,
    ModelCard,
    Part,
    Performance,
)

SOME = Interval(value=0.75, low=0.7, high=0.8)
PERFORMANCE = Performance(
    auc=SOME,
    average_precision=SOME,
    brier=SOME,
    log_loss=SOME,
    calibration_error=0.02,
    lifts=tuple(Lift(share=share, lift=Interval(value=2, low=1, high=3)) for share in (0.05, 0.1, 0.2)),
)
CARD = ModelCard(
    model="buys",
    label=Label(zh="购买概率", en="Probability of buying <1 | 2>"),
    owner="ada",
    version=3,
    run_id="train-1",
    trained_at=Instant(0),
    trained_by="ada",
    known_by=Instant(0),
    target="buys_30d",
    target_label=Label(zh="30天内购买", en="Buys within 30 days"),
    population=None,
    population_label=None,
    labels_until=date(2025, 7, 1),
    overlapping=(),
    too_old_after=date(2026, 7, 1),
    calibration="sigmoid",
    seed=1,
    features=(
        FeatureUse(
            name="balance",
            label=Label(zh="余额", en="Balance"),
            type="money in CNY",
            data_classes=("financial",),
            columns=("accounts.balance",),
        ),
    ),
    data_classes=("financial",),
    purposes=("analytics", "marketing"),
    judgement=Judgement(
        parts=(
            Part(use="training", as_of=date(2025, 1, 1), rows=1_000, positives=100, left_out=0, without_label=2),
            Part(use="validation", as_of=date(2025, 6, 1), rows=900, positives=90, left_out=0, without_label=0),
        ),
        base_rate=0.1,
        trees=40,
        leaves=8,
        model=PERFORMANCE,
        baseline=PERFORMANCE,
        advantage=Interval(value=0.01, low=-0.01, high=0.03),
        calibration=(CalibrationRow(rows=90, foretold=0.2, observed=SOME),),
        error_by_chance=0.03,
        groups=(GroupRow(feature="employed", value="true", rows=50, foretold=0.1, observed=0.1, auc=None),),
        importances=(Importance(feature="balance", gain=1.0, shap=0.5, known=0.9),),
    ),
    closure="c" * 64,
    artefact="a" * 64,
    libraries={"lightgbm": "4.7.0"},
)


def text_of(card: ModelCard, language: Language = "en") -> str:
    return to_markdown(card, language)


def test_it_survives_the_database() -> None:
    adapter = TypeAdapter(ModelCard)
    assert adapter.validate_python(adapter.dump_python(CARD, mode="json")) == CARD


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.01, 0.05, "better than"), (-0.05, -0.01, "worse than"), (-0.01, 0.03, "cannot be told from")],
)
def test_better_is_said_only_where_it_is_shown(low: float, high: float, said: str) -> None:
    advantage = Interval(value=(low + high) / 2, low=low, high=high)
    card = dataclasses.replace(CARD, judgement=dataclasses.replace(CARD.judgement, advantage=advantage))
    assert f"It is {said}" in text_of(card) or f"It {said}" in text_of(card)


def test_why_customers_were_left_out_is_said_only_where_they_were() -> None:
    assert "all customers are in both parts" in text_of(CARD)
    card = dataclasses.replace(CARD, overlapping=(date(2025, 5, 15),))
    assert "2025-05-15 were not fully known" in text_of(card)
    assert "2025-07-01 only" in text_of(card)


def test_sensitive_classes_need_consent_and_others_do_not() -> None:
    assert "separate consent" in text_of(CARD)
    assert "separate consent" not in text_of(dataclasses.replace(CARD, data_classes=("personal",)))


@pytest.mark.parametrize("language", LANGUAGES)
def test_both_languages_say_the_same_things(language: Language) -> None:
    sections = sections_of(CARD, language)
    assert [section.key for section in sections] == [section.key for section in sections_of(CARD, "en")]
    for section in sections:
        for table in section.tables:
            assert {len(row) for row in table.rows} == {len(table.head)}
    text = text_of(CARD, language)
    for said in ("0.750 [0.700, 0.800]", "accounts.balance", "1,000", "2025-06-01", "a" * 64, "lightgbm 4.7.0"):
        assert said in text
    assert bool(re.search("[\u4e00-\u9fff]", text)) == (language == "zh")


def test_pages_escape_what_people_wrote() -> None:
    assert "&lt;1 | 2&gt;" in to_html(CARD, "en")
    assert "<1" not in to_html(CARD, "en")
    widths = {line.count(" | ") for line in text_of(CARD).splitlines() if line.startswith("| balance")}
    assert widths == {7}

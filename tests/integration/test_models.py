"""A model from the bank's files to its card and its scores, on both control databases."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from sqlalchemy import select, update
from surrogates import same_surrogates
from tiny_bank import (
    OTTO,
    PRINCIPALS,
    Bank,
    account_no,
    audit_of,
    consents,
    customer_no,
    customers,
    email_of,
    load_all,
    make_defined,
    name_of,
)
from typer.testing import CliRunner

from lingque.bootstrap import Application
from lingque.core.clock import Instant
from lingque.core.errors import NotFoundError, WarehouseError
from lingque.core.reasons import Reason, Refusal
from lingque.entry.cli import app
from lingque.flow.intake import apply, catalog_of, run_tags
from lingque.flow.learning import train_model
from lingque.predict.contracts import ModelCard
from lingque.predict.registry import find_card
from lingque.predict.scoring import Scorer
from lingque.predict.tables import models
from lingque.store.runs import newest_run

pytestmark = pytest.mark.any_database

if TYPE_CHECKING:
    from conftest import Controls

ADA = PRINCIPALS["ada"]
CUSTOMERS = 360
LATER = date(2026, 6, 2)
LABELS_UNTIL = date(2026, 4, 14)
"""The first morning on which the 30 days after 2026-03-15 are known."""

MODELS = """
tag: city
label: {zh: 城市, en: City}
family: demographics
from: customers
value: last(city)
---
tag: reached
label: {zh: 有账户, en: Has an account}
family: lifecycle
value: accounts_held > 0
---
model: deposit_soon
label: {zh: 30天内新开定期的概率, en: Probability of opening a deposit within 30 days}
owner: ada
target: opens_deposit_30d
population: reached
features: [latest_balance, transactions_12m, deposits_3m, city]
train_as_of: [2026-01-10]
validate_as_of: 2026-03-15
too_old_after_days: 90
---
tag: deposit_score
label: {zh: 定期倾向得分, en: Score for opening a deposit}
family: wealth
model: deposit_soon
---
model: deposit_soon_overlapping
label: {zh: 30天内新开定期的概率（重叠）, en: The same with days that overlap}
target: opens_deposit_30d
features: [latest_balance]
train_as_of: [2026-03-01]
validate_as_of: 2026-03-15
"""


def facts() -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """A balance per customer, and deposits that the richer half opens six times as often."""
    numbers = random.Random(8)  # noqa: S311 - made-up facts, the same every time
    transactions: list[tuple[str, ...]] = []
    deposits: list[tuple[str, ...]] = []
    for n in range(CUSTOMERS):
        balance = numbers.randrange(1_000, 50_000)
        who = (customer_no(n), account_no(n))
        transactions.append((f"TX{n:06}", *who, "2025-11-05", "credit", "salary", "1.00", f"{balance}.00"))
        for month in ("01", "03"):
            if numbers.random() < (0.6 if balance > 25_000 else 0.1):
                day = f"2026-{month}-{numbers.randrange(15, 28)}"
                deposits.append((f"DP{n:06}{month}", who[0], day, "5000", "3", "true"))
    return transactions, deposits


def make_learning(folder: Path) -> None:
    """Months in which some customers opened deposits; the last tenth of them has no account. A model is trained."""
    make_defined(folder)
    bank = Bank(folder=folder)
    bank.define("models", MODELS)
    transactions, deposits = facts()
    bank.deliver("customers", customers(CUSTOMERS))
    with_account = [(account_no(n), customer_no(n), "current", "2020-01-02") for n in range(CUSTOMERS * 9 // 10)]
    bank.deliver("accounts", with_account)
    bank.deliver("transactions", [row for row in transactions if int(row[0][2:]) < len(with_account)])
    bank.deliver("deposits", deposits)
    bank.deliver("consents", consents(3))
    with same_surrogates(20260601), bank.open() as application:
        services = application.services
        assert not isinstance(apply(services, OTTO), Refusal)
        load_all(services)
        # by the very moment at which the last label is known
        known = services.calendar.start_of(LABELS_UNTIL)
        assert isinstance(train_model(services, "deposit_soon", ADA, known_by=known), ModelCard)


@pytest.fixture(autouse=True)
def learning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lingque.predict.judging.RESAMPLES", 50)
    monkeypatch.setattr("lingque.predict.learners.MOST_TREES", 30)


@pytest.fixture
def learning_bank(controls: Controls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bank]:
    bank = controls.workspace("learning", tmp_path / "learning", monkeypatch, make=make_learning)
    yield bank
    controls.drop(bank.control)


@pytest.fixture
def ready(learning_bank: Bank) -> Iterator[Application]:
    with learning_bank.open() as application:
        yield application


def card_of(application: Application) -> ModelCard:
    with application.services.database.reading() as connection:
        return find_card(connection, "deposit_soon")


def train(application: Application, name: str = "deposit_soon") -> ModelCard:
    card = train_model(application.services, name, ADA)
    assert not isinstance(card, Refusal), card
    return card


def asked_as_of(application: Application, as_of: date) -> pa.Table:
    """The features and the population of every customer, as a snapshot gives them to a scorer."""
    services = application.services
    now = services.clock.now()
    names = ("latest_balance", "transactions_12m", "deposits_3m", "city", "reached")
    return services.profile.features_and_label(
        catalog_of(services), features=names, population=None, target="opens_deposit_30d", as_of=as_of,
        known_by=now,
    ).drop_columns(["opens_deposit_30d"])  # fmt: skip


def test_a_model_learns_and_its_card_says_from_what(ready: Application) -> None:
    card = card_of(ready)
    assert (card.version, card.trained_by, card.labels_until, card.overlapping) == (1, "ada", LABELS_UNTIL, ())
    assert card.population == "reached"
    training, validation = card.judgement.parts
    assert (training.rows, training.left_out) == (CUSTOMERS * 9 // 10, 0)
    assert (training.use, validation.use, validation.as_of) == ("training", "validation", date(2026, 3, 15))
    assert card.judgement.model.auc.low > 0.5
    assert card.judgement.importances[0].feature == "latest_balance"
    use = next(use for use in card.features if use.name == "latest_balance")
    assert (use.data_classes, use.columns) == (("financial",), ("transactions.balance",))
    assert card.data_classes == ("personal", "financial")
    assert "marketing" in card.purposes
    (act,) = audit_of(ready.services, "train_model")
    assert (act.subject, act.detail["version"], act.detail["artefact"]) == ("deposit_soon", 1, card.artefact)
    with ready.services.database.reading() as connection:
        run = newest_run(connection, kind="train", subject="deposit_soon")
    assert run is not None
    assert run.run_id == card.run_id


def test_the_two_overlap_where_the_training_label_was_not_known_in_time(ready: Application) -> None:
    card = train(ready, "deposit_soon_overlapping")
    assert card.overlapping == (date(2026, 3, 1),)
    training, validation = card.judgement.parts
    assert training.rows == validation.left_out
    assert training.left_out == validation.rows > 0


def test_training_again_is_the_same_version_even_after_later_facts(learning_bank: Bank) -> None:
    """What happened after the last label's end is nothing to the model: it is as-of correct."""
    with learning_bank.open() as application:
        first = card_of(application)
        learning_bank.deliver(
            "deposits", [(f"DX{n:06}", customer_no(n), "2026-05-20", "1", "3", "true") for n in range(99)], LATER
        )
        load_all(application.services)
        assert train(application) == first
        with application.services.database.reading() as connection:
            assert len(connection.execute(select(models.c.version)).all()) == 1


def test_other_facts_or_another_definition_are_a_new_version(learning_bank: Bank) -> None:
    with learning_bank.open() as application:
        services = application.services
        first = card_of(application)
        new = [(f"DY{n:06}", customer_no(n), "2026-03-20", "1", "3", "true") for n in range(60)]
        learning_bank.deliver("deposits", new, LATER)
        load_all(services)
        second = train(application)
        assert (second.version, second.closure) == (2, first.closure)
        assert second.artefact != first.artefact
        learning_bank.replace_in("models", "owner: ada", "owner: lan")
        assert not isinstance(apply(services, OTTO), Refusal)
        third = train(application)
        assert (third.version, third.artefact) == (3, second.artefact)
        assert third.closure != second.closure


def test_who_may_not_and_what_is_not_known_yet_is_refused(ready: Application) -> None:
    services = ready.services
    refusal = train_model(services, "deposit_soon", OTTO)
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.ROLE_NOT_ALLOWED
    known = services.calendar.start_of(LABELS_UNTIL)
    refusal = train_model(services, "deposit_soon", ADA, known_by=Instant(known - 1))
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.LABEL_NOT_YET_KNOWN
    assert "2026-04-14" in refusal.detail
    assert len(audit_of(services, "refused_train_model")) == 2
    with pytest.raises(NotFoundError, match="deposit_soo'"):
        train_model(services, "deposit_soo", ADA)


def test_scores_are_probabilities_for_the_population_alone(ready: Application) -> None:
    card = card_of(ready)
    scorer = Scorer(ready.services.database)
    rows = asked_as_of(ready, card.labels_until)
    scores = scorer.scores(catalog_of(ready.services), "deposit_soon", rows, as_of=card.labels_until)
    assert isinstance(scores, pa.Array)
    assert scores.type == pa.float64()
    inside = rows.column("reached").to_pylist()
    assert [score is not None for score in scores.to_pylist()] == inside
    assert sum(inside) == CUSTOMERS * 9 // 10
    known = scores.drop_null()
    assert 0 < pa.compute.min(known).as_py() < pa.compute.max(known).as_py() < 1
    assert pa.compute.mean(known).as_py() == pytest.approx(card.judgement.base_rate, abs=0.1)


def test_a_score_that_nobody_could_have_had_is_refused(learning_bank: Bank) -> None:
    with learning_bank.open() as application:
        services = application.services
        scorer = Scorer(services.database)
        catalog = catalog_of(services)
        rows = asked_as_of(application, LABELS_UNTIL)

        def reason_of(as_of: date) -> object:
            found = scorer.scores(catalog, "deposit_soon", rows, as_of=as_of)
            return found.reason if isinstance(found, Refusal) else None

        assert reason_of(LABELS_UNTIL) is None
        assert reason_of(date(2026, 4, 13)) is Reason.MODEL_NOT_TRAINED, "its labels reach beyond that day"
        assert scorer.version("deposit_soon") == f"1-{card_of(application).artefact}"
        assert scorer.version("another") == ""
        learning_bank.replace_in("models", "label: {zh: 城市, en: City}", "label: {zh: 城市, en: Town}")
        assert not isinstance(apply(services, OTTO), Refusal)
        catalog = catalog_of(services)
        assert reason_of(LABELS_UNTIL) is Reason.MODEL_NOT_TRAINED, "a tag under it is defined anew"


def test_a_snapshot_holds_scores_from_the_day_on_which_somebody_could_have_had_them(learning_bank: Bank) -> None:
    with learning_bank.open() as application:
        services = application.services
        early, known = (run_tags(services, day, OTTO) for day in (date(2026, 4, 13), LABELS_UNTIL))
        assert not isinstance(early, Refusal)
        assert not isinstance(known, Refusal)
        assert early.coverage["deposit_score"].known == 0
        assert [(note.tag, note.reason) for note in early.notes] == [("deposit_score", Reason.MODEL_NOT_TRAINED)]
        assert known.coverage["deposit_score"].known == CUSTOMERS * 9 // 10
        assert known.notes == ()
        new = [(f"DZ{n:06}", customer_no(n), "2026-03-20", "1", "3", "true") for n in range(60)]
        learning_bank.deliver("deposits", new, LATER)
        load_all(services)
        before = run_tags(services, LABELS_UNTIL, OTTO)
        assert run_tags(services, LABELS_UNTIL, OTTO) == dataclasses.replace(before, already_done=True)
        assert train(application).version == 2
        after = run_tags(services, LABELS_UNTIL, OTTO)
        assert not isinstance(after, Refusal)
        assert not after.already_done, "another version of the model, other scores"


@pytest.mark.parametrize("controls", ["sqlite"], indirect=True)
def test_two_tags_of_one_model_ask_it_once(learning_bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    again = "tag: again\nlabel: {zh: 同一得分, en: The same score}\nfamily: wealth\nmodel: deposit_soon\n"
    learning_bank.define("again", again)
    asked: list[str] = []
    scores = Scorer.scores

    def counted(self: Scorer, catalog: Any, model: str, *rest: Any, **named: Any) -> Any:
        asked.append(model)
        return scores(self, catalog, model, *rest, **named)

    monkeypatch.setattr(Scorer, "scores", counted)
    with learning_bank.open() as application:
        apply(application.services, OTTO)
        for day, known in ((date(2026, 4, 13), 0), (LABELS_UNTIL, CUSTOMERS * 9 // 10)):
            asked.clear()
            report = run_tags(application.services, day, OTTO)
            assert not isinstance(report, Refusal)
            assert asked == ["deposit_soon"]
            assert {report.coverage[name].known for name in ("deposit_score", "again")} == {known}
        with application.services.database.reading() as connection:
            rows = application.services.profile.tags_of(connection, LABELS_UNTIL)
        assert rows.column("again").equals(rows.column("deposit_score"))


def test_what_is_kept_names_no_customer(ready: Application) -> None:
    ids = {str(one) for one in asked_as_of(ready, date(2026, 3, 15)).column("customer_id").to_pylist()}
    assert len(ids) == CUSTOMERS
    with ready.services.database.reading() as connection:
        (row,) = connection.execute(select(models)).all()
    told = str(row.artefact) + str(row.card)
    own = [text for n in range(CUSTOMERS) for text in (customer_no(n), account_no(n), email_of(n), name_of(n))]
    assert [text for text in (*own, *ids) if text in told] == []


def test_a_changed_artefact_scores_nobody(ready: Application) -> None:
    card = card_of(ready)
    with ready.services.database.transaction() as connection:
        (row,) = connection.execute(select(models)).all()
        changed = {**row.artefact, "booster": row.artefact["booster"].replace("leaf_value=", "leaf_value=9", 1)}
        connection.execute(update(models).values(artefact=changed))
    rows = asked_as_of(ready, card.labels_until)
    with pytest.raises(WarehouseError, match="not what was trained"):
        Scorer(ready.services.database).scores(
            catalog_of(ready.services), "deposit_soon", rows, as_of=card.labels_until
        )


def test_the_command_line_trains_lists_and_shows(learning_bank: Bank, tmp_path: Path) -> None:
    def run(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, ["models", *arguments, "-w", str(learning_bank.folder)], env={"COLUMNS": "200"})
        assert done.exit_code == code, done.output
        return done.output

    assert "LABEL_NOT_YET_KNOWN" in run("train", "deposit_soon", "--as", "ada", "--known-by", "2026-04-01", code=3)
    assert "AUC" in run("train", "deposit_soon", "--as", "ada")
    assert "deposit_soon" in run("list", "--as", "lan")
    assert "不得用于授信" in run("card", "deposit_soon", "--as", "lan")
    for name, start in (("card.html", "<!doctype html>"), ("card.md", "# 30天内新开定期的概率 · deposit_soon")):
        run("card", "deposit_soon", "--as", "lan", "--out", str(tmp_path / name))
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert text.startswith(start)
        assert "transactions.balance" in text
        assert "http" not in text, "the page needs nothing from elsewhere"
    assert "md" in run("card", "deposit_soon", "--as", "lan", "--out", "card.pdf", code=2)

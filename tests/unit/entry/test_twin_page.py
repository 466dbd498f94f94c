"""The page by which a banker judges the simulated bank, and the commands that make both."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from lingque.core.errors import ConfigurationError
from lingque.entry.cli import app
from lingque.entry.twin_report import render
from lingque.twin.bank import Twin
from lingque.twin.figures import Figures
from lingque.twin.making import make_bank
from lingque.twin.parameters import TwinParameters
from lingque.twin.presets import parameters_of
from lingque.twin.reading import figures_in

SMALL = "parameters: {customers: 200, months: 3, spending_per_month: 2.0}\n"


@pytest.fixture(scope="module")
def figures() -> Figures:
    return Figures.of(Twin.make(TwinParameters(customers=300, months=12, log_months=12)))


@pytest.fixture
def small(tmp_path: Path) -> Path:
    file = tmp_path / "small.yaml"
    file.write_text(SMALL)
    return file


def test_figures_are_those_of_the_bank(figures: Figures) -> None:
    assert figures.customers == len(figures.ages) == sum(figures.life_stages.values()) == 300
    assert figures.transactions == figures.bookings_by_day.sum()
    assert len(figures.bookings_by_day) == 365
    assert figures.festivals == (261,)
    assert (figures.assets >= 0).all()
    assert figures.paydays[4:25].sum() == figures.paydays.sum() > 0


def test_figures_of_a_folder_are_those_of_the_same_bank_in_memory(tmp_path: Path) -> None:
    parameters = TwinParameters(customers=300, months=7, log_months=7, spending_per_month=2.0, malformed_share=0.01)
    make_bank(parameters, tmp_path / "bank")
    read, known = figures_in(tmp_path / "bank"), Figures.of(Twin.make(parameters))
    for one in fields(Figures):
        found, expected = getattr(read, one.name), getattr(known, one.name)
        if one.name == "visits_around_needs":  # but for what comes too late for the files
            assert np.all(found <= expected)
            assert found.sum() > 0.97 * expected.sum() > 50
        elif isinstance(expected, np.ndarray):
            assert np.array_equal(found, expected), one.name
        elif one.name == "spent":
            assert found == pytest.approx(expected)
        else:
            assert found == expected, one.name


def test_report_reads_a_folder_and_says_which_is_none(small: Path, tmp_path: Path) -> None:
    bank, out = tmp_path / "bank", tmp_path / "twin.html"
    make_bank(parameters_of("tiny", file=small), bank)
    done = CliRunner().invoke(app, ["twin", "report", str(bank), "--out", str(out), "--english"])
    assert done.exit_code == 0, done.output
    assert ">200<" in out.read_text(encoding="utf-8")
    wrong = CliRunner().invoke(app, ["twin", "report", str(tmp_path / "absent"), "--out", str(out)])
    assert isinstance(wrong.exception, ConfigurationError)
    assert "absent" in str(wrong.exception)


@pytest.mark.parametrize(("language", "word"), [("zh", "双11"), ("en", "Spring Festival")])
def test_the_page_shows_twelve_pictures_and_reaches_for_nothing(figures: Figures, language: str, word: str) -> None:
    page = render(figures, language)  # type: ignore[arg-type]
    pictures = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(pictures) == 12
    for picture in pictures:
        ElementTree.fromstring(picture)  # noqa: S314 - we drew it ourselves
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(set(ids)) == len(ids)
    assert set(re.findall(r"url\(#([^)]+)\)", page)) <= set(ids)
    assert word in page
    if language == "zh":  # no kind is called by its name in the code
        kinds = {*figures.life_stages, *figures.churn_stages, *figures.needs, *figures.spent}
        words = re.findall(r"<(?:text|title|desc)[^>]*>([^<]*)</", page)
        assert not [text for text in words if kinds & set(re.split(r"[^a-z_]+", text))]
    assert "<script" not in page
    assert not re.search(r'(?:src|href)="http', page)
    assert render(figures, language) == page  # type: ignore[arg-type]


def test_make_tells_what_it_made(small: Path, tmp_path: Path) -> None:
    out = tmp_path / "bank"
    done = CliRunner().invoke(app, ["twin", "make", "--preset", "tiny", "--parameters", str(small), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert re.search(
        r"200 customers, [\d,]+ transactions, [\d,]+ rows in [\d,]+ files; \d+ s, [\d,]+ rows/s", done.output
    )
    assert {path.name for path in out.iterdir()} == {"landing", "resent", "truth", "parameters.yaml"}
    again = CliRunner().invoke(app, ["twin", "make", "--out", str(out)])
    assert isinstance(again.exception, ConfigurationError)
    assert "not an empty folder" in str(again.exception)


def test_report_writes_the_page(small: Path, tmp_path: Path) -> None:
    out = tmp_path / "twin.html"
    done = CliRunner().invoke(app, ["twin", "report", "--parameters", str(small), "--out", str(out), "--english"])
    assert done.exit_code == 0, done.output
    assert "could it be real" in out.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--preset", "huge"], "there is no preset 'huge'"),
        (["--months", "99"], "twin parameter months is 99"),
        (["--seed", "-1"], "twin parameter seed is -1"),
        (["--parameters", "absent.yaml"], "absent.yaml"),
    ],
)
def test_bad_input_is_told_by_name(arguments: list[str], said: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["twin", "make", "--out", str(tmp_path / "bank"), *arguments])
    assert isinstance(done.exception, ConfigurationError)
    assert said in str(done.exception)
    assert not (tmp_path / "bank").exists()


def test_a_seed_that_is_no_number_is_wrong_usage(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["twin", "make", "--out", str(tmp_path / "bank"), "--seed", "one"])
    assert done.exit_code == 2

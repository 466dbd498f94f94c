"""The demo, as `make demo` runs it, only smaller."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conftest import Shell


@pytest.fixture(scope="module")
def told(shell: Shell) -> str:
    return shell("demo", "bank", "--language", "en", "--customers", "1000")


def test_it_tells_effect_and_truth_side_by_side(told: str) -> None:
    effect = re.search(r"effect ([+-][\d.]+) pp, 95 % interval ([+-][\d.]+) pp to ([+-][\d.]+) pp", told)
    truth = re.search(r"true effect .*◆ ([+-][\d.]+) pp", told)
    assert effect
    assert truth
    point, low, high = (float(effect[group]) for group in (1, 2, 3))
    assert low < point < high
    # surrogates are random, so each run holds other customers out: the estimate varies, the truth hardly
    assert 2 < float(truth[1]) < 12


def test_every_mail_arrived_once_and_is_kept(told: str, shell: Shell) -> None:
    sent = int(re.findall(r"sent\s+([\d,]+)", told)[0].replace(",", ""))
    assert len(list((shell.folder / "bank" / "mailbox").glob("*.eml"))) == sent > 100


def test_bad_rows_are_named(told: str) -> None:
    words = " ".join(told.split())
    assert "amount: NOT_MONEY × 2" in words
    assert "booked_on: NOT_A_DATE × 1" in words


def test_it_refuses_an_existing_folder(told: str, shell: Shell) -> None:
    assert "exists already" in shell("demo", "bank", exit_code=1)


def test_it_speaks_chinese_by_default(shell: Shell, tmp_path: Path) -> None:
    assert "载入银行文件" in shell.at(tmp_path)("demo", "--customers", "100")

"""The demo, as the README's tour begins with it: maturing deposits are to be kept, and the truth is known."""

from __future__ import annotations

import csv
import json
import re
import shlex
import shutil
from hashlib import sha256
from pathlib import Path

import pytest
from shell import PROJECT, Shell, commands_of

DEMO = ("demo", "my-bank", "--language", "en", "--customers", "1000")


@pytest.fixture(scope="module")
def told(shell: Shell) -> str:
    return shell(*DEMO)


@pytest.fixture(scope="module")
def bank(told: str, shell: Shell) -> Path:
    return shell.folder / "my-bank"


def words(told: str) -> str:
    """On one line, as a narrow terminal breaks it anywhere."""
    return " ".join(told.split())


def walk(shell: Shell, lines: list[str]) -> str:
    """Type these lines; what was printed. Where a line says what else to do (`||`), a refusal is expected."""
    printed = ""
    for line in lines:
        command, otherwise, _ = line.partition(" || ")
        match shlex.split(command, comments=True):
            case ["cd", folder]:
                shell = shell.at(shell.folder / folder)
            case ["lingque", *arguments]:
                printed += shell.in_this_process(*arguments, exit_code=3 if otherwise else 0)
            case words:
                printed += shell.run(words)
    return printed


def handed_over(bank: Path, channel: str) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = []
    for file in sorted((bank / "outgoing").glob(f"{channel}-*.csv")):
        with file.open(encoding="utf-8-sig", newline="") as opened:
            rows += csv.DictReader(opened)
    return rows


def test_it_tells_effect_and_truth_side_by_side(told: str) -> None:
    effect = re.search(r"effect ([+-][\d.]+) pp, 95 % interval ([+-][\d.]+) pp to ([+-][\d.]+) pp", words(told))
    truth = re.search(r"true effect .*?◆ ([+-][\d.]+) pp", words(told))
    assert effect
    assert truth
    point, low, high = (float(effect[group]) for group in (1, 2, 3))
    assert low < point < high
    assert 0 < float(truth[1]) < 15


def test_the_truth_stands_beside_conversion_and_profit(told: str) -> None:
    beside = words(told).split("estimates and the truth", 1)[1]
    for label in ("conversion of those contacted", "conversion of those held out"):
        found = re.search(rf"{label} ([\d.]+)% ([\d.]+)%", beside)
        assert found
        estimate, truth = found.groups()
        assert 0 < float(truth) < 100
        assert abs(float(estimate) - float(truth)) < 35  # five standard errors of forty customers
    assert re.search(r"incremental profit [-\d,.]+ CNY", beside)


def test_files_of_every_form_came_in_and_every_row_is_accounted_for(told: str) -> None:
    lines = [line for line in told.splitlines() if re.search(r"2026-05-31\s+\d", line)]
    sources = {line.split()[0] for line in lines}
    assert {
        "core_customers",
        "core_transactions",
        "wealth_holdings",
        "app_events",
        "wealth_risk_assessments",
    } <= sources
    for line in lines:
        read, accepted, repeated, quarantined = (
            int(number.replace(",", "")) for number in re.findall(r"[\d,]+", line.split("2026-05-31", 1)[1])[:4]
        )
        assert read == accepted + repeated + quarantined
        reasons = re.search(rf"^{line.split()[0]} +2026-05-31 +(.*?: [A-Z_]+ × \d+)", told, re.MULTILINE)
        assert (reasons is not None) == (quarantined > 0)


def test_a_row_is_corrected_and_a_day_sent_again_replaces_it(told: str) -> None:
    loads = re.findall(r"core_transactions\s+2026-05-31\s+([\d,]+)\s+([\d,]+)\s+([\d,]+)\s+([\d,]+)", told)
    (_, *first), (_, *corrected), (read, *_) = loads
    assert [int(number.replace(",", "")) for number in corrected][2] == int(first[2]) - 1
    assert int(read.replace(",", "")) == int(loads[0][0].replace(",", "")) + 1


def test_nobody_approves_their_own_work(told: str) -> None:
    assert "✋ the planner approves: the role does not allow it" in words(told)


def test_every_mail_arrived_once_and_is_kept(told: str, bank: Path) -> None:
    sent = int(re.findall(r"^\s+sent\s+([\d,]+)", told, re.MULTILINE)[0].replace(",", ""))
    assert len(list((bank / "mailbox").glob("*.eml"))) == sent > 0


def test_batches_have_a_manifest_that_fits(told: str, bank: Path) -> None:
    manifests = [json.loads(path.read_text(encoding="utf-8")) for path in (bank / "outgoing").glob("*.manifest.json")]
    assert {manifest["channel"] for manifest in manifests} == {"sms", "rm_call"}
    for manifest in manifests:
        file = bank / "outgoing" / manifest["file"]
        assert sha256(file.read_bytes()).hexdigest() == manifest["sha256"]
        assert file.stat().st_mode & 0o077 == 0
    texts, calls = handed_over(bank, "sms"), handed_over(bank, "rm_call")
    assert all(row["text"].startswith("【") and row["phone"].isdigit() for row in texts)
    assert all(row["route"].startswith("S") and row["why"] and row["due_by"] for row in calls)
    assert f"handed over to the gateway {len(texts)}" in words(told)


def test_a_consent_withdrawn_while_queued_kills_the_message(told: str) -> None:
    assert "refused at the moment of sending: consent was withdrawn (CONSENT_WITHDRAWN)" in words(told)


def test_the_report_is_a_page_of_its_own(bank: Path) -> None:
    page = (bank / "report.html").read_text(encoding="utf-8")
    assert "<svg" in page
    assert "<script" not in page
    assert not re.search(r"(src|href)=[\"']https?://", page)


def test_it_refuses_an_existing_folder(told: str, shell: Shell) -> None:
    assert "exists already" in shell(*DEMO, exit_code=1)


def test_the_tour_can_be_walked(bank: Path, shell: Shell, tmp_path: Path) -> None:
    demo, *tour = [line for line in commands_of(PROJECT / "README.md") if not line.startswith("make ")]
    assert demo == " ".join(["lingque", *DEMO])  # what made this bank
    assert len(tour) > 10
    shutil.copytree(bank, tmp_path / "my-bank")
    shutil.copytree(PROJECT / "examples", tmp_path / "examples")
    printed = walk(shell.at(tmp_path), tour)
    assert "ROLE_NOT_ALLOWED" in printed
    assert "OUTCOME_NOT_YET_KNOWN" in printed
    assert "TOO_FEW_EXAMPLES" in printed
    assert "NOT_REVIEWED" in printed
    assert "programme autumn" in printed
    assert (tmp_path / "my-bank" / "page.html").is_file()
    assert (tmp_path / "my-bank" / "definitions-in-force" / "definitions" / "caps.yaml").is_file()


def test_it_speaks_chinese_by_default(shell: Shell, tmp_path: Path) -> None:
    assert "到期承接" in shell.at(tmp_path).in_this_process("demo", "--customers", "100")

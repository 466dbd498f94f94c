"""Banks on disk: the same bytes whoever makes them, balances that add up, files of every system, the truth apart."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections import defaultdict
from dataclasses import replace
from hashlib import sha256
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
from delivered import control_file, csv_rows, fen, fixed_width_rows
from making import TINY, all_rows, truth_name

from lingque.twin.blocks import SIZE, Block, blocks_of
from lingque.twin.categories import CREDITS
from lingque.twin.documents import document_numbers, is_valid, swapped
from lingque.twin.ledger import BalanceSpans
from lingque.twin.making import file_days, make_bank
from lingque.twin.names import GIVEN, SURNAMES, pinyin, traditional, without_middle
from lingque.twin.parameters import TwinParameters
from lingque.twin.part import Part
from lingque.twin.presets import as_yaml, parameters_of, preset_names

TWO_BLOCKS = replace(TINY, customers=SIZE + 150, months=1, spending_per_month=1.0, log_months=1)

MAKE = """
import sys
from pathlib import Path
from lingque.twin.making import make_bank
from lingque.twin.presets import parameters_of
if __name__ == "__main__":
    make_bank(parameters_of("tiny", file=Path(sys.argv[1])), Path(sys.argv[2]), workers=int(sys.argv[3]))
"""

FULL_DISK = """
import resource, sys
from pathlib import Path
from lingque.twin.making import make_bank
from lingque.twin.presets import parameters_of
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    make_bank(parameters_of("tiny", months=1), Path(sys.argv[1]))
except OSError as error:
    print(type(error).__name__)
"""


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def run(code: str, *arguments: str, tmp_path: Path) -> str:
    script = tmp_path / "script.py"
    script.write_text(code)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, str(script), *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_another_process_with_two_workers_makes_the_same_bytes(tmp_path: Path) -> None:
    make_bank(TWO_BLOCKS, tmp_path / "one")
    assert len(tuple(blocks_of(TWO_BLOCKS))) == 2
    run(MAKE, str(tmp_path / "one" / "parameters.yaml"), str(tmp_path / "two"), "2", tmp_path=tmp_path)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    assert len(digests(tmp_path / "one")) > 80


def test_balances_reconcile_to_the_cent_for_every_account_and_day(made: Path) -> None:
    rows = [
        row
        for path in sorted((made / "landing").glob("core_transactions_*.dat"))
        for row in fixed_width_rows(path)
        if fen_or_none(row["balance"]) is not None and not row["customer_no"].startswith("X")
    ]
    rows += [row for path in (made / "resent").glob("*.dat") for row in fixed_width_rows(path)]
    unique = {row["transaction_no"]: row for row in rows if int(row["transaction_no"][-7:]) < 9_000_000}
    closing: dict[str, dict[str, int]] = defaultdict(dict)
    balances: dict[str, int] = {}
    for row in sorted(unique.values(), key=lambda one: one["transaction_no"]):
        change = fen(row["amount"]) if row["direction"] == "C" else -fen(row["amount"])
        balances[row["account_no"]] = balances.get(row["account_no"], 0) + change
        assert balances[row["account_no"]] == fen(row["balance"]) >= 0, row
        day = row["booked_on"]
        closing[row["account_no"]][f"{day[:4]}-{day[4:6]}-{day[6:]}"] = balances[row["account_no"]]
    spans = all_rows(made, "core_balances")
    assert len({row["account_no"] for row in spans}) == len(closing) == len(balances) >= 400
    for row in spans:
        assert closing[row["account_no"]][row["start_date"]] == fen(row["balance"])


def fen_or_none(text: str) -> int | None:
    return int(text.replace(".", "")) if text.replace(".", "").isdigit() else None


@pytest.mark.slow
def test_all_balances_of_small_reconcile() -> None:
    for block in blocks_of(parameters_of("small")):
        part = Part.make(block)
        check_balances(part)


def check_balances(part: Part) -> None:
    """Each balance is the one before and the amount, for every account; and every span says the closing balance."""
    booked = part.transactions
    signed = np.where(booked.category < len(CREDITS), booked.amount, -booked.amount)
    total = np.cumsum(signed)
    first = np.searchsorted(booked.account, np.arange(len(part.accounts.owner)))
    before = (total - signed)[first]
    assert np.array_equal(total - before[booked.account], booked.balance)
    assert booked.balance.min() >= 0
    spans = BalanceSpans.of(booked)
    key = booked.account * 100_000 + booked.day
    last = np.searchsorted(key, spans.account * 100_000 + spans.start_day, side="right") - 1
    assert np.array_equal(booked.balance[last], spans.balance)
    same = spans.account[1:] == spans.account[:-1]
    assert np.array_equal(spans.end_day[:-1][same], spans.start_day[1:][same])


def test_balances_of_a_part_reconcile() -> None:
    check_balances(Part.make(Block(parameters=TINY, number=0)))


def test_every_name_has_a_spelling() -> None:
    for surname, given in product(SURNAMES, GIVEN):
        assert pinyin(surname + given).isascii()
    assert pinyin("张伟明") == "ZHANG WEIMING"
    assert traditional("张伟明") == "張偉明"
    assert without_middle("张伟明") == "张明"


def test_documents_have_a_check_character_that_swapping_breaks() -> None:
    known = document_numbers(np.arange(2_000), birth_day=np.arange(2_000) + 5_000, female=np.arange(2_000) % 2)
    assert len(set(known)) == 2_000
    assert {len(one) for one in known} == {18}
    assert all(one.startswith("99") and is_valid(one) for one in known)
    assert not any(is_valid(swapped(one)) for one in known if swapped(one) != one)
    # the one that the standard works out
    assert is_valid("11010519491231002X")


def test_months_come_in_one_file_and_the_last_days_one_by_one(made: Path) -> None:
    days = file_days(TINY)
    assert [one.compact for one in days] == [
        *("20260228", "20260331", "20260430", "20260528", "20260529", "20260530", "20260531"),
    ]
    assert all(one.last + 1 == following.first for one, following in pairwise(days))
    for path in (made / "landing").glob("*.ok"):
        said = control_file(path)
        data = path.with_name(said["file"])
        rows = len(data.read_bytes().splitlines()) - (data.suffix == ".csv")
        assert int(said["rows"]) == rows, path.name
        assert said["data_date"] == path.stem[-8:]


def test_a_day_is_sent_again_with_what_came_late(made: Path) -> None:
    name = "core_transactions_20260531.dat"
    first, again = (
        {row["transaction_no"]: row for row in fixed_width_rows(made / folder / name)}
        for folder in ("landing", "resent")
    )
    rows = fixed_width_rows(made / "resent" / name)
    truth = [row for row in csv_rows(made / "truth" / truth_name("dirt")) if row["file"] == f"resent/{name}"]
    told = {kind: {row["detail"] for row in truth if row["kind"] == kind} for kind in ("late", "corrected")}
    for row in truth:
        if row["kind"] in told:
            assert rows[int(row["row"]) - 1]["transaction_no"] == row["detail"]
    assert again.keys() - first.keys() == told["late"]
    assert {number for number, row in first.items() if row != again[number]} == told["corrected"]


def test_late_rows_stand_in_the_file_of_a_later_day(made: Path) -> None:
    late = [row for row in csv_rows(made / "truth" / truth_name("dirt")) if row["kind"] == "late"]
    late = [row for row in late if row["file"].startswith("landing/cards_purchases_202605")]
    assert late
    for row in late:
        stands = csv_rows(made / row["file"])[int(row["row"]) - 1]
        assert stands["booked_at"][:10] == row["detail"]
        day = row["file"][-12:-4]
        assert row["detail"].replace("-", "") <= day


def test_card_purchases_gain_a_column_on_the_way(made: Path) -> None:
    headers = {}
    for path in sorted((made / "landing").glob("cards_purchases_*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            headers[path.stem[-8:]] = next(csv.reader(file))
    assert "wallet" not in headers["20260331"]
    assert headers["20260531"] == [*headers["20260331"], "wallet"]


def test_a_folder_with_something_in_it_and_no_workers_are_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="not an empty folder"):
        make_bank(TINY, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(ValueError, match="workers is 0"):
        make_bank(TINY, tmp_path / "new", workers=0)
    assert not (tmp_path / "new").exists()


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    assert run(FULL_DISK, str(tmp_path / "bank"), tmp_path=tmp_path) == "OSError\n"
    assert not (tmp_path / "bank").exists()


def test_parameters_stand_in_one_file_that_agrees_with_their_defaults(tmp_path: Path) -> None:
    assert parameters_of("tiny", months=12, customers=2000) == TwinParameters()
    assert preset_names() == ("tiny", "small", "city", "province")
    file = tmp_path / "mine.yaml"
    file.write_text(as_yaml(TINY))
    assert parameters_of("city", file=file) == TINY


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("parameters: {seed: '1'}", "twin parameter seed is '1'; allowed is a whole number from 0"),
        ("parameters: {customers: 0}", "twin parameter customers is 0"),
        ("parameters: {sed: 1}", "there is no twin parameter 'sed'"),
        ("responding: {sms_effect: 7}", "twin parameter sms_effect is 7"),
        ("people: {seed: 1}", "there is no section 'people'"),
        ("- 1", "holds no parameters"),
        ("parameters: [", "is not YAML"),
    ],
)
def test_a_bad_parameter_file_is_refused_by_name(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(ValueError, match=said):
        parameters_of("tiny", file=file)
    with pytest.raises(ValueError, match="there is no preset 'huge'"):
        parameters_of("huge")

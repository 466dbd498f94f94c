from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingque.core.clock import shift
from lingque.twin.bank import Twin
from lingque.twin.days import day_number, months_later
from lingque.twin.extracts import Records
from lingque.twin.parameters import TwinParameters

SMALL = TwinParameters(seed=5, customers=150, months=6, spending_per_month=1.5)
EPOCH = date(1970, 1, 1).toordinal()

HEADERS = {
    "core_customers_20260531.csv": (
        "customer_no,name,phone,email,birth_date,gender,city,branch_code,opened_on,occupation,document_no"
    ),
    "core_accounts_20260531.csv": "account_no,customer_no,kind,opened_on",
    "core_organisations_20260531.csv": "org_code,name,level,parent_code",
    "core_deposits_20260531.csv": (
        "deposit_no,customer_no,account_no,product_code,amount,opened_on,maturity_date,annual_rate,status"
    ),
    "core_balances_20260531.csv": "account_no,customer_no,start_date,end_date,balance",
    "core_cross_references_20260531.csv": "system,key,customer_no",
    "wealth_products_20260531.csv": "product_code,name,regime,risk_grade,annual_rate,valid_from",
    "wealth_risk_assessments_20260531.csv": "client_no,grade,grade_name,assessed_on,expires_on",
    "crm_consents_20260531.csv": ("customer_no,purpose,channel,data_classes,action,acted_on,wording_version,evidence"),
    "crm_assignments_20260531.csv": "customer_no,staff_no,from_date",
    "crm_staff_20260531.csv": "staff_no,name,role,branch_code",
}
OTHERS = {
    "core_transactions_20260531.dat",
    "core_transactions_20260531.ok",
    "core_deposits_20260531.ok",
    "wealth_holdings_20260531.parquet",
    "app_events_20260531.jsonl",
}

WRITE = """
import sys
from pathlib import Path
from lingque.twin.bank import Twin
from lingque.twin.parameters import TwinParameters
twin = Twin.make(TwinParameters(seed=5, customers=150, months=6, spending_per_month=1.5))
folder = Path(sys.argv[1])
twin.write_extracts(folder)
twin.write_lists(folder / "lists")
twin.write_followup(twin.respond([], until=twin.last_day), folder)
"""

FULL_DISK = """
import resource, sys
from pathlib import Path
from lingque.twin.bank import Twin
from lingque.twin.parameters import TwinParameters
twin = Twin.make(TwinParameters(seed=5, customers=150, months=6, spending_per_month=1.5))
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    twin.write_extracts(Path(sys.argv[1]))
except OSError as error:
    print(type(error).__name__, sorted(path.name for path in Path(sys.argv[1]).glob("*")))
"""


def in_own_process(code: str, *arguments: str, hash_seed: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": hash_seed}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], env=environment, capture_output=True, text=True, check=False
    )


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_seed_gives_the_same_bytes_in_two_processes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        done = in_own_process(WRITE, str(tmp_path / name), hash_seed=str(len(name) + ord(name[0])))
        assert done.returncode == 0, done.stderr
    assert content(tmp_path / "one") == content(tmp_path / "two")
    assert len(content(tmp_path / "one")) == len(HEADERS) + len(OTHERS) + 2 + 8


def test_another_seed_gives_another_bank_that_sells_the_same(tmp_path: Path) -> None:
    Twin.make(SMALL).write_extracts(tmp_path / "one")
    Twin.make(TwinParameters(seed=6, customers=150, months=6, spending_per_month=1.5)).write_extracts(tmp_path / "two")
    one, two = content(tmp_path / "one"), content(tmp_path / "two")
    assert one.keys() == two.keys()
    assert {name for name in one if one[name] == two[name]} == {
        "core_organisations_20260531.csv",
        "wealth_products_20260531.csv",
    }


def test_dirt_changes_only_the_transactions(tmp_path: Path) -> None:
    Twin.make(SMALL).write_extracts(tmp_path / "one")
    dirtier = TwinParameters(seed=5, customers=150, months=6, spending_per_month=1.5, dirt_unknown_customers=9)
    Twin.make(dirtier).write_extracts(tmp_path / "two")
    one, two = content(tmp_path / "one"), content(tmp_path / "two")
    assert {name for name in one if one[name] != two[name]} == {
        "core_transactions_20260531.dat",
        "core_transactions_20260531.ok",
    }


def test_files_and_headers_are_as_agreed(tmp_path: Path) -> None:
    written = Twin.make(SMALL).write_extracts(tmp_path)
    assert sorted(written) == sorted(tmp_path.iterdir())
    files = content(tmp_path)
    assert files.keys() == HEADERS.keys() | OTHERS
    for name, header in HEADERS.items():
        assert files[name].removeprefix(b"\xef\xbb\xbf").startswith(f"{header}\n".encode()), name
        assert files[name].startswith(b"\xef\xbb\xbf") is (name == "core_customers_20260531.csv")


def test_a_folder_with_something_in_it_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    for write in (Twin.make(SMALL).write_extracts, Twin.make(SMALL).write_lists):
        with pytest.raises(FileExistsError, match="not an empty folder"):
            write(tmp_path)
        with pytest.raises(FileExistsError, match="not an empty folder"):
            write(tmp_path / "precious.txt")
    assert content(tmp_path) == {"precious.txt": b"mine"}


@pytest.mark.parametrize("existed", [True, False])
def test_a_disk_that_takes_no_more_leaves_nothing_behind(tmp_path: Path, *, existed: bool) -> None:
    folder = tmp_path / "extracts"
    if existed:
        folder.mkdir()
    done = in_own_process(FULL_DISK, str(folder), hash_seed="0")
    assert done.stdout == "OSError []\n", done.stderr
    assert folder.exists() is existed


@given(
    st.dates(min_value=date(1915, 1, 1), max_value=date(2099, 12, 31)),
    st.integers(min_value=-12 * 85, max_value=36),
)
def test_months_are_counted_as_the_rest_of_the_platform_counts_them(day: date, months: int) -> None:
    [found] = months_later(np.array([day_number(day)]), np.array([months])).tolist()
    assert found == shift(day, count=months, unit="month").toordinal() - EPOCH


def test_as_many_rows_are_not_the_same_rows() -> None:
    """Where one comes twice and another is late."""
    records = Records.of({"name": ["first", "second", "third"]})
    assert records.content(np.array([0, 0, 2]), 0).splitlines() == [b"first", b"first", b"third"]  # type: ignore[union-attr]
    assert records.content(np.arange(3), 0).splitlines() == [b"first", b"second", b"third"]  # type: ignore[union-attr]

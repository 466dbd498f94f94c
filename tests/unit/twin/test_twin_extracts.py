from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingque.core.clock import shift
from lingque.twin.bank import Twin
from lingque.twin.extracts import Dirt
from lingque.twin.parameters import TwinParameters
from lingque.twin.population import day_number, months_later

Rows = list[dict[str, str]]
Read = Callable[[str], Rows]

SMALL = TwinParameters(seed=5, customers=150, months=6)
AMOUNT = re.compile(r"[0-9]+\.[0-9]{2}")
EPOCH = date(1970, 1, 1).toordinal()


def in_own_process(code: str, *arguments: str, hash_seed: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": hash_seed}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], env=environment, capture_output=True, text=True, check=False
    )


WRITE = """
import sys
from pathlib import Path
from lingque.twin.bank import Twin
from lingque.twin.parameters import TwinParameters
Twin.make(TwinParameters(seed=5, customers=150, months=6)).write_extracts(Path(sys.argv[1]))
"""


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def fen(text: str) -> int:
    assert AMOUNT.fullmatch(text), text
    return int(text.replace(".", ""))


def test_the_same_seed_gives_the_same_bytes_in_two_processes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        done = in_own_process(WRITE, str(tmp_path / name), hash_seed=str(len(name) + ord(name[0])))
        assert done.returncode == 0, done.stderr
    assert content(tmp_path / "one") == content(tmp_path / "two")
    assert len(content(tmp_path / "one")) == 5


def test_another_seed_gives_another_bank(tmp_path: Path) -> None:
    Twin.make(SMALL).write_extracts(tmp_path / "one")
    Twin.make(TwinParameters(seed=6, customers=150, months=6)).write_extracts(tmp_path / "two")
    one, two = content(tmp_path / "one"), content(tmp_path / "two")
    assert one.keys() == two.keys()
    assert all(one[name] != two[name] for name in one)


def test_dirt_changes_only_the_transactions(tmp_path: Path) -> None:
    Twin.make(SMALL).write_extracts(tmp_path / "one")
    dirtier = TwinParameters(seed=5, customers=150, months=6, dirt_unknown_customers=9)
    Twin.make(dirtier).write_extracts(tmp_path / "two")
    one, two = content(tmp_path / "one"), content(tmp_path / "two")
    assert [name for name in one if one[name] != two[name]] == ["transactions_20260601.csv"]


def test_files_and_headers_are_as_agreed(folder: Path) -> None:
    headers = {path.name: path.read_text(encoding="utf-8").partition("\n")[0] for path in folder.iterdir()}
    assert headers == {
        "customers_20260601.csv": "customer_no,name,email,birth_date,city,opened_on",
        "accounts_20260601.csv": "account_no,customer_no,kind,opened_on",
        "transactions_20260601.csv": (
            "transaction_no,account_no,customer_no,booked_on,direction,category,amount,balance"
        ),
        "deposits_20260601.csv": "deposit_no,customer_no,opened_on,amount,term_months,annual_rate",
        "consents_20260601.csv": ("customer_no,purpose,channel,data_classes,action,acted_on,wording_version,evidence"),
    }


def test_customers_are_fictional_distinct_and_of_every_age(read: Read) -> None:
    customers = read("customers")
    as_of = date(2026, 6, 1)
    ages = [
        as_of.year - born.year - ((as_of.month, as_of.day) < (born.month, born.day))
        for born in (date.fromisoformat(row["birth_date"]) for row in customers)
    ]
    assert len({row["customer_no"] for row in customers}) == len(customers) == 2000
    assert min(ages) == 16
    assert 80 <= max(ages) <= 85
    assert 5 <= sum(age < 18 for age in ages) <= 100
    addresses = [row["email"] for row in customers if row["email"]]
    assert len(set(addresses)) == len(addresses)
    assert all(address.endswith("@customers.example") for address in addresses)
    assert within(2000 - len(addresses), of=2000, share=0.03)
    assert all(row["birth_date"] < row["opened_on"] < "2026-06-01" for row in customers)


def test_the_age_of_the_extract_is_the_age_that_decides(twin: Twin) -> None:
    eighteenth = months_later(twin.population.birth_day, np.full(2000, 18 * 12))
    assert np.array_equal(eighteenth <= day_number(date(2026, 6, 1)), twin.population.age >= 18)


def test_account_numbers_pass_the_luhn_check(read: Read) -> None:
    accounts = read("accounts")
    for row in accounts:
        digits = [int(one) for one in reversed(row["account_no"])]
        doubled = [2 * one - 9 * (one > 4) for one in digits[1::2]]
        assert (sum(digits[::2]) + sum(doubled)) % 10 == 0
        assert row["account_no"].startswith("6222")
        assert len(digits) == 19
    assert len({row["account_no"] for row in accounts}) == len(accounts)
    per_customer = Counter(row["customer_no"] for row in accounts)
    assert len(per_customer) == 2000
    assert set(per_customer.values()) == {1, 2}
    assert within(sum(count == 2 for count in per_customer.values()), of=2000, share=0.25)


def test_every_account_adds_up_to_the_fen_and_is_never_below_zero(clean_transactions: Rows, read: Read) -> None:
    balances: dict[str, int] = {}
    days: dict[str, str] = {}
    owners = {row["account_no"]: (row["customer_no"], row["opened_on"]) for row in read("accounts")}
    for row in clean_transactions:
        account = row["account_no"]
        first = account not in balances
        assert (row["category"] == "opening") is first, row
        assert fen(row["amount"]) > 0
        assert row["direction"] in ("credit", "debit")
        change = fen(row["amount"]) if row["direction"] == "credit" else -fen(row["amount"])
        balances[account] = balances.get(account, 0) + change
        assert fen(row["balance"]) == balances[account] >= 0, row
        assert max(days.get(account, "2025-06-01"), owners[account][1]) <= row["booked_on"] < "2026-06-01"
        assert row["customer_no"] == owners[account][0]
        days[account] = row["booked_on"]
    assert balances.keys() == owners.keys()
    numbers = [row["transaction_no"] for row in clean_transactions]
    assert len(set(numbers)) == len(numbers)
    assert 20 <= len(numbers) / 2000 <= 35


def test_salaries_arrive_once_a_month_on_the_same_day(clean_transactions: Rows) -> None:
    paid: dict[str, list[str]] = {}
    for row in clean_transactions:
        if row["category"] == "salary":
            paid.setdefault(row["account_no"], []).append(row["booked_on"])
    assert 900 < len(paid) < 1700
    for days in paid.values():
        assert len({day[:7] for day in days}) == len(days)
        assert len({day[8:] for day in days}) == 1
    assert max(len(days) for days in paid.values()) == 12


def test_deposits_of_the_history_were_paid_from_and_back_to_the_account(clean_transactions: Rows, read: Read) -> None:
    deposits = read("deposits")
    out = Counter(
        (row["customer_no"], row["booked_on"], fen(row["amount"]))
        for row in clean_transactions
        if row["category"] == "term_deposit"
    )
    back = Counter(
        (row["customer_no"], row["booked_on"], fen(row["amount"]))
        for row in clean_transactions
        if row["category"] == "deposit_matured"
    )
    due = Counter[tuple[str, str, int]]()
    for row in deposits:
        opened, months = date.fromisoformat(row["opened_on"]), int(row["term_months"])
        matures = shift(opened, count=months, unit="month").isoformat()
        rate = round(float(row["annual_rate"]) * 10_000)
        if "2025-06-01" <= matures < "2026-06-01":
            interest = fen(row["amount"]) * rate * months // 120_000
            due[row["customer_no"], matures, fen(row["amount"]) + interest] += 1
    assert len({row["deposit_no"] for row in deposits}) == len(deposits) > 300
    assert out == Counter(
        (row["customer_no"], row["opened_on"], fen(row["amount"]))
        for row in deposits
        if row["opened_on"] >= "2025-06-01"
    )
    # a main account younger than the history starts with its opening, so nothing can be repaid before it
    assert back == due
    assert len(out) > 100
    assert len(back) > 100


def within(found: int, *, of: int, share: float) -> bool:
    """Inside five standard deviations of a binomial: a wrong share fails, an unlucky seed does not."""
    return bool(abs(found - of * share) <= 5 * np.sqrt(of * share * (1 - share)))


def test_consents_have_the_shares_of_the_parameters(read: Read) -> None:
    consents = read("consents")
    given = {row["customer_no"]: row for row in consents if row["action"] == "give"}
    withdrawn = {row["customer_no"]: row for row in consents if row["action"] == "withdraw"}
    assert len(given) + len(withdrawn) == len(consents)
    assert within(len(given), of=2000, share=0.70)
    financial = sum(row["data_classes"] == "personal|financial" for row in given.values())
    assert financial + sum(row["data_classes"] == "personal" for row in given.values()) == len(given)
    assert within(financial, of=len(given), share=0.85)
    assert within(len(withdrawn), of=len(given), share=0.05)
    opened = {row["customer_no"]: row["opened_on"] for row in read("customers")}
    for customer, row in given.items():
        assert opened[customer] <= row["acted_on"] < "2026-06-01"
    for customer, row in withdrawn.items():
        assert given[customer]["acted_on"] < row["acted_on"] < "2026-06-01"
    assert {row["purpose"] for row in consents} == {"marketing"}
    assert {row["channel"] for row in consents} == {"email"}
    assert {row["evidence"] for row in consents} == {"branch form", "mobile app"}


def found_dirt(rows: Rows, customers: set[str]) -> Dirt:
    """Scored as an ingest would: by what is wrong with each row."""
    kinds = Counter[str]()
    seen: dict[str, dict[str, str]] = {}
    for row in rows:
        if row["transaction_no"] in seen:
            assert seen[row["transaction_no"]] == row
            kinds["repeated"] += 1
            continue
        seen[row["transaction_no"]] = row
        try:
            date.fromisoformat(row["booked_on"])
        except ValueError:
            kinds["date"] += 1
        kinds["amount"] += not AMOUNT.fullmatch(row["amount"])
        kinds["customer"] += row["customer_no"] not in customers
    return Dirt(
        impossible_dates=kinds["date"],
        non_numeric_amounts=kinds["amount"],
        unknown_customers=kinds["customer"],
        repeated_rows=kinds["repeated"],
    )


def test_the_dirt_is_exactly_what_the_truth_says(twin: Twin, read: Read, clean_transactions: Rows) -> None:
    rows = read("transactions")
    assert found_dirt(rows, {row["customer_no"] for row in read("customers")}) == twin.dirt
    assert twin.dirt == Dirt(impossible_dates=1, non_numeric_amounts=2, unknown_customers=1, repeated_rows=1)
    assert len(rows) == len(clean_transactions) + twin.dirt.total


def test_a_folder_with_something_in_it_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="not an empty folder"):
        Twin.make(SMALL).write_extracts(tmp_path)
    assert content(tmp_path) == {"precious.txt": b"mine"}
    with pytest.raises(FileExistsError, match="not an empty folder"):
        Twin.make(SMALL).write_extracts(tmp_path / "precious.txt")


def test_an_empty_folder_is_filled_with_the_files_it_returns(tmp_path: Path) -> None:
    written = Twin.make(SMALL).write_extracts(tmp_path)
    assert sorted(written) == sorted(tmp_path.iterdir())
    assert len(written) == 5


FULL_DISK = """
import resource, sys
from pathlib import Path
from lingque.twin.bank import Twin
from lingque.twin.parameters import TwinParameters
twin = Twin.make(TwinParameters(seed=5, customers=150, months=6))
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    twin.write_extracts(Path(sys.argv[1]))
except OSError as error:
    print(type(error).__name__, sorted(path.name for path in Path(sys.argv[1]).glob("*")))
"""


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

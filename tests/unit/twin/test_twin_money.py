"""Transactions, balances, deposits and holdings agree with one another."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from delivered import AMOUNT, Delivery, Rows, clean, control_file, csv_rows, fen

from lingque.core.clock import shift
from lingque.twin.bank import Twin
from lingque.twin.categories import CATEGORIES, CODES, CREDITS, UNCLASSIFIED
from lingque.twin.products import PRODUCTS
from lingque.twin.systems.transactions import LAYOUT, Dirt

MONTHS = {one.code: one.months for one in PRODUCTS}


def iso(compact: str) -> str:
    return f"{compact[:4]}-{compact[4:6]}-{compact[6:]}"


def test_the_layout_has_no_gap_and_no_overlap() -> None:
    after = 1
    for first, length in LAYOUT.values():
        assert first == after
        after = first + length


def test_every_line_is_one_layout_long_and_its_texts_are_chinese(delivery: Delivery) -> None:
    lines = (delivery.folder / "core_transactions_20260531.dat").read_bytes().split(b"\n")
    assert lines.pop() == b""
    assert {len(line) for line in lines} == {139}
    rows = delivery.transactions()
    assert {row["memo"] for row in rows if row["category"] == "salary"} == {"代发工资"}
    assert {row["direction"] for row in rows} == {"C", "D"}
    told = {CODES.get(name, name) for name in CATEGORIES}
    incoming = {CODES.get(name, name) for name in CREDITS}
    assert {row["category"] for row in rows if row["direction"] == "C"} <= incoming
    assert {row["category"] for row in rows if row["direction"] == "D"} <= told - incoming | {UNCLASSIFIED}
    assert len({row["category"] for row in rows}) > 25


def test_every_account_adds_up_to_the_fen_and_is_never_below_zero(history: Rows, delivery: Delivery) -> None:
    balances: dict[str, int] = {}
    days: dict[str, str] = {}
    owners = {row["account_no"]: (row["customer_no"], row["opened_on"]) for row in delivery.rows("core_accounts")}
    for row in history:
        account, booked_on = row["account_no"], iso(row["booked_on"])
        assert (row["category"] == "opening") is (account not in balances), row
        assert fen(row["amount"]) > 0
        change = fen(row["amount"]) if row["direction"] == "C" else -fen(row["amount"])
        balances[account] = balances.get(account, 0) + change
        assert fen(row["balance"]) == balances[account] >= 0, row
        assert max(days.get(account, "2025-06-01"), owners[account][1]) <= booked_on < "2026-06-01"
        assert row["customer_no"] == owners[account][0]
        days[account] = booked_on
    assert balances.keys() == owners.keys()
    numbers = [row["transaction_no"] for row in history]
    assert len(set(numbers)) == len(numbers)
    assert 40 <= len(numbers) / 1000 <= 80


def test_balance_spans_say_the_closing_balance_of_every_day(history: Rows, delivery: Delivery) -> None:
    closing: dict[str, dict[str, int]] = defaultdict(dict)
    for row in history:
        closing[row["account_no"]][iso(row["booked_on"])] = fen(row["balance"])
    spans = defaultdict(list)
    for row in delivery.rows("core_balances"):
        spans[row["account_no"]].append((row["start_date"], row["end_date"], fen(row["balance"])))
    assert spans.keys() == closing.keys()
    for account, found in spans.items():
        said = {day: amount for day, _, amount in found}
        now = -1
        for day, amount in closing[account].items():
            # a day that ends as the one before ended opens no span
            assert said.get(day, now) == amount
            assert (day in said) is (amount != now)
            now = amount
        assert said.keys() <= closing[account].keys()
        starts, ends = [one[0] for one in found], [one[1] for one in found]
        assert [*starts[1:], "9999-12-31"] == ends


def test_salaries_arrive_once_a_month_on_the_same_day(history: Rows) -> None:
    paid: dict[str, list[str]] = defaultdict(list)
    for row in history:
        if row["category"] == "salary":
            paid[row["account_no"]].append(row["booked_on"])
    assert 450 < len(paid) < 850
    for days in paid.values():
        assert len({day[:6] for day in days}) == len(days)
        assert len({day[6:] for day in days}) <= 2  # whoever has changed jobs has had two paydays
    assert max(len(days) for days in paid.values()) == 12


def rates_posted(delivery: Delivery) -> dict[str, list[tuple[str, str]]]:
    posted: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in delivery.rows("wealth_products"):
        posted[row["product_code"]].append((row["valid_from"], row["annual_rate"]))
    return posted


def test_deposits_were_paid_from_and_back_to_the_account(history: Rows, delivery: Delivery) -> None:
    deposits, posted = delivery.rows("core_deposits"), rates_posted(delivery)
    out = Counter(
        (row["account_no"], iso(row["booked_on"]), fen(row["amount"]))
        for row in history
        if row["category"] == "term_deposit"
    )
    back = Counter(
        (row["account_no"], iso(row["booked_on"]), fen(row["amount"]))
        for row in history
        if row["category"] == "deposit_matured"
    )
    due = Counter[tuple[str, str, int]]()
    for row in deposits:
        opened, matures = date.fromisoformat(row["opened_on"]), date.fromisoformat(row["maturity_date"])
        assert matures == shift(opened, count=MONTHS[row["product_code"]], unit="month")
        assert row["status"] == ("matured" if row["maturity_date"] < "2026-06-01" else "open")
        known = [rate for since, rate in sorted(posted[row["product_code"]]) if since <= row["opened_on"]]
        assert row["annual_rate"] == known[-1]
        if "2025-06-01" <= row["maturity_date"] < "2026-06-01":
            rate = round(float(row["annual_rate"]) * 10_000)
            interest = fen(row["amount"]) * rate * (matures - opened).days // 3_600_000
            due[row["account_no"], row["maturity_date"], fen(row["amount"]) + interest] += 1
    assert len({row["deposit_no"] for row in deposits}) == len(deposits) > 500
    assert out == Counter(
        (row["account_no"], row["opened_on"], fen(row["amount"]))
        for row in deposits
        if row["opened_on"] >= "2025-06-01"
    )
    assert back == due
    assert min(len(out), len(back)) > 150


def test_holdings_are_typed_and_were_paid_from_and_back_to_the_account(history: Rows, delivery: Delivery) -> None:
    table = pyarrow.parquet.read_table(delivery.folder / "wealth_holdings_20260531.parquet")
    assert {field.name: str(field.type) for field in table.schema} == {
        "holding_no": "string",
        "client_no": "string",
        "account_no": "string",
        "product_code": "string",
        "amount": "decimal128(18, 2)",
        "bought_on": "date32[day]",
        "redeemed_on": "date32[day]",
        "status": "string",
    }
    holdings = delivery.holdings()
    assert len({row["holding_no"] for row in holdings}) == len(holdings) > 100
    assert {row["status"] for row in holdings} == {"held", "redeemed"}
    assert all((row["redeemed_on"] is None) is (row["status"] == "held") for row in holdings)
    recent = date(2025, 6, 1)
    for category, column in (("wealth_purchase", "bought_on"), ("wealth_redeemed", "redeemed_on")):
        booked = Counter((row["account_no"], iso(row["booked_on"])) for row in history if row["category"] == category)
        assert booked == Counter(
            (row["account_no"], row[column].isoformat()) for row in holdings if row[column] and row[column] >= recent
        )


def test_the_story_has_its_deposits(twin: Twin, delivery: Delivery) -> None:
    due = [
        row
        for row in delivery.rows("core_deposits")
        if "2026-06-01" <= row["maturity_date"] < (date(2026, 6, 1) + timedelta(days=30)).isoformat()
    ]
    assert len({row["customer_no"] for row in due}) == len(due)
    assert 0.12 < len(due) / 1000 < 0.20
    assert 50_000_00 <= np.median([fen(row["amount"]) for row in due]) <= 80_000_00
    maturing = np.flatnonzero(twin.placed.maturing >= 0)
    assert {row["customer_no"] for row in due} == {twin.population.customer_no[one] for one in maturing.tolist()}


def test_money_of_a_matured_deposit_is_placed_again_or_leaves_or_stays(history: Rows, delivery: Delivery) -> None:
    """Within four weeks; what of it stays idle is not swept away by the transfers of every day."""
    events: dict[str, list[tuple[date, str, int]]] = defaultdict(list)
    for row in history:
        events[row["account_no"]].append(
            (date.fromisoformat(iso(row["booked_on"])), row["category"], fen(row["amount"]))
        )
    fates = Counter[str]()
    for booked in events.values():
        for number, (day, category, amount) in enumerate(booked):
            if category != "deposit_matured" or day >= date(2026, 5, 1):
                continue
            later = [one for one in booked[number + 1 :] if one[0] <= day + timedelta(days=28)]
            if any(kind in ("term_deposit", "wealth_purchase") for _, kind, _ in later):
                fates["again"] += 1
            elif any(kind == "transfer_out" and out >= amount * 0.9 for _, kind, out in later):
                fates["left"] += 1
            else:
                fates["idle"] += 1
    total = fates.total()
    assert total > 100
    assert 0.5 < fates["again"] / total < 0.85
    assert fates["left"] / total > 0.08
    assert fates["idle"] / total > 0.04


def test_control_files_agree_with_their_files(delivery: Delivery, resent: Delivery) -> None:
    for folder in (delivery, resent):
        rows = folder.transactions()
        said = control_file(folder.folder / "core_transactions_20260531.ok")
        assert said["file"] == "core_transactions_20260531.dat"
        assert said["data_date"] == "20260531"
        assert int(said["rows"]) == len(rows)
        assert fen(said["amount_total"]) == sum(fen(row["amount"]) for row in rows)
    deposits = csv_rows(delivery.folder / "core_deposits_20260531.csv")
    assert control_file(delivery.folder / "core_deposits_20260531.ok") == {
        "file": "core_deposits_20260531.csv",
        "rows": str(len(deposits)),
        "amount_total": f"{sum(fen(row['amount']) for row in deposits) / 100:.2f}",
        "data_date": "20260531",
    }


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
            date.fromisoformat(iso(row["booked_on"]))
        except ValueError:
            kinds["date"] += 1
        kinds["balance"] += not AMOUNT.fullmatch(row["balance"])
        kinds["customer"] += row["customer_no"] not in customers
    return Dirt(
        impossible_dates=kinds["date"],
        non_numeric_balances=kinds["balance"],
        unknown_customers=kinds["customer"],
        repeated_rows=kinds["repeated"],
    )


def test_the_dirt_is_exactly_what_the_truth_says(twin: Twin, delivery: Delivery, resent: Delivery) -> None:
    customers = {row["customer_no"] for row in delivery.rows("core_customers")}
    assert found_dirt(delivery.transactions(), customers) == twin.dirt
    assert found_dirt(resent.transactions(), customers) == twin.dirt
    data_date = Dirt(impossible_dates=1, non_numeric_balances=2, unknown_customers=1, repeated_rows=1)
    assert twin.dirt.total > data_date.total
    assert len(resent.transactions()) == len(twin.parts[0].transactions.day) + twin.dirt.total


def test_what_is_sent_again_differs_in_exactly_three_rows(twin: Twin, delivery: Delivery, resent: Delivery) -> None:
    customers = {row["customer_no"] for row in delivery.rows("core_customers")}
    first, again = (
        {row["transaction_no"]: row for row in clean(one.transactions(), customers)} for one in (delivery, resent)
    )
    assert again.keys() - first.keys() == set(twin.resent.added)
    assert not first.keys() - again.keys()
    changed = {number for number, row in first.items() if row != again[number]}
    assert changed == set(twin.resent.corrected)
    assert len(twin.resent.added) == 1
    assert len(changed) == 2
    for number in changed:
        assert first[number]["category"] == "unclassified" != again[number]["category"]
        assert {name for name in LAYOUT if first[number][name] != again[number][name]} == {"category", "memo"}


def test_files_that_are_there_are_replaced_by_what_is_sent_again(twin: Twin, resent: Delivery, tmp_path: Path) -> None:
    folder = tmp_path
    (folder / "core_transactions_20260531.dat").write_bytes(b"first")
    written = twin.write_resent(folder)
    assert sorted(path.name for path in written) == ["core_transactions_20260531.dat", "core_transactions_20260531.ok"]
    for path in written:
        assert path.read_bytes() == (resent.folder / path.name).read_bytes()
    with pytest.raises(FileNotFoundError, match="not a folder"):
        twin.write_resent(folder / "absent")

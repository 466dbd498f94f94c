"""What the bank's systems deliver once customers have answered."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from delivered import Delivery, Rows, control_file, csv_rows, fen

from lingque.twin.bank import Twin
from lingque.twin.days import day_at
from lingque.twin.responses import Contacted, Responses

AS_OF = date(2026, 6, 1)
LAST = date(2026, 8, 1)
Contact = Callable[..., list[Contacted]]


def due(twin: Twin) -> list[int]:
    return np.flatnonzero(twin.placed.maturing >= 0).tolist()


@pytest.fixture(scope="module")
def responses(twin: Twin, by_phone: Contact) -> Responses:
    return twin.respond(by_phone(due(twin)[::2]), until=LAST)


@pytest.fixture(scope="module")
def later(twin: Twin, responses: Responses, tmp_path_factory: pytest.TempPathFactory) -> Delivery:
    folder = tmp_path_factory.mktemp("followup")
    twin.write_followup(responses, folder)
    return Delivery(folder=folder)


def test_the_followup_tells_what_was_kept(responses: Responses, delivery: Delivery, later: Delivery) -> None:
    before = {row["deposit_no"]: row for row in delivery.rows("core_deposits")}
    after = {row["deposit_no"]: row for row in later.rows("core_deposits", "20260801")}
    assert before.keys() < after.keys()
    for number, row in before.items():
        status = "matured" if row["maturity_date"] <= "2026-08-01" else "open"
        assert after[number] == row | {"status": status}
    new = [row for number, row in after.items() if number not in before]
    holdings = later.holdings("20260801")
    bought = [row for row in holdings if row["bought_on"] >= AS_OF]
    assert {
        *((row["customer_no"], row["opened_on"], row["product_code"], fen(row["amount"])) for row in new),
        *((row["customer_no"], str(row["bought_on"]), row["product_code"], int(row["amount"] * 100)) for row in bought),
    } == {(one.customer_no, str(one.decided_on), one.product_code, one.amount.minor) for one in responses.kept}
    assert len(new) + len(bought) == len(responses.kept)
    raw = csv_rows(later.folder / "core_deposits_20260801.csv")
    assert control_file(later.folder / "core_deposits_20260801.ok")["rows"] == str(len(raw))
    assert {row["annual_rate"] for row in new if row["product_code"] == "TD12R"} == {"0.0115"}


def test_the_followup_adds_up_with_the_history(twin: Twin, history: Rows, delivery: Delivery, later: Delivery) -> None:
    balances = {row["account_no"]: fen(row["balance"]) for row in history}
    rows = later.transactions("20260801")
    for row in rows:
        assert "20260601" <= row["booked_on"] <= "20260801"
        change = fen(row["amount"]) if row["direction"] == "C" else -fen(row["amount"])
        balances[row["account_no"]] += change
        assert fen(row["balance"]) == balances[row["account_no"]] >= 0
    spans = later.rows("core_balances", "20260801")
    assert {row["account_no"]: fen(row["balance"]) for row in spans if row["end_date"] == "9999-12-31"} == balances
    closed = {tuple(row.values()) for row in delivery.rows("core_balances") if row["end_date"] != "9999-12-31"}
    assert closed < {tuple(row.values()) for row in spans}
    said = control_file(later.folder / "core_transactions_20260801.ok")
    assert int(said["rows"]) == len(rows)
    assert fen(said["amount_total"]) == sum(fen(row["amount"]) for row in rows)
    assert len({row["transaction_no"] for row in (*history, *rows)}) == len(history) + len(rows)


def test_who_does_not_keep_the_money_here_takes_it_away_or_leaves_it(
    twin: Twin, responses: Responses, later: Delivery
) -> None:
    out = defaultdict(int)
    for row in later.transactions("20260801"):
        if row["category"] == "transfer_out":
            out[row["customer_no"], row["booked_on"]] = max(
                out[row["customer_no"], row["booked_on"]], fen(row["amount"])
            )
    kept = {one.customer_no for one in responses.kept}
    left = {
        row["customer_no"]: fen(row["balance"])
        for row in later.rows("core_balances", "20260801")
        if row["end_date"] == "9999-12-31"
        and row["account_no"] == twin.parts[0].accounts.account_no[int(row["customer_no"][1:]) - 1]
    }
    fates = Counter[bool]()
    occasions = twin.model.occasions
    decided = dict(zip(occasions.customer.tolist(), day_at(occasions.decides).tolist(), strict=True))
    lies_idle = []
    for one in due(twin):
        number = twin.population.customer_no[one]
        if number in kept:
            continue
        money = int(twin.placed.placements.payout[twin.placed.maturing[one]])
        day = str(np.datetime64(decided[one], "D")).replace("-", "")
        went = out[number, day] >= 0.9 * money
        fates[went] += 1
        if not went:
            lies_idle.append(left[number] > 0.8 * money)
    assert 0.5 < fates[True] / fates.total() < 0.8
    # the transfers of every day leave it alone
    assert np.mean(lies_idle) > 0.9


def test_days_one_by_one_are_the_followup_cut_in_pieces(
    twin: Twin, responses: Responses, later: Delivery, tmp_path: Path
) -> None:
    days = [AS_OF, AS_OF + timedelta(days=1), LAST]
    for day in days:
        assert len(twin.write_day(tmp_path, day, responses)) == 8
    pieces = Delivery(folder=tmp_path)
    for day in days:
        compact = f"{day:%Y%m%d}"
        expected = [row for row in later.transactions("20260801") if row["booked_on"] == compact]
        assert pieces.transactions(compact) == expected
        assert expected
    for name in ("core_deposits_20260801.csv", "core_balances_20260801.csv", "wealth_holdings_20260801.parquet"):
        assert (tmp_path / name).read_bytes() == (later.folder / name).read_bytes()
    first = pieces.rows("core_deposits", "20260601")
    assert {row["status"] for row in first if row["maturity_date"] == "2026-06-01"} == {"matured"}
    assert all(row["opened_on"] <= "2026-06-01" for row in first)


def test_a_day_without_responses_is_one_on_which_nobody_was_contacted(twin: Twin, tmp_path: Path) -> None:
    for name, responses in (("none", None), ("nobody", twin.respond([], until=LAST))):
        (tmp_path / name).mkdir()
        twin.write_day(tmp_path / name, AS_OF + timedelta(days=40), responses)
    for path in (tmp_path / "none").iterdir():
        assert path.read_bytes() == (tmp_path / "nobody" / path.name).read_bytes()
    for day in (AS_OF - timedelta(days=1), LAST + timedelta(days=1)):
        with pytest.raises(ValueError, match="is not between"):
            twin.write_day(tmp_path, day)


def test_the_followup_overwrites_nothing_and_makes_no_folder(twin: Twin, responses: Responses, tmp_path: Path) -> None:
    written = twin.write_followup(twin.respond([], until=LAST), tmp_path)
    kept = {path: path.read_bytes() for path in written}
    with pytest.raises(FileExistsError, match="overwrites nothing"):
        twin.write_followup(responses, tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == kept
    with pytest.raises(FileNotFoundError, match="not a folder"):
        twin.write_followup(responses, tmp_path / "absent")
    assert not (tmp_path / "absent").exists()

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from lingque.twin.bank import Twin
from lingque.twin.parameters import TwinParameters
from lingque.twin.responses import Responses

ON = date(2026, 6, 3)


def emails(twin: Twin) -> list[str]:
    return [email for email in twin.population.email if email]


def opened(responses: Responses) -> set[str]:
    return {one.customer_no for one in responses.opened}


def test_asking_twice_gives_equal_answers(twin: Twin) -> None:
    reached = emails(twin)[:500]
    again = Twin.make(twin.parameters)
    assert twin.respond(reached, on=ON) == twin.respond(set(reached), on=ON) == again.respond(reached, on=ON)


def test_whom_else_the_bank_reaches_never_changes_an_answer(twin: Twin) -> None:
    everybody = emails(twin)
    none, all_ = opened(twin.respond([], on=ON)), opened(twin.respond(everybody, on=ON))
    assert none != all_
    number = dict(zip(twin.population.email, twin.population.customer_no, strict=True))
    for seed in range(20):
        reached = set(np.random.default_rng(seed).choice(everybody, 700, replace=False).tolist())
        answers = opened(twin.respond(reached, on=ON))
        reached_numbers = {number[email] for email in reached}
        assert answers == (all_ & reached_numbers) | (none - reached_numbers)


def test_openings_fall_into_the_thirty_days_and_follow_the_day_of_the_message(twin: Twin) -> None:
    now = twin.respond(emails(twin), on=ON)
    later = twin.respond(emails(twin), on=ON + timedelta(days=9))
    delays = {(one.opened_on - ON).days for one in now.opened}
    assert delays == set(range(1, 31))
    assert [(one.customer_no, one.opened_on + timedelta(days=9), one.amount) for one in now.opened] == [
        (one.customer_no, one.opened_on, one.amount) for one in later.opened
    ]


def test_a_new_deposit_is_a_whole_number_of_thousands_that_the_customer_has(twin: Twin) -> None:
    balance = dict(zip(twin.population.customer_no, twin.ledger.balance.tolist(), strict=True))
    for one in twin.respond(emails(twin), on=ON).opened:
        assert one.amount.currency == "CNY"
        assert one.amount.minor % 100_000 == 0
        assert 100_000 <= one.amount.minor <= max(balance[one.customer_no], 100_000)


def test_observed_shares_agree_with_the_probabilities() -> None:
    """Over 20 banks of 3,000 customers: all, and in bands of probability; with and without a message."""
    found: list[tuple[np.ndarray, np.ndarray]] = []
    for seed in range(20):
        quiet = TwinParameters(
            seed=seed, customers=3000, months=1, spending_per_month=0, missing_email_share=0, consent_share=0
        )
        twin = Twin.make(quiet)
        numbers = np.array(twin.population.customer_no)
        for reached, p in ((emails(twin), twin.population.p1), ([], twin.population.p0)):
            found.append((p, np.isin(numbers, list(opened(twin.respond(reached, on=ON))))))
    for contacted in (0, 1):
        p = np.concatenate([one for one, _ in found[1 - contacted :: 2]])
        y = np.concatenate([one for _, one in found[1 - contacted :: 2]])
        for low, high in ((0.0, 1.0), (0.0, 0.03), (0.03, 0.08), (0.08, 0.2), (0.2, 1.0)):
            band = (p >= low) & (p < high)
            error = np.sqrt((p[band] * (1 - p[band])).sum())
            assert band.sum() > 1000
            assert abs(y[band].sum() - p[band].sum()) < 3 * error


def test_the_world_has_all_kinds_of_customers(twin: Twin) -> None:
    effect = twin.population.p1 - twin.population.p0
    adult = twin.population.age >= 18
    assert 0.03 < (effect < -0.02).mean() < 0.10
    assert 0.01 < ((effect == 0) & (twin.population.p0 > 0.4)).mean() < 0.04
    assert (effect > 0).mean() > 0.85
    assert not twin.population.p0[~adult].any()
    assert not twin.population.p1[~adult].any()
    assert (~adult).any()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_idle_money_makes_a_clear_but_not_a_huge_effect(seed: int) -> None:
    twin = Twin.make(TwinParameters(seed=seed))
    idle = twin.ledger.balance > 20_000_00
    assert 0.04 < twin.population.p0[idle].mean() < 0.065
    assert 0.05 < (twin.population.p1 - twin.population.p0)[idle].mean() < 0.08


def test_without_an_effect_a_message_changes_nobody() -> None:
    twin = Twin.make(TwinParameters(customers=500, contact_effect=0.0, sleeping_dog_harm=0.0))
    assert twin.respond(emails(twin), on=ON) == twin.respond([], on=ON)
    assert twin.true_effect(emails(twin)).effect == 0.0


def test_the_true_effect_is_the_mean_over_exactly_these_customers(twin: Twin) -> None:
    chosen = emails(twin)[3::7]
    where = np.isin(np.array(twin.population.email), chosen)
    effect = twin.true_effect([*chosen, chosen[0]])
    assert effect.n == len(chosen) == where.sum()
    assert effect.contacted == pytest.approx(twin.population.p1[where].mean(), rel=1e-12)
    assert effect.not_contacted == pytest.approx(twin.population.p0[where].mean(), rel=1e-12)
    assert effect.effect == pytest.approx((twin.population.p1 - twin.population.p0)[where].mean(), rel=1e-9)


def test_unknown_addresses_and_days_of_the_history_are_refused(twin: Twin) -> None:
    on_nobodys_file = f"c{1 + twin.population.email.index(''):06d}@customers.example"
    for wrong in ("", "nobody@customers.example", on_nobodys_file):
        with pytest.raises(ValueError, match="belong to no customer"):
            twin.respond([wrong], on=ON)
        with pytest.raises(ValueError, match="belong to no customer"):
            twin.true_effect([wrong])
    with pytest.raises(ValueError, match="no customers"):
        twin.true_effect([])
    with pytest.raises(ValueError, match="history"):
        twin.respond([], on=date(2026, 5, 31))
    twin.respond([], on=date(2026, 6, 1))


def test_bouncing_addresses_are_some_of_those_on_file(twin: Twin) -> None:
    assert twin.bouncing < set(emails(twin))
    assert 15 <= len(twin.bouncing) <= 70


def test_the_followup_is_the_next_extract_of_deposits(twin: Twin, folder: Path, tmp_path: Path) -> None:
    responses = twin.respond(emails(twin)[:900], on=ON)
    [path] = twin.write_followup(responses, tmp_path)
    assert path == tmp_path / "deposits_20260704.csv"
    assert list(tmp_path.iterdir()) == [path]
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with (folder / "deposits_20260601.csv").open(encoding="utf-8", newline="") as file:
        before = list(csv.DictReader(file))
    assert rows[0].keys() == before[0].keys()
    assert [(row["customer_no"], row["opened_on"], row["amount"]) for row in rows] == [
        (one.customer_no, one.opened_on.isoformat(), f"{one.amount.major:.2f}") for one in responses.opened
    ]
    assert {row["term_months"] for row in rows} == {"3"}
    assert len({row["deposit_no"] for row in (*rows, *before)}) == len(rows) + len(before)
    assert all(row["opened_on"] < "2026-07-04" for row in rows)


def test_the_followup_overwrites_nothing_and_makes_no_folder(twin: Twin, tmp_path: Path) -> None:
    responses = twin.respond([], on=ON)
    [path] = twin.write_followup(responses, tmp_path)
    kept = path.read_bytes()
    with pytest.raises(FileExistsError, match="overwrites nothing"):
        twin.write_followup(twin.respond(emails(twin), on=ON), tmp_path)
    assert path.read_bytes() == kept
    with pytest.raises(FileNotFoundError, match="not a folder"):
        twin.write_followup(responses, tmp_path / "absent")
    assert not (tmp_path / "absent").exists()

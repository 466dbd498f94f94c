"""Customers, consents, assessments, relationship managers, app events and lists."""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest
from delivered import Delivery, csv_rows, readable

from lingque.core.clock import shift
from lingque.twin.bank import Twin
from lingque.twin.days import day_number, months_later
from lingque.twin.organisation import Assignments, Staff
from lingque.twin.parameters import TwinParameters
from lingque.twin.sessions import EVENTS


def within(found: int, *, of: int, share: float) -> bool:
    """Inside five standard deviations of a binomial: a wrong share fails, an unlucky seed does not."""
    return bool(abs(found - of * share) <= 5 * np.sqrt(of * share * (1 - share)))


def test_customers_are_fictional_distinct_and_of_every_age(delivery: Delivery) -> None:
    customers = delivery.rows("core_customers")
    as_of = date(2026, 6, 1)
    ages = [
        as_of.year - born.year - ((as_of.month, as_of.day) < (born.month, born.day))
        for born in (date.fromisoformat(row["birth_date"]) for row in customers)
    ]
    assert len({row["customer_no"] for row in customers}) == len(customers) == 1000
    assert min(ages) == 16
    assert 80 <= max(ages) <= 85
    assert 2 <= sum(age < 18 for age in ages) <= 60
    for column, share, looks_right in (
        ("email", 0.05, lambda text: text.endswith("@customers.example")),
        ("phone", 0.01, lambda text: len(text) == 11 and text.isdigit() and text.startswith("100")),
    ):
        addresses = [row[column] for row in customers if row[column]]
        assert len(set(addresses)) == len(addresses)
        assert all(map(looks_right, addresses))
        assert within(1000 - len(addresses), of=1000, share=share)
    assert all(row["birth_date"] < row["opened_on"] < "2026-06-01" for row in customers)
    assert {row["gender"] for row in customers} == {"F", "M"}
    young = [row["occupation"] for row, age in zip(customers, ages, strict=True) if age < 20]
    assert set(young) == {"student"}
    assert {row["occupation"] for row, age in zip(customers, ages, strict=True) if age >= 60} == {"retired"}


def test_the_age_of_the_extract_is_the_age_that_decides(twin: Twin) -> None:
    eighteenth = months_later(twin.population.birth_day, np.full(1000, 18 * 12))
    assert np.array_equal(eighteenth <= day_number(date(2026, 6, 1)), twin.population.age >= 18)


def test_nobody_places_money_before_coming_of_age_or_joining(twin: Twin) -> None:
    placements, people = twin.placed.placements, twin.population
    owner = placements.owner
    of_age = months_later(people.birth_day, np.full(1000, 18 * 12))
    assert np.all(placements.opened_day >= of_age[owner])
    assert np.all(placements.opened_day > people.opened_day[owner])
    assert np.all(placements.opened_day < day_number(date(2026, 6, 1)))


def test_account_numbers_pass_the_luhn_check(delivery: Delivery) -> None:
    accounts = delivery.rows("core_accounts")
    for row in accounts:
        digits = [int(one) for one in reversed(row["account_no"])]
        doubled = [2 * one - 9 * (one > 4) for one in digits[1::2]]
        assert (sum(digits[::2]) + sum(doubled)) % 10 == 0
        assert row["account_no"].startswith("6222")
        assert len(digits) == 19
    assert len({row["account_no"] for row in accounts}) == len(accounts)
    per_customer = Counter(row["customer_no"] for row in accounts)
    assert len(per_customer) == 1000
    assert set(per_customer.values()) == {1, 2}
    assert within(sum(count == 2 for count in per_customer.values()), of=1000, share=0.25)


def test_every_place_of_the_bank_has_a_parent_but_the_head_office(delivery: Delivery) -> None:
    places = {row["org_code"]: row for row in delivery.rows("core_organisations")}
    above = {"head_office": "", "province": "head_office", "city": "province", "branch": "city"}
    for row in places.values():
        parent = places.get(row["parent_code"])
        assert (parent["level"] if parent else "") == above[row["level"]]
    assert sum(row["level"] == "head_office" for row in places.values()) == 1
    for row in delivery.rows("core_customers"):
        branch = places[row["branch_code"]]
        assert branch["level"] == "branch"
        assert branch["name"].startswith(row["city"])


@pytest.mark.parametrize(("channel", "share"), [("email", 0.65), ("sms", 0.70), ("rm_call", 0.55)])
def test_consents_have_the_shares_of_the_parameters(delivery: Delivery, channel: str, share: float) -> None:
    consents = [row for row in delivery.rows("crm_consents") if row["channel"] == channel]
    given = {row["customer_no"]: row for row in consents if row["action"] == "give"}
    withdrawn = {row["customer_no"]: row for row in consents if row["action"] == "withdraw"}
    assert len(given) + len(withdrawn) == len(consents)
    assert within(len(given), of=1000, share=share)
    financial = sum(row["data_classes"] == "personal|financial" for row in given.values())
    assert financial + sum(row["data_classes"] == "personal" for row in given.values()) == len(given)
    assert within(financial, of=len(given), share=0.88)
    assert within(len(withdrawn), of=len(given), share=0.05)
    opened = {row["customer_no"]: row["opened_on"] for row in delivery.rows("core_customers")}
    for customer, row in given.items():
        assert opened[customer] <= row["acted_on"] < "2026-06-01"
    for customer, row in withdrawn.items():
        assert given[customer]["acted_on"] < row["acted_on"] < "2026-06-01"
    assert {row["purpose"] for row in consents} == {"marketing"}
    assert {row["evidence"] for row in consents} == {"branch form", "mobile app"}
    assert {row["wording_version"] for row in consents} == {"v1", "v2"}


def test_who_gives_one_consent_tends_to_give_another(delivery: Delivery) -> None:
    gave = defaultdict(set)
    for row in delivery.rows("crm_consents"):
        gave[row["channel"]].add(row["customer_no"])
    assert len(gave["email"] & gave["sms"]) > 1.1 * len(gave["email"]) * len(gave["sms"]) / 1000


def test_assessments_are_chinese_some_are_missing_and_some_have_expired(delivery: Delivery) -> None:
    rows = delivery.rows("wealth_risk_assessments")
    assert len({row["client_no"] for row in rows}) == len(rows)
    assert 0.7 < len(rows) / 1000 < 0.85
    assert 0.08 < sum(row["expires_on"] <= "2026-06-01" for row in rows) / len(rows) < 0.25
    assert {(row["grade"], row["grade_name"]) for row in rows} == {
        *(("1", "保守型"), ("2", "稳健型"), ("3", "平衡型"), ("4", "成长型"), ("5", "进取型")),
    }
    for row in rows:
        assessed = date.fromisoformat(row["assessed_on"])
        assert assessed < date(2026, 6, 1)
        assert shift(assessed, count=12, unit="month").isoformat() == row["expires_on"]


def test_the_wealthier_third_has_a_manager_of_its_branch(twin: Twin, delivery: Delivery) -> None:
    staff = {row["staff_no"]: row for row in delivery.rows("crm_staff")}
    customers = {row["customer_no"]: row for row in delivery.rows("core_customers")}
    assignments = delivery.rows("crm_assignments")
    managed = {row["customer_no"] for row in assignments}
    assert len(managed) == 330
    assert len({(row["customer_no"], row["from_date"]) for row in assignments}) == len(assignments)
    for row in assignments:
        assert staff[row["staff_no"]]["branch_code"] == customers[row["customer_no"]]["branch_code"]
        assert customers[row["customer_no"]]["opened_on"] <= row["from_date"] < "2026-06-01"
    has = np.isin(np.array(twin.population.customer_no), list(managed))
    assert twin.population.wealth[has].min() >= twin.population.wealth[~has].max()


def test_a_few_customers_had_another_manager_of_the_branch_before(twin: Twin) -> None:
    people = twin.population
    staff = Staff.make(TwinParameters(customers=50_000))
    assigned = Assignments.make(
        twin.parts[0].block, staff, wealth=people.wealth, branch=people.branch, opened_day=people.opened_day
    )
    earlier = np.flatnonzero(assigned.customer[1:] == assigned.customer[:-1])
    assert 0.05 < len(earlier) / 330 < 0.15
    assert np.all(assigned.from_day[earlier] < assigned.from_day[earlier + 1])
    assert np.all(assigned.manager[earlier] != assigned.manager[earlier + 1])
    assert np.array_equal(staff.branch[assigned.manager], people.branch[assigned.customer])


def test_who_will_have_to_decide_looks_around_in_the_app(twin: Twin, delivery: Delivery) -> None:
    lines = (delivery.folder / "app_events_20260531.jsonl").read_text(encoding="utf-8").splitlines()
    events = [json.loads(line) for line in lines]
    events = list({event["event_id"]: event for event in events if readable([event])}.values())
    moments = [event["at"] for event in events]
    assert moments[0] >= "2026-03-01 00:00:00"
    assert max(moments) <= "2026-05-31 23:59:59"
    # what comes late comes up to three days late
    days = [int(np.datetime64(moment[:10], "D").astype(int)) for moment in moments]
    assert max(before - day for before, day in zip(np.maximum.accumulate(days).tolist(), days, strict=True)) <= 3
    assert {datetime.fromisoformat(one).isoformat(" ") for one in moments} == set(moments)
    assert len({event["event_id"] for event in events}) == len(events)
    assert set(events[0]) == {"event_id", "customer_no", "at", "event"}
    kinds = Counter(event["event"] for event in events)
    assert kinds.keys() == set(EVENTS)
    assert kinds["login"] == pytest.approx(len(events) / 2, rel=0.02)  # but for what has not come yet
    looked = Counter(event["customer_no"] for event in events if event["event"] == "view_deposit_rates")
    due = twin.placed.maturing >= 0
    views = np.array([looked[number] for number in twin.population.customer_no])
    assert views[due].mean() > 2 * views[~due].mean()


@pytest.mark.parametrize("name", ["complaints.csv", "aml_watch.csv"])
def test_lists_know_strangers_and_name_somebody_twice(twin: Twin, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "lists"
    assert sorted(path.name for path in twin.write_lists(folder)) == ["aml_watch.csv", "complaints.csv"]
    numbers = [row["customer_no"] for row in csv_rows(folder / name)]
    known = set(twin.population.customer_no)
    assert len([number for number in numbers if number not in known]) == 3
    assert [count for count in Counter(numbers).values() if count > 1] == [2]
    assert 4 <= len(numbers) <= 60
    with (folder / name).open(encoding="ascii", newline="") as file:
        assert next(csv.reader(file)) == ["customer_no"]

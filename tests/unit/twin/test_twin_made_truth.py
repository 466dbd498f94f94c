"""The truth beside the extracts names every fault, identity and trait."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from delivered import csv_rows
from making import GB18030, TINY, all_rows, truth_name
from numpy.typing import NDArray

from lingque.twin.blocks import SIZE, Block
from lingque.twin.documents import is_valid
from lingque.twin.identities import (
    NAME_FAULTS,
    PHONE_FAULTS,
    SECOND_KEY,
    SWAPPED_DOCUMENT,
    SYSTEMS,
    Identities,
    System,
    as_of_day,
)
from lingque.twin.parameters import TwinParameters
from lingque.twin.part import Part
from lingque.twin.population import former_phone
from lingque.twin.systems.all import EXTRACTS
from lingque.twin.systems.transactions import BAD_KINDS, Book


def test_every_system_delivers_under_keys_of_its_own(made: Path) -> None:
    names = {path.name.rsplit("_", 1)[0] for path in (made / "landing").iterdir()}
    assert {name.split("_")[0] for name in names} == {
        *("core", "cards", "wealth", "loans", "app", "web", "stm", "crm", "wecom", "shop", "hospital", "civic"),
    }
    truth = {(row["system"], row["key"]): row for row in csv_rows(made / "truth" / truth_name("identities"))}
    keys: dict[str, set[str]] = defaultdict(set)
    for system, key in truth:
        keys[system].add(key)
    assert not keys["cards"] & keys["loans"] | keys["shop"] & keys["hospital"]
    for extract, column, system, encoding in (
        ("cards_holders", "cardholder_id", "cards", "gb18030"),
        ("wealth_clients", "client_no", "wealth", "gb18030"),
        ("loans_borrowers", "borrower_id", "loans", "gb18030"),
        ("shop_orders", "member_id", "shop", "utf-8"),
        ("hospital_visits", "patient_no", "hospital", "gb18030"),
        ("civic_matters", "person_no", "civic", "utf-8"),
        ("crm_contacts", "crm_id", "crm", "utf-8"),
        ("app_devices", "device_id", "app", "utf-8"),
    ):
        found = {row[column] for row in all_rows(made, extract, encoding=encoding)} - {""}
        assert found, extract
        assert found <= keys[system], extract


def test_the_truth_says_which_identities_are_wrong(made: Path) -> None:
    customers = {row["customer_no"]: row for row in all_rows(made, "core_customers", encoding="utf-8-sig")}
    contacts = {row["crm_id"]: row for row in all_rows(made, "crm_contacts") if row["crm_id"]}
    links = [row for row in csv_rows(made / "truth" / truth_name("identities")) if row["system"] == "crm"]
    assert len(links) == len(contacts)
    faults = Counter(fault for row in links for fault in row["faults"].split("+"))
    former = {former_phone(number) for number in range(1, TINY.customers + 1)}
    for row in links:
        told, own, said = contacts[row["key"]], customers[row["customer_no"]], set(row["faults"].split("+"))
        assert told["mobile"] == own["phone"] or said & set(PHONE_FAULTS)
        assert ("missing_phone" in said) <= (not told["mobile"])
        assert ("old_phone" in said) is (told["mobile"] in former)
        assert (told["name"] == own["name"]) is not (said & set(NAME_FAULTS))
        assert is_valid(own["document_no"])
        assert is_valid(told["document_no"]) is (SWAPPED_DOCUMENT not in said)
        assert sorted(told["document_no"]) == sorted(own["document_no"])
    for fault in ("missing_phone", "old_phone", SECOND_KEY):
        assert faults[fault] > 0
    assert 0 < faults["missing_phone"] / len(links) < 0.15
    assert max(Counter(row["customer_no"] for row in links).values()) == 2


def test_systems_know_whom_their_traits_lead_to_them(part_of_5000: Part) -> None:
    people, day = part_of_5000.population, as_of_day(part_of_5000)
    known = {system: set(Identities.make(part_of_5000, system, day).customer.tolist()) for system in SYSTEMS}

    def share(system: System, who: NDArray[np.bool_]) -> float:
        return float(np.mean([one in known[system] for one in np.flatnonzero(who).tolist()]))

    adult = people.age >= 18
    for system in ("app", "web", "shop"):
        assert share(system, adult & (people.digital > 0.6)) > 1.5 * share(system, adult & (people.digital < 0.2))
    for system in ("stm", "hospital"):
        assert share(system, people.age >= 65) > 1.3 * share(system, adult & (people.age < 35))
    richest = people.wealth >= np.quantile(people.wealth, 0.9)
    for system in ("crm", "wecom"):
        assert share(system, richest & adult) > 1.2 * share(system, ~richest & adult)
    holders = part_of_5000.placements
    assert set(holders.owner[~holders.is_deposit & (holders.opened_day <= day)].tolist()) <= known["wealth"]
    assert known["cards"] == set(part_of_5000.habits.cards.owner.tolist())


def test_faults_have_the_shares_of_the_parameters(part_of_5000: Part) -> None:
    """Five standard deviations; names lack some variants, so theirs are fewer."""
    parameters = part_of_5000.block.parameters
    known = Identities.make(part_of_5000, "wealth", as_of_day(part_of_5000))
    n = len(known.key)
    found = Counter(fault for faults in known.faults for fault in faults)
    for fault, share in (
        ("old_phone", parameters.identity_old_phone_share),
        (SWAPPED_DOCUMENT, parameters.identity_document_share),
        ("others_phone", parameters.identity_conflict_share),
    ):
        assert abs(found[fault] - n * share) < 5 * np.sqrt(n * share), fault
    renamed = sum(found[fault] for fault in NAME_FAULTS)
    assert all(found[fault] for fault in NAME_FAULTS)
    assert 0.4 * n * parameters.identity_name_share < renamed < n * parameters.identity_name_share
    # two people with one number
    assert found["shared_phone"] > 0
    numbers = Counter(zip(known.phone, strict=True))
    assert max(count for (phone,), count in numbers.items() if phone) >= 2


@pytest.fixture(scope="module")
def part_of_5000() -> Part:
    return Part.make(Block(parameters=TwinParameters(customers=SIZE, months=1, spending_per_month=0.5), number=0))


def test_the_truth_names_every_row_that_is_wrong_in_every_system(made: Path) -> None:
    """Each row it names is wrong as it says, and no row that it does not name lacks anything."""
    truth: dict[str, dict[int, dict[str, str]]] = defaultdict(dict)
    for row in csv_rows(made / "truth" / truth_name("dirt")):
        if row["kind"] != "late":
            truth[row["file"]][int(row["row"])] = row
    systems = {name.split("/")[1].split("_")[0] for name in truth}
    assert systems >= {"core", "cards", "loans", "app", "web", "stm", "crm", "shop", "wealth"}
    kinds = Counter(row["kind"] for rows in truth.values() for row in rows.values())
    assert kinds.keys() == {"repeated", "missing", "malformed", "unknown", "corrected"}
    for extract in EXTRACTS:
        columns = {one.column for one in extract.weak}
        for path in sorted((made / "landing").glob(f"{extract.name}_2*.csv")):
            told = truth[f"landing/{path.name}"]
            encoding = "gb18030" if path.name.startswith(GB18030) else "utf-8-sig"
            seen: set[tuple[str, ...]] = set()
            for number, row in enumerate(csv_rows(path, encoding), 1):
                wrong = {name for name in columns if row[name] in ("", "2026-02-30", "32")}
                said = told.get(number, {"kind": "", "detail": ""})
                if said["kind"] in ("missing", "malformed"):
                    assert said["detail"] in wrong, (path.name, number)
                else:
                    assert not wrong, (path.name, number)
                assert (said["kind"] != "repeated") or tuple(row.values()) in seen, (path.name, number)
                seen.add(tuple(row.values()))


def test_bad_transactions_stand_in_every_months_file() -> None:
    part = Part.make(Block(parameters=replace(TINY, malformed_share=0.01), number=0))
    kinds, copied = Book(part, as_of_day(part)).bad_rows
    assert set(kinds) == set(BAD_KINDS)
    days = np.sort(part.transactions.day)
    assert len(np.unique(days[copied].astype("datetime64[D]").astype("datetime64[M]"))) == TINY.months


def test_traits_and_needs_stand_in_the_truth_only(made: Path) -> None:
    traits = pyarrow.parquet.read_table(made / "truth" / truth_name("traits", "parquet"))
    assert traits.num_rows == 400
    assert {"annoyance", "churn_stage", "life_stage"} <= set(traits.column_names)
    assert {row["need"] for row in csv_rows(made / "truth" / truth_name("needs"))} > {"deposit_maturity", "car"}
    for path in (made / "landing").iterdir():
        assert b"annoyance" not in path.read_bytes()

"""Past campaigns in what is delivered: the CRM's contacts and core banking's deposits together mislead."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from delivered import Rows, csv_rows, readable

from lingque.twin.asked import BEFORE_DAYS, PROGRAMME, Asked
from lingque.twin.blocks import SIZE, Block
from lingque.twin.days import day_number
from lingque.twin.making import make_bank
from lingque.twin.parameters import TwinParameters
from lingque.twin.part import Part
from lingque.twin.placements import LONGEST_THOUGHT
from lingque.twin.responding.hearing import Fate
from lingque.twin.responding.parameters import ResponseParameters

PARAMETERS = TwinParameters(seed=2, customers=SIZE, months=24, spending_per_month=0.5, deposits_per_customer=2.0)


def history(**responding: float) -> Asked:
    parameters = replace(PARAMETERS, responding=ResponseParameters(**responding))  # type: ignore[arg-type]
    return Part.make(Block(parameters=parameters, number=0)).placed.asked


def naive(asked: Asked) -> tuple[float, float]:
    """What comparing those who were asked with the others shows, and its standard error."""
    groups = asked.placed[asked.chosen], asked.placed[~asked.chosen]
    return float(groups[0].mean() - groups[1].mean()), float(np.sqrt(sum(one.var() / len(one) for one in groups)))


def effect(asked: Asked) -> float:
    """The true one, on those who were asked."""
    return float((asked.asked - asked.unasked)[asked.chosen].mean())


def test_the_history_shows_an_effect_that_is_not_there() -> None:
    asked = history()
    found, error = naive(asked)
    assert len(asked.owner) > 3_000
    assert found > effect(asked) + 4 * error
    assert effect(asked) > 0.02


def test_in_the_history_as_many_place_their_money_again_as_mean_to() -> None:
    """Who holds a deposit placed the money here when the one before it matured; those who did not are in the history
    too, or a model would learn that everybody stays."""
    part = Part.make(Block(parameters=replace(PARAMETERS, deposits_per_customer=0.5), number=0))
    placed, today = part.placed.placements, day_number(PARAMETERS.as_of)
    due = np.flatnonzero(
        placed.is_deposit & (placed.end_day < today - LONGEST_THOUGHT) & (placed.end_day > today - 700)
    )
    opened = np.unique(placed.owner * 100_000 + placed.opened_day)
    first = np.searchsorted(opened, placed.owner[due] * 100_000 + placed.end_day[due])
    again = (
        opened[np.minimum(first, len(opened) - 1)]
        <= placed.owner[due] * 100_000 + placed.end_day[due] + LONGEST_THOUGHT
    )
    meant = part.dispositions.stays[placed.owner[due]].mean()
    assert len(due) > 1_500
    assert -0.02 < again.mean() - meant < 0.06, "some place other money at that time"


def test_had_the_campaigns_chosen_by_lot_the_history_would_be_right() -> None:
    asked = history(targeting_bias=0.0)
    found, error = naive(asked)
    assert abs(found - effect(asked)) < 4 * error


def test_nobody_who_was_not_asked_was_moved() -> None:
    asked = history()
    assert np.array_equal(asked.asked[~asked.chosen], asked.unasked[~asked.chosen])
    unmoved = asked.chosen & (asked.fate != Fate.DELIVERED)
    assert unmoved.any()
    assert np.array_equal(asked.asked[unmoved], asked.unasked[unmoved])
    assert ((asked.asked < asked.unasked) & asked.chosen).any()  # sleeping dogs
    assert set(asked.fate[~asked.chosen].tolist()) == {-1}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("asked") / "bank"
    make_bank(replace(PARAMETERS, customers=600, months=8), folder)
    return folder


def told(folder: Path, name: str, encoding: str = "utf-8") -> Rows:
    return readable([row for path in sorted(folder.glob(f"{name}_2*.csv")) for row in csv_rows(path, encoding)])


def test_the_crm_delivers_exactly_the_contacts_that_were_made(made: Path) -> None:
    contacts = [row for row in told(made / "landing", "crm_campaign_contacts") if row["crm_id"] and row["contacted_on"]]
    assert len({row["contact_no"] for row in contacts}) == len(contacts) > 50
    customers = {row["key"]: row["customer_no"] for row in told(made / "truth", "identities") if row["system"] == "crm"}
    truth = told(made / "truth", "past_campaigns")
    asked = {(row["customer_no"], row["contacted_on"]) for row in truth if row["chosen"] == "Y"}
    assert {(customers[row["crm_id"]], row["contacted_on"]) for row in contacts} == asked
    assert {(row["offer"], row["channel"]) for row in contacts} == set(PROGRAMME)
    assert {row["result"] for row in contacts} <= {"delivered", "failed", "not_made"}
    assert all(row["result"] == "delivered" for row in contacts if row["answered"] == "Y")
    assert {row["crm_id"] for row in contacts} <= {row["crm_id"] for row in told(made / "landing", "crm_contacts")}


def test_what_the_truth_calls_placed_stands_in_core_banking_or_wealth(made: Path) -> None:
    """Of deposits, which core banking delivers under its own customer number."""
    opened: dict[str, list[str]] = defaultdict(list)
    matured: dict[str, list[str]] = defaultdict(list)
    for row in told(made / "landing", "core_deposits"):
        opened[row["customer_no"]].append(row["opened_on"])
        matured[row["customer_no"]].append(row["maturity_date"])
    shares = {"Y": [0, 0], "N": [0, 0]}
    for row in told(made / "truth", "past_campaigns"):
        due = date.fromisoformat(row["contacted_on"]) + timedelta(days=BEFORE_DAYS)
        assert due.isoformat() in matured[row["customer_no"]]
        last = (due + timedelta(days=LONGEST_THOUGHT)).isoformat()
        shares[row["placed"]][0] += any(due.isoformat() <= day <= last for day in opened[row["customer_no"]])
        shares[row["placed"]][1] += 1
    placed, not_placed = (hits / count for hits, count in shares.values())
    assert placed > 0.6  # the others chose a wealth product
    assert not_placed < 0.35  # other money of theirs, or of another deposit

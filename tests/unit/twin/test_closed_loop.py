"""What policies are truly worth, and that the documentation says so."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from lingque.twin.days import DAY, HOUR
from lingque.twin.loop import (
    CALLED_SHARE,
    POLICIES,
    ROUND_DAYS,
    TEXTED_SHARE,
    Result,
    Round,
    mass_sms,
    respondents,
    run,
)
from lingque.twin.parameters import TwinParameters
from lingque.twin.responding.catalogue import CHANNEL_NAMES
from lingque.twin.responding.contacts import Contacts
from lingque.twin.responding.model import ResponseModel

PAGE = Path(__file__).parents[3] / "docs" / "concepts" / "simulated-bank.md"
CUSTOMERS = 20_000


@pytest.fixture(scope="module")
def model() -> ResponseModel:
    return respondents(TwinParameters(customers=CUSTOMERS))


@pytest.fixture(scope="module")
def results(model: ResponseModel) -> dict[str, Result]:
    return {name: run(model, name, policy) for name, policy in POLICIES.items()}


def test_mass_texting_loses_and_regard_to_the_effect_wins(results: dict[str, Result]) -> None:
    profit = {name: one.profit for name, one in results.items()}
    assert profit["nobody"] == 0
    assert profit["mass_sms"] < 0
    assert profit["greatest_effect"] > 2 * profit["best_response"] > 0
    # though mass texting sells more than saying nothing, and is what customers turn away from
    assert results["mass_sms"].sales > results["nobody"].sales
    assert results["mass_sms"].opt_outs > 5 * results["best_response"].opt_outs
    assert results["mass_sms"].complaints > results["best_response"].complaints


def test_the_table_of_the_documentation_is_what_the_loop_finds(results: dict[str, Result]) -> None:
    rows = [
        [cell.strip() for cell in line.strip("|\n").split("|")]
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("|")
    ]
    found = {
        row[0]: [float(cell.replace(",", "")) for cell in row[1:]] for row in rows if row[0] in results and row[2:]
    }
    assert found.keys() == results.keys()
    for name, one in results.items():
        said = [
            one.contacts, one.followed, one.sales, one.caused, one.opt_outs, one.complaints, one.profit / 100,
        ]  # fmt: skip
        # processors may round a logarithm differently, so that here and there somebody decides otherwise
        assert found[name] == pytest.approx(said, rel=0.02, abs=1.0), name


def test_what_is_caused_is_what_is_sold_beside_doing_nothing(results: dict[str, Result]) -> None:
    """Of expected and realised sales: 4 standard errors of as many coins as were moved at most."""
    for name in ("mass_sms", "best_response", "greatest_effect"):
        more = results[name].sales - results["nobody"].sales
        assert abs(more - results[name].caused) < 4 * np.sqrt(results[name].sales * 0.25)


def test_policies_keep_to_their_capacity_and_ask_nobody_twice_at_once(model: ResponseModel) -> None:
    everybody = np.broadcast_to(model.dispositions.may.any(axis=1)[:, None], (CUSTOMERS, len(CHANNEL_NAMES)))
    at, nothing = model.begins + 10 * HOUR, Contacts.none()
    now = Round(
        model=model, number=0, at=at, reachable=everybody, sent=nothing, responses=model.respond(nothing, until=at)
    )
    for name in ("best_response", "greatest_effect"):
        contacts = POLICIES[name](now)
        channels = np.bincount(contacts.channel, minlength=len(CHANNEL_NAMES))
        called, texted = channels[CHANNEL_NAMES.index("rm_call")], channels[CHANNEL_NAMES.index("sms")]
        assert 0 < called <= CALLED_SHARE * CUSTOMERS
        assert 0 < texted <= TEXTED_SHARE * CUSTOMERS
        assert called + texted == len(np.unique(contacts.customer)) == len(contacts)
        none = POLICIES[name](replace(now, reachable=np.zeros_like(everybody)))
        assert len(none) == 0


def test_who_opted_out_is_texted_no_more(model: ResponseModel) -> None:
    """Mass texting alone, as `run` asks for it, round after round."""
    seen: list[Round] = []

    def watched(now: Round) -> Contacts:
        seen.append(now)
        return mass_sms(now)

    run(model, "watched", watched)
    sms = CHANNEL_NAMES.index("sms")
    reachable = [int(one.reachable[:, sms].sum()) for one in seen]
    assert reachable == sorted(reachable, reverse=True)
    assert reachable[0] > reachable[-1] > 0
    assert [one.at for one in seen] == [model.begins + n * ROUND_DAYS * DAY + 10 * HOUR for n in range(len(seen))]
    for before, after in pairwise(seen):
        assert not (after.reachable & ~before.reachable).any()

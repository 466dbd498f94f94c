"""A decision made again from its log is the same; and a log that was tampered with is not."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_candidates import CONTEXT, MadeUp, candidate, decided, facts_of, offer_of, people

from lingque.core.errors import WarehouseError
from lingque.core.reasons import Reason
from lingque.decide.contracts import Context, Exploration, Left
from lingque.decide.decisions import Decisions
from lingque.decide.log import log_of
from lingque.decide.replay import Record, code_version, decide_again, differences, made_elsewhere, record_of
from lingque.warehouse.engine import Session

Sessions = Callable[[], Session]
MANY = np.arange(1, 401, dtype=np.int64) * 1_000_003


def logged(decisions: Decisions) -> pa.Table:
    return log_of(decisions, plan="p", campaign="c", phase="once", buckets=8)


def kept(decisions: Decisions) -> Record:
    """As it comes back from the database."""
    found: Record = json.loads(json.dumps(record_of(decisions)))
    return found


def made_up(seed: int, ids: np.ndarray) -> tuple[list[MadeUp], dict[str, list[Any]], np.ndarray]:
    chance = np.random.default_rng(seed)
    n = len(ids)

    def some(share: float) -> list[bool]:
        return list((chance.random(n) < share).tolist())

    offers = [
        candidate(ids, "deposit", channel="email", capped=some(0.2), fatigue=7),
        candidate(ids, "deposit", channel="sms", reachable=some(0.8), factor=1.5, cost=30),
        candidate(ids, "fund", propensity="score", spread="spread", margin=40_000, eligibility="visits > 1",
                  refused={Reason.NO_CONSENT: some(0.3)}),
        candidate(ids, "card", uplift="uplift", margin=9_000, missing_score="refuse", supersedes=["deposit"]),
        candidate(ids, "loan", margin=18_500, stock=40, budget=900, expected_loss="1.25", conversion_cost=10,
                  regime="service"),
    ]  # fmt: skip
    tags: dict[str, list[Any]] = {
        "score": [None if one > 0.9 else one for one in chance.random(n).tolist()],
        "spread": [0.05] * n,
        "uplift": [None if one > 0.3 else one - 0.1 for one in chance.random(n).tolist()],
        "visits": [None if one == 4 else one for one in chance.integers(0, 5, n).tolist()],
    }
    return offers, tags, chance.integers(0, 3, (len(offers), n))


CONTEXTS = {
    "planned": dataclasses.replace(
        CONTEXT, capacity={"email": 60, "sms": 30}, left={"loan": Left(stock=9, budget=None)}
    ),
    "explored": dataclasses.replace(
        CONTEXT, capacity={"email": 60}, exploration=Exploration(epsilon=0.2, thompson=True, draws=16)
    ),
    "asked": dataclasses.replace(
        CONTEXT, hold_out=0.05, prices={"channel:sms": 120.5}, exploration=Exploration(thompson=True, draws=16)
    ),
}


@settings(max_examples=8)
@given(seed=st.integers(0, 10**6), kind=st.sampled_from(sorted(CONTEXTS)))
def test_what_was_decided_is_decided_again_from_the_log(seed: int, kind: str, session: Sessions) -> None:
    context, clock = CONTEXTS[kind], "asked" if kind == "asked" else "planned"
    offers, tags, recent = made_up(seed, MANY)
    decisions = decided(people(MANY, **tags), offers, context, session=session, clock=clock, recent=recent)
    log, record = logged(decisions), kept(decisions)
    again = decide_again(
        record, log, {offer_of(one).name: offer_of(one) for one in offers}, MANY, facts_of(MANY, tags, None)
    )
    assert differences(log, logged(again)) == []
    assert made_elsewhere(record) == ()
    assert len(set(log.column("arm").to_pylist())) > 1


def once(context: Context = CONTEXTS["planned"]) -> tuple[Decisions, list[MadeUp], dict[str, list[Any]]]:
    offers, tags, recent = made_up(1, MANY)
    return decided(people(MANY, **tags), offers, context, recent=recent), offers, tags


def test_what_does_not_follow_from_the_log_is_named() -> None:
    decisions, offers, tags = once()
    log, named = logged(decisions), {offer_of(one).name: offer_of(one) for one in offers}
    at = log.column_names.index("value")
    values = log.column("value").to_pylist()
    forged = log.set_column(at, "value", pa.array([values[0] + 1, *values[1:]], pa.int64()))
    again = logged(decide_again(kept(decisions), forged, named, MANY, facts_of(MANY, tags, None)))
    (found,) = differences(forged, again)
    assert (found.column, found.logged - found.again) == ("value", 1)
    assert (found.customer_id, found.offer) == (log.column("customer_id")[0].as_py(), log.column("offer")[0].as_py())
    other = tags | {"score": [0.5] * len(MANY)}
    moved = logged(decide_again(kept(decisions), log, named, MANY, facts_of(MANY, other, None)))
    changed = differences(log, moved, most=10_000)
    assert len(differences(log, moved, most=3)) == 3
    assert {"response", "value"} <= {one.column for one in changed}


def test_half_a_log_and_an_offer_that_is_gone_are_errors() -> None:
    decisions, offers, tags = once()
    log, named = logged(decisions), {offer_of(one).name: offer_of(one) for one in offers}
    facts = facts_of(MANY, tags, None)
    with pytest.raises(WarehouseError, match="erased or purged"):
        decide_again(kept(decisions), log.slice(1), named, MANY, facts)
    del named["fund"]
    with pytest.raises(WarehouseError, match="'fund', which was decided about, is not defined"):
        decide_again(kept(decisions), log, named, MANY, facts)


def test_another_version_is_named() -> None:
    decisions, _, _ = once()
    record = kept(decisions) | {"code": "0" * 16}
    assert made_elsewhere(record) == (f"code {'0' * 16} then, {code_version()} now",)


def test_a_decision_takes_two_hundred_bytes_at_most(tmp_path: Path) -> None:
    """A typical campaign: four offers on two channels, scores of a model; one decision is all that is said of one
    customer."""
    ids = np.sort(np.random.default_rng(3).integers(1, 2**62, 20_000))
    chance = np.random.default_rng(4)
    offers = [
        candidate(ids, f"offer_{number}", channel=channel, propensity=f"score{number}", margin=10_000 + number,
                  refused={Reason.NO_CONSENT: (chance.random(len(ids)) < 0.3).tolist()})
        for number in range(4) for channel in ("email", "sms")
    ]  # fmt: skip
    scores = {f"score{number}": chance.random(len(ids)).tolist() for number in range(4)}
    decisions = decided(people(ids, **scores), offers, dataclasses.replace(CONTEXT, capacity={"sms": 2_000}))
    path = tmp_path / "log.parquet"
    pq.write_table(logged(decisions), path, compression="zstd")
    assert path.stat().st_size / len(ids) <= 200

"""Look-alike: those who look like the seed come first, by what nobody of them was used to teach."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from lingque.catalog.expressions.types import BOOLEAN, NUMBER, TEXT, Type, money
from lingque.core.reasons import Reason, Refusal
from lingque.predict.look_alike import LookAlike, look_alike

pytest.importorskip("lightgbm")

AS_OF = date(2026, 6, 1)
FEATURES: list[tuple[str, Type]] = [
    ("balance", money("CNY")), ("age", NUMBER), ("city", TEXT), ("online", BOOLEAN), ("noise", NUMBER),
]  # fmt: skip


def made_up(
    count: int = 6_000, *, of_chance: bool = False
) -> tuple[pa.Table, np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Customers, who is in the seed, and how likely each was to be: more balance, over 50, in the capital."""
    random = np.random.default_rng(3)
    balance = np.exp(random.normal(10, 1, count))
    age, city = random.uniform(18, 90, count), random.integers(0, 4, count)
    odds = 0.9 * (np.log(balance) - 10) + 1.2 * (age > 50) + 0.8 * (city == 0) - 4
    chance = np.full(count, 0.05) if of_chance else 1 / (1 + np.exp(-odds))
    rows = pa.table(
        {
            "customer_id": pa.array(random.permutation(count) + 1),
            "balance": pa.array((100 * balance).astype(np.int64), mask=random.random(count) < 0.03),
            "age": pa.array(age),
            "city": pa.array(np.array(["capital", "b", "c", "d"])[city]),
            "online": pa.array(random.random(count) < 0.5),
            "noise": pa.array(random.random(count)),
        }
    )
    return rows, random.random(count) < chance, chance


def found_in(rows: pa.Table, members: np.ndarray[Any, Any]) -> LookAlike:
    found = look_alike(rows, members, FEATURES, as_of=AS_OF, name="wealth_buyers", seed=1)
    assert isinstance(found, LookAlike), found
    return found


def test_the_likest_come_first_with_probabilities_that_come_true() -> None:
    rows, members, chance = made_up()
    found = found_in(rows, members)
    assert (found.seed, found.rest, len(found.ids)) == (
        int(members.sum()),
        int((~members).sum()),
        int((~members).sum()),
    )
    ids = rows.column("customer_id").to_numpy()
    assert set(found.ids.tolist()) == set(ids[~members].tolist())
    assert (np.diff(found.probabilities) <= 0).all()
    by_id = dict(zip(ids.tolist(), chance.tolist(), strict=True))
    true = np.array([by_id[one] for one in found.ids.tolist()])
    tenth = len(true) // 10
    # the likest tenth was far likelier to be in the seed, and the probabilities say about how much
    assert true[:tenth].mean() > 2.5 * true.mean()
    assert found.probabilities[:tenth].mean() == pytest.approx(true[:tenth].mean(), rel=0.35)
    assert found.probabilities.mean() == pytest.approx(true.mean(), rel=0.35)
    assert found.auc.low > 0.65
    assert found.auc.value >= found.other_auc.value
    assert {one.feature for one in found.importances[:3]} == {"balance", "age", "city"}
    again = found_in(rows, members)
    assert np.array_equal(again.ids, found.ids)
    assert np.array_equal(again.probabilities, found.probabilities)


def test_a_seed_of_chance_is_told_to_be_one() -> None:
    rows, members, _ = made_up(2_500, of_chance=True)
    found = found_in(rows, members)
    assert found.other_auc.low < 0.5 < found.other_auc.high or found.auc.low < 0.55


def test_too_small_a_seed_is_refused() -> None:
    rows, members, _ = made_up(1_000)
    few = members & (np.cumsum(members) <= 20)
    for flags, word in ((few, "in the seed"), (~few, "besides the seed")):
        refusal = look_alike(rows, flags, FEATURES, as_of=AS_OF, name="few", seed=1)
        assert isinstance(refusal, Refusal)
        assert (refusal.reason, word in refusal.detail) == (Reason.TOO_FEW_EXAMPLES, True)

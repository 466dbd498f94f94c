"""Clusters: found where they are, the same every time, and computed alike by the tags that are written down."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from lingque.catalog.expressions.parse import parse_derived
from lingque.catalog.expressions.to_python import row_function
from lingque.catalog.expressions.types import BOOLEAN, INTEGER, NUMBER, TEXT, Type, money
from lingque.core.errors import ConfigurationError
from lingque.core.labels import Label
from lingque.core.reasons import Reason, Refusal
from lingque.profile.cluster_tags import tags_of
from lingque.profile.clustering import Clustering, Method, cluster

pytest.importorskip("sklearn")

TYPES: dict[str, Type] = {"balance": money("CNY"), "visits": INTEGER, "rate": NUMBER, "abroad": BOOLEAN}
LABELS = {name: Label(zh=name, en=name) for name in TYPES}
CENTRES = [(2_000_00, 3, 0.1, 0.05), (300_000_00, 40, 0.2, 0.9), (50_000_00, 5, 0.9, 0.5)]
SIZES = (600, 300, 150)
NAME = Label(zh="画像", en="Personas")


def made_up(seed: int = 1, sizes: tuple[int, ...] = SIZES) -> tuple[pa.Table, np.ndarray[Any, Any]]:
    """Customers of three kinds, some values missing, and which kind each is of."""
    random = np.random.default_rng(seed)
    kinds = random.permutation(np.repeat(np.arange(len(sizes)), sizes))
    centre = np.array(CENTRES)[kinds]
    missing = random.random((len(kinds), 4)) < 0.02
    columns = {
        "balance": (centre[:, 0] * np.exp(random.normal(0, 0.15, len(kinds)))).astype(np.int64),
        "visits": np.maximum(centre[:, 1] + random.normal(0, 1, len(kinds)), 0).astype(np.int64),
        "rate": centre[:, 2] + random.normal(0, 0.02, len(kinds)),
        "abroad": random.random(len(kinds)) < centre[:, 3],
    }
    arrays = {name: pa.array(values, mask=missing[:, place]) for place, (name, values) in enumerate(columns.items())}
    return pa.table({"customer_id": pa.array(range(len(kinds))), **arrays}), kinds


def found_in(rows: pa.Table, method: Method, clusters: int) -> Clustering:
    found = cluster(rows, list(TYPES.items()), method=method, clusters=clusters, seed=1)
    assert isinstance(found, Clustering), found
    return found


@pytest.mark.parametrize("method", ["kmeans", "gmm"])
def test_the_definitions_compute_what_was_found(method: Method) -> None:
    rows, kinds = made_up()
    found = found_in(rows, method, 3)
    assigned = found.assigned(rows)
    sizes = [int((assigned == number).sum()) for number in (1, 2, 3)]
    assert sizes == sorted(sizes, reverse=True)
    pure = sum(int(np.bincount(kinds[assigned == number]).max()) for number in (1, 2, 3))
    assert pure >= 0.97 * len(kinds)

    definitions = tags_of(found, "persona", NAME, labels=LABELS, owner="ada")
    names: dict[str, Type] = dict(TYPES)
    values = [dict(row) for row in rows.to_pylist()]
    for one in definitions:
        node = parse_derived(one.value, names)
        names[one.tag] = node.type
        function = row_function(node)
        for row in values:
            row[one.tag] = function(row, date(2026, 6, 1))
    assert [row["persona"] for row in values] == [str(number) for number in assigned]
    assert [row["persona_2"] for row in values] == [number == 2 for number in assigned]
    assert names["persona"] == TEXT
    assert (names["persona_1"], names["persona_fit_3"]) == (BOOLEAN, NUMBER)


def test_the_number_of_clusters_is_found_and_the_result_is_the_same_every_time() -> None:
    rows, _ = made_up()
    numbers = [(name, kind) for name, kind in TYPES.items() if kind != BOOLEAN]
    found = cluster(rows, numbers, method="kmeans", clusters=None, seed=1)
    assert isinstance(found, Clustering)
    assert len(found.centres) == 3
    assert dict(found.tried)[3] == max(criterion for _, criterion in found.tried)
    assert found.silhouette > 0.5
    assert found == cluster(rows, numbers, method="kmeans", clusters=None, seed=1)
    assert sum(profile.customers for profile in found.profiles) == rows.num_rows
    rich = max(found.profiles, key=lambda profile: {one.tag: one.mean for one in profile.traits}["balance"])
    traits = {trait.tag: trait for trait in rich.traits}
    assert traits["balance"].difference > 1
    assert traits["balance"].mean == pytest.approx(300_000, rel=0.1)
    assert abs(rich.traits[0].difference) >= abs(rich.traits[-1].difference)


def test_what_cannot_be_clustered_is_refused_with_its_reason() -> None:
    rows, _ = made_up()
    few = cluster(rows.slice(0, 40), list(TYPES.items()), method="kmeans", clusters=2, seed=1)
    assert isinstance(few, Refusal)
    assert (few.reason, few.detail) == (Reason.TOO_FEW_EXAMPLES, "40 customers, 60 are needed")
    flat = rows.append_column("flat", pa.nulls(rows.num_rows, pa.int64()))
    same = cluster(flat, [*TYPES.items(), ("flat", INTEGER)], method="kmeans", clusters=2, seed=1)
    assert isinstance(same, Refusal)
    assert (same.reason, "flat" in same.detail) == (Reason.NO_VARIATION, True)
    with pytest.raises(ConfigurationError, match="tag 'city' is a text"):
        cluster(rows, [("city", TEXT)], method="kmeans", clusters=2, seed=1)

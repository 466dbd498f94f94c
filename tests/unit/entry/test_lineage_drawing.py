"""The drawing of a lineage: everything stands in it once, nothing lies on anything else, and it reaches for nothing."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import pytest

from lingque.catalog.build import build_catalog
from lingque.catalog.definitions import DataContract, SourceDefinition, TagDefinition
from lingque.catalog.model import Catalog
from lingque.catalog.yaml_files import Located
from lingque.core.errors import NotFoundError
from lingque.entry.lineage_drawing import draw_lineage

SPACE = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    """Two columns that one source fills, of them three tags, of them two more, the last by way of all."""
    columns = {
        "no": {"type": "text", "role": "key"},
        "customer": {"type": "text", "role": "party"},
        "day": {"type": "date", "role": "valid_from"},
        "ward": {"type": "integer", "classes": ["health"]},
        "rooms": {"type": "integer"},
    }
    label = {"zh": "很长很长的名字，比一个方框还要宽的名字，所以要剪掉一段", "en": "A < B & C"}
    contract = {"contract": "stays", "label": label, "kind": "state", "load": "full", "columns": columns}
    values = {"a": "max(ward)", "b": "sum(rooms)", "c": "max(ward + rooms)"}
    tags = [{"tag": name, "from": "stays", "value": value} for name, value in values.items()]
    tags += [{"tag": "d", "value": "a + b"}, {"tag": "top", "value": "d + c + a"}]
    source = {
        "source": "ward_system", "system": "wards", "contract": "stays", "data_date": "2026-06-01",
        "reads": {"beds": {"files": ["beds.csv"]}}, "mapping": "beds.sql",
        "mapping_sql": "SELECT _file, _row, no, customer, day, ward_no AS ward, rooms FROM beds",
    }  # fmt: skip
    found = [DataContract.model_validate(contract), SourceDefinition.model_validate(source)]
    definitions = found + [TagDefinition.model_validate({"label": label, "family": "value"} | tag) for tag in tags]
    return build_catalog(Located(definition=one, file="x.yaml") for one in definitions)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_everything_stands_in_it_once(catalog: Catalog, language: str) -> None:
    drawn = draw_lineage(catalog, "top", language)  # type: ignore[arg-type]
    tree = ElementTree.fromstring(drawn)  # noqa: S314 - we drew it ourselves
    words = [text.text or "" for text in tree.iter(f"{SPACE}text")]
    names = [word.split(" · ")[1] for word in words if " · " in word]
    assert sorted(names) == ["a", "b", "c", "d", "stays", "top", "ward_system"]
    assert [word for word in words if word.startswith("beds.")] == ["beds.rooms", "beds.ward_no"]
    assert words.count("ward") == words.count("rooms") == words.count("health") == 1
    assert drawn == draw_lineage(catalog, "top", language)  # type: ignore[arg-type]
    assert not re.search(r"(href|src|url)\s*[=(]", drawn)


def test_no_box_lies_on_another(catalog: Catalog) -> None:
    tree = ElementTree.fromstring(draw_lineage(catalog, "top", "en"))  # noqa: S314
    boxes = [
        tuple(float(box.get(name, "0")) for name in ("x", "y", "height"))
        for box in tree.iter(f"{SPACE}rect")
        if box.get("rx") == "5"
    ]
    assert len(boxes) == 7
    for (x, y, height), (next_x, next_y, _) in pairwise(sorted(boxes)):
        assert next_x > x or next_y >= y + height
    assert len(list(tree.iter(f"{SPACE}path"))) == 2 + 4 + 2 + 3 + 2, (
        "of files, columns, inputs, a lane for each long one"
    )


def test_a_tag_that_is_not_there_is_not_found(catalog: Catalog) -> None:
    with pytest.raises(NotFoundError):
        draw_lineage(catalog, "tip", "en")

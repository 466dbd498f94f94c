"""The gallery: every tag in both languages, nobody can be recognised, and it reaches for nothing."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from lingque.catalog.build import build_catalog
from lingque.catalog.definitions import DataContract, TagDefinition
from lingque.catalog.model import Catalog
from lingque.catalog.yaml_files import Located
from lingque.core.errors import ConflictError
from lingque.core.ids import RunId
from lingque.core.labels import LANGUAGES, Language
from lingque.entry.show_tag import FAMILIES
from lingque.entry.tag_gallery.cards import Card, gallery_of
from lingque.entry.tag_gallery.writing import render, write_gallery
from lingque.profile.contracts import Coverage, Distribution, SnapshotReport

LABEL = {"zh": "标签<甲>", "en": "Tag <A> & more"}
MEANING = {"zh": "含义。", "en": "What it means."}
TAGS = {
    "amount": {"from": "stays", "value": "sum(paid)", "meaning": MEANING, "owner": "risk"},
    "ward": {"from": "stays", "value": "max(ward)", "family": "scenario"},
    "since": {"from": "stays", "value": "max(came)"},
    "times": {"from": "stays", "value": "count(ward)"},
    "often": {"value": "times > 1"},
    "guess": {"from": "visits", "value": "count(*)", "window": "next 30 days"},
}
SPREADS = {
    "amount": Distribution(edges=(0.0, 100_000.0, 1_234_500.0), values=(), shares=(0.5, 0.3, 0.1, 0.05, 0.05)),
    "ward": Distribution(edges=(), values=("north", "south", "secret"), shares=(0.6, 0.3, 0.002, 0.0, 0.098)),
    "since": Distribution(edges=(20_000.0, 20_300.0, 20_400.0), values=(), shares=(0.25, 0.25, 0.25, 0.25, 0.0)),
    "times": Distribution(edges=(0.0, 0.7, 1.0, 1.9, 3.0), values=(), shares=(0.3, 0.0, 0.3, 0.0, 0.2, 0.2, 0.0)),
    "often": Distribution(edges=(), values=("false", "true"), shares=(0.7, 0.2, 0.0, 0.1)),
}


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    columns = {
        "no": {"type": "text", "role": "key"},
        "customer": {"type": "text", "role": "party"},
        "day": {"type": "date", "role": "valid_from"},
        "ward": {"type": "text", "classes": ["health"], "purposes": ["service", "marketing"]},
        "came": {"type": "date", "classes": ["personal"]},
        "paid": {"type": "money", "currency": "CNY", "classes": ["financial"]},
    }
    state = {"contract": "stays", "label": LABEL, "kind": "state", "load": "full", "columns": columns}
    event = columns | {"day": {"type": "date", "role": "event_time"}}
    visits = state | {"contract": "visits", "kind": "event", "columns": event}
    tags = [{"tag": name, "label": LABEL, "family": "value"} | body for name, body in TAGS.items()]
    found = [DataContract.model_validate(one) for one in (state, visits)]
    definitions = [*found, *(TagDefinition.model_validate(tag) for tag in tags)]
    return build_catalog(Located(definition=one, file="x.yaml") for one in definitions)


def report_of(spreads: Mapping[str, Distribution], customers: int = 1000) -> SnapshotReport:
    return SnapshotReport(
        as_of=date(2026, 6, 1),
        run_id=RunId("snapshot-1"),
        customers=customers,
        coverage={
            name: Coverage(known=round(customers * (1 - one.shares[-1])), true=200 if name == "often" else None)
            for name, one in spreads.items()
        },
        closures={},
        distributions=dict(spreads),
        drift={"amount": 0.31, "ward": 0.12, "times": 0.01},
    )


@pytest.fixture(scope="module")
def report() -> SnapshotReport:
    return report_of(SPREADS)


def cards(catalog: Catalog, report: SnapshotReport | None, language: Language = "en") -> dict[str, Card]:
    return {card.name: card for family in gallery_of(catalog, report, language).families for card in family.cards}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_shows_every_tag_and_reaches_for_nothing(
    catalog: Catalog, report: SnapshotReport, language: Language
) -> None:
    page = render(catalog, report, language)
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert not re.search(r"(src|href)=[\"'](https?:)?//", page)
    assert not re.search(r"url\(", page)
    links = re.findall(r'href="([^"#]+)"', page)
    assert len(links) == len(TAGS) + 1
    for name in TAGS:
        assert f'id="tag-{name}"' in page
    assert re.findall(r'id="([^"]+)"', page) == list(dict.fromkeys(re.findall(r'id="([^"]+)"', page)))
    assert "标签&lt;甲&gt;" in page if language == "zh" else "Tag &lt;A&gt; &amp; more" in page
    for drawn in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        ElementTree.fromstring(drawn)  # noqa: S314 - we drew it ourselves
    assert page == render(catalog, report, language)


def test_a_card_says_what_a_banker_asks(catalog: Catalog, report: SnapshotReport) -> None:
    found = cards(catalog, report)
    amount, ward, often, guess = (found[name] for name in ("amount", "ward", "often", "guess"))
    assert (amount.meaning, amount.owner, amount.known, amount.drift) == ("What it means.", "risk", "95.0%", "0.310")
    assert (amount.tone, ward.tone, found["times"].tone) == ("alarm", "watch", "")
    assert amount.classes == (("financial", True),)
    assert ward.classes == (("health", True),)
    assert ward.only == "service under the contract, marketing"
    assert found["since"].classes == (("personal", False),)
    assert often.true == "200 · 20.0%"
    assert (found["times"].users, often.users) == (1, 0)
    assert (guess.forward, guess.plot, guess.known) == (True, "", "")
    assert dict(amount.definition) == {"from": "stays", "value": "sum(paid)"}
    assert "12,345 CNY" in amount.plot
    assert "1.23 万元" in cards(catalog, report, "zh")["amount"].plot
    assert "2024-10-04" in found["since"].plot
    assert "1970" not in found["since"].plot


def test_whole_numbers_stand_in_bars_of_their_own(catalog: Catalog, report: SnapshotReport) -> None:
    words = re.findall(r">([^<>]+)</text>", cards(catalog, report)["times"].plot)
    assert words == ["0", "30.0%", "1", "30.0%", "2–3", "20.0%", "&gt; 3", "20.0%"]


def test_a_value_that_few_customers_have_is_named_nowhere(catalog: Catalog, report: SnapshotReport) -> None:
    """Of 1,000 sampled, 0.2 % are two people."""
    page = render(catalog, report, "en")
    assert "north" in page
    assert "secret" not in page
    words = re.findall(r">([^<>]+)</text>", cards(catalog, report)["ward"].plot)
    assert words == ["north", "60.0%", "south", "30.0%", "other", "0.2%", "none", "9.8%"]


def test_without_a_snapshot_it_tells_the_definitions(catalog: Catalog) -> None:
    page = render(catalog, None, "en")
    assert "There is no snapshot yet" in page
    assert "<svg" not in page
    assert len(cards(catalog, None)) == len(TAGS)


def test_a_tag_without_any_value_and_one_with_a_single_value_are_drawn_too(catalog: Catalog) -> None:
    empty = Distribution(edges=(), values=(), shares=(0.0, 1.0))
    single = Distribution(edges=(500.0,), values=(), shares=(1.0, 0.0, 0.0))
    found = cards(catalog, report_of({"ward": empty, "amount": single}, customers=3))
    assert (found["ward"].plot, found["ward"].known) == ("", "0.0%")
    assert re.findall(r">([^<>]+)</text>", found["amount"].plot) == ["≤ 5 CNY", "100.0%"]


def test_every_family_has_its_name(catalog: Catalog) -> None:
    families = TagDefinition.model_fields["family"].annotation
    assert set(FAMILIES) == set(getattr(families, "__args__", ()))


def test_the_folder_holds_both_pages_and_every_drawing_and_is_never_overwritten(
    catalog: Catalog, report: SnapshotReport, tmp_path: Path
) -> None:
    written = list(write_gallery(catalog, report, tmp_path / "gallery"))
    assert len(written) == 2 * (len(TAGS) + 1)
    for language in LANGUAGES:
        page = (tmp_path / "gallery" / f"{language}.html").read_text(encoding="utf-8")
        for link in re.findall(r'href="([^"#]+)"', page):
            assert (tmp_path / "gallery" / link).is_file()
    with pytest.raises(ConflictError, match="is not empty"):
        list(write_gallery(catalog, report, tmp_path / "gallery"))

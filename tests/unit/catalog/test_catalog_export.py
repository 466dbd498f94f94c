"""Exported definitions are the same definitions: the same closures when read, the same bytes when written again."""

from __future__ import annotations

from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from small_catalog import EVERYTHING, Workspace

from lingque.catalog.build import build_catalog
from lingque.catalog.definitions import OfferDefinition
from lingque.catalog.yaml_export import export_definitions
from lingque.catalog.yaml_files import Located, read_definitions
from lingque.core.errors import ConfigurationError, ConflictError

PROJECT = Path(__file__).parents[3]
BANKS = {"demo": Path(str(files("lingque.entry") / "demo_bank")), "berka": PROJECT / "examples" / "berka"}


def bytes_under(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def check_round_trip(source: list[Located], folder: Path) -> None:
    export_definitions([one.definition for one in source], folder / "first")
    again = read_definitions(folder / "first")
    assert build_catalog(again).closures == build_catalog(source).closures
    export_definitions([one.definition for one in reversed(again)], folder / "second")
    assert bytes_under(folder / "second") == bytes_under(folder / "first")


@pytest.mark.parametrize("bank", BANKS)
def test_a_bank_is_exported_without_loss(bank: str, tmp_path: Path) -> None:
    check_round_trip(read_definitions(BANKS[bank]), tmp_path)


def test_every_kind_of_definition_is_exported_without_loss(workspace: Workspace, tmp_path: Path) -> None:
    workspace.write("definitions/everything.yaml", EVERYTHING)
    check_round_trip(read_definitions(workspace.folder), tmp_path / "out")


def test_it_is_written_for_people(workspace: Workspace, tmp_path: Path) -> None:
    export_definitions([one.definition for one in read_definitions(workspace.folder)], tmp_path / "out")
    found = {name: text.decode() for name, text in bytes_under(tmp_path / "out").items()}
    assert set(found) == {
        "definitions/contracts/customers.yaml", "definitions/contracts/accounts.yaml",
        "definitions/contracts/transactions.yaml", "definitions/sources/core_accounts.yaml",
        "definitions/tags/consumption.yaml", "definitions/tags/payments.yaml", "definitions/tags/risk.yaml",
        "definitions/offers/deposit.yaml", "definitions/campaigns/idle.yaml", "mapping/accounts.sql",
    }  # fmt: skip
    assert found["definitions/tags/payments.yaml"].splitlines()[1:] == [
        "tag: bookings", "label:", "  zh: 笔数", "  en: Bookings", "family: payments", "from: transactions",
        "window: 1 month", "value: count(*)",
    ]  # fmt: skip
    assert found["definitions/offers/deposit.yaml"].startswith("# Written by 'lingque export'")
    assert "margin: 180\n" in found["definitions/offers/deposit.yaml"]


def test_nothing_is_overwritten(workspace: Workspace, tmp_path: Path) -> None:
    definitions = [one.definition for one in read_definitions(workspace.folder)]
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine", encoding="utf-8")
    for place in (tmp_path / "full", tmp_path / "full" / "notes.txt"):
        with pytest.raises(ConflictError, match="is not empty"):
            export_definitions(definitions, place)
    assert bytes_under(tmp_path / "full") == {"notes.txt": b"mine"}
    (tmp_path / "empty").mkdir()
    assert export_definitions(definitions, tmp_path / "empty")


@pytest.mark.parametrize("path", ["/etc/elsewhere.sql", "../elsewhere.sql"])
def test_a_mapping_is_written_nowhere_else(workspace: Workspace, tmp_path: Path, path: str) -> None:
    located = read_definitions(workspace.folder)
    moved = [
        one.definition.model_copy(update={"mapping": path}) if hasattr(one.definition, "mapping") else one.definition
        for one in located
    ]
    with pytest.raises(ConfigurationError, match="cannot be written beside the others"):
        export_definitions(moved, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    workspace.change("definitions/sources.yaml", "mapping/accounts.sql", str(path))
    (problem,) = workspace.problems()
    assert (problem.field, problem.found) == ("mapping", "the file cannot be read (it lies outside the workspace)")


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t"), min_size=1, max_size=60)
amounts = st.decimals(min_value=-10_000, max_value=10_000, places=2) | st.integers(0, 10**9).map(Decimal)


@settings(max_examples=60)
@given(texts, texts, amounts.map(abs), st.sampled_from(["4.3500", "12.9", "3", "0.10", "1E+2", "1e-7"]).map(Decimal))
def test_words_and_digits_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, zh: str, body: str, margin: Decimal, rate: Decimal
) -> None:
    offer = OfferDefinition.model_validate(
        {
            "offer": "yes", "label": {"zh": zh, "en": "no"}, "regime": "loan", "valid_from": "2026-01-01",
            "valid_to": "2027-01-01", "currency": "CNY", "margin": margin, "response": 0.05, "annual_rate": rate,
            "student": "studies",
            "creatives": {"sms": {"zh": {"body": body + "{annual_rate}"}}},
        }
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("words")
    (path,) = export_definitions([offer], folder)
    (document,) = yaml.safe_load_all(path.read_text(encoding="utf-8"))
    assert OfferDefinition.model_validate(document).model_dump(mode="json") == offer.model_dump(mode="json")

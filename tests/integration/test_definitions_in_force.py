"""Definitions in force: what an edit would change, what is written down of them, and a form that grew old."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sqlalchemy import update
from tiny_bank import OTTO, USERS, Bank
from typer.testing import CliRunner

from lingque.bootstrap import Application, create_workspace
from lingque.catalog.differences import FieldChange
from lingque.catalog.model import Catalog
from lingque.catalog.repository import definitions
from lingque.core.errors import ConfigurationError, ConflictError, DefinitionError
from lingque.core.reasons import Refusal
from lingque.entry.cli import app
from lingque.flow import apply
from lingque.flow.intake import catalog_of, diff, export
from lingque.flow.services import Services
from lingque.govern.access import add_user

pytestmark = pytest.mark.any_database

LIST = "list: complaints\nlabel: {zh: 投诉, en: Complaints}\nowner: min\neffect: exclude\n"


def bytes_under(folder: Path) -> dict[str, bytes]:
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def test_what_was_exported_and_applied_elsewhere_is_the_same(
    defined_bank: Bank, defined: Application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = export(defined.services, tmp_path / "first")
    assert len(files) == len(bytes_under(tmp_path / "first")) > 10
    with pytest.raises(ConflictError, match="is not empty"):
        export(defined.services, tmp_path / "first")

    monkeypatch.delenv("LINGQUE_CONTROL__URL")
    other = Bank(folder=tmp_path / "other")
    shutil.copytree(tmp_path / "first", other.folder)
    create_workspace(other.folder)
    with other.open() as application:
        services = application.services
        with services.database.transaction() as connection:
            for user in USERS:
                add_user(connection, user, at=services.clock.now())
        assert not isinstance(apply(services, OTTO), Refusal)
        assert catalog_of(services).closures == catalog_of(defined.services).closures
        export(services, tmp_path / "second")
    assert bytes_under(tmp_path / "second") == bytes_under(tmp_path / "first")
    # and here nothing would change: the order and the form of the files are no content
    shutil.rmtree(defined_bank.folder / "definitions")
    shutil.copytree(tmp_path / "first" / "definitions", defined_bank.folder / "definitions")
    assert diff(defined.services) == []


def test_an_edit_is_told_field_by_field_and_whom_it_concerns(defined_bank: Bank, defined: Application) -> None:
    assert diff(defined.services) == []
    defined_bank.replace_in("tags", "latest_balance >= cny(20000)", "latest_balance >= cny(30000)")
    defined_bank.replace_in("campaigns", "hold_out: 0.5\n", "hold_out: 0.4\nalso_measure: [deposits_next_30d]\n")
    defined_bank.map("deposits", "SELECT *, 1 AS one FROM deposits")
    with pytest.raises(DefinitionError, match=r"mapping/deposits.sql delivers"):
        diff(defined.services)
    columns = "deposit_no, customer_no, opened_on, amount, term_months, online"
    defined_bank.map("deposits", f"SELECT _file, _row,\n    {columns}\nFROM deposits")
    defined_bank.define("lists", LIST)
    text = (defined_bank.folder / "definitions" / "tags.yaml").read_text(encoding="utf-8").split("---\n")
    defined_bank.define("tags", "---\n".join(part for part in text if "tag: accounts_held" not in part))

    found = {(one.kind, one.name): one for one in diff(defined.services)}
    assert {key: one.what for key, one in found.items()} == {
        ("tag", "idle_money"): "changed",
        ("campaign", "idle_to_deposit"): "changed",
        ("source", "core_deposits"): "changed",
        ("list", "complaints"): "new",
        ("tag", "accounts_held"): "withdrawn",
    }
    old, new = "latest_balance >= cny(20000)", "latest_balance >= cny(30000)"
    assert found["tag", "idle_money"].fields == (FieldChange(field="value", old=old, new=new),)
    assert found["tag", "idle_money"].users == (("campaign", "idle_to_deposit"),)
    assert found["campaign", "idle_to_deposit"].fields == (
        FieldChange(field="hold_out", old=0.5, new=0.4),
        FieldChange(field="also_measure", old=[], new=["deposits_next_30d"]),
    )
    assert [change.field for change in found["source", "core_deposits"].fields] == ["mapping_sql"]

    before = catalog_of(defined.services)
    changes = apply(defined.services, OTTO)
    assert not isinstance(changes, Refusal)
    assert {(one.kind, one.name, one.what) for one in changes} == {(*key, one.what) for key, one in found.items()}
    after = catalog_of(defined.services)
    moved = {key for key in after.closures if after.closures[key] != before.closures.get(key)}
    assert moved == {key for one in found.values() for key in ((one.kind, one.name), *one.users)} - {
        ("tag", "accounts_held")
    }
    assert diff(defined.services) == []


def test_who_answers_for_a_list_is_somebody(defined_bank: Bank, defined: Application) -> None:
    defined_bank.define("lists", LIST.replace("owner: min", "owner: mon"))
    for command in (diff, lambda services: apply(services, OTTO)):
        with pytest.raises(DefinitionError, match=r"lists.yaml:3: owner: there is no user 'mon'; did you mean 'min'"):
            command(defined.services)


@pytest.mark.parametrize("body", [{"tag": "idle_money", "colour": "red"}, {"tag": "idle_money", "label": {"zh": "闲", "en": "Idle"}, "family": "value", "value": "old_name > 1"}])  # fmt: skip  # noqa: E501
def test_definitions_of_an_older_form_ask_to_be_applied_again(
    defined_bank: Bank, defined: Application, body: dict[str, object], tmp_path: Path
) -> None:
    before = catalog_of(defined.services)
    with defined.services.database.transaction() as connection:
        connection.execute(update(definitions).where(definitions.c.name == "idle_money").values(body=body))
    with defined_bank.open() as upgraded:
        are_asked_to_be_applied_again(upgraded.services, before, body, tmp_path)


def are_asked_to_be_applied_again(services: Services, before: Catalog, body: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"in an older form .*tag idle_money") as caught:
        catalog_of(services)
    assert "lingque apply" in caught.value.next_step
    if "colour" in body:
        with pytest.raises(ConfigurationError, match="in an older form"):
            export(services, tmp_path / "out")
    # the digest of what was applied is that of an older form too
    with services.database.transaction() as connection:
        connection.execute(update(definitions).where(definitions.c.name == "idle_money").values(digest="0" * 64))
    assert [(one.kind, one.name, one.what) for one in diff(services)] == [("tag", "idle_money", "changed")]
    assert not isinstance(apply(services, OTTO), Refusal)
    assert catalog_of(services).closures == before.closures


def test_the_commands_say_what_they_found(defined_bank: Bank, tmp_path: Path) -> None:
    def run(*words: str) -> str:
        result = CliRunner().invoke(
            app, [*words, "--as", "otto", "-w", str(defined_bank.folder)], catch_exceptions=False
        )
        assert result.exit_code == 0, result.output
        return result.output

    assert "没有变化" in run("diff")
    defined_bank.replace_in("tags", "value: latest_balance >= cny(20000)", "value: latest_balance >= cny(30000)")
    defined_bank.map("accounts", "SELECT _file, _row, account_no, customer_no,\n    kind, opened_on\nFROM accounts")
    shown = run("diff")
    assert "~ tag idle_money" in shown
    assert "value: latest_balance >= cny(20000) → latest_balance >= cny(30000)" in shown
    assert "campaign idle_to_deposit" in shown
    assert "+    kind, opened_on" in shown
    assert "idle_money" in run("apply")
    assert "没有变化" in run("diff")
    assert "个文件" in run("export", str(tmp_path / "out"))
    assert (tmp_path / "out" / "definitions" / "campaigns" / "idle_to_deposit.yaml").exists()

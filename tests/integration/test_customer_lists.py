"""Lists of customers: from a person's file or a delivery, to who is kept out, and who may know why."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sqlalchemy import select
from tiny_bank import LAN, MIN, OTTO, PRINCIPALS, Bank, audit_of, customer_no, make_loaded, party_of, write_csv
from typer.testing import CliRunner, Result

from lingque.bootstrap import Application
from lingque.core.clock import END_OF_TIME, Instant
from lingque.core.errors import NotFoundError, SourceError
from lingque.core.ids import CustomerId, PartyId
from lingque.core.reasons import Reason, Refusal
from lingque.core.registries import DataClass, Purpose
from lingque.entry.cli.lists import lists_app
from lingque.flow import apply
from lingque.flow.customer_files import CustomerFile
from lingque.flow.lists import remove_from_list, show_lists, upload_list
from lingque.govern.contracts import ListEntry, Permit, PermitAsk
from lingque.govern.lists import CustomerLists, MatchReport, exclusions, members
from lingque.govern.tables import list_members

if TYPE_CHECKING:
    from conftest import Controls

LISTS = """
list: do_not_call
label: {zh: 勿扰名单, en: Do not call}
owner: min
effect: exclude
---
list: watched
label: {zh: 关注名单, en: Watched}
owner: min
effect: exclude
secret: true
---
list: vip
label: {zh: 贵宾, en: VIP}
owner: lan
effect: audience
valid_days: 30
"""
DAY = 86_400_000_000
MIN_TOO = PRINCIPALS["lan_too"]


def make_listed(folder: Path) -> None:
    make_loaded(folder)
    bank = Bank(folder=folder)
    bank.define("lists", LISTS)
    with bank.open() as application:
        assert not isinstance(apply(application.services, OTTO), Refusal)


@pytest.fixture
def bank(controls: Controls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bank]:
    """The loaded bank with three lists."""
    bank = controls.workspace("listed", tmp_path / "listed", monkeypatch, make=make_listed)
    yield bank
    controls.drop(bank.control)


@pytest.fixture
def listed(bank: Bank) -> Iterator[Application]:
    with bank.open() as application:
        yield application


def lists_of(application: Application) -> CustomerLists:
    return CustomerLists(application.vault, application.services.clock, application.services.calendar)


def file_of(application: Application, *numbers: str, header: str = "customer_no") -> CustomerFile:
    path = application.services.folder / "list.csv"
    write_csv(path, ("note", header), [("x", number) for number in numbers])
    return CustomerFile(path=path, column="customer_no", system="core")


def upload(application: Application, name: str, *customers: int, expires_on: date | None = None) -> MatchReport:
    owner = LAN if name == "vip" else MIN
    source = file_of(application, *(customer_no(n) for n in customers))
    done = upload_list(application.services, lists_of(application), name, source, owner, expires_on=expires_on)
    assert isinstance(done, MatchReport)
    return done


def on(application: Application, name: str, *, after_days: int = 0) -> set[int]:
    """Which of the bank's first customers are on the list."""
    services = application.services
    with services.database.reading() as connection:
        found = set(members(connection, name, at=Instant(services.clock.now() + after_days * DAY)).tolist())
        numbers = {customer_no(n): n for n in range(30)}
        parties = application.vault.resolve(connection, namespace="core/customers", keys=numbers, mint=False)
    return {numbers[number] for number, party in parties.items() if party in found}


def ask(application: Application, purpose: Purpose = Purpose.MARKETING) -> PermitAsk:
    now = application.services.clock.now()
    return PermitAsk(purpose=purpose, channel="email", data_classes=DataClass.PERSONAL, moment=now)


def against(application: Application, n: int, purpose: Purpose = Purpose.MARKETING) -> str:
    """What speaks against writing to the customer, judged alone and among many alike."""
    services, customer = application.services, party_of(application, customer_no(n))
    with services.database.reading() as connection:
        one = services.permits.permit(connection, CustomerId(customer), ask(application, purpose))
        many = services.permits.permit_set(
            connection, np.array([customer, 5, 6], dtype=np.int64), ask(application, purpose)
        )
    assert bool(many.allowed[0]) == isinstance(one, Permit)
    return one.detail.partition(": ")[2] if isinstance(one, Refusal) else ""


def test_every_row_of_a_file_is_accounted_for_and_none_by_value(listed: Application) -> None:
    assert upload(listed, "do_not_call", 1).changed == 1
    known, other, stranger = customer_no(1), customer_no(2), "KD9999999999"
    source = file_of(listed, known, f" {other} ", stranger, other, "", "two words", stranger, known)
    done = upload_list(listed.services, lists_of(listed), "do_not_call", source, MIN, expires_on=None)
    assert done == MatchReport(rows=8, matched=2, already=1, unknown=(4,), repeated=(5, 8, 9), invalid=(6, 7))
    assert done.changed == 1
    assert on(listed, "do_not_call") == {1, 2}
    assert "KD" not in str(done)
    assert not any("KD" in f"{row.subject}{row.detail}" for row in audit_of(listed.services))
    entry = audit_of(listed.services, "upload_list")[-1]
    assert (entry.actor, entry.subject) == ("min", "list do_not_call")
    assert (entry.detail["rows"], entry.detail["changed"], entry.detail["unknown"]) == (8, 1, 1)


def test_whoever_is_on_an_excluding_list_may_not_be_written_to_and_after_removal_may(listed: Application) -> None:
    assert against(listed, 1) == ""
    upload(listed, "do_not_call", 1)
    assert against(listed, 1) == "ON_EXCLUSION_LIST"
    assert against(listed, 2) == ""
    assert against(listed, 1, Purpose.SERVICE) == "", "what the contract owes the customer goes out"
    source = file_of(listed, customer_no(1), customer_no(2))
    gone = remove_from_list(listed.services, lists_of(listed), "do_not_call", source, MIN)
    assert isinstance(gone, MatchReport)
    assert (gone.matched, gone.already, gone.changed) == (2, 1, 1)
    assert against(listed, 1) == ""
    with listed.services.database.reading() as connection:
        (row,) = connection.execute(select(list_members)).all()
    assert (row.added_by, row.removed_by) == ("min", "min"), "that it was so stays on record"


def test_an_audience_keeps_nobody_out(listed: Application) -> None:
    upload(listed, "vip", 1)
    assert against(listed, 1) == ""


def test_a_list_works_as_it_is_defined_now(bank: Bank, listed: Application) -> None:
    upload(listed, "do_not_call", 1)
    bank.replace_in("lists", "list: do_not_call", "list: do_not_mail")
    apply(listed.services, OTTO)
    assert against(listed, 1) == "", "a list that is withdrawn does nothing"
    bank.replace_in("lists", "list: do_not_mail", "list: do_not_call")
    apply(listed.services, OTTO)
    assert against(listed, 1) == "ON_EXCLUSION_LIST"


def test_only_compliance_learns_that_a_secret_list_was_the_reason(listed: Application) -> None:
    upload(listed, "watched", 1)
    upload(listed, "do_not_call", 1)
    assert against(listed, 1) == "ON_EXCLUSION_LIST, COMPLIANCE_EXCLUSION"
    services, customer = listed.services, CustomerId(party_of(listed, customer_no(1)))
    with services.database.reading() as connection:
        refusal = services.permits.permit(connection, customer, ask(listed))
        seen = {
            viewer.user: exclusions(connection, customer, at=services.clock.now(), viewer=viewer)
            for viewer in (MIN, LAN, OTTO)
        }
    assert isinstance(refusal, Refusal)
    assert "watched" not in str(refusal)
    assert seen == {"min": ["do_not_call", "watched"], "lan": ["do_not_call"], "otto": ["do_not_call"]}
    for viewer, names in ((MIN, ["do_not_call", "vip", "watched"]), (LAN, ["do_not_call", "vip"])):
        shown = show_lists(services, viewer)
        assert not isinstance(shown, Refusal)
        assert [entry.definition.list for entry in shown] == names
    with pytest.raises(NotFoundError, match="no list 'watched'") as error:
        show_lists(services, LAN, name="watched")
    assert "watched" not in error.value.next_step


def test_only_who_answers_for_a_list_may_change_it(listed: Application) -> None:
    source = file_of(listed, customer_no(1))
    for name, actor, told in (
        ("do_not_call", LAN, "manage_exclusion_lists"),
        ("vip", MIN, "manage_audience_lists"),
        ("vip", PRINCIPALS["lin"], "lan answers for list 'vip'"),
        ("do_not_call", MIN_TOO, "min answers for list 'do_not_call'"),
    ):
        refusal = upload_list(listed.services, lists_of(listed), name, source, actor, expires_on=None)
        assert isinstance(refusal, Refusal)
        assert refusal.reason is Reason.ROLE_NOT_ALLOWED
        assert told in refusal.detail
    assert len(audit_of(listed.services, "refused_upload_list")) == 4
    assert on(listed, "vip") == on(listed, "do_not_call") == set()
    denied = show_lists(listed.services, PRINCIPALS["root"])
    assert isinstance(denied, Refusal)


def test_members_go_off_on_the_day_named_or_after_the_days_of_the_list(listed: Application) -> None:
    upload(listed, "do_not_call", 1, expires_on=date(2026, 6, 11))
    assert on(listed, "do_not_call", after_days=9) == {1}
    assert on(listed, "do_not_call", after_days=10) == set()
    upload(listed, "vip", 1)
    upload(listed, "vip", 2, expires_on=date(2026, 6, 3))
    upload(listed, "vip", 3, expires_on=date(2027, 1, 1))
    assert on(listed, "vip") == {1, 2, 3}
    assert on(listed, "vip", after_days=29) == {1, 3}
    assert on(listed, "vip", after_days=30) == set()


def test_an_upload_gives_those_on_the_list_the_new_expiry(listed: Application) -> None:
    upload(listed, "do_not_call", 1, 2, expires_on=date(2026, 6, 11))
    assert upload(listed, "do_not_call", 1).already == 1
    assert on(listed, "do_not_call", after_days=10) == {1}
    (do_not_call,) = show_lists(listed.services, MIN, name="do_not_call")
    assert do_not_call.members == 2
    assert [(act.put_on, act.still_on) for act in do_not_call.acts] in ([(2, 1), (1, 1)], [(1, 1), (2, 1)])


def delivered(application: Application, name: str, *customers: int, expires_on: date | None = None) -> list[ListEntry]:
    return [
        ListEntry(
            list_name=name,
            party_id=PartyId(party_of(application, customer_no(n))),
            expires_on=expires_on,
            origin="core_lists 2026-06-01",
        )
        for n in customers
    ]


def test_a_full_delivery_replaces_deliveries_and_leaves_what_people_did(listed: Application) -> None:
    upload(listed, "do_not_call", 1)
    register = lists_of(listed)

    def deliver(entries: list[ListEntry], *, replace: bool) -> int:
        with listed.services.database.transaction() as connection:
            return register.record_members(connection, entries, replace=replace)

    assert deliver(delivered(listed, "do_not_call", 2, 3) + delivered(listed, "watched", 4), replace=True) == 3
    assert on(listed, "do_not_call") == {1, 2, 3}
    assert deliver(delivered(listed, "do_not_call", 5), replace=False) == 1
    assert deliver(delivered(listed, "do_not_call", 5), replace=False) == 0, "a delivery that comes again"
    assert on(listed, "do_not_call") == {1, 2, 3, 5}
    assert deliver(delivered(listed, "do_not_call", 3, 10), replace=True) == 1
    assert on(listed, "do_not_call") == {1, 3, 10}
    assert on(listed, "watched") == {4}, "a list that is not named is left alone"
    assert deliver(delivered(listed, "do_not_call", 3, expires_on=date(2026, 6, 3)), replace=False) == 0
    assert on(listed, "do_not_call", after_days=2) == {1, 10}
    assert against(listed, 10) == "ON_EXCLUSION_LIST"
    with listed.services.database.reading() as connection:
        rows = connection.execute(select(list_members)).all()
    assert len(rows) == 7, "nothing was deleted"
    assert sum(row.removed_at == END_OF_TIME for row in rows) == 4


UNREADABLE = [
    (b"number\nKD202600001\n", "no column 'customer_no'"),
    (b"", "no column 'customer_no'"),
    ("customer_no\nKD".encode("utf-16"), "neither UTF-8 nor GB18030"),
    (b'customer_no\n"' + b"x" * 140_000 + b'"\n', "not a CSV"),
]


def test_a_file_that_cannot_be_read_changes_nothing_and_its_content_is_not_told(listed: Application) -> None:
    source = file_of(listed)
    for content, told in UNREADABLE:
        source.path.write_bytes(content)
        with pytest.raises(SourceError, match=told) as error:
            upload_list(listed.services, lists_of(listed), "do_not_call", source, MIN, expires_on=None)
        assert "KD" not in str(error.value)
    gone = CustomerFile(path=source.path.with_name("gone.csv"), column="customer_no", system="core")
    with pytest.raises(SourceError, match=r"gone\.csv cannot be read"):
        upload_list(listed.services, lists_of(listed), "do_not_call", gone, MIN, expires_on=None)
    assert on(listed, "do_not_call") == set()


def test_a_file_of_a_chinese_spreadsheet_is_read(listed: Application) -> None:
    source = file_of(listed)
    source.path.write_bytes(f"备注,customer_no\n贵宾,{customer_no(1)}\n".encode("gb18030"))
    done = upload_list(listed.services, lists_of(listed), "vip", source, LAN, expires_on=None)
    assert isinstance(done, MatchReport)
    assert done.matched == 1
    source.path.write_bytes(f"\ufeffcustomer_no,note\r\n{customer_no(2)},贵宾\r\n\r\n".encode())
    done = upload_list(listed.services, lists_of(listed), "vip", source, LAN, expires_on=None)
    assert isinstance(done, MatchReport)
    assert (done.rows, done.matched) == (1, 1)


def command(bank: Bank, *arguments: str, user: str = "min") -> Result:
    return CliRunner().invoke(lists_app, [*arguments, "--as", user, "--workspace", str(bank.folder)])


def test_the_commands_say_what_they_did(bank: Bank) -> None:
    path = Path(write_csv(bank.folder / "l.csv", ("no",), [(customer_no(1),), (customer_no(2),), ("KD1",), ("",)]))
    which = ("do_not_call", str(path), "--column", "no", "--system", "core")
    done = command(bank, "upload", *which, "--expires", "2999-01-01")
    assert done.exit_code == 0, done.output
    assert "匹配到客户" in done.output
    assert "KD" not in done.output
    shown = command(bank, "show", "do_not_call")
    assert "勿扰名单" in shown.output
    assert "min" in shown.output
    assert command(bank, "show", user="lan").output.count("watched") == 0
    assert command(bank, "remove", *which).exit_code == 0
    refused = command(bank, "upload", *which, user="lan")
    assert refused.exit_code == 3

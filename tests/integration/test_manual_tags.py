"""Manual tags: given by hand or from a file, taken back, expired; what a snapshot of which morning knows of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select
from tiny_bank import AS_OF, OTTO, PRINCIPALS, Bank, audit_of, customer_no, make_loaded, party_of, write_csv
from typer.testing import CliRunner

from lingque.bootstrap import Application
from lingque.core.errors import NotFoundError, SourceError
from lingque.core.ids import PartyId
from lingque.core.reasons import Reason, Refusal
from lingque.entry.cli import app
from lingque.flow import apply
from lingque.flow.customer_files import CustomerFile
from lingque.flow.intake import catalog_of
from lingque.flow.manual_tags import CustomerNumber, import_tag, set_tag
from lingque.govern.lists import MatchReport
from lingque.profile.manual import Giving, give, given
from lingque.profile.tables import tag_values

pytestmark = pytest.mark.any_database

if TYPE_CHECKING:
    from conftest import Controls

TAGS = """
tag: hobby
label: {zh: 爱好, en: Hobby}
family: relationship
manual: {type: text, allowed: [golf, 茶艺], valid_days: 30}
---
tag: outside_wealth
label: {zh: 他行资产, en: Wealth at other banks}
family: assets
manual: {type: money, currency: CNY, classes: [financial], purposes: [service, marketing]}
---
tag: wedding_on
label: {zh: 婚礼日期, en: Wedding}
family: lifecycle
manual: {type: date}
---
tag: plays_golf
label: {zh: 打高尔夫, en: Plays golf}
family: relationship
value: hobby = 'golf' and coalesce(outside_wealth, cny(0)) >= cny(1000)
"""
LAN = PRINCIPALS["lan"]
DAY = 86_400_000_000


def make_tagged(folder: Path) -> None:
    make_loaded(folder)
    bank = Bank(folder=folder)
    bank.define("manual", TAGS)
    with bank.open() as application:
        assert not isinstance(apply(application.services, OTTO), Refusal)


@pytest.fixture
def bank(controls: Controls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bank]:
    bank = controls.workspace("tagged", tmp_path / "tagged", monkeypatch, make=make_tagged)
    yield bank
    controls.drop(bank.control)


@pytest.fixture
def tagged(bank: Bank) -> Iterator[Application]:
    with bank.open() as application:
        yield application


def put(application: Application, tag: str, n: int, text: str | None, **more: Any) -> bool | Refusal:
    customer = CustomerNumber(number=customer_no(n), system="core")
    return set_tag(application.services, application.vault, tag, customer, text, LAN, **more)


def value_of(
    application: Application, name: str, n: int, *, after_days: int = 0, links: dict[int, int] | None = None
) -> Any:
    services = application.services
    tag = catalog_of(services).tag(name)
    moment = services.clock.now() + after_days * DAY
    with services.database.reading() as connection:
        found = given(connection, tag, links or {}, at=moment)  # type: ignore[arg-type]
    return dict(zip(found.customers.tolist(), found.values.to_pylist(), strict=True)).get(
        party_of(application, customer_no(n))
    )


def imported(application: Application, tag: str, *rows: tuple[str, str]) -> MatchReport:
    path = application.services.folder / "values.csv"
    write_csv(path, ("customer_no", "value"), rows)
    file = CustomerFile(path=path, column="customer_no", system="core")
    done = import_tag(application.services, application.vault, tag, file, "value", LAN)
    assert isinstance(done, MatchReport)
    return done


def test_a_value_holds_from_the_moment_it_is_given_until_it_is_replaced_or_taken_back(tagged: Application) -> None:
    assert value_of(tagged, "hobby", 1) is None
    assert put(tagged, "hobby", 1, "golf") is True
    assert put(tagged, "hobby", 1, "golf") is False, "it was so already"
    assert value_of(tagged, "hobby", 1) == "golf"
    assert value_of(tagged, "hobby", 1, after_days=-1) is None, "nobody knew it yesterday"
    assert put(tagged, "hobby", 1, "茶艺") is True
    assert value_of(tagged, "hobby", 1) == "茶艺"
    assert put(tagged, "hobby", 1, None) is True
    assert put(tagged, "hobby", 1, None) is False
    assert value_of(tagged, "hobby", 1) is None
    with tagged.services.database.reading() as connection:
        kept = connection.execute(select(tag_values.c.value).order_by(tag_values.c.value_id)).scalars().all()
    assert kept == ["golf", "茶艺", None], "nothing is ever deleted"
    assert [row.act for row in audit_of(tagged.services) if row.act in ("set_tag", "unset_tag")] == [
        "set_tag", "set_tag", "set_tag", "unset_tag", "unset_tag",
    ]  # fmt: skip


def test_an_expired_value_is_none_and_brings_nothing_older_back(tagged: Application) -> None:
    assert put(tagged, "wedding_on", 1, "2026-12-24") is True
    assert put(tagged, "wedding_on", 1, "2026-10-01", expires_on=date(2026, 6, 11)) is True
    assert value_of(tagged, "wedding_on", 1, after_days=9) == date(2026, 10, 1)
    assert value_of(tagged, "wedding_on", 1, after_days=10) is None
    assert put(tagged, "hobby", 2, "golf") is True
    assert value_of(tagged, "hobby", 2, after_days=29) == "golf"
    assert value_of(tagged, "hobby", 2, after_days=30) is None, "the definition says 30 days"


def test_a_customer_has_the_newest_of_its_parties(tagged: Application) -> None:
    assert put(tagged, "hobby", 2, "golf") is True
    assert put(tagged, "hobby", 1, "茶艺") is True
    one, two = (party_of(tagged, customer_no(n)) for n in (1, 2))
    assert value_of(tagged, "hobby", 2, links={one: two}) == "茶艺"
    assert value_of(tagged, "hobby", 2) == "golf"


def test_every_row_of_a_file_is_accounted_for_and_none_by_value(tagged: Application) -> None:
    assert put(tagged, "outside_wealth", 3, "12.50") is True
    report = imported(
        tagged, "outside_wealth", (customer_no(1), "1000"), (customer_no(2), "a lot"), ("KD9999999999", "5"),
        (customer_no(3), "12.5"), (customer_no(1), "7"), ("", "5"), (customer_no(4), "0.001"),
    )  # fmt: skip
    assert report == MatchReport(rows=7, matched=2, already=1, unknown=(4,), repeated=(6,), invalid=(3, 7, 8))
    assert value_of(tagged, "outside_wealth", 1) == 100_000
    (entry,) = [row for row in audit_of(tagged.services) if row.act == "import_tag"]
    assert entry.detail["changed"] == 1
    assert entry.detail["origin"].startswith("file ")


def test_a_snapshot_of_the_next_morning_knows_the_value_and_that_of_this_morning_does_not(tagged: Application) -> None:
    services = tagged.services
    assert put(tagged, "hobby", 1, "golf") is True
    imported(tagged, "outside_wealth", (customer_no(1), "2000"), (customer_no(2), "2000"))
    catalog = catalog_of(services)
    one, two = (party_of(tagged, customer_no(n)) for n in (1, 2))
    services.profile.snapshot(catalog, AS_OF, actor="otto")
    services.profile.snapshot(catalog, date(2026, 6, 2), actor="otto")
    with services.database.reading() as connection:
        morning, next_morning, other = (
            services.profile.values_of(connection, day, customer)
            for day, customer in ((AS_OF, one), (date(2026, 6, 2), one), (date(2026, 6, 2), two))
        )
    names = ("hobby", "outside_wealth", "plays_golf")
    assert [[row[name] for name in names] for row in (morning, next_morning, other)] == [
        [None, None, False],
        ["golf", 200_000, True],
        [None, 200_000, None],
    ]
    assert services.profile.snapshot(catalog, date(2026, 6, 2), actor="otto").already_done
    with services.database.transaction() as connection:
        values = {PartyId(two): "golf"}
        give(connection, "hobby", values, Giving(by="lan", at=services.clock.now(), origin="by hand"))
    assert not services.profile.snapshot(catalog, date(2026, 6, 2), actor="otto").already_done


@pytest.mark.parametrize(
    ("tag", "text", "message"),
    [
        ("hobby", "chess", "must be one of golf, 茶艺"),
        ("outside_wealth", "12,5", "must be an amount of CNY"),
        ("outside_wealth", "99999999999999999999", "must be an amount of CNY"),
        ("wedding_on", "soon", "must be a day"),
    ],
)
def test_a_value_that_the_tag_cannot_have_is_explained_and_not_repeated(
    tagged: Application, tag: str, text: str, message: str
) -> None:
    with pytest.raises(SourceError, match=message) as caught:
        put(tagged, tag, 1, text)
    assert text not in str(caught.value)


def test_who_and_what_is_not_there_is_told(tagged: Application) -> None:
    customer = CustomerNumber(number="KD9999999999", system="core")
    with pytest.raises(NotFoundError, match="no customer has that number in core") as caught:
        set_tag(tagged.services, tagged.vault, "hobby", customer, "golf", LAN)
    assert "KD" not in str(caught.value)
    with pytest.raises(NotFoundError, match="'plays_golf' is no manual tag"):
        put(tagged, "plays_golf", 1, "true")
    with pytest.raises(NotFoundError, match="there is no tag 'hoby'"):
        put(tagged, "hoby", 1, "golf")


def test_values_are_given_by_those_who_may(tagged: Application) -> None:
    customer = CustomerNumber(number=customer_no(1), system="core")
    denied = set_tag(tagged.services, tagged.vault, "hobby", customer, "golf", PRINCIPALS["min"])
    assert isinstance(denied, Refusal)
    assert denied.reason is Reason.ROLE_NOT_ALLOWED
    assert value_of(tagged, "hobby", 1) is None
    assert [row.act for row in audit_of(tagged.services)][-1] == "refused_set_tag"


def test_the_commands_give_import_list_and_take_back(bank: Bank) -> None:
    def run(*arguments: str) -> str:
        done = CliRunner().invoke(app, ["tags", *arguments, "--as", "lan", "-w", str(bank.folder)])
        assert done.exit_code == 0, (done.output, done.exception)
        return done.output

    who = ("--customer", customer_no(1), "--system", "core")
    assert "已更改" in run("set", "hobby", "golf", *who, "--expires", "2099-01-01")
    assert "原已如此" in run("set", "hobby", "golf", *who, "--expires", "2099-01-01")
    path = write_csv(bank.folder / "v.csv", ("no", "amount"), [(customer_no(1), "5"), ("KD9999999999", "6")])
    report = run("import", "outside_wealth", str(path), "--column", "no", "--value", "amount", "--system", "core")
    assert "KD9999999999" not in report
    assert "新赋值" in report
    assert "已更改" in run("unset", "hobby", *who)
    listed = run("list")
    assert "manual (golf, 茶艺)" in " ".join(listed.split())

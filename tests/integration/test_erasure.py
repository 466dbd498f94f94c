"""After an erasure nothing is left and nothing else missing, whatever kept it and wherever it died."""

from __future__ import annotations

import json
from typing import Any

import pytest
from customers_requests import JAN, ON_SQLITE, WHO, assert_gone, done, leave, receive, rows_about
from sqlalchemy import select
from tiny_bank import (
    AS_OF,
    MIN,
    PRINCIPALS,
    Bank,
    audit_of,
    customer_no,
    load_all,
    name_of,
    party_of,
    rows_of,
)

from lingque.bootstrap import Application
from lingque.core.errors import ConflictError
from lingque.core.ids import CustomerId
from lingque.core.reasons import Reason, Refusal
from lingque.core.registries import DataClass, Purpose
from lingque.deliver.tables import deliveries
from lingque.flow import apply, run_tags
from lingque.flow.customer_files import CustomerFile
from lingque.flow.customers import Said, record_consent
from lingque.flow.disclosing import package_for
from lingque.flow.erasing import carry_out_erasure
from lingque.flow.lists import upload_list
from lingque.flow.rights import (
    refuse_request,
    returned_customers,
    show_request,
)
from lingque.govern.contracts import Permit
from lingque.govern.rights.requests import RequestKind, RequestState
from lingque.govern.tables import consents, vault_keys


@ON_SQLITE
def test_an_erasure_takes_a_second_person_also_under_another_account(loaded: Application) -> None:
    request = receive(loaded, RequestKind.ERASURE)
    refusal = carry_out_erasure(loaded.services, request.request_id, MIN)
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.OWN_WORK
    assert done(show_request(loaded.services, request.request_id, MIN)).state is RequestState.RECEIVED


def test_after_an_erasure_nothing_is_left_in_either_plane_and_nothing_else_is_missing(
    sent_bank: Bank, used: Application
) -> None:
    services, customer = used.services, party_of(used, customer_no(WHO))
    before = {table: len(rows) for table in ("customers", "accounts", "transactions", "customer_tags")
              for rows in [rows_of(services, table)]}  # fmt: skip
    about = rows_about(services, {customer})
    (account,) = [row["account_no"] for row in rows_of(services, "accounts") if row["customer_id"] == customer]
    request = receive(used, RequestKind.ERASURE)
    closed = done(carry_out_erasure(services, request.request_id, JAN))
    assert closed.state is RequestState.DONE
    assert closed.outcome["control_plane"]["vault_identifiers"] == 2
    assert closed.outcome["control_plane"]["vault_surrogates"] == 1
    assert closed.outcome["data_plane"] == {table: rows for table, rows in about.items() if table != "decisions"}
    assert closed.outcome["kept_by_surrogate"]["consents"] == 1
    assert closed.outcome["kept_by_law"] == ["decisions"]
    assert any("backups" in line for line in closed.outcome["elsewhere"])
    assert_gone(used, sent_bank.folder, customer)
    for table, rows in before.items():
        assert len(rows_of(services, table)) == rows - about[table]
    with services.database.reading() as connection:
        accounts = used.vault.resolve(connection, namespace="core/accounts", keys=["62220210000012"], mint=False)
        assert account not in accounts.values()
        assert connection.execute(select(consents).where(consents.c.party_id == customer)).first() is not None
    with pytest.raises(ConflictError, match="is closed"):
        carry_out_erasure(services, request.request_id, JAN)
    refusal = leave(used, customer, Purpose.SERVICE)
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.UNKNOWN_CUSTOMER


@ON_SQLITE
def test_after_an_erasure_the_key_is_in_no_file_not_even_in_the_log_of_what_was_overwritten(
    sent_bank: Bank, used: Application
) -> None:
    services, customer = used.services, party_of(used, customer_no(WHO))
    with services.database.reading() as connection:
        of = select(vault_keys.c.wrapped_key).where(vault_keys.c.party_id == customer)
        key = connection.execute(of).scalar_one()

    def held() -> list[str]:
        return [path.name for path in sent_bank.folder.rglob("*.db*") if key in path.read_bytes()]

    assert held()
    done(carry_out_erasure(services, receive(used, RequestKind.ERASURE).request_id, JAN))
    assert held() == []


def test_after_an_erasure_the_way_goes_on(sent_bank: Bank, used: Application) -> None:
    """The same files are known; tags are computed anew of those who are there; a re-sent customer is somebody new."""
    services, customer = used.services, party_of(used, customer_no(WHO))
    done(carry_out_erasure(services, receive(used, RequestKind.ERASURE).request_id, JAN))
    assert all(report.already_done for report in load_all(services))
    report = done(run_tags(services, AS_OF, PRINCIPALS["otto"]))
    assert report.customers == 99
    (delivered,) = (sent_bank.folder / "landing").glob("customers_*.csv")
    delivered.write_text(delivered.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    load_all(services)
    again = party_of(used, customer_no(WHO))
    assert again != customer
    assert rows_about(services, {customer})["customers"] == 0
    # the old consents come again with their file, and count no more; those of others do, and so does a new one
    (said,) = (sent_bank.folder / "landing").glob("consents_*.csv")
    said.write_text(said.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    load_all(services)
    refusal = leave(used, again, Purpose.MARKETING)
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.NO_CONSENT
    assert isinstance(leave(used, again, Purpose.SERVICE), Permit)
    assert isinstance(leave(used, party_of(used, customer_no(WHO + 1)), Purpose.MARKETING), Permit)
    assert [one.customer_id for one in done(returned_customers(services, MIN))] == [again]
    (told,) = audit_of(services, "erased_customer_delivered_again")
    assert told.subject == f"party {again}"
    sent_bank.clock.advance(86_400_000_000)
    yes = Said(
        purpose=Purpose.MARKETING, channel="email", data_classes=DataClass(0), given=True, by_guardian=False,
        wording_version="v2", evidence="branch form", days=None,
    )  # fmt: skip
    assert done(record_consent(services, CustomerId(again), yes, MIN)) == 1
    assert isinstance(leave(used, again, Purpose.MARKETING), Permit)


@ON_SQLITE
def test_a_law_that_keeps_the_identity_makes_a_restriction_of_it(
    bank: Bank, loaded: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = receive(loaded, RequestKind.ERASURE)
    monkeypatch.setenv("LINGQUE_RIGHTS__LEGAL_HOLD", '["decisions", "vault"]')
    bank.clock.advance(1)
    with bank.open() as application:
        closed = done(carry_out_erasure(application.services, request.request_id, JAN))
        assert closed.state is RequestState.RESTRICTED
        assert closed.outcome["reason"] == "KEPT_BY_LAW"
        assert closed.outcome["consents_withdrawn"] == 1
        party = party_of(application, customer_no(WHO))
        with application.services.database.reading() as connection:
            assert application.vault.disclose(connection, [party])[party]["name"] == name_of(WHO)


@ON_SQLITE
def test_another_table_may_be_kept_by_law(bank: Bank, loaded: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    customer = party_of(loaded, customer_no(WHO))
    request = receive(loaded, RequestKind.ERASURE)
    monkeypatch.setenv("LINGQUE_RIGHTS__LEGAL_HOLD", '["transactions"]')
    with bank.open() as application:
        closed = done(carry_out_erasure(application.services, request.request_id, JAN))
        assert closed.outcome["kept_by_law"] == ["transactions"]
        about = rows_about(application.services, {customer})
        assert about.pop("transactions") == 2
        assert set(about.values()) == {0}


SECRET_LIST = """
list: watched
label: {zh: 关注名单, en: Watched}
owner: min
effect: exclude
secret: true
"""


def test_who_is_watched_is_restricted_and_only_compliance_learns_why(bank: Bank, loaded: Application) -> None:
    services = loaded.services
    bank.define("lists", SECRET_LIST)
    done(apply(services, PRINCIPALS["otto"]))
    file = bank.folder / "watched.csv"
    file.write_text(f"number\n{customer_no(WHO)}\n", encoding="utf-8")
    source = CustomerFile(path=file, column="number", system="core")
    done(upload_list(services, services.lists, "watched", source, MIN, expires_on=None))
    bank.clock.advance(1)
    access = done(package_for(services, receive(loaded, RequestKind.ACCESS).request_id, MIN))
    assert "watched" not in json.dumps(access)
    request = receive(loaded, RequestKind.ERASURE)
    closed = done(carry_out_erasure(services, request.request_id, JAN))
    assert closed.state is RequestState.RESTRICTED
    assert closed.outcome["reason"] == "KEPT_BY_LAW"
    assert closed.outcome["compliance"] == "watched"


class DiedError(Exception):
    """Stands for the end of the process."""


@pytest.mark.parametrize(
    ("table", "where"),
    [
        ("accounts", "before the commit"),
        ("customer_tags", "after the commit"),
        ("transactions", "after the publication"),
    ],
)
@ON_SQLITE
def test_an_erasure_that_died_goes_on_to_the_same_end(
    table: str, where: str, sent_bank: Bank, used: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    services, customer = used.services, party_of(used, customer_no(WHO))
    about = rows_about(services, {customer})
    request = receive(used, RequestKind.ERASURE)
    with monkeypatch.context() as patch:
        tables = type(services.tables)
        erase, sweep = tables.erase, tables.sweep

        def dying_erase(self: Any, name: str, *arguments: Any, **named: Any) -> Any:
            if name == table and where == "before the commit":
                raise DiedError
            made = erase(self, name, *arguments, **named)
            if name == table and where == "after the commit":
                raise DiedError
            return made

        def dying_sweep(self: Any, name: str, version: int) -> int:
            if name == table and where == "after the publication":
                raise DiedError
            return sweep(self, name, version)

        patch.setattr(tables, "erase", dying_erase)
        patch.setattr(tables, "sweep", dying_sweep)
        with pytest.raises(DiedError):
            carry_out_erasure(services, request.request_id, JAN)
    assert done(show_request(services, request.request_id, MIN)).state is RequestState.UNDER_WAY
    with pytest.raises(ConflictError, match="being carried out"):
        refuse_request(services, request.request_id, MIN, comment="too late")
    closed = done(carry_out_erasure(services, request.request_id, JAN))
    assert closed.state is RequestState.DONE
    assert closed.outcome["data_plane"] == {name: rows for name, rows in about.items() if name != "decisions"}
    assert_gone(used, sent_bank.folder, customer)


@ON_SQLITE
def test_words_written_about_the_customer_go_and_the_message_stays(used: Application) -> None:
    services, customer = used.services, party_of(used, customer_no(WHO))
    with services.database.transaction() as connection:
        connection.execute(deliveries.update().values(why="因为余额较高", note="called"))
    done(carry_out_erasure(services, receive(used, RequestKind.ERASURE).request_id, JAN))
    with services.database.reading() as connection:
        rows = connection.execute(select(deliveries)).all()
    assert {(row.why, row.note) for row in rows if row.customer_id == customer} <= {("", "")}
    assert {(row.why, row.note) for row in rows if row.customer_id != customer} == {("因为余额较高", "called")}

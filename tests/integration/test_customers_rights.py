"""Customers' requests, from the queue to the certificate: after an erasure nothing is left and nothing else missing."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import select
from tiny_bank import (
    AS_OF,
    MIN,
    PRINCIPALS,
    Bank,
    audit_of,
    customer_no,
    email_of,
    load_all,
    name_of,
    party_of,
    rows_of,
)

from lingque.bootstrap import Application
from lingque.core.errors import ConflictError, NotFoundError
from lingque.core.ids import CustomerId
from lingque.core.reasons import Reason, Refusal
from lingque.core.registries import DataClass, Purpose
from lingque.deliver.tables import deliveries
from lingque.entry.cli import main
from lingque.entry.rights_page import rights_page
from lingque.flow import apply, run_tags
from lingque.flow.customer_files import CustomerFile
from lingque.flow.customers import Said, record_consent
from lingque.flow.disclosing import package_for
from lingque.flow.erasing import carry_out_erasure
from lingque.flow.lists import upload_list
from lingque.flow.rights import (
    carry_out_correction,
    carry_out_restriction,
    close_answered,
    find_customers,
    receive_request,
    refuse_request,
    requests_queue,
    returned_customers,
    show_request,
)
from lingque.flow.services import Services
from lingque.govern.contracts import Permit, PermitAsk
from lingque.govern.rights.requests import RequestKind, RequestState, RightsRequest
from lingque.govern.tables import consents, erasures, list_members, subjects, vault_identifiers, vault_keys
from lingque.profile.bitmaps import Bitmaps
from lingque.store.runs import published_versions

JAN = PRINCIPALS["hua_too"]
WHO = 12
"""A customer who was contacted or held out."""
ON_SQLITE = pytest.mark.parametrize("controls", ["sqlite"], indirect=True)


@pytest.fixture
def used(sent_bank: Bank) -> Iterator[Application]:
    with sent_bank.open() as application:
        yield application


def done(outcome: Any) -> Any:
    assert not isinstance(outcome, Refusal), outcome
    return outcome


def receive(application: Application, kind: RequestKind, n: int = WHO) -> RightsRequest:
    customer = CustomerId(party_of(application, customer_no(n)))
    request = done(receive_request(application.services, kind, customer, MIN, verified="identity card"))
    assert isinstance(request, RightsRequest)
    return request


def rows_about(services: Services, ids: set[int]) -> dict[str, int]:
    """In the data plane, per table."""
    with services.database.reading() as connection:
        versions = published_versions(connection)
    return {
        table: sum(bool({row.get("customer_id"), row.get("party_id")} & ids) for row in rows_of(services, table))
        for table in versions
    }


# --- the queue -------------------------------------------------------------------------------------------------------


@ON_SQLITE
def test_a_request_is_due_in_thirty_days_and_what_is_due_first_comes_first(bank: Bank, loaded: Application) -> None:
    services = loaded.services
    first = receive(loaded, RequestKind.ACCESS, 1)
    bank.clock.advance(86_400_000_000)
    second = receive(loaded, RequestKind.ERASURE, 2)
    assert second.due_on - first.due_on == timedelta(days=1)
    assert first.due_on - services.calendar.day_of(first.received_at) == timedelta(days=30)
    assert [one.request_id for one in done(requests_queue(services, MIN))] == [first.request_id, second.request_id]
    closed = done(refuse_request(services, first.request_id, MIN, comment="asked for by somebody else"))
    assert (closed.state, closed.outcome) == (RequestState.REFUSED, {"comment": "asked for by somebody else"})
    assert [one.request_id for one in done(requests_queue(services, MIN))] == [second.request_id]
    assert len(done(requests_queue(services, MIN, everything=True))) == 2


def test_the_same_request_is_not_open_twice_and_a_closed_one_stays_closed(loaded: Application) -> None:
    services = loaded.services
    request = receive(loaded, RequestKind.ACCESS)
    with pytest.raises(ConflictError, match=f"request {request.request_id} asks for the same"):
        receive(loaded, RequestKind.ACCESS)
    done(close_answered(services, request.request_id, MIN))
    for again in (
        lambda: close_answered(services, request.request_id, MIN),
        lambda: package_for(services, request.request_id, MIN),
        lambda: refuse_request(services, request.request_id, MIN, comment=""),
    ):
        with pytest.raises(ConflictError, match="is closed"):
            again()
    receive(loaded, RequestKind.ACCESS)


@ON_SQLITE
def test_a_request_is_carried_out_by_the_command_for_its_kind(loaded: Application) -> None:
    services = loaded.services
    access = receive(loaded, RequestKind.ACCESS).request_id
    erasure = receive(loaded, RequestKind.ERASURE).request_id
    for wrong in (
        lambda: carry_out_erasure(services, access, JAN),
        lambda: carry_out_restriction(services, access, MIN),
        lambda: carry_out_correction(services, access, {}, MIN),
        lambda: package_for(services, erasure, MIN),
    ):
        with pytest.raises(ConflictError, match="asks for"):
            wrong()
    with pytest.raises(NotFoundError, match="no request 99"):
        show_request(services, 99, MIN)
    with pytest.raises(NotFoundError, match="no customer 5"):
        receive_request(services, RequestKind.ACCESS, CustomerId(5), MIN, verified="x")


@ON_SQLITE
@pytest.mark.parametrize("user", ["lin", "hua", "ada", "otto", "root"])
def test_only_compliance_handles_requests(user: str, loaded: Application) -> None:
    services, actor = loaded.services, PRINCIPALS[user]
    request = receive(loaded, RequestKind.ACCESS).request_id
    for refused in (
        find_customers(services, "email", email_of(1), actor),
        receive_request(services, RequestKind.ERASURE, CustomerId(5), actor, verified="x"),
        requests_queue(services, actor),
        show_request(services, request, actor),
        refuse_request(services, request, actor, comment=""),
        package_for(services, request, actor),
        close_answered(services, request, actor),
        carry_out_correction(services, request, {}, actor),
        carry_out_restriction(services, request, actor),
        carry_out_erasure(services, request, actor),
    ):
        assert isinstance(refused, Refusal)
        assert refused.reason is Reason.ROLE_NOT_ALLOWED
    traces = [row for row in audit_of(services) if row.actor == user and row.act.startswith("refused_")]
    assert len(traces) == 10


@ON_SQLITE
def test_a_customer_is_found_without_leaving_what_was_asked_for(loaded: Application) -> None:
    services, party = loaded.services, party_of(loaded, customer_no(3))
    assert done(find_customers(services, "email", email_of(3).upper(), MIN)) == [party]
    assert done(find_customers(services, "number", customer_no(3), MIN, system="core")) == [party]
    assert done(find_customers(services, "email", "nobody@mail.example", MIN)) == []
    assert done(find_customers(services, "number", "KD1", MIN, system="core")) == []
    traces = audit_of(services, "find_customer")
    assert [row.detail for row in traces[:2]] == [{"by": "email", "found": 1}, {"by": "number in core", "found": 1}]
    assert "mail.example" not in repr(audit_of(services))


# --- copies and explanations -----------------------------------------------------------------------------------------


def test_a_copy_holds_everything_that_is_kept_and_leaves_a_trace(used: Application) -> None:
    services = used.services
    request = receive(used, RequestKind.ACCESS)
    package = done(package_for(services, request.request_id, MIN))
    assert json.loads(json.dumps(package)) == package
    assert package["identifiers"] == [{"email": email_of(WHO), "name": name_of(WHO)}, {"birth_date": "1980-02-29"}]
    assert [row["amount"] for row in package["data"]["transactions"]["rows"]] == ["10,000.00 CNY", "500.00 CNY"]
    assert package["data"]["customers"]["rows"][0]["city"] == "上海"
    assert {tag["tag"]: tag["value"] for tag in package["tags"]}["idle_money"] is True
    assert package["consents"][0] | {"at": ""} == {
        "purpose": "marketing", "channel": "email", "data_classes": ["personal", "financial"], "action": "give",
        "at": "", "wording_version": "v1", "evidence": "branch form",
    }  # fmt: skip
    assert {decision["offer"] for decision in package["decisions"]} == {"term_deposit"}
    surrogates = [str(party_of(used, customer_no(WHO))), str(request.customer_id)]
    assert not any(one in json.dumps(package) for one in surrogates)
    assert others_in(json.dumps(package, ensure_ascii=False)) == []
    (trace,) = audit_of(services, "disclose_customer")
    assert (trace.actor, trace.detail) == ("min", {"request": request.request_id, "kind": "access"})
    assert done(close_answered(services, request.request_id, MIN)).state is RequestState.DONE


def others_in(content: str) -> list[int]:
    return [n for n in range(100) if n != WHO and (email_of(n) in content or name_of(n) in content)]


@ON_SQLITE
def test_what_can_be_taken_elsewhere_is_what_the_customer_brought(used: Application) -> None:
    package = done(package_for(used.services, receive(used, RequestKind.PORTABILITY).request_id, MIN))
    assert {"identifiers", "data"} <= package.keys()
    assert not {"tags", "decisions", "consents"} & package.keys()


@ON_SQLITE
def test_an_explanation_tells_decisions_and_reasons_but_no_secret_list(used: Application) -> None:
    services = used.services
    not_consented = 18  # n % 10 == 8: to personal data only
    with services.database.reading() as connection:
        hidden = Reason.COMPLIANCE_EXCLUSION
        assert hidden.for_customer is Reason.ON_EXCLUSION_LIST
        assert connection.execute(select(subjects)).first() is not None
    package = done(package_for(services, receive(used, RequestKind.EXPLANATION, not_consented).request_id, MIN))
    assert "identifiers" not in package
    (decision,) = package["decisions"]
    assert decision["decision"] == "not proposed"
    assert {"zh": "缺少对敏感数据类别的单独同意", "en": Reason.NO_CONSENT_FOR_DATA_CLASS.label.en} in decision[
        "reasons_against"
    ]


@ON_SQLITE
def test_the_readable_copy_escapes_what_it_shows(used: Application) -> None:
    services = used.services
    request = receive(used, RequestKind.CORRECTION)
    done(carry_out_correction(services, request.request_id, {"name": "<script>alert(1)</script>"}, MIN))
    package = done(package_for(services, receive(used, RequestKind.ACCESS).request_id, MIN))
    for language in ("zh", "en"):
        page = rights_page(package, language)
        assert "<script" not in page
        assert "&lt;script&gt;" in page
        assert "10,000.00 CNY" in page


# --- correction and restriction --------------------------------------------------------------------------------------


def test_a_correction_stands_in_the_place_of_what_was_kept(loaded: Application) -> None:
    services = loaded.services
    request = receive(loaded, RequestKind.CORRECTION)
    closed = done(carry_out_correction(services, request.request_id, {"email": "new@mail.example", "name": None}, MIN))
    assert closed.outcome["corrected"] == ["email", "name"]
    party = party_of(loaded, customer_no(WHO))
    with services.database.reading() as connection:
        assert loaded.vault.disclose(connection, [party]) == {party: {"email": "new@mail.example"}}
    assert done(find_customers(services, "email", email_of(WHO), MIN)) == []
    assert "mail.example" not in repr(audit_of(services, "correct_customer"))


def leave(application: Application, customer: int, purpose: Purpose) -> Permit | Refusal:
    services = application.services
    classes = DataClass.PERSONAL if purpose is Purpose.MARKETING else DataClass(0)
    ask = PermitAsk(purpose=purpose, channel="email", data_classes=classes, moment=services.clock.now())
    with services.database.reading() as connection:
        return services.permits.permit(connection, CustomerId(customer), ask)


def test_after_a_restriction_nothing_that_needs_consent_is_allowed(bank: Bank, loaded: Application) -> None:
    services, customer = loaded.services, party_of(loaded, customer_no(WHO))
    assert isinstance(leave(loaded, customer, Purpose.MARKETING), Permit)
    request = receive(loaded, RequestKind.RESTRICTION)
    bank.clock.advance(1)
    closed = done(carry_out_restriction(services, request.request_id, MIN))
    assert (closed.state, closed.outcome) == (RequestState.DONE, {"consents_withdrawn": 1})
    refusal = leave(loaded, customer, Purpose.MARKETING)
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.CONSENT_WITHDRAWN
    assert isinstance(leave(loaded, customer, Purpose.SERVICE), Permit)


# --- erasure ---------------------------------------------------------------------------------------------------------


@ON_SQLITE
def test_an_erasure_takes_a_second_person_also_under_another_account(loaded: Application) -> None:
    request = receive(loaded, RequestKind.ERASURE)
    refusal = carry_out_erasure(loaded.services, request.request_id, MIN)
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.OWN_WORK
    assert done(show_request(loaded.services, request.request_id, MIN)).state is RequestState.RECEIVED


def assert_gone(application: Application, folder: Path, customer: int) -> None:
    services = application.services
    with services.database.reading() as connection:
        for table, column in (
            (vault_keys, "party_id"), (vault_identifiers, "party_id"), (subjects, "party_id"),
            (list_members, "party_id"),
        ):  # fmt: skip
            assert connection.execute(select(table).where(table.c[column] == customer)).all() == [], table.name
        assert connection.execute(select(erasures.c.party_id)).scalars().all() == [customer]
        found = application.vault.resolve(connection, namespace="core/customers", keys=[customer_no(WHO)], mint=False)
        assert found == {}
    about = rows_about(services, {customer})
    assert about.pop("decisions", 0) > 0
    assert set(about.values()) == {0}
    for path in (folder / "data" / "warehouse").rglob("*.parquet"):
        columns = [name for name in ("customer_id", "party_id") if name in pq.read_schema(path).names]
        rows = pq.read_table(path, columns=columns)
        if "decisions" not in path.parts:
            assert not any(customer in rows.column(name).to_pylist() for name in columns), path
    for path in (folder / "data" / "warehouse").rglob("*.rows"):
        rows = pa.ipc.open_file(path).read_all()
        assert customer not in rows.column("customer_id").to_pylist(), path
    for path in (folder / "data" / "warehouse").rglob("*.bits"):
        assert customer not in Bitmaps(path).ids.tolist(), path


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


# --- by the commands -------------------------------------------------------------------------------------------------


def command(bank: Bank, words: str, given: str = "") -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["lingque", *words.split(), "--workspace", str(bank.folder)])
        patch.setattr("typer.prompt", lambda *_words, **_options: given)
        with pytest.raises(SystemExit) as ended:
            main()
    return int(ended.value.code or 0)


@ON_SQLITE
def test_the_commands_go_the_whole_way(sent_bank: Bank, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with sent_bank.open() as application:
        customer = party_of(application, customer_no(WHO))
    assert command(sent_bank, "rights find email --as min", email_of(WHO)) == 0
    assert str(customer) in capfd.readouterr().out
    for kind in ("access", "correction", "restriction", "erasure", "explanation"):
        assert command(sent_bank, f"rights receive {kind} {customer} --verified card --as min") == 0
    assert command(sent_bank, f"rights answer 1 {tmp_path / 'out'} --as min") == 0
    for name in ("request-1.json", "request-1.html"):
        path = tmp_path / "out" / name
        assert os.stat(path).st_mode & 0o777 == 0o600
        assert name_of(WHO) in path.read_text(encoding="utf-8")
    assert command(sent_bank, "rights correct 2 email --as min", "new@mail.example") == 0
    assert command(sent_bank, "rights restrict 3 --as min") == 0
    assert command(sent_bank, "rights erase 4 --as min") == 3
    assert command(sent_bank, "rights erase 4 --as hua_too") == 0
    assert command(sent_bank, "rights refuse 5 --comment erased --as min") == 0
    assert command(sent_bank, "rights list --all --as min") == 0
    assert command(sent_bank, "rights show 4 --as min") == 0
    assert command(sent_bank, "rights list --as lin") == 3
    said = "".join(capfd.readouterr())
    assert '"state": "done"' in said
    assert name_of(WHO) not in said
    assert "mail.example" not in said


@ON_SQLITE
def test_the_audit_commands_seal_check_and_export(
    sent_bank: Bank, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert command(sent_bank, "audit seal --as min") == 0
    block, digest = capfd.readouterr().out.split()
    assert command(sent_bank, f"audit verify --block {block} --digest {digest} --as min") == 0
    assert command(sent_bank, f"audit verify --block {block} --digest {'00' * 32} --as min") == 1
    assert command(sent_bank, f"audit verify --block {block} --as min") == 2
    assert command(sent_bank, f"audit verify --block {block} --digest xyz --as min") == 2
    assert command(sent_bank, f"audit export {tmp_path / 'a.pyz'} --as min") == 0
    assert command(sent_bank, f"audit export {tmp_path / 'a.pyz'} --as min") == 1
    assert command(sent_bank, "audit verify --as lin") == 3
    assert command(sent_bank, "vault rotate --as sam") == 0
    assert command(sent_bank, "vault retire 1 --as sam") == 0
    assert command(sent_bank, "vault retire 2 --as sam") == 1
    assert command(sent_bank, "vault rotate --as min") == 3
    with sent_bank.open() as application:
        party = party_of(application, customer_no(WHO))
        with application.services.database.reading() as connection:
            assert application.vault.disclose(connection, [party])[party]["name"] == name_of(WHO)

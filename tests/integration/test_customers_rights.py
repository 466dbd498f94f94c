"""Customers' requests, from the queue to the certificate: after an erasure nothing is left and nothing else missing."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from customers_requests import JAN, ON_SQLITE, WHO, done, leave, receive
from tiny_bank import (
    MIN,
    PRINCIPALS,
    Bank,
    audit_of,
    customer_no,
    email_of,
    name_of,
    party_of,
)

from lingque.bootstrap import Application
from lingque.core.errors import ConflictError, NotFoundError
from lingque.core.ids import CustomerId
from lingque.core.reasons import Reason, Refusal
from lingque.core.registries import Purpose
from lingque.entry.cli import main
from lingque.flow.disclosing import package_for
from lingque.flow.erasing import carry_out_erasure
from lingque.flow.rights import (
    carry_out_correction,
    carry_out_restriction,
    close_answered,
    find_customers,
    receive_request,
    refuse_request,
    requests_queue,
    show_request,
)
from lingque.govern.contracts import Permit
from lingque.govern.rights.requests import RequestKind, RequestState

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

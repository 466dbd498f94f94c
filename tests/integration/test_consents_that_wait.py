"""Consents that a file brings wait for a second person; withdrawals do not; and only what was looked at counts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import func, select, update
from tiny_bank import (
    MIN,
    OTTO,
    PRINCIPALS,
    Bank,
    audit_of,
    consent,
    consents,
    customer_no,
    load_all,
    party_of,
)
from typer.testing import CliRunner

from lingque.bootstrap import Application
from lingque.core.errors import ConflictError, NotFoundError
from lingque.core.ids import CustomerId
from lingque.core.reasons import Reason, Refusal
from lingque.core.registries import DataClass, Purpose
from lingque.entry.cli import app
from lingque.flow.consent_imports import decide_import, show_import, show_imports
from lingque.flow.erasing import carry_out_erasure
from lingque.flow.rights import receive_request
from lingque.flow.services import Services
from lingque.govern.access import User, add_user
from lingque.govern.consent_imports import ConsentImport, Standing
from lingque.govern.contracts import Permit, PermitAsk, Principal, Role
from lingque.govern.rights.requests import RequestKind
from lingque.govern.tables import consents as register
from lingque.govern.tables import staged_consents

NEXT = date(2026, 6, 2)
NEVER_ASKED, SAYS_YES, WITHDREW, SAYS_NO = 19, 29, 7, 10
"""19 and 29 have said nothing yet, 7 withdrew in January, 10 has agreed and now says no."""
FRESH = [
    consent(NEVER_ASKED, "give", "2026-05-30", "personal|financial"),
    consent(SAYS_YES, "give", "2026-05-30", "personal|financial"),
    consent(WITHDREW, "give", "2026-05-30", "personal|financial"),
    consent(WITHDREW, "give", "2025-06-01", "personal"),
    consent(11, "give", "2026-05-30", "personal|financial"),
    consent(SAYS_NO, "withdraw", "2026-05-31"),
]


@pytest.fixture
def asking(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> Iterator[Application]:
    """A second delivery of all consents, in a bank that wants them approved."""
    monkeypatch.setenv("LINGQUE_APPROVALS__CONSENTS", "true")
    bank.deliver("consents", [*consents(), *FRESH], NEXT)
    with bank.open() as application:
        load_all(application.services)
        yield application


def done(outcome: Any) -> Any:
    assert not isinstance(outcome, Refusal), outcome
    return outcome


def leave(application: Application, n: int) -> Permit | Refusal:
    services = application.services
    ask = PermitAsk(
        purpose=Purpose.MARKETING, channel="email", data_classes=DataClass.FINANCIAL, moment=services.clock.now()
    )
    with services.database.reading() as connection:
        return services.permits.permit(connection, CustomerId(party_of(application, customer_no(n))), ask)


def the_import(services: Services) -> ConsentImport:
    (found,) = done(show_imports(services, MIN))
    assert isinstance(found, ConsentImport)
    return found


def test_what_gives_waits_and_what_withdraws_does_not(asking: Application) -> None:
    services, waiting = asking.services, the_import(asking.services)
    assert (waiting.statements, waiting.submitted_by, waiting.state) == (5, "otto", "waiting")
    refusal = leave(asking, NEVER_ASKED)
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.NO_CONSENT
    gone = leave(asking, SAYS_NO)
    assert isinstance(gone, Refusal)
    assert gone.reason is Reason.CONSENT_WITHDRAWN
    decided = done(decide_import(services, waiting.import_id, MIN, digest=waiting.digest))
    assert (decided.state, decided.recorded) == ("approved", 5)
    assert isinstance(leave(asking, NEVER_ASKED), Permit)
    assert isinstance(leave(asking, WITHDREW), Permit)
    assert isinstance(leave(asking, SAYS_NO), Refusal)
    with services.database.reading() as connection:
        assert connection.execute(select(func.count()).select_from(staged_consents)).scalar_one() == 0


def test_it_is_shown_by_what_it_would_change_and_never_by_whom(asking: Application) -> None:
    services, waiting = asking.services, the_import(asking.services)
    shown = done(show_import(services, waiting.import_id, MIN))
    assert {(one.purpose, one.channel, one.standing): one.statements for one in shown.counts} == {
        (Purpose.MARKETING, "email", Standing.FIRST): 2,
        (Purpose.MARKETING, "email", Standing.AGAIN): 1,
        (Purpose.MARKETING, "email", Standing.OVERTAKEN): 1,
        (Purpose.MARKETING, "email", Standing.RENEWED): 1,
    }
    party = str(party_of(asking, customer_no(NEVER_ASKED)))
    assert party not in repr(shown)
    assert party not in repr(audit_of(services, "stage_consents"))


@pytest.mark.parametrize("controls", ["sqlite"], indirect=True)
def test_the_same_statements_do_not_wait_twice_and_a_rejected_file_can_come_again(
    bank: Bank, asking: Application
) -> None:
    services, waiting = asking.services, the_import(asking.services)
    again = [*consents(), *FRESH, consent(39, "give", "2026-05-30")]
    bank.deliver("consents", again, date(2026, 6, 3))
    load_all(services)
    first, second = done(show_imports(services, MIN))
    assert (first.import_id, second.statements) == (waiting.import_id, 1)
    assert done(decide_import(services, first.import_id, MIN, digest=first.digest, approved=False)).recorded == 0
    assert isinstance(leave(asking, NEVER_ASKED), Refusal)
    bank.deliver("consents", again, date(2026, 6, 4))
    load_all(services)
    assert [one.statements for one in done(show_imports(services, MIN))] == [1, 5]
    assert len(done(show_imports(services, MIN, everything=True))) == 3


@pytest.mark.parametrize("controls", ["sqlite"], indirect=True)
def test_only_another_person_approves_and_only_what_was_looked_at_and_once(asking: Application) -> None:
    services, waiting = asking.services, the_import(asking.services)
    number, digest = waiting.import_id, waiting.digest
    both = User(name="otto_too", person="otto", roles=frozenset({Role.COMPLIANCE_OFFICER}))
    with services.database.transaction() as connection:
        assert add_user(connection, both, at=services.clock.now()) is None
    same = Principal(user=both.name, person=both.person, roles=both.roles)
    for actor, reason in ((same, Reason.OWN_WORK), (OTTO, Reason.ROLE_NOT_ALLOWED)):
        refusal = decide_import(services, number, actor, digest=digest)
        assert isinstance(refusal, Refusal)
        assert refusal.reason is reason
    other = decide_import(services, number, MIN, digest="0" * 64)
    assert isinstance(other, Refusal)
    assert other.reason is Reason.CHANGED_SINCE_PLAN
    assert isinstance(leave(asking, NEVER_ASKED), Refusal)
    done(decide_import(services, number, MIN, digest=digest))
    with pytest.raises(ConflictError, match="approved already"):
        decide_import(services, number, MIN, digest=digest)
    with pytest.raises(NotFoundError):
        show_import(services, 99, MIN)
    assert len(audit_of(services, "refused_approve_consents")) == 3


@pytest.mark.parametrize("controls", ["sqlite"], indirect=True)
def test_rows_that_were_changed_while_they_waited_are_never_taken(asking: Application) -> None:
    services, waiting = asking.services, the_import(asking.services)
    with services.database.transaction() as connection:
        connection.execute(update(staged_consents).values(data_classes=int(DataClass.HEALTH)))
    refusal = decide_import(services, waiting.import_id, MIN, digest=waiting.digest)
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.CHANGED_SINCE_PLAN
    assert done(decide_import(services, waiting.import_id, MIN, digest=waiting.digest, approved=False)).recorded == 0


@pytest.mark.parametrize("controls", ["sqlite"], indirect=True)
def test_who_is_erased_while_it_waits_is_left_out(asking: Application) -> None:
    services, waiting = asking.services, the_import(asking.services)
    party = party_of(asking, customer_no(NEVER_ASKED))
    request = done(receive_request(services, RequestKind.ERASURE, CustomerId(party), MIN, verified="card"))
    done(carry_out_erasure(services, request.request_id, PRINCIPALS["hua_too"]))
    decided = done(decide_import(services, waiting.import_id, MIN, digest=waiting.digest))
    assert decided.recorded == 4
    with services.database.reading() as connection:
        assert connection.execute(select(register).where(register.c.party_id == party)).all() == []
        assert connection.execute(select(staged_consents)).all() == []


@pytest.mark.parametrize("controls", ["sqlite"], indirect=True)
def test_at_the_command_line(bank: Bank, asking: Application) -> None:
    def run(*command: str, user: str = "min", code: int = 0) -> str:
        result = CliRunner().invoke(app, ["consents", *command, "--as", user, "-w", str(bank.folder)])
        assert result.exit_code == code, result.output
        return result.output

    assert "core_consents" in run("list")
    shown = run("show", "1")
    digest = the_import(asking.services).digest
    assert digest in shown
    run("approve", "1", digest, user="otto", code=3)
    run("approve", "1", digest, "--comment", "sampled")
    assert "approved" in run("list", "--all")

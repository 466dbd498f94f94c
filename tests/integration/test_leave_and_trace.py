"""Roles, approvals, API keys, opt-out links: who may what, and that it leaves a trace."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest
from sqlalchemy import select, text
from tiny_bank import LAN, LIN, MIN, PRINCIPALS, Bank, audit_of, customer_no, party_of

from lingque.bootstrap import Application
from lingque.core.clock import Instant
from lingque.core.errors import LingqueError, NotFoundError
from lingque.core.ids import CustomerId, PartyId
from lingque.core.reasons import Reason, Refusal
from lingque.core.registries import DataClass, Purpose
from lingque.govern.access import PERMISSIONS, User, add_user, principal_of
from lingque.govern.api_keys import new_api_key, principal_of_key
from lingque.govern.approvals import Submission, decide_approval, not_approved
from lingque.govern.contracts import Action, ConsentEntry, OptOut, Permit, PermitAsk, Subject
from lingque.govern.tables import api_keys, consents


def submission(digest: str = "d1", *authors: str) -> Submission:
    return Submission(
        kind="campaign", action=Action.APPROVE_CAMPAIGN, subject="s", digest=digest, authors=authors or ("lin", "lan")
    )


def test_nobody_plans_and_approves_nor_makes_users_and_approves() -> None:
    """The whole table is held, cell by cell, by `api/test_api_roles.py`."""
    for actions in PERMISSIONS.values():
        assert not {Action.PLAN_CAMPAIGN, Action.APPROVE_CAMPAIGN} <= actions.keys()
        assert not {Action.REVIEW_CAMPAIGN, Action.APPROVE_CAMPAIGN} <= actions.keys()
        assert not {Action.ADD_USER, Action.APPROVE_CAMPAIGN} <= actions.keys()
        assert not {Action.ADD_USER, Action.GRANT_ROLES} <= actions.keys()


@pytest.fixture
def connection(defined: Application) -> Iterator[object]:
    with defined.services.database.reading() as connection:
        yield connection


def test_a_user_is_added_once_and_found_again(defined: Application) -> None:
    database = defined.services.database
    with database.reading() as connection:
        assert principal_of(connection, "lan_too") == PRINCIPALS["lan_too"]
        with pytest.raises(NotFoundError, match="did you mean 'root'"):
            principal_of(connection, "roott")
    with pytest.raises(LingqueError, match="'lan' already"), database.transaction() as connection:
        add_user(connection, User(name="lan", person="x", roles=frozenset()), at=Instant(0))


def test_an_api_key_is_kept_as_a_digest_and_opens_one_account(defined: Application) -> None:
    with defined.services.database.transaction() as connection:
        key = new_api_key(connection, "min", at=Instant(0))
        other = new_api_key(connection, "lan", at=Instant(0))
        assert principal_of_key(connection, key, at=Instant(1)) == MIN
        assert principal_of_key(connection, other, at=Instant(1)) == LAN
        for wrong in (key[:-1], key + "x", key.upper(), "", "lq_", key.removeprefix("lq_")):
            assert principal_of_key(connection, wrong, at=Instant(1)) is None
        assert key not in repr(connection.execute(select(api_keys)).all())
        with pytest.raises(NotFoundError):
            new_api_key(connection, "nobody", at=Instant(0))


@pytest.mark.parametrize(
    ("approver", "reason"),
    [
        ("lin", Reason.ROLE_NOT_ALLOWED),
        ("lan", Reason.ROLE_NOT_ALLOWED),
        ("lan_too", Reason.OWN_WORK),
        ("otto", Reason.ROLE_NOT_ALLOWED),
        ("ada", Reason.ROLE_NOT_ALLOWED),
        ("root", Reason.ROLE_NOT_ALLOWED),
        ("min", None),
    ],
)
def test_only_another_person_with_the_role_approves(approver: str, reason: Reason | None, defined: Application) -> None:
    with defined.services.database.transaction() as connection:
        refusal = decide_approval(
            connection, submission(), PRINCIPALS[approver], approved=True, comment="", at=Instant(0)
        )
        assert (None if refusal is None else refusal.reason) == reason
        assert (not_approved(connection, "d1", kind="campaign") is None) == (reason is None)


def test_the_same_account_may_not_approve_what_it_made(defined: Application) -> None:
    with defined.services.database.transaction() as connection:
        refusal = decide_approval(connection, submission("d1", "min"), MIN, approved=True, comment="", at=Instant(0))
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.OWN_WORK


def test_an_approval_speaks_of_one_digest_and_the_newest_word_counts(defined: Application) -> None:
    with defined.services.database.transaction() as connection:

        def decide(*, approved: bool) -> None:
            assert (
                decide_approval(connection, submission(), MIN, approved=approved, comment="why", at=Instant(0)) is None
            )

        def reason(digest: str) -> Reason | None:
            refusal = not_approved(connection, digest, kind="campaign")
            return None if refusal is None else refusal.reason

        assert reason("d1") is Reason.NOT_APPROVED
        decide(approved=False)
        assert reason("d1") is Reason.REJECTED
        decide(approved=True)
        assert reason("d1") is None
        assert reason("d2") is Reason.NOT_APPROVED
        decide(approved=False)
        assert reason("d1") is Reason.REJECTED


def opt_out(customer: int) -> OptOut:
    return OptOut(customer_id=CustomerId(customer), purpose=Purpose.MARKETING, channel="email")


def test_a_link_is_read_back_and_a_forged_one_is_not(defined: Application, bank: Bank) -> None:
    links = defined.services.opt_outs
    token = links.token(opt_out(2**62 + 1))
    assert links.read(token) == opt_out(2**62 + 1)
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    forged = [raw[:n] + bytes([raw[n] ^ 1]) + raw[n + 1 :] for n in range(len(raw))]
    forged += [raw[:-1], raw[:16], raw[:5], b"", raw + b"0", raw[:16] + b"1.2.email", b"\xff" * 40]
    for one in forged:
        assert links.read(base64.urlsafe_b64encode(one).decode().rstrip("=")) is None
    for nonsense in ("", "x", "!!!!", "é", "a" * 5, token[:-2], "../../etc/passwd"):
        assert links.read(nonsense) is None
    with bank.open() as other:  # another bank with another key
        assert other.services.opt_outs.read(token) is None


def permitted(application: Application, customer: int) -> bool:
    question = PermitAsk(
        purpose=Purpose.MARKETING,
        channel="email",
        data_classes=DataClass.PERSONAL | DataClass.FINANCIAL,
        moment=application.services.clock.now(),
    )
    with application.services.database.reading() as connection:
        return isinstance(application.services.permits.permit(connection, CustomerId(customer), question), Permit)


def withdraw(application: Application, customer: int) -> None:
    services = application.services
    link = services.opt_outs.read(services.opt_outs.token(opt_out(customer)))
    assert link is not None
    with services.database.transaction() as connection:
        services.opt_outs.withdraw(connection, link, at=services.clock.now(), evidence="one click")


def test_an_opt_out_works_at_once_as_often_as_one_likes_and_is_traced(loaded: Application) -> None:
    customer = party_of(loaded, customer_no(10))
    assert permitted(loaded, customer)
    withdraw(loaded, customer)
    assert not permitted(loaded, customer)
    withdraw(loaded, customer)
    assert not permitted(loaded, customer)
    traces = audit_of(loaded.services, "withdraw_consent")
    assert [row.subject for row in traces] == [f"customer {customer}"] * 2
    assert traces[0].detail == {"purpose": "MARKETING", "channel": "email", "evidence": "one click"}


def join(application: Application, party: int, customer: int) -> None:
    """The register learns that a party is part of another customer."""
    from datetime import date

    with application.services.database.transaction() as connection:
        application.services.permits.record_subjects(  # type: ignore[attr-defined]
            connection,
            [Subject(party_id=PartyId(party), customer_id=CustomerId(customer), birth_date=date(1980, 1, 1))],
        )


@pytest.mark.parametrize("link_of", ["the merged customer", "the party before it was merged"])
def test_an_opt_out_covers_every_party_of_a_merged_customer(link_of: str, loaded: Application) -> None:
    first, second = (party_of(loaded, customer_no(n)) for n in (10, 11))
    join(loaded, second, first)
    assert permitted(loaded, first)
    withdraw(loaded, first if link_of == "the merged customer" else second)
    assert not permitted(loaded, first)
    with loaded.services.database.reading() as connection:
        withdrawn = set(connection.execute(select(consents.c.party_id).where(consents.c.given.is_(False))).scalars())
    assert withdrawn >= {first, second}


def test_the_consents_of_all_parties_of_a_customer_count_together(loaded: Application) -> None:
    """Whoever withdrew under one of two numbers has withdrawn."""
    first, second = (party_of(loaded, customer_no(n)) for n in (10, 11))
    withdraw(loaded, second)
    join(loaded, second, first)
    assert not permitted(loaded, first)


def test_a_register_entry_says_who_when_how_and_by_which_words(loaded: Application) -> None:
    customer = party_of(loaded, customer_no(10))
    entry = ConsentEntry(
        party_id=PartyId(customer),
        purpose=Purpose.MARKETING,
        channel="email",
        data_classes=DataClass(0),
        action="withdraw",
        acted_at=loaded.services.clock.now(),
        wording_version="v7",
        evidence="call 4711",
        origin="call/4711",
    )
    with loaded.services.database.transaction() as connection:
        loaded.services.permits.record_consents(connection, [entry])  # type: ignore[attr-defined]
        row = connection.execute(select(consents).where(consents.c.origin == "call/4711")).one()
    assert (row.wording_version, row.evidence, row.given) == ("v7", "call 4711", False)
    assert row.recorded_at == loaded.services.clock.now()


def test_the_trail_only_grows(bank: Bank, loaded: Application) -> None:
    before = audit_of(loaded.services)
    withdraw(loaded, party_of(loaded, customer_no(12)))
    assert audit_of(loaded.services)[: len(before)] == before
    assert not [
        name for name in dir(loaded.services.audit) if not name.startswith("_") and not name.startswith("record")
    ]
    with loaded.services.database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM audit")).scalar_one() == len(before) + 1
    assert {LIN.user, "lan"} <= set(PRINCIPALS)

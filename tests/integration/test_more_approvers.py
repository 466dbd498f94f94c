"""More than one approver, approval in somebody's place, definitions that are agreed on; and no way round these."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection
from tiny_bank import AS_OF, CAMPAIGN, HUA, LAN, LIN, MIN, OTTO, PRINCIPALS, audit_of

from lingque.bootstrap import Application
from lingque.core.clock import Instant, instant_of
from lingque.core.reasons import Reason, Refusal
from lingque.core.registries import DataClass
from lingque.engage.contracts import Plan
from lingque.flow import apply, approve_campaign, plan_campaign, report_campaign, review_campaign, run_campaign
from lingque.flow.agreeing import approve_definitions, digest_of_changes
from lingque.flow.intake import diff
from lingque.flow.services import Services, Thresholds
from lingque.govern.access import User, add_user
from lingque.govern.approvals import LONGEST_DELEGATION, Submission, decide_approval, delegate, not_approved
from lingque.govern.contracts import Action, Principal, Role

HUA_TOO, LAN_TOO = PRINCIPALS["hua_too"], PRINCIPALS["lan_too"]
DAY = 86_400_000_000
SECOND = Principal(user="fang", person="fang", roles=frozenset({Role.COMPLIANCE_OFFICER}))
AWAY = Principal(user="wen", person="wen", roles=frozenset({Role.COMPLIANCE_OFFICER}))
DEPUTY = Principal(user="dai", person="dai", roles=frozenset())


def told(outcome: object) -> Reason | None:
    return outcome.reason if isinstance(outcome, Refusal) else None


@pytest.fixture
def connection(defined: Application) -> Iterator[Connection]:
    with defined.services.database.transaction() as connection:
        for one in (SECOND, AWAY, DEPUTY):
            user = User(name=one.user, person=one.person, roles=one.roles)
            assert add_user(connection, user, at=Instant(0)) is None
        yield connection


def submission(*authors: str) -> Submission:
    return Submission(
        kind="campaign", action=Action.APPROVE_CAMPAIGN, subject="s", digest="d", authors=authors or ("lin", "lan")
    )


def say(
    connection: Connection, who: Principal, *, yes: bool = True, behalf: str = "", at: int = 0, authors: str = "lin lan"
) -> Reason | None:
    return told(
        decide_approval(
            connection,
            submission(*authors.split()),
            who,
            approved=yes,
            comment="",
            at=Instant(at),
            on_behalf_of=behalf,
        )
    )


def lacking(connection: Connection, approvers: int, *barred: str) -> Reason | None:
    return told(not_approved(connection, "d", kind="campaign", approvers=approvers, barred=barred))


def lend(
    connection: Connection, giver: Principal, to: str, *, begins: int = 0, ends: int = DAY, at: int = 0
) -> Reason | None:
    return told(
        delegate(
            connection,
            giver,
            to,
            Action.APPROVE_CAMPAIGN,
            begins_at=Instant(begins),
            ends_at=Instant(ends),
            at=Instant(at),
        )
    )


def test_two_different_people_must_say_yes_since_the_last_no(connection: Connection) -> None:
    assert lacking(connection, 2) is Reason.NOT_APPROVED
    assert say(connection, MIN) is None
    assert lacking(connection, 1) is None
    assert lacking(connection, 2) is Reason.MORE_APPROVALS_NEEDED
    assert say(connection, MIN) is None
    assert lacking(connection, 2) is Reason.MORE_APPROVALS_NEEDED, "twice the same person is one person"
    assert say(connection, SECOND) is None
    assert lacking(connection, 2) is None
    assert lacking(connection, 3) is Reason.MORE_APPROVALS_NEEDED
    assert lacking(connection, 2, "min") is Reason.MORE_APPROVALS_NEEDED
    assert say(connection, SECOND, yes=False) is None
    assert lacking(connection, 1) is Reason.REJECTED
    assert say(connection, MIN) is None
    assert lacking(connection, 1) is None
    assert lacking(connection, 2) is Reason.MORE_APPROVALS_NEEDED, "what was said before the no is void"


def test_in_somebodys_place_only_by_their_delegation_and_within_its_days(connection: Connection) -> None:
    assert say(connection, DEPUTY, behalf="wen") is Reason.NOT_DELEGATED
    assert lend(connection, AWAY, "dai", begins=DAY, ends=3 * DAY) is None
    assert say(connection, DEPUTY, behalf="wen", at=DAY - 1) is Reason.NOT_DELEGATED
    assert say(connection, DEPUTY, behalf="min", at=DAY) is Reason.NOT_DELEGATED
    assert say(connection, DEPUTY, at=DAY) is Reason.ROLE_NOT_ALLOWED, "not on their own"
    assert say(connection, SECOND, behalf="wen", at=DAY) is Reason.NOT_DELEGATED, "it was given to another"
    assert say(connection, DEPUTY, behalf="wen", at=DAY) is None
    assert say(connection, DEPUTY, behalf="wen", at=3 * DAY) is Reason.NOT_DELEGATED


def test_nobody_decides_on_their_own_work_through_a_delegate_or_as_one(connection: Connection) -> None:
    assert lend(connection, AWAY, "lin") is None
    assert lend(connection, AWAY, "dai") is None
    assert lend(connection, LAN_TOO, "dai") is None
    assert say(connection, LIN, behalf="wen") is Reason.OWN_WORK, "the author as a delegate"
    assert say(connection, DEPUTY, behalf="lan_too") is Reason.OWN_WORK, "the author's second account as the giver"
    assert say(connection, DEPUTY, behalf="wen", authors="wen") is Reason.OWN_WORK
    assert say(connection, DEPUTY, behalf="wen", authors="dai") is Reason.OWN_WORK
    assert say(connection, DEPUTY, behalf="wen") is None


def test_a_delegate_and_who_lent_them_their_place_are_one_approver(connection: Connection) -> None:
    assert lend(connection, AWAY, "dai") is None
    assert say(connection, DEPUTY, behalf="wen") is None
    assert say(connection, AWAY) is None
    assert lacking(connection, 2) is Reason.MORE_APPROVALS_NEEDED
    assert say(connection, MIN) is None
    assert lacking(connection, 2) is None


def test_what_cannot_be_lent(connection: Connection) -> None:
    assert lend(connection, LIN, "dai") is Reason.ROLE_NOT_ALLOWED
    assert lend(connection, HUA, "dai") is Reason.ROLE_NOT_ALLOWED, "a reviewer does not approve"
    assert lend(connection, HUA_TOO, "hua") is Reason.OWN_WORK
    assert lend(connection, AWAY, "dai", begins=DAY, ends=DAY) is Reason.NOT_DELEGATED
    assert lend(connection, AWAY, "dai", ends=LONGEST_DELEGATION + 1) is Reason.NOT_DELEGATED
    assert lend(connection, AWAY, "dai", ends=DAY, at=DAY) is Reason.NOT_DELEGATED
    assert lend(connection, AWAY, "dai") is None
    assert lend(connection, DEPUTY, "lin") is Reason.ROLE_NOT_ALLOWED, "what one was lent cannot be passed on"


def second_account(services: Services) -> None:
    with services.database.transaction() as connection:
        user = User(name=SECOND.user, person=SECOND.person, roles=SECOND.roles)
        assert add_user(connection, user, at=Instant(0)) is None


@pytest.mark.parametrize(
    "thresholds",
    [Thresholds(audience=5), Thresholds(cost=1), Thresholds(data_classes=DataClass.FINANCIAL)],
    ids=["audience", "cost", "data classes"],
)
def test_a_campaign_beyond_a_threshold_takes_two_approvers(loaded: Application, thresholds: Thresholds) -> None:
    services = dataclasses.replace(loaded.services, thresholds=thresholds)
    second_account(services)
    plan = plan_campaign(services, CAMPAIGN, AS_OF, LIN)
    assert isinstance(plan, Plan)
    reviewed = review_campaign(services, CAMPAIGN, HUA, digest=plan.digest)
    assert isinstance(reviewed, Plan)
    one = approve_campaign(services, CAMPAIGN, MIN, digest=plan.digest)
    assert isinstance(one, Plan)
    assert one.state == "reviewed"
    assert told(run_campaign(services, CAMPAIGN, LIN)) is Reason.MORE_APPROVALS_NEEDED
    again = approve_campaign(services, CAMPAIGN, MIN, digest=plan.digest)
    assert isinstance(again, Plan)
    assert again.state == "reviewed"
    assert told(approve_campaign(services, CAMPAIGN, LAN_TOO, digest=plan.digest)) is Reason.OWN_WORK
    both = approve_campaign(services, CAMPAIGN, SECOND, digest=plan.digest)
    assert isinstance(both, Plan)
    assert both.state == "approved"
    assert told(run_campaign(services, CAMPAIGN, LIN)) is None


def test_below_the_thresholds_one_approver_does(loaded: Application) -> None:
    thresholds = Thresholds(audience=10**6, cost=10**9, data_classes=DataClass.HEALTH)
    services = dataclasses.replace(loaded.services, thresholds=thresholds)
    plan = plan_campaign(services, CAMPAIGN, AS_OF, LIN)
    assert isinstance(plan, Plan)
    review_campaign(services, CAMPAIGN, HUA, digest=plan.digest)
    approved = approve_campaign(services, CAMPAIGN, MIN, digest=plan.digest)
    assert isinstance(approved, Plan)
    assert approved.state == "approved"


def set_hold_out(application: Application, share: str) -> None:
    for file in (application.services.folder / "definitions").rglob("*.yaml"):
        text = file.read_text(encoding="utf-8")
        if f"campaign: {CAMPAIGN}" in text:
            lines = [f"hold_out: {share}" if line.startswith("hold_out:") else line for line in text.splitlines()]
            file.write_text("\n".join(lines), encoding="utf-8")


def test_a_campaign_without_a_hold_out_takes_two_approvers(loaded: Application) -> None:
    services = loaded.services
    set_hold_out(loaded, "0")
    changed = apply(services, OTTO)
    assert not isinstance(changed, Refusal)
    assert [change.kind for change in changed] == ["campaign"]
    plan = plan_campaign(services, CAMPAIGN, AS_OF, LIN)
    assert isinstance(plan, Plan)
    review_campaign(services, CAMPAIGN, HUA, digest=plan.digest)
    one = approve_campaign(services, CAMPAIGN, MIN, digest=plan.digest)
    assert isinstance(one, Plan)
    assert one.state == "reviewed"
    second_account(services)
    both = approve_campaign(services, CAMPAIGN, SECOND, digest=plan.digest)
    assert isinstance(both, Plan)
    assert both.state == "approved"
    assert told(run_campaign(services, CAMPAIGN, LIN)) is None
    report = report_campaign(services, CAMPAIGN, LIN, known_by=instant_of(datetime(2027, 6, 1, tzinfo=UTC)))
    assert not isinstance(report, Refusal)
    assert told(report.evaluation.effect) in (Reason.TOO_FEW_UNITS, Reason.OUTCOME_NOT_YET_KNOWN)


def test_definitions_are_agreed_on_by_another_than_who_applies_them(loaded: Application) -> None:
    services = dataclasses.replace(loaded.services, thresholds=Thresholds(definitions=True))
    assert apply(services, OTTO) == [], "what changes nothing needs nobody's leave"
    set_hold_out(loaded, "0.4")
    assert told(apply(services, OTTO)) is Reason.NOT_APPROVED
    digest = digest_of_changes(diff(services))
    assert told(approve_definitions(services, LAN, digest=digest)) is Reason.ROLE_NOT_ALLOWED
    assert told(approve_definitions(services, MIN, digest="0" * 64)) is Reason.CHANGED_SINCE_PLAN
    assert approve_definitions(services, MIN, digest=digest, approved=False, comment="too few") is None
    assert told(apply(services, OTTO)) is Reason.REJECTED
    assert approve_definitions(services, MIN, digest=digest) is None
    set_hold_out(loaded, "0.41")
    assert told(apply(services, OTTO)) is Reason.NOT_APPROVED, "only what was approved is applied"
    set_hold_out(loaded, "0.4")
    also_compliance = Principal(user="otto", person="min", roles=OTTO.roles)
    assert told(apply(services, also_compliance)) is Reason.MORE_APPROVALS_NEEDED, "nobody applies what they approved"
    changed = apply(services, OTTO)
    assert not isinstance(changed, Refusal)
    assert len(changed) == 1
    assert [row.actor for row in audit_of(services, "approve_definitions")] == ["min"]

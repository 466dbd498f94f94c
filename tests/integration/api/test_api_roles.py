"""Who may do what, cell by cell through the API: every role × action × scope, against a table written out here."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from calling import Calling, problem_of
from sqlalchemy import delete, select

from lingque.bootstrap import Application
from lingque.core.clock import Instant
from lingque.core.reasons import Refusal
from lingque.entry.api.app import create_app
from lingque.govern.access import User, add_user
from lingque.govern.api_keys import new_api_key
from lingque.govern.contracts import Action, Role, Scope, ScopeKind
from lingque.govern.scopes import Organisation, record_organisations
from lingque.govern.tables import audit, reveal_members, subjects
from lingque.testing import FixedClock, MemoryHomes

# action → roles that may, with the scopes with which they may: bank, organisation, own
TABLE: dict[str, dict[str, str]] = {
    "apply_definitions": {"analyst": "b", "operator": "b"},
    "ingest": {"operator": "b"},
    "run_tags": {"analyst": "b", "operator": "b"},
    "train_model": {"analyst": "b"},
    "plan_campaign": {"campaign_manager": "b", "branch_manager": "o"},
    "review_campaign": {"consumer_protection_reviewer": "bo"},
    "approve_campaign": {"compliance_officer": "bo"},
    "run_campaign": {"campaign_manager": "b", "branch_manager": "o"},
    "halt_campaign": {"campaign_manager": "b", "branch_manager": "o", "compliance_officer": "bo"},
    "read_campaign": {
        "campaign_manager": "bo",
        "branch_manager": "o",
        "relationship_manager": "w",
        "compliance_officer": "bo",
        "consumer_protection_reviewer": "bo",
        "analyst": "b",
    },
    "add_user": {"system_administrator": "b"},
    "read_users": {"system_administrator": "b", "security_administrator": "b", "audit_administrator": "b"},
    "grant_roles": {"security_administrator": "b"},
    "manage_credentials": {"security_administrator": "b"},
    "manage_audience_lists": {"campaign_manager": "b"},
    "manage_exclusion_lists": {"compliance_officer": "b"},
    "see_compliance_reasons": {"compliance_officer": "bo"},
    "read_customer": {
        "campaign_manager": "bo",
        "branch_manager": "o",
        "relationship_manager": "w",
        "compliance_officer": "bo",
    },
    "reveal_identifier": {"branch_manager": "o", "relationship_manager": "w", "compliance_officer": "bo"},
    "record_consent": {"branch_manager": "o", "relationship_manager": "w", "compliance_officer": "bo"},
    "record_legal_basis": {"compliance_officer": "b"},
    "approve_definitions": {"compliance_officer": "b"},
    "delegate": {"compliance_officer": "b", "consumer_protection_reviewer": "b"},
    "handle_customer_requests": {"compliance_officer": "b"},
    "check_audit": {"compliance_officer": "b", "audit_administrator": "b"},
    "manage_keys": {"security_administrator": "b"},
    "run_retention": {"compliance_officer": "b"},
    "back_up": {"system_administrator": "b"},
    "assign_tags": {"campaign_manager": "b", "analyst": "b"},
    "approve_consents": {"compliance_officer": "b"},
    "approve_reveals": {"compliance_officer": "b"},
    "count_segments": {"campaign_manager": "b", "analyst": "b"},
    "ask_decision": {"channel_system": "b"},
    "read_definitions": {
        "campaign_manager": "b",
        "compliance_officer": "b",
        "consumer_protection_reviewer": "b",
        "analyst": "b",
        "operator": "b",
    },
}
LETTER = {"b": ScopeKind.BANK, "o": ScopeKind.ORGANISATION, "w": ScopeKind.OWN}
CITY, BRANCH, ELSEWHERE, STAFF = "C1", "B1", "B9", "S7"
SCOPES = {
    ScopeKind.BANK: Scope(),
    ScopeKind.ORGANISATION: Scope(kind=ScopeKind.ORGANISATION, of=CITY),
    ScopeKind.OWN: Scope(kind=ScopeKind.OWN, of=STAFF),
}
TREE = (
    Organisation(code="H", name="Head office", level="head_office", parent_code=""),
    Organisation(code="P1", name="Province", level="province", parent_code="H"),
    Organisation(code=CITY, name="City", level="city", parent_code="P1"),
    Organisation(code=BRANCH, name="Branch", level="branch", parent_code=CITY),
    Organisation(code="P2", name="Other province", level="province", parent_code="H"),
    Organisation(code=ELSEWHERE, name="Elsewhere", level="branch", parent_code="P2"),
)
CELLS = [(role, kind) for role in Role for kind in ScopeKind]
FITTING = {
    (role, kind): {action for action, able in TABLE.items() if kind in {LETTER[one] for one in able.get(role, "")}}
    for role, kind in CELLS
}


def name_of(role: Role, kind: ScopeKind) -> str:
    return f"{role.value}-{kind.value}"


@pytest.fixture
def numbers(application: Application) -> tuple[int, int]:
    """A customer of the branch and of the relationship manager, and one of neither."""
    with application.services.database.reading() as connection:
        first, second = connection.execute(select(subjects.c.customer_id).order_by(subjects.c.customer_id).limit(2))
    return first.customer_id, second.customer_id


@pytest.fixture
def staffed(application: Application, api: Calling, numbers: tuple[int, int]) -> Calling:
    """One user for every role and scope that go together."""
    mine, other = numbers
    homes = MemoryHomes({mine: (BRANCH, STAFF), other: (ELSEWHERE, "S8")})
    services = dataclasses.replace(application.services, homes=homes)
    keys = dict(api.keys)
    with services.database.transaction() as connection:
        record_organisations(connection, TREE)
        for (role, kind), allowed in FITTING.items():
            name = name_of(role, kind)
            user = User(name=name, person=name, roles=frozenset({role}), scope=SCOPES[kind])
            assert isinstance(add_user(connection, user, at=Instant(0)), Refusal) is not bool(allowed), name
            if allowed:
                keys[name] = new_api_key(connection, name, at=Instant(0))
    return Calling(create_app(dataclasses.replace(application, services=services)), keys)


def cells() -> Iterator[tuple[str, set[str]]]:
    for (role, kind), allowed in FITTING.items():
        if allowed:
            yield name_of(role, kind), allowed


def test_the_table_speaks_of_everything() -> None:
    assert set(TABLE) == {action.value for action in Action}
    assert {role for able in TABLE.values() for role in able} == {role.value for role in Role}


def test_everybody_is_told_exactly_what_they_may(staffed: Calling) -> None:
    for name, allowed in cells():
        assert set(staffed.get("/v1/me", name).json()["actions"]) == allowed, name


# one route per action that the API offers: called as everybody, it is refused exactly where the table says nothing
ROUTES: dict[str, tuple[str, str, dict[str, Any] | None]] = {
    "apply_definitions": ("GET", "/v1/definitions/diff", None),
    "ingest": ("GET", "/v1/quality", None),
    "count_segments": ("GET", "/v1/segments", None),
    "read_definitions": ("GET", "/v1/tags/payments_90d/lineage", None),
    "train_model": ("POST", "/v1/models/nothing/versions", {}),
    "plan_campaign": ("POST", "/v1/campaigns/nothing/plans", {"as_of": "2026-03-01"}),
    "review_campaign": ("POST", "/v1/campaigns/card_plus_spring/reviews", {"digest": "0" * 64, "approved": True}),
    "approve_campaign": ("POST", "/v1/campaigns/card_plus_spring/approvals", {"digest": "0" * 64, "approved": True}),
    "run_campaign": ("POST", "/v1/campaigns/card_plus_spring/moves", {"move": "close"}),
    "halt_campaign": ("POST", "/v1/campaigns/card_plus_spring/moves", {"move": "pause"}),
    "read_campaign": ("GET", "/v1/campaigns", None),
    "ask_decision": ("PUT", "/v1/decide/responses", {"token": "none", "response": "shown"}),
    "add_user": ("POST", "/v1/users", {"name": "mia", "person": "p"}),
    "read_users": ("GET", "/v1/users", None),
    "grant_roles": ("PUT", "/v1/users/nobody/roles", {"roles": []}),
    "manage_credentials": ("GET", "/v1/users/nobody/keys", None),
    "read_customer": ("GET", "/v1/customers/{mine}", None),
    "reveal_identifier": ("PUT", "/v1/customers/{mine}/reveals/email", {"reason": "asked to be called back"}),
    "record_consent": ("PUT", "/v1/customers/{mine}/preference-link", None),
    "record_legal_basis": (
        "POST",
        "/v1/legal-bases",
        {
            "purpose": "marketing",
            "data_classes": ["personal"],
            "article": "13",
            "document": "d",
            "first_day": "2026-01-01",
            "until": "2027-01-01",
        },
    ),
    "approve_consents": ("GET", "/v1/consent-imports", None),
    "approve_reveals": ("POST", "/v1/reveals/1/decisions", {"digest": "0" * 64, "approved": False}),
    "handle_customer_requests": ("PUT", "/v1/rights/customers", {"kind": "phone", "value": "13800138000"}),
    "check_audit": ("GET", "/v1/audit/entries", None),
    "run_retention": ("GET", "/v1/retention", None),
    "back_up": ("GET", "/v1/erased", None),
    "assign_tags": ("POST", "/v1/tags/nothing/values", {"values": [{"customer_id": "1", "value": "x"}]}),
    "delegate": (
        "POST",
        "/v1/delegations",
        {"to_user": "nobody", "action": "approve_campaign", "first_day": "2026-03-01", "until": "2026-03-05"},
    ),
}


def test_a_route_is_refused_exactly_where_the_table_says_nothing(staffed: Calling, numbers: tuple[int, int]) -> None:
    planned = staffed.post("/v1/campaigns/card_plus_spring/plans", "mia", json={"as_of": "2026-03-01"})
    assert planned.status_code == 200
    wrong = []
    for action, (method, path, content) in ROUTES.items():
        for name, allowed in cells():
            body = content
            if action == "delegate" and "reviewer" in name and content is not None:
                body = {**content, "action": "review_campaign"}  # what one may not do, one cannot pass on
            answer = send(staffed, method, path.format(mine=numbers[0]), name, body)
            denied = answer.status_code == 403 and answer.json()["reason"] == "ROLE_NOT_ALLOWED"
            if denied is (action in allowed):
                wrong.append(f"{action} as {name}: {answer.status_code} {answer.text[:200]}")
    assert wrong == []


def send(api: Calling, method: str, path: str, user: str, body: dict[str, Any] | None) -> httpx.Response:
    options: dict[str, Any] = {} if body is None else {"json": body}
    return api.post(path, user, **options) if method == "POST" else api.send(method, path, user, **options)


CUSTOMER_ROUTES = [
    ("GET", "/v1/customers/{}", None),
    ("PUT", "/v1/customers/{}/reveals/email", {"reason": "curious about a star"}),
    ("PUT", "/v1/customers/{}/reveals/name", {"reason": "curious about a star"}),
    (
        "POST",
        "/v1/customers/{}/consents",
        {"purpose": "marketing", "channel": "email", "given": True, "wording_version": "w", "evidence": "said so"},
    ),
    ("POST", "/v1/customers/{}/decision-refusals", {"refused": True, "wording_version": "w", "evidence": "said so"}),
    ("PUT", "/v1/customers/{}/preference-link", None),
    ("GET", "/v1/campaigns/card_plus_spring/decisions/{}", None),
    (
        "POST",
        "/v1/reveals",
        {"customers": ["{}"], "kind": "email", "purpose": "service", "reason": "curious about a star", "days": 1},
    ),
    ("GET", "/v1/customers/{}/live-tags", None),
    ("GET", "/v1/customers/{}/decision", None),
]


def test_nobody_reaches_a_customer_of_somebody_else_by_another_number(
    staffed: Calling, numbers: tuple[int, int]
) -> None:
    """And one that does not exist reads the same: numbers cannot be tried out."""
    for who in ("branch_manager-organisation", "relationship_manager-own"):
        for method, path, body in CUSTOMER_ROUTES:
            details = set()
            for number in (numbers[1], 13_800_138_000, 1):
                named = body and {key: [str(number)] if key == "customers" else value for key, value in body.items()}
                problem = problem_of(send(staffed, method, path.format(number), who, named), 403)
                assert problem["reason"] == "OUTSIDE_SCOPE"
                details.add(problem["detail"])
            assert len(details) == 1
            assert not any(character.isdigit() for character in details.pop())


def test_who_answers_for_the_customer_sees_them_masked_and_reveals_with_a_reason(
    staffed: Calling, application: Application, numbers: tuple[int, int]
) -> None:
    mine = numbers[0]
    for who in ("branch_manager-organisation", "relationship_manager-own", "compliance_officer-bank"):
        shown = staffed.get(f"/v1/customers/{mine}", who).json()
        assert shown["branch"] == BRANCH
        assert list(shown["identifiers"]) == ["email"]
        hidden = shown["identifiers"]["email"]
        answer = staffed.send("PUT", f"/v1/customers/{mine}/reveals/email", who, json={"reason": "a returned letter"})
        value = answer.json()["value"]
        assert value.endswith("@mail.example")
        assert value not in hidden
        assert hidden == f"{value[0]}***@mail.example"
        with application.services.database.reading() as connection:
            found = connection.execute(select(audit).where(audit.c.act == "reveal_identifier")).all()
        newest = found[-1]
        assert (newest.actor, newest.subject) == (who, f"customer {mine}")
        assert newest.detail == {"kind": "email", "reason": "a returned letter"}
        assert value not in repr(found)


def test_without_a_reason_nothing_is_revealed(staffed: Calling, numbers: tuple[int, int]) -> None:
    path = f"/v1/customers/{numbers[0]}/reveals/email"
    for reason in ("", "why", "     ", "line\x00break"):
        problem_of(staffed.send("PUT", path, "compliance_officer-bank", json={"reason": reason}), 422)


def test_a_customer_that_is_not_there_is_not_found(staffed: Calling) -> None:
    problem = problem_of(staffed.get("/v1/customers/13800138000", "compliance_officer-bank"), 404)
    assert "13800138000" not in str(problem)


MANY = {"kind": "email", "purpose": "service", "reason": "letters came back", "days": 3}


def test_identifiers_of_many_are_opened_by_who_asked_once_another_approved_until_it_ends(
    staffed: Calling, application: Application, numbers: tuple[int, int], clock: FixedClock
) -> None:
    boss, officer, other = "branch_manager-organisation", "compliance_officer-bank", "carl"
    asked = staffed.post("/v1/reveals", boss, json={**MANY, "customers": [str(numbers[0])]}).json()
    values = f"/v1/reveals/{asked['number']}/values"
    assert problem_of(staffed.send("PUT", values, boss), 409)["reason"] == "NOT_APPROVED"
    decide = f"/v1/reveals/{asked['number']}/decisions"
    stale = staffed.post(decide, officer, json={"digest": "0" * 64, "approved": True})
    assert problem_of(stale, 409)["reason"] == "CHANGED_SINCE_PLAN"
    said = staffed.post(decide, officer, json={"digest": asked["digest"], "approved": True}).json()
    assert (said["approved"], said["decided_by"]) == (True, officer)
    (opened,) = staffed.send("PUT", values, boss).json()["values"]
    assert opened["value"].endswith("@mail.example")
    assert opened["refused"] is None
    assert problem_of(staffed.send("PUT", values, officer), 403)["reason"] == "ROLE_NOT_ALLOWED"
    with application.services.database.reading() as connection:
        looks = connection.execute(select(audit).where(audit.c.act == "reveal_identifier")).all()
    assert [(row.actor, row.subject) for row in looks] == [(boss, f"customer {numbers[0]}")]
    assert looks[0].detail == {"kind": "email", "reason": "letters came back", "request": asked["number"]}
    clock.advance(4 * 86_400_000_000)
    assert problem_of(staffed.send("PUT", values, boss), 409)["reason"] == "APPROVAL_EXPIRED"
    # one's own list, a list that was changed, and a rejected one open nothing
    own = staffed.post("/v1/reveals", officer, json={**MANY, "customers": [str(one) for one in numbers]}).json()
    path = f"/v1/reveals/{own['number']}"
    mine = staffed.post(f"{path}/decisions", officer, json={"digest": own["digest"], "approved": True})
    assert problem_of(mine, 403)["reason"] == "OWN_WORK"
    with application.services.database.transaction() as connection:
        connection.execute(delete(reveal_members).where(reveal_members.c.customer_id == numbers[1]))
    changed = staffed.post(f"{path}/decisions", other, json={"digest": own["digest"], "approved": True})
    assert problem_of(changed, 409)["reason"] == "CHANGED_SINCE_PLAN"
    third = staffed.post("/v1/reveals", officer, json={**MANY, "customers": [str(numbers[0])]}).json()
    path = f"/v1/reveals/{third['number']}"
    assert staffed.post(f"{path}/decisions", other, json={"digest": third["digest"], "approved": False}).is_success
    assert problem_of(staffed.send("PUT", f"{path}/values", officer), 409)["reason"] == "REJECTED"
    assert [one["number"] for one in staffed.get("/v1/reveals", boss).json()["requests"]] == [asked["number"]]
    assert len(staffed.get("/v1/reveals", officer).json()["requests"]) == 3


def test_leave_is_asked_for_the_purpose_of_many_identifiers(staffed: Calling, numbers: tuple[int, int]) -> None:
    officer = "compliance_officer-bank"
    for purpose, allowed in (("service", True), ("sharing", False)):
        asked = staffed.post("/v1/reveals", officer, json={**MANY, "purpose": purpose, "customers": [str(numbers[0])]})
        number, digest = asked.json()["number"], asked.json()["digest"]
        staffed.post(f"/v1/reveals/{number}/decisions", "carl", json={"digest": digest, "approved": True})
        (opened,) = staffed.send("PUT", f"/v1/reveals/{number}/values", officer).json()["values"]
        assert (opened["value"] is not None) is allowed
        assert allowed or opened["refused"]["reason"] == "NO_CONSENT"


FITS: list[tuple[list[str], dict[str, str], bool]] = [
    (["system_administrator", "security_administrator"], {}, False),
    (["system_administrator", "audit_administrator"], {}, False),
    (["security_administrator", "audit_administrator"], {}, False),
    (["system_administrator", "campaign_manager"], {}, False),
    (["relationship_manager"], {}, False),
    (["relationship_manager"], {"kind": "organisation", "of": CITY}, False),
    (["relationship_manager"], {"kind": "own", "of": ""}, False),
    (["relationship_manager"], {"kind": "own", "of": STAFF}, True),
    (["branch_manager"], {}, False),
    (["branch_manager"], {"kind": "organisation", "of": BRANCH}, True),
    (["branch_manager"], {"kind": "organisation", "of": ""}, True),
    (["campaign_manager"], {"kind": "bank", "of": "B1"}, False),
    (["analyst", "operator"], {}, True),
    ([], {}, True),
]


def test_roles_that_nobody_may_hold(staffed: Calling) -> None:
    assert staffed.post("/v1/users", "root", json={"name": "new", "person": "E1"}).status_code == 200
    for roles, scope, fits in FITS:
        body = {"roles": roles, "scope": scope}
        answer = staffed.send("PUT", "/v1/users/new/roles", "security_administrator-bank", json=body)
        assert answer.status_code == (200 if fits else 409), (roles, scope)
        assert fits or answer.json()["reason"] == "ROLES_DO_NOT_FIT"


def test_a_second_account_does_not_make_two_administrators_of_one_person(staffed: Calling) -> None:
    security = "security_administrator-bank"
    for name in ("first", "second"):
        assert staffed.post("/v1/users", "root", json={"name": name, "person": "E1"}).status_code == 200
    given = staffed.send("PUT", "/v1/users/first/roles", security, json={"roles": ["audit_administrator"]})
    assert given.status_code == 200
    for roles in (["system_administrator"], ["security_administrator"], ["operator"]):
        answer = staffed.send("PUT", "/v1/users/second/roles", security, json={"roles": roles})
        assert problem_of(answer, 409)["reason"] == "ROLES_DO_NOT_FIT"

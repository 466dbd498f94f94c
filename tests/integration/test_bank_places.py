"""The bank's own files say which places there are and who works where: scopes, and narrower campaigns, follow them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select
from tiny_bank import (
    AS_OF,
    CAMPAIGN,
    HUA,
    LAWFUL,
    LIN,
    MIN,
    OTTO,
    Bank,
    audit_of,
    customer_no,
    load_all,
    party_of,
)

from lingque.bootstrap import Application
from lingque.core.errors import ConfigurationError
from lingque.core.ids import CustomerId
from lingque.core.reasons import Reason, Refusal
from lingque.flow import (
    apply,
    approve_campaign,
    ingest,
    plan_campaign,
    review_campaign,
    run_campaign,
)
from lingque.flow.halting import pause_campaign
from lingque.flow.messages import send_messages
from lingque.flow.services import Services
from lingque.govern.access import User, add_user, principal_of
from lingque.govern.contracts import Principal, Role, Scope, ScopeKind
from lingque.govern.scopes import outside_scope
from lingque.govern.tables import organisations
from lingque.testing import MemoryHomes

ON_SQLITE = pytest.mark.parametrize("controls", ["sqlite"], indirect=True)
DEFINITIONS = """
contract: places
label: {zh: 机构, en: Places}
kind: reference
load: full
columns:
  place: {type: text, role: key}
  org_code: {type: text, required: true}
  name: {type: text}
  level: {type: text, required: true}
  parent_code: {type: text}
  merged_into: {type: text}
  since: {type: date, role: valid_from}
---
contract: people
label: {zh: 员工, en: People}
kind: reference
load: full
columns:
  employee: {type: text, role: key}
  staff_no: {type: text, required: true}
  branch_code: {type: text, required: true}
  since: {type: date, role: valid_from}
---
source: core_places
system: core
contract: places
reads:
  places: {files: ["places_{data_date}.csv"]}
mapping: mapping/places.sql
---
source: core_people
system: core
contract: people
reads:
  people: {files: ["people_{data_date}.csv"]}
mapping: mapping/people.sql
"""
MAPPINGS = {
    "places": "SELECT _file, _row, org_code AS place, org_code, name, level, parent_code, merged_into,"
    " '2020-01-01' AS since FROM places",
    "people": "SELECT _file, _row, staff_no AS employee, staff_no, branch_code, '2020-01-01' AS since FROM people",
}
TREE = "H,总行,head_office,,\nP1,省,province,H,\nC1,市,city,P1,\nB1,一支行,branch,C1,\nB2,二支行,branch,C1,\n"
PLACES, PEOPLE = "org_code,name,level,parent_code,merged_into\n", "staff_no,branch_code\n"
DAY = 86_400_000_000
DAYS = tuple(date(2026, 6, n) for n in (1, 2, 3))


@contextmanager
def told(bank: Bank, places: str, people: str, day: date = DAYS[0]) -> Iterator[tuple[Services, list[Any]]]:
    """The workspace after a delivery of both files, and what loading said."""
    bank.clock.advance(0 if day == DAYS[0] else DAY)
    bank.deliver_text("places", PLACES + places, day)
    bank.deliver_text("people", PEOPLE + people, day)
    with bank.open() as application:
        yield application.services, list(ingest(application.services, OTTO))


@pytest.fixture
def placed(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> Bank:
    """A bank that names its places."""
    monkeypatch.setenv("LINGQUE_ACCESS__ORGANISATIONS", "places")
    monkeypatch.setenv("LINGQUE_ACCESS__STAFF", "people")
    bank.define("places", DEFINITIONS)
    for contract, sql in MAPPINGS.items():
        bank.map(contract, sql)
    with bank.open() as application:
        services = application.services
        assert not isinstance(apply(services, OTTO), Refusal)
        with services.database.transaction() as connection:
            for name, scope in (("bo", "B1"), ("cy", "C1"), ("mo", "")):
                add_user(connection, manager(name, scope), at=services.clock.now())
            checker = User(name="po", person="po", roles=frozenset({Role.COMPLIANCE_OFFICER}), scope=at_place("P1"))
            add_user(connection, checker, at=services.clock.now())
    return bank


def at_place(code: str) -> Scope:
    return Scope(kind=ScopeKind.ORGANISATION, of=code)


def manager(name: str, code: str) -> User:
    return User(name=name, person=f"S-{name}", roles=frozenset({Role.BRANCH_MANAGER}), scope=at_place(code))


def sees(services: Services, user: str, branch: str) -> bool:
    with services.database.reading() as connection:
        actor = principal_of(connection, user)
        return outside_scope(connection, actor, CustomerId(7), MemoryHomes({7: (branch, "")})) is None


def test_scopes_follow_the_files_and_a_merged_branch_belongs_to_where_it_went(placed: Bank) -> None:
    with told(placed, TREE, "S-mo,B2\nS-cy,C1\n") as (services, _):
        assert [sees(services, user, "B1") for user in ("bo", "cy", "mo")] == [True, True, False]
        assert sees(services, "mo", "B2")
        assert {row.act for row in audit_of(services)} >= {"record_organisations", "record_staff"}
    merged = TREE.replace("B1,一支行,branch,C1,", "B1,一支行,branch,C1,B2")
    with told(placed, merged, "S-mo,B2\n", DAYS[1]) as (services, _):
        # who still stands under the old code is answered for by the new place, and by those above it
        assert [sees(services, user, "B1") for user in ("bo", "cy", "mo")] == [True, True, True]
        assert not sees(services, "bo", "B2")
    gone = "".join(line for line in merged.splitlines(keepends=True) if not line.startswith("B1"))
    with told(placed, gone, "S-cy,C1\n", DAYS[2]) as (services, _):
        with services.database.reading() as connection:
            closed = connection.execute(select(organisations.c.code).where(organisations.c.closed)).scalars().all()
        assert closed == ["B1"]
        assert sees(services, "cy", "B1")
        # who works nowhere any more answers for nobody
        assert not sees(services, "mo", "B2")


@ON_SQLITE
def test_places_that_are_no_tree_are_refused_and_the_rest_is_loaded(placed: Bank) -> None:
    with told(placed, TREE, "S-mo,B2\n") as (services, _):
        pass
    with told(placed, "H,总行,head_office,P1,\nP1,省,province,H,\n", "S-mo,B1\n", DAYS[1]) as (services, said):
        refusal = said[-1]
        assert isinstance(refusal, Refusal)
        assert refusal.reason is Reason.NOT_A_TREE
        assert not any(isinstance(one, Refusal) for one in said[:-1])
        assert sees(services, "cy", "B1")
        assert sees(services, "mo", "B1")


@ON_SQLITE
def test_a_contract_without_the_columns_is_named(placed: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINGQUE_ACCESS__ORGANISATIONS", "people")
    with pytest.raises(ConfigurationError, match="stores no column level, name, org_code, parent_code"):  # noqa: SIM117
        with told(placed, TREE, "S-mo,B2\n"):
            pass


# --- campaigns narrower than the bank --------------------------------------------------------------------------------

OWN = [n for n in LAWFUL if n % 3 == 0]


@pytest.fixture
def narrower(placed: Bank) -> Iterator[tuple[Application, Services, Bank]]:
    """The campaign is of branch B1, whose customers are every third; of the others B2's."""
    placed.replace_in("campaigns", "owner: lan\n", "owner: lan\norganisation: B1\n")
    placed.deliver_text("places", PLACES + TREE)
    placed.deliver_text("people", PEOPLE)
    with placed.open() as application:
        assert not isinstance(apply(application.services, OTTO), Refusal)
        load_all(application.services)
        homes = {party_of(application, customer_no(n)): ("B1" if n % 3 == 0 else "B2", "") for n in range(100)}
        yield application, dataclasses.replace(application.services, homes=MemoryHomes(homes)), placed


def actor(services: Services, name: str) -> Principal:
    with services.database.reading() as connection:
        return principal_of(connection, name)


def reason_of(outcome: Any) -> Reason:
    assert isinstance(outcome, Refusal), outcome
    return outcome.reason


@ON_SQLITE
def test_a_branchs_campaign_reaches_its_own_customers_only_and_is_decided_on_by_those_above(
    narrower: tuple[Application, Services, Bank],
) -> None:
    _, services, bank = narrower
    bo, mo, po = (actor(services, name) for name in ("bo", "mo", "po"))
    assert reason_of(plan_campaign(services, CAMPAIGN, AS_OF, mo)) is Reason.OUTSIDE_SCOPE
    plan = plan_campaign(services, CAMPAIGN, AS_OF, bo)
    assert not isinstance(plan, Refusal)
    assert plan.organisation == "B1"
    assert plan.forecast.customers == 34
    reached = plan.forecast.to_contact + plan.forecast.to_hold_out
    assert reached == len(OWN)
    assert not isinstance(review_campaign(services, CAMPAIGN, HUA, digest=plan.digest), Refusal)
    elsewhere = dataclasses.replace(po, user="min", person="x", scope=at_place("B2"))
    assert reason_of(approve_campaign(services, CAMPAIGN, elsewhere, digest=plan.digest)) is Reason.OUTSIDE_SCOPE
    assert not isinstance(approve_campaign(services, CAMPAIGN, po, digest=plan.digest), Refusal)
    assert reason_of(run_campaign(services, CAMPAIGN, mo)) is Reason.OUTSIDE_SCOPE
    assert not isinstance(run_campaign(services, CAMPAIGN, bo), Refusal)
    own = {f"client{n:03}@mail.example" for n in OWN}
    assert {message.address for message in bank.channel.messages.values()} <= own
    assert len(bank.channel.messages) == plan.forecast.to_contact
    assert reason_of(send_messages(services, bo)) is Reason.OUTSIDE_SCOPE
    assert reason_of(pause_campaign(services, CAMPAIGN, mo)) is Reason.OUTSIDE_SCOPE


@ON_SQLITE
def test_a_campaign_of_the_whole_bank_is_not_a_branchs_and_another_place_is_another_plan(
    narrower: tuple[Application, Services, Bank],
) -> None:
    _, services, bank = narrower
    plan = plan_campaign(services, CAMPAIGN, AS_OF, LIN)
    assert not isinstance(plan, Refusal)
    assert not isinstance(review_campaign(services, CAMPAIGN, HUA, digest=plan.digest), Refusal)
    assert not isinstance(approve_campaign(services, CAMPAIGN, MIN, digest=plan.digest), Refusal)
    bank.replace_in("campaigns", "organisation: B1\n", "")
    assert not isinstance(apply(services, OTTO), Refusal)
    assert reason_of(run_campaign(services, CAMPAIGN, LIN)) is Reason.CHANGED_SINCE_PLAN
    assert reason_of(plan_campaign(services, CAMPAIGN, AS_OF, actor(services, "bo"))) is Reason.OUTSIDE_SCOPE
    whole = plan_campaign(services, CAMPAIGN, AS_OF, LIN)
    assert not isinstance(whole, Refusal)
    assert whole.forecast.customers == 100
    assert whole.digest != plan.digest

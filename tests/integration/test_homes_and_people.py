"""Where customers belong, told by tags or by a fake alike; and users at the command line."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select
from tiny_bank import Bank, audit_of, customer_no, party_of
from typer.testing import CliRunner

from lingque.bootstrap import Application
from lingque.core.clock import Instant
from lingque.core.errors import NotFoundError, SourceError
from lingque.core.ids import CustomerId
from lingque.core.reasons import Reason, Refusal
from lingque.entry.cli import app
from lingque.flow.story import story_of
from lingque.govern.access import User, add_user, all_users, find_user, person_of, principal_of, set_disabled
from lingque.govern.api_keys import keys_of, principal_of_key
from lingque.govern.contracts import Home, Homes, Principal, Role, Scope, ScopeKind
from lingque.govern.masking import masked
from lingque.govern.scopes import Organisation, outside_scope, record_organisations
from lingque.govern.tables import organisations
from lingque.profile.homes import TagHomes
from lingque.testing import MemoryHomes


def by_tags(application: Application, _customer: int) -> Homes:
    return TagHomes(application.services.profile, branch_tag="accounts_held", manager_tag="transactions_12m")


def in_memory(_application: Application, customer: int) -> Homes:
    return MemoryHomes({customer: ("1", "2")})


@pytest.mark.parametrize("make", [by_tags, in_memory])
def test_a_home_is_told_and_nobody_else_has_one(make: Callable[[Application, int], Homes], loaded: Application) -> None:
    customer = party_of(loaded, customer_no(10))
    homes = make(loaded, customer)
    with loaded.services.database.reading() as connection:
        assert homes.home_of(connection, CustomerId(customer)) == Home(branch="1", manager="2")
        assert homes.home_of(connection, CustomerId(1)) == Home(branch="", manager="")


def test_without_tags_nobody_belongs_anywhere(loaded: Application) -> None:
    customer = CustomerId(party_of(loaded, customer_no(10)))
    rm = Principal(
        user="mei",
        person="mei",
        roles=frozenset({Role.RELATIONSHIP_MANAGER}),
        scope=Scope(kind=ScopeKind.OWN, of="2"),
    )
    services = loaded.services
    with services.database.reading() as connection:
        assert services.homes.home_of(connection, customer) == Home(branch="", manager="")
        refusal = outside_scope(connection, rm, customer, services.homes)
        assert refusal is not None
        assert outside_scope(connection, rm, customer, by_tags(loaded, customer)) is None
    told = story_of(services, "idle_to_deposit", customer, rm)
    assert isinstance(told, Refusal)
    assert told.reason is Reason.OUTSIDE_SCOPE


def place(code: str, parent: str, level: str = "branch") -> Organisation:
    return Organisation(code=code, name=code, level=level, parent_code=parent)


@pytest.mark.parametrize(
    ("scope", "branch", "within"),
    [
        ("H", "B1", True),
        ("P1", "B1", True),
        ("C1", "B1", True),
        ("B1", "B1", True),
        ("B2", "B1", False),
        ("P2", "B1", False),
        ("C1", "", False),
        ("nowhere", "B1", False),
        ("unlisted", "unlisted", True),
    ],
)
def test_a_scope_reaches_down_the_tree_only(
    scope: str,
    branch: str,
    within: bool,
    defined: Application,
) -> None:
    tree = [
        place("H", "", "head_office"),
        place("P1", "H", "province"),
        place("P2", "H", "province"),
        place("C1", "P1", "city"),
        place("B1", "C1"),
        place("B2", "C1"),
    ]
    boss = Principal(user="bo", person="bo", roles=frozenset(), scope=Scope(kind=ScopeKind.ORGANISATION, of=scope))
    with defined.services.database.transaction() as connection:
        assert record_organisations(connection, tree) == 6
        refusal = outside_scope(connection, boss, CustomerId(7), MemoryHomes({7: (branch, "")}))
    assert (refusal is None) is within


@pytest.mark.parametrize(
    "tree",
    [
        [place("A", "A")],
        [place("A", "B"), place("B", "A")],
        [place("A", "missing")],
        [place("A", ""), place("A", "")],
        [place("A", "", "planet")],
    ],
)
def test_what_is_no_tree_is_refused_and_the_old_one_stays(tree: list[Organisation], defined: Application) -> None:
    database = defined.services.database
    with database.transaction() as connection:
        record_organisations(connection, [place("H", "")])
    with pytest.raises(SourceError), database.transaction() as connection:
        record_organisations(connection, tree)
    with database.reading() as connection:
        assert connection.execute(select(organisations.c.code)).scalars().all() == ["H"]


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("name", "王小明", "王**"),
        ("name", "王", "王*"),
        ("phone", "13812341234", "138****1234"),
        ("phone", "+8613812341234", "+86138****1234"),
        ("phone", "12345", "****"),
        ("email", "lan@mail.example", "l***@mail.example"),
        ("email", "no address", "****"),
        ("document", "110101199003070000", "****"),
    ],
)
def test_masking(kind: str, value: str, shown: str) -> None:
    assert masked(kind, value) == shown


def test_users_at_the_command_line(defined_bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINGQUE_ACCESS__PASSWORD_MEMORY_MIB", "8")

    def run(*command: str, typed: str = "", code: int = 0) -> str:
        result = CliRunner().invoke(app, ["users", *command, "-w", str(defined_bank.folder)], input=typed)
        assert result.exit_code == code, result.output
        return result.output

    run("add", "mei", "--role", "relationship_manager", "--scope", "own:S00017")
    assert "own:S00017" in run("list")
    run("add", "two", "--role", "system_administrator", "--role", "audit_administrator", code=3)
    run("roles", "mei", "--role", "relationship_manager", code=3)
    run("roles", "mei", "--role", "branch_manager", "--scope", "organisation:B1")
    run("add", "bad", "--role", "analyst", "--scope", "galaxy", code=2)
    secret = "Lantern-Festival-88"
    assert secret not in run("password", "mei", typed=f"{secret}\n{secret}\n")
    run("password", "mei", typed="short\nshort\n", code=3)
    key = run("key", "mei", "--days", "30").strip()
    delegation = ("--action", "approve_campaign", "--from", "2026-06-01", "--until", "2026-06-20")
    run("delegate", "mei", *delegation, "--as", "lan", code=3)
    with defined_bank.open() as application:
        services = application.services
        now = services.clock.now()
        with services.database.reading() as connection:
            known = find_user(connection, "mei")
            assert known.user.roles == {Role.BRANCH_MANAGER}
            assert known.has_password
            assert principal_of_key(connection, key, at=now) == principal_of(connection, "mei")
            (kept,) = keys_of(connection, "mei")
            assert {"two", "bad"}.isdisjoint(one.user.name for one in all_users(connection))
        assert kept.key_id in run("keys", "mei")
        run("revoke", "mei", kept.key_id)
        run("disable", "mei")
        with services.database.reading() as connection:
            assert principal_of_key(connection, key, at=now) is None
            with pytest.raises(NotFoundError, match="disabled"):
                principal_of(connection, "mei")
        run("enable", "mei")
        acts = {row.act for row in audit_of(services)}
        assert {"add_user", "grant_roles", "give_password", "revoke_key", "disable_user", "enable_user"} <= acts
        traces = repr(audit_of(services))
    assert secret not in traces
    assert key not in traces


def test_a_person_of_a_disabled_user_still_counts(defined: Application) -> None:
    """Who left cannot be replaced by a second account to approve what they made."""
    with defined.services.database.transaction() as connection:
        user = User(name="gone", person="E7", roles=frozenset({Role.CAMPAIGN_MANAGER}))
        assert add_user(connection, user, at=Instant(0)) is None
        set_disabled(connection, "gone", disabled=True, at=Instant(1))
        assert person_of(connection, "gone") == "E7"
        with pytest.raises(NotFoundError):
            principal_of(connection, "gone")

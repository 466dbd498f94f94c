"""Customer 360: everything of one customer in one call, masked, within scope, with the rows that made each value."""

from __future__ import annotations

import dataclasses
from datetime import date

import pytest
from tiny_bank import AS_OF, MIN, PRINCIPALS, Bank, audit_of, customer_no, email_of, name_of, party_of
from typer.testing import CliRunner

from lingque.core.ids import CustomerId, PartyId
from lingque.core.reasons import Reason, Refusal
from lingque.entry.cli import app
from lingque.flow.customer_360 import MOST_IN_HOUSEHOLD, Customer360, customer_360
from lingque.flow.services import Services
from lingque.govern.contracts import Principal, Role, Scope, ScopeKind, Subject

pytestmark = pytest.mark.any_database

WHO = 1


def seen(services: Services, customer: int, actor: Principal = MIN) -> Customer360:
    found = customer_360(services, CustomerId(customer), actor)
    assert isinstance(found, Customer360), found
    return found


def test_one_call_returns_everything_of_a_customer_masked(sent_bank: Bank) -> None:
    with sent_bank.open() as application:
        services = application.services
        number = party_of(application, customer_no(WHO))
        found = seen(services, number)
        assert found.card.identifiers["email"].endswith("@mail.example")
        assert email_of(WHO) not in str(found)
        assert name_of(WHO) not in str(found)
        assert found.as_of == AS_OF
        assert {table.contract.contract: table.count for table in found.held} == {"customers": 1, "accounts": 1}
        (happened,) = (table for table in found.happened if table.contract.contract == "transactions")
        assert [row["category"] for row in happened.rows] == ["rent", "salary"]  # the newest first
        assert [(message.channel, message.status) for message in found.messages] in ([("email", "sent")], [])
        assert {one.channel: one.reason for one in found.leave} == {
            "email": None, "sms": Reason.NO_CONSENT, "rm_call": Reason.NO_CONSENT,
        }  # fmt: skip

        tags = {one.tag: one for one in found.tags}
        with services.database.reading() as connection:
            assert {name: one.value for name, one in tags.items()} == services.profile.values_of(
                connection, AS_OF, number
            )
        salary = tags["salary_3m"].why
        assert (salary.how, salary.table, salary.rows) == ("rows", "transactions", 1)
        assert sum(row["amount"] for row in salary.newest) == tags["salary_3m"].value
        assert tags["transactions_12m"].why.rows == tags["transactions_12m"].value == 2
        assert tags["accounts_held"].why.rows == tags["accounts_held"].value == 1
        assert tags["idle_money"].why.inputs == {"latest_balance": tags["latest_balance"].value}
        assert audit_of(services)[-1].act == "show_customer"

        # whoever may not, sees nothing of it, and of somebody else's customer not even whether there is one
        for user in ("ada", "otto", "root"):
            denied = customer_360(services, CustomerId(number), PRINCIPALS[user])
            assert isinstance(denied, Refusal)
        own = Principal(
            user="mei",
            person="mei",
            roles=frozenset({Role.RELATIONSHIP_MANAGER}),
            scope=Scope(kind=ScopeKind.OWN, of="7"),
        )
        outside, nowhere = (customer_360(services, CustomerId(one), own) for one in (number, 42))
        assert isinstance(outside, Refusal)
        assert outside == nowhere
        unknown = customer_360(services, CustomerId(42), MIN)
        assert isinstance(unknown, Refusal)
        assert unknown.reason is Reason.UNKNOWN_CUSTOMER

    command = ["customers", "show", str(number), "--as", "min", "-w", str(sent_bank.folder)]
    printed = CliRunner().invoke(app, command)
    assert printed.exit_code == 0, printed.output
    assert "transactions × 2" in printed.stdout
    assert email_of(WHO) not in printed.stdout
    because = CliRunner().invoke(app, [*command, "--why", "salary_3m"]).stdout
    assert "salary" in because
    assert "CNY" in because


@pytest.mark.parametrize("tag", ["accounts_held", "idle_money"])
def test_a_household_is_those_with_the_same_value_of_the_tag_that_is_named_for_it(bank: Bank, tag: str) -> None:
    with bank.open() as application:
        services = application.services
        number = party_of(application, customer_no(WHO))
        assert seen(services, number).household is None  # no tag is named: nobody knows
        with services.database.reading() as connection:
            rows = services.profile.tags_of(connection, AS_OF)
        values = dict(zip(rows.column("customer_id").to_pylist(), rows.column(tag).to_pylist(), strict=True))
        alike = [one for one, value in values.items() if value == values[number]]
        found = seen(dataclasses.replace(services, household_tag=tag), number).household
        assert found == tuple(one for one in alike[:MOST_IN_HOUSEHOLD] if one != number)


def test_a_merged_customer_shows_the_rows_of_all_their_parties(bank: Bank) -> None:
    with bank.open() as application:
        services = application.services
        first, second = (party_of(application, customer_no(n)) for n in (WHO, WHO + 1))
        before = seen(services, first)
        joined = Subject(party_id=PartyId(second), customer_id=CustomerId(first), birth_date=date(1980, 2, 29))
        with services.database.transaction() as connection:
            services.register.record_subjects(connection, [joined])  # type: ignore[attr-defined]
        after = seen(services, first)
        counts = [{table.contract.contract: table.count for table in one.happened} for one in (before, after)]
        assert counts[1]["transactions"] == 2 * counts[0]["transactions"]

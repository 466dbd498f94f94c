"""A plan as it would be: what changes in it, and that nothing else does."""

from __future__ import annotations

from typing import Any

import pytest
from commands import typed
from sqlalchemy import inspect, text
from tiny_bank import AS_OF, CAMPAIGN, LAWFUL, LIN, OTTO, Bank

from lingque.bootstrap import Application
from lingque.core.errors import DefinitionError
from lingque.core.reasons import Reason, Refusal
from lingque.flow import apply, plan_campaign
from lingque.flow.what_if import WhatIf, read_change, what_if

ON_SQLITE = pytest.mark.parametrize("controls", ["sqlite"], indirect=True)


def asked(application: Application, **changes: Any) -> WhatIf:
    found = what_if(
        application.services, CAMPAIGN, AS_OF, {name.replace("__", "."): value for name, value in changes.items()}, LIN
    )
    assert not isinstance(found, Refusal)
    return found


def everything(application: Application) -> dict[str, list[Any]]:
    """Every row of the control database, but for the trail of who asked."""
    with application.services.database.reading() as connection:
        names = sorted(set(inspect(connection).get_table_names()) - {"audit"})
        return {name: sorted(map(repr, connection.execute(text(f'SELECT * FROM "{name}"')))) for name in names}


@ON_SQLITE
def test_less_capacity_a_tighter_budget_or_a_dearer_contact_show_in_reach_refusals_and_profit(bank: Bank) -> None:
    bank.define("caps", "cap: never\nlabel: {zh: 从不, en: Never}\nat_most: 3\nwithin: 7 days\n")
    with bank.open() as application:
        assert not isinstance(apply(application.services, OTTO), Refusal)
        before = everything(application)
        path = f"campaign__{CAMPAIGN}__channels__email"
        fewer = asked(application, **{f"{path}__capacity": 7})
        assert fewer.then.to_contact == 7 < fewer.now.to_contact
        assert fewer.refusals_change == {"NO_CAPACITY": len(LAWFUL) - fewer.then.to_contact - fewer.then.to_hold_out}
        assert fewer.then.expected_profit < fewer.now.expected_profit
        poorer = asked(application, offer__term_deposit__budget="0.5", offer__term_deposit__stock=5)
        assert poorer.then.to_contact == 5
        assert {limit.limit: (limit.amount, limit.used) for limit in poorer.then.offer_limits} == {
            "stock": (5, 5), "budget": (50, 25),
        }  # fmt: skip
        capped = asked(application, cap__never__at_most=0)
        assert capped.then.to_contact == 0
        assert capped.refusals_change["CONTACT_CAP"] >= len(LAWFUL)
        dearer = asked(application, **{f"{path}__contact_cost": "20"})
        assert dearer.then.to_contact == 0
        assert "NO_VALUE" in dearer.refusals_change
        assert everything(application) == before, "no counter moved, nothing was written"
        planned = plan_campaign(application.services, CAMPAIGN, AS_OF, LIN)
        assert not isinstance(planned, Refusal)
        assert planned.forecast.to_contact == fewer.now.to_contact, "as it is, is what a plan says"


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"cap.weekly.at_most": 1}, "there is no cap 'weekly'"),
    ({"offer.term_deposit.margin": "-1"}, "greater than or equal to 0"),
    ({"offer.term_deposit.eligibility": "no_such_tag > 1"}, "no_such_tag"),
    ({"tag.salary_3m.window": "1 month"}, "nothing that can be changed"),
    ({f"campaign.{CAMPAIGN}.channels.sms.capacity": 1}, "there is no 'sms'"),
    ({"offer.term_deposit.no_such": 1}, "Extra inputs are not permitted"),
]


@ON_SQLITE
def test_a_change_that_could_not_be_applied_is_named_and_only_who_may_plan_may_ask(bank: Bank) -> None:
    with bank.open() as application:
        assert not isinstance(apply(application.services, OTTO), Refusal)
        for change, told in WRONG:
            with pytest.raises(DefinitionError, match=told):
                what_if(application.services, CAMPAIGN, AS_OF, change, LIN)
        refused = what_if(application.services, CAMPAIGN, AS_OF, {"offer.term_deposit.margin": "1"}, OTTO)
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.ROLE_NOT_ALLOWED


def test_changes_are_read_as_they_are_typed() -> None:
    assert read_change("cap.weekly.at_most=3") == ("cap.weekly.at_most", 3)
    assert read_change("offer.a.valid_to=2027-01-01") == ("offer.a.valid_to", "2027-01-01")
    assert read_change("offer.a.stock=null") == ("offer.a.stock", None)
    assert read_change("offer.a.excludes=[b]") == ("offer.a.excludes", ["b"])
    for wrong in ("", "=3", "cap.weekly", "a=[", "a={1: [}"):
        with pytest.raises(DefinitionError, match="is no change"):
            read_change(wrong)


@ON_SQLITE
def test_the_command_shows_both_and_the_change(bank: Bank, capfd: pytest.CaptureFixture[str]) -> None:
    with bank.open() as application:
        assert not isinstance(apply(application.services, OTTO), Refusal)
    words = f"campaign what-if {CAMPAIGN} --as-of {AS_OF} --set offer.term_deposit.stock=4 --as lin"
    assert typed(bank, words) == 0
    said = capfd.readouterr().out
    assert "NO_CAPACITY" in said
    assert " 4 " in said

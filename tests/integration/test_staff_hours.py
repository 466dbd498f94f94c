"""Hours of relationship managers: whose customers are contacted when there is too little time, what an hour earns."""

from __future__ import annotations

from itertools import pairwise

import pytest
from commands import typed
from test_programmes import CARD, NOTICE, PROGRAMME, approved, planned, together
from tiny_bank import AS_OF, CAMPAIGN, LIN, MIN, OTTO, Bank, rows_of

from lingque.bootstrap import Application
from lingque.core.errors import DefinitionError, NotFoundError
from lingque.core.labels import LANGUAGES
from lingque.core.reasons import Reason, Refusal
from lingque.deliver.contracts import Fates
from lingque.engage.contracts import HoursLimit, Plan
from lingque.engage.explain import explain
from lingque.entry.api.plan_shapes import plan_answer
from lingque.flow.capacity import CapacityCurve, capacity_curve, hours_curve
from lingque.flow.intake import apply, catalog_of, run_tags
from lingque.flow.planning import plan_campaign
from lingque.flow.replaying import Replayed, replay_decision
from lingque.flow.running import run_campaign
from lingque.flow.services import Services
from lingque.flow.what_if import what_if
from lingque.store.runs import runs_of

ON_SQLITE = pytest.mark.parametrize("controls", ["sqlite"], indirect=True)
MANAGERS = """
tag: manager
label: {zh: 客户经理, en: Relationship manager}
family: relationship
value: |
  case when latest_balance < cny(30030) then 'mei' when latest_balance < cny(30060) then 'jun'
  when latest_balance < cny(30090) then 'bo' end
"""
CONTACT = "email: {contact_cost: 0.05}"
TIMED = "email: {contact_cost: 0.05, minutes: 20}"
HOURS = "hours:\n  manager: {each: 3, units: {jun: 1.5}}"


def with_hours(bank: Bank, application: Application, *, hours: str = HOURS) -> Services:
    """The bank's campaign takes 20 minutes of a manager for each contact; some customers are nobody's."""
    bank.define("managers", MANAGERS)
    bank.replace_in("campaigns", CONTACT, f"{TIMED}\n{hours}")
    services = application.services
    assert not isinstance(apply(services, OTTO), Refusal)
    assert not isinstance(run_tags(services, AS_OF, OTTO), Refusal)
    return services


def plan_of(services: Services) -> Plan:
    found = plan_campaign(services, CAMPAIGN, AS_OF, LIN)
    assert isinstance(found, Plan)
    return found


def managers(services: Services) -> dict[int, str | None]:
    with services.database.reading() as connection:
        tags = services.profile.tags_of(connection, AS_OF)
    return dict(zip(tags.column("customer_id").to_pylist(), tags.column("manager").to_pylist(), strict=True))


def contacted_by(services: Services, plan: Plan) -> dict[str | None, int]:
    whose, counts = managers(services), dict[str | None, int]()
    for row in rows_of(services, "decisions"):
        if row["plan"] == plan.digest and row["arm"] == "contact":
            manager = whose[row["customer_id"]]
            counts[manager] = counts.get(manager, 0) + 1
    return counts


@ON_SQLITE
def test_nobody_works_longer_than_there_are_hours_and_who_is_refused_is_told_why(
    bank: Bank, loaded: Application
) -> None:
    services = with_hours(bank, loaded)
    plan = plan_of(services)
    (limit,) = plan.forecast.hours
    assert (limit.of, limit.units, limit.minutes) == ("manager", 3, (3 + 3) * 60 + 90)
    # jun's hour and a half are four calls and a rest; the others' are nine each
    assert limit.used == 20 * plan.forecast.to_contact
    assert {"jun", "mei"} <= {one.unit for one in limit.short} <= {"jun", "mei", "bo"}
    assert limit.short_units == len(limit.short)
    assert all(one.price > 0 for one in limit.short)
    assert plan.forecast.best_possible is not None
    assert plan.forecast.expected_profit <= plan.forecast.best_possible <= plan.forecast.expected_profit * 1.2
    assert plan.forecast.refusals[Reason.NO_HOURS.name] > 0

    approved(services, CAMPAIGN)
    assert isinstance(run_campaign(services, CAMPAIGN, LIN), Fates)
    counts = contacted_by(services, plan)
    assert sum(counts.values()) == plan.forecast.to_contact
    assert counts == {"mei": 9, "jun": 4, "bo": counts.get("bo", 0)}
    assert counts["bo"] <= 9
    whose = managers(services)
    for row in rows_of(services, "decisions"):
        if whose[row["customer_id"]] is None:
            assert row["arm"] != "contact", "nobody has time for who is nobody's"
        if int(Reason.NO_HOURS) in row["reasons"]:
            assert row["arm"] == "none"

    with services.database.reading() as connection:
        (run,) = runs_of(connection, kind="decide", subject=plan.digest)
    again = replay_decision(services, run.run_id, MIN)
    assert isinstance(again, Replayed)
    assert again.same


@ON_SQLITE
def test_hours_enough_change_nothing(bank: Bank, loaded: Application) -> None:
    services = loaded.services
    assert not isinstance(apply(services, OTTO), Refusal)
    free = plan_of(services).forecast
    plenty = "tag: manager\nlabel: {zh: 客户经理, en: Manager}\nfamily: relationship\nvalue: \"'mei'\"\n"
    bank.define("managers", plenty)
    bank.replace_in("campaigns", CONTACT, f"{TIMED}\nhours:\n  manager: {{each: 100}}")
    assert not isinstance(apply(services, OTTO), Refusal)
    assert not isinstance(run_tags(services, AS_OF, OTTO), Refusal)
    found = plan_of(services).forecast
    assert (found.to_contact, found.expected_profit) == (free.to_contact, free.expected_profit)
    (limit,) = found.hours
    assert (limit.short_units, limit.short, limit.used) == (0, (), 20 * found.to_contact)


@ON_SQLITE
def test_a_plan_and_its_answer_say_who_is_short_in_both_languages(bank: Bank, loaded: Application) -> None:
    services = with_hours(bank, loaded)
    plan, catalog = plan_of(services), catalog_of(services)
    told = {language: " ".join(text for _, text in explain(plan, catalog, language)) for language in LANGUAGES}
    worst = plan.forecast.hours[0].short[0].unit
    assert "工时" in told["zh"]
    assert f"{worst} 再增一小时约值" in told["zh"]
    assert f"an hour more of {worst} would earn about" in told["en"]
    assert "hours by manager: 3 of each, minutes of a contact email 20" in told["en"]
    (answered,) = plan_answer(plan, catalog).forecast.hours
    assert [one.unit for one in answered.short] == [one.unit for one in plan.forecast.hours[0].short]


@ON_SQLITE
def test_hours_are_varied_like_a_capacity(bank: Bank, loaded: Application, capfd: pytest.CaptureFixture[str]) -> None:
    services = with_hours(bank, loaded)
    curve = hours_curve(services, CAMPAIGN, AS_OF, "manager", LIN)
    assert isinstance(curve, CapacityCurve)
    assert all(one.expected_profit <= other.expected_profit for one, other in pairwise(curve.points))
    assert curve.points[0].contacts == 0
    assert curve.points[-1].contacts > plan_of(services).forecast.to_contact
    as_is = next(one for one in curve.points if one.capacity == curve.now)
    assert as_is.contacts == plan_of(services).forecast.to_contact
    changed = what_if(services, CAMPAIGN, AS_OF, {f"campaign.{CAMPAIGN}.hours.manager.each": 0}, LIN)
    assert not isinstance(changed, Refusal)
    assert changed.then.to_contact == 4, "jun's hours are stated apart"
    with pytest.raises(NotFoundError, match="no hours by 'branch'"):
        hours_curve(services, CAMPAIGN, AS_OF, "branch", LIN)
    assert typed(bank, f"campaign capacity {CAMPAIGN} --as-of {AS_OF} --hours manager --as lin") == 0
    assert "█" in capfd.readouterr().out
    assert typed(bank, f"campaign capacity {CAMPAIGN} --as-of {AS_OF} --as lin") != 0


@ON_SQLITE
def test_campaigns_planned_together_share_hours_and_take_their_own_time(bank: Bank, loaded: Application) -> None:
    bank.define("managers", MANAGERS)
    bank.replace_in("campaigns", CONTACT, "email: {contact_cost: 0.05, minutes: 30}")
    text = PROGRAMME.replace(CONTACT, "email: {contact_cost: 0.05, minutes: 15}")
    text = text.replace("channels: {email: 50}", "channels: {email: 80}\nhours:\n  manager: {each: 4}")
    bank.define("programme", text.replace("idle_to_deposit: {}", "idle_to_deposit: {minimum: 4}"))
    services = loaded.services
    assert not isinstance(apply(services, OTTO), Refusal)
    assert not isinstance(run_tags(services, AS_OF, OTTO), Refusal)
    plans = planned(services)
    shared = together(plans[CARD])
    (limit,) = shared.hours
    assert isinstance(limit, HoursLimit)
    counts = {name: plan.forecast.to_contact for name, plan in plans.items()}
    assert limit.minutes == 3 * 240
    assert limit.used == 30 * counts[CAMPAIGN] + 15 * (counts[CARD] + counts[NOTICE]) <= limit.minutes
    assert limit.short_units > 0
    assert min(counts.values()) > 0
    used: dict[str | None, int] = {}
    for name in (CARD, NOTICE, CAMPAIGN):
        approved(services, name)
        assert isinstance(run_campaign(services, name, LIN), Fates)
        for manager, count in contacted_by(services, plans[name]).items():
            used[manager] = used.get(manager, 0) + count * (30 if name == CAMPAIGN else 15)
    assert set(used) <= {"mei", "jun", "bo"}
    assert all(minutes <= 240 for minutes in used.values())
    assert sum(used.values()) == limit.used
    curve = hours_curve(services, CARD, AS_OF, "manager", LIN, shares=(0.5, 1.0))
    assert isinstance(curve, CapacityCurve)
    assert curve.campaign == "june"
    assert curve.points[1].expected_profit == shared.expected_profit
    assert not isinstance(capacity_curve(services, CARD, AS_OF, "email", LIN, shares=(1.0,)), Refusal)


@ON_SQLITE
@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("minutes: 20", "capacity: 20", "no contact takes any time"),
        ("manager: {each: 3", "nobody: {each: 3", "nobody"),
        ("manager: {each: 3", "idle_money: {each: 3", "text tag"),
        ("manager: {each: 3", "manager: {channels: [sms], each: 3", "takes no 'minutes'"),
    ],
)
def test_hours_that_cannot_be_counted_are_told(bank: Bank, loaded: Application, old: str, new: str, told: str) -> None:
    bank.define("managers", MANAGERS)
    stated = f"{TIMED}\n{HOURS}"
    assert old in stated
    bank.replace_in("campaigns", CONTACT, stated.replace(old, new))
    with pytest.raises(DefinitionError) as error:
        apply(loaded.services, OTTO)
    assert any(told in f"{one.found} {one.allowed}" for one in error.value.problems)

"""Campaigns planned together: for the same customers and capacities, each with a plan and a life of its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from commands import typed
from programme_bank import CARD, NOTICE, ON_SQLITE, PROGRAMME, approved, contacted, in_programme, planned, ran, together
from sqlalchemy import func, select
from tiny_bank import (
    AS_OF,
    CAMPAIGN,
    LIN,
    MIN,
    OTTO,
    Bank,
    audit_of,
    rows_of,
)

from lingque.bootstrap import Application
from lingque.core.errors import DefinitionError
from lingque.core.reasons import Reason, Refusal
from lingque.decide.tables import contact_ledger
from lingque.engage.contracts import Plan
from lingque.engage.service import waves_of
from lingque.entry.api.plan_shapes import ShareOutStage, plan_answer
from lingque.flow.capacity import CapacityCurve, capacity_curve
from lingque.flow.intake import apply, catalog_of
from lingque.flow.planning import plan_campaign
from lingque.flow.reporting import CampaignReport, report_campaign
from lingque.flow.running import run_campaign
from lingque.flow.services import Services
from lingque.flow.what_if import what_if


def test_customers_and_capacity_are_shared_out_and_each_campaign_is_approved_and_run_alone(
    bank: Bank, loaded: Application
) -> None:
    services = in_programme(bank, loaded)
    plans = planned(services)
    assert {plan.state for plan in plans.values()} == {"simulated"}
    counts = {name: plan.forecast.to_contact for name, plan in plans.items()}
    # service first: to whoever may have it; the card no less than it was promised; the rest to what earns most
    assert 27 <= counts[NOTICE] == together(plans[NOTICE]).contacts_alone < 40
    assert together(plans[NOTICE]).lost == {}
    assert sum(counts.values()) == 50
    assert abs(counts[CARD] - 6) <= 2
    limits = {(one.limit, one.campaign): one for one in together(plans[CAMPAIGN]).limits}
    assert limits["channel", ""].used == 50
    assert limits["channel", ""].price > 0
    assert limits["minimum", CARD].price > 0
    assert all(together(plan).limits == together(plans[CARD]).limits for plan in plans.values())
    worth = sum(plan.forecast.expected_profit for plan in plans.values())
    assert worth == together(plans[CARD]).expected_profit <= together(plans[CARD]).best_possible
    assert together(plans[CARD]).best_possible <= worth * 1.1
    assert sum(together(plans[CAMPAIGN]).lost.values()) > 0

    answer = plan_answer(plans[CARD], catalog_of(services))
    assert answer.forecast.together is not None
    assert answer.forecast.together.lost == together(plans[CARD]).lost
    assert next(stage for stage in answer.stages if isinstance(stage, ShareOutStage)).programme == "june"

    given = rows_of(services, "allotments")
    assert len({row["customer_id"] for row in given}) == len(given), "nobody is given to two"
    assert {row["plan"] for row in given} == {plan.digest for plan in plans.values()}

    # in any order, and the last as was planned
    for name in (CARD, NOTICE, CAMPAIGN):
        assert ran(services, name).sent == counts[name]
    reached = [contacted(services, name) for name in (CARD, NOTICE, CAMPAIGN)]
    assert len(set[int]().union(*reached)) == 50
    reasons = {reason for row in rows_of(services, "decisions") for reason in row["reasons"]}
    assert int(Reason.NOT_ALLOTTED) in reasons
    report = report_campaign(services, CARD, MIN)
    assert isinstance(report, CampaignReport)
    assert dict(report.waterfall)["contacted"] == counts[CARD]


@ON_SQLITE
def test_planned_again_it_is_what_it_was_and_after_a_run_nobody_is_given_to_another(
    bank: Bank, loaded: Application
) -> None:
    services = in_programme(bank, loaded)
    plans = planned(services)
    assert planned(services, CARD) == plans
    ran(services, CARD)
    again = planned(services)
    assert again[CARD].state == "rolled_out"
    assert {name: plan.digest for name, plan in again.items()} == {name: plan.digest for name, plan in plans.items()}
    with services.database.reading() as connection:
        assert len(waves_of(connection, CARD)) == 1
    assert len(audit_of(services, "plan_campaign")) == 3


@ON_SQLITE
def test_a_programme_that_changes_is_planned_and_approved_again(bank: Bank, loaded: Application) -> None:
    services = in_programme(bank, loaded)
    planned(services)
    approved(services, CARD)
    bank.replace_in("programme", "channels: {email: 50}", "channels: {email: 49}")
    assert not isinstance(apply(services, OTTO), Refusal)
    refused = run_campaign(services, CARD, LIN)
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.CHANGED_SINCE_PLAN
    again = planned(services)
    assert again[CARD].state == "simulated"
    assert sum(plan.forecast.to_contact for plan in again.values()) == 49


@ON_SQLITE
def test_minimums_that_cannot_be_reached_are_named(bank: Bank, loaded: Application) -> None:
    services = in_programme(bank, loaded, ("{minimum: 6}", "{minimum: 60}"))
    refused = plan_campaign(services, CARD, AS_OF, LIN)
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.LIMITS_CONTRADICT
    assert "minimum:credit_card" in refused.detail
    assert "channel:email" in refused.detail
    assert not rows_of(services, "allotments")


@ON_SQLITE
def test_several_contacts_of_one_customer_keep_the_caps_and_never_the_same_offer_twice(
    bank: Bank, loaded: Application
) -> None:
    cap = "cap: mails\nlabel: {zh: 每周一次, en: Once a week}\nat_most: 1\nwithin: 7 days\n"
    two = ("channels: {email: 50}", "contacts_per_customer: 2")
    bank.define("cap", cap)
    services = in_programme(bank, loaded, two)
    plans = planned(services)
    assert max(_contacts_per_customer(services, plans).values()) == 1
    free = what_if(services, CARD, AS_OF, {"cap.mails.at_most": 2}, LIN)
    assert not isinstance(free, Refusal)
    assert free.then.to_contact > free.now.to_contact
    for name in (CAMPAIGN, CARD, NOTICE):
        assert ran(services, name).sent == plans[name].forecast.to_contact
    with services.database.reading() as connection:
        most = connection.execute(
            select(func.count()).select_from(contact_ledger).group_by(contact_ledger.c.customer_id)
        ).scalars()
        # service messages do not count against the cap, and were held back beside a marketing one all the same
        assert max(most) == 1


@ON_SQLITE
def test_nobody_gets_an_offer_from_two_campaigns_however_many_contacts_there_may_be(
    bank: Bank, loaded: Application
) -> None:
    two = ("channels: {email: 50}", "contacts_per_customer: 3")
    services = in_programme(bank, loaded, two, ("offers: [gold_card]", "offers: [gold_card, term_deposit]"))
    plans = planned(services)
    alike = {plans[CAMPAIGN].digest, plans[CARD].digest}
    given = [row["customer_id"] for row in rows_of(services, "allotments") if row["plan"] in alike]
    assert len(given) == len(set(given)) > 0
    assert max(_contacts_per_customer(services, plans).values()) == 2


def _contacts_per_customer(services: Services, plans: dict[str, Plan]) -> dict[int, int]:
    counts: dict[int, int] = {}
    digests = {plan.digest for plan in plans.values()}
    for row in rows_of(services, "allotments"):
        if row["plan"] in digests:
            counts[row["customer_id"]] = counts.get(row["customer_id"], 0) + 1
    return counts


@ON_SQLITE
def test_what_if_asks_all_of_the_programme(bank: Bank, loaded: Application) -> None:
    services = in_programme(bank, loaded)
    plans = planned(services)
    found = what_if(services, CAMPAIGN, AS_OF, {"programme.june.channels.email": 60}, LIN)
    assert not isinstance(found, Refusal)
    assert found.now.to_contact == plans[CAMPAIGN].forecast.to_contact
    assert found.then.to_contact > found.now.to_contact


@ON_SQLITE
def test_the_capacity_of_a_shared_channel_earns_for_all_of_the_programme(bank: Bank, loaded: Application) -> None:
    services = in_programme(bank, loaded, ("email: {contact_cost: 0.05}", "email: {contact_cost: 0.05, capacity: 30}"))
    plans = planned(services)
    curve = capacity_curve(services, CAMPAIGN, AS_OF, "email", LIN, shares=(0.9, 1.0, 1.2))
    assert isinstance(curve, CapacityCurve)
    assert (curve.campaign, curve.now) == ("june", 50)
    assert [one.capacity for one in curve.points] == [45, 50, 60]
    assert [one.contacts for one in curve.points[:2]] == [45, 50]
    assert 50 < curve.points[2].contacts <= 60
    profits = [one.expected_profit for one in curve.points]
    assert profits == sorted(profits)
    assert profits[1] == together(plans[CAMPAIGN]).expected_profit
    narrow = "channels: {email: 50}", "contacts_per_customer: 1"
    services = in_programme(bank, loaded, ("{contact_cost: 0.05}", "{contact_cost: 0.05, capacity: 30}"), narrow)
    own = capacity_curve(services, CARD, AS_OF, "email", LIN, shares=(1.0, 1.5))
    assert isinstance(own, CapacityCurve)
    assert (own.campaign, own.now) == (CARD, 30)
    assert all(one.contacts <= one.capacity for one in own.points)
    assert own.points[0].expected_profit == together(planned(services)[CARD]).expected_profit


@ON_SQLITE
@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_terminal_shows_all_campaigns_and_what_each_limit_is_worth(
    bank: Bank, loaded: Application, language: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    in_programme(bank, loaded)
    monkeypatch.setenv("LINGQUE_WORKSPACE__LANGUAGE", language)
    monkeypatch.setenv("COLUMNS", "80")
    assert typed(bank, f"campaign plan {CARD} --as-of {AS_OF} --as lin") == 0
    shown = capfd.readouterr().out
    assert all(name in shown for name in (CAMPAIGN, CARD, NOTICE))
    words = {
        "zh": ("统筹方案 june", "服务类优先触达", "分给本活动", "单独规划可触达"),
        "en": ("programme june", "service, first", "given to this campaign", "planned by itself"),
    }
    assert all(word in shown for word in words[language])


BROKEN: list[tuple[str, Callable[[str], str], str]] = [
    ("one in two", lambda text: text + "---" + text[text.index("\nprogramme") :].replace("june", "july"), "already"),
    ("one that is not there", lambda text: text.replace("  maturity_notice: {}", "  nothing: {}"), "no campaign"),
    ("one that explores", lambda text: text.replace("hold_out: 0.25", "exploration: {epsilon: 0.1}"), "explores"),
    ("a channel nobody uses", lambda text: text.replace("{email: 50}", "{sms: 40}"), "none of the campaigns uses sms"),
    ("another currency", lambda text: text.replace("currency: CNY", "currency: USD", 1), "several currencies"),
    (
        "other days",
        lambda text: text.replace(
            "hold_out: 0.25", "schedule: {every: week, first: 2026-06-01, until: 2026-07-01}"
        ),
        "same days",
    ),
]  # fmt: skip


@ON_SQLITE
@pytest.mark.parametrize(("what", "change", "told"), BROKEN, ids=[one[0] for one in BROKEN])
def test_campaigns_that_cannot_be_planned_together_are_told(
    bank: Bank, loaded: Application, what: str, change: Callable[[str], str], told: str
) -> None:
    bank.define("programme", change(PROGRAMME))
    with pytest.raises(DefinitionError) as error:
        apply(loaded.services, OTTO)
    assert any(told in f"{one.found} {one.allowed}" for one in error.value.problems), what

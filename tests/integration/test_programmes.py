"""Campaigns planned together: for the same customers and capacities, each with a plan and a life of its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from commands import typed
from sqlalchemy import func, select
from tiny_bank import (
    AS_OF,
    CAMPAIGN,
    CURRENT_CONSENT,
    HUA,
    LAWFUL,
    LIN,
    MIN,
    OTTO,
    Bank,
    audit_of,
    consents,
    customer_no,
    load_all,
    party_of,
    rows_of,
)

from lingque.bootstrap import Application
from lingque.core.errors import DefinitionError
from lingque.core.reasons import Reason, Refusal
from lingque.decide.tables import contact_ledger
from lingque.deliver.contracts import Fates
from lingque.engage.contracts import Plan, Together
from lingque.engage.service import newest_plan, waves_of
from lingque.engage.tables import contacts
from lingque.entry.api.plan_shapes import ShareOutStage, plan_answer
from lingque.flow.approving import approve_campaign, review_campaign
from lingque.flow.capacity import CapacityCurve, capacity_curve
from lingque.flow.intake import apply, catalog_of, run_tags
from lingque.flow.planning import plan_campaign
from lingque.flow.recurring import run_due
from lingque.flow.replaying import Replayed, replay_decision
from lingque.flow.reporting import CampaignReport, report_campaign
from lingque.flow.retention import run_retention
from lingque.flow.running import run_campaign
from lingque.flow.services import Services
from lingque.flow.what_if import what_if
from lingque.store.runs import runs_of

ON_SQLITE = pytest.mark.parametrize("controls", ["sqlite"], indirect=True)
CARD, NOTICE = "credit_card", "maturity_notice"
PROGRAMME = """
offer: gold_card
label: {zh: 金卡, en: Gold card}
regime: service
valid_from: 2026-01-01
valid_to: 2027-01-01
currency: CNY
margin: 100
response: 0.05
creatives:
  email:
    zh: {subject: 金卡, body: 您好}
---
offer: notice
label: {zh: 到期提醒, en: Maturity notice}
kind: service
regime: service
valid_from: 2026-01-01
valid_to: 2027-01-01
currency: CNY
margin: 2
response: 0.5
creatives:
  email:
    zh: {subject: 提醒, body: 您好}
---
tag: some
label: {zh: 部分客户, en: Some customers}
family: value
value: latest_balance < cny(30040)
---
campaign: credit_card
label: {zh: 金卡推荐, en: Gold card}
owner: lan
segment: idle_money
offers: [gold_card]
channels:
  email: {contact_cost: 0.05}
hold_out: 0.25
outcome: opens_deposit_30d
---
campaign: maturity_notice
label: {zh: 到期提醒, en: Maturity notice}
owner: lan
purpose: service
segment: some
offers: [notice]
channels:
  email: {contact_cost: 0.05}
hold_out: 0.05
outcome: opens_deposit_30d
---
programme: june
label: {zh: 六月统筹, en: June}
campaigns:
  idle_to_deposit: {}
  credit_card: {minimum: 6}
  maturity_notice: {}
channels: {email: 50}
"""


def in_programme(bank: Bank, application: Application, *pairs: tuple[str, str]) -> Services:
    """The bank with its campaigns in one programme, these lines in place of those."""
    text = PROGRAMME
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    bank.define("programme", text)
    services = application.services
    assert not isinstance(apply(services, OTTO), Refusal)
    assert not isinstance(run_tags(services, AS_OF, OTTO), Refusal)
    return services


def planned(services: Services, name: str = CAMPAIGN) -> dict[str, Plan]:
    """By one of them, all."""
    found = plan_campaign(services, name, AS_OF, LIN)
    assert isinstance(found, Plan)
    with services.database.reading() as connection:
        plans = {one: newest_plan(connection, one) for one in (CAMPAIGN, CARD, NOTICE)}
    assert plans[name] == found
    return plans


def together(plan: Plan) -> Together:
    assert plan.forecast.together is not None
    return plan.forecast.together


def approved(services: Services, name: str) -> None:
    with services.database.reading() as connection:
        digest = newest_plan(connection, name).digest
    assert not isinstance(review_campaign(services, name, HUA, digest=digest), Refusal)
    assert not isinstance(approve_campaign(services, name, MIN, digest=digest), Refusal)


def ran(services: Services, name: str) -> Fates:
    approved(services, name)
    fates = run_campaign(services, name, LIN)
    assert isinstance(fates, Fates)
    return fates


def contacted(services: Services, name: str) -> set[int]:
    with services.database.reading() as connection:
        wave = newest_plan(connection, name).wave_id
        return set(connection.execute(select(contacts.c.customer_id).where(contacts.c.wave_id == wave)).scalars())


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
def test_one_that_is_rejected_leaves_the_others_what_was_given_to_them(bank: Bank, loaded: Application) -> None:
    services = in_programme(bank, loaded)
    plans = planned(services)
    rejected = review_campaign(services, CAMPAIGN, HUA, digest=plans[CAMPAIGN].digest, approved=False)
    assert isinstance(rejected, Plan)
    assert rejected.state == "rejected"
    assert ran(services, CARD).sent == plans[CARD].forecast.to_contact
    refused = run_campaign(services, CAMPAIGN, LIN)
    assert isinstance(refused, Refusal)


@ON_SQLITE
def test_whose_consent_is_gone_when_it_runs_is_not_contacted_and_nobody_takes_the_place(
    bank: Bank, loaded: Application
) -> None:
    services = in_programme(bank, loaded)
    plans = planned(services)
    whole = plans[CAMPAIGN].forecast
    given = [row["customer_id"] for row in rows_of(services, "allotments") if row["plan"] == plans[CAMPAIGN].digest]
    assert len(given) == whole.to_contact + whole.to_hold_out
    gone = [n for n in LAWFUL if party_of(loaded, customer_no(n)) in given]
    assert gone
    bank.deliver("consents", [*consents(), *((f"W{n}", customer_no(n), "2026-06-01", *_WITHDRAWAL) for n in gone)])
    load_all(services)
    ran(services, CAMPAIGN)
    assert not contacted(services, CAMPAIGN)
    assert ran(services, NOTICE).sent == plans[NOTICE].forecast.to_contact


_WITHDRAWAL = ("marketing", "email", CURRENT_CONSENT, "withdraw", "v1", "branch form")


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


@ON_SQLITE
def test_a_pilot_and_what_follows_reach_together_whom_the_plan_gave(bank: Bank, loaded: Application) -> None:
    services = in_programme(bank, loaded, ("hold_out: 0.25", "hold_out: 0.25\npilot: {share: 0.4}"))
    plans = planned(services)
    ran(services, CARD)
    first = contacted(services, CARD)
    with services.database.reading() as connection:
        digest = newest_plan(connection, CARD).digest
    assert isinstance(approve_campaign(services, CARD, MIN, digest=digest), Plan)
    assert isinstance(run_campaign(services, CARD, LIN), Fates)
    assert first < contacted(services, CARD)
    assert len(contacted(services, CARD)) == plans[CARD].forecast.to_contact


def _contacts_per_customer(services: Services, plans: dict[str, Plan]) -> dict[int, int]:
    counts: dict[int, int] = {}
    digests = {plan.digest for plan in plans.values()}
    for row in rows_of(services, "allotments"):
        if row["plan"] in digests:
            counts[row["customer_id"]] = counts.get(row["customer_id"], 0) + 1
    return counts


@ON_SQLITE
def test_a_wave_of_a_programme_is_decided_again_as_it_was(bank: Bank, loaded: Application) -> None:
    services = in_programme(bank, loaded)
    plans = planned(services)
    ran(services, CARD)
    with services.database.reading() as connection:
        (run,) = runs_of(connection, kind="decide", subject=plans[CARD].digest)
    again = replay_decision(services, run.run_id, MIN)
    assert isinstance(again, Replayed)
    assert again.same
    assert again.decisions == plans[CARD].forecast.audience


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
def test_planning_that_dies_between_what_was_given_and_the_plans_leaves_nothing(
    bank: Bank, loaded: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = in_programme(bank, loaded)

    def die(*_: object, **__: object) -> None:
        raise RuntimeError("the power went")

    with monkeypatch.context() as patch:
        patch.setattr("lingque.flow.planning.finish_run", die)
        with pytest.raises(RuntimeError, match="the power went"):
            plan_campaign(services, CAMPAIGN, AS_OF, LIN)
    assert rows_of(services, "allotments") == []
    with services.database.reading() as connection:
        assert waves_of(connection, CAMPAIGN) == []
    bank.clock.advance(1)
    plans = planned(services)
    given = rows_of(services, "allotments")
    assert len(given) == len({row["customer_id"] for row in given})
    assert len(given) == sum(plan.forecast.to_contact + plan.forecast.to_hold_out for plan in plans.values())


@ON_SQLITE
def test_what_was_given_goes_after_its_time_and_then_nothing_is_run_on_it(bank: Bank, loaded: Application) -> None:
    services = in_programme(bank, loaded)
    planned(services)
    approved(services, CARD)
    bank.clock.advance(181 * 86_400_000_000)
    purged = run_retention(services, MIN)
    assert not isinstance(purged, Refusal)
    assert rows_of(services, "allotments") == []
    refused = run_campaign(services, CARD, LIN)
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.CHANGED_SINCE_PLAN


@ON_SQLITE
def test_waves_that_come_again_are_planned_once_a_day_and_run_under_their_approvals(
    bank: Bank, loaded: Application
) -> None:
    schedule = "outcome: opens_deposit_30d\nschedule: {every: week, first: 2026-06-01, until: 2026-07-01}"
    bank.replace_in("campaigns", "outcome: opens_deposit_30d", schedule)
    services = in_programme(bank, loaded, ("outcome: opens_deposit_30d", schedule))
    first = {wave.campaign: wave for wave in run_due(services, AS_OF, LIN)}
    assert len(first) == 3
    assert all(isinstance(wave.outcome, Refusal) for wave in first.values())
    for name in first:
        approved(services, name)
    second = {wave.campaign: wave for wave in run_due(services, AS_OF, LIN)}
    assert not [wave.outcome for wave in second.values() if isinstance(wave.outcome, Refusal)]
    third = {wave.campaign: wave for wave in run_due(services, AS_OF, LIN)}
    assert bank.channel.transmissions == 50
    assert {name: wave.plan.wave_id for name, wave in third.items() if wave.plan} == {
        name: wave.plan.wave_id for name, wave in first.items() if wave.plan
    }


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

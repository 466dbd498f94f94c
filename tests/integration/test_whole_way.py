"""From files to effect, and every way in which it is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from sqlalchemy import func, select
from tiny_bank import (
    AS_OF,
    CAMPAIGN,
    CUSTOMERS,
    HUA,
    LAN,
    LAWFUL,
    LIN,
    MIN,
    OTTO,
    PEOPLE,
    PRINCIPALS,
    Bank,
    approve,
    audit_of,
    customer_no,
    deliver_all,
    email_of,
    load_all,
    party_of,
    rows_of,
    transactions,
)

from lingque.bootstrap import Application
from lingque.core.clock import Instant
from lingque.core.errors import DefinitionError, NotFoundError
from lingque.core.ids import CustomerId
from lingque.core.reasons import Reason, Refusal
from lingque.core.registries import Purpose
from lingque.deliver.contracts import Fates
from lingque.deliver.tables import deliveries
from lingque.engage.contracts import Plan
from lingque.flow import (
    CampaignReport,
    apply,
    approve_campaign,
    from_files_to_effect,
    ingest,
    plan_campaign,
    report_campaign,
    review_campaign,
    run_campaign,
    run_tags,
)
from lingque.flow.reporting import evaluate_campaign
from lingque.flow.services import Services
from lingque.govern.contracts import OptOut
from lingque.measure.contracts import Effect

HORIZON = AS_OF + timedelta(days=30)  # when the last of the 30 days is known


def known_by(services: Services) -> Instant:
    return services.calendar.start_of(HORIZON)


def plan(services: Services) -> Plan:
    made = plan_campaign(services, CAMPAIGN, AS_OF, LIN)
    assert isinstance(made, Plan)
    return made


def reason_of(outcome: object) -> Reason:
    assert isinstance(outcome, Refusal), outcome
    return outcome.reason


def new_deposits(customers: list[int]) -> list[tuple[str, ...]]:
    return [(f"NEW{n:04}", customer_no(n), "2026-06-10", "20000", "3", "false") for n in customers]


def test_the_whole_way_from_files_to_effect(defined_bank: Bank, defined: Application) -> None:
    services = defined.services
    deliver_all(defined_bank)
    defined_bank.deliver("deposits", new_deposits([1, 2, 3]), date(2026, 6, 30))
    report = from_files_to_effect(services, CAMPAIGN, as_of=AS_OF, people=PEOPLE, known_by=known_by(services))
    assert isinstance(report, CampaignReport)
    assert report.plan.state == "rolled_out"
    sent = {message.address for message in defined_bank.channel.messages.values()}
    assert sent <= {email_of(n) for n in LAWFUL}
    assert report.fates.by_status == {"sent": len(sent)}
    log = rows_of(services, "decisions")
    assert len(log) == CUSTOMERS
    arms = [row["arm"] for row in log]
    assert arms.count("contact") == len(sent)
    assert arms.count("contact") + arms.count("hold_out") == len(LAWFUL)
    # one in ten never agreed, one in ten not to the use of financial data, by the rules of this bank
    assert report.evaluation.refusals[Reason.NO_CONSENT] == CUSTOMERS // 10
    assert report.evaluation.refusals[Reason.NO_CONSENT_FOR_DATA_CLASS] >= CUSTOMERS // 10
    assert report.evaluation.refusals[Reason.UNDER_AGE] == 1
    assert report.evaluation.refusals[Reason.AGE_UNKNOWN] == 1
    assert report.evaluation.refusals[Reason.NOT_REACHABLE] == 1
    assert report.evaluation.refusals[Reason.CONSENT_WITHDRAWN] == 1
    acts = [row.act for row in audit_of(services)]
    for act in ("apply_definition", "ingest", "run_tags", "plan_campaign", "approve_campaign", "run_campaign"):
        assert act in acts


def test_the_effect_is_counted_by_the_arms_as_they_were_drawn(bank: Bank, loaded: Application) -> None:
    services = loaded.services
    approve(services)
    assert isinstance(run_campaign(services, CAMPAIGN, LIN), Fates)
    arm = {row["customer_id"]: row["arm"] for row in rows_of(services, "decisions")}
    of = {n: arm[party_of(loaded, customer_no(n))] for n in LAWFUL}
    contacted = [n for n in LAWFUL if of[n] == "contact"]
    held_out = [n for n in LAWFUL if of[n] == "hold_out"]
    bank.deliver("deposits", new_deposits([*contacted[:10], *held_out[:2]]), date(2026, 6, 30))
    load_all(services)
    report = report_campaign(services, CAMPAIGN, LIN, known_by=known_by(services))
    assert isinstance(report, CampaignReport)
    effect = report.evaluation.effect
    assert isinstance(effect, Effect), effect
    assert (effect.contacted.units, effect.contacted.successes) == (len(contacted), 10)
    assert (effect.held_out.units, effect.held_out.successes) == (len(held_out), 2)
    assert report.evaluation.profit is not None
    assert report.evaluation.profit.cost == 5 * len(contacted)


def test_an_outcome_that_came_true_for_nobody_is_an_effect_of_nothing(bank: Bank, loaded: Application) -> None:
    approve(loaded.services)
    run_campaign(loaded.services, CAMPAIGN, LIN)
    bank.deliver("deposits", [])
    bank.deliver("deposits", [], HORIZON)
    load_all(loaded.services)
    report = report_campaign(loaded.services, CAMPAIGN, LIN, known_by=known_by(loaded.services))
    assert isinstance(report, CampaignReport)
    assert isinstance(report.evaluation.effect, Effect)
    assert report.evaluation.effect.difference == 0


def test_what_the_plan_forecasts_is_what_the_run_does(loaded: Application) -> None:
    approved = approve(loaded.services)
    fates = run_campaign(loaded.services, CAMPAIGN, LIN)
    assert isinstance(fates, Fates)
    assert fates.by_status == {"sent": approved.forecast.to_contact}
    assert approved.forecast.to_contact + approved.forecast.to_hold_out == len(LAWFUL)
    assert approved.forecast.audience == CUSTOMERS


def test_running_twice_sends_nothing_twice(bank: Bank, loaded: Application) -> None:
    approve(loaded.services)
    first = run_campaign(loaded.services, CAMPAIGN, LIN)
    sent = bank.channel.transmissions
    assert run_campaign(loaded.services, CAMPAIGN, LIN) == first
    assert bank.channel.transmissions == sent
    assert len(rows_of(loaded.services, "decisions")) == CUSTOMERS


class Stop(BaseException):
    """A power cut."""


@pytest.mark.parametrize(
    "step",
    [
        "lingque.flow.running.finish_run",
        "lingque.flow.running.enqueue",
        "lingque.flow.running.advance",
    ],
)
def test_a_run_that_dies_at_any_step_goes_on_and_decides_once(
    step: str, bank: Bank, loaded: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    approved = approve(loaded.services)
    with monkeypatch.context() as patch:
        patch.setattr(step, lambda *_args, **_kwargs: (_ for _ in ()).throw(Stop))
        with pytest.raises(Stop):
            run_campaign(loaded.services, CAMPAIGN, LIN)
    bank.clock.advance(60_000_000)
    fates = run_campaign(loaded.services, CAMPAIGN, LIN)
    assert isinstance(fates, Fates)
    assert fates.by_status == {"sent": approved.forecast.to_contact} == {"sent": bank.channel.transmissions}
    assert len(rows_of(loaded.services, "decisions")) == CUSTOMERS


def test_a_wave_that_is_under_way_goes_on_though_definitions_changed(bank: Bank, loaded: Application) -> None:
    approve(loaded.services)
    bank.channel.before_send = lambda _message: (_ for _ in ()).throw(Stop)
    with pytest.raises(Stop):
        run_campaign(loaded.services, CAMPAIGN, LIN)
    bank.channel.before_send = lambda _message: None
    bank.replace_in("campaigns", "margin: 180", "margin: 90")
    apply(loaded.services, OTTO)
    assert isinstance(run_campaign(loaded.services, CAMPAIGN, LIN), Fates)


# --- refusals ---------------------------------------------------------------------------------------------------------


Attempt = tuple[Callable[[Services], object], Reason, str]


def assert_refused(application: Application, bank: Bank, *attempts: Attempt) -> None:
    """Each is refused for its reason, leaves its trace as the last entry, and sends nothing."""
    sent = bank.channel.transmissions
    services = application.services
    with services.database.reading() as connection:
        queued = connection.execute(select(func.count()).select_from(deliveries)).scalar_one()
    for attempt, reason, act in attempts:
        assert reason_of(attempt(services)) is reason
        trace = audit_of(services)[-1]
        assert (trace.act, trace.detail["reason"]) == (f"refused_{act}", reason.name)
        assert trace.actor in PRINCIPALS
    with services.database.reading() as connection:
        assert connection.execute(select(func.count()).select_from(deliveries)).scalar_one() == queued
    assert bank.channel.transmissions == sent


def run(services: Services) -> object:
    return run_campaign(services, CAMPAIGN, LIN)


def review(services: Services, digest: str) -> None:
    assert not isinstance(review_campaign(services, CAMPAIGN, HUA, digest=digest), Refusal)


def approve_as(user: str, digest: str) -> Callable[[Services], object]:
    return lambda services: approve_campaign(services, CAMPAIGN, PRINCIPALS[user], digest=digest)


def test_nobody_does_what_their_role_does_not_allow(bank: Bank, loaded: Application) -> None:
    digest = plan(loaded.services).digest
    denied = Reason.ROLE_NOT_ALLOWED
    assert_refused(
        loaded,
        bank,
        (lambda services: apply(services, LIN), denied, "apply_definitions"),
        (lambda services: next(ingest(services, LIN)), denied, "ingest"),
        (lambda services: run_tags(services, AS_OF, LIN), denied, "run_tags"),
        (lambda services: plan_campaign(services, CAMPAIGN, AS_OF, OTTO), denied, "plan_campaign"),
        (approve_as("lan", digest), denied, "approve_campaign"),
        (lambda services: run_campaign(services, CAMPAIGN, MIN), denied, "run_campaign"),
        (lambda services: report_campaign(services, CAMPAIGN, OTTO), denied, "report_campaign"),
    )


def test_what_was_not_approved_by_somebody_else_does_not_run(bank: Bank, loaded: Application) -> None:
    services = loaded.services
    digest = plan(services).digest
    assert_refused(
        loaded,
        bank,
        (run, Reason.NOT_REVIEWED, "run_campaign"),
        (approve_as("min", digest), Reason.NOT_REVIEWED, "approve_campaign"),
        (approve_as("min", "0" * 64), Reason.CHANGED_SINCE_PLAN, "approve_campaign"),
        (lambda services: report_campaign(services, CAMPAIGN, LIN), Reason.WRONG_STATE, "report_campaign"),
    )
    review(services, digest)
    assert_refused(
        loaded,
        bank,
        (run, Reason.NOT_APPROVED, "run_campaign"),
        (approve_as("lan_too", digest), Reason.OWN_WORK, "approve_campaign"),  # the campaign's owner
        (approve_as("hua_too", digest), Reason.OWN_WORK, "approve_campaign"),  # who reviewed it
    )
    approve_campaign(services, CAMPAIGN, MIN, digest=digest, approved=False, comment="too many")
    assert_refused(loaded, bank, (run, Reason.REJECTED, "run_campaign"))
    assert_refused(loaded, bank, (approve_as("min", digest), Reason.NOT_REVIEWED, "approve_campaign"))
    review(services, digest)
    assert isinstance(approve_campaign(services, CAMPAIGN, MIN, digest=digest), Plan)
    assert_refused(loaded, bank, (approve_as("min", digest), Reason.WRONG_STATE, "approve_campaign"))
    assert isinstance(run(services), Fates)


def test_whoever_planned_may_not_approve_under_a_second_account(bank: Bank, loaded: Application) -> None:
    bank.replace_in("campaigns", "owner: lan", "owner: lin")
    apply(loaded.services, OTTO)
    made = plan_campaign(loaded.services, CAMPAIGN, AS_OF, LAN)
    assert isinstance(made, Plan)
    review(loaded.services, made.digest)
    assert_refused(loaded, bank, (approve_as("lan_too", made.digest), Reason.OWN_WORK, "approve_campaign"))


def test_a_definition_that_changed_after_the_approval_stops_the_run(bank: Bank, loaded: Application) -> None:
    approve(loaded.services)
    bank.replace_in("campaigns", "margin: 180", "margin: 190")
    apply(loaded.services, OTTO)
    assert_refused(loaded, bank, (run, Reason.CHANGED_SINCE_PLAN, "run_campaign"))
    approve(loaded.services)
    assert isinstance(run(loaded.services), Fates)


def test_a_tag_that_changed_stops_the_run_and_the_next_plan(bank: Bank, loaded: Application) -> None:
    approve(loaded.services)
    bank.replace_in("tags", "cny(20000)", "cny(10000)")
    apply(loaded.services, OTTO)
    changed = Reason.CHANGED_SINCE_PLAN
    assert_refused(
        loaded,
        bank,
        (run, changed, "run_campaign"),
        (lambda services: plan_campaign(services, CAMPAIGN, AS_OF, LIN), changed, "plan_campaign"),
    )


def test_a_snapshot_that_was_computed_again_stops_the_run(bank: Bank, loaded: Application) -> None:
    approve(loaded.services)
    bank.deliver("transactions", transactions()[:50])
    load_all(loaded.services)
    run_tags(loaded.services, AS_OF, OTTO)
    assert_refused(loaded, bank, (run, Reason.CHANGED_SINCE_PLAN, "run_campaign"))


def test_an_effect_is_not_told_before_its_outcome_is_known(sent_bank: Bank) -> None:
    with sent_bank.open() as application:
        services = application.services
        for moment in (None, Instant(known_by(services) - 1)):
            early = report_campaign(services, CAMPAIGN, LIN, known_by=moment)
            assert isinstance(early, CampaignReport)
            assert reason_of(early.evaluation.effect) is Reason.OUTCOME_NOT_YET_KNOWN
            assert early.evaluation.profit is None
            assert early.fates.sent  # what was done is told all the same
        assert_refused(
            application,
            sent_bank,
            (lambda s: evaluate_campaign(s, CAMPAIGN, LIN), Reason.OUTCOME_NOT_YET_KNOWN, "evaluate_campaign"),
        )


def test_planning_again_without_a_change_is_the_same_plan(loaded: Application) -> None:
    first = plan(loaded.services)
    assert plan(loaded.services) == first
    approve(loaded.services)
    assert plan(loaded.services).state == "approved"


def test_a_consent_withdrawn_after_the_plan_counts_when_it_runs(bank: Bank, loaded: Application) -> None:
    approve(loaded.services)
    services = loaded.services
    victims = LAWFUL[:3]
    for n in victims:
        gone = OptOut(
            customer_id=CustomerId(party_of(loaded, customer_no(n))), purpose=Purpose.MARKETING, channel="email"
        )
        with services.database.transaction() as connection:
            services.opt_outs.withdraw(connection, gone, at=services.clock.now(), evidence="call")
    assert isinstance(run_campaign(services, CAMPAIGN, LIN), Fates)
    sent = {message.address for message in bank.channel.messages.values()}
    assert not sent & {email_of(n) for n in victims}
    assert sent


def test_names_that_do_not_exist_are_told_with_the_nearest(loaded: Application) -> None:
    with pytest.raises(NotFoundError, match="did you mean 'idle_to_deposit'"):
        plan_campaign(loaded.services, "idle_to_deposits", AS_OF, LIN)
    with pytest.raises(NotFoundError, match="no snapshot as of 2026-05-01"):
        plan_campaign(loaded.services, CAMPAIGN, date(2026, 5, 1), LIN)
    with pytest.raises(NotFoundError, match="has no plan"):
        run_campaign(loaded.services, CAMPAIGN, LIN)


def test_wrong_definitions_change_nothing(bank: Bank, loaded: Application) -> None:
    before = len(audit_of(loaded.services))
    bank.replace_in("tags", "sum(amount)", "sum(amont)")
    bank.replace_in("campaigns", "segment: idle_money", "segment: idle_mony")
    with pytest.raises(DefinitionError) as wrong:
        apply(loaded.services, OTTO)
    assert {problem.file for problem in wrong.value.problems} == {"definitions/tags.yaml", "definitions/campaigns.yaml"}
    assert len(audit_of(loaded.services)) == before

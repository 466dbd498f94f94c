"""A campaign from its plan to its end: pilot, pause, stop, waves that come again, caps and capacity on the way."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from tiny_bank import (
    AS_OF,
    CAMPAIGN,
    HUA,
    LAWFUL,
    LIN,
    MIN,
    OTTO,
    Bank,
    approve,
    audit_of,
    load_all,
    rows_of,
    transactions,
)

from lingque.bootstrap import Application
from lingque.core.errors import ChannelError, NotFoundError
from lingque.core.labels import LANGUAGES
from lingque.core.reasons import Reason, Refusal
from lingque.decide.pressure.caps import ContactState
from lingque.decide.tables import contact_ledger
from lingque.deliver.contracts import Fates, Message
from lingque.deliver.tables import deliveries
from lingque.engage.contracts import Plan
from lingque.engage.explain import explain
from lingque.engage.service import history_of, newest_plan, plan_of, waves_of
from lingque.engage.tables import contacts
from lingque.flow.approving import approve_campaign, review_campaign
from lingque.flow.halting import close_campaign, pause_campaign, resume_campaign, stop_campaign
from lingque.flow.intake import apply, catalog_of, run_tags
from lingque.flow.messages import send_messages
from lingque.flow.planning import plan_campaign
from lingque.flow.recurring import run_due
from lingque.flow.reporting import CampaignReport, evaluate_campaign, report_campaign
from lingque.flow.running import run_campaign
from lingque.flow.services import Services

MICROSECONDS_A_DAY = 86_400_000_000


def changed(bank: Bank, application: Application, *pairs: tuple[str, str]) -> Services:
    """The campaign's definition with these lines in place of those, applied."""
    for old, new in pairs:
        bank.replace_in("campaigns", old, new)
    assert not isinstance(apply(application.services, OTTO), Refusal)
    return application.services


def piloted(bank: Bank, application: Application) -> Services:
    services = changed(bank, application, ("hold_out: 0.5", "hold_out: 0.25\npilot: {share: 0.3}"))
    approve(services)
    assert isinstance(run_campaign(services, CAMPAIGN, LIN), Fates)
    return services


def state(services: Services) -> str:
    with services.database.reading() as connection:
        return newest_plan(connection, CAMPAIGN).state


def contacted(services: Services) -> list[int]:
    with services.database.reading() as connection:
        return sorted(connection.execute(select(contacts.c.customer_id)).scalars())


def reason_of(outcome: Any) -> Reason:
    assert isinstance(outcome, Refusal)
    return outcome.reason


def test_a_pilot_goes_first_and_the_rest_waits_for_its_approval(bank: Bank, loaded: Application) -> None:
    services = piloted(bank, loaded)
    assert state(services) == "piloted"
    first = contacted(services)
    assert 0 < len(first) < len(LAWFUL) * 0.75
    assert reason_of(run_campaign(services, CAMPAIGN, LIN)) is Reason.PILOT_NOT_APPROVED

    with services.database.reading() as connection:
        digest = newest_plan(connection, CAMPAIGN).digest
    assert reason_of(approve_campaign(services, CAMPAIGN, LIN, digest=digest)) is Reason.ROLE_NOT_ALLOWED
    assert isinstance(approve_campaign(services, CAMPAIGN, MIN, digest=digest), Plan)
    assert isinstance(run_campaign(services, CAMPAIGN, LIN), Fates)
    assert state(services) == "rolled_out"
    both = contacted(services)
    assert set(first) < set(both)
    assert len(both) == len(set(both)) == bank.channel.transmissions
    decided = rows_of(services, "decisions")
    assert {row["phase"] for row in decided} == {"pilot", "rollout"}
    assert len({row["customer_id"] for row in decided}) == len(decided)
    arms = [row["arm"] for row in decided]
    assert arms.count("contact") + arms.count("hold_out") == len(LAWFUL)


def test_a_pilot_that_is_rejected_ends_the_campaign(bank: Bank, loaded: Application) -> None:
    services = piloted(bank, loaded)
    with services.database.reading() as connection:
        plan = newest_plan(connection, CAMPAIGN)
    approve_campaign(services, CAMPAIGN, MIN, digest=plan.digest, approved=False, comment="complaints")
    assert state(services) == "stopped"
    assert reason_of(run_campaign(services, CAMPAIGN, LIN)) is Reason.WRONG_STATE
    with services.database.reading() as connection:
        last = history_of(connection, plan.wave_id)[-1]
    assert (last.by, last.comment) == ("min", "complaints")


def test_a_report_of_a_pilot_speaks_of_the_pilot(bank: Bank, loaded: Application) -> None:
    services = piloted(bank, loaded)
    report = report_campaign(services, CAMPAIGN, MIN, phase="pilot")
    assert isinstance(report, CampaignReport)
    steps = dict(report.waterfall)
    assert steps["contacted"] == len(contacted(services)) == report.fates.sent
    whole = report_campaign(services, CAMPAIGN, MIN, phase="rollout")
    assert isinstance(whole, CampaignReport)
    assert whole.waterfall == ()


def test_definitions_that_change_after_the_pilot_stop_the_roll_out(bank: Bank, loaded: Application) -> None:
    services = piloted(bank, loaded)
    with services.database.reading() as connection:
        digest = newest_plan(connection, CAMPAIGN).digest
    approve_campaign(services, CAMPAIGN, MIN, digest=digest)
    changed(bank, loaded, ("margin: 180", "margin: 190"))
    assert reason_of(run_campaign(services, CAMPAIGN, LIN)) is Reason.CHANGED_SINCE_PLAN


class After:
    """Lets something happen when so many messages have been sent."""

    def __init__(self, count: int, act: Any) -> None:
        self.left = count
        self.act = act

    def __call__(self, _message: Message) -> None:
        self.left -= 1
        if self.left == 0:
            self.act()


def test_a_pause_holds_what_is_left_and_a_resumed_run_sends_it(bank: Bank, loaded: Application) -> None:
    services = loaded.services
    approve(services)
    bank.channel.before_send = After(5, lambda: pause_campaign(services, CAMPAIGN, MIN, comment="a complaint"))
    fates = run_campaign(services, CAMPAIGN, LIN)
    assert isinstance(fates, Fates)
    assert bank.channel.transmissions == fates.sent == 5
    assert fates.waiting == fates.by_status["queued"]
    assert state(services) == "paused"
    assert reason_of(run_campaign(services, CAMPAIGN, LIN)) is Reason.WRONG_STATE
    send_messages(services, LIN)
    assert bank.channel.transmissions == 5

    assert reason_of(resume_campaign(services, CAMPAIGN, MIN)) is Reason.ROLE_NOT_ALLOWED
    resumed = resume_campaign(services, CAMPAIGN, LIN)
    assert isinstance(resumed, Plan)
    assert resumed.state == "rolling_out"
    fates = run_campaign(services, CAMPAIGN, LIN)
    assert isinstance(fates, Fates)
    assert fates.by_status == {"sent": len(contacted(services))}
    assert state(services) == "rolled_out"


def test_whoever_sends_the_last_message_ends_the_wave(bank: Bank, loaded: Application) -> None:
    services = loaded.services
    approve(services)
    bank.channel.before_send = After(5, lambda: pause_campaign(services, CAMPAIGN, MIN))
    run_campaign(services, CAMPAIGN, LIN)
    resume_campaign(services, CAMPAIGN, LIN)
    send_messages(services, LIN)
    assert bank.channel.transmissions == len(contacted(services))
    assert state(services) == "rolled_out"


def test_a_stop_cancels_what_is_left_and_frees_its_place(bank: Bank, loaded: Application) -> None:
    services = loaded.services
    approve(services)
    bank.channel.before_send = After(5, lambda: stop_campaign(services, CAMPAIGN, MIN, comment="the rate changed"))
    fates = run_campaign(services, CAMPAIGN, LIN)
    assert isinstance(fates, Fates)
    assert fates.sent == 5
    assert fates.by_status["cancelled"] == len(contacted(services)) - 5
    assert fates.by_reason == {Reason.CAMPAIGN_STOPPED: fates.by_status["cancelled"]}
    assert state(services) == "stopped"
    assert reason_of(resume_campaign(services, CAMPAIGN, LIN)) is Reason.WRONG_STATE
    assert reason_of(run_campaign(services, CAMPAIGN, LIN)) is Reason.WRONG_STATE
    assert isinstance(close_campaign(services, CAMPAIGN, LIN), Plan)
    with services.database.reading() as connection:
        counts = dict(
            connection.execute(select(contact_ledger.c.state, func.count()).group_by(contact_ledger.c.state)).all()
        )
    assert counts == {ContactState.COMMITTED: 5, ContactState.RELEASED: len(contacted(services)) - 5}
    (act,) = audit_of(services, "stop_campaign")
    assert (act.actor, act.detail["cancelled"]) == ("min", counts[ContactState.RELEASED])


def test_what_a_crash_put_back_for_a_stopped_wave_is_cancelled_and_not_sent(bank: Bank, loaded: Application) -> None:
    services = loaded.services
    approve(services)

    def down(_message: Message) -> None:
        stop_campaign(services, CAMPAIGN, MIN)
        raise ChannelError("down", next_step="")

    bank.channel.before_send = down
    with pytest.raises(ChannelError):
        run_campaign(services, CAMPAIGN, LIN)  # the message in hand goes back to the queue
    bank.channel.before_send = lambda _message: None
    send_messages(services, LIN)
    assert bank.channel.transmissions == 0
    with services.database.reading() as connection:
        assert set(connection.execute(select(deliveries.c.status)).scalars()) == {"cancelled"}


def test_evaluated_and_closed_at_the_end(bank: Bank, loaded: Application) -> None:
    services = loaded.services
    approve(services)
    run_campaign(services, CAMPAIGN, LIN)
    assert reason_of(close_campaign(services, CAMPAIGN, LIN)) is Reason.WRONG_STATE
    bank.clock.advance(40 * MICROSECONDS_A_DAY)
    # nothing has come for the days in which the outcome is seen: that nobody is known to have acted is no result
    assert reason_of(evaluate_campaign(services, CAMPAIGN, LIN)) is Reason.OUTCOME_NOT_YET_KNOWN
    bank.deliver("deposits", [], AS_OF + timedelta(days=30))
    load_all(services)
    report = evaluate_campaign(services, CAMPAIGN, LIN)
    assert isinstance(report, CampaignReport)
    assert state(services) == "evaluated"
    assert isinstance(close_campaign(services, CAMPAIGN, LIN), Plan)
    with services.database.reading() as connection:
        states = [step.state for step in history_of(connection, report.plan.wave_id)]
    assert states == ["simulated", "reviewed", "approved", "rolling_out", "rolled_out", "evaluated", "closed"]


# --- waves that come again --------------------------------------------------------------------------------------------

MONTHLY = ("hold_out: 0.5", f"hold_out: 0.25\nschedule: {{every: month, first: {AS_OF}, until: 2026-12-01}}")
NEXT = date(2026, 7, 1)


def second_month(bank: Bank, services: Services) -> None:
    bank.clock.advance((NEXT - AS_OF).days * MICROSECONDS_A_DAY)
    bank.deliver("transactions", [(f"J{row[0]}", *row[1:]) for row in transactions()[:2]], NEXT)
    load_all(services)
    assert not isinstance(run_tags(services, NEXT, OTTO), Refusal)


def test_one_approval_covers_the_waves_to_come(bank: Bank, loaded: Application) -> None:
    services = changed(bank, loaded, MONTHLY)
    (first,) = run_due(services, AS_OF, LIN)
    assert reason_of(first.outcome) is Reason.NOT_APPROVED  # nobody has seen it yet
    approve(services)
    (again,) = run_due(services, AS_OF, LIN)
    assert isinstance(again.outcome, Fates)
    sent = bank.channel.transmissions

    second_month(bank, services)
    (second,) = run_due(services, NEXT, LIN)
    assert isinstance(second.outcome, Fates)
    assert second.outcome.sent == bank.channel.transmissions - sent > 0
    assert second.plan is not None
    assert again.plan is not None
    with services.database.reading() as connection:
        steps = history_of(connection, second.plan.wave_id)
        assert plan_of(connection, CAMPAIGN, again.plan.wave_id).state == "rolled_out"
    assert [(step.state, step.by) for step in steps[:3]] == [
        ("simulated", "lin"), ("reviewed", "hua"), ("approved", "min"),
    ]  # fmt: skip
    assert steps[2].comment == "standing approval"
    assert second.plan.digest != again.plan.digest
    assert second.plan.approval_digest == again.plan.approval_digest


def test_a_changed_definition_ends_the_standing_approval(bank: Bank, loaded: Application) -> None:
    services = changed(bank, loaded, MONTHLY)
    approve(services)
    list(run_due(services, AS_OF, LIN))
    changed(bank, loaded, ("margin: 180", "margin: 190"))
    second_month(bank, services)
    (second,) = run_due(services, NEXT, LIN)
    assert reason_of(second.outcome) is Reason.NOT_APPROVED
    assert second.plan is not None
    assert second.plan.state == "simulated"


def test_a_stop_ends_the_standing_approval_until_people_approve_again(bank: Bank, loaded: Application) -> None:
    services = changed(bank, loaded, MONTHLY)
    approve(services)
    bank.channel.before_send = After(5, lambda: stop_campaign(services, CAMPAIGN, MIN, comment="complaints"))
    list(run_due(services, AS_OF, LIN))
    bank.channel.before_send = lambda _message: None
    second_month(bank, services)
    for _ in range(2):  # asked again, it is not forgotten
        (second,) = run_due(services, NEXT, LIN)
        assert reason_of(second.outcome) is Reason.NOT_APPROVED
    assert bank.channel.transmissions == 5
    with services.database.reading() as connection:
        plan = newest_plan(connection, CAMPAIGN)
    review_campaign(services, CAMPAIGN, HUA, digest=plan.digest)
    approve_campaign(services, CAMPAIGN, MIN, digest=plan.digest)
    (again,) = run_due(services, NEXT, LIN)
    assert isinstance(again.outcome, Fates)
    assert again.outcome.sent == bank.channel.transmissions - 5 > 0


def test_while_one_wave_is_paused_no_other_begins(bank: Bank, loaded: Application) -> None:
    services = changed(bank, loaded, MONTHLY)
    approve(services)
    bank.channel.before_send = After(5, lambda: pause_campaign(services, CAMPAIGN, MIN))
    list(run_due(services, AS_OF, LIN))
    bank.channel.before_send = lambda _message: None
    second_month(bank, services)
    (second,) = run_due(services, NEXT, LIN)
    assert reason_of(second.outcome) is Reason.WRONG_STATE
    assert second.plan is None
    assert bank.channel.transmissions == 5
    assert isinstance(resume_campaign(services, CAMPAIGN, LIN), Plan)
    (second,) = run_due(services, NEXT, LIN)
    assert isinstance(second.outcome, Fates)
    with services.database.reading() as connection:
        assert [wave.state for wave in waves_of(connection, CAMPAIGN)] == ["rolled_out", "rolled_out"]


def test_a_stop_reaches_the_wave_before_too(bank: Bank, loaded: Application) -> None:
    services = changed(bank, loaded, MONTHLY)
    approve(services)
    bank.channel.before_send = After(5, lambda: pause_campaign(services, CAMPAIGN, MIN))
    list(run_due(services, AS_OF, LIN))
    second_month(bank, services)
    assert isinstance(plan_campaign(services, CAMPAIGN, NEXT, LIN), Plan)
    assert isinstance(stop_campaign(services, CAMPAIGN, MIN), Plan)
    with services.database.reading() as connection:
        assert [wave.state for wave in waves_of(connection, CAMPAIGN)] == ["stopped", "stopped"]
        assert connection.execute(select(deliveries).where(deliveries.c.status == "queued")).first() is None


def test_an_earlier_wave_is_still_told_of(bank: Bank, loaded: Application) -> None:
    services = changed(bank, loaded, MONTHLY)
    approve(services)
    list(run_due(services, AS_OF, LIN))
    second_month(bank, services)
    list(run_due(services, NEXT, LIN))
    with services.database.reading() as connection:
        second, first = waves_of(connection, CAMPAIGN)
    for wave in (first, second):
        report = report_campaign(services, CAMPAIGN, MIN, wave=wave.wave_id)
        assert isinstance(report, CampaignReport)
        assert (report.plan.as_of, report.fates.sent) == (wave.as_of, dict(report.waterfall)["contacted"])
    newest = report_campaign(services, CAMPAIGN, MIN)
    assert isinstance(newest, CampaignReport)
    assert newest.plan.wave_id == second.wave_id
    with pytest.raises(NotFoundError, match="has no wave 99"):
        report_campaign(services, CAMPAIGN, MIN, wave=99)


def test_on_other_days_nothing_is_due(bank: Bank, loaded: Application) -> None:
    services = changed(bank, loaded, MONTHLY)
    assert list(run_due(services, AS_OF + timedelta(days=1), LIN)) == []
    assert reason_of(plan_campaign(services, CAMPAIGN, AS_OF + timedelta(days=1), LIN)) is Reason.NOT_DUE


# --- caps, capacity, overlap ------------------------------------------------------------------------------------------

CAP = """
cap: mails
label: {zh: 每月至多一封, en: One mail a month at most}
channels: [email]
at_most: 1
within: 30 days
"""
OTHER = """
campaign: other
label: {zh: 另一活动, en: Another campaign}
owner: lan
segment: idle_money
offers: [term_deposit]
channels:
  email: {contact_cost: 0.05}
hold_out: 0.25
outcome: opens_deposit_30d
"""


def test_a_second_campaign_leaves_those_alone_whom_the_first_contacted(bank: Bank, loaded: Application) -> None:
    bank.define("caps", CAP)
    bank.define("other", OTHER)
    services = changed(bank, loaded)
    approve(services)
    run_campaign(services, CAMPAIGN, LIN)
    first = set(contacted(services))

    plan = plan_campaign(services, "other", AS_OF, LIN)
    assert isinstance(plan, Plan)
    assert plan.forecast.refusals["CONTACT_CAP"] == len(first)
    assert plan.forecast.to_contact + plan.forecast.to_hold_out == len(LAWFUL) - len(first)
    assert plan.forecast.overlap == {}
    review_campaign(services, "other", HUA, digest=plan.digest)
    approve_campaign(services, "other", MIN, digest=plan.digest)
    assert isinstance(run_campaign(services, "other", LIN), Fates)
    everybody = contacted(services)
    assert len(everybody) == len(set(everybody))


def test_without_a_cap_the_overlap_is_told(bank: Bank, loaded: Application) -> None:
    bank.define("other", OTHER)
    services = changed(bank, loaded)
    approve(services)
    run_campaign(services, CAMPAIGN, LIN)
    plan = plan_campaign(services, "other", AS_OF, LIN)
    assert isinstance(plan, Plan)
    assert 0 < plan.forecast.overlap[CAMPAIGN] <= len(contacted(services))


def test_a_channel_is_filled_and_no_more(bank: Bank, loaded: Application) -> None:
    services = changed(bank, loaded, ("email: {contact_cost: 0.05}", "email: {contact_cost: 0.05, capacity: 7}"))
    plan = approve(services)
    assert plan.forecast.to_contact == 7
    assert plan.forecast.refusals["NO_CAPACITY"] == len(LAWFUL) - 7 - plan.forecast.to_hold_out
    (limit,) = plan.forecast.limits
    assert (limit.channel, limit.capacity, limit.contacts) == ("email", 7, 7)
    assert plan.forecast.best_possible is not None
    assert plan.forecast.best_possible >= plan.forecast.expected_profit
    assert limit.price > 0, "one more mail would earn something"
    said = {language: dict(explain(plan, catalog_of(services), language)) for language in LANGUAGES}
    assert "capacity 7, 0 left" in said["en"]["allocation"]
    assert "容量 7，余 0" in said["zh"]["分配"]
    run_campaign(services, CAMPAIGN, LIN)
    assert len(contacted(services)) == bank.channel.transmissions == 7
    assert dict(plan.forecast.waterfall)["chosen"] == 7 + plan.forecast.to_hold_out

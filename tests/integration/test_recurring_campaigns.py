"""Waves that come again: one approval for those to come, until something changes."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from life_cycle import MICROSECONDS_A_DAY, After, changed, reason_of
from sqlalchemy import select
from tiny_bank import (
    AS_OF,
    CAMPAIGN,
    HUA,
    LIN,
    MIN,
    OTTO,
    Bank,
    approve,
    load_all,
    transactions,
)

from lingque.bootstrap import Application
from lingque.core.errors import NotFoundError
from lingque.core.reasons import Reason, Refusal
from lingque.deliver.contracts import Fates
from lingque.deliver.tables import deliveries
from lingque.engage.contracts import Plan
from lingque.engage.service import history_of, newest_plan, plan_of, waves_of
from lingque.flow.approving import approve_campaign, review_campaign
from lingque.flow.halting import pause_campaign, resume_campaign, stop_campaign
from lingque.flow.intake import run_tags
from lingque.flow.planning import plan_campaign
from lingque.flow.recurring import run_due
from lingque.flow.reporting import CampaignReport, report_campaign
from lingque.flow.services import Services

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

"""A campaign from its plan to its end: pilot, pause, stop, waves that come again, caps and capacity on the way."""

from __future__ import annotations

from datetime import timedelta

import pytest
from life_cycle import MICROSECONDS_A_DAY, After, changed, contacted, piloted, reason_of, state
from sqlalchemy import func, select
from tiny_bank import (
    AS_OF,
    CAMPAIGN,
    LAWFUL,
    LIN,
    MIN,
    Bank,
    approve,
    audit_of,
    load_all,
    rows_of,
)

from lingque.bootstrap import Application
from lingque.core.errors import ChannelError
from lingque.core.reasons import Reason
from lingque.decide.pressure.caps import ContactState
from lingque.decide.tables import contact_ledger
from lingque.deliver.contracts import Fates, Message
from lingque.deliver.tables import deliveries
from lingque.engage.contracts import Plan
from lingque.engage.service import history_of, newest_plan
from lingque.flow.approving import approve_campaign
from lingque.flow.halting import close_campaign, pause_campaign, resume_campaign, stop_campaign
from lingque.flow.messages import send_messages
from lingque.flow.reporting import CampaignReport, evaluate_campaign, report_campaign
from lingque.flow.running import run_campaign


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

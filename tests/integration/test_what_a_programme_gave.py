"""What a programme gave to its campaigns, afterwards: run, piloted, decided again, interrupted, expired."""

from __future__ import annotations

import pytest
from customers_requests import JAN, done, receive
from programme_bank import CARD, NOTICE, ON_SQLITE, approved, contacted, in_programme, planned, ran
from tiny_bank import (
    AS_OF,
    CAMPAIGN,
    CURRENT_CONSENT,
    CUSTOMERS,
    HUA,
    LAWFUL,
    LIN,
    MIN,
    Bank,
    consents,
    customer_no,
    load_all,
    party_of,
    rows_of,
)

from lingque.bootstrap import Application
from lingque.core.reasons import Reason, Refusal
from lingque.deliver.contracts import Fates
from lingque.engage.contracts import Plan
from lingque.engage.service import newest_plan, waves_of
from lingque.entry.rights_page import rights_page
from lingque.flow.approving import approve_campaign, review_campaign
from lingque.flow.disclosing import package_for
from lingque.flow.erasing import carry_out_erasure
from lingque.flow.planning import plan_campaign
from lingque.flow.recurring import run_due
from lingque.flow.replaying import Replayed, replay_decision
from lingque.flow.retention import run_retention
from lingque.flow.running import run_campaign
from lingque.govern.rights.requests import RequestKind
from lingque.store.runs import runs_of


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
def test_who_was_given_is_told_of_it_and_after_an_erasure_is_given_to_nobody(bank: Bank, loaded: Application) -> None:
    services = in_programme(bank, loaded)
    plans = planned(services)
    number_of = {party_of(loaded, customer_no(n)): n for n in range(CUSTOMERS)}
    everything = rows_of(services, "allotments")
    given = [row for row in everything if row["plan"] == plans[CARD].digest]
    customer, n = next((row["customer_id"], number_of[row["customer_id"]]) for row in given)
    told = [{"campaign": CARD, "offer": "gold_card", "channel": "email", "as_of": AS_OF.isoformat()}]
    for kind in (RequestKind.ACCESS, RequestKind.EXPLANATION):
        package = done(package_for(services, receive(loaded, kind, n).request_id, MIN))
        assert package["given_to_campaigns"] == told
        for language, heading in (("zh", "统筹方案分配的活动"), ("en", "Campaigns you were chosen for")):
            page = rights_page(package, language)
            assert CARD in page[page.index(heading) :]
    nobody = number_of[min(number_of.keys() - {row["customer_id"] for row in everything})]
    package = done(package_for(services, receive(loaded, RequestKind.EXPLANATION, nobody).request_id, MIN))
    assert package["given_to_campaigns"] == []
    package = done(package_for(services, receive(loaded, RequestKind.PORTABILITY, n).request_id, MIN))
    assert "given_to_campaigns" not in package

    closed = done(carry_out_erasure(services, receive(loaded, RequestKind.ERASURE, n).request_id, JAN))
    assert closed.outcome["data_plane"]["allotments"] == 1
    left = rows_of(services, "allotments")
    assert customer not in {row["customer_id"] for row in left}
    assert len([row for row in left if row["plan"] == plans[CARD].digest]) == len(given) - 1
    ran(services, CARD)
    assert customer not in contacted(services, CARD)
    assert contacted(services, CARD) <= {row["customer_id"] for row in given}

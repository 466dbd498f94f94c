"""What a proposal rests on is honoured when it is decided and again when it goes; the non-personalised path remains."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from tiny_bank import AS_OF, CAMPAIGN, HUA, LIN, MIN, OTTO, Bank, customer_no, party_of

from lingque.bootstrap import Application
from lingque.core.ids import PartyId
from lingque.core.reasons import Reason, Refusal
from lingque.deliver.grounds import grounds_of as kept_grounds
from lingque.deliver.grounds import keep_grounds
from lingque.deliver.tables import deliveries
from lingque.engage.contracts import Plan
from lingque.flow import apply, approve_campaign, plan_campaign, review_campaign, run_campaign, run_tags
from lingque.flow.grounds import grounds_of, tags_under
from lingque.flow.intake import catalog_of
from lingque.flow.services import Services
from lingque.govern.contracts import UNSTATED, Grounds
from lingque.govern.statements import DecisionRefusal, TagRefusal

EVERYBODY = """
tag: everybody
label: {zh: 全体客户, en: Everybody}
family: demographics
value: "true"
---
offer: open_day
label: {zh: 网点开放日, en: Open day}
regime: service
valid_from: 2026-01-01
valid_to: 2027-01-01
currency: CNY
margin: 80.00
response: 0.2
creatives:
  email:
    zh: {subject: 开放日, body: 欢迎参加网点开放日。}
---
campaign: open_day_for_all
label: {zh: 开放日, en: Open day for all}
owner: lan
segment: everybody
offers: [open_day]
channels:
  email: {contact_cost: 0.05}
hold_out: 0.01
outcome: OUTCOME
"""


def refuse_machines(services: Services, *parties: int) -> None:
    entries = [
        DecisionRefusal(
            party_id=PartyId(party),
            refused=True,
            acted_at=services.clock.now(),
            wording_version="v1",
            evidence="page",
        )
        for party in parties
    ]
    with services.database.transaction() as connection:
        services.register.record_decision_refusals(connection, entries)


def delete_tag(services: Services, party: int, tag: str) -> None:
    entry = TagRefusal(party_id=PartyId(party), tag=tag, refused=True, acted_at=services.clock.now(), evidence="page")
    with services.database.transaction() as connection:
        services.register.record_tag_refusals(connection, [entry])


def done(plan: Plan | Refusal) -> Plan:
    assert isinstance(plan, Plan), plan
    return plan


def ran(services: Services, campaign: str) -> dict[int, tuple[str, int | None]]:
    """Plan, have it reviewed and approved, run; per customer what became of the message."""
    plan = done(plan_campaign(services, campaign, AS_OF, LIN))
    done(review_campaign(services, campaign, HUA, digest=plan.digest))
    done(approve_campaign(services, campaign, MIN, digest=plan.digest))
    assert not isinstance(run_campaign(services, campaign, LIN), Refusal)
    with services.database.reading() as connection:
        rows = connection.execute(select(deliveries).where(deliveries.c.wave_id == plan.wave_id)).all()
    return {row.customer_id: (row.status, row.reason) for row in rows}


def apply_for_all(services: Services) -> None:
    catalog = catalog_of(services)
    outcome = catalog.campaign(CAMPAIGN).outcome
    file = services.folder / "definitions" / "for_all.yaml"
    file.write_text(EVERYBODY.replace("OUTCOME", outcome), encoding="utf-8")
    assert not isinstance(apply(services, OTTO), Refusal)
    assert not isinstance(run_tags(services, AS_OF, OTTO), Refusal)


def test_whoever_refuses_machines_gets_what_is_proposed_to_everybody_and_nothing_else(loaded: Application) -> None:
    services = loaded.services
    apply_for_all(services)
    stubborn, other = (party_of(loaded, customer_no(n)) for n in (10, 11))
    refuse_machines(services, stubborn)
    plan = done(plan_campaign(services, CAMPAIGN, AS_OF, LIN))
    assert plan.forecast.refusals[Reason.AUTOMATED_DECISION_REFUSED.name] == 1
    chosen = ran(services, CAMPAIGN)
    assert stubborn not in chosen
    everybody = done(plan_campaign(services, "open_day_for_all", AS_OF, LIN))
    assert Reason.AUTOMATED_DECISION_REFUSED.name not in everybody.forecast.refusals
    reached = ran(services, "open_day_for_all")
    assert reached[stubborn] == ("sent", None)
    assert reached[other] == ("sent", None)


@pytest.mark.parametrize("how", ["machine", "tag"])
def test_who_refuses_while_a_message_waits_does_not_get_it(how: str, queued_bank: Bank) -> None:
    with queued_bank.open() as application:
        services = application.services
        with services.database.reading() as connection:
            waiting = connection.execute(select(deliveries).where(deliveries.c.status == "queued")).all()
            rests_on = kept_grounds(connection, waiting[0].grounds_digest)
        assert rests_on.automated
        assert len(rests_on.tags) > 1
        for number, tag in enumerate(sorted(rests_on.tags)):
            if how == "tag":
                delete_tag(services, waiting[number].customer_id, tag)
        refusing = [waiting[number].customer_id for number in range(len(rests_on.tags))]
        if how == "machine":
            refuse_machines(services, *refusing)
        assert not isinstance(run_campaign(services, CAMPAIGN, LIN), Refusal)
        with services.database.reading() as connection:
            rows = connection.execute(select(deliveries)).all()
    reason = Reason.AUTOMATED_DECISION_REFUSED if how == "machine" else Reason.TAG_REFUSED
    refused = {row.customer_id for row in rows if row.reason == reason}
    assert refused == set(refusing)
    assert {row.status for row in rows if row.customer_id not in refused} == {"sent"}


def test_grounds_name_every_tag_at_any_remove(loaded: Application) -> None:
    services = loaded.services
    apply_for_all(services)
    catalog = catalog_of(services)
    campaign = catalog.campaign(CAMPAIGN)
    offer = catalog.offers[campaign.offers[0]]
    found = grounds_of(catalog, campaign.segment, offer)
    assert found.automated
    assert found.tags >= {campaign.segment} | catalog.tag(campaign.segment).inputs  # type: ignore[union-attr]
    assert tags_under(catalog, [campaign.segment]) <= found.tags
    assert campaign.outcome not in found.tags, "what is measured is not what is looked at"
    for_all = grounds_of(catalog, "everybody", catalog.offers["open_day"])
    assert for_all == Grounds(automated=False, tags=frozenset({"everybody"}))
    mixed = grounds_of(catalog, campaign.segment, catalog.offers["open_day"])
    assert mixed.automated


def test_grounds_are_kept_once_and_found_again(loaded: Application) -> None:
    one = Grounds(automated=False, tags=frozenset({"b", "a"}))
    with loaded.services.database.transaction() as connection:
        digest = keep_grounds(connection, one)
        assert keep_grounds(connection, Grounds(automated=False, tags=frozenset({"a", "b"}))) == digest
        assert kept_grounds(connection, digest) == one
        assert keep_grounds(connection, Grounds(automated=True, tags=one.tags)) != digest
        assert kept_grounds(connection, "") == UNSTATED, "queued before grounds were kept"

"""The whole way, on one screen. Each line is a stage; what joins the stages is in the modules beside this file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from lingque.core.clock import Instant
from lingque.core.reasons import Refusal
from lingque.flow.approving import approve_campaign, review_campaign
from lingque.flow.intake import apply, ingest, run_tags
from lingque.flow.planning import plan_campaign
from lingque.flow.reporting import CampaignReport, report_campaign
from lingque.flow.running import run_campaign
from lingque.flow.services import Services
from lingque.govern.contracts import Principal


@dataclass(frozen=True, kw_only=True)
class People:
    """Who does what; no one of them could do it alone."""

    operator: Principal
    manager: Principal
    reviewer: Principal
    approver: Principal


def from_files_to_effect(
    services: Services, campaign: str, *, as_of: date, people: People, known_by: Instant
) -> CampaignReport | Refusal:
    """A bank's files become a lawful, delivered, measured proposal. Stops at the first refusal and returns it."""
    applied = apply(services, people.operator)  # definitions → catalog
    if isinstance(applied, Refusal):
        return applied
    for loaded in ingest(services, people.operator):  # files → tables, vault, consents, quarantine
        if isinstance(loaded, Refusal):
            return loaded
    tags = run_tags(services, as_of, people.operator)  # tables → tags
    if isinstance(tags, Refusal):
        return tags
    plan = plan_campaign(services, campaign, as_of, people.manager)  # tags → stages and a forecast
    if isinstance(plan, Refusal):
        return plan
    reviewed = review_campaign(services, campaign, people.reviewer, digest=plan.digest)  # for the customers
    if isinstance(reviewed, Refusal):
        return reviewed
    approved = approve_campaign(services, campaign, people.approver, digest=plan.digest)  # by a third person
    if isinstance(approved, Refusal):
        return approved
    sent = run_campaign(services, campaign, people.manager)  # decisions → contacts → messages
    if isinstance(sent, Refusal):
        return sent
    return report_campaign(services, campaign, people.manager, known_by=known_by)  # receipts, outcomes → effect

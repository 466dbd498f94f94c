"""Campaigns that come again: every night, whoever is due is planned and, where its approval holds, run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from lingque.core.reasons import Reason, Refusal
from lingque.deliver.contracts import Fates
from lingque.engage.contracts import Plan
from lingque.engage.schedule import is_due
from lingque.engage.service import waves_of
from lingque.flow.intake import catalog_of
from lingque.flow.planning import plan_campaign
from lingque.flow.running import run_campaign
from lingque.flow.services import Services
from lingque.govern.contracts import Principal


@dataclass(frozen=True, kw_only=True)
class Wave:
    """What became of one campaign that was due: its plan, and its messages' fates where it ran."""

    campaign: str
    plan: Plan | None
    outcome: Fates | Refusal


def run_due(services: Services, day: date, actor: Principal) -> Iterator[Wave]:
    """Plan every campaign that is due on that day, and run those whose approval covers the wave; one result each.

    Asked again on the same day it goes on where it stopped. A wave that nobody has approved waits as a plan; of a
    campaign that is paused none begins.
    """
    for name, campaign in catalog_of(services).campaigns.items():
        if campaign.schedule is None or not is_due(campaign.schedule, day):
            continue
        if _is_paused(services, name):
            detail = f"'{name}' is paused; resume it with 'lingque campaign resume {name}'"
            yield Wave(campaign=name, plan=None, outcome=Refusal(reason=Reason.WRONG_STATE, detail=detail))
            continue
        plan = plan_campaign(services, name, day, actor)
        if isinstance(plan, Refusal):
            yield Wave(campaign=name, plan=None, outcome=plan)
        elif plan.state in ("simulated", "reviewed"):
            waits = Refusal(reason=Reason.NOT_APPROVED, detail=f"the wave of {day} awaits review and approval")
            yield Wave(campaign=name, plan=plan, outcome=waits)
        else:
            yield Wave(campaign=name, plan=plan, outcome=run_campaign(services, name, actor))


def _is_paused(services: Services, campaign: str) -> bool:
    with services.database.reading() as connection:
        return any(wave.state == "paused" for wave in waves_of(connection, campaign))

"""Campaigns: what there is, plan, decide on a plan, pause and stop."""

from __future__ import annotations

from starlette.responses import Response

from lingque.catalog.repository import load_catalog
from lingque.core.reasons import Refusal
from lingque.engage.service import find_plan, waves_of
from lingque.entry.api.campaign_shapes import (
    ApprovalRequest,
    CampaignDetail,
    CampaignList,
    CampaignName,
    CampaignSummary,
    MoveRequest,
    PlanRequest,
    WaveList,
    WaveSummary,
    definition_answer,
)
from lingque.entry.api.guarded import Caller, Workspace, guarded_router
from lingque.entry.api.plan_shapes import PlanAnswer, plan_answer
from lingque.entry.api.problems import refusal_response
from lingque.entry.api.shapes import Labelled
from lingque.entry.api.what_if_shapes import WhatIfAnswer, WhatIfRequest, what_if_answer
from lingque.flow.approving import approve_campaign, review_campaign
from lingque.flow.halting import close_campaign, pause_campaign, resume_campaign, stop_campaign
from lingque.flow.intake import catalog_of
from lingque.flow.planning import plan_campaign
from lingque.flow.what_if import what_if
from lingque.govern.access import refused
from lingque.govern.contracts import Action

router = guarded_router("campaigns")


@router.get("/campaigns", operation_id="list_campaigns", summary="All campaigns", response_model=CampaignList)
def list_campaigns(workspace: Workspace, caller: Caller) -> CampaignList | Response:
    denied = refused(caller, Action.READ_CAMPAIGN)
    if denied is not None:
        return refusal_response(denied)
    with workspace.services.database.reading() as connection:
        catalog = load_catalog(connection)
        plans = {name: find_plan(connection, name) for name in catalog.campaigns}
    return CampaignList(
        campaigns=[
            CampaignSummary(
                name=name,
                label=Labelled.of(campaign.label.label()),
                owner=campaign.owner,
                state=None if (plan := plans[name]) is None else plan.state,
            )
            for name, campaign in sorted(catalog.campaigns.items())
        ]
    )


@router.get(
    "/campaigns/{name}",
    operation_id="get_campaign",
    summary="One campaign and its newest plan",
    response_model=CampaignDetail,
)
def get_campaign(name: CampaignName, workspace: Workspace, caller: Caller) -> CampaignDetail | Response:
    denied = refused(caller, Action.READ_CAMPAIGN)
    if denied is not None:
        return refusal_response(denied)
    with workspace.services.database.reading() as connection:
        catalog = load_catalog(connection)
        campaign = catalog.campaign(name)
        plan = find_plan(connection, name)
    return CampaignDetail(
        definition=definition_answer(campaign, catalog),
        plan=None if plan is None else plan_answer(plan, catalog),
    )


@router.get(
    "/campaigns/{name}/waves",
    operation_id="list_waves",
    summary="Every wave of a campaign, newest first",
    response_model=WaveList,
)
def list_waves(name: CampaignName, workspace: Workspace, caller: Caller) -> WaveList | Response:
    denied = refused(caller, Action.READ_CAMPAIGN)
    if denied is not None:
        return refusal_response(denied)
    with workspace.services.database.reading() as connection:
        load_catalog(connection).campaign(name)  # an error where there is none
        waves = waves_of(connection, name)
    return WaveList(
        waves=[
            WaveSummary(
                wave=wave.wave_id,
                digest=wave.digest,
                as_of=wave.as_of,
                state=wave.state,
                to_contact=wave.forecast.to_contact,
            )
            for wave in waves
        ]
    )


@router.post(
    "/campaigns/{name}/plans",
    operation_id="plan_campaign",
    summary="Plan a campaign over a snapshot",
    response_model=PlanAnswer,
)
def post_plan(name: CampaignName, body: PlanRequest, workspace: Workspace, caller: Caller) -> PlanAnswer | Response:
    """Sends nothing and spends nothing. Planning the same again gives the plan that is there, with its state."""
    with workspace.writing() as services:
        planned = plan_campaign(services, name, body.as_of, caller)
        if isinstance(planned, Refusal):
            return refusal_response(planned)
        return plan_answer(planned, catalog_of(services))


@router.post(
    "/campaigns/{name}/what-ifs",
    operation_id="what_if_campaign",
    summary="A plan as it would be after changes that nobody has applied",
    response_model=WhatIfAnswer,
)
def post_what_if(
    name: CampaignName, body: WhatIfRequest, workspace: Workspace, caller: Caller
) -> WhatIfAnswer | Response:
    """Writes nothing and moves no counter. 422 names the change that could not be applied."""
    found = what_if(workspace.services, name, body.as_of, body.changes, caller)
    return refusal_response(found) if isinstance(found, Refusal) else what_if_answer(found)


@router.post(
    "/campaigns/{name}/reviews",
    operation_id="review_campaign",
    summary="Review the newest plan for consumer protection",
    response_model=PlanAnswer,
)
def post_review(
    name: CampaignName, body: ApprovalRequest, workspace: Workspace, caller: Caller
) -> PlanAnswer | Response:
    """409 CHANGED_SINCE_PLAN where the newest plan is not the one named: look at that one first."""
    with workspace.writing() as services:
        decided = review_campaign(
            services,
            name,
            caller,
            digest=body.digest,
            approved=body.approved,
            comment=body.comment,
            on_behalf_of=body.on_behalf_of,
        )
        if isinstance(decided, Refusal):
            return refusal_response(decided)
        return plan_answer(decided, catalog_of(services))


@router.post(
    "/campaigns/{name}/approvals",
    operation_id="decide_on_campaign",
    summary="Approve or reject the newest plan, or what its pilot showed",
    response_model=PlanAnswer,
)
def post_approval(
    name: CampaignName, body: ApprovalRequest, workspace: Workspace, caller: Caller
) -> PlanAnswer | Response:
    """409 CHANGED_SINCE_PLAN where the newest plan is not the one named: look at that one first."""
    with workspace.writing() as services:
        decided = approve_campaign(
            services,
            name,
            caller,
            digest=body.digest,
            approved=body.approved,
            comment=body.comment,
            on_behalf_of=body.on_behalf_of,
        )
        if isinstance(decided, Refusal):
            return refusal_response(decided)
        return plan_answer(decided, catalog_of(services))


_MOVES = {"pause": pause_campaign, "resume": resume_campaign, "stop": stop_campaign, "close": close_campaign}


@router.post(
    "/campaigns/{name}/moves",
    operation_id="move_campaign",
    summary="Pause, resume, stop or close a campaign",
    response_model=PlanAnswer,
)
def post_move(name: CampaignName, body: MoveRequest, workspace: Workspace, caller: Caller) -> PlanAnswer | Response:
    """Every wave that can be moved so is moved; the newest of them is the answer.

    Does not wait for a run that is under way: a stop works while messages go out.
    """
    moved = _MOVES[body.move](workspace.services, name, caller, comment=body.comment)
    return refusal_response(moved) if isinstance(moved, Refusal) else plan_answer(moved, catalog_of(workspace.services))

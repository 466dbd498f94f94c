"""What campaigns did and what they changed: as JSON, as a page, and on record."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
from typing import Annotated, Literal

from fastapi import Depends, Query
from starlette.responses import HTMLResponse, Response

from lingque.core.labels import Language
from lingque.core.reasons import Refusal
from lingque.engage.service import history_of, plan_of
from lingque.entry.api.asking import end_of, no_body
from lingque.entry.api.campaign_shapes import CampaignName, WaveQuery
from lingque.entry.api.guarded import Caller, Workspace, guarded_router
from lingque.entry.api.problems import refusal_response
from lingque.entry.api.report_shapes import ReportAnswer, report_answer
from lingque.entry.api.shapes import Day
from lingque.entry.report.filling import page_of
from lingque.entry.report.html import render
from lingque.flow.intake import catalog_of
from lingque.flow.reporting import evaluate_campaign, report_campaign

router = guarded_router("reports")

PhaseQuery = Annotated[Literal["pilot", "rollout"] | None, Query(description="only this phase; default: both")]
KnownBy = Annotated[
    Day | None, Query(description="what was known by the end of that day; default: everything known so far")
]
LanguageQuery = Annotated[Literal["zh", "en"] | None, Query(description="default: the workspace's")]


@router.get(
    "/campaigns/{name}/report",
    operation_id="report_campaign",
    summary="What a campaign did and what it changed",
    response_model=ReportAnswer,
)
def get_report(
    name: CampaignName,
    workspace: Workspace,
    caller: Caller,
    phase: PhaseQuery = None,
    known_by: KnownBy = None,
    wave: WaveQuery = None,
) -> ReportAnswer | Response:
    """Until the outcome is known `not_judged` says so, beside what was done. 409 WRONG_STATE before anything ran."""
    services = workspace.services
    report = report_campaign(services, name, caller, known_by=end_of(services, known_by), phase=phase, wave=wave)
    return refusal_response(report) if isinstance(report, Refusal) else report_answer(report, catalog_of(services))


@router.get(
    "/campaigns/{name}/report.html",
    operation_id="show_report",
    summary="The report as a page: one document, no script, nothing loaded",
    response_class=HTMLResponse,
    responses={200: {"description": "The page", "content": {"text/html": {"schema": {"type": "string"}}}}},
)
def get_report_page(
    name: CampaignName,
    workspace: Workspace,
    caller: Caller,
    phase: PhaseQuery = None,
    known_by: KnownBy = None,
    wave: WaveQuery = None,
    language: LanguageQuery = None,
) -> Response:
    """The same report as under `report`, for people."""
    services = workspace.services
    report = report_campaign(services, name, caller, known_by=end_of(services, known_by), phase=phase, wave=wave)
    if isinstance(report, Refusal):
        return refusal_response(report)
    said: Language = workspace.settings.workspace.language if language is None else language
    page = render(page_of(report, catalog_of(services), services.calendar), said)
    return HTMLResponse(page, headers={"Content-Security-Policy": _policy(page), "Content-Language": said})


@router.post(
    "/campaigns/{name}/evaluations",
    operation_id="evaluate_campaign",
    summary="Record what a wave changed, as known now",
    response_model=ReportAnswer,
    dependencies=[Depends(no_body)],
)
def post_evaluation(
    name: CampaignName, workspace: Workspace, caller: Caller, wave: WaveQuery = None
) -> ReportAnswer | Response:
    """The step before a campaign is closed. 409 with the reason where its effect cannot be judged (yet)."""
    with workspace.writing() as services:
        report = evaluate_campaign(services, name, caller, wave=wave)
        if isinstance(report, Refusal):
            return refusal_response(report)
        # the report was made before its own step in the life of the plan
        with services.database.reading() as connection:
            plan = plan_of(connection, name, wave)
            after = dataclasses.replace(report, plan=plan, history=tuple(history_of(connection, plan.wave_id)))
        return report_answer(after, catalog_of(services))


def _policy(page: str) -> str:
    """Nothing but the page's own style sheet, and the styles that its pictures carry."""
    style = page.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src-elem 'sha256-{digest}'; style-src-attr 'unsafe-inline'; form-action 'none'; "
        "frame-ancestors 'none'; base-uri 'none'"
    )

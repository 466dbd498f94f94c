"""Plans, forecasts and stages as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Literal, assert_never

from pydantic import BaseModel, Field

from lingque.catalog.model import Catalog
from lingque.core.clock import datetime_of
from lingque.core.reasons import Reason
from lingque.engage.contracts import (
    AskLeave,
    Decide,
    Evaluate,
    Forecast,
    HoursLimit,
    Plan,
    RunPilot,
    SelectAudience,
    ShareOut,
    Stage,
    State,
    Together,
    WriteContacts,
)
from lingque.engage.explain import explain
from lingque.entry.api.shapes import Amount, ChannelAnswer, Labelled, ReasonCount


class SelectAudienceStage(BaseModel):
    """The customers of the snapshot for whom the segment is true."""

    stage: Literal["select_audience"] = "select_audience"
    segment: str
    as_of: date
    snapshot: str
    organisation: str = Field(description="only the customers of this place and all under it; empty: everybody")


class AskLeaveStage(BaseModel):
    """Leave is asked for each customer; per offer, the data classes that it uses."""

    stage: Literal["ask_leave"] = "ask_leave"
    purpose: str
    channels: list[str]
    data_classes: dict[str, list[str]]


class ExplorationAnswer(BaseModel):
    """Chance on purpose: how often any candidate is chosen; whether responses are drawn, and how often."""

    epsilon: float
    thompson: bool
    draws: int


class DecideStage(BaseModel):
    """The choice among the offers, with a share of customers held out."""

    stage: Literal["decide"] = "decide"
    offers: list[str]
    channels: list[ChannelAnswer]
    hold_out: float
    exploration: ExplorationAnswer | None = None


class ShareOutStage(BaseModel):
    """Customers, capacities and budgets were shared out among these campaigns when they were planned together."""

    stage: Literal["share_out"] = "share_out"
    programme: str
    campaigns: list[str]


class RunPilotStage(BaseModel):
    """A share of the audience goes first; the rest waits until the pilot has been approved."""

    stage: Literal["run_pilot"] = "run_pilot"
    share: float


class WriteContactsStage(BaseModel):
    """A message to everybody who was chosen and not held out."""

    stage: Literal["write_contacts"] = "write_contacts"
    language: Literal["zh", "en"]
    route_by: str | None


class EvaluateStage(BaseModel):
    """The outcome of those contacted against that of those held out."""

    stage: Literal["evaluate"] = "evaluate"
    outcome: str
    also: list[str]
    as_of: date


StageAnswer = Annotated[
    SelectAudienceStage
    | AskLeaveStage
    | DecideStage
    | ShareOutStage
    | RunPilotStage
    | WriteContactsStage
    | EvaluateStage,
    Field(discriminator="stage"),
]


class WaterfallStep(BaseModel):
    """How many customers are left after a step of the decision."""

    step: str
    customers: int


class SharedLimitAnswer(BaseModel):
    """A limit of campaigns planned together, of which `campaign` has it alone (empty: all). Money in minor units."""

    limit: Literal["channel", "stock", "offer_budget", "budget", "minimum"]
    subject: str = Field(description="the channel or the offer")
    campaign: str
    amount: float
    used: float
    price: float = Field(description="what one unit more would earn; of a minimum, one contact less")


class ShortUnitAnswer(BaseModel):
    """Somebody with too little time."""

    unit: str
    minutes: int
    used: int
    price: int = Field(description="what an hour more would earn, in minor units")


class HoursLimitAnswer(BaseModel):
    """Working time of those who make contacts, of one campaign or (`campaign` empty) of all planned together."""

    of: str = Field(description="the tag that says whose time it is")
    campaign: str
    units: int
    minutes: int
    used: int
    short_units: int = Field(description="how many of them have too little")
    short: list[ShortUnitAnswer] = Field(description="those of whom an hour more would earn most")


class TogetherAnswer(BaseModel):
    """What all campaigns planned together are expected to earn, and what that means for this one."""

    programme: str
    expected_profit: Amount
    best_possible: Amount = Field(description="no choice within the limits earns all together more")
    limits: list[SharedLimitAnswer]
    contacts_alone: int = Field(description="contacts it would have had, planned by itself")
    profit_alone: Amount
    lost: dict[str, int] = Field(description="of those: whom it does not get, by the campaign that does; empty: none")
    minimum: int = Field(description="contacts demanded for it")
    hours: list[HoursLimitAnswer] = Field(description="working time of those who make contacts")


class ForecastAnswer(BaseModel):
    """What the plan would do if it ran at the moment of planning."""

    customers: int
    audience: int
    refusals: list[ReasonCount]
    to_contact: int
    to_hold_out: int
    waterfall: list[WaterfallStep] = Field(description="customers left after each step")
    by_channel: dict[str, int] = Field(description="contacts by channel")
    overlap: dict[str, int] = Field(description="of those to be contacted: contacted lately, by other campaign")
    expected_conversions: float
    expected_profit: Amount
    cost: Amount
    detectable_effect: float | None = Field(
        description="smallest difference in response that would be found 4 times out of 5"
    )
    together: TogetherAnswer | None = Field(default=None, description="where it was planned with others")
    hours: list[HoursLimitAnswer] = Field(description="working time of those who make contacts")


class ExplainedStage(BaseModel):
    """A stage in words."""

    title: Labelled
    text: Labelled


class PlanAnswer(BaseModel):
    """A plan: what was approved, or is to be, is exactly what has this digest."""

    campaign: str
    digest: str
    state: State
    planned_by: str
    planned_at: datetime
    stages: list[StageAnswer]
    forecast: ForecastAnswer
    explanation: list[ExplainedStage] = Field(description="the stages in words")


def plan_answer(plan: Plan, catalog: Catalog) -> PlanAnswer:
    return PlanAnswer(
        campaign=plan.campaign,
        digest=plan.digest,
        state=plan.state,
        planned_by=plan.planned_by,
        planned_at=datetime_of(plan.planned_at),
        stages=[_stage(stage) for stage in plan.stages],
        forecast=_forecast(plan.forecast),
        explanation=_explained(plan, catalog),
    )


def _stage(stage: Stage) -> StageAnswer:
    match stage:
        case SelectAudience():
            return SelectAudienceStage(
                segment=stage.segment, as_of=stage.as_of, snapshot=stage.snapshot, organisation=stage.organisation
            )
        case AskLeave():
            return AskLeaveStage(
                purpose=stage.purpose.name.lower(),
                channels=list(stage.channels),
                data_classes={offer: list(classes.names) for offer, classes in stage.data_classes},
            )
        case Decide():
            return DecideStage(
                offers=[name for name, _ in stage.offers],
                channels=[
                    ChannelAnswer(
                        channel=use.channel,
                        contact_cost=Amount(minor=use.contact_cost, currency=stage.currency),
                        capacity=use.capacity,
                        response_factor=use.response_factor,
                    )
                    for use in stage.channels
                ],
                hold_out=stage.hold_out,
                exploration=None if stage.exploration is None else ExplorationAnswer(**asdict(stage.exploration)),
            )
        case ShareOut():
            return ShareOutStage(programme=stage.programme, campaigns=[name for name, _ in stage.campaigns])
        case RunPilot():
            return RunPilotStage(share=stage.share)
        case WriteContacts():
            return WriteContactsStage(language=stage.language, route_by=stage.route_by)
        case Evaluate():
            return EvaluateStage(outcome=stage.outcome, also=list(stage.also), as_of=stage.as_of)
        case _:
            assert_never(stage)


def _forecast(forecast: Forecast) -> ForecastAnswer:
    return ForecastAnswer(
        customers=forecast.customers,
        audience=forecast.audience,
        refusals=ReasonCount.listed({Reason[name]: count for name, count in forecast.refusals.items()}),
        to_contact=forecast.to_contact,
        to_hold_out=forecast.to_hold_out,
        waterfall=[WaterfallStep(step=step, customers=count) for step, count in forecast.waterfall],
        by_channel=forecast.by_channel,
        overlap=forecast.overlap,
        expected_conversions=forecast.expected_conversions,
        expected_profit=Amount(minor=forecast.expected_profit, currency=forecast.currency),
        cost=Amount(minor=forecast.cost, currency=forecast.currency),
        detectable_effect=forecast.detectable_effect,
        hours=_hours(forecast.hours),
        together=None if forecast.together is None else _together(forecast.together, forecast.currency),
    )


def _together(together: Together, currency: str) -> TogetherAnswer:
    return TogetherAnswer(
        programme=together.programme,
        expected_profit=Amount(minor=together.expected_profit, currency=currency),
        best_possible=Amount(minor=together.best_possible, currency=currency),
        limits=[SharedLimitAnswer(**asdict(limit)) for limit in together.limits],
        contacts_alone=together.contacts_alone,
        profit_alone=Amount(minor=together.profit_alone, currency=currency),
        lost=together.lost,
        minimum=together.minimum,
        hours=_hours(together.hours),
    )


def _hours(limits: Sequence[HoursLimit]) -> list[HoursLimitAnswer]:
    return [HoursLimitAnswer(**asdict(limit)) for limit in limits]


def _explained(plan: Plan, catalog: Catalog) -> list[ExplainedStage]:
    lines = zip(explain(plan, catalog, "zh"), explain(plan, catalog, "en"), strict=True)
    return [
        ExplainedStage(
            title=Labelled(zh=zh_title, en=en_title),
            text=Labelled(zh=zh_text, en=en_text),
        )
        for (zh_title, zh_text), (en_title, en_text) in lines
    ]

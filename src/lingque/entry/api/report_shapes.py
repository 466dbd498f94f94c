"""Reports of campaigns as the API shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from lingque.catalog.expressions.types import Kind
from lingque.catalog.model import Catalog, Tag
from lingque.core.clock import datetime_of
from lingque.core.reasons import Refusal
from lingque.deliver.contracts import Status
from lingque.engage.contracts import Decide, State
from lingque.engage.service import Step
from lingque.entry.api.plan_shapes import WaterfallStep
from lingque.entry.api.shapes import Amount, Labelled, ReasonCount
from lingque.flow.reporting import CampaignReport
from lingque.measure.contracts import Effect, MeanEffect, Moments, Part, Phase, Profit, Proportion


class GroupAnswer(BaseModel):
    """How many customers, and for how many of them the outcome came true."""

    units: int
    successes: int


class MeanGroupAnswer(BaseModel):
    """How many customers, and the mean of the outcome over them (of money in minor units); null over nobody."""

    units: int
    mean: float | None


class EffectAnswer(BaseModel):
    """Difference in the rate of the outcome, contacted minus held out, with a 95 % interval."""

    contacted: GroupAnswer
    held_out: GroupAnswer
    difference: float
    low: float
    high: float
    is_proven: bool


class MeanEffectAnswer(BaseModel):
    """Difference in the mean of the outcome, contacted minus held out, with a 95 % interval; money in minor units."""

    contacted: MeanGroupAnswer
    held_out: MeanGroupAnswer
    difference: float
    low: float
    high: float
    is_proven: bool


class ProfitAnswer(BaseModel):
    """Incremental profit, cost taken off, with the interval of the effect that it rests on."""

    cost: Amount
    expected: Amount
    low: Amount
    high: Amount
    roi: float | None = Field(description="expected profit per unit of money spent; null where nothing was spent")


class NotJudged(BaseModel):
    """Why there is no effect to tell: never a neutral number in its place."""

    reason: str
    code: int
    label: Labelled
    detail: str


class OutcomeAnswer(BaseModel):
    """A further outcome: an effect, or why none can be told."""

    name: str
    label: Labelled
    kind: Literal["proportion", "mean"]
    currency: str | None = Field(description="of an outcome that is money")
    effect: EffectAnswer | MeanEffectAnswer | None
    not_judged: NotJudged | None


class ReportPart(BaseModel):
    """One channel and offer, on the main outcome. Of twenty parts without any effect one is expected to look proven."""

    channel: str
    offer: str
    contacted: GroupAnswer
    held_out: GroupAnswer
    cost: Amount
    effect: EffectAnswer | None
    not_judged: NotJudged | None


class HistoryStep(BaseModel):
    """One step in the life of the plan."""

    state: State
    by: str
    at: datetime
    comment: str


class ReportAnswer(BaseModel):
    """What a campaign did and what it changed: an effect, or why none can be told (yet)."""

    campaign: str
    digest: str
    state: State
    phase: Phase | None = Field(description="what effect and waterfall are limited to; null: the whole wave")
    known_by: datetime = Field(description="the moment whose knowledge the report speaks from")
    history: list[HistoryStep]
    waterfall: list[WaterfallStep] = Field(description="customers left after each step of the decision, as it ran")
    messages: dict[Status, int] = Field(description="messages of the whole wave by status")
    not_sent: list[ReasonCount] = Field(description="messages that were not sent, by reason")
    spent: dict[str, Amount] = Field(description="what the contacts really made cost, by channel")
    refusals: list[ReasonCount] = Field(description="candidates that were refused, by reason")
    effect: EffectAnswer | None
    profit: ProfitAnswer | None
    not_judged: NotJudged | None
    further: list[OutcomeAnswer] = Field(description="the other outcomes, in the order of the definition")
    parts: list[ReportPart] = Field(description="by channel and offer")


def report_answer(report: CampaignReport, catalog: Catalog) -> ReportAnswer:
    choice: Decide = report.plan.stage(Decide)
    evaluation = report.evaluation
    return ReportAnswer(
        campaign=report.plan.campaign,
        digest=report.plan.digest,
        state=report.plan.state,
        phase=report.phase,
        known_by=datetime_of(report.known_by),
        history=[_step(step) for step in report.history],
        waterfall=[WaterfallStep(step=step, customers=count) for step, count in report.waterfall],
        messages=report.fates.by_status,
        not_sent=ReasonCount.listed(report.fates.by_reason),
        spent={channel: Amount(minor=minor, currency=choice.currency) for channel, minor in report.spent.items()},
        refusals=ReasonCount.listed(evaluation.refusals),
        effect=_effect(evaluation.effect) if isinstance(evaluation.effect, Effect) else None,
        profit=None if evaluation.profit is None else _profit(evaluation.profit, choice.currency),
        not_judged=_not_judged(evaluation.effect),
        further=[_outcome(catalog.tag(name), effect) for name, effect in evaluation.further.items()],
        parts=[_part(part, choice.currency) for part in evaluation.parts],
    )


def _step(step: Step) -> HistoryStep:
    return HistoryStep(state=step.state, by=step.by, at=datetime_of(step.at), comment=step.comment)


def _effect(effect: Effect) -> EffectAnswer:
    return EffectAnswer(
        contacted=_group(effect.contacted),
        held_out=_group(effect.held_out),
        difference=effect.difference,
        low=effect.low,
        high=effect.high,
        is_proven=effect.is_proven,
    )


def _mean_effect(effect: MeanEffect) -> MeanEffectAnswer:
    return MeanEffectAnswer(
        contacted=_mean_group(effect.contacted),
        held_out=_mean_group(effect.held_out),
        difference=effect.difference,
        low=effect.low,
        high=effect.high,
        is_proven=effect.is_proven,
    )


def _group(group: Proportion) -> GroupAnswer:
    return GroupAnswer(units=group.units, successes=group.successes)


def _mean_group(group: Moments) -> MeanGroupAnswer:
    return MeanGroupAnswer(units=group.units, mean=group.mean if group.units else None)


def _outcome(tag: Tag, effect: Effect | MeanEffect | Refusal) -> OutcomeAnswer:
    told: EffectAnswer | MeanEffectAnswer | None
    match effect:
        case Effect():
            told = _effect(effect)
        case MeanEffect():
            told = _mean_effect(effect)
        case Refusal():
            told = None
    return OutcomeAnswer(
        name=tag.name,
        label=Labelled.of(tag.definition.label.label()),
        kind="proportion" if tag.type.kind is Kind.BOOLEAN else "mean",
        currency=tag.type.currency or None,
        effect=told,
        not_judged=_not_judged(effect),
    )


def _part(part: Part, currency: str) -> ReportPart:
    return ReportPart(
        channel=part.channel,
        offer=part.offer,
        contacted=_group(part.contacted),
        held_out=_group(part.held_out),
        cost=Amount(minor=part.cost, currency=currency),
        effect=_effect(part.effect) if isinstance(part.effect, Effect) else None,
        not_judged=_not_judged(part.effect),
    )


def _profit(profit: Profit, currency: str) -> ProfitAnswer:
    return ProfitAnswer(
        cost=Amount(minor=profit.cost, currency=currency),
        expected=Amount(minor=profit.expected, currency=currency),
        low=Amount(minor=profit.low, currency=currency),
        high=Amount(minor=profit.high, currency=currency),
        roi=profit.roi,
    )


def _not_judged(effect: Effect | MeanEffect | Refusal) -> NotJudged | None:
    if not isinstance(effect, Refusal):
        return None
    reason = effect.reason
    return NotJudged(reason=reason.name, code=int(reason), label=Labelled.of(reason.label), detail=effect.detail)

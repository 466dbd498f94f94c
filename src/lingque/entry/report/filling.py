"""From a campaign's report as `flow` knows it to the values of a page."""

from __future__ import annotations

from lingque.catalog.model import Catalog
from lingque.core.clock import BusinessCalendar, Instant, datetime_of
from lingque.core.labels import Label
from lingque.decide.contracts import Step as DecisionStep
from lingque.deliver.contracts import STATUS_LABELS
from lingque.engage.contracts import Decide
from lingque.engage.explain import CHANNEL_LABELS
from lingque.engage.life_cycle import STATE_LABELS
from lingque.entry.report.page import NamedPart, Outcome, ReportPage, Signature, Spent, Step, Tally
from lingque.flow.reporting import CampaignReport


def page_of(
    report: CampaignReport, catalog: Catalog, calendar: BusinessCalendar, *, truth: float | None = None
) -> ReportPage:
    """Everything that the report says; `truth` of the main outcome is known only of a simulated bank."""
    plan, evaluation = report.plan, report.evaluation
    choice: Decide = plan.stage(Decide)
    campaign = catalog.campaign(plan.campaign)
    return ReportPage(
        campaign=plan.campaign,
        label=campaign.label.label(),
        digest=plan.digest,
        as_of=plan.as_of,
        known_by=calendar.day_of(Instant(report.known_by - 1)),
        phase=report.phase,
        signatures=tuple(
            Signature(
                act=STATE_LABELS[step.state],
                by=step.by,
                at=f"{datetime_of(step.at).astimezone(calendar.time_zone):%Y-%m-%d %H:%M}",
            )
            for step in report.history
        ),
        waterfall=_reach(report),
        refusals=tuple(Tally(label=reason.label, count=n) for reason, n in evaluation.refusals.items()),
        main=Outcome(label=_tag_label(catalog, campaign.outcome), effect=evaluation.effect, truth=truth),
        further=tuple(
            Outcome(label=_tag_label(catalog, name), effect=effect, currency=catalog.tag(name).type.currency or None)
            for name, effect in evaluation.further.items()
        ),
        currency=choice.currency,
        profit=evaluation.profit,
        spent=tuple(
            Spent(
                channel=channel_label(use.channel),
                sent=report.spent.get(use.channel, 0) // use.contact_cost if use.contact_cost else 0,
                minor=report.spent.get(use.channel, 0),
            )
            for use in choice.channels
        ),
        parts=tuple(
            NamedPart(channel=channel_label(part.channel), offer=catalog.offers[part.offer].label, part=part)
            for part in evaluation.parts
        ),
        fates=tuple(
            Tally(label=STATUS_LABELS[status], count=n)
            for status, n in sorted(report.fates.by_status.items(), key=lambda entry: -entry[1])
        ),
        not_sent=tuple(Tally(label=reason.label, count=n) for reason, n in report.fates.by_reason.items()),
    )


def channel_label(channel: str) -> Label:
    """What people call the channel; one that a plug-in brought goes by its name."""
    return CHANNEL_LABELS.get(channel, Label(zh=channel, en=channel))


def _tag_label(catalog: Catalog, name: str) -> Label:
    return catalog.tag(name).definition.label.label()


def _reach(report: CampaignReport) -> tuple[Step, ...]:
    """Who was left after each step of the decision; the held out are taken out on purpose, just before contact."""
    steps = [Step(label=DecisionStep(name).label, count=count) for name, count in report.waterfall]
    if len(steps) > 1:
        held_out = steps[-2].count - steps[-1].count
        steps.insert(-1, Step(label=Label(zh="留出（对照组）", en="held out"), count=held_out, aside=True))
    return tuple(steps)

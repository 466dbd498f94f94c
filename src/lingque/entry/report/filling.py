"""From a campaign's report as `flow` knows it to the values of a page."""

from __future__ import annotations

from collections.abc import Sequence

from lingque.catalog.model import Catalog
from lingque.core.labels import Label
from lingque.engage.contracts import Decide, SelectAudience
from lingque.entry.report.page import NamedPart, Outcome, ReportPage, Signature, Spent, Step, Tally
from lingque.entry.report.words import CHANNELS
from lingque.entry.show import STATUS_LABELS
from lingque.flow.campaigns import CampaignReport


def page_of(
    report: CampaignReport, catalog: Catalog, *, truth: float | None = None, signatures: Sequence[Signature] = ()
) -> ReportPage:
    """Everything that the report says; `truth` of the main outcome is known only of a simulated bank."""
    plan, evaluation = report.plan, report.evaluation
    select: SelectAudience = plan.stage(SelectAudience)
    choice: Decide = plan.stage(Decide)
    campaign = catalog.campaign(plan.campaign)
    return ReportPage(
        campaign=plan.campaign,
        label=campaign.label.label(),
        digest=plan.digest,
        as_of=select.as_of,
        signatures=tuple(signatures),
        waterfall=_reach(report),
        refusals=tuple(Tally(label=reason.label, count=n) for reason, n in evaluation.refusals.items()),
        main=Outcome(label=_tag_label(catalog, campaign.outcome), effect=evaluation.effect, truth=truth),
        further=tuple(
            Outcome(label=_tag_label(catalog, name), effect=effect, currency=catalog.tag(name).type.currency or None)
            for name, effect in evaluation.further.items()
        ),
        currency=choice.currency,
        profit=evaluation.profit,
        spent=(
            Spent(
                channel=channel_label(campaign.channel),
                sent=report.fates.sent,
                minor=report.fates.sent * choice.contact_cost,
            ),
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
    return CHANNELS.get(channel, Label(zh=channel, en=channel))


def _tag_label(catalog: Catalog, name: str) -> Label:
    return catalog.tag(name).definition.label.label()


def _reach(report: CampaignReport) -> tuple[Step, ...]:
    """From the list to those delivered; who was drawn is counted from the decisions, as the effect is."""
    contacted = sum(part.contacted.units for part in report.evaluation.parts)
    held_out = sum(part.held_out.units for part in report.evaluation.parts)
    return (
        Step(label=Label(zh="名单", en="in the list"), count=report.plan.forecast.audience),
        Step(label=Label(zh="被选中", en="chosen"), count=contacted + held_out),
        Step(label=Label(zh="留出（对照组）", en="held out"), count=held_out, aside=True),
        Step(label=Label(zh="触达", en="contacted"), count=contacted),
        Step(label=Label(zh="送达", en="delivered"), count=report.fates.sent),
    )

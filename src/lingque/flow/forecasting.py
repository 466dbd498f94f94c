"""What a plan is expected to do, from its decisions."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np

from lingque.catalog.model import Catalog
from lingque.core.reasons import Reason, Refusal
from lingque.decide.allocation.limits import Limit
from lingque.decide.teams import NOBODY, Worked
from lingque.engage.contracts import ChannelLimit, Decide, Forecast, HoursLimit, OfferLimit, ShortUnit
from lingque.engage.planning import Z_95, detectable_effect
from lingque.flow.deciding import Decided
from lingque.profile.contracts import SnapshotReport

MOST_SHORT = 20
"""Units without enough time that a plan names."""


def forecast_of(decided: Decided, choice: Decide, others: dict[str, int]) -> Forecast:
    """Sums over those who would be contacted; the intervals are normal approximations of sums of independent draws."""
    decisions = decided.decisions
    certificate = decisions.certificate
    contacted = int(np.count_nonzero(decisions.contacted))
    held_out = int(np.count_nonzero(decisions.held_out))
    value, cost, conversions, spread, money_spread = 0, 0, 0.0, 0.0, 0.0
    by_channel: Counter[str] = Counter()
    for index, judged in enumerate(decisions.judged):
        mine = decisions.contacted & (decisions.chosen == index)
        count, candidate = int(np.count_nonzero(mine)), judged.candidate
        p = judged.worth.response[mine]
        value += int(judged.value[mine].sum())
        cost += count * candidate.cost
        conversions += float(p.sum())
        chance = np.abs(p) * (1 - np.abs(p))  # an uplift may be less than nothing
        spread += float(chance.sum())
        money_spread += float((chance * judged.worth.margin[mine].astype(np.float64) ** 2).sum())
        by_channel[candidate.channel] += count
    half, money_half = Z_95 * math.sqrt(spread), round(Z_95 * math.sqrt(money_spread))
    rate = conversions / contacted if contacted else 0.0
    return Forecast(
        customers=decided.customers,
        audience=len(decisions.requests),
        refusals={reason.name: count for reason, count in decisions.count_refusals().items()},
        to_contact=contacted,
        to_hold_out=held_out,
        expected_conversions=conversions,
        expected_profit=value,
        cost=cost,
        currency=choice.currency,
        detectable_effect=detectable_effect(contacted, held_out, rate),
        waterfall=tuple((step.value, count) for step, count in decisions.waterfall()),
        by_channel={channel: count for channel, count in by_channel.items() if count},
        overlap=others,
        conversions_interval=(max(conversions - half, 0.0), conversions + half),
        profit_interval=(value - money_half, value + money_half),
        best_possible=None if certificate is None else max(math.floor(certificate.bound + 0.5), value),
        limits=tuple(
            ChannelLimit(
                channel=limit.subject,
                capacity=round(limit.amount),
                contacts=round(limit.used),
                price=round(limit.price),
            )
            for limit in (certificate.limits if certificate is not None else ())
            if limit.limit is Limit.CHANNEL
        ),
        offer_limits=tuple(
            OfferLimit(
                offer=limit.subject,
                limit="stock" if limit.limit is Limit.STOCK else "budget",
                amount=round(limit.amount),
                used=round(limit.used),
                price=limit.price,
            )
            for limit in (certificate.limits if certificate is not None else ())
            if limit.limit is not Limit.CHANNEL
        ),
        hours=tuple(hours_limit(one) for one in decisions.worked),
    )


def hours_limit(worked: Worked) -> HoursLimit:
    """What a plan tells of the time of those who make its contacts."""
    team = worked.team
    campaign, _, of = team.subject.rpartition("/")
    # an hour more of nobody's cannot be had
    short = np.flatnonzero((worked.price > 0) & (np.array(team.units) != NOBODY))
    most = short[np.argsort(-worked.price[short], kind="stable")][:MOST_SHORT]
    return HoursLimit(
        of=of,
        campaign=campaign,
        units=sum(name != NOBODY for name in team.units),
        minutes=round(team.amount.sum()),
        used=round(worked.used.sum()),
        short_units=len(short),
        short=tuple(
            ShortUnit(
                unit=team.units[at],
                minutes=round(team.amount[at]),
                used=round(worked.used[at]),
                price=round(60 * worked.price[at]),
            )
            for at in most.tolist()
        ),
    )


def stale(catalog: Catalog, name: str, snapshot: SnapshotReport) -> Refusal | None:
    """Does the snapshot hold the tags that the campaign needs, as they are defined now?"""
    campaign = catalog.campaign(name)
    needed = {campaign.segment, *campaign.hours}
    programme = catalog.programme_of(name)
    needed |= set() if programme is None else set(programme.hours)
    for use in campaign.channels.values():
        needed |= {use.fatigue.tag} if use.fatigue is not None and use.fatigue.tag is not None else set()
    for offer in campaign.offers:
        needed |= catalog.offers[offer].chosen_by | catalog.offers[offer].definition.suited_by
    for tag in sorted(needed):
        if snapshot.closures.get(tag) != catalog.closures["tag", tag]:
            return Refusal(
                reason=Reason.CHANGED_SINCE_PLAN,
                detail=f"tag '{tag}' was defined anew after the snapshot as of {snapshot.as_of};"
                f" run 'lingque tags run --as-of {snapshot.as_of}'",
            )
    return None

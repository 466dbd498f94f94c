"""What a channel's capacity earns: the campaign decided again with more of it and with less.

The shadow price says what one contact more would earn; this says it for many more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from lingque.core.errors import NotFoundError, nearest
from lingque.core.reasons import Refusal
from lingque.engage.contracts import Forecast
from lingque.flow.intake import catalog_of
from lingque.flow.services import Services
from lingque.flow.what_if import outlooks
from lingque.govern.contracts import Principal

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0)
"""Of the capacity as it is."""


@dataclass(frozen=True, kw_only=True)
class CapacityPoint:
    """What the plan would be with this capacity. `contacts` are those on the channel; the profit is the campaign's, and
    `price` what one contact more would earn, both in minor units; None where the channel is closed: it was not asked.
    """

    capacity: int
    contacts: int
    expected_profit: int
    price: int | None


@dataclass(frozen=True, kw_only=True)
class CapacityCurve:
    """Expected profit against a channel's capacity, of which `now` is what the campaign states; None: no limit, and the
    shares are those of what it would use. Of a campaign that is planned with others the profit is that of all, and a
    channel that they share is the programme's. `hours`: the curve is over everybody's time by that tag, in hours."""

    campaign: str
    as_of: date
    channel: str
    currency: str
    now: int | None
    points: tuple[CapacityPoint, ...]
    hours: str = ""


def capacity_curve(
    services: Services, name: str, as_of: date, channel: str, actor: Principal, *, shares: Sequence[float] = SHARES
) -> CapacityCurve | Refusal:
    """Over the snapshot of that day, everything else as it is. Writes nothing, and no counter moves.

    Raises `NotFoundError` where there is no such campaign, or it does not use the channel.
    """
    catalog = catalog_of(services)
    channels = catalog.campaign(name).channels
    if channel not in channels:
        raise NotFoundError(
            f"the campaign '{name}' does not use '{channel}'", next_step=nearest(channel, list(channels))
        )
    programme = catalog.programme_of(name)
    stated: int | None
    if programme is not None and channel in programme.channels:
        of, stated = programme.programme, programme.channels[channel]
        field, shared = f"programme.{of}.channels.{channel}", True
    else:
        of, stated = name, channels[channel].capacity
        field, shared = f"campaign.{name}.channels.{channel}.capacity", False
    whole = stated
    if whole is None:
        found = outlooks(services, name, as_of, [{}], actor)
        if isinstance(found, Refusal):
            return found
        whole = found[0].by_channel.get(channel, 0)
    capacities = sorted({round(share * whole) for share in shares})
    found = outlooks(services, name, as_of, [{field: one} for one in capacities], actor)
    if isinstance(found, Refusal):
        return found
    return CapacityCurve(
        campaign=of,
        as_of=as_of,
        channel=channel,
        currency=found[0].currency,
        now=stated,
        points=tuple(
            _point("" if shared else name, one, channel, forecast)
            for one, forecast in zip(capacities, found, strict=True)
        ),
    )


def hours_curve(
    services: Services, name: str, as_of: date, tag: str, actor: Principal, *, shares: Sequence[float] = SHARES
) -> CapacityCurve | Refusal:
    """The same of the hours by a tag: everybody's, in shares of what they have. `capacity` is in hours of all of them,
    `price` what an hour more of whoever is shortest would earn.

    Raises `NotFoundError` where there is no such campaign, or neither it nor its programme states such hours.
    """
    catalog = catalog_of(services)
    campaign, programme = catalog.campaign(name), catalog.programme_of(name)
    of, field, stated = name, f"campaign.{name}.hours.{tag}", campaign.hours.get(tag)
    if programme is not None and tag in programme.hours:
        of, field, stated = programme.programme, f"programme.{programme.programme}.hours.{tag}", programme.hours[tag]
    if stated is None:
        known = [*campaign.hours, *(programme.hours if programme is not None else ())]
        raise NotFoundError(f"the campaign '{name}' states no hours by '{tag}'", next_step=nearest(tag, known))
    # a share of a minute is none: as the plan counts
    changes = [
        {
            field: {
                "each": str(stated.each * Decimal(str(share))),
                "units": {unit: str(hours * Decimal(str(share))) for unit, hours in stated.units.items()},
                "channels": list(stated.channels),
            }
        }
        for share in shares
    ]
    found = outlooks(services, name, as_of, changes, actor)
    if isinstance(found, Refusal):
        return found
    mine = "" if of != name else name
    points = tuple(_hours_point(tag, mine, forecast) for forecast in found)
    now = next((point.capacity for share, point in zip(shares, points, strict=True) if share == 1), None)
    return CapacityCurve(
        campaign=of, as_of=as_of, channel="", hours=tag, currency=found[0].currency, now=now, points=points
    )


def _hours_point(tag: str, campaign: str, forecast: Forecast) -> CapacityPoint:
    limits, contacts, profit = forecast.hours, forecast.to_contact, forecast.expected_profit
    if forecast.together is not None:
        limits, profit = forecast.together.hours, forecast.together.expected_profit
        limits = tuple(one for one in limits if one.campaign == campaign)
    (limit,) = (one for one in limits if one.of == tag)
    return CapacityPoint(
        capacity=round(limit.minutes / 60),
        contacts=contacts,
        expected_profit=profit,
        price=limit.short[0].price if limit.short else 0,
    )


def _point(campaign: str, capacity: int, channel: str, forecast: Forecast) -> CapacityPoint:
    """`campaign` whose capacity it is; empty: that of all planned together."""
    prices = [limit.price for limit in forecast.limits if limit.channel == channel]
    contacts, profit = forecast.by_channel.get(channel, 0), forecast.expected_profit
    if forecast.together is not None:
        (limit,) = (
            one
            for one in forecast.together.limits
            if (one.limit, one.subject, one.campaign) == ("channel", channel, campaign)
        )
        prices = [round(limit.price)]
        contacts, profit = round(limit.used), forecast.together.expected_profit
    return CapacityPoint(
        capacity=capacity,
        contacts=contacts,
        expected_profit=profit,
        price=sum(prices) if capacity else None,
    )

"""What a candidate is worth: uplift × margin − what conversions cost and may lose − cost of contact − fatigue.

What a conversion costs (a voucher, a better rate) is paid for all who convert after a contact, also for those who would
have converted anyway: a tag says how probable that is, or propensity − uplift where both are known.

Every amount in whole minor units, each part rounded by itself (half to even), so that the parts add up to the value.
Where there is no uplift model the response itself stands in for it, and `Basis` says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lingque.core.errors import WarehouseError
from lingque.core.hashing import Float64s, Int64s
from lingque.decide.contracts import Basis
from lingque.decide.menu import Indices, Menu


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Per offer and customer (o, m), before the channel: the response, what it stands on, how uncertain it is, how
    probably the customer converts `anyway`, and of a conversion what it earns, costs and is expected to lose; per
    candidate and customer (t, m), of those with a tag of it: `tired`. NaN: as stated; None: nobody has such a tag."""

    response: Float64s
    basis: NDArray[np.int8]
    spread: Float64s | None
    margin: Float64s | None
    cost: Float64s | None
    loss: Float64s | None
    anyway: Float64s | None
    tired: Float64s | None

    def each(self, change: Callable[[Float64s], Float64s]) -> Scores:
        """The same change to all of them but `basis`."""
        changed: dict[str, Any] = {
            one.name: change(values)
            for one in fields(self)
            if one.name != "basis" and (values := getattr(self, one.name)) is not None
        }
        return replace(self, **changed)


def scores_of(menu: Menu, numbers: Float64s) -> Scores:
    """`numbers` (k, m) are the menu's tags, with a last row that is unknown.

    Raises `WarehouseError` where a propensity is no probability, or an uplift no difference of two.
    """
    m = numbers.shape[1]
    response = np.repeat(menu.response[:, None], m, axis=1)
    basis = np.full(response.shape, Basis.ASSUMED, dtype=np.int8)
    for role, kind, lowest in ((menu.propensity, Basis.PROPENSITY, 0.0), (menu.uplift, Basis.UPLIFT, -1.0)):
        scored = np.flatnonzero(role >= 0)
        if not len(scored):
            continue
        score = numbers[role[scored]]
        if ((score < lowest) | (score > 1)).any():
            _blame(menu, scored, score, "uplift" if kind is Basis.UPLIFT else "propensity", lowest)
        known = ~np.isnan(score)
        response[scored] = np.where(known, score, response[scored])
        basis[scored] = np.where(known, np.int8(kind), basis[scored])
    return Scores(
        response=response,
        basis=basis,
        spread=_where_named(menu.spread, numbers),
        margin=_where_named(menu.margin_by, numbers),
        cost=_where_named(menu.cost_by, numbers),
        loss=_where_named(menu.loss, numbers),
        anyway=_anyway(menu, numbers),
        tired=_where_named(menu.tired, numbers),
    )


def _anyway(menu: Menu, numbers: Float64s) -> Float64s | None:
    """(o, m) how probably an offer is taken up without a contact, where a tag says so, or propensity and uplift; else
    0."""
    both, told = np.flatnonzero((menu.propensity >= 0) & (menu.uplift >= 0)), np.flatnonzero(menu.anyway >= 0)
    if not len(both) and not len(told):
        return None
    anyway = np.zeros((len(menu.offers), numbers.shape[1]))
    anyway[both] = np.clip(numbers[menu.propensity[both]] - numbers[menu.uplift[both]], 0.0, 1.0)
    anyway[told] = numbers[menu.anyway[told]]
    if ((anyway < 0) | (anyway > 1)).any():
        _blame(menu, told, anyway[told], "anyway", 0.0)
    return np.nan_to_num(anyway, nan=0.0)


@dataclass(frozen=True, kw_only=True)
class Values:
    """The parts of the value of some candidates, each (c, m); see `Worth`."""

    response: Float64s
    gain: Int64s
    losses: Int64s
    fatigue: Int64s
    value: Int64s

    def part(self, which: Indices | None, customers: slice) -> Values:
        """Of some of the candidates (all, if None) and customers."""
        rows = slice(None) if which is None else which
        return Values(
            response=self.response[rows, customers],
            gain=self.gain[rows, customers],
            losses=self.losses[rows, customers],
            fatigue=self.fatigue[rows, customers],
            value=self.value[rows, customers],
        )


def values_of(menu: Menu, scores: Scores, recent: Int64s | None, which: Indices) -> Values:
    """Of the candidates `which`; `recent` (reaches, m) are the contacts made lately."""
    response, gain, losses, fatigue = _parts(menu, scores, recent, which)
    value = gain - losses - fatigue - menu.contact_cost[which, None]

    def whole(amounts: Float64s) -> Int64s:
        numbers = np.empty(gain.shape, dtype=np.int64)
        numbers[...] = amounts
        return numbers

    return Values(response=response, gain=whole(gain), losses=whole(losses), fatigue=whole(fatigue), value=whole(value))


def value_of(menu: Menu, scores: Scores, recent: Int64s | None, which: Indices) -> Float64s:
    """(c, m) the value alone: the same whole numbers of minor units, as floats."""
    _, gain, losses, fatigue = _parts(menu, scores, recent, which)
    value: Float64s = gain - losses - fatigue - menu.contact_cost[which, None]
    return value


def _parts(
    menu: Menu, scores: Scores, recent: Int64s | None, which: Indices
) -> tuple[Float64s, Float64s, Float64s, Float64s]:
    """Response, gain, losses and fatigue; where there are none of the latter two they are (1, 1).

    Whole numbers of at most 2^53 minor units, which floats hold exactly."""
    offers = menu.offer_of[which]
    response = np.minimum(scores.response[offers] * menu.factor[which, None], 1.0)
    gain = np.rint(response * _told(scores.margin, menu.margin)[offers])
    losses = fatigue = np.zeros((1, 1))
    cost, loss = _told(scores.cost, menu.conversion_cost), _told(scores.loss, menu.stated_loss)
    if cost.any() or loss.any():
        losses = response * (cost + loss)[offers]
        losses = np.rint(losses if scores.anyway is None else losses + (scores.anyway * cost)[offers])
    stated = menu.fatigue[which, None]
    if recent is not None and stated.any():
        fatigue = (stated * recent[menu.reach_of[which]]).astype(np.float64)
    if scores.tired is not None:
        fatigue = _filled(scores.tired[which], np.broadcast_to(fatigue, gain.shape))
    return response, gain, losses, fatigue


def _told(known: Float64s | None, stated: Int64s) -> Float64s:
    """(o, m), or (o, 1) where nobody has a tag of it."""
    return stated[:, None].astype(np.float64) if known is None else _filled(known, stated)


def _filled(known: Float64s, otherwise: Float64s | Int64s) -> Float64s:
    """What is not known is as stated."""
    fallback = otherwise[:, None] if otherwise.ndim == 1 else otherwise
    return np.where(np.isnan(known), fallback, known)


def _where_named(role: Indices, numbers: Float64s) -> Float64s | None:
    return numbers[role] if (role >= 0).any() else None


def _blame(
    menu: Menu, scored: Indices, score: Float64s, role: Literal["propensity", "uplift", "anyway"], lowest: float
) -> None:
    bad = np.flatnonzero(((score < lowest) | (score > 1)).any(axis=1))
    definition = menu.offers[int(scored[bad[0]])].definition
    raise WarehouseError(
        f"tag '{getattr(definition, role)}', the {role} of offer '{definition.offer}', is not between {lowest:.0f} and"
        " 1",
        next_step="name a tag that holds a probability, such as the score of a model",
    )

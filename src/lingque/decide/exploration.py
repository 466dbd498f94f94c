"""Chance on purpose, and how probable its choice was: without the latter nothing could be learnt from it.

Everything follows from (salt, customer, moment), so that a decision can be made again. The draws of Thompson sampling
(Thompson 1933) are fixed by them, and chance only says which of the draws counts: so the probability of each candidate
is known exactly, as the share of the draws in which it is the best.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lingque.core.hashing import Float64s, Int64s, draw, mix64
from lingque.decide.contracts import NOTHING, Context, Exploration
from lingque.decide.judging import Judgement
from lingque.decide.menu import Indices, Menu
from lingque.decide.value import Scores, value_of

Choices = NDArray[np.int32]
_ROWS = 8_192
"""Customers × draws valued at once."""


@dataclass(frozen=True, kw_only=True)
class Explored:
    """Of m customers: the candidate that chance chose, and how probable it was."""

    chosen: Choices
    propensity: Float64s


def explore(judgement: Judgement, net: Float64s, price: Float64s, customers: slice, context: Context) -> Explored:
    """`net` (c, m): the value less the price of what may be chosen, else −∞; `price` (c,). Whoever has no candidate
    gets `NOTHING`, which is certain."""
    terms = context.exploration or Exploration()
    ids = judgement.requests.customer_ids[customers]
    open_to = np.isfinite(net)
    some = open_to.any(axis=0)
    shares = _shares(judgement, open_to, net, price, customers, context) if terms.thompson else _certain(net)
    # which of the draws counts: the first whose share reaches the number drawn
    counted = draw(ids, salt=_salt(context, "draw"))
    best = _nth(np.cumsum(shares, axis=0), counted, shares)
    number = open_to.sum(axis=0)
    any_of = _any_of(open_to, draw(ids, salt=_salt(context, "any")))
    coin = draw(ids, salt=_salt(context, "coin")) < terms.epsilon
    chosen = np.where(some, np.where(coin, any_of, best), NOTHING).astype(np.int32)
    at = np.flatnonzero(some)
    propensity = np.ones(len(ids))
    propensity[at] = (1 - terms.epsilon) * shares[chosen[at], at] + terms.epsilon / number[at]
    return Explored(chosen=chosen, propensity=propensity)


def _salt(context: Context, what: str) -> str:
    return f"{context.salt}/{context.moment}/{what}"


def _certain(net: Float64s) -> Float64s:
    """All to the best, of equal ones the first."""
    shares = np.zeros(net.shape)
    if net.size:
        shares[np.argmax(net, axis=0), np.arange(net.shape[1])] = 1.0
    return shares


def _nth(reached: Float64s, counted: Float64s, shares: Float64s) -> NDArray[np.intp]:
    if not len(shares):
        return np.zeros(len(counted), dtype=np.intp)
    found: NDArray[np.intp] = np.argmax((reached > counted) & (shares > 0), axis=0)
    return found


def _any_of(open_to: NDArray[np.bool_], drawn: Float64s) -> NDArray[np.intp]:
    if not len(open_to):
        return np.zeros(len(drawn), dtype=np.intp)
    rank = np.cumsum(open_to, axis=0)
    wanted = np.floor(drawn * rank[-1]) + 1
    found: NDArray[np.intp] = np.argmax(open_to & (rank == wanted), axis=0)
    return found


def _shares(
    judgement: Judgement,
    open_to: NDArray[np.bool_],
    net: Float64s,
    price: Float64s,
    customers: slice,
    context: Context,
) -> Float64s:
    """(c, m) in which share of the draws each candidate is the best of those that may be chosen."""
    draws = (context.exploration or Exploration()).draws
    at_once = max(_ROWS // draws, 1)
    first, shares = customers.start or 0, np.zeros(net.shape)
    for start in range(0, net.shape[1], at_once):
        stop = min(start + at_once, net.shape[1])
        open_here = open_to[:, start:stop]
        which = np.flatnonzero(open_here.any(axis=1))
        if not len(which):
            continue
        drawn = _drawn(judgement, which, slice(first + start, first + stop), draws, context)
        drawn -= price[which, None]
        drawn[~np.repeat(open_here[which], draws, axis=1)] = -np.inf
        best = np.argmax(drawn, axis=0)
        place = best * (stop - start) + np.repeat(np.arange(stop - start), draws)
        counts = np.bincount(place, minlength=len(which) * (stop - start))
        shares[which, start:stop] = counts.reshape(len(which), stop - start) / draws
    return shares


def _drawn(judgement: Judgement, which: Indices, customers: slice, draws: int, context: Context) -> Float64s:
    """(c, m × draws) values of the candidates `which` at drawn responses, the draws of one customer side by side."""
    menu, requests = judgement.menu, judgement.requests
    scores = _repeated(judgement.scores, customers, draws)
    if scores.spread is not None:
        normal = _normals(requests.customer_ids[customers], menu, draws, context)
        lowest = np.where(menu.uplift[:, None] >= 0, -1.0, 0.0)
        moved = scores.response + normal * np.nan_to_num(scores.spread, nan=0.0)
        scores = replace(scores, response=np.clip(moved, lowest, 1.0))
    recent = None if requests.recent is None else np.repeat(requests.recent[:, customers], draws, axis=1)
    return value_of(menu, scores, recent, which)


def _repeated(scores: Scores, customers: slice, draws: int) -> Scores:
    repeated = scores.each(lambda values: np.repeat(values[:, customers], draws, axis=1))
    return replace(repeated, basis=scores.basis[:, customers])


def _normals(ids: Int64s, menu: Menu, draws: int, context: Context) -> Float64s:
    """(o, m × draws) standard normal numbers (Box & Muller 1958); an offer's do not depend on the others'."""
    own = (draw(ids, salt=_salt(context, "scores")) * 2.0**53).astype(np.int64)
    # one seed of each offer and customer, then one of its own for each draw
    seeds = mix64(menu.name_hashes[:, None] ^ own[None, :]).view(np.int64)
    bits = mix64(seeds[:, :, None] + np.arange(2 * draws, dtype=np.int64))
    uniform = (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53
    size = np.sqrt(-2.0 * np.log1p(-uniform[:, :, :draws]))
    normals: Float64s = (size * np.cos(2.0 * np.pi * uniform[:, :, draws:])).reshape(len(seeds), len(ids) * draws)
    return normals

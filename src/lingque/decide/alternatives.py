"""Other policies over the candidates of past decisions: with which probability they would have decided the same.

A decision's candidates stand in its log with all that spoke against them, so what a policy could have chosen is what
was open then: refused by no policy, and worth more than its price. Where something ran out, whether somebody was
contacted hung on what others had drawn, and no probability is known: such waves are to be left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lingque.core.errors import NotFoundError, nearest
from lingque.core.hashing import Float64s, Int64s
from lingque.core.reasons import Reason
from lingque.decide.off_policy import Logged

_OPEN = frozenset({Reason.BETTER_OFFER, Reason.DRAWN_INSTEAD, Reason.HELD_OUT})
"""What may speak against a candidate that could still have been chosen."""


@dataclass(frozen=True, kw_only=True)
class Chances:
    """k candidates of n decisions, each (k,); `decision` says of which. `open`: it could be chosen. `net` is its value
    less its price. `support`: chance could have chosen it."""

    decision: Int64s
    offer: NDArray[np.str_]
    open: NDArray[np.bool_]
    net: Float64s
    support: NDArray[np.bool_]


Policy = Callable[[Chances], Float64s]
"""(k,) probabilities that add up to 1 over the open candidates of each decision (to 0 where none is)."""


def policy_named(text: str, offers: frozenset[str]) -> Policy:
    """`best`, `even`, `without:OFFER` (the best of the others) or `prefer:OFFER` (that where open, else the best).

    Raises `NotFoundError` for any other, and for an offer that is not among those decided about.
    """
    word, _, offer = text.partition(":")
    if word in ("without", "prefer") and offer not in offers:
        raise NotFoundError(f"offer '{offer}' was not decided about", next_step=nearest(offer, sorted(offers)))
    match word:
        case "best" if not offer:
            return _best
        case "even" if not offer:
            return _even
        case "without":
            return lambda chances: _best(chances, among=chances.offer != offer)
        case "prefer":
            return lambda chances: _best(chances, first=chances.offer == offer)
    raise NotFoundError(f"no policy '{text}'", next_step="say best, even, without:OFFER or prefer:OFFER")


def logged_for(
    rows: pa.Table, policy: Policy, outcome: Mapping[tuple[int, int], bool], epsilon: Mapping[str, float]
) -> dict[str, Logged]:
    """Contacts of the log with a known outcome, as the estimators want them: `conversions` per contact, and `profit` in
    minor units.

    `rows` are whole decisions of which somebody was contacted; `outcome` is told by (customer, day of the snapshot as a
    number), `epsilon` by plan: with which probability any open candidate was drawn. Without such a coin only what was
    chosen had a known chance.
    """
    keys = list(zip(*(rows.column(name).to_pylist() for name in ("plan", "customer_id", "decided_at")), strict=True))
    place = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    decision = np.array([place[key] for key in keys], dtype=np.int64)
    chosen = np.array(rows.column("arm").to_pylist()) == "contact"
    reasons = rows.column("reasons").to_pylist()
    net = rows.column("value").to_numpy() - rows.column("price").to_numpy()
    could = np.array([all(Reason(one) in _OPEN for one in against) for against in reasons], dtype=np.bool_)
    coin = np.array([epsilon.get(plan, 0.0) > 0 for plan in rows.column("plan").to_pylist()], dtype=np.bool_)
    chances = Chances(
        decision=decision,
        offer=np.array(rows.column("offer").to_pylist(), dtype=np.str_),
        open=could & ((net > 0) | chosen),
        net=net,
        support=coin | chosen,
    )
    probability = policy(chances)
    response = rows.column("response").to_numpy()
    margin, losses = rows.column("margin").to_numpy(), rows.column("losses").to_numpy()
    cost = rows.column("cost").to_numpy()
    days = rows.column("as_of").cast(pa.int32()).to_numpy()
    at = np.flatnonzero(chosen)
    customers = rows.column("customer_id").to_numpy()[at]
    known = np.array([outcome.get(key) is not None for key in zip(customers.tolist(), days[at].tolist(), strict=True)])
    at = at[known] if len(at) else at
    converted = np.array(
        [float(outcome[key]) for key in zip(customers[known].tolist(), days[at].tolist(), strict=True)]
        if len(at)
        else []
    )
    of_decision, n = decision[at], len(place)
    expected = {"conversions": response, "profit": response * margin - losses - cost}
    rewards = {"conversions": converted, "profit": converted * margin[at] - cost[at]}
    unsupported = _summed(decision, probability * ~chances.support, n)
    acts = _summed(decision, probability, n)
    return {
        name: Logged(
            propensity=rows.column("propensity").to_numpy(zero_copy_only=False)[at],
            policy=probability[at],
            reward=rewards[name],
            unsupported=np.clip(unsupported[of_decision], 0.0, 1.0),
            idle=np.clip(1.0 - acts[of_decision], 0.0, 1.0),
            expected=expected[name][at],
            expected_of_policy=_summed(decision, probability * expected[name], n)[of_decision],
        )
        for name in rewards
    }


def _summed(decision: Int64s, weights: Float64s, decisions: int) -> Float64s:
    summed: Float64s = np.bincount(decision, weights=weights, minlength=decisions).astype(np.float64)
    return summed


def _even(chances: Chances) -> Float64s:
    count = np.bincount(chances.decision, weights=chances.open.astype(np.float64))
    share: Float64s = np.where(chances.open, 1.0 / np.maximum(count[chances.decision], 1.0), 0.0)
    return share


def _best(
    chances: Chances,
    *,
    among: NDArray[np.bool_] | None = None,
    first: NDArray[np.bool_] | None = None,
) -> Float64s:
    """All to the one of the largest net value, of equal ones the first; those of `first` before all others."""
    open_ = chances.open if among is None else chances.open & among
    ahead = np.zeros(len(open_), dtype=np.bool_) if first is None else first
    probability = np.zeros(len(open_))
    rows = np.flatnonzero(open_)
    order = rows[np.lexsort((rows, -chances.net[rows], ~ahead[rows], chances.decision[rows]))]
    _, leads = np.unique(chances.decision[order], return_index=True)
    probability[order[leads]] = 1.0
    return probability

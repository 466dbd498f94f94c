"""The moments at which a customer who needs something decides: here or elsewhere, and what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lingque.core.hashing import Float64s, Int64s
from lingque.twin.days import HOUR, midnight
from lingque.twin.needs import NEED_KINDS, Needs
from lingque.twin.responding.catalogue import MEETS, OFFER_NAMES, OFFERS, PULL
from lingque.twin.responding.chance import nth_of_equals, uniform
from lingque.twin.responding.dispositions import Dispositions

_FIRST_HOUR, _HOURS = 9, 12
_DEPOSIT, _WEALTH = map(OFFER_NAMES.index, ("deposit_renewal", "wealth_r2"))
_MATURITY, _IDLE = map(NEED_KINDS.index, ("deposit_maturity", "idle_money"))
_PULL = np.array([PULL[kind] for kind in NEED_KINDS])
THOUSAND_YUAN = 100_000
"""In fen: amounts are whole multiples of it, and at least one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Occasions:
    """One entry per need in every field, by customer and the moment of deciding; drawn once, so that only contacts make
    a difference. A customer buys if `luck` is below the probability that applies."""

    customer: Int64s
    """Position among the dispositions."""
    kind: Int64s
    begins: Int64s
    """Instant from which the customer looks around."""
    decides: Int64s
    """Instant: by day, on one of the days after the first day of the need up to its last."""
    amount: Int64s
    """Of what is bought, in fen."""
    luck: Float64s
    pull: Float64s
    """What of the customer's probability there is for this need; 0 for children."""
    own_offer: Int64s
    """What the customer would choose unasked, in kind (position in `OFFERS`)."""

    @classmethod
    def make(cls, needs: Needs, dispositions: Dispositions, *, seed: int) -> Occasions:
        number = dispositions.number[needs.customer]
        named = (number, needs.kind, needs.begins_day)
        about = (*named, nth_of_equals(*named))

        def luck(subject: str) -> Float64s:
            return uniform(seed, subject, *about)

        span = np.maximum(needs.ends_day - needs.begins_day, 1)
        day = needs.begins_day + 1 + (luck("decides on") * span).astype(np.int64)
        hours = _FIRST_HOUR + _HOURS * luck("decides at")
        pull = _PULL[needs.kind]
        pull = np.where(needs.kind == _IDLE, pull * dispositions.means[needs.customer], pull)
        fit = MEETS[needs.kind] * dispositions.may[needs.customer]
        amount = needs.size * (0.75 + 0.25 * luck("amount"))
        made = cls(
            customer=needs.customer,
            kind=needs.kind,
            begins=midnight(needs.begins_day),
            decides=midnight(day) + (hours * HOUR).astype(np.int64),
            amount=np.maximum(amount.astype(np.int64) // THOUSAND_YUAN, 1) * THOUSAND_YUAN,
            luck=luck("luck"),
            pull=np.where(fit.any(axis=1), pull, 0.0),
            own_offer=_own_offers(needs, dispositions, fit, taste=luck("taste")),
        )
        return made.take(np.lexsort((made.kind, made.decides, made.customer)))

    def take(self, where: NDArray[Any]) -> Occasions:
        return Occasions(**{name: getattr(self, name)[where] for name in Occasions.__dataclass_fields__})


def _own_offers(needs: Needs, dispositions: Dispositions, fit: Float64s, *, taste: Float64s) -> Int64s:
    """Of money that is here: a wealth product as often as the customer likes, else a deposit. Of other needs: each
    offer as often as it meets them."""
    chances = np.cumsum(fit, axis=1)
    own = np.minimum((taste[:, None] * chances[:, -1:] >= chances).sum(axis=1), len(OFFERS) - 1)
    placed = (needs.kind == _MATURITY) | (needs.kind == _IDLE)
    wealth = taste < dispositions.takes_wealth[needs.customer]
    return np.where(placed, np.where(wealth, _WEALTH, _DEPOSIT), own).astype(np.int64)

"""The true chances in the models' place: what is lost by then is lost by decisions, the rest by models."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lingque.core.hashing import Float64s
from lingque.entry.closed_loop.models import Decided
from lingque.entry.closed_loop.offers import CHANNEL_OF, OFFER_OF, tag
from lingque.twin.loop import Round, foretell
from lingque.twin.responding.model import COST


class TrueEffects:
    """Every effect of one more contact as it is, on what is decided within the month. No bank knows them."""

    def tags(self, now: Round, _columns: dict[str, Float64s], _touched: NDArray[np.bool_]) -> dict[str, Float64s]:
        """The uplift of every pair, and the margin of a sale that it brings, so that their product is what it earns."""
        n = len(now.reachable)
        found: dict[str, Float64s] = {}
        for channel in np.unique(CHANNEL_OF).tolist():
            foretold = foretell(now, channel, tired=True)
            possible = np.isfinite(foretold.profit)
            earned = np.where(possible, foretold.profit + COST[channel], 0.0)
            added = np.where(possible, foretold.added, 0.0)
            for pair in np.flatnonzero(channel == CHANNEL_OF).tolist():
                offer = int(OFFER_OF[pair])
                earns = np.bincount(foretold.customer, weights=earned[:, offer], minlength=n)
                adds = np.bincount(foretold.customer, weights=added[:, offer], minlength=n)
                worth = (earns > 0) & (adds > 1e-9)
                uplift = np.where(worth, np.minimum(adds, 1.0), 0.0)
                found[tag("uplift", pair)] = uplift
                found[tag("propensity", pair)] = np.maximum(uplift, 0.0)
                found[tag("spread", pair)] = np.full(n, np.nan)
                found[tag("margin", pair)] = np.where(worth, earns / np.maximum(uplift, 1e-9), 0.0)
                found[tag("cost", pair)] = np.zeros(n)
        return found

    def remember(self, columns: dict[str, Float64s], day: int, decided: Decided, touched: NDArray[np.bool_]) -> None:
        """The truth learns nothing."""

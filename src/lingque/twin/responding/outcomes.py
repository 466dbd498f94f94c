"""What came of it: responses as a bank could see them, and the truth beside them, which nobody could."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lingque.core.hashing import Float64s, Int64s


@dataclass(frozen=True, kw_only=True, eq=False)
class Conversions:
    """One entry per sale in every field, by customer and instant: contacted or not."""

    customer: Int64s
    need: Int64s
    """Position in `NEED_KINDS`."""
    offer: Int64s
    """Position in `OFFERS`: what was bought, in kind."""
    asked: NDArray[np.bool_]
    """It was bought on the terms of a contact; otherwise the customer's own choice of that kind."""
    contact: Int64s
    """Position of that contact among those sent, or −1."""
    at: Int64s
    amount: Int64s
    margin: Int64s
    """In fen."""

    def __len__(self) -> int:
        return len(self.customer)


@dataclass(frozen=True, kw_only=True, eq=False)
class Responses:
    """What is known at `until`: one entry per contact, in the order in which they were given, and all sales.

    Instants are `NOT_YET` for what has not happened by then.
    """

    until: int
    fate: Int64s
    """Values of `Fate`."""
    settled_at: Int64s
    noticed_at: Int64s
    clicked_at: Int64s
    opted_out_at: Int64s
    complained_at: Int64s
    conversion: Int64s
    """Position in `conversions` of the sale made on the terms of this contact, or −1."""
    conversions: Conversions


@dataclass(frozen=True, kw_only=True, eq=False)
class PotentialOutcomes:
    """One entry per occasion to buy: both outcomes, of which a bank sees one. For tests and for the truth beside an
    estimate only. Money is in fen."""

    customer: Int64s
    need: Int64s
    decides: Int64s
    amount: Int64s
    contacted: Float64s
    """Probability to buy here, given what the customer noticed of the contacts."""
    not_contacted: Float64s
    """Without any contact."""
    margin_contacted: Float64s
    """Expected."""
    margin_not_contacted: Float64s


@dataclass(frozen=True, kw_only=True)
class TrueEffect:
    """The causal effect of contacts, expected over the customers' own chance, on exactly the `n` whom they were sent
    to. Money is in fen."""

    n: int
    contacted: float
    """Mean number of purchases per customer, given these contacts."""
    not_contacted: float
    """Likewise, without any."""
    margin: float
    """What the contacts added to the margin of all sales; below zero where they took away."""
    cost: float
    """Of the contacts, and of the complaints and opt-outs that came of them."""
    opt_outs: int
    complaints: int

    @property
    def effect(self) -> float:
        """Purchases per customer."""
        return self.contacted - self.not_contacted

    @property
    def profit(self) -> float:
        """True incremental profit."""
        return self.margin - self.cost

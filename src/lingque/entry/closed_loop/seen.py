"""What the bank sees: its sales, and its customers on a morning as numbers for a learner."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lingque.catalog.expressions.types import Kind
from lingque.core.hashing import Float64s, Int64s
from lingque.predict.encoding import Code
from lingque.twin.known import Known
from lingque.twin.responding.catalogue import OFFER_NAMES, OFFERS

OUTCOME_DAYS = 28
"""After which the outcome of a round is looked at."""
GROUPS = ("money", "insurance", "loan", "card", "service")
_GROUP_OF_FAMILY = {"deposit": 0, "wealth": 0, "fund": 0, "insurance": 1, "loan": 2, "card": 3, "service": 4}
GROUP_OF = np.array([_GROUP_OF_FAMILY[one.family] for one in OFFERS])
"""By offer: what stands in for one another, so that a contact's effect is looked at in all of it."""
DEPOSIT, WEALTH = map(OFFER_NAMES.index, ("deposit_renewal", "wealth_r2"))


@dataclass(frozen=True, kw_only=True, eq=False)
class Sales:
    """What was bought, as the bank books it: days, fen."""

    customer: Int64s
    offer: Int64s
    day: Int64s
    amount: Int64s

    def after(self, day: int, n: int, days: int = OUTCOME_DAYS) -> NDArray[np.bool_]:
        """(offers, n) who bought it from that day on, within so many days."""
        mine = (self.day >= day) & (self.day < day + days)
        bought = np.zeros((len(OFFERS), n), dtype=np.bool_)
        bought[self.offer[mine], self.customer[mine]] = True
        return bought

    @classmethod
    def of_history(cls, known: Known) -> Sales:
        """Deposits and wealth products placed before the story."""
        bought = known.bought
        return cls(
            customer=bought.customer,
            offer=np.where(bought.is_deposit, DEPOSIT, WEALTH),
            day=bought.day,
            amount=bought.amount,
        )

    def and_then(self, later: Sales) -> Sales:
        """Both together."""
        names = Sales.__dataclass_fields__
        return Sales(**{name: np.concatenate([getattr(self, name), getattr(later, name)]) for name in names})


def features_of(columns: dict[str, Float64s]) -> tuple[tuple[Code, ...], Float64s]:
    """Columns as a logistic regression takes them: amounts by their logarithm, what matters together as products."""
    maturing, until = columns["maturing"], columns["days_to_maturity"]
    has = maturing > 0
    passed, soon = has & (until < 0), has & (until >= 0) & (until < 14)
    made = {
        "of_age": columns["age"] >= 18,
        "young": columns["age"] < 30,
        "old": columns["age"] >= 60,
        "age": columns["age"] / 50,
        "student": columns["student"],
        "income": np.log1p(columns["income"]) - 12,
        "balance": np.log1p(np.maximum(columns["balance"], 0.0)) - 13,
        "tenure": columns["tenure"] / 3_000,
        "managed": columns["managed"],
        "graded": ~np.isnan(columns["grade"]),
        "grade": np.nan_to_num(columns["grade"], nan=2.5) - 2.5,
        "due": has,
        "due_soon": soon,
        "passed": passed,
        "passed_long": passed & (until < -14),
        "due_and_graded_high": has * (np.nan_to_num(columns["grade"], nan=2.5) - 2.5),
        "due_tenure": has * (columns["tenure"] / 3_000),
        "placed_since": columns["placed_since"],
        **{name: np.minimum(columns[name], 3.0) for name in columns if name.startswith("view_")},
    }
    codes = tuple(Code(feature=name, kind=Kind.NUMBER) for name in made)
    return codes, np.column_stack([np.asarray(one, dtype=np.float64) for one in made.values()])


def with_placed(columns: dict[str, Float64s], sales: Sales, day: int) -> dict[str, Float64s]:
    """And whether money that matured was placed since: then there is nothing to decide about any more."""
    n = len(columns["age"])
    matured = np.where(columns["days_to_maturity"] < 0, day + columns["days_to_maturity"], np.inf)
    mine = (GROUP_OF[sales.offer] == 0) & (sales.day >= matured[sales.customer]) & (sales.day < day)
    placed = np.zeros(n)
    placed[sales.customer[mine]] = 1.0
    return columns | {"placed_since": placed}

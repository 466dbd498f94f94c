"""From decisions and outcomes to an effect."""

from __future__ import annotations

import pyarrow as pa

from lingque.core.reasons import Reason
from lingque.measure.contracts import Effect, Evaluation, Profit, Proportion
from lingque.measure.proportions import compare
from lingque.warehouse.engine import Session
from lingque.warehouse.statements import statements

SQL = statements("lingque.measure")
NOBODY = Proportion(units=0, successes=0)


def evaluate(session: Session, *, plan: str, labels: pa.Table, planned_hold_out: float) -> Evaluation:
    """The effect of a plan on an outcome. `session` holds the `decisions` table; `labels` are (customer_id, outcome).

    A customer without a label (no longer there) counts as not having had the outcome, in either group.
    """
    session.add_arrow("labels", labels.rename_columns(["customer_id", "outcome"]))
    arms = {
        row["arm"]: Proportion(units=row["units"], successes=row["successes"])
        for row in session.ask(SQL["outcomes_by_arm"].sql, {"plan": plan}).to_pylist()
    }
    effect = compare(arms.get("contact", NOBODY), arms.get("hold_out", NOBODY), planned_hold_out=planned_hold_out)
    money = session.ask(SQL["money_of_contacts"].sql, {"plan": plan}).to_pylist()[0]
    return Evaluation(
        effect=effect,
        profit=profit_of(effect, cost=money["cost"], margin=money["margin"]) if isinstance(effect, Effect) else None,
        refusals=refusals(session, plan=plan),
    )


def refusals(session: Session, *, plan: str) -> dict[Reason, int]:
    """Candidates of the plan refused, by reason, most frequent first."""
    rows = session.ask(SQL["refusals"].sql, {"plan": plan}).to_pylist()
    return {Reason(row["reason"]): row["candidates"] for row in rows}


def profit_of(effect: Effect, *, cost: int, margin: int) -> Profit:
    """What the contacts earned beyond what would have come anyway: difference × margin of all contacted − cost."""

    def at(difference: float) -> int:
        return round(difference * margin) - cost

    return Profit(cost=cost, expected=at(effect.difference), low=at(effect.low), high=at(effect.high))

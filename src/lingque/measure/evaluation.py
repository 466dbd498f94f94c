"""From decisions and outcomes to effects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from lingque.core.errors import WarehouseError
from lingque.core.reasons import Reason, Refusal
from lingque.measure.contracts import Effect, Evaluation, MeanEffect, Moments, Part, Phase, Profit, Proportion
from lingque.measure.means import compare_means
from lingque.measure.proportions import compare
from lingque.warehouse.engine import Session
from lingque.warehouse.statements import statements

SQL = statements("lingque.measure")
NOBODY = Proportion(units=0, successes=0)
WHOLE = ("", "")
"""Channel and offer of the plan as a whole."""

SCALE = 1_000_000
"""Numbers that are not whole are rounded to so many parts, so that their sums are exact in any order."""


def evaluate(
    session: Session,
    *,
    plan: str,
    labels: pa.Table,
    outcome: str,
    planned_hold_out: float,
    spent: Mapping[str, int],
    phase: Phase | None = None,
) -> Evaluation:
    """The effect of a plan (or of one phase of it) on every outcome. `session` holds the `decisions` table.

    `labels` has one row per customer: `customer_id` and one column per outcome, boolean, int64 (money in minor units)
    or float64. `outcome` names the main one, which is boolean; all others are `further`. A customer without a label (no
    longer there) counts as not having had the outcome, or as 0, in either group. `spent` is what the contacts sent
    cost, in minor units by channel; a channel that no decision names counts in the profit, but in no part. Raises
    `WarehouseError` where a column or a value is not of these kinds.
    """
    if not pa.types.is_boolean(labels.schema.field(outcome).type):
        raise WarehouseError(
            f"the main outcome '{outcome}' is not true or false",
            next_step="name a boolean tag as the campaign's outcome; money can stand among the further ones",
        )
    _consider(session, plan, phase)
    groups = _proportions(session, labels, outcome)
    contacted, held_out = groups.get((*WHOLE, "contact"), NOBODY), groups.get((*WHOLE, "hold_out"), NOBODY)
    effect = compare(contacted, held_out, planned_hold_out=planned_hold_out)
    money = session.ask(SQL["money_of_contacts"].sql).to_pylist()
    further = [name for name in labels.column_names if name not in ("customer_id", outcome)]
    return Evaluation(
        effect=effect,
        further={name: _further(session, labels, name, planned_hold_out) for name in further},
        profit=profit_of(
            effect,
            cost=sum(spent.values()),
            conversion_cost=sum(row["conversion_cost"] for row in money),
            margin=sum(row["margin"] for row in money),
        )
        if isinstance(effect, Effect)
        else None,
        parts=_parts(groups, shared(spent, money), planned_hold_out),
        refusals={Reason(row["reason"]): row["candidates"] for row in session.ask(SQL["refusals"].sql).to_pylist()},
    )


def profit_of(effect: Effect, *, cost: int, conversion_cost: int, margin: int) -> Profit:
    """What the contacts earned beyond what would have come anyway: difference × margin of all contacted, less `cost` of
    the contacts and `conversion_cost` of all who converted after one."""

    def at(difference: float) -> int:
        return round(difference * margin) - cost - conversion_cost

    return Profit(
        cost=cost,
        conversion_cost=conversion_cost,
        expected=at(effect.difference),
        low=at(effect.low),
        high=at(effect.high),
    )


def shared(spent: Mapping[str, int], money: Sequence[Mapping[str, int | str]]) -> dict[tuple[str, str], int]:
    """What was spent on each channel, shared among its offers as their contacts were to cost; adds up to the last unit.

    `money` has rows of channel, offer, contacts and planned cost. Where nothing was to cost, contacts share alike.
    """
    costs: dict[tuple[str, str], int] = {}
    for channel in sorted({str(row["channel"]) for row in money}):
        rows = sorted((row for row in money if row["channel"] == channel), key=lambda row: str(row["offer"]))
        by = "cost" if any(row["cost"] for row in rows) else "contacts"
        left, weight = spent.get(channel, 0), sum(int(row[by]) for row in rows)
        for row in rows:
            share = left * int(row[by]) // weight if weight else 0
            costs[channel, str(row["offer"])] = share
            left, weight = left - share, weight - int(row[by])
    return costs


def _consider(session: Session, plan: str, phase: Phase | None) -> None:
    columns = session.columns("decisions")
    told = "conversion_cost" in columns
    session.add_relation("log", SQL["log" if told else "log_without_costs"].sql)
    if phase is None:
        session.add_relation("considered", SQL["considered"].sql, {"plan": plan})
    elif "phase" in columns:
        session.add_relation("considered", SQL["considered_in_phase"].sql, {"plan": plan, "phase": phase})
    else:
        raise WarehouseError(
            "the decision log was written before campaigns had phases",
            next_step="report the campaign as a whole, without naming a phase",
        )
    session.add_relation("drawn", SQL["drawn"].sql)


def _further(session: Session, labels: pa.Table, name: str, planned_hold_out: float) -> Effect | MeanEffect | Refusal:
    if pa.types.is_boolean(labels.schema.field(name).type):
        groups = _proportions(session, labels, name)
        contacted, held_out = (groups.get((*WHOLE, arm), NOBODY) for arm in ("contact", "hold_out"))
        return compare(contacted, held_out, planned_hold_out=planned_hold_out)
    first, second = _moments(session, labels, name)
    return compare_means(first, second, planned_hold_out=planned_hold_out)


def _proportions(session: Session, labels: pa.Table, name: str) -> dict[tuple[str, str, str], Proportion]:
    """By channel, offer and arm."""
    session.add_arrow("labels", _column(labels, labels.column(name)))
    return {
        (row["channel"], row["offer"], row["arm"]): Proportion(units=row["units"], successes=row["successes"])
        for row in session.ask(SQL["proportions"].sql).to_pylist()
    }


def _moments(session: Session, labels: pa.Table, name: str) -> tuple[Moments, Moments]:
    """Of those contacted and of those held out."""
    column, scale = labels.column(name), 1
    try:
        if pa.types.is_floating(column.type):
            column, scale = pc.cast(pc.round(pc.multiply(column, float(SCALE))), pa.int64()), SCALE
        if not pa.types.is_integer(column.type):
            raise WarehouseError(
                f"outcome '{name}' is neither true or false, nor money, nor a number",
                next_step="name a tag of one of these types as the campaign's outcome",
            )
        session.add_arrow("labels", _column(labels, column))
        rows = {row["arm"]: row for row in session.ask(SQL["moments"].sql).to_pylist()}
    except (pa.ArrowInvalid, duckdb.OutOfRangeException) as error:
        raise WarehouseError(
            f"the values of outcome '{name}' are too large to be summed exactly",
            next_step="look for a value that no customer can have",
        ) from error
    nothing = {"units": 0, "total": 0, "squares": 0}
    contacted, held_out = (rows.get(arm, nothing) for arm in ("contact", "hold_out"))
    return _moments_of(contacted, scale), _moments_of(held_out, scale)


def _moments_of(row: Mapping[str, int], scale: int) -> Moments:
    return Moments(units=row["units"], total=int(row["total"]), squares=int(row["squares"]), scale=scale)


def _column(labels: pa.Table, outcome: pa.ChunkedArray) -> pa.Table:
    return pa.table({"customer_id": labels.column("customer_id"), "outcome": outcome})


def _parts(
    groups: Mapping[tuple[str, str, str], Proportion], costs: Mapping[tuple[str, str], int], planned_hold_out: float
) -> tuple[Part, ...]:
    parts: list[Part] = []
    for channel, offer in sorted({key[:2] for key in groups} - {WHOLE}):
        contacted, held_out = (groups.get((channel, offer, arm), NOBODY) for arm in ("contact", "hold_out"))
        parts.append(
            Part(
                channel=channel,
                offer=offer,
                contacted=contacted,
                held_out=held_out,
                effect=compare(contacted, held_out, planned_hold_out=planned_hold_out),
                cost=costs.get((channel, offer), 0),
            )
        )
    return tuple(parts)

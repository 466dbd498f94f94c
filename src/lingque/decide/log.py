"""The decision log: one row per customer and candidate, enough to say years later why."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lingque.core.hashing import bucket_of
from lingque.core.reasons import Reason
from lingque.decide.contracts import DECISION_ORDER, Basis, Phase
from lingque.decide.decisions import Decisions
from lingque.govern.contracts import Flags

ARMS = ("none", "contact", "hold_out")
VALUE_BASIS = tuple(basis.text for basis in Basis)


def log_of(decisions: Decisions, *, plan: str, campaign: str, buckets: int, phase: Phase) -> pa.Table:
    """The log's rows, in the order of the data plane. Amounts in minor units, `probability` of the arm as drawn.

    `response` is the probability that the value stands on, and `value_basis` says where it came from: the value is
    response × margin, less `losses` (what conversions cost and may lose, which of one are `conversion_cost` and
    `expected_loss`), `fatigue` and `cost`. `price` is what a contact had to be worth besides;
    `propensity` (of what was chosen) how probable the choice was before anybody was held out.
    """
    customers = decisions.requests.customer_ids
    rows = len(customers)
    bucket = bucket_of(customers, buckets=buckets)
    parts: list[pa.Table] = []
    for index, judged in enumerate(decisions.judged):
        mine = decisions.chosen == index
        arm = np.where(mine, np.where(decisions.held_out, 2, 1), 0)
        probability = np.where(mine, decisions.probability, 1.0)
        worth = judged.worth
        parts.append(
            pa.table(
                {
                    "customer_id": pa.array(customers, pa.int64()),
                    "bucket": pa.array(bucket, pa.int32()),
                    "plan": _repeat(plan, rows),
                    "campaign": _repeat(campaign, rows),
                    "phase": _repeat(phase, rows),
                    "clock": _repeat(decisions.requests.clock, rows),
                    "offer": _repeat(judged.candidate.offer.name, rows),
                    "channel": _repeat(judged.candidate.channel, rows),
                    "arm": pa.array(ARMS, pa.string()).take(pa.array(arm)),
                    "reasons": _reasons(judged.refusals, rows),
                    "probability": pa.array(probability, pa.float64()),
                    "propensity": pa.array(
                        np.where(mine, decisions.propensity, np.nan), pa.float64(), from_pandas=True
                    ),
                    "response": pa.array(worth.response, pa.float64()),
                    "value_basis": pa.array(VALUE_BASIS, pa.string()).take(pa.array(worth.basis)),
                    "margin": pa.array(worth.margin, pa.int64()),
                    "conversion_cost": pa.array(worth.conversion_cost, pa.int64()),
                    "expected_loss": pa.array(worth.expected_loss, pa.int64()),
                    "cost": pa.array(np.full(rows, judged.candidate.cost), pa.int64()),
                    "losses": pa.array(worth.losses, pa.int64()),
                    "fatigue": pa.array(worth.fatigue, pa.int64()),
                    "value": pa.array(worth.value, pa.int64()),
                    "price": pa.array(decisions.cost_of(index), pa.float64()),
                    "repaired": pa.array(mine & decisions.repaired, pa.bool_()),
                    "as_of": pa.array([decisions.requests.as_of] * rows, pa.date32()),
                    "decided_at": pa.array(np.full(rows, decisions.context.moment), pa.int64()),
                }
            )
        )
    log = pa.concat_tables(parts)
    return log.take(pc.sort_indices(log, [(name, "ascending") for name in DECISION_ORDER])).combine_chunks()


def _repeat(text: str, rows: int) -> pa.Array:
    return pa.repeat(pa.scalar(text, pa.string()), rows)


def _reasons(refusals: Mapping[Reason, Flags], rows: int) -> pa.Array:
    reasons = sorted(refusals)
    if not reasons:
        return pa.array([[]] * rows, pa.list_(pa.int16()))
    flags = np.column_stack([refusals[reason] for reason in reasons])
    lengths = flags.sum(axis=1)
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int32)
    values = np.broadcast_to(np.array(reasons, dtype=np.int16), flags.shape)[flags]
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(values, pa.int16()))

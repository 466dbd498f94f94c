"""The decision function."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from lingque.core.hashing import Int64s, draw
from lingque.core.reasons import Reason
from lingque.decide.contracts import NOTHING, Candidate, Context, Decisions, Judged, Requests
from lingque.decide.policies import refusals_of
from lingque.warehouse.engine import Session


def decide(
    requests: Requests, candidates: Sequence[Candidate], context: Context, *, session: Callable[[], Session]
) -> Decisions:
    """Candidates → policies → value → arbitration → who is held out. Pure: writes nothing, reads no clock.

    Equal values go to the candidate that was listed first. `session` gives an engine for eligibility expressions.
    """
    customers = requests.tags.num_rows
    judged: list[Judged] = []
    for candidate in candidates:
        value = expected_value(candidate, customers)
        refusals = dict(refusals_of(requests, candidate, value, context, session))
        judged.append(Judged(candidate=candidate, refusals=refusals, value=value))
    chosen = _arbitrate(judged, customers)
    drawn = draw(requests.customer_ids, salt=context.salt)
    held_out = (chosen != NOTHING) & (drawn < context.hold_out)
    return Decisions(
        requests=requests,
        context=context,
        judged=tuple(_with_outcome(entry, index, chosen, held_out) for index, entry in enumerate(judged)),
        chosen=chosen,
        held_out=held_out,
        drawn=drawn,
    )


def expected_value(candidate: Candidate, customers: int) -> Int64s:
    """Expected incremental profit in minor units: response × margin − cost of contact, rounded half to even.

    Without an uplift model the assumed response of the offer stands in for the uplift, and the log says so.
    """
    expected = int(np.rint(candidate.offer.definition.response * candidate.margin)) - candidate.cost
    return np.full(customers, expected, dtype=np.int64)


def _arbitrate(judged: Sequence[Judged], customers: int) -> NDArray[np.int32]:
    chosen = np.full(customers, NOTHING, dtype=np.int32)
    best = np.full(customers, np.iinfo(np.int64).min, dtype=np.int64)
    for index, entry in enumerate(judged):
        better = entry.allowed & (entry.value > best)
        chosen[better] = index
        best[better] = entry.value[better]
    return chosen


def _with_outcome(entry: Judged, index: int, chosen: NDArray[np.int32], held_out: NDArray[np.bool_]) -> Judged:
    outcome = {
        Reason.BETTER_OFFER: entry.allowed & (chosen != index),
        Reason.HELD_OUT: (chosen == index) & held_out,
    }
    added = {reason: flags for reason, flags in outcome.items() if flags.any()}
    return Judged(candidate=entry.candidate, refusals={**entry.refusals, **added}, value=entry.value)

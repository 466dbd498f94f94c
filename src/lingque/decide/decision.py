"""The decision function."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lingque.core.errors import WarehouseError
from lingque.core.hashing import Int64s, draw
from lingque.core.reasons import Reason
from lingque.decide.arbitration import Choices, arbitrate
from lingque.decide.contracts import NOTHING, Candidate, Context, Decisions, Judged, Requests, Worth
from lingque.decide.policies import refusals_of
from lingque.govern.contracts import Flags
from lingque.warehouse.engine import Session


def decide(
    requests: Requests, candidates: Sequence[Candidate], context: Context, *, session: Callable[[], Session]
) -> Decisions:
    """Candidates → policies → value → arbitration → who is held out. Pure: writes nothing, reads no clock.

    The draw holds out the same customers whatever they are offered; `arbitration` says why those contacted and those
    held out may be compared where a channel's capacity binds. `session` gives an engine for eligibility expressions.
    """
    judged: list[Judged] = []
    for candidate in candidates:
        worth = expected_value(candidate, requests.tags)
        refusals = dict(refusals_of(requests, candidate, worth.value, context, session))
        judged.append(Judged(candidate=candidate, refusals=refusals, worth=worth))
    drawn = draw(requests.customer_ids, salt=context.salt)
    out = drawn < context.hold_out
    arbitration = arbitrate(
        judged,
        requests.customer_ids,
        held_out=out,
        hold_out=context.hold_out,
        capacity=context.capacity,
        salt=context.salt,
    )
    chosen = arbitration.chosen
    held_out = (chosen != NOTHING) & out
    value = np.zeros(len(chosen), dtype=np.int64)
    for index, entry in enumerate(judged):
        value[chosen == index] = entry.value[chosen == index]
    return Decisions(
        requests=requests,
        context=context,
        judged=tuple(_with_outcome(entry, index, chosen, value, held_out) for index, entry in enumerate(judged)),
        chosen=chosen,
        held_out=held_out,
        drawn=drawn,
        certificate=arbitration.certificate,
    )


def expected_value(candidate: Candidate, tags: pa.Table) -> Worth:
    """Expected incremental profit in minor units: response × margin − cost of contact, rounded half to even.

    The response is the offer's propensity tag, and where there is none, or it is null, the assumed response of the
    offer, times the channel's factor, at most 1. Neither is an uplift: without an uplift model one of them stands in
    for it, and the log says which.
    Raises `WarehouseError` where the tag is no probability.
    """
    definition = candidate.offer.definition
    response = np.full(tags.num_rows, definition.response, dtype=np.float64)
    assumed: Flags = np.ones(tags.num_rows, dtype=np.bool_)
    if definition.propensity is not None:
        column = tags.column(definition.propensity)
        assumed = pc.is_null(column, nan_is_null=True).to_numpy()
        response[~assumed] = column.to_numpy()[~assumed]
        if ((response < 0) | (response > 1)).any():
            raise WarehouseError(
                f"tag '{definition.propensity}', the propensity of offer '{definition.offer}', is not between 0 and 1",
                next_step="name a tag that holds a probability, such as the score of a model",
            )
    response = np.minimum(response * candidate.response_factor, 1.0)
    value = np.rint(response * candidate.margin).astype(np.int64) - candidate.cost
    return Worth(response=response, assumed=assumed, value=value)


def _with_outcome(entry: Judged, index: int, chosen: Choices, chosen_value: Int64s, held_out: Flags) -> Judged:
    """The reasons that only the choice among all candidates gives."""
    # equal values go to the candidate listed first
    better = (chosen_value > entry.value) | ((chosen_value == entry.value) & (chosen < index))
    not_chosen = entry.allowed & (chosen != index)
    outcome = {
        Reason.BETTER_OFFER: not_chosen & (chosen != NOTHING) & better,
        Reason.NO_CAPACITY: not_chosen & ~((chosen != NOTHING) & better),
        Reason.HELD_OUT: (chosen == index) & held_out,
    }
    added = {reason: flags for reason, flags in outcome.items() if flags.any()}
    return Judged(candidate=entry.candidate, refusals={**entry.refusals, **added}, worth=entry.worth)

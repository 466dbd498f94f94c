"""Who of one campaign's audience gets which candidate: at most one each. Sharing out among several, with one side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lingque.core.errors import AllocationError
from lingque.core.hashing import Float64s, Int64s
from lingque.decide.allocation.certificate import Certificate
from lingque.decide.choosing import Choices, best_of
from lingque.decide.judging import BLOCK
from lingque.decide.resources import Resource
from lingque.decide.sharing import Shared, Side, share_out
from lingque.decide.teams import Team, Worked
from lingque.govern.contracts import Flags


@dataclass(frozen=True, kw_only=True)
class Arbitration:
    """`chosen` (n,): the index of each customer's candidate, or `NOTHING`; `repaired` (n,): it is not what they would
    have chosen by themselves at the prices. `price` (c,) of one contact with a candidate.

    The certificate speaks of those who may be contacted: what they get is worth its objective, and nothing within the
    resources is worth more than its bound."""

    chosen: Choices
    repaired: Flags
    price: Float64s
    certificate: Certificate
    worked: tuple[Worked, ...] = ()


def arbitrate(
    values: Float64s,
    resources: Sequence[Resource],
    customer_ids: Int64s,
    *,
    held_out: Flags,
    hold_out: float,
    salt: str,
    teams: Sequence[Team] = (),
) -> Arbitration:
    """`values` (c, n): where a candidate may be chosen its value, of more than 0, else −∞. `held_out` (n,): who, if
    chosen, is not contacted; `hold_out` the share of them that was drawn for.

    Equal values go to the candidate listed first, and among customers to those drawn first by the salt.
    """
    side = Side(name="campaign", candidates=slice(0, len(values)), hold_out=hold_out, held_out=held_out)
    shared = share_out(values, resources, customer_ids, [side], salt=salt, teams=teams)
    if not isinstance(shared, Shared):
        raise AllocationError(
            f"resources alone cannot contradict one another: {shared}", next_step="report this, it is a fault of ours"
        )
    chosen = shared.chosen[0]
    alone = np.empty(len(chosen), dtype=np.int32)
    for start in range(0, len(chosen), BLOCK):
        block = slice(start, start + BLOCK)
        net = values[:, block] - shared.price[:, None] - sum(one.cost(block) for one in shared.worked)
        alone[block] = best_of(np.where(net > 0, net, -np.inf))
    return Arbitration(
        chosen=chosen,
        repaired=chosen != alone,
        price=shared.price,
        certificate=shared.certificate,
        worked=shared.worked,
    )

"""Who of a whole audience gets which candidate: at most one each, nothing used beyond what there is, worth as much as
can be.

Everybody is allocated together (`allocation`), and each resource (a channel, an offer's stock or budget) gets a price:
what the last unit of it is worth. The certificate says how much more any other choice could be worth at most.

*Who is compared with whom.* Only those who are contacted use anything, so the allocation is made for what there is ÷
(1 − hold-out) customers, with no look at the draws that hold out. Then everybody comes in the order of value less
price, and takes what the allocation gave them if enough is still left: taken or passed over before their own draw is
looked at, which then says only whether they use it. So whether somebody is considered depends on the draws of others
and never on their own: among all who are considered for a candidate each is held out with the same probability,
whatever their value, and the two groups differ by chance alone. What is left since more were held out than the mean
goes to those who have nothing yet, in the same order. Ties are broken by a draw of their own salt, since breaking
them by the draw that holds out would favour one of the groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lingque.core.errors import AllocationError
from lingque.core.hashing import Float64s, Int64s, draw
from lingque.decide.allocation.certificate import Certificate, LimitReport
from lingque.decide.allocation.limits import Row
from lingque.decide.allocation.menu import Menu as Kinds
from lingque.decide.allocation.problem import Problem, smallest_kinds
from lingque.decide.allocation.solver import Allocation, Effort, allocate
from lingque.decide.choosing import best_of
from lingque.decide.contracts import NOTHING
from lingque.decide.resources import Resource
from lingque.govern.contracts import Flags

Choices = NDArray[np.int32]


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


def arbitrate(
    values: Float64s,
    resources: Sequence[Resource],
    customer_ids: Int64s,
    *,
    held_out: Flags,
    hold_out: float,
    salt: str,
) -> Arbitration:
    """`values` (c, n): where a candidate may be chosen its value, of more than 0, else −∞. `held_out` (n,): who, if
    chosen, is not contacted; `hold_out` the share of them that was drawn for.

    Equal values go to the candidate listed first, and among customers to those drawn first by the salt.
    """
    turn = np.lexsort((customer_ids, draw(customer_ids, salt=f"{salt}/turn")))
    values = values[:, turn]
    use = _table([one.use for one in resources], len(values))
    room = np.array([one.amount for one in resources], dtype=np.float64)
    wish, prices = _allocated(values, resources, np.floor(room / (1 - hold_out) + 1e-9))
    price: Float64s = prices @ use
    held = held_out[turn]
    in_turn = _in_turn(values, price, wish, use, room, held)
    at_prices = np.where(values - price[:, None] > 0, values - price[:, None], -np.inf)
    chosen = np.full(len(customer_ids), NOTHING, dtype=np.int32)
    chosen[turn] = in_turn
    repaired = np.zeros(len(customer_ids), dtype=np.bool_)
    repaired[turn] = in_turn != best_of(at_prices)
    return Arbitration(
        chosen=chosen,
        repaired=repaired,
        price=price,
        certificate=_certificate(values, price, prices, in_turn, ~held, resources),
    )


def unlimited(worth: float, resources: Sequence[Resource], used: Sequence[float]) -> Certificate:
    """Of a choice in which everybody has their best, worth so much to those contacted, and nothing runs out."""
    return Certificate(objective=worth, bound=worth, limits=_reports(resources, used), staff_prices=np.empty(0))


def _allocated(values: Float64s, resources: Sequence[Resource], room: Float64s) -> tuple[Choices, Float64s]:
    """Each customer's candidate in the best allocation within the room, and the resources' prices."""
    wish = best_of(values)
    use = _table([one.use for one in resources], len(values))
    some = wish[wish != NOTHING]
    if (use[:, some].sum(axis=1) <= room).all():
        return wish, np.zeros(len(resources))
    # each candidate is an offer of its own here: what excludes one another is left to "at most one"
    kinds = Kinds(offers=tuple(str(index) for index in range(len(values))), channels=("any",))
    worth = values.T > 0
    problem = Problem(
        menu=kinds,
        starts=np.concatenate(([0], np.cumsum(worth.sum(axis=1)))).astype(np.int64),
        kinds=smallest_kinds(np.nonzero(worth)[1], kinds),
        values=values.T[worth].astype(np.float32),
        most=np.ones(values.shape[1], dtype=np.uint8),
        rows=tuple(
            Row(limit=one.limit, subject=one.subject, use=one.use, amount=float(amount))
            for one, amount in zip(resources, room, strict=True)
        ),
    )
    found = allocate(problem, Effort(gap=1e-6))
    if not isinstance(found, Allocation):
        raise AllocationError(
            f"resources alone cannot contradict one another: {found}", next_step="report this, it is a fault of ours"
        )
    got = found.choice[:, 0]
    some = np.flatnonzero(got >= 0)
    wish = np.full(values.shape[1], NOTHING, dtype=np.int32)
    wish[some] = problem.kinds[problem.starts[some] + got[some]]
    _settle_ties(wish, values, use)
    by_name = {report.name: report.price for report in found.certificate.limits}
    return wish, np.array([by_name.get(one.name, 0.0) for one in resources])


def _settle_ties(wish: Choices, values: Float64s, use: Float64s) -> None:
    """Of candidates that use the same the best one, of equal ones the first."""
    alike: dict[bytes, list[int]] = {}
    for index in range(len(values)):
        alike.setdefault(use[:, index].tobytes(), []).append(index)
    for members in alike.values():
        there = np.isin(wish, members)
        wish[there] = np.array(members, dtype=np.int32)[np.argmax(values[members][:, there], axis=0)]


def _in_turn(
    values: Float64s, price: Float64s, wish: Choices, use: Float64s, room: Float64s, held_out: Flags
) -> Choices:
    """What customers, listed in the order in which ties are broken, take of their wishes, then of what is left."""
    chosen = np.full(len(wish), NOTHING, dtype=np.int32)
    left = room.copy()
    net = values - price[:, None]
    order = _order(wish, net)
    ends = _ends(wish[order], use, left, held_out[order])
    fits = np.ones(len(order), dtype=np.bool_)
    for row, end in enumerate(ends):
        fits[end:] &= use[row, wish[order[end:]]] == 0
    _take(chosen, wish, order[fits], use, left, held_out)
    # In each round everybody who has nothing proposes the best that still fits, and all are taken up to the first for
    # whom too little is left, whose candidate then is closed: it is what taking pair by pair would have done.
    while True:
        closed: Flags = np.logical_or.reduce(use > left[:, None], axis=0)
        open_net = np.where(closed[:, None] | (chosen != NOTHING)[None, :], -np.inf, net)
        wish = best_of(open_net)
        order = _order(wish, open_net)
        end = min(_ends(wish[order], use, left, held_out[order]), default=len(order))
        _take(chosen, wish, order[:end], use, left, held_out)
        if end == len(order):
            return chosen


def _order(wish: Choices, net: Float64s) -> NDArray[np.intp]:
    """Those who wish for something, by how much it is worth to them."""
    asking = np.flatnonzero(wish != NOTHING)
    ordered: NDArray[np.intp] = asking[np.argsort(-net[wish[asking], asking], kind="stable")]
    return ordered


def _ends(wishes: Choices, use: Float64s, left: Float64s, held_out: Flags) -> list[int]:
    """Per resource, how many may come in order until too little is left for the next, whatever that one's own draw."""
    ends: list[int] = []
    for row, amount in zip(use, left, strict=True):
        wanted = row[wishes]
        used = np.where(held_out, 0.0, wanted)
        short = np.flatnonzero((np.cumsum(used) - used + wanted > amount) & (wanted > 0))
        ends.append(int(short[0]) if len(short) else len(wishes))
    return ends


def _take(
    chosen: Choices, wish: Choices, taken: NDArray[np.intp], use: Float64s, left: Float64s, held_out: Flags
) -> None:
    chosen[taken] = wish[taken]
    left -= use[:, wish[taken[~held_out[taken]]]].sum(axis=1)


def _certificate(
    values: Float64s,
    price: Float64s,
    prices: Float64s,
    chosen: Choices,
    contactable: Flags,
    resources: Sequence[Resource],
) -> Certificate:
    """Of those who may be contacted; weak duality at the prices of everybody's allocation."""
    got = np.flatnonzero(contactable & (chosen != NOTHING))
    most = (values - price[:, None])[:, contactable].max(axis=0, initial=0.0)
    amounts = np.array([one.amount for one in resources], dtype=np.float64)
    return Certificate(
        objective=float(values[chosen[got], got].sum()),
        bound=float(most.sum() + prices @ amounts),
        limits=_reports(resources, [float(one.use[chosen[got]].sum()) for one in resources], prices.tolist()),
        staff_prices=np.empty(0),
    )


def _reports(
    resources: Sequence[Resource], used: Sequence[float], prices: Sequence[float] | None = None
) -> tuple[LimitReport, ...]:
    return tuple(
        LimitReport(limit=one.limit, subject=one.subject, amount=one.amount, used=spent, price=price)
        for one, spent, price in zip(resources, used, prices or [0.0] * len(resources), strict=True)
    )


def _table(rows: Sequence[Float64s], candidates: int) -> Float64s:
    table: Float64s = np.array(rows, dtype=np.float64).reshape(len(rows), candidates)
    return table

"""Who gets which candidate: at most one each, no channel beyond what it can contact, worth as much as can be.

Everybody is allocated together (`allocation`), and each channel gets a price: what its last contact is worth. The
certificate says how much more any other choice could be worth at most.

*Who is compared with whom.* Only those who are contacted use capacity, so the allocation is made for capacity ÷ (1 −
hold-out) customers, with no look at the draws that hold out. Then everybody comes in the order of value less price, and
takes what the allocation gave them if the channel still has room: taken or passed over before their own draw is looked
at, which then says only whether they use room. So whether somebody is considered depends on the draws of others and
never on their own: among all who are considered for a candidate each is held out with the same probability, whatever
their value, and the two groups differ by chance alone. Room that is left since more were held out than the mean goes to
those who have nothing yet, in the same order. Ties are broken by a draw of their own salt, since breaking them by the
draw that holds out would favour one of the groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lingque.core.errors import AllocationError
from lingque.core.hashing import Float64s, Int64s, draw
from lingque.decide.allocation.certificate import Certificate, LimitReport
from lingque.decide.allocation.problem import Limit, Menu, Problem, channel_capacity, smallest_kinds
from lingque.decide.allocation.solver import Allocation, Effort, allocate
from lingque.decide.contracts import NOTHING, Judged
from lingque.govern.contracts import Flags

Choices = NDArray[np.int32]
Values = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Arbitration:
    """`chosen` (n,): the index of each customer's candidate, or `NOTHING`. The certificate speaks of those who may be
    contacted: what they get is worth its objective, and nothing within the capacity is worth more than its bound."""

    chosen: Choices
    certificate: Certificate


def arbitrate(
    judged: Sequence[Judged],
    customer_ids: Int64s,
    *,
    held_out: Flags,
    hold_out: float,
    capacity: Mapping[str, int],
    salt: str,
) -> Arbitration:
    """`held_out` (n,): who, if chosen, is not contacted; `hold_out` the share of them that was drawn for.

    Equal values go to the candidate listed first, and among customers to those drawn first by the salt.
    """
    turn = np.lexsort((customer_ids, draw(customer_ids, salt=f"{salt}/turn")))
    values = _values(judged, len(customer_ids))[:, turn]
    channels = [entry.candidate.channel for entry in judged]
    limited = {channel: capacity[channel] for channel in sorted(set(channels) & set(capacity))}
    considered = {channel: int(room / (1 - hold_out) + 1e-9) for channel, room in limited.items()}
    wish, prices = _allocated(values, channels, considered)
    price = np.array([prices.get(channel, 0.0) for channel in channels])
    chosen_in_turn = _in_turn(values, price, wish, channels, held_out[turn], limited)
    chosen = np.full(len(customer_ids), NOTHING, dtype=np.int32)
    chosen[turn] = chosen_in_turn
    certificate = _certificate(values, price, chosen_in_turn, channels, ~held_out[turn], limited)
    return Arbitration(chosen=chosen, certificate=certificate)


def _values(judged: Sequence[Judged], customers: int) -> Values:
    """(candidates, n): the value where it is allowed and worth something, else −∞."""
    values = np.full((len(judged), customers), -np.inf)
    for index, entry in enumerate(judged):
        allowed = entry.allowed & (entry.value > 0)
        values[index, allowed] = entry.value[allowed]
    return values


def _allocated(values: Values, channels: Sequence[str], room: Mapping[str, int]) -> tuple[Choices, dict[str, float]]:
    """Each customer's candidate in the best allocation within the room, and the channels' prices."""
    wish = _best(values)
    asked = {channel: int(np.count_nonzero(_on(channels, wish, channel))) for channel in room}
    if all(asked[channel] <= room[channel] for channel in room):
        return wish, {}
    names = tuple(dict.fromkeys(channels))
    # each candidate is an offer of its own here: what excludes one another is left to "at most one"
    menu = Menu(offers=tuple(str(index) for index in range(len(channels))), channels=names)
    worth = values.T > 0
    kinds = np.array([menu.kind(str(index), channel) for index, channel in enumerate(channels)])
    problem = Problem(
        menu=menu,
        starts=np.concatenate(([0], np.cumsum(worth.sum(axis=1)))).astype(np.int64),
        kinds=smallest_kinds(kinds[np.nonzero(worth)[1]], menu),
        values=values.T[worth].astype(np.float32),
        most=np.ones(values.shape[1], dtype=np.uint8),
        rows=tuple(channel_capacity(menu, channel, float(amount)) for channel, amount in room.items()),
    )
    found = allocate(problem, Effort(gap=1e-6))
    if not isinstance(found, Allocation):
        raise AllocationError(
            f"capacities alone cannot contradict one another: {found}", next_step="report this, it is a fault of ours"
        )
    got = found.choice[:, 0]
    some = np.flatnonzero(got >= 0)
    wish = np.full(values.shape[1], NOTHING, dtype=np.int32)
    wish[some] = menu.offer_of[problem.kinds[problem.starts[some] + got[some]]]
    # of candidates on one channel the best one, of equal ones the first
    for channel in names:
        mine = [index for index, one in enumerate(channels) if one == channel]
        there = _on(channels, wish, channel)
        wish[there] = np.array(mine, dtype=np.int32)[np.argmax(values[mine][:, there], axis=0)]
    return wish, {report.subject: report.price for report in found.certificate.limits}


def _in_turn(
    values: Values,
    price: Float64s,
    wish: Choices,
    channels: Sequence[str],
    held_out: Flags,
    capacity: Mapping[str, int],
) -> Choices:
    """What customers, listed in the order in which ties are broken, take of their wishes, then of what is left."""
    chosen = np.full(len(wish), NOTHING, dtype=np.int32)
    room = dict(capacity)
    _take(chosen, wish, values - price[:, None], channels, held_out, room)
    # In each round everybody who has nothing proposes the best that is still open, and all are taken up to the one who
    # fills a channel: nobody before that one was passed over, so it is what taking pair by pair would have done. Each
    # round but the last closes a channel.
    while True:
        closed = np.array([room.get(channel, 1) <= 0 for channel in channels], dtype=np.bool_)
        open_values = np.where(closed[:, None] | (chosen != NOTHING)[None, :], -np.inf, values - price[:, None])
        if not _take(chosen, _best(open_values), open_values, channels, held_out, room, until_full=True):
            return chosen


def _best(values: Values) -> Choices:
    """The index of each customer's best candidate, of equal ones the first; `NOTHING` where there is none."""
    if not len(values):
        return np.full(values.shape[1], NOTHING, dtype=np.int32)
    best: Choices = np.argmax(values, axis=0).astype(np.int32)
    best[np.isneginf(values.max(axis=0))] = NOTHING
    return best


def _take(
    chosen: Choices,
    wish: Choices,
    values: Values,
    channels: Sequence[str],
    held_out: Flags,
    room: dict[str, int],
    *,
    until_full: bool = False,
) -> bool:
    """Gives wishes by value while there is room, which it takes from `room`; `until_full`: nobody after the first who
    fills a channel. Says whether somebody was left out so."""
    asking = np.flatnonzero(wish != NOTHING)
    order = asking[np.argsort(-values[wish[asking], asking], kind="stable")]
    ends = {channel: _end(_on(channels, wish[order], channel), held_out[order], left) for channel, left in room.items()}
    # on a channel that is full already nobody asks any more
    fills = [end for channel, end in ends.items() if room[channel] > 0]
    end = min(fills, default=len(order)) if until_full else len(order)
    for channel in set(channels):
        there = np.flatnonzero(_on(channels, wish[order], channel))
        taken = order[there[there < min(end, ends.get(channel, end))]]
        chosen[taken] = wish[taken]
        if channel in room:
            room[channel] -= int(np.count_nonzero(~held_out[taken]))
    return until_full and end < len(order)


def _end(on_it: Flags, held_out: Flags, left: int) -> int:
    """How many in order may come until the channel has no room for one more."""
    using = np.flatnonzero(on_it & ~held_out)
    if left <= 0:
        return 0
    return int(using[left - 1]) + 1 if len(using) >= left else len(on_it)


def _on(channels: Sequence[str], wishes: Choices, channel: str) -> Flags:
    return np.isin(wishes, [index for index, one in enumerate(channels) if one == channel])


def _certificate(
    values: Values,
    price: Float64s,
    chosen: Choices,
    channels: Sequence[str],
    contactable: Flags,
    capacity: Mapping[str, int],
) -> Certificate:
    """Of those who may be contacted; weak duality at the prices of everybody's allocation."""
    prices = dict(zip(channels, price.tolist(), strict=True))
    got = np.flatnonzero(contactable & (chosen != NOTHING))
    most = (values - price[:, None])[:, contactable].max(axis=0, initial=0.0)
    return Certificate(
        objective=float(values[chosen[got], got].sum()),
        bound=float(most.sum()) + sum(prices[channel] * room for channel, room in capacity.items()),
        limits=tuple(
            LimitReport(
                limit=Limit.CHANNEL,
                subject=channel,
                amount=room,
                used=int(np.count_nonzero(_on(channels, chosen[got], channel))),
                price=prices[channel],
            )
            for channel, room in capacity.items()
        ),
        staff_prices=np.empty(0),
    )

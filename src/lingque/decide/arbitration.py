"""Who gets which candidate: at most one each, and no channel beyond what it can contact.

Greedy over (customer, candidate) by value: the best pair of all is taken first, then the best of those left whose
customer has nothing and whose channel has room. The value of those contacted is at least half of the greatest possible
(greedy over the intersection of two matroids: Fisher, Nemhauser, Wolsey 1978, "An analysis of approximations for
maximizing submodular set functions II"); where no channel fills up it is the greatest.

*Who is compared with whom.* Only those who are contacted use capacity. A pair is taken or passed over before its
customer's own draw is looked at, and the draw then says only whether it uses room. So whether somebody is considered
depends on the draws of others and never on their own: among all who are considered for a candidate each is held out
with the same probability, whatever their value, and the two groups differ by chance alone. In the mean capacity ÷ (1 −
hold-out) customers are considered for a channel that fills up; those who come after them are refused for want of
capacity and belong to neither group. Ties in value are broken by a draw of their own salt, since breaking them by
the draw that holds out would favour one of the groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lingque.core.hashing import Int64s, draw
from lingque.decide.contracts import NOTHING, Judged
from lingque.govern.contracts import Flags

Choices = NDArray[np.int32]
_WORST = np.iinfo(np.int64).min


def arbitrate(
    judged: Sequence[Judged], customer_ids: Int64s, *, held_out: Flags, capacity: Mapping[str, int], salt: str
) -> Choices:
    """The index of each customer's candidate, or `NOTHING` (n,). `held_out` (n,): who, if chosen, is not contacted.

    Equal values go to the candidate listed first, and among customers to those drawn first by the salt.
    """
    chosen = np.full(len(customer_ids), NOTHING, dtype=np.int32)
    waiting = np.ones(len(customer_ids), dtype=np.bool_)
    room = dict(capacity)
    turn = draw(customer_ids, salt=f"{salt}/turn")
    # In each round everybody who waits proposes the best that is still open, and all are taken up to the one who fills
    # a channel: nobody before that one was passed over, so it is what taking pair by pair would have done. Each round
    # but the last closes a channel.
    while True:
        open_ = [entry for entry in range(len(judged)) if room.get(judged[entry].candidate.channel, 1) > 0]
        wish, value = _best(judged, open_, waiting)
        asking = np.flatnonzero(wish != NOTHING)
        order = asking[np.lexsort((customer_ids[asking], turn[asking], -value[asking]))]
        taken = order[: _until_full(order, wish, held_out, judged, room)]
        chosen[taken] = wish[taken]
        waiting[taken] = False
        if len(taken) == len(order):
            return chosen
        for channel in room:
            on_channel = _on_channel(judged, wish[taken], channel)
            room[channel] -= int(np.count_nonzero(on_channel & ~held_out[taken]))


def _best(judged: Sequence[Judged], open_: Sequence[int], waiting: Flags) -> tuple[Choices, Int64s]:
    wish = np.full(len(waiting), NOTHING, dtype=np.int32)
    best = np.full(len(waiting), _WORST, dtype=np.int64)
    for index in open_:
        entry = judged[index]
        better = waiting & entry.allowed & (entry.value > best)
        wish[better] = index
        best[better] = entry.value[better]
    return wish, best


def _until_full(
    order: NDArray[np.intp], wish: Choices, held_out: Flags, judged: Sequence[Judged], room: Mapping[str, int]
) -> int:
    """How many, in order, may be taken until the first channel is full."""
    until = len(order)
    for channel, left in room.items():
        if left <= 0:
            continue
        using = np.flatnonzero(_on_channel(judged, wish[order], channel) & ~held_out[order])
        if len(using) >= left:
            until = min(until, int(using[left - 1]) + 1)
    return until


def _on_channel(judged: Sequence[Judged], wishes: Choices, channel: str) -> Flags:
    on_it = [index for index, entry in enumerate(judged) if entry.candidate.channel == channel]
    return np.isin(wishes, on_it)

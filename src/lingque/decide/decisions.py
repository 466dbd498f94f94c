"""What was decided, and all that it stood on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lingque.core.hashing import Float64s, Int64s
from lingque.core.reasons import Reason
from lingque.decide.allocation.certificate import Certificate
from lingque.decide.contracts import NOTHING, Context, Requests, Step, Worth
from lingque.decide.judging import Judgement
from lingque.decide.menu import Candidate, Indices, Menu
from lingque.decide.reason_bits import WITH_BITS, Bits, bit_of, mask_of
from lingque.decide.teams import Worked
from lingque.govern.contracts import Flags

_LATER = frozenset(
    {
        Reason.NO_VALUE,
        Reason.SUPERSEDED,
        Reason.SCORE_MISSING,
        Reason.NOT_REACHABLE,
        Reason.CONTACT_CAP,
        Reason.CONTACTED_LATELY,
        Reason.REFUSED_LATELY,
        Reason.BOUGHT_LATELY,
        Reason.OUT_OF_STOCK,
        Reason.BUDGET_SPENT,
        Reason.BETTER_OFFER,
        Reason.NO_CAPACITY,
        Reason.NO_HOURS,
        Reason.HELD_OUT,
        Reason.DRAWN_INSTEAD,
        Reason.NOT_ALLOTTED,
    }
)
_LOST_BEFORE: dict[Step, frozenset[Reason]] = {
    Step.PERMITTED: frozenset(reason for reason in WITH_BITS if reason // 100 == 1),
    Step.SUITABLE: frozenset(reason for reason in WITH_BITS if reason // 100 == 2) - _LATER,
    Step.NOT_CAPPED: frozenset(
        {Reason.CONTACT_CAP, Reason.CONTACTED_LATELY, Reason.REFUSED_LATELY, Reason.BOUGHT_LATELY}
    ),
    Step.REACHABLE: frozenset({Reason.NOT_REACHABLE}),
    Step.WORTH_IT: frozenset({Reason.NO_VALUE, Reason.SUPERSEDED, Reason.SCORE_MISSING}),
}
"""Which reasons take a candidate away before which step; the rest do so before the last but one."""

_EVERYBODY = slice(None)


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """What was decided for n customers, each array (n,).

    `chosen` is the index of the candidate each would get, or `NOTHING`; `held_out` is true for those who do not get it
    so that its effect can be measured; `drawn` is the number in [0, 1) that decided so. `propensity`: how probable the
    choice was, chance on purpose included, before anybody was held out; `explored`: chance chose another than the best.
    `repaired`: what a planned decision gave is not what the customer would have got alone at the same prices.
    `price` (c,) of one contact with each candidate, in minor units, without the time of whoever makes it (`worked`,
    `cost_of`); `within` (c,): enough was left for one when it was decided. `certificate` of a planned decision: how
    good it is for those who may be contacted.
    """

    requests: Requests
    menu: Menu
    context: Context
    judgement: Judgement
    chosen: NDArray[np.int32]
    held_out: Flags
    drawn: Float64s
    propensity: Float64s
    explored: Flags
    repaired: Flags
    price: Float64s
    within: Flags
    certificate: Certificate | None
    worked: tuple[Worked, ...] = ()

    def cost_of(self, index: int) -> Float64s:
        """(n,) the price of one contact with a candidate, the time that it takes included."""
        cost = np.full(len(self.chosen), self.price[index])
        for one in self.worked:
            cost += one.team.use[index] * one.price[one.team.unit_of]
        return cost

    @property
    def contacted(self) -> Flags:
        """Who gets the chosen candidate."""
        flags: Flags = (self.chosen != NOTHING) & ~self.held_out
        return flags

    @property
    def probability(self) -> Float64s:
        """(n,) of all that came about together: the candidate, and being held out or not."""
        share = self.context.hold_out
        of_arm = np.where(self.chosen == NOTHING, 1.0, np.where(self.held_out, share, 1 - share))
        probability: Float64s = self.propensity * of_arm
        return probability

    def reasons(self, which: Indices | None = None, customers: slice = _EVERYBODY) -> Bits:
        """(c, m) all that speaks against candidates (all, if None), the choice among them included. 0: contacted."""
        index = self.menu.every if which is None else which
        bits = self.judgement.reasons(which, customers)
        value = self.judgement.values(which, customers).value
        chosen, held = self.chosen[customers], self.held_out[customers]
        some, mine = chosen != NOTHING, index[:, None] == chosen
        passed = (bits == 0) & ~mine
        chosen_value = self.chosen_value[customers]
        # equal values go to the candidate listed first
        better = some & ((chosen_value > value) | ((chosen_value == value) & (chosen < index[:, None])))
        otherwise: Any = bit_of(Reason.NO_CAPACITY)
        if self.worked:
            short = np.logical_or.reduce([one.short(customers)[index] for one in self.worked])
            otherwise = np.where(short & (value > self.price[index][:, None]), bit_of(Reason.NO_HOURS), otherwise)
        if self.context.exploration is not None:
            drawn = some & self.explored[customers]
            otherwise = np.where(drawn, bit_of(Reason.DRAWN_INSTEAD), otherwise)
        bits |= passed * np.where(better, bit_of(Reason.BETTER_OFFER), otherwise)
        if held.any():
            bits |= (mine & held) * bit_of(Reason.HELD_OUT)
        return bits

    @cached_property
    def judged(self) -> tuple[Judged, ...]:
        """One candidate after the other, each for everybody."""
        return tuple(Judged(decisions=self, index=index) for index in range(len(self.menu)))

    @cached_property
    def chosen_value(self) -> Int64s:
        """(n,) the value of what was chosen, 0 where nothing was."""
        value = np.zeros(len(self.chosen), dtype=np.int64)
        for customers in self.judgement.blocks():
            chosen = self.chosen[customers]
            at = np.flatnonzero(chosen != NOTHING)
            if len(at):
                all_values = self.judgement.values(None, customers).value
                value[customers][at] = all_values[chosen[at], at]
        return value

    def count_refusals(self) -> dict[Reason, int]:
        """Customers per reason for whom nothing was chosen, most frequent first; one may count under several."""
        counts = dict.fromkeys(WITH_BITS, 0)
        for customers in self.judgement.blocks():
            bits = np.bitwise_or.reduce(self.reasons(None, customers), axis=0, initial=np.uint64(0))
            bits = bits[self.chosen[customers] == NOTHING]
            for reason in reasons_present(bits):
                counts[reason] += int(np.count_nonzero(bits & bit_of(reason)))
        listed = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
        return {reason: count for reason, count in listed if count}

    def waterfall(self, which: Indices | None = None) -> list[tuple[Step, int]]:
        """How many customers have at least one candidate left after each step; each number at most the one before.

        Of these candidates (all, if None); the last two steps are of the choice among all.
        """
        left = dict.fromkeys(_LOST_BEFORE, 0)
        for customers in self.judgement.blocks():
            bits, mask = self.judgement.reasons(which, customers), np.uint64(0)
            for step, reasons in _LOST_BEFORE.items():
                mask |= mask_of(reasons)
                left[step] += int(np.count_nonzero(((bits & mask) == 0).any(axis=0)))
        return [
            (Step.AUDIENCE, len(self.chosen)),
            *left.items(),
            (Step.CHOSEN, int(np.count_nonzero(self.chosen != NOTHING))),
            (Step.CONTACTED, int(np.count_nonzero(self.contacted))),
        ]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One candidate for all n customers: every reason against it, and what it is worth."""

    decisions: Decisions
    index: int

    @property
    def candidate(self) -> Candidate:
        return self.decisions.menu.candidates[self.index]

    @cached_property
    def bits(self) -> Bits:
        """(n,)"""
        bits: Bits = self.decisions.reasons(np.array([self.index]))[0]
        return bits

    @cached_property
    def worth(self) -> Worth:
        return self.decisions.judgement.worth(self.index)

    @property
    def value(self) -> Int64s:
        return self.worth.value

    @property
    def allowed(self) -> Flags:
        """Nothing speaks against it: those who get it."""
        flags: Flags = self.bits == 0
        return flags

    @property
    def refusals(self) -> dict[Reason, Flags]:
        """Per reason that holds for anybody, for whom it does."""
        return {reason: (self.bits & bit_of(reason)) != 0 for reason in reasons_present(self.bits)}


def reasons_present(bits: Bits) -> Iterable[Reason]:
    """The reasons that stand in any of them."""
    together = int(np.bitwise_or.reduce(bits, initial=np.uint64(0)))
    return [reason for number, reason in enumerate(WITH_BITS) if together >> number & 1]

"""All candidates for all customers: every reason against each, and what each is worth.

Most of it holds for an offer on all channels, or for a channel with all offers, so it is kept so (a million customers ×
50 offers × 4 channels take 0.5 GB instead of 5) and put together for as many customers as one looks at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np

from lingque.core.errors import WarehouseError
from lingque.core.hashing import Float64s, Int64s
from lingque.core.reasons import Reason
from lingque.decide.contracts import OF_CONVERSION, Context, OfConversion, Requests, Worth
from lingque.decide.menu import Indices, Menu
from lingque.decide.policies import with_own
from lingque.decide.question import Axis, Policy, Question
from lingque.decide.reason_bits import Bits, bit_of
from lingque.decide.value import Scores, Values, scores_of, value_of, values_of
from lingque.govern.contracts import Flags

BLOCK = 8_192
"""Customers judged at once: what is then in work stays within tens of megabytes."""

FEW = 64
"""Customers of whom all values are kept together: they are looked at several times, and are but kilobytes."""

_EVERYBODY = slice(None)
_NO_ROWS: Bits = np.zeros((0, 0), dtype=np.uint64)


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What was judged of n customers. `bits` per axis (rows, n); `scores` per offer."""

    menu: Menu
    requests: Requests
    bits: Mapping[Axis, Bits]
    scores: Scores

    def __len__(self) -> int:
        return len(self.requests)

    @cached_property
    def _few(self) -> bool:
        return len(self) <= FEW

    def blocks(self, size: int = BLOCK) -> Iterator[slice]:
        """The customers, so many at a time."""
        for start in range(0, len(self), size):
            yield slice(start, min(start + size, len(self)))

    def reasons(self, which: Indices | None = None, customers: slice = _EVERYBODY) -> Bits:
        """(c, m) all that speaks against these candidates (all, if None): policies, worth, precedence."""
        if self._few:
            found: Bits = self._bits_of_few[slice(None) if which is None else which, customers]
            return found.copy() if which is None else found  # chosen rows are a copy already
        chosen = self.menu.every if which is None else which
        return self._with_worth(chosen, customers, self.values(chosen, customers).value)

    def values(self, which: Indices | None = None, customers: slice = _EVERYBODY) -> Values:
        """(c, m) the parts of their value."""
        if self._few:
            return self._of_few.part(which, customers)
        recent = self.requests.recent
        return values_of(
            self.menu,
            _part(self.scores, customers),
            None if recent is None else recent[:, customers],
            self.menu.every if which is None else which,
        )

    @cached_property
    def _of_few(self) -> Values:
        """Of all candidates and everybody: worked out once, where it takes no room."""
        return values_of(self.menu, self.scores, self.requests.recent, self.menu.every)

    @cached_property
    def _bits_of_few(self) -> Bits:
        """All that speaks against all candidates, likewise."""
        return self._with_worth(self.menu.every, _EVERYBODY, self._of_few.value)

    def worth(self, candidate: int) -> Worth:
        """Of one candidate, for everybody."""
        parts = self.values(np.array([candidate]))
        return Worth(
            response=parts.response[0],
            **{name: self.of_conversion(name, np.array([candidate]))[0] for name in OF_CONVERSION},
            basis=self.scores.basis[self.menu.offer_of[candidate]],
            gain=parts.gain[0],
            losses=parts.losses[0],
            fatigue=parts.fatigue[0],
            value=parts.value[0],
        )

    def varies(self, name: OfConversion) -> bool:
        """Has any offer a tag of it?"""
        return self._amounts[name][1] is not None

    def of_conversion(self, name: OfConversion, which: Indices) -> Int64s:
        """(c, m) what one conversion of these candidates earns, costs or is expected to lose: as a tag says, or as
        stated."""
        (stated, known), offers = self._amounts[name], self.menu.offer_of[which]
        if known is None:
            return np.repeat(stated[offers, None], len(self), axis=1)
        mine = known[offers]
        return np.rint(np.where(np.isnan(mine), stated[offers, None], mine)).astype(np.int64)

    @property
    def _amounts(self) -> dict[OfConversion, tuple[Int64s, Float64s | None]]:
        menu, scores = self.menu, self.scores
        return {
            "margin": (menu.margin, scores.margin),
            "conversion_cost": (menu.conversion_cost, scores.cost),
            "expected_loss": (menu.stated_loss, scores.loss),
        }

    def allowed_values(self, customers: slice = _EVERYBODY) -> Float64s:
        """(c, m) the value of every candidate where nothing speaks against it, else −∞."""
        if self._few:
            value: Float64s = self._of_few.value[:, customers].astype(np.float64)
            value[self._bits_of_few[:, customers] != 0] = -np.inf
            return value
        every, recent = self.menu.every, self.requests.recent
        recent = None if recent is None else recent[:, customers]
        value = value_of(self.menu, _part(self.scores, customers), recent, every)
        value[self._with_worth(every, customers, value) != 0] = -np.inf
        return value

    def _with_worth(self, which: Indices, customers: slice, value: Int64s | Float64s) -> Bits:
        menu = self.menu
        bits: Bits = self.bits[Axis.OFFER][:, customers][menu.offer_of[which]]
        for axis, place in (
            (Axis.ASK, menu.ask_of),
            (Axis.REACH, menu.reach_of),
            (Axis.CAP, menu.cap_of),
            (Axis.CANDIDATE, menu.every),
        ):
            rows = self.bits[axis][:, customers] if axis in self.bits else _NO_ROWS
            if rows.any():  # mostly nothing speaks there against anybody of a few
                bits |= rows[place[which]]
        worthless = value <= 0
        if worthless.any():
            bits |= worthless * bit_of(Reason.NO_VALUE)
        return bits


def judge(
    requests: Requests, menu: Menu, context: Context, *, own: Sequence[Policy] = (), block: int = BLOCK
) -> Judgement:
    """Every policy over everybody, block by block, then worth, then which offers take the place of others."""
    n, policies = len(requests), with_own(own)
    _check_rows(requests, menu)
    bits = {axis: np.zeros((rows, n), dtype=np.uint64) for axis, rows in _rows(menu, policies).items()}
    answers = requests.facts.answers(menu.conditions, requests.as_of)
    found: list[Scores] = []
    for start in range(0, max(n, 1), block):
        customers = slice(start, min(start + block, n))
        question = Question(menu, requests, context, start, customers.stop, answers[:, customers])
        for policy in policies:
            into = bits[policy.axis][:, customers]
            for reason, rows, flags in policy.judge(question):
                into[rows] |= flags * _bit(policy, reason)
        found.append(scores_of(menu, question.numbers))
    judgement = Judgement(menu=menu, requests=requests, bits=bits, scores=_joined(found))
    if not menu.supersedes:
        return judgement
    for customers in judgement.blocks(block):
        _give_precedence(judgement, customers)
    return replace(judgement)  # what was worked out of the bits before is forgotten


def _give_precedence(judgement: Judgement, customers: slice) -> None:
    """An offer gives way where one that supersedes it may be made on some channel, itself superseded or not."""
    menu = judgement.menu
    free: Flags = np.zeros((len(menu.offers), len(range(*customers.indices(len(judgement))))), dtype=np.bool_)
    np.logical_or.at(free, menu.offer_of, np.isfinite(judgement.allowed_values(customers)))
    into = judgement.bits[Axis.OFFER][:, customers]
    for offer, other in menu.supersedes:
        into[other] |= free[offer] * bit_of(Reason.SUPERSEDED)


def _bit(policy: Policy, reason: Reason) -> np.uint64:
    if reason not in policy.reasons:
        raise WarehouseError(
            f"policy '{policy.name}' gives the reason {reason.name}, which it does not name",
            next_step="add it to the policy's 'reasons'",
        )
    return bit_of(reason)


def _rows(menu: Menu, policies: Sequence[Policy]) -> dict[Axis, int]:
    rows = {
        Axis.OFFER: len(menu.offers),
        Axis.ASK: menu.asks,
        Axis.REACH: menu.reaches,
        Axis.CAP: menu.caps,
    }
    if Axis.CANDIDATE in [policy.axis for policy in policies]:
        rows[Axis.CANDIDATE] = len(menu)
    return rows


def _check_rows(requests: Requests, menu: Menu) -> None:
    given = {
        "permits": (len(requests.permits), menu.asks),
        "reachable": (len(requests.reachable), menu.reaches),
        "capped": (len(requests.capped), menu.caps),
    }
    for what, (rows, wanted) in given.items():
        if rows != wanted:
            raise WarehouseError(
                f"the request has {rows} rows of '{what}', and the candidates speak of {wanted}",
                next_step="give one row for each number that a candidate names",
            )


def _joined(parts: Sequence[Scores]) -> Scores:
    if len(parts) == 1:
        return parts[0]

    def joined(name: str) -> Any:
        listed = [getattr(part, name) for part in parts]
        return None if listed[0] is None else np.concatenate(listed, axis=1)

    return Scores(**{one.name: joined(one.name) for one in fields(Scores)})


def _part(scores: Scores, customers: slice) -> Scores:
    part = scores.each(lambda values: values[:, customers])
    return replace(part, basis=scores.basis[:, customers])

"""What the bank learns: what customers do without a contact, what a contact changes, and how much is bought."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lingque.core.hashing import Float64s, Int64s, draw
from lingque.entry.closed_loop.offers import CHANNEL_OF, CONCESSION, FEE, MARGIN, OFFER_OF, PAIRS, tag
from lingque.entry.closed_loop.seen import (
    DEPOSIT,
    GROUP_OF,
    GROUPS,
    OUTCOME_DAYS,
    WEALTH,
    Sales,
    features_of,
    with_placed,
)
from lingque.predict.calibrating import expit
from lingque.predict.effects import Effects
from lingque.predict.encoding import Code
from lingque.predict.learners import Logistic
from lingque.twin.known import Known
from lingque.twin.responding.catalogue import OFFERS

_FEWEST = 8
"""Sales, before anything is learnt from them."""
_ENOUGH_ROUNDS = 3
"""With so many rounds whose outcome is known, nothing is learnt from the time before any more."""
_CHANNEL_PLACE = {pair: int(place) for pair, place in enumerate(np.unique(CHANNEL_OF, return_inverse=True)[1])}
_TOO_LITTLE = len(np.unique(CHANNEL_OF))
"""Entries of β that say, by channel, how wrong the models are; the effects follow."""
_OPTIMISM = 1.0
"""Standard errors by which an effect is thought greater than it seems: what is not tried is not learnt (Auer 2002)."""
_AGAIN = 0.6
"""What is left of the effect of a contact soon after another; assumed."""
_OTHERS_PER_BUYER, _FEWEST_OTHERS = 5, 3_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Decided:
    """The pair that was chosen for each customer, that each was contacted with, or −1; who was held out by lot."""

    chosen: Int64s
    given: Int64s
    held_out: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Looked:
    """The customers on one morning: features (n, k), and what they were given: a pair, or −1."""

    day: int
    features: Float64s
    chosen: Int64s
    given: Int64s
    held_out: NDArray[np.bool_]
    """Would have been contacted, and was not, by lot."""
    touched: NDArray[np.bool_]
    """Contacted in the round before."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Learnt:
    """What is made of the customers on one morning, per offer or pair and customer."""

    without: Float64s
    """(offers, n) probability to buy it without a contact."""
    uplift: Float64s
    """(pairs, n)"""
    spread: Float64s
    amount: Float64s
    """(offers, n) of what is bought, NaN where nobody knows."""

    def columns(self, *, generosity: float) -> dict[str, Float64s]:
        """As tags; that share of the concessions is given. Fen are whole."""
        found: dict[str, Float64s] = {}
        for pair, offer in enumerate(OFFER_OF.tolist()):
            amount = self.amount[offer]
            uplift = np.clip(self.uplift[pair], -1.0, 1.0)
            found[tag("uplift", pair)] = uplift
            found[tag("propensity", pair)] = np.clip(self.without[offer] + uplift, 0.0, 1.0)
            found[tag("spread", pair)] = self.spread[pair]
            found[tag("margin", pair)] = np.rint(amount * MARGIN[offer] + FEE[offer])
            found[tag("cost", pair)] = np.rint(np.nan_to_num(amount) * generosity * CONCESSION[offer])
        return found


@dataclass(frozen=True, kw_only=True, eq=False)
class Rare:
    """A logistic regression on all who bought and some of the others, with its intercept put right for those left out
    (King, Zeng 2001)."""

    fitted: Logistic
    too_high: float

    @classmethod
    def fit(cls, codes: Sequence[Code], features: Float64s, bought: NDArray[np.bool_]) -> Rare:
        others = np.flatnonzero(~bought)
        wanted = max(_OTHERS_PER_BUYER * int(bought.sum()), _FEWEST_OTHERS)
        share = min(wanted / max(len(others), 1), 1.0)
        kept = others[draw(others, salt="closed loop/others") < share]
        rows = np.sort(np.concatenate([np.flatnonzero(bought), kept]))
        return cls(
            fitted=Logistic(codes, features[rows], bought[rows].astype(np.float64)),
            too_high=-float(np.log(max(len(kept), 1) / max(len(others), 1))),
        )

    def probability(self, features: Float64s) -> Float64s:
        return expit(self.fitted.log_odds(features) - self.too_high)


@dataclass(frozen=True, kw_only=True, eq=False)
class Shown:
    """What became of those contacted and held out in one round: the pair chosen and given (−1 if held out), how much of
    its effect a contact had left, and (offers, n) what was expected without one, and what was bought."""

    chosen: Int64s
    given: Int64s
    fresh: Float64s
    without: Float64s
    bought: NDArray[np.bool_]

    def teach(self, belief: Effects, *, group: int, places: Mapping[int, int]) -> Effects:
        """Of a group of offers: β is by how much models promise too little of those chosen for each channel, then what
        each pair adds, in its place; all as a share of what is expected without a contact."""
        who = np.flatnonzero(GROUP_OF[OFFER_OF[self.chosen]] == group)
        if not len(who):
            return belief
        without, given = self.without[:, who], self.given[who]
        expected = np.clip(without[group == GROUP_OF].sum(axis=0), 1e-4, 0.99)
        count = len(belief.weighted)
        features = np.zeros((len(who), count))
        # those chosen for a call are those of whom most is promised: they are compared with their like alone
        channel = np.array([_CHANNEL_PLACE[pair] for pair in self.chosen[who].tolist()])
        features[np.arange(len(who)), channel] = expected
        for pair, place in places.items():
            at = np.flatnonzero(given == pair)
            features[at, _TOO_LITTLE + place] = _own(int(OFFER_OF[pair]), without)[at] * self.fresh[who[at]]
        residual = self.bought[group == GROUP_OF][:, who].any(axis=0) - expected
        return belief.learn(features, residual, expected * np.maximum(1 - expected, 0.25))


class Models:
    """What was seen so far, and what is made of it. Nothing is known of a customer but what `Known` holds, the sales,
    and the bank's own contacts."""

    def __init__(self, known: Known, apart: NDArray[np.bool_]) -> None:
        """`apart`: who is never contacted, drawn by lot."""
        self._known, self._apart = known, apart
        self._before = Sales.of_history(known)
        self._looked: list[Looked] = []
        self._base: list[Rare | float] = [0.0] * len(OFFERS)
        self._shares, self._errors = np.zeros(len(PAIRS)), np.zeros(len(PAIRS))
        self.beliefs: list[tuple[Float64s, Float64s]] = []
        """By pair, after each lesson: what a contact adds as a share of what it works on, and its standard error."""
        self._amounts: tuple[Float64s, Float64s] = (np.full(len(OFFERS), np.nan), np.full(len(OFFERS), np.nan))
        self._lifts = _lifts_of_past_campaigns(known)

    def look(self, columns: dict[str, Float64s], touched: NDArray[np.bool_]) -> Learnt:
        """What the models say of everybody on that morning."""
        _, features = features_of(columns)
        without = self._without(features)
        uplift, spread = np.empty((len(PAIRS), len(features))), np.empty((len(PAIRS), len(features)))
        for pair, offer in enumerate(OFFER_OF.tolist()):
            works_on = _own(offer, without) * _fresh(touched)
            share = self._shares[pair] + _OPTIMISM * self._errors[pair]
            uplift[pair], spread[pair] = share * works_on, self._errors[pair] * works_on
        return Learnt(without=without, uplift=uplift, spread=spread, amount=self._amount(columns))

    def remember(self, columns: dict[str, Float64s], day: int, decided: Decided, touched: NDArray[np.bool_]) -> None:
        """What was decided on that morning."""
        _, features = features_of(columns)
        self._looked.append(
            Looked(
                day=day,
                features=features,
                chosen=decided.chosen,
                given=decided.given,
                held_out=decided.held_out,
                touched=touched,
            )
        )

    def learn(self, sales: Sales, today: int) -> None:
        """From all rounds whose outcome is known by that morning, and from the history."""
        known = [one for one in self._looked if one.day + OUTCOME_DAYS <= today]
        everything = self._before.and_then(sales)
        self._learn_base(known, everything)
        self._learn_effects(known, everything)
        self._learn_amounts(everything)

    def _learn_base(self, known: list[Looked], sales: Sales) -> None:
        n = len(self._known.age)
        nobody, nothing = np.zeros(n, dtype=np.bool_), np.full(n, -1)
        history = [
            Looked(
                day=day, features=features_of(with_placed(self._known.columns(day), sales, day))[1],
                chosen=nothing, given=nothing, held_out=nobody, touched=nobody,
            )
            for day in (self._known.today - OUTCOME_DAYS * number for number in (1, 2, 3))
        ]  # fmt: skip
        codes, _ = features_of(with_placed(self._known.columns(self._known.today), sales, self._known.today))
        bought = {one.day: one_bought for one in (*history, *known) for one_bought in [sales.after(one.day, n)]}
        for offer in range(len(OFFERS)):
            days = (*history, *known) if offer in (DEPOSIT, WEALTH) and len(known) < _ENOUGH_ROUNDS else known
            # who is never contacted is like all others, and shows what they would do
            rows = [(one, np.flatnonzero(self._apart | (one.day < self._known.today))) for one in days]
            labels = [bought[one.day][offer][where] for one, where in rows]
            count = sum(int(one.sum()) for one in labels)
            total = sum(len(one) for one in labels)
            if count < _FEWEST:
                self._base[offer] = (count + 0.5) / (total + 1_000)
                continue
            matrix = np.concatenate([one.features[where] for one, where in rows])
            self._base[offer] = Rare.fit(codes, matrix, np.concatenate(labels))

    def _without(self, features: Float64s) -> Float64s:
        return np.stack(
            [np.full(len(features), one) if isinstance(one, float) else one.probability(features) for one in self._base]
        )

    def _learn_effects(self, known: list[Looked], sales: Sales) -> None:
        """Those contacted beside those held out, whom chance alone keeps apart. By how much the models promise too much
        is learnt together with the effects, so that what is not known of the one is not thought known of the other."""
        shown = [self._shown(one, sales) for one in known]
        by_channel = self._lifts
        for one in shown:
            by_channel = one.teach(by_channel, group=0, places=_CHANNEL_PLACE)
        self._shares, self._errors = np.zeros(len(PAIRS)), np.zeros(len(PAIRS))
        for group in range(len(GROUPS)):
            pairs = np.flatnonzero(GROUP_OF[OFFER_OF] == group).tolist()
            if group == 0:
                # any offer of money moves as much of it; a fund was never proposed, and nothing is believed of it
                places = {pair: _CHANNEL_PLACE[pair] for pair in pairs if OFFERS[OFFER_OF[pair]].family != "fund"}
                belief = by_channel
            else:
                places = {pair: place for place, pair in enumerate(pairs)}
                belief = _believed([by_channel.mean[_TOO_LITTLE + _CHANNEL_PLACE[pair]] for pair in pairs], 0.05)
                for one in shown:
                    belief = one.teach(belief, group=group, places=places)
            for pair, place in places.items():
                self._shares[pair] = belief.mean[_TOO_LITTLE + place]
                self._errors[pair] = belief.deviation[_TOO_LITTLE + place]
        self.beliefs.append((self._shares, self._errors))

    def _shown(self, one: Looked, sales: Sales) -> Shown:
        who = np.flatnonzero((one.given >= 0) | one.held_out)
        return Shown(
            chosen=one.chosen[who], given=one.given[who], fresh=_fresh(one.touched[who]),
            without=self._without(one.features[who]) if len(who) else np.empty((len(OFFERS), 0)),
            bought=sales.after(one.day, len(one.given))[:, who],
        )  # fmt: skip

    def _learn_amounts(self, sales: Sales) -> None:
        """By what is due, by what lies there, or by income: in proportion."""
        due, other = np.full(len(OFFERS), np.nan), np.full(len(OFFERS), np.nan)
        # one day of each week stands for it
        recent = sales.day >= self._known.today - 3 * OUTCOME_DAYS
        groups: dict[int, list[tuple[Float64s, Float64s, NDArray[np.bool_]]]] = {}
        for day in np.unique(sales.day[recent]).tolist():
            if day % 7:
                continue
            columns = self._known.columns(day)
            mine = np.flatnonzero(recent & (sales.day >= day) & (sales.day < day + 7))
            who = sales.customer[mine]
            has = columns["maturing"][who] > 0
            for offer in np.unique(sales.offer[mine]).tolist():
                at = sales.offer[mine] == offer
                reference = _reference(offer, columns)[who[at]]
                groups.setdefault(offer, []).append((sales.amount[mine[at]].astype(np.float64), reference, has[at]))
        for offer in range(len(OFFERS)):
            alike = [one for one in groups if (one == offer or (GROUP_OF[one] == GROUP_OF[offer] == 0))]
            found = [part for one in alike for part in groups[one]]
            if not found:
                continue
            amount, reference, has = (np.concatenate([part[number] for part in found]) for number in range(3))
            for into, which in ((due, has), (other, ~has)):
                if which.sum() >= _FEWEST:
                    into[offer] = amount[which].sum() / max(reference[which].sum(), 1.0)
            if GROUP_OF[offer] != 0 and len(amount) >= _FEWEST:
                due[offer] = other[offer] = amount.sum() / max(reference.sum(), 1.0)
        self._amounts = due, other

    def _amount(self, columns: dict[str, Float64s]) -> Float64s:
        due, other = self._amounts
        has = columns["maturing"] > 0
        return np.stack(
            [np.where(has, due[offer], other[offer]) * _reference(offer, columns) for offer in range(len(OFFERS))]
        )


def _reference(offer: int, columns: dict[str, Float64s]) -> Float64s:
    if GROUP_OF[offer] != 0:
        return columns["income"]
    reference: Float64s = np.where(columns["maturing"] > 0, columns["maturing"], np.maximum(columns["balance"], 0.0))
    return reference


def _own(offer: int, without: Float64s) -> Float64s:
    """(n,) what a contact works on: money finds any place for money; of other offers each its own buyers."""
    works_on: Float64s = without[GROUP_OF == 0].sum(axis=0) if GROUP_OF[offer] == 0 else without[offer]
    return works_on


def _fresh(touched: NDArray[np.bool_]) -> Float64s:
    """How much of its effect a contact has left that follows another."""
    left: Float64s = np.where(touched, _AGAIN, 1.0)
    return left


def _lifts_of_past_campaigns(known: Known) -> Effects:
    """By channel: how much more often those asked placed their money again, as a share. It is confounded, and believed
    as little as that."""
    asked = known.asked
    lifts: list[float] = []
    for channel in np.unique(CHANNEL_OF).tolist():
        mine = asked.channel == channel
        with_it, without = mine & asked.chosen, mine & ~asked.chosen
        if with_it.sum() < _FEWEST or without.sum() < _FEWEST:
            lifts.append(0.1)
            continue
        rate = float(asked.placed[without].mean())
        lifts.append((float(asked.placed[with_it].mean()) - rate) / max(rate, 1e-3))
    return _believed(lifts, 0.07)


def _believed(shares: Sequence[float], deviation: float) -> Effects:
    """Nothing is known of what the models promise wrongly; what contacts add is believed within a deviation."""
    mean = np.array([*[0.0] * _TOO_LITTLE, *shares])
    return Effects.believed(mean, np.array([*[0.3] * _TOO_LITTLE, *[deviation] * len(shares)]))

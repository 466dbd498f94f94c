"""Policies: each a pure function to reasons, over all offers and many customers at once. All reasons are collected.

In this order, which is that of `POLICIES`:

1. permission   `govern`'s answer, taken as it is
2. reach        NOT_REACHABLE
3. pressure     CONTACT_CAP
4. validity     OFFER_NOT_VALID
5. eligibility  NOT_ELIGIBLE, ELIGIBILITY_UNKNOWN
6. suitability  by regime (`decide.suitability`)
7. stock        OUT_OF_STOCK
8. budget       BUDGET_SPENT
9. cool-down    CONTACTED_LATELY, REFUSED_LATELY, BOUGHT_LATELY
10. relations   EXCLUDED_BY_HOLDING, NEEDS_HOLDING
11. benefits    BENEFIT_WITH_DEPOSIT
12. scores      SCORE_MISSING
13. those that installed packages bring
14. worth       NO_VALUE, from the value (`decide.value`)
15. precedence  SUPERSEDED, from what is left of the others
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from lingque.core.reasons import Reason
from lingque.decide.contracts import Context, Happening, Left, limits_of
from lingque.decide.facts import FALSE, UNKNOWN, day_number
from lingque.decide.menu import Menu
from lingque.decide.question import ALL, Against, Axis, Policy, Question
from lingque.decide.reason_bits import WITH_BITS
from lingque.decide.suitability import afford_cover, bear_risk, no_students
from lingque.govern.contracts import Flags

DEPOSIT_DAYS = 30
"""For so long after a customer was proposed a deposit no benefit is proposed: together they would be a gift for it."""


def permission(question: Question) -> Iterator[Against]:
    """What `govern` has against it."""
    for row, permits in enumerate(question.requests.permits):
        for reason, flags in permits.refusals.items():
            yield reason, slice(row, row + 1), flags[None, question.start : question.stop]


def reach(question: Question) -> Iterator[Against]:
    """No address for the channel."""
    reachable = question.requests.reachable[:, question.start : question.stop]
    if not reachable.all():
        yield Reason.NOT_REACHABLE, ALL, ~reachable


def pressure(question: Question) -> Iterator[Against]:
    """One more contact would exceed a cap."""
    capped = question.requests.capped[:, question.start : question.stop]
    if capped.any():
        yield Reason.CONTACT_CAP, ALL, capped


def validity(question: Question) -> Iterator[Against]:
    """The offer is made from its first day until the day before its last."""
    offered = question.menu.offered(question.context.today)
    if not offered.all():
        yield Reason.OFFER_NOT_VALID, ALL, ~offered[:, None]


def eligibility(question: Question) -> Iterator[Against]:
    """False is a refusal; unknown is one of its own, because somebody may want to fill the gap."""
    for answer, reason in ((FALSE, Reason.NOT_ELIGIBLE), (UNKNOWN, Reason.ELIGIBILITY_UNKNOWN)):
        flags = question.answers == answer
        if flags.any():
            yield reason, ALL, flags[question.menu.condition_of]


def suitability(question: Question) -> Iterator[Against]:
    """Each regime by its own rules."""
    yield from bear_risk(question)
    yield from afford_cover(question)
    yield from no_students(question)


def stock(question: Question) -> Iterator[Against]:
    """Nothing is left."""
    menu = question.menu
    if len(menu.stocked):
        gone = [_nothing(left_of(menu, question.context, number).stock) for number in menu.stocked]
        yield Reason.OUT_OF_STOCK, menu.stocked, np.array(gone)[:, None]


def budget(question: Question) -> Iterator[Against]:
    """What is left does not pay for the cheapest contact."""
    menu = question.menu
    for number in menu.budgeted:
        left = left_of(menu, question.context, number).budget
        cheapest = int(menu.contact_cost[menu.offer_of == number].min()) + int(menu.conversion_cost[number])
        short = left is not None and (left < cheapest or left <= 0)
        yield Reason.BUDGET_SPENT, slice(number, number + 1), np.array([[short]])


def cool_down(question: Question) -> Iterator[Against]:
    """The same offer was made, refused or taken up lately. What a clock set back makes to come counts as lately."""
    past, menu = question.past, question.menu
    if not len(past.position):
        return
    ends = menu.cool_down_ends(question.context.today)
    on_menu = (question.past_places >= 0) & (question.past_places < len(menu.offers))
    for happening, kind, reason in (
        (Happening.CONTACT, "contact", Reason.CONTACTED_LATELY),
        (Happening.REFUSAL, "refusal", Reason.REFUSED_LATELY),
        (Happening.PURCHASE, "purchase", Reason.BOUGHT_LATELY),
    ):
        mine = np.flatnonzero(on_menu & (past.happening == happening))
        mine = mine[past.day[mine] >= ends[kind][question.past_places[mine]]]
        if len(mine):
            flags: Flags = np.zeros((len(menu.offers), question.customers), dtype=np.bool_)
            flags[question.past_places[mine], past.position[mine]] = True
            yield reason, ALL, flags


def relations(question: Question) -> Iterator[Against]:
    """What the customer holds excludes it, or what it needs is not known to be held."""
    for pairs, reason in (
        (question.menu.excludes, Reason.EXCLUDED_BY_HOLDING),
        (question.menu.needs, Reason.NEEDS_HOLDING),
    ):
        for offer, other in pairs:
            held = question.held[other]
            against = held if reason is Reason.EXCLUDED_BY_HOLDING else ~held
            yield reason, slice(offer, offer + 1), against[None, :]


def benefits(question: Question) -> Iterator[Against]:
    """No benefit to whom a deposit was proposed lately (银保监办发〔2018〕48号: no gifts to attract deposits)."""
    past, menu = question.past, question.menu
    if not len(menu.benefits) or not len(past.position):
        return
    first = day_number(question.context.today) - DEPOSIT_DAYS
    lately = past.deposits[past.offer] & (past.happening == Happening.CONTACT) & (past.day > first)
    flags: Flags = np.zeros((1, question.customers), dtype=np.bool_)
    flags[0, past.position[lately]] = True
    yield Reason.BENEFIT_WITH_DEPOSIT, menu.benefits, flags


def scores(question: Question) -> Iterator[Against]:
    """Nothing is assumed for whom the models are silent, where the offer wants it so."""
    menu = question.menu
    strict = menu.scored_only
    if len(strict):
        numbers = question.numbers
        silent = np.isnan(numbers[menu.propensity[strict]]) & np.isnan(numbers[menu.uplift[strict]])
        yield Reason.SCORE_MISSING, strict, silent


def left_of(menu: Menu, context: Context, number: int) -> Left:
    """What is left of an offer: as the context says, else all that there is."""
    offer = menu.offers[number]
    return context.left.get(offer.name) or limits_of(offer)


def _nothing(pieces: int | None) -> bool:
    return pieces is not None and pieces <= 0


_GOVERNED = frozenset(reason for reason in WITH_BITS if reason // 100 == 1)

POLICIES: tuple[Policy, ...] = (
    Policy(name="permission", axis=Axis.ASK, reasons=_GOVERNED, judge=permission),
    Policy(name="reach", axis=Axis.REACH, reasons=frozenset({Reason.NOT_REACHABLE}), judge=reach),
    Policy(name="pressure", axis=Axis.CAP, reasons=frozenset({Reason.CONTACT_CAP}), judge=pressure),
    Policy(name="validity", axis=Axis.OFFER, reasons=frozenset({Reason.OFFER_NOT_VALID}), judge=validity),
    Policy(
        name="eligibility",
        axis=Axis.OFFER,
        reasons=frozenset({Reason.NOT_ELIGIBLE, Reason.ELIGIBILITY_UNKNOWN}),
        judge=eligibility,
    ),
    Policy(
        name="suitability",
        axis=Axis.OFFER,
        reasons=frozenset(
            {
                Reason.ASSESSMENT_MISSING,
                Reason.ASSESSMENT_EXPIRED,
                Reason.RISK_GRADE_TOO_HIGH,
                Reason.TOO_RISKY_AT_THIS_AGE,
                Reason.NOT_NEEDED,
                Reason.NOT_AFFORDABLE,
                Reason.STUDENT,
            }
        ),
        judge=suitability,
    ),
    Policy(name="stock", axis=Axis.OFFER, reasons=frozenset({Reason.OUT_OF_STOCK}), judge=stock),
    Policy(name="budget", axis=Axis.OFFER, reasons=frozenset({Reason.BUDGET_SPENT}), judge=budget),
    Policy(
        name="cool_down",
        axis=Axis.OFFER,
        reasons=frozenset({Reason.CONTACTED_LATELY, Reason.REFUSED_LATELY, Reason.BOUGHT_LATELY}),
        judge=cool_down,
    ),
    Policy(
        name="relations",
        axis=Axis.OFFER,
        reasons=frozenset({Reason.EXCLUDED_BY_HOLDING, Reason.NEEDS_HOLDING}),
        judge=relations,
    ),
    Policy(name="benefits", axis=Axis.OFFER, reasons=frozenset({Reason.BENEFIT_WITH_DEPOSIT}), judge=benefits),
    Policy(name="scores", axis=Axis.OFFER, reasons=frozenset({Reason.SCORE_MISSING}), judge=scores),
)


def with_own(brought: Iterable[Policy]) -> tuple[Policy, ...]:
    """The house's policies, then those that others bring, in the order of their names."""
    return (*POLICIES, *sorted(brought, key=lambda policy: policy.name))

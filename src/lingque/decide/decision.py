"""The decision function: one for three clocks.

Candidates → policies → value → arbitration → who is held out. A planned decision shares out what there is among all its
customers; an asked or triggered one takes what is worth most at the prices in force. With the same tags, ledger, prices
and seed a customer has the same candidates, reasons, values and choice on every clock, except where a planned decision
says `repaired`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lingque.core.hashing import Float64s, draw
from lingque.decide.arbitration import arbitrate
from lingque.decide.choosing import Choices, Chosen, choose_at_prices
from lingque.decide.contracts import NOTHING, Context, Requests
from lingque.decide.decisions import Decisions
from lingque.decide.judging import Judgement, judge
from lingque.decide.menu import Menu
from lingque.decide.question import Policy
from lingque.decide.resources import Resource, affordable, priced, resources_of, unlimited
from lingque.decide.teams import Team, Worked, is_enough, team_of
from lingque.govern.contracts import Flags


def decide(requests: Requests, menu: Menu, context: Context, *, own: Sequence[Policy] = ()) -> Decisions:
    """Pure: writes nothing, reserves nothing, reads no clock. `own`: policies of the bank's own, after the house's.

    The draw holds out the same customers whatever they are offered; `arbitration` says why those contacted and those
    held out may be compared where something runs out. No customers, or no candidates, give no choice and no error.
    Raises `WarehouseError` for a tag that is not there or a score that is none.
    """
    return settle(judge(requests, menu, context, own=own), context)


def settle(judgement: Judgement, context: Context) -> Decisions:
    """From what was judged to what is done: arbitration, chance, who is held out."""
    resources = resources_of(judgement.menu, context)
    if judgement.requests.clock == "planned":
        teams = [team_of(one, judgement.menu, judgement.requests.facts) for one in context.hours]
        return _planned(judgement, resources, teams, context)
    return _alone(judgement, resources, context)


def _alone(judgement: Judgement, resources: Sequence[Resource], context: Context) -> Decisions:
    """Nobody's choice looks at another's; what is used up is closed to all."""
    candidates = len(judgement.menu)
    price = priced(resources, context.prices, candidates)
    within = affordable(resources, candidates)
    found = choose_at_prices(judgement, price, within, context)
    return _decisions(judgement, context, found, found.chosen, price, within)


def _planned(judgement: Judgement, resources: Sequence[Resource], teams: Sequence[Team], context: Context) -> Decisions:
    """Together, where the best of each is more than there is."""
    menu, ids = judgement.menu, judgement.requests.customer_ids
    free = np.zeros(len(menu))
    within = affordable(resources, len(menu))
    found = choose_at_prices(judgement, free, within, context)
    counted = found.chosen != NOTHING
    if context.allotted:
        counted &= draw(ids, salt=context.salt) >= context.hold_out
    some = found.chosen[counted]
    wanted = np.where(counted, found.chosen, NOTHING)
    if all(one.use[some].sum() <= one.amount for one in resources) and is_enough(teams, wanted):
        decisions = _decisions(judgement, context, found, found.chosen, free, within)
        worth = float(decisions.chosen_value[decisions.contacted].sum())
        got = decisions.chosen[decisions.contacted]
        used = [float(one.use[got].sum()) for one in resources]
        at = np.flatnonzero(decisions.contacted)
        worked = tuple(Worked(team=one, used=one.worked(at, got), price=np.zeros(len(one.units))) for one in teams)
        return replace(decisions, certificate=unlimited(worth, resources, used), worked=worked)
    values = np.empty((len(menu), len(ids)))
    for customers in judgement.blocks():
        values[:, customers] = judgement.allowed_values(customers)
    if context.exploration is not None:
        # who was drawn something gets that or nothing: only so does its probability stay known
        values[np.arange(len(menu))[:, None] != found.chosen] = -np.inf
    shared = arbitrate(
        values,
        resources,
        ids,
        held_out=draw(ids, salt=context.salt) < context.hold_out,
        hold_out=context.hold_out,
        salt=f"{context.salt}/{context.today}",
        teams=teams,
    )
    decisions = _decisions(judgement, context, found, shared.chosen, shared.price, within)
    return replace(decisions, repaired=shared.repaired, certificate=shared.certificate, worked=shared.worked)


def _decisions(
    judgement: Judgement, context: Context, found: Chosen, chosen: Choices, price: Float64s, within: Flags
) -> Decisions:
    drawn = draw(judgement.requests.customer_ids, salt=context.salt)
    some = chosen != NOTHING
    return Decisions(
        requests=judgement.requests,
        menu=judgement.menu,
        context=context,
        judgement=judgement,
        chosen=chosen,
        held_out=some & (drawn < context.hold_out),
        drawn=drawn,
        propensity=np.where(some, found.propensity, 1.0),
        explored=some & (chosen == found.chosen) & (found.chosen != found.best),
        repaired=np.zeros(len(chosen), dtype=np.bool_),
        price=price,
        within=within,
        certificate=None,
    )

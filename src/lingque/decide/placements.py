"""Several places at once, such as the cards of a page: which candidates go together, best first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lingque.decide.contracts import NOTHING
from lingque.decide.decisions import Decisions
from lingque.decide.menu import Menu


def ranked(decisions: Decisions, customer: int, *, most: int, channels: Sequence[str] = ()) -> tuple[int, ...]:
    """At most so many candidates for the customer at that position: first the chosen one, then the rest by value less
    price, of equal ones the first.

    Nothing that was refused or is not worth its price; every offer once; no two offers that exclude one another; never
    a benefit beside a deposit (银保监办发〔2018〕48号). `channels`: only those; all, if none is named. Nobody who is
    held out, or for whom nothing was chosen, gets any.
    """
    chosen = int(decisions.chosen[customer])
    if chosen == NOTHING or decisions.held_out[customer] or most < 1:
        return ()
    menu = decisions.menu
    only = slice(customer, customer + 1)
    net = decisions.judgement.allowed_values(only)[:, 0] - decisions.price
    net[net <= 0] = -np.inf
    net[~decisions.within] = -np.inf
    order = [int(index) for index in np.argsort(-net, kind="stable") if np.isfinite(net[index])]
    taken: list[int] = []
    for index in [chosen, *(index for index in order if index != chosen)]:
        if channels and menu.candidates[index].channel not in channels:
            continue
        if all(_go_together(menu, index, other) for other in taken):
            taken.append(index)
        if len(taken) == most:
            break
    return tuple(taken)


def _go_together(menu: Menu, one: int, other: int) -> bool:
    first, second = int(menu.offer_of[one]), int(menu.offer_of[other])
    if first == second or (first, second) in menu.excludes or (second, first) in menu.excludes:
        return False
    gift_for_deposit = (menu.is_benefit[first] and menu.is_deposit[second]) or (
        menu.is_deposit[first] and menu.is_benefit[second]
    )
    return not gift_for_deposit

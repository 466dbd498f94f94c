"""Working time of those who make contacts: of relationship managers, of branches, each with customers of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lingque.core.hashing import Float64s, Int64s
from lingque.decide.contracts import NOTHING, Hours
from lingque.decide.facts import Facts
from lingque.decide.menu import Menu
from lingque.govern.contracts import Flags

NOBODY = ""
"""The unit of customers whom nobody looks after: it has no time."""


@dataclass(frozen=True, kw_only=True)
class Team:
    """`subject` says whose time it is, and for which campaign alone; `units` by name, of whom `unit_of` (n,) each
    customer has one; `use` (c,) minutes of one contact with each candidate; `amount` (units,) minutes at hand."""

    subject: str
    units: tuple[str, ...]
    unit_of: Int64s
    use: Float64s
    amount: Float64s

    def worked(self, customers: Any, candidates: Any) -> Float64s:
        """(units,) what contacts of these customers with these candidates take."""
        worked = np.zeros(len(self.units))
        np.add.at(worked, self.unit_of[customers], self.use[candidates])
        return worked


@dataclass(frozen=True, kw_only=True)
class Worked:
    """A team after the choice: minutes `used` (units,), and what one minute more would earn (`price`, units)."""

    team: Team
    used: Float64s
    price: Float64s

    def cost(self, customers: slice) -> Float64s:
        """(c, m) of a contact's time, for some of the customers."""
        cost: Float64s = self.team.use[:, None] * self.price[self.team.unit_of[customers]]
        return cost

    def short(self, customers: slice) -> Flags:
        """(c, m) whether a contact's time costs something, or is not there any more."""
        unit = self.team.unit_of[customers]
        left = (self.team.amount - self.used)[unit]
        use = self.team.use[:, None]
        flags: Flags = (use > 0) & ((self.price[unit] > 0) | (use > left))
        return flags


def team_of(hours: Hours, menu: Menu, facts: Facts) -> Team:
    """Raises `WarehouseError` for a tag that is not there."""
    names = np.array([NOBODY if one is None else one for one in facts.texts(hours.of)], dtype=np.str_)
    units, unit_of = np.unique(names, return_inverse=True)
    minutes = np.array([hours.minutes.get(channel, 0) for channel in menu.channels], dtype=np.float64)
    amount = [0 if name == NOBODY else hours.units.get(name, hours.each) for name in units.tolist()]
    return Team(
        subject=hours.of,
        units=tuple(units.tolist()),
        unit_of=unit_of.astype(np.int64),
        use=minutes[menu.channel_of],
        amount=np.array(amount, dtype=np.float64),
    )


def is_enough(teams: Sequence[Team], chosen: Any) -> bool:
    """Whether everybody's candidate (n,), or `NOTHING`, fits into the time there is."""
    some = np.flatnonzero(chosen != NOTHING)
    return all((team.worked(some, chosen[some]) <= team.amount).all() for team in teams)

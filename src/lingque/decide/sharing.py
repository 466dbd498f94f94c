"""Who of a whole audience gets which candidates of one campaign or of several: nothing used beyond what there is, worth
as much as can be.

Everybody is allocated together (`allocation`), and each resource (a channel, an offer's stock or budget) gets a price:
what the last unit of it is worth. The certificate says how much more any other choice could be worth at most.

*Who is compared with whom.* Only those who are contacted use anything, so the allocation is made for what there is ÷
(1 − hold-out) customers, with no look at the draws that hold out. Where campaigns hold out different shares, a customer
of each counts with the share that is contacted, in value as in use. Then everybody comes in the order of value less
price, and takes what the allocation gave them if enough is still left: taken or passed over before their own draw is
looked at, which then says only whether they use it. So whether somebody is considered depends on the draws of others
and never on their own: among all who are considered for a candidate each is held out with the same probability,
whatever their value, and the two groups differ by chance alone. What is left since more were held out than the mean
goes to those who may have more, in the same order. Ties are broken by a draw of their own salt, since breaking
them by the draw that holds out would favour one of the groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lingque.core.hashing import Float64s, Int64s, draw
from lingque.decide.allocation.certificate import Certificate, LimitReport
from lingque.decide.allocation.crews import spans
from lingque.decide.allocation.infeasible import Conflict, Infeasible
from lingque.decide.allocation.limits import Limit, Row
from lingque.decide.allocation.menu import Menu as Kinds
from lingque.decide.allocation.problem import Crew, Problem, smallest_kinds
from lingque.decide.allocation.ranks import Rank, Ranked, allocate_by_rank
from lingque.decide.allocation.solver import Allocation, Effort, allocate
from lingque.decide.choosing import Choices, best_of
from lingque.decide.contracts import NOTHING
from lingque.decide.judging import BLOCK
from lingque.decide.resources import Resource, reports_of
from lingque.decide.taking import Indices, Taking
from lingque.decide.teams import Team, Worked
from lingque.govern.contracts import Flags

FIRST = "service first"
"""What the minimum is called that keeps the first rank's contacts; no campaign has a name with a space."""
_EFFORT = Effort(gap=1e-6)


@dataclass(frozen=True, kw_only=True)
class Side:
    """A campaign among those that share. `candidates` are its places among all, in a row; `held_out` (n,): who, if
    chosen, is not contacted, a share `hold_out` of all. A customer gets one contact of those of a `group` at most;
    a side that comes `first` loses no contact to one that does not."""

    name: str
    candidates: slice
    hold_out: float
    held_out: Flags
    group: int = 0
    first: bool = False


@dataclass(frozen=True, kw_only=True)
class Shared:
    """`chosen` (sides, n): the index of each customer's candidate on each side, or `NOTHING`. `price` (c,) of one
    contact with a candidate.

    The certificate speaks of those who may be contacted: what they get is worth its objective, and nothing within the
    resources is worth more than its bound. Of a minimum, and of what comes first, it counts as demanded no more than
    was reached: chance in who is held out may leave a few short. `price` leaves out the time of the teams, whose price
    depends on the customer: `worked` says what it is."""

    chosen: Choices
    price: Float64s
    certificate: Certificate
    worked: tuple[Worked, ...] = ()


def share_out(
    values: Float64s,
    resources: Sequence[Resource],
    customer_ids: Int64s,
    sides: Sequence[Side],
    *,
    salt: str,
    most: NDArray[np.uint8] | None = None,
    teams: Sequence[Team] = (),
) -> Shared | Infeasible:
    """`values` (c, n): where a candidate may be chosen its value, of more than 0, else −∞. A resource of
    `Limit.MINIMUM` is a demand. `most` (n,) contacts of a customer in all; one, if None.

    Equal values go to the candidate listed first, and among customers to those drawn first by the salt. Minimums that
    cannot be reached are named.
    """
    turn = np.lexsort((customer_ids, draw(customer_ids, salt=f"{salt}/turn")))
    contest = _Contest(
        values=values[:, turn],
        resources=tuple(resources),
        sides=tuple(replace(one, held_out=one.held_out[turn]) for one in sides),
        most=np.ones(len(turn), dtype=np.uint8) if most is None else most[turn],
        teams=tuple(replace(one, unit_of=one.unit_of[turn]) for one in teams),
    )
    found = contest.allocated()
    if isinstance(found, Infeasible):
        return found
    in_turn = contest.in_turn(*found)
    chosen = np.full(in_turn.shape, NOTHING, dtype=np.int32)
    chosen[:, turn] = in_turn
    worked = contest.worked(in_turn, found[1])
    return Shared(
        chosen=chosen,
        price=found[1].price,
        certificate=contest.certificate(in_turn, found[1]),
        worked=tuple(replace(one, team=team) for one, team in zip(worked, teams, strict=True)),
    )


@dataclass(frozen=True, kw_only=True)
class _Prices:
    """Of the resources (r,), 0 or more; of one contact with each candidate (c,); of one more contact of those who come
    first, what it costs the others; of a minute of each team's units."""

    of_resources: Float64s
    price: Float64s
    of_time: tuple[Float64s, ...]
    first: float = 0.0


class _Contest:
    """What is shared out, customers in the order in which ties are broken."""

    def __init__(
        self,
        *,
        values: Float64s,
        resources: tuple[Resource, ...],
        sides: tuple[Side, ...],
        most: NDArray[np.uint8],
        teams: tuple[Team, ...],
    ) -> None:
        self.values, self.resources, self.sides, self.most, self.teams = values, resources, sides, most, teams
        self.use = np.array([one.use for one in resources], dtype=np.float64).reshape(len(resources), len(values))
        self.amount = np.array([one.amount for one in resources], dtype=np.float64)
        self.demands = np.array([one.limit is Limit.MINIMUM for one in resources], dtype=np.bool_)
        self.sign = np.where(self.demands, -1.0, 1.0)
        self.side_of = np.zeros(len(values), dtype=np.intp)
        for number, side in enumerate(sides):
            self.side_of[side.candidates] = number
        self.group_of = np.array([side.group for side in sides], dtype=np.intp)[self.side_of]
        self.first = np.array([side.first for side in sides], dtype=np.bool_)[self.side_of]
        self.held_out = np.array([side.held_out for side in sides], dtype=np.bool_).reshape(len(sides), len(most))
        contacted = 1 - np.array([side.hold_out for side in sides], dtype=np.float64)
        self.contacted = float(contacted.max())
        self.weight: Float64s = (contacted / self.contacted)[self.side_of]

    def allocated(self) -> tuple[Choices, _Prices] | Infeasible:
        """Each side's candidate for each customer in the best allocation within the room, and the prices."""
        weight, room = self.weight, self.amount / self.contacted
        room = np.where(self.demands, np.ceil(room - 1e-9), np.floor(room + 1e-9))
        free = _Prices(
            of_resources=np.zeros(len(self.resources)),
            price=np.zeros(len(self.values)),
            of_time=tuple(np.zeros(len(one.units)) for one in self.teams),
        )
        if not self.first.any() or self.first.all():
            # of one campaign all weights are 1, and the values are as large as all the rest together
            wish = self._best(self.values if (weight == 1).all() else self.values * weight[:, None])
            used = self.use @ (weight * np.bincount(wish[wish != NOTHING], minlength=len(self.values)))
            if (self.sign * used <= self.sign * room).all() and self._in_time(wish):
                return wish, free
        problem = self._problem(room)
        ranks = [side.name for side in self.sides if side.first]
        found: Ranked | Allocation | Infeasible
        if ranks and len(ranks) < len(self.sides):
            found = allocate_by_rank(problem, [Rank(name=FIRST, offers=tuple(ranks))], _EFFORT)
            if isinstance(found, Ranked):
                found = found.allocation
        else:
            found = allocate(problem, _EFFORT)
        if isinstance(found, Infeasible):
            return replace(found, conflicts=tuple(self._told(one) for one in found.conflicts))
        # in the order of the resources; what a rank was given comes after them
        prices = found.certificate.prices[: len(self.resources)]
        of_time = tuple(found.certificate.unit_prices[span] for span in spans(problem))
        first = found.certificate.price_of.get(f"{Limit.MINIMUM.value}:{FIRST}", 0.0)
        wish = self._chosen(problem, found)
        self._settle_ties(wish)
        # a price is of a unit really used, what comes first is counted in customers considered
        price = (self.sign * prices) @ self.use - first * self.first / weight
        return wish, _Prices(of_resources=prices, price=price, of_time=of_time, first=first)

    def _in_time(self, wish: Choices) -> bool:
        customers, candidates = _pairs(wish)
        for team in self.teams:
            weighted = replace(team, use=team.use * self.weight)
            if (weighted.worked(customers, candidates) > team.amount / self.contacted).any():
                return False
        return True

    def _told(self, conflict: Conflict) -> Conflict:
        """In contacts really made; a demand gives way by no more than all of it, which whole customers may count as."""
        amount, give = conflict.amount * self.contacted, conflict.give * self.contacted
        demanded = conflict.name in {one.name for one in self.resources if one.limit is Limit.MINIMUM}
        return replace(conflict, amount=amount, give=min(give, amount) if demanded else give)

    def _problem(self, room: Float64s) -> Problem:
        """Each side is an offer, each of its candidates a channel of its own: what excludes one another on a side is
        left to "one per offer"."""
        widest = max(len(range(*one.candidates.indices(len(self.values)))) for one in self.sides)
        groups: dict[int, list[str]] = {}
        for side in self.sides:
            groups.setdefault(side.group, []).append(side.name)
        kinds = Kinds(
            offers=tuple(side.name for side in self.sides),
            channels=tuple(str(number) for number in range(widest)),
            most_per_channel=(int(self.most.max(initial=1)),) * widest,
            exclusive=tuple(tuple(names) for names in groups.values() if len(names) > 1),
        )
        first = np.array([side.candidates.start for side in self.sides], dtype=np.intp)[self.side_of]
        kind_of = self.side_of * widest + np.arange(len(self.values)) - first
        of_kind = np.full(kinds.kinds, NOTHING, dtype=np.int32)
        of_kind[kind_of] = np.arange(len(self.values), dtype=np.int32)
        self._of_kind = of_kind
        worth = self.values.T > 0
        candidates = np.nonzero(worth)[1]
        use = np.zeros((len(self.resources), kinds.kinds))
        use[:, kind_of] = self.use * self.weight
        crews = []
        for team in self.teams:
            takes = np.zeros(kinds.kinds)
            takes[kind_of] = team.use * self.weight
            hours = np.floor(team.amount / self.contacted + 1e-9)
            crews.append(Crew(name=f"hours:{team.subject}", unit_of=team.unit_of, use=takes, hours=hours))
        return Problem(
            menu=kinds,
            starts=np.concatenate(([0], np.cumsum(worth.sum(axis=1)))).astype(np.int64),
            kinds=smallest_kinds(kind_of[candidates], kinds),
            values=(self.values.T[worth] * self.weight[candidates]).astype(np.float32),
            most=self.most,
            rows=tuple(
                Row(limit=one.limit, subject=one.subject, use=used, amount=float(amount))
                for one, used, amount in zip(self.resources, use, room, strict=True)
            ),
            crews=tuple(crews),
        )

    def _chosen(self, problem: Problem, found: Allocation) -> Choices:
        wish = np.full(self.held_out.shape, NOTHING, dtype=np.int32)
        customers, places = np.nonzero(found.choice >= 0)
        kinds = problem.kinds[problem.starts[customers] + found.choice[customers, places]]
        candidates = self._of_kind[kinds]
        wish[self.side_of[candidates], customers] = candidates
        return wish

    def _settle_ties(self, wish: Choices) -> None:
        """Of a side's candidates that use no more of anything the best one, of equal ones the first."""
        use = np.concatenate((self.use, *(team.use[None, :] for team in self.teams)))
        demanded = np.concatenate((self.demands, np.zeros(len(self.teams), dtype=np.bool_)))
        given = wish.copy()
        for index in range(len(self.values)):
            mine = use[:, [index]]
            no_more = np.where(demanded[:, None], use == mine, use <= mine).all(axis=0)
            members = np.flatnonzero(no_more & (self.side_of == self.side_of[index]))
            there = given[self.side_of[index]] == index
            best = np.argmax(self.values[members][:, there], axis=0)
            wish[self.side_of[index], there] = members[best]

    def _best(self, net: Float64s) -> Choices:
        """(sides, n) what is worth most to each customer alone: the best of each group, and of these the best few."""
        wish = np.full(self.held_out.shape, NOTHING, dtype=np.int32)
        groups = np.unique(self.group_of)
        members = [np.flatnonzero(self.group_of == group) for group in groups]
        parts = [net if len(which) == len(net) else net[which] for which in members]
        best = np.array([_of(which, best_of(part)) for which, part in zip(members, parts, strict=True)], dtype=np.int32)
        everybody = np.arange(net.shape[1])
        worth = np.where(best != NOTHING, net[best, everybody], -np.inf)
        order = np.argsort(-worth, axis=0, kind="stable")
        for place in range(min(len(groups), int(self.most.max(initial=0)))):
            mine = best[order[place], everybody]
            some = np.flatnonzero((mine != NOTHING) & (place < self.most))
            wish[self.side_of[mine[some]], some] = mine[some]
        return wish

    def in_turn(self, wish: Choices, prices: _Prices) -> Choices:
        """What customers take of their wishes, then of what is left."""
        taking = Taking(
            use=self.use[~self.demands],
            amount=self.amount[~self.demands],
            teams=self.teams,
            side_of=self.side_of,
            group_of=self.group_of,
            held_out=self.held_out,
            most=self.most,
        )
        customers, candidates = _pairs(wish)
        order = _order(self.net(prices, candidates, customers))
        customers, candidates = customers[order], candidates[order]
        fits = taking.in_time(customers, candidates)
        for row, end in enumerate(taking.ends(customers, candidates)):
            fits[end:] &= taking.use[row, candidates[end:]] == 0
        taking.take(customers[fits], candidates[fits])
        # In each round everybody who may have more proposes the best that still fits, and all are taken up to the first
        # for whom too little is left, whose candidate then is closed: it is what taking pair by pair would have done.
        # Of a unit's time each unit's own are taken so, and nobody waits for another unit's.
        # A demand that has been met is worth nothing more. What is used up, mostly nearly all, is not looked at again.
        while True:
            met = prices.of_resources * (self.demands & (self.use @ taking.contacted >= self.amount))
            open_candidates, open_customers, closed = taking.open()
            net = self.net(prices, *np.ix_(open_candidates, open_customers))
            net -= (met @ self.use)[open_candidates, None]
            net[closed] = -np.inf
            proposed = best_of(net)
            some = np.flatnonzero(proposed != NOTHING)
            if not len(some):
                return taking.chosen
            some = some[_order(net[proposed[some], some])]
            customers, candidates = open_customers[some], open_candidates[proposed[some]].astype(np.int32)
            end = min(taking.ends(customers, candidates), default=len(some))
            fits = taking.in_time(customers, candidates)
            fits[end:] = False
            taking.take(customers[fits], candidates[fits])

    def net(self, prices: _Prices, candidates: Any, customers: Any) -> Float64s:
        """Values of these candidates for these customers, which are indices that go together, less the prices of what a
        contact uses."""
        net: Float64s = self.values[candidates, customers] - prices.price[candidates]
        for team, of_time in zip(self.teams, prices.of_time, strict=True):
            net -= team.use[candidates] * of_time[team.unit_of[customers]]
        return net

    def worked(self, chosen: Choices, prices: _Prices) -> tuple[Worked, ...]:
        """The teams' time, of those contacted."""
        pairs = _pairs(np.where(self.held_out, NOTHING, chosen))
        return tuple(
            Worked(team=team, used=team.worked(*pairs), price=of_time)
            for team, of_time in zip(self.teams, prices.of_time, strict=True)
        )

    def certificate(self, chosen: Choices, prices: _Prices) -> Certificate:
        """Of those who may be contacted; weak duality at the prices of everybody's allocation."""
        got = np.where(self.held_out, NOTHING, chosen)
        customers, candidates = _pairs(got)
        count = np.bincount(candidates, minlength=len(self.values))
        used = self.use @ count
        amount = np.where(self.demands, np.minimum(self.amount, used), self.amount)
        served = float(count[self.first].sum())
        demanded = prices.first * float(count @ (self.first / self.weight))
        bound = float(self._most(prices) + (self.sign * prices.of_resources) @ amount - demanded)
        bound += sum(float(of_time @ team.amount) for team, of_time in zip(self.teams, prices.of_time, strict=True))
        reports = reports_of(self.resources, used.tolist(), prices.of_resources.tolist())
        if prices.first:
            reports += (
                LimitReport(limit=Limit.MINIMUM, subject=FIRST, amount=served, used=served, price=prices.first),
            )
        return Certificate(
            objective=float(self.values[candidates, customers].sum()),
            bound=bound,
            limits=reports,
            staff_prices=np.empty(0),
        )

    def _most(self, prices: _Prices) -> float:
        """What the best contacts of all who may be contacted are worth together, less the prices."""
        members = [np.flatnonzero(self.group_of == group) for group in np.unique(self.group_of)]
        best = np.empty((len(members), len(self.most)))
        every = np.arange(len(self.values))
        for start in range(0, len(self.most), BLOCK):
            part = slice(start, start + BLOCK)
            net = self.net(prices, *np.ix_(every, np.arange(len(self.most))[part]))
            net[self.held_out[:, part][self.side_of]] = -np.inf
            best[:, part] = [net[which].max(axis=0, initial=0.0) for which in members]
        best = -np.sort(-best, axis=0)
        within = np.arange(len(members))[:, None] < self.most
        return float(best[within].sum())


def _of(which: Indices, best: Choices) -> Choices:
    """Places among some as places among all."""
    found: Choices = np.where(best == NOTHING, NOTHING, which[best]).astype(np.int32)
    return found


def _pairs(chosen: Choices) -> tuple[Indices, Choices]:
    """Customers and their candidates, a customer's side by side."""
    customers, sides = np.nonzero(chosen.T != NOTHING)
    return customers, chosen[sides, customers]


def _order(net: Float64s) -> Indices:
    """By how much each is worth."""
    order: Indices = np.argsort(-net, kind="stable")
    return order

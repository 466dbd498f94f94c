"""Is it true what a certificate claims? Computed anew from the problem and the choice, in float64.

Nothing of the solver is used here: usage is added up entry by entry, and the bound comes from a customer-by-customer
search of its own (depth first over sets of contacts, where the solver walks augmenting paths). A choice that is worth
more than its bound is a fault of one of the two, and fails.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from lingque.core.hashing import Float64s, Int64s
from lingque.decide.allocation.certificate import Certificate
from lingque.decide.allocation.compiled import kernel
from lingque.decide.allocation.limits import Limit, Row
from lingque.decide.allocation.passes import Choice
from lingque.decide.allocation.problem import Crew, Problem

ROUNDING = 1e-9
"""Relative; what sums of that many float64 may differ by, and no more."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the verifier computed itself, and everything that it finds wrong. `holds` if that is nothing."""

    objective: float
    bound: float
    faults: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return not self.faults

    @property
    def gap(self) -> float:
        """Between what was computed here."""
        return max(self.bound - self.objective, 0.0) / max(abs(self.bound), 1e-300)


def verify(problem: Problem, choice: Choice, certificate: Certificate) -> Verdict:
    """Checks every limit of every customer, every row, branch and crew, the objective and the bound."""
    faults = list(_shape_faults(problem, choice))
    if faults:
        return Verdict(objective=float("nan"), bound=float("nan"), faults=tuple(faults))
    customers, places = np.nonzero(choice >= 0)
    entries = problem.starts[customers] + choice[customers, places]
    faults += _local_faults(problem, customers, entries)
    faults += _global_faults(problem, customers, entries, certificate)
    objective = float(np.sum(problem.values[entries], dtype=np.float64))
    bound = _bound(problem, certificate)
    scale = max(abs(objective), abs(bound))
    if abs(objective - certificate.objective) > ROUNDING * scale:
        faults.append(f"the choice is worth {objective:.9g}, not {certificate.objective:.9g} as certified")
    if bound > certificate.bound + ROUNDING * scale:
        faults.append(f"the prices prove {bound:.9g} only, not {certificate.bound:.9g} as certified")
    if objective > bound + ROUNDING * scale:
        faults.append(f"the choice is worth {objective:.9g}, more than the bound {bound:.9g}: one of them is wrong")
    return Verdict(objective=objective, bound=bound, faults=tuple(faults))


def _shape_faults(problem: Problem, choice: Choice) -> list[str]:
    if choice.ndim != 2 or len(choice) != problem.customers:
        return [f"the choice has {len(choice)} rows for {problem.customers} customers"]
    lengths = np.diff(problem.starts)
    outside = (choice >= lengths[:, None]) | (choice < -1)
    if outside.any():
        return [f"customer {int(np.argmax(outside.any(axis=1)))} gets an entry that is not there"]
    return []


def _local_faults(problem: Problem, customers: Int64s, entries: Int64s) -> list[str]:
    faults = []
    menu, kinds = problem.menu, problem.kinds[entries].astype(np.int64)
    counted = np.bincount(customers, minlength=problem.customers)
    if (counted > problem.most).any():
        faults.append(f"customer {int(np.argmax(counted > problem.most))} gets more contacts than the most")
    if len(np.unique(entries)) < len(entries):
        faults.append("somebody gets the same entry twice")
    classes, times = np.unique(customers * menu.kinds + menu.class_of[kinds], return_counts=True)
    if (times > 1).any():
        faults.append(f"customer {int(classes[times > 1][0] // menu.kinds)} gets two offers that exclude one another")
    for need, (offer, needed) in enumerate(menu.need_pairs):
        having = set(customers[menu.offer_of[kinds] == needed].tolist())
        if problem.has is not None:
            having |= set(np.flatnonzero(problem.has[:, need]).tolist())
        without = [one for one in customers[menu.offer_of[kinds] == offer].tolist() if one not in having]
        if without:
            faults.append(f"customer {without[0]} gets '{menu.offers[offer]}' without '{menu.offers[needed]}'")
    on_channel, times = np.unique(customers * len(menu.channels) + menu.channel_of[kinds], return_counts=True)
    over = times > menu.caps[on_channel % len(menu.channels)]
    if over.any():
        customer, channel = divmod(int(on_channel[over][0]), len(menu.channels))
        faults.append(f"customer {customer} gets too many contacts on {menu.channels[channel]}")
    return faults


def _global_faults(problem: Problem, customers: Int64s, entries: Int64s, certificate: Certificate) -> list[str]:
    faults = []
    kinds = problem.kinds[entries].astype(np.int64)
    cost = np.zeros(len(entries))
    if problem.cost_of_kind is not None:
        cost = problem.cost_of_kind[kinds]
    elif problem.costs is not None:
        cost = problem.costs[entries].astype(np.float64)
    if [one.name for one in certificate.limits] != [row.name for row in problem.rows]:
        return ["the certificate speaks of other limits"]
    for row, report in zip(problem.rows, certificate.limits, strict=True):
        used = float(np.sum(row.use[kinds] * (cost if row.spends else 1.0)))
        over = row.sign * (used - row.amount)
        if over > ROUNDING * max(row.amount, 1e-3):
            faults.append(f"'{row.name}' is {row.amount:.9g}, used are {used:.9g}")
        if abs(used - report.used) > ROUNDING * max(abs(used), row.amount, 1.0):
            faults.append(f"of '{row.name}' {used:.9g} are used, not {report.used:.9g} as certified")
        if not report.price >= 0:
            faults.append(f"'{row.name}' has the price {report.price}")
    if problem.staff is not None:
        staffed = problem.menu.channel_of[kinds] == problem.menu.channel(problem.staff.channel)
        branch = np.searchsorted(problem.staff.starts, customers[staffed], side="right") - 1
        hours = np.bincount(branch, minlength=len(problem.staff.hours)) * problem.staff.hours_per_contact
        over_hours = hours > problem.staff.hours * (1 + ROUNDING)
        if over_hours.any():
            faults.append(f"branch {int(np.argmax(over_hours))} works more hours than it has")
        if not (certificate.staff_prices >= 0).all() or len(certificate.staff_prices) != len(hours):
            faults.append("the branches' prices are not one number of 0 or more each")
    faults += _crew_faults(problem, customers, kinds, certificate)
    return faults


def _crew_faults(problem: Problem, customers: Int64s, kinds: Int64s, certificate: Certificate) -> list[str]:
    faults = []
    for crew in problem.crews:
        worked = np.zeros(len(crew.hours))
        np.add.at(worked, crew.unit_of[customers], crew.use[kinds])
        over = worked > crew.hours * (1 + ROUNDING) + ROUNDING
        if over.any():
            faults.append(f"unit {int(np.argmax(over))} of '{crew.name}' works more hours than it has")
    units = sum(len(crew.hours) for crew in problem.crews)
    if len(certificate.unit_prices) != units or not (certificate.unit_prices >= 0).all():
        faults.append("the crews' prices are not one number of 0 or more for each unit")
    return faults


def _paid_for_hours(problem: Problem, certificate: Certificate) -> tuple[Any, float]:
    """What entries are worth less the price of the time that they take, and what the hours come to."""
    if not problem.crews:
        return problem.values, 0.0
    values, paid, first = problem.values.astype(np.float64), 0.0, 0
    whose = np.repeat(np.arange(problem.customers), np.diff(problem.starts))
    for crew in problem.crews:
        prices = certificate.unit_prices[first : first + len(crew.hours)]
        values -= prices[crew.unit_of[whose]] * crew.use[problem.kinds]
        paid += float(prices @ _in_whole_times(crew))
        first += len(crew.hours)
    return values, paid


def _in_whole_times(crew: Crew) -> Float64s:
    """Of each unit's hours what contacts can fill, where all of them take a multiple of the same."""
    times = sorted({float(time) for time in crew.use if time > 0})
    step = times[0] if len(times) == 1 else 0.0
    if len(times) > 1 and all(time.is_integer() for time in times):
        step = float(math.gcd(*(int(time) for time in times)))
    if crew.shared or not step:
        return crew.hours
    return np.array([math.floor(hours / step * (1 + 1e-12)) * step for hours in crew.hours.tolist()])


def _bound(problem: Problem, certificate: Certificate) -> float:
    """Σ price × limit + Σ over customers of the most that they are worth at the prices."""
    menu, staff = problem.menu, problem.staff
    price, per_cost = np.zeros(menu.kinds), np.zeros(menu.kinds)
    paid = 0.0
    for row, report in zip(problem.rows, certificate.limits, strict=True):
        signed = row.sign * report.price
        paid += signed * _in_whole_contacts(problem, row)
        if not row.spends:
            price += signed * row.use
        elif problem.cost_of_kind is not None:
            price += signed * row.use * problem.cost_of_kind
        else:
            per_cost += signed * row.use
    extra = np.zeros(problem.customers)
    staffed = -1
    if staff is not None:
        staffed = menu.channel(staff.channel)
        extra = np.repeat(certificate.staff_prices, np.diff(staff.starts))
        # nobody is called by half: the whole contacts that the hours allow are a limit as well
        paid += float(certificate.staff_prices @ np.floor(staff.hours / staff.hours_per_contact * (1 + 1e-12)))
    costs = np.empty(0, dtype=np.float32) if problem.costs is None else problem.costs
    values, for_hours = _paid_for_hours(problem, certificate)
    most = _most_worth(
        problem.starts, problem.kinds, values, costs, problem.most, price, per_cost, extra, staffed,
        menu.class_of, menu.channel_of, menu.caps, menu.offer_of, menu.need_pairs,
        np.zeros((problem.customers, len(menu.needs)), dtype=np.bool_) if problem.has is None else problem.has,
    )  # fmt: skip
    return paid + for_hours + float(most)


def _in_whole_contacts(problem: Problem, row: Row) -> float:
    """The part of the amount that can be used where every contact uses the same; of a minimum, what it takes."""
    used = row.use
    if row.spends:
        if problem.cost_of_kind is None:
            return row.amount
        used = used * problem.cost_of_kind
    each = np.unique(used[used > 0])
    if row.shared or len(each) != 1:
        return row.amount
    contacts = row.amount / float(each[0])
    nearest = round(contacts)
    if abs(contacts - nearest) > 1e-12 * max(contacts, 1.0):
        nearest = math.ceil(contacts) if row.limit is Limit.MINIMUM else math.floor(contacts)
    return nearest * float(each[0])


@kernel
def _most_worth(
    starts: Any, kinds: Any, values: Any, costs: Any, most: Any, price: Any, per_cost: Any, extra: Any, staffed: int,
    class_of: Any, channel_of: Any, caps: Any, offer_of: Any, need_pairs: Any, has: Any,
) -> float:  # fmt: skip
    total = 0.0
    needed = np.zeros(len(offer_of), dtype=np.bool_)
    for need in range(len(need_pairs)):
        needed |= offer_of == need_pairs[need, 1]
    widest: Any = 1
    for customer in range(len(starts) - 1):
        widest = max(widest, starts[customer + 1] - starts[customer])
    net = np.empty(widest)
    kind_of = np.empty(widest, dtype=np.int64)
    taken = np.empty(widest + 1, dtype=np.int64)
    for customer in range(len(starts) - 1):
        size: Any = 0
        for entry in range(starts[customer], starts[customer + 1]):
            kind = np.int64(kinds[entry])
            worth = np.float64(values[entry]) - price[kind]
            if len(costs) > 0:
                worth -= per_cost[kind] * np.float64(costs[entry])
            if channel_of[kind] == staffed:
                worth -= extra[customer]
            if worth > 0 or needed[kind]:
                net[size] = worth
                kind_of[size] = kind
                size += 1
        at_most = min(np.int64(most[customer]), size)
        if at_most == 0:
            continue
        if at_most == 1 and len(need_pairs) == 0:
            best = 0.0
            for at in range(size):
                if caps[channel_of[kind_of[at]]] > 0:
                    best = max(best, net[at])
            total += best
            continue
        order = np.argsort(-net[:size])
        # depth first, best entries first: take the next that fits; turn back when even the best that could
        # still come would not be more
        best = 0.0
        worth = 0.0
        depth = 0
        at = 0
        while True:
            promising = at < size and depth < at_most
            if promising:
                hope = worth
                for ahead in range(at, min(at + at_most - depth, size)):
                    hope += max(net[order[ahead]], 0.0)
                promising = hope > best
            if promising:
                kind = kind_of[order[at]]
                fits = True
                on_channel = 0
                for before in range(depth):
                    other = kind_of[order[taken[before]]]
                    if class_of[other] == class_of[kind]:
                        fits = False
                    if channel_of[other] == channel_of[kind]:
                        on_channel += 1
                if fits and on_channel < caps[channel_of[kind]]:
                    taken[depth] = at
                    depth += 1
                    worth += net[order[at]]
                    whole = True
                    for need in range(len(need_pairs)):
                        asks = False
                        gets: Any = has[customer, need]
                        for mine in range(depth):
                            offer = offer_of[kind_of[order[taken[mine]]]]
                            asks |= offer == need_pairs[need, 0]
                            gets |= offer == need_pairs[need, 1]
                        whole = whole and (gets or not asks)
                    if whole:
                        best = max(best, worth)
                at += 1
                continue
            if depth == 0:
                break
            depth -= 1
            worth -= net[order[taken[depth]]]
            at = taken[depth] + 1
        total += best
    return total

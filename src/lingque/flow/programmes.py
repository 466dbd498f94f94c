"""Campaigns planned together: one allocation in which they compete for the same customers, capacities and budgets.

What each is given is kept as it was shared out, and nothing else may be done when it runs: so each is reviewed,
approved, run and stopped by itself, and what is common to them is used by none of them twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import combinations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from sqlalchemy import Connection

from lingque.catalog.definitions import ProgrammeDefinition
from lingque.catalog.definitions.offers import OfferDefinition
from lingque.catalog.model import Catalog, Offer
from lingque.core.clock import Instant
from lingque.core.hashing import Float64s, Int64s, bucket_of, draw
from lingque.core.money import Money
from lingque.core.reasons import Reason, Refusal
from lingque.core.registries import Purpose
from lingque.decide.allocation.certificate import LimitReport
from lingque.decide.allocation.infeasible import Infeasible
from lingque.decide.allocation.limits import Limit
from lingque.decide.choosing import Choices
from lingque.decide.contracts import ALLOTMENT_TABLE, DECISION_ORDER, NOTHING, Hours
from lingque.decide.resources import Resource, resources_of
from lingque.decide.sharing import FIRST, Shared, Side, share_out
from lingque.decide.teams import NOBODY, Team, team_of
from lingque.engage.contracts import SharedLimit, Stage, Together
from lingque.engage.planning import hours_of
from lingque.flow.deciding import Considered, Decided, consider
from lingque.flow.forecasting import hours_limit
from lingque.flow.services import Services
from lingque.govern.contracts import Flags
from lingque.store.runs import published_versions
from lingque.warehouse.tables import Slice

_GIVEN = "SELECT customer_id, offer, channel FROM allotments WHERE plan = $plan"


@dataclass(frozen=True, kw_only=True)
class Part:
    """What a campaign is given: its decisions, what that means beside the others, and whom it is to consider with what
    (`customer_id`, `offer`, `channel`), those it holds out included."""

    decided: Decided
    together: Together
    given: pa.Table


def share_among(
    services: Services,
    connection: Connection,
    catalog: Catalog,
    programme: ProgrammeDefinition,
    stages: Mapping[str, tuple[Stage, ...]],
    *,
    moment: Instant,
) -> dict[str, Part] | Refusal:
    """Share out among the programme's campaigns, whose `stages` are over one snapshot. Writes nothing.

    Refused (LIMITS_CONTRADICT) where the minimums cannot be reached, with the least by which they would have to give.
    """
    considered = {
        name: consider(services, connection, catalog, of_one, moment=moment) for name, of_one in stages.items()
    }
    hours = {name: hours_of(programme.hours, catalog.campaign(name)) for name in considered}
    contest = _Contest(programme=programme, considered=considered, hours=hours)
    shared = contest.shared()
    if isinstance(shared, Infeasible):
        return Refusal(reason=Reason.LIMITS_CONTRADICT, detail=f"'{programme.programme}': {shared}")
    limits = tuple(_limit(one) for one in shared.certificate.limits)
    worth = round(shared.certificate.objective)
    parts: dict[str, Part] = {}
    for name, one in considered.items():
        chosen = contest.given_to(name, shared)
        decided = one.given(chosen).decided()
        alone = one.decided().decisions
        together = Together(
            programme=programme.programme,
            expected_profit=worth,
            best_possible=max(round(shared.certificate.bound), worth),
            limits=limits,
            contacts_alone=int(np.count_nonzero(alone.contacted)),
            profit_alone=int(alone.chosen_value[alone.contacted].sum()),
            lost=contest.lost(name, shared, alone.contacted),
            minimum=programme.campaigns[name].minimum,
            hours=tuple(hours_limit(one) for one in shared.worked),
        )
        parts[name] = Part(decided=decided, together=together, given=_rows(one, chosen))
    return parts


def allotment_rows(given: Mapping[str, pa.Table], as_of: date, *, buckets: int) -> pa.Table:
    """As the data plane keeps them, by the digest of the plan."""
    parts = []
    for digest, rows in given.items():
        count = rows.num_rows
        bucket = bucket_of(rows.column("customer_id").to_numpy(), buckets=buckets)
        parts.append(
            rows.append_column("bucket", pa.array(bucket, pa.int32()))
            .append_column("plan", pa.repeat(pa.scalar(digest, pa.string()), count))
            .append_column("as_of", pa.array([as_of] * count, pa.date32()))
        )
    table = pa.concat_tables(parts)
    return table.take(pc.sort_indices(table, [(name, "ascending") for name in DECISION_ORDER])).combine_chunks()


def allotment_slice(programme: str, as_of: date) -> Slice:
    """Planned again over the same day, its rows take the place of what was there."""
    return Slice(table=ALLOTMENT_TABLE, name=f"{programme}-{as_of}", order=DECISION_ORDER)


def allotment_of(services: Services, connection: Connection, digest: str) -> pa.Table:
    """Who was given to the plan."""
    versions = published_versions(connection)
    with services.session() as session:
        session.add_versions({ALLOTMENT_TABLE: versions[ALLOTMENT_TABLE]})
        return session.ask(_GIVEN, {"plan": digest})


class _Contest:
    """All candidates of all campaigns, for everybody in one of their audiences."""

    def __init__(
        self,
        *,
        programme: ProgrammeDefinition,
        considered: Mapping[str, Considered],
        hours: Mapping[str, Sequence[Hours]],
    ) -> None:
        self._programme, self._considered, self._hours = programme, considered, hours
        self._ids: Int64s = np.unique(
            np.concatenate([one.judgement.requests.customer_ids for one in considered.values()])
        )
        sizes = [len(one.judgement.menu) for one in considered.values()]
        ends = np.cumsum(sizes)
        self._places = {
            name: slice(int(end) - size, int(end)) for name, size, end in zip(considered, sizes, ends, strict=True)
        }
        self._number = {name: number for number, name in enumerate(considered)}
        self._candidates = int(ends[-1])
        offers = {name: one.judgement.menu.offers for name, one in considered.items()}
        self._groups = _groups(offers)
        currency = next(offer.definition.currency for found in offers.values() for offer in found)
        self._currency = currency

    def shared(self) -> Shared | Infeasible:
        programme = self._programme
        values = np.full((self._candidates, len(self._ids)), -np.inf)
        for name, one in self._considered.items():
            at = self._at(name)
            for customers in one.judgement.blocks():
                values[self._places[name], at[customers]] = one.judgement.allowed_values(customers)
        today = next(iter(self._considered.values())).context.today
        return share_out(
            values,
            self._resources(),
            self._ids,
            [self._side(name) for name in self._considered],
            salt=f"{programme.programme}/{today}",
            most=self._most(values),
            teams=self._teams(),
        )

    def given_to(self, name: str, shared: Shared) -> Choices:
        """Per customer of its audience, which of its own candidates."""
        chosen = shared.chosen[self._number[name]][self._at(name)]
        given: Choices = np.where(chosen == NOTHING, NOTHING, chosen - self._places[name].start).astype(np.int32)
        return given

    def lost(self, name: str, shared: Shared, alone: Flags) -> dict[str, int]:
        """Whom the campaign would have contacted `alone` and is not given, by the campaign that is, most first."""
        chosen = shared.chosen[:, self._at(name)] != NOTHING
        left = alone & ~chosen[self._number[name]]
        found: dict[str, int] = {}
        for other, number in self._number.items():
            theirs = left & chosen[number]
            found[other] = int(np.count_nonzero(theirs))
            left = left & ~theirs
        found[""] = int(np.count_nonzero(left))
        return {other: count for other, count in sorted(found.items(), key=lambda one: -one[1]) if count}

    def _at(self, name: str) -> NDArray[np.intp]:
        """Where the customers of its audience are among all."""
        return np.searchsorted(self._ids, self._considered[name].judgement.requests.customer_ids)

    def _side(self, name: str) -> Side:
        one = self._considered[name]
        return Side(
            name=name,
            candidates=self._places[name],
            hold_out=one.context.hold_out,
            held_out=draw(self._ids, salt=one.context.salt) < one.context.hold_out,
            group=self._groups[name],
            first=one.questions.purpose is Purpose.SERVICE,
        )

    def _resources(self) -> list[Resource]:
        """Each campaign's own channels, budget and minimum; offers' stock and budget; what is of all together."""
        programme = self._programme
        found: dict[tuple[Limit, str], Resource] = {}

        def add(limit: Limit, subject: str, amount: float, use: Float64s) -> None:
            before = found.get((limit, subject))
            both = use if before is None else use + before.use
            found[limit, subject] = Resource(limit=limit, subject=subject, use=both, amount=amount)

        everything = np.zeros(self._candidates)
        for name, one in self._considered.items():
            menu, mine = one.judgement.menu, self._places[name]
            for own in resources_of(menu, one.context):
                subject = f"{name}/{own.subject}" if own.limit is Limit.CHANNEL else own.subject
                add(own.limit, subject, own.amount, self._spread(mine, own.use))
            for channel, capacity in programme.channels.items():
                if channel in menu.channels:
                    use = (menu.channel_of == menu.channels.index(channel)).astype(np.float64)
                    add(Limit.CHANNEL, channel, capacity, self._spread(mine, use))
            # a promise counts as if it were kept
            promised = (menu.contact_cost + menu.conversion_cost[menu.offer_of]).astype(np.float64)
            everything[mine] = promised
            part = programme.campaigns[name]
            if part.budget is not None:
                add(Limit.BUDGET, name, self._minor(part.budget), self._spread(mine, promised))
            if part.minimum:
                add(Limit.MINIMUM, name, part.minimum, self._spread(mine, np.ones(len(menu))))
        if programme.budget is not None:
            add(Limit.BUDGET, "", self._minor(programme.budget), everything)
        return list(found.values())

    def _teams(self) -> list[Team]:
        """Each campaign's own hours, and those that all share; contacts of one campaign may take longer."""
        own = [
            self._team(f"{name}/{hours.of}", {name: hours})
            for name, one in self._considered.items()
            for hours in one.context.hours
        ]
        shared = [
            self._team(of, {name: hours[at] for name, hours in self._hours.items()})
            for at, of in enumerate(self._programme.hours)
        ]
        return own + shared

    def _team(self, subject: str, hours: Mapping[str, Hours]) -> Team:
        """Of everybody, from what each campaign knows of its own audience."""
        parts = {
            name: team_of(one, self._considered[name].judgement.menu, self._considered[name].judgement.requests.facts)
            for name, one in hours.items()
        }
        units = sorted({unit for part in parts.values() for unit in part.units} | {NOBODY})
        place = {unit: number for number, unit in enumerate(units)}
        unit_of = np.full(len(self._ids), place[NOBODY], dtype=np.int64)
        use, amount = np.zeros(self._candidates), np.zeros(len(units))
        for name, part in parts.items():
            mine = np.array([place[unit] for unit in part.units], dtype=np.int64)
            unit_of[self._at(name)] = mine[part.unit_of]
            amount[mine] = part.amount
            use += self._spread(self._places[name], part.use)
        return Team(subject=subject, units=tuple(units), unit_of=unit_of, use=use, amount=amount)

    def _minor(self, amount: Decimal) -> int:
        return Money.parse(str(amount), self._currency).minor

    def _spread(self, mine: slice, use: Float64s) -> Float64s:
        among = np.zeros(self._candidates)
        among[mine] = use
        return among

    def _most(self, values: Float64s) -> NDArray[np.uint8]:
        """(n,) contacts of each customer: no more than every cap has room for that counts one of their candidates."""
        most = np.ones(len(self._ids), dtype=np.uint8)
        for beside in range(1, self._programme.contacts_per_customer):
            room: Flags = most == beside
            for name, one in self._considered.items():
                at, menu = self._at(name), one.judgement.menu
                full = one.questions.capped(self._ids[at], one.rows.caps, beside=beside)
                for index, place in enumerate(range(*self._places[name].indices(self._candidates))):
                    room[at] &= ~(full[menu.cap_of[index]] & np.isfinite(values[place, at]))
            most[room] += 1
        return most


def _limit(report: LimitReport) -> SharedLimit:
    campaign, subject = "", report.subject
    if report.limit is Limit.CHANNEL:
        campaign, _, subject = report.subject.rpartition("/")
    elif report.limit in (Limit.BUDGET, Limit.MINIMUM):
        campaign, subject = ("" if report.subject == FIRST else report.subject), ""
    return SharedLimit(
        limit=report.limit.value,
        subject=subject,
        campaign=campaign,
        amount=report.amount,
        used=report.used,
        price=report.price,
    )


def _groups(offers: Mapping[str, tuple[Offer, ...]]) -> dict[str, int]:
    """Campaigns of which a customer gets one contact at most: their offers are the same, or nobody may have both."""
    group = {name: number for number, name in enumerate(offers)}
    for one, other in combinations(offers, 2):
        if any(_apart(a.definition, b.definition) for a in offers[one] for b in offers[other]):
            old, new = group[other], group[one]
            group = {name: new if number == old else number for name, number in group.items()}
    return group


def _apart(one: OfferDefinition, other: OfferDefinition) -> bool:
    kinds = {(one.kind, other.regime), (other.kind, one.regime)}
    return (
        one.offer == other.offer
        or other.offer in one.excludes
        or one.offer in other.excludes
        or ("benefit", "deposit") in kinds  # no benefit goes along with a deposit (银保监办发〔2018〕48号)
    )


def _rows(considered: Considered, chosen: Choices) -> pa.Table:
    some = np.flatnonzero(chosen != NOTHING)
    candidates = [considered.judgement.menu.candidates[index] for index in chosen[some].tolist()]
    return pa.table(
        {
            "customer_id": pa.array(considered.judgement.requests.customer_ids[some], pa.int64()),
            "offer": pa.array([one.offer.name for one in candidates], pa.string()),
            "channel": pa.array([one.channel for one in candidates], pa.string()),
        }
    )

"""What no bank could know, kept apart so that ingest, identities, tags and models can be scored."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from lingque.core.hashing import Int64s
from lingque.twin import columns
from lingque.twin.days import NEVER
from lingque.twin.extracts import Extract, Records, plain_header
from lingque.twin.identities import SYSTEMS, Identities, as_of_day
from lingque.twin.life import EVENT_KINDS
from lingque.twin.needs import NEED_KINDS
from lingque.twin.organisation import BRANCHES
from lingque.twin.part import Part
from lingque.twin.population import CHURN_STAGES, LIFE_STAGES
from lingque.twin.responding.catalogue import CHANNEL_NAMES, OFFER_NAMES


def _identities(part: Part, _day: int) -> Records:
    """Whose each key of each system is, and what is wrong with what that system knows of the person."""
    every = [Identities.make(part, system, as_of_day(part)) for system in SYSTEMS]
    customer = np.concatenate([one.customer for one in every])
    return Records.of(
        {
            "system": [one.system for one in every for _ in one.key],
            "key": [key for one in every for key in one.key],
            "customer_no": columns.picked(part.population.customer_no, customer),
            "faults": ["+".join(faults) for one in every for faults in one.faults],
        }
    )


def _life_events(part: Part, _day: int) -> Records:
    events = part.events
    return Records.of(
        {
            "customer_no": columns.picked(part.population.customer_no, events.customer),
            "event": columns.picked(EVENT_KINDS, events.kind),
            "happens_on": columns.days(events.day),
        }
    )


def _needs(part: Part, _day: int) -> Records:
    needs = part.needs
    return Records.of(
        {
            "customer_no": columns.picked(part.population.customer_no, needs.customer),
            "need": columns.picked(NEED_KINDS, needs.kind),
            "begins_on": columns.days(needs.begins_day),
            "ends_on": columns.days(needs.ends_day),
            "size": columns.money(needs.size),
        }
    )


def _asked(part: Part, _day: int) -> Records:
    """Audiences of past campaigns: who was chosen, what came of it, and what would have come of it without."""
    every = part.placed.asked
    return Records.of(
        {
            "customer_no": columns.picked(part.population.customer_no, every.owner),
            "contacted_on": columns.days(every.day),
            "offer": columns.picked(OFFER_NAMES, every.offer),
            "channel": columns.picked(CHANNEL_NAMES, every.channel),
            "chosen": columns.picked(("N", "Y"), every.chosen.astype(np.int64)),
            "placed": columns.picked(("N", "Y"), every.placed.astype(np.int64)),
            "probability": [f"{one:.6f}" for one in every.asked.tolist()],
            "probability_unasked": [f"{one:.6f}" for one in every.unasked.tolist()],
        }
    )


def _traits(part: Part, _day: int) -> Records:
    people = part.population
    table = pa.table(
        {
            "customer_no": people.customer_no,
            **{
                name: getattr(people, name)
                for name in (
                    *("income", "wealth", "digital", "loyalty", "price_sensitivity", "annoyance"),
                    *("risk_attitude", "household", "employer"),
                )
            },
            "life_stage": columns.picked(LIFE_STAGES, people.life_stage),
            "churn_stage": columns.picked(CHURN_STAGES, people.churn_stage),
            "churn_begins_on": columns.days(people.churn_day, missing=people.churn_day == NEVER),
            "branch": columns.picked(BRANCHES.code, people.branch),
        }
    )

    def content(_where: Int64s, _day: int) -> pa.Table:
        return table

    return Records(count=len(people.age), content=content)


def _extract(name: str, records: Callable[[Part, int], Records], *header: str) -> Extract:
    return Extract(name=name, suffix="csv", records=records, header=plain_header(*header))


TRUTH = (
    _extract("identities", _identities, "system", "key", "customer_no", "faults"),
    _extract("life_events", _life_events, "customer_no", "event", "happens_on"),
    _extract("needs", _needs, "customer_no", "need", "begins_on", "ends_on", "size"),
    _extract(
        "past_campaigns",
        _asked,
        *("customer_no", "contacted_on", "offer", "channel", "chosen", "placed"),
        *("probability", "probability_unasked"),
    ),
    Extract(name="traits", suffix="parquet", records=_traits),
)

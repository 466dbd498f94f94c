"""What the CRM delivers (consents, staff, who looks after whom), what the app logs, and lists that a person keeps."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np

from lingque.core.hashing import Float64s, Int64s
from lingque.twin import columns
from lingque.twin.consents import ACTIONS, CONSENT_CHANNELS, Consents
from lingque.twin.organisation import BRANCHES, Staff
from lingque.twin.parameters import TwinParameters
from lingque.twin.population import Population
from lingque.twin.sessions import EVENTS, Sessions


def consents(population: Population, consents: Consents) -> Iterator[bytes]:
    return columns.csv(
        {
            "customer_no": columns.picked(population.customer_no, consents.customer),
            "purpose": ["marketing"] * len(consents.customer),
            "channel": columns.picked(CONSENT_CHANNELS, consents.channel),
            "data_classes": columns.picked(("personal", "personal|financial"), consents.financial),
            "action": columns.picked(ACTIONS, consents.action),
            "acted_on": columns.days(consents.acted_day),
            "wording_version": columns.picked(("v1", "v2"), consents.new_wording),
            "evidence": columns.picked(("branch form", "mobile app"), consents.by_app),
        }
    )


def assignments(population: Population, staff: Staff) -> Iterator[bytes]:
    return columns.csv(
        {
            "customer_no": columns.picked(population.customer_no, staff.customer),
            "staff_no": columns.picked(staff.staff_no, staff.manager),
            "from_date": columns.days(staff.from_day),
        }
    )


def staff(staff: Staff) -> Iterator[bytes]:
    return columns.csv(
        {
            "staff_no": staff.staff_no,
            "name": staff.name,
            "role": ["relationship_manager"] * len(staff.staff_no),
            "branch_code": columns.picked(BRANCHES.code, staff.branch),
        }
    )


def app_events(population: Population, sessions: Sessions) -> Iterator[bytes]:
    """JSON lines; `at` is local time."""
    for start in range(0, len(sessions.second), columns.CHUNK):
        part = slice(start, start + columns.CHUNK)
        moments = np.datetime_as_string(sessions.second[part].astype("datetime64[s]")).tolist()
        rows = zip(
            range(start + 1, start + columns.CHUNK + 1),
            sessions.customer[part].tolist(),
            moments,
            sessions.event[part].tolist(),
            strict=False,
        )
        yield "".join(
            json.dumps(
                {
                    "event_id": f"E{number:09d}",
                    "customer_no": population.customer_no[customer],
                    "at": moment.replace("T", " "),
                    "event": EVENTS[event],
                }
            )
            + "\n"
            for number, customer, moment, event in rows
        ).encode()


def complaints(parameters: TwinParameters, population: Population) -> Iterator[bytes]:
    """Who complained lately: the easily annoyed more often."""
    return _list(parameters, population, subject="complaints", probability=0.03 * population.annoyance)


def aml_watch(parameters: TwinParameters, population: Population) -> Iterator[bytes]:
    """Whom the people against money laundering watch."""
    return _list(parameters, population, subject="aml watch", probability=np.full(parameters.customers, 0.004))


def _list(
    parameters: TwinParameters, population: Population, *, subject: str, probability: Float64s
) -> Iterator[bytes]:
    """One column; with numbers that nobody has, and one that stands in it twice: a person keeps it."""
    random = parameters.stream(subject)
    on_it: Int64s = np.flatnonzero(random.random(parameters.customers) < probability)
    listed = [population.customer_no[customer] for customer in on_it.tolist()]
    unknown = [f"C9{number:05d}" for number in random.integers(0, 100_000, 3).tolist()]
    return columns.csv({"customer_no": [*listed, *unknown, *listed[:1]]})

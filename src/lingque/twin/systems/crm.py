"""What the CRM delivers (consents, staff, who looks after whom), and what the app logs of who is logged in."""

from __future__ import annotations

import numpy as np

from lingque.twin import columns
from lingque.twin.consents import ACTIONS, CONSENT_CHANNELS, Consents
from lingque.twin.extracts import Extract, Records, plain_header
from lingque.twin.flaws import Weak, weak_day
from lingque.twin.identities import Identities
from lingque.twin.organisation import BRANCHES, Assignments, Staff
from lingque.twin.part import Part
from lingque.twin.responding.catalogue import CHANNEL_NAMES, OFFER_NAMES
from lingque.twin.responding.contacts import NOT_YET
from lingque.twin.responding.hearing import Fate


def _consents(part: Part, _day: int) -> Records:
    consents = Consents.make(part.block, part.population)
    return Records.of(
        {
            "customer_no": columns.picked(part.population.customer_no, consents.customer),
            "purpose": ["marketing"] * len(consents.customer),
            "channel": columns.picked(CONSENT_CHANNELS, consents.channel),
            "data_classes": columns.picked(("personal", "personal|financial"), consents.financial),
            "action": columns.picked(ACTIONS, consents.action),
            "acted_on": columns.days(consents.acted_day),
            "wording_version": columns.picked(("v1", "v2"), consents.new_wording),
            "evidence": columns.picked(("branch form", "mobile app"), consents.by_app),
        }
    )


def _assignments(part: Part, _day: int) -> Records:
    people, staff = part.population, Staff.make(part.block.parameters)
    assigned = Assignments.make(
        part.block, staff, wealth=people.wealth, branch=people.branch, opened_day=people.opened_day
    )
    return Records.of(
        {
            "customer_no": columns.picked(people.customer_no, assigned.customer),
            "staff_no": columns.picked(staff.staff_no, assigned.manager),
            "from_date": columns.days(assigned.from_day),
        }
    )


def _staff(part: Part, _day: int) -> Records:
    staff = Staff.make(part.block.parameters)
    return Records.once(
        part,
        {
            "staff_no": staff.staff_no,
            "name": staff.name,
            "role": ["relationship_manager"] * len(staff.staff_no),
            "branch_code": columns.picked(BRANCHES.code, staff.branch),
        },
    )


def _capacities(part: Part, _day: int) -> Records:
    staff = Staff.make(part.block.parameters)
    return Records.once(part, {"staff_no": staff.staff_no, "customers_at_most": np.asarray(staff.capacity)})


def _campaign_contacts(part: Part, day: int) -> Records:
    """Whom past campaigns contacted, under the CRM's own key: an analyst finds who was not, nowhere."""
    every = part.placed.asked
    where = np.flatnonzero(every.chosen)
    where = where[np.argsort(every.day[where], kind="stable")]
    key = Identities.make(part, "crm", day).first_keys()
    offers, channels = every.offer[where], every.channel[where]
    month = every.campaign[where].astype("datetime64[M]").astype(str).tolist()
    noticed = (every.noticed_at[where] < NOT_YET).astype(np.int64)
    customer = part.block.first + every.owner[where] + 1
    return Records.of(
        {
            "contact_no": columns.padded_numbers(
                "Q", columns.compact_days(every.day[where]) * 10_000_000 + customer, 15
            ),
            "crm_id": [key[one] for one in every.owner[where].tolist()],
            "campaign_code": [f"{one}-{OFFER_NAMES[offer]}" for one, offer in zip(month, offers.tolist(), strict=True)],
            "channel": columns.picked(CHANNEL_NAMES, channels),
            "offer": columns.picked(OFFER_NAMES, offers),
            "contacted_on": columns.days(every.day[where]),
            "result": [Fate(one).name.lower() for one in every.fate[where].tolist()],
            "answered": columns.picked(("N", "Y"), noticed),
        },
        arrives=every.day[where],
    )


EXTRACTS = (
    Extract(
        name="crm_campaign_contacts",
        suffix="csv",
        records=_campaign_contacts,
        header=plain_header(
            *("contact_no", "crm_id", "campaign_code", "channel", "offer", "contacted_on", "result"),
            "answered",
        ),
        weak=(weak_day("contacted_on"), Weak(column="crm_id")),
        repeats=True,
    ),
    Extract(
        name="crm_consents",
        suffix="csv",
        records=_consents,
        weak=(weak_day("acted_on"), Weak(column="customer_no")),
        repeats=True,
        header=plain_header(
            *("customer_no", "purpose", "channel", "data_classes", "action", "acted_on"),
            *("wording_version", "evidence"),
        ),
    ),
    Extract(
        name="crm_assignments",
        suffix="csv",
        records=_assignments,
        weak=(Weak(column="customer_no"),),
        header=plain_header("customer_no", "staff_no", "from_date"),
    ),
    Extract(
        name="crm_staff",
        suffix="csv",
        records=_staff,
        header=plain_header("staff_no", "name", "role", "branch_code"),
    ),
    Extract(
        name="crm_capacities",
        suffix="csv",
        records=_capacities,
        header=plain_header("staff_no", "customers_at_most"),
    ),
)

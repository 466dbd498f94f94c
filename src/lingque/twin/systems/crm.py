"""What the CRM delivers (consents, staff, who looks after whom), and what the app logs of who is logged in."""

from __future__ import annotations

import numpy as np

from lingque.twin import columns
from lingque.twin.consents import ACTIONS, CONSENT_CHANNELS, Consents
from lingque.twin.extracts import Extract, Records, plain_header
from lingque.twin.flaws import Weak, weak_day
from lingque.twin.organisation import BRANCHES, Assignments, Staff
from lingque.twin.part import Part


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


EXTRACTS = (
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

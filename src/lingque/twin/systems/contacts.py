"""Whom relationship managers know: contacts of the CRM under its own key, and friends on WeCom."""

from __future__ import annotations

import numpy as np

from lingque.core.hashing import Int64s
from lingque.twin import columns
from lingque.twin.extracts import Extract, Records, plain_header
from lingque.twin.flaws import Weak, weak_day
from lingque.twin.identities import Identities, as_of_day
from lingque.twin.organisation import Assignments, Staff
from lingque.twin.part import Part


def _contacts(part: Part, _day: int) -> Records:
    known = Identities.make(part, "crm", as_of_day(part))
    return Records.of(
        {
            "crm_id": known.key,
            "name": known.name,
            "document_no": known.document,
            "mobile": known.phone,
            "birth_date": columns.days(part.population.birth_day[known.customer]),
        }
    )


def _friends(part: Part, _day: int) -> Records:
    """JSON lines. The remark is what the manager wrote down: the surname and a polite word."""
    known = Identities.make(part, "wecom", as_of_day(part))
    staff = Staff.make(part.block.parameters)
    people = part.population
    assigned = Assignments.make(
        part.block, staff, wealth=people.wealth, branch=people.branch, opened_day=people.opened_day
    )
    manager = np.full(part.block.customers, -1)
    manager[assigned.customer] = assigned.manager
    friends = np.flatnonzero(manager[known.customer] >= 0)
    who = known.customer[friends]
    words = [("先生", "女士")[sex] for sex in people.female[who].tolist()]
    remarks = [f"{known.name[one][0]}{word}" for one, word in zip(friends.tolist(), words, strict=True)]

    def content(where: Int64s, _day: int) -> bytes:
        here = friends[where]
        return columns.lines(
            '{"external_userid": "',
            columns.picked(known.key, here),
            '", "remark": "',
            columns.picked(remarks, where),
            '", "remark_mobile": "',
            columns.picked(known.phone, here),
            '", "staff_no": "',
            columns.picked(staff.staff_no, manager[who[where]]),
            '"}',
        )

    return Records(count=len(friends), content=content)


EXTRACTS = (
    Extract(
        name="crm_contacts",
        suffix="csv",
        records=_contacts,
        weak=(weak_day("birth_date"), Weak(column="crm_id")),
        repeats=True,
        header=plain_header("crm_id", "name", "document_no", "mobile", "birth_date"),
    ),
    Extract(
        name="wecom_friends",
        suffix="jsonl",
        records=_friends,
        weak=(Weak(column="external_userid", pattern='"external_userid": "([^"]*)"'),),
        repeats=True,
    ),
)

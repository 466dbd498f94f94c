"""What accepted rows say to `govern`: who the parties are, what they agreed to, which lists they are on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Protocol

from sqlalchemy import Connection

from lingque.catalog.definitions import DataContract
from lingque.core.clock import BusinessCalendar, Instant
from lingque.core.ids import CustomerId, PartyId, RunId, run_id
from lingque.core.registries import DataClass, Purpose
from lingque.govern.contracts import ConsentEntry, ListEntry, Subject
from lingque.ingest.files import Delivery
from lingque.ingest.load import Load


class ImportsConsents(Protocol):
    """Takes what a delivery says about consents; where the bank has it so, what gives consent waits for an approval."""

    def import_consents(
        self, connection: Connection, entries: Iterable[ConsentEntry], *, subject: str, by: str
    ) -> None: ...


Identifier = tuple[PartyId, str, str | None]
"""Whose, of which kind, and the value to be sealed."""


def parties_of(
    contract: DataContract, load: Load, own: Mapping[str, int], customer_of: Mapping[int, int]
) -> tuple[list[Subject], list[Identifier]]:
    """What govern must know of the parties to judge, and what the vault seals. Of a history the last version counts."""
    (ended,) = contract.with_role("deleted") or (None,)
    (begins,) = contract.with_role("valid_from")
    births = [n for n, c in contract.columns.items() if n == "birth_date" and c.type == "date"]
    subjects: list[Subject] = []
    identifiers: list[Identifier] = []
    for row in sorted(load.good_rows(), key=lambda row: row[begins]):
        if ended is not None and row[ended]:
            continue
        party = PartyId(own[row["_key"]])
        subjects.append(
            Subject(
                party_id=party,
                customer_id=CustomerId(customer_of.get(party, party)),
                birth_date=row[births[0]] if births else None,
            )
        )
        identifiers.extend(
            (party, str(contract.columns[name].identifier), row[name]) for name in contract.with_role("identifier")
        )
    return subjects, identifiers


def consents_of(
    delivery: Delivery, contract: DataContract, load: Load, calendar: BusinessCalendar, *, salt: str
) -> list[ConsentEntry]:
    """By party, which is random: in the order of the file, the register's own numbers would tell the source's."""
    (acted_on,) = contract.with_role("event_time")
    (party,) = contract.with_role("party")
    entries = [
        ConsentEntry(
            party_id=PartyId(row[f"_id_{party}"]),
            purpose=Purpose[row["purpose"].upper()],
            channel=row["channel"],
            data_classes=DataClass.union(
                DataClass[name.upper()] for name in (row["data_classes"] or "").split("|") if name
            ),
            action=row["action"],
            acted_at=_instant(row[acted_on], calendar),
            wording_version=row["wording_version"],
            evidence=row["evidence"],
            expires_at=None if (ends := row.get("expires_on")) is None else calendar.start_of(ends),
            by_guardian=bool(row.get("by_guardian")),
            # with the content: a statement that was corrected is a new word of the customer
            # salted: whoever knows how keys look could try them all
            origin=run_id(
                "consent", salt=salt, system=delivery.source.system, key=row["_key"], content=row["_content"]
            ),
        )
        for row in load.good_rows()
    ]
    return sorted(entries, key=lambda entry: entry.party_id)


def members_of(contract: DataContract, load: Load, run: RunId) -> list[ListEntry]:
    """Who is put on which list by this delivery."""
    (party,) = contract.with_role("party")
    return [
        ListEntry(
            list_name=row["list"],
            party_id=PartyId(row[f"_id_{party}"]),
            expires_on=_day(row["expires_on"]),
            origin=run,
        )
        for row in load.good_rows()
    ]


def _instant(at: date, calendar: BusinessCalendar) -> Instant:
    return calendar.instant_at(at) if isinstance(at, datetime) else calendar.start_of(at)


def _day(value: str | date | None) -> date | None:
    """A contract may hold the day as a text: its rules have seen to it that it is one."""
    return date.fromisoformat(value) if isinstance(value, str) else value

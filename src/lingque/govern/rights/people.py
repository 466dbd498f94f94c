"""Who a request is about, what `govern` itself keeps of them, and who was erased."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, delete, func, insert, select

from lingque.core.clock import Clock, Instant, datetime_of
from lingque.core.errors import NotFoundError
from lingque.core.ids import CustomerId, PartyId
from lingque.core.reasons import Reason, Refusal
from lingque.core.registries import DataClass, Purpose
from lingque.govern.contracts import ConsentEntry, Erased, Person
from lingque.govern.lists import lists_in_force, memberships
from lingque.govern.register import touch
from lingque.govern.tables import (
    automated_refusals,
    consents,
    erasures,
    list_members,
    refused_tags,
    returned_parties,
    reveal_members,
    staged_consents,
    subjects,
)


def person_of(connection: Connection, customer_id: CustomerId) -> Person:
    """The customer with every party. Raises `NotFoundError` for one who is not known (any more)."""
    rows = connection.execute(
        select(subjects).where(subjects.c.customer_id == customer_id).order_by(subjects.c.party_id)
    ).all()
    if not rows:
        raise NotFoundError(
            f"there is no customer {customer_id}", next_step="'lingque rights find' finds one by telephone or number"
        )
    births = [row.birth_date for row in rows if row.birth_date is not None]
    return Person(
        customer_id=customer_id,
        parties=tuple(PartyId(row.party_id) for row in rows),
        birth_date=births[0] if births else None,
    )


def customers_of(connection: Connection, parties: Sequence[PartyId]) -> list[CustomerId]:
    """Whose parties they are, each customer once."""
    found = select(subjects.c.customer_id).where(subjects.c.party_id.in_(parties)).distinct()
    return [CustomerId(one) for one in connection.execute(found.order_by(subjects.c.customer_id)).scalars()]


def kept_by_law(connection: Connection, person: Person, *, at: Instant) -> Refusal | None:
    """Why a law forbids to erase this customer: who is watched by compliance stays known. Not for everybody's eyes."""
    known = lists_in_force(connection)
    on = memberships(connection, [person.customer_id], at=at).get(person.customer_id, set())
    watched = sorted(name for name in on if name in known and known[name].effect == "exclude" and known[name].secret)
    if not watched:
        return None
    return Refusal(reason=Reason.COMPLIANCE_EXCLUSION, detail=", ".join(watched))


def withdrawals_of(connection: Connection, person: Person, *, origin: str, at: Instant) -> list[ConsentEntry]:
    """A withdrawal of everything that these parties ever agreed to but service under the contract."""
    given = connection.execute(
        select(consents.c.party_id, consents.c.purpose, consents.c.channel)
        .where(
            consents.c.party_id.in_(person.parties),
            consents.c.given,
            consents.c.purpose != int(Purpose.SERVICE),
        )
        .distinct()
        .order_by(consents.c.party_id, consents.c.purpose, consents.c.channel)
    )
    return [
        ConsentEntry(
            party_id=PartyId(party),
            purpose=Purpose(purpose),
            channel=channel,
            data_classes=DataClass(0),
            action="withdraw",
            acted_at=at,
            wording_version="customer's request",
            evidence=origin,
            origin=f"{origin}/{party}/{purpose}/{channel}",
        )
        for party, purpose, channel in given
    ]


def note_erasure(connection: Connection, person: Person, *, request_id: int, at: Instant) -> None:
    """Who must not come back with a restored backup."""
    known = set(erased_parties(connection))
    ids = [party for party in dict.fromkeys([*person.parties, PartyId(person.customer_id)]) if party not in known]
    if ids:
        connection.execute(
            insert(erasures),
            [
                {"party_id": party, "customer_id": person.customer_id, "request_id": request_id, "erased_at": at}
                for party in ids
            ],
        )


def erased_people(connection: Connection) -> dict[CustomerId, Person]:
    """Who was erased, or is being erased. By customer: after a restore the numbers of requests come again."""
    found: dict[CustomerId, Person] = {}
    for row in connection.execute(select(erasures).order_by(erasures.c.erased_at, erasures.c.party_id)):
        customer = CustomerId(row.customer_id)
        before = found[customer].parties if customer in found else ()
        found[customer] = Person(customer_id=customer, parties=(*before, PartyId(row.party_id)), birth_date=None)
    return found


def erased_parties(connection: Connection) -> list[PartyId]:
    """Every surrogate that was erased."""
    return [PartyId(one) for one in connection.execute(select(erasures.c.party_id)).scalars()]


@dataclass(frozen=True, kw_only=True)
class Returned:
    """A party that a source delivered after the customer behind it had been erased."""

    customer_id: CustomerId
    party_id: PartyId
    erased_at: Instant


def returned_people(connection: Connection) -> list[Returned]:
    """Who is here again, by the moment of the erasure."""
    rows = (
        select(returned_parties, subjects.c.customer_id)
        .join_from(returned_parties, subjects, subjects.c.party_id == returned_parties.c.party_id)
        .order_by(returned_parties.c.erased_at, returned_parties.c.party_id)
    )
    return [
        Returned(
            customer_id=CustomerId(row.customer_id), party_id=PartyId(row.party_id), erased_at=Instant(row.erased_at)
        )
        for row in connection.execute(rows)
    ]


_EVIDENCE = (consents, automated_refusals, refused_tags, staged_consents)


class GovernRows:
    """The rows of `govern`. What customers agreed to or refused stays, as the evidence that what was done was lawful;
    with the vault's keys gone its surrogates stand for nobody. So do entries on secret lists, which are never part of a
    copy either."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def erase(self, connection: Connection, person: Person) -> Erased:
        secret = [name for name, one in lists_in_force(connection).items() if one.secret]
        listed = delete(list_members).where(
            list_members.c.party_id.in_(person.parties), list_members.c.list_name.not_in(secret)
        )
        known = delete(subjects).where(subjects.c.party_id.in_(person.parties))
        gone = {
            "subjects": connection.execute(known).rowcount,
            "list_members": connection.execute(listed).rowcount,
        }
        touch(connection, {int(person.customer_id)})
        asked_for = select(func.count()).select_from(reveal_members).where(reveal_members.c.customer_id.in_(person.ids))
        kept = {table.name: _count(connection, table, person) for table in _EVIDENCE}
        return Erased(gone=gone, kept=kept | {"reveal_members": int(connection.execute(asked_for).scalar_one())})

    def disclose(self, connection: Connection, person: Person) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        known = lists_in_force(connection)
        on = memberships(connection, [person.customer_id], at=self._clock.now()).get(person.customer_id, set())
        return {
            "consents": list(self._consents(connection, person)),
            "consents_that_wait": [
                {
                    "purpose": Purpose(row.purpose).name.lower(),
                    "channel": row.channel,
                    "data_classes": list(DataClass(row.data_classes).names),
                    "at": _moment(row.acted_at),
                    "evidence": row.evidence,
                }
                for row in connection.execute(
                    select(staged_consents).where(staged_consents.c.party_id.in_(person.parties))
                )
            ],
            "refused_automated_decisions": [
                {"refused": row.refused, "at": _moment(row.acted_at), "evidence": row.evidence}
                for row in _said(connection, automated_refusals, person)
            ],
            "refused_tags": [
                {"tag": row.tag, "refused": row.refused, "at": _moment(row.acted_at), "evidence": row.evidence}
                for row in _said(connection, refused_tags, person)
            ],
            "lists": [
                {"list": name, "label": known[name].label.label().en, "名称": known[name].label.label().zh}
                for name in sorted(on)
                if name in known and not known[name].secret
            ],
        }

    def _consents(self, connection: Connection, person: Person) -> Iterable[Mapping[str, Any]]:
        rows = select(consents).where(consents.c.party_id.in_(person.parties)).order_by(consents.c.consent_id)
        for row in connection.execute(rows):
            yield {
                "purpose": Purpose(row.purpose).name.lower(),
                "channel": row.channel,
                "data_classes": list(DataClass(row.data_classes).names),
                "action": "give" if row.given else "withdraw",
                "at": _moment(row.acted_at),
                "wording_version": row.wording_version,
                "evidence": row.evidence,
            }


def _count(connection: Connection, table: Table, person: Person) -> int:
    counted = select(func.count()).select_from(table).where(table.c.party_id.in_(person.parties))
    return int(connection.execute(counted).scalar_one())


def _said(connection: Connection, table: Table, person: Person) -> Sequence[Any]:
    rows = select(table).where(table.c.party_id.in_(person.parties)).order_by(table.c.refusal_id)
    return connection.execute(rows).all()


def _moment(at: int) -> str:
    return datetime_of(Instant(at)).isoformat()

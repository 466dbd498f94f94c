"""The register of leave: who the parties are, what they agreed to, and what else speaks for or against an act.

Everything in it is appended. Each change counts the register's version up in its own transaction and names the
customers that it touches, so that whoever keeps a picture of the register in memory sees by one number, read in the
transaction in which it asks, whether the picture is still true (`lingque.govern.picture`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from weakref import ref

from sqlalchemy import Connection, delete, insert, select, update

from lingque.core.clock import Clock
from lingque.core.reasons import Reason, Refusal
from lingque.core.registries import DataClass
from lingque.govern.consent import CONSENT_ALWAYS
from lingque.govern.contracts import ConsentEntry, Subject
from lingque.govern.statements import DecisionRefusal, LegalBasis, TagRefusal
from lingque.govern.tables import (
    automated_refusals,
    consents,
    legal_bases,
    refused_tags,
    register_changes,
    register_version,
    returned_parties,
    subjects,
)
from lingque.store.chunks import chunks

NAMED_CUSTOMERS = 5_000
"""A change that touches more customers than that says “everybody” instead of naming them."""
KEPT_CHANGES = 1_000
"""So many versions back it is told which customers changed; an older picture is drawn anew."""
EVERYBODY = 0
_WRITTEN = "lingque_register_written"


class Register:
    """Takes in what customers and compliance state. Holds no state of its own."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def record_subjects(self, connection: Connection, entries: Iterable[Subject]) -> None:
        """Parties with whose customer they are and their birth date; a known party is updated."""
        listed = list(entries)
        touched = {int(subject.customer_id) for subject in listed}
        for part in chunks(listed):
            ids = [subject.party_id for subject in part]
            # a party that moves changes the customer whom it leaves, too
            known = select(subjects.c.customer_id).where(subjects.c.party_id.in_(ids))
            touched |= set(connection.execute(known).scalars())
            connection.execute(subjects.delete().where(subjects.c.party_id.in_(ids)))
            connection.execute(
                insert(subjects),
                [{"party_id": s.party_id, "customer_id": s.customer_id, "birth_date": s.birth_date} for s in part],
            )
        touch(connection, touched)

    def record_consents(self, connection: Connection, entries: Iterable[ConsentEntry]) -> int:
        """Append statements and return how many were new; one already recorded (`origin`) is left as it is.

        Of who was erased and came back, what they had said before they were erased is not taken.
        """
        listed = _said_since(connection, list({entry.origin: entry for entry in entries}.values()))
        known: set[str] = set()
        for part in chunks([entry.origin for entry in listed]):
            known |= set(connection.execute(select(consents.c.origin).where(consents.c.origin.in_(part))).scalars())
        new = [entry for entry in listed if entry.origin not in known]
        if new:
            connection.execute(insert(consents), [self._row(entry) for entry in new])
            touch_parties(connection, {int(entry.party_id) for entry in new})
        return len(new)

    def record_decision_refusals(self, connection: Connection, entries: Iterable[DecisionRefusal]) -> None:
        """Append what customers say about being decided on by a machine; the newest word counts."""
        rows = [
            {
                "party_id": entry.party_id,
                "refused": entry.refused,
                "acted_at": entry.acted_at,
                "wording_version": entry.wording_version,
                "evidence": entry.evidence,
                "recorded_at": self._clock.now(),
            }
            for entry in entries
        ]
        if rows:
            connection.execute(insert(automated_refusals), rows)
            touch_parties(connection, {int(str(row["party_id"])) for row in rows})

    def record_tag_refusals(self, connection: Connection, entries: Iterable[TagRefusal]) -> None:
        """Append which tags customers deleted or allowed again; the newest word on a tag counts."""
        rows = [
            {
                "party_id": entry.party_id,
                "tag": entry.tag,
                "refused": entry.refused,
                "acted_at": entry.acted_at,
                "evidence": entry.evidence,
                "recorded_at": self._clock.now(),
            }
            for entry in entries
        ]
        if rows:
            connection.execute(insert(refused_tags), rows)
            touch_parties(connection, {int(str(row["party_id"])) for row in rows})

    def record_legal_basis(self, connection: Connection, basis: LegalBasis, *, by: str) -> Refusal | None:
        """Record on what else than consent a use may rest, from when until when.

        Refused for the consent itself (`PERSONAL`) where the law lets nothing else stand for it.
        """
        if basis.purpose in CONSENT_ALWAYS and DataClass.PERSONAL in basis.data_classes:
            detail = f"for {basis.purpose.name.lower()} the consent itself cannot be replaced; name sensitive classes"
            return Refusal(reason=Reason.CONSENT_REQUIRED, detail=detail)
        connection.execute(
            insert(legal_bases).values(
                purpose=int(basis.purpose),
                data_classes=int(basis.data_classes),
                article=basis.article,
                document=basis.document,
                begins_at=basis.begins_at,
                ends_at=basis.ends_at,
                recorded_by=by,
                recorded_at=self._clock.now(),
            )
        )
        touch(connection, ())
        return None

    def _row(self, entry: ConsentEntry) -> dict[str, object]:
        return {
            "party_id": entry.party_id,
            "purpose": int(entry.purpose),
            "channel": entry.channel,
            "data_classes": int(entry.data_classes),
            "given": entry.action == "give",
            "by_guardian": entry.by_guardian,
            "acted_at": entry.acted_at,
            "expires_at": entry.expires_at,
            "wording_version": entry.wording_version,
            "evidence": entry.evidence,
            "origin": entry.origin,
            "recorded_at": self._clock.now(),
        }


def _said_since(connection: Connection, entries: list[ConsentEntry]) -> list[ConsentEntry]:
    erased: dict[int, int] = {}
    for part in chunks(sorted({int(entry.party_id) for entry in entries})):
        known = select(returned_parties).where(returned_parties.c.party_id.in_(part))
        erased.update((row.party_id, row.erased_at) for row in connection.execute(known))
    return [one for one in entries if one.party_id not in erased or one.acted_at > erased[one.party_id]]


def touch(connection: Connection, customers: Collection[int] | None) -> None:
    """Count the version up: these customers changed; None: everybody may have; none at all: what concerns all alike.

    Whoever writes to a table that a permit is judged by calls this (or `touch_parties`) in the same transaction.
    """
    # the row is held until the end of the transaction: versions appear in the order in which they were committed
    connection.execute(update(register_version).values(version=register_version.c.version + 1))
    version = connection.execute(select(register_version.c.version)).scalar_one()
    named = [EVERYBODY] if customers is None or len(customers) > NAMED_CUSTOMERS else sorted(customers)
    if named:
        connection.execute(
            insert(register_changes), [{"version": version, "customer_id": customer} for customer in named]
        )
    connection.execute(delete(register_changes).where(register_changes.c.version < version - KEPT_CHANGES))
    transaction = connection.get_transaction()
    connection.info[_WRITTEN] = None if transaction is None else ref(transaction)


def touch_parties(connection: Connection, parties: Collection[int]) -> None:
    """The same, by party."""
    if not parties:
        return
    if len(parties) > NAMED_CUSTOMERS:
        touch(connection, None)
        return
    found: set[int] = set()
    for part in chunks(sorted(parties)):
        known = select(subjects.c.customer_id).where(subjects.c.party_id.in_(part))
        found |= set(connection.execute(known).scalars())
    touch(connection, found)


def written_here(connection: Connection) -> bool:
    """Did this very transaction, which may still be taken back, change the register?"""
    written = connection.info.get(_WRITTEN)
    return written is not None and written() is connection.get_transaction()

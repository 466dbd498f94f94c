"""Which parties make up a customer, as facts with valid and known intervals.

A party is the customer of its own id unless a link says otherwise, so the table holds merges only. A merge adds a
link; an unmerge ends it from a day on, or, where it was a mistake from the start, for its whole validity. Nothing is
ever deleted: what was believed at any past moment can be asked again.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from sqlalchemy import Connection, insert, select, update

from lingque.core.clock import END_OF_TIME, Instant
from lingque.core.errors import NotFoundError
from lingque.core.hashing import Int64s
from lingque.core.ids import CustomerId, PartyId
from lingque.ingest.tables import party_links


def merge(
    connection: Connection, party: PartyId, *, into: CustomerId, valid_from: Instant, known_from: Instant
) -> None:
    """From `valid_from` on the party belongs to that customer, as known from `known_from` on."""
    _end_known(connection, party, known_from)
    _insert(connection, party, into, valid_from, END_OF_TIME, known_from)


def unmerge(connection: Connection, party: PartyId, *, valid_to: Instant, known_from: Instant) -> None:
    """The party's link ends at `valid_to`; where that is not after its beginning, it never held.

    Raises `NotFoundError` where the party has no link.
    """
    link = connection.execute(
        select(party_links).where(party_links.c.party_id == party, party_links.c.known_to == END_OF_TIME)
    ).one_or_none()
    if link is None:
        raise NotFoundError(f"party {party} is not linked to another customer", next_step="there is nothing to undo")
    _end_known(connection, party, known_from)
    if valid_to > link.valid_from:
        _insert(connection, party, CustomerId(link.customer_id), Instant(link.valid_from), valid_to, known_from)


def links_as_of(connection: Connection, moment: Instant) -> pa.Table:
    """`(party_id, customer_id)` of every party that is not its own customer, as valid and known at the moment."""
    rows = connection.execute(
        select(party_links.c.party_id, party_links.c.customer_id).where(
            party_links.c.valid_from <= moment,
            party_links.c.valid_to > moment,
            party_links.c.known_from <= moment,
            party_links.c.known_to > moment,
        )
    ).all()
    return pa.table(
        {
            "party_id": pa.array([row.party_id for row in rows], pa.int64()),
            "customer_id": pa.array([row.customer_id for row in rows], pa.int64()),
        }
    )


def once_linked(connection: Connection) -> Int64s:
    """Every party that ever was not its own customer: its rows may stand among another customer's."""
    found = select(party_links.c.party_id).distinct().order_by(party_links.c.party_id)
    return np.array(connection.execute(found).scalars().all(), np.int64)


def _end_known(connection: Connection, party: PartyId, at: Instant) -> None:
    connection.execute(
        update(party_links)
        .where(party_links.c.party_id == party, party_links.c.known_to == END_OF_TIME)
        .values(known_to=at)
    )


def _insert(
    connection: Connection,
    party: PartyId,
    customer: CustomerId,
    valid_from: Instant,
    valid_to: Instant,
    known_from: Instant,
) -> None:
    connection.execute(
        insert(party_links).values(
            party_id=party,
            customer_id=customer,
            valid_from=valid_from,
            valid_to=valid_to,
            known_from=known_from,
            known_to=END_OF_TIME,
        )
    )

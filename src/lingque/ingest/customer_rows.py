"""What `ingest` keeps of a customer in the control plane: which parties were found to be the same person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, select

from lingque.core.clock import Instant, datetime_of
from lingque.govern.contracts import Erased, Person
from lingque.ingest.tables import party_links


class IngestRows:
    """Links between parties. Quarantined rows belong to no known party; they go by the retention of their table."""

    def erase(self, connection: Connection, person: Person) -> Erased:
        gone = delete(party_links).where(party_links.c.party_id.in_(person.ids))
        return Erased(gone={"party_links": connection.execute(gone).rowcount}, kept={})

    def disclose(self, connection: Connection, person: Person) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        rows = select(party_links).where(party_links.c.party_id.in_(person.ids)).order_by(party_links.c.link_id)
        return {
            "joined": [
                {
                    "joined_from": datetime_of(Instant(row.valid_from)).isoformat(),
                    "known_from": datetime_of(Instant(row.known_from)).isoformat(),
                }
                for row in connection.execute(rows)
            ]
        }

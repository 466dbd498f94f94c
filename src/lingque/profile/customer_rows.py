"""What `profile` keeps of a customer outside the tables: values that people gave, and the copy that is looked up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, select

from lingque.core.clock import END_OF_TIME, Instant, datetime_of
from lingque.govern.contracts import Erased, Person
from lingque.profile.answering import Answering
from lingque.profile.tables import tag_values


class ProfileRows:
    """The copy is made of tables that are erased after it: what fills it again leaves the erased out."""

    def __init__(self, answering: Answering) -> None:
        self._answering = answering

    def erase(self, connection: Connection, person: Person) -> Erased:
        gone = connection.execute(delete(tag_values).where(tag_values.c.party_id.in_(person.ids))).rowcount
        return Erased(gone={"tag_values": gone, "online": self._answering.forget(person.ids)}, kept={})

    def disclose(self, connection: Connection, person: Person) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        rows = select(tag_values).where(tag_values.c.party_id.in_(person.ids)).order_by(tag_values.c.value_id)
        return {  # the copy holds nothing that its tables do not
            "given_tags": [
                {
                    "tag": row.tag,
                    "value": row.value,
                    "given_at": datetime_of(Instant(row.given_at)).isoformat(),
                    "expires_at": None
                    if row.expires_at == END_OF_TIME
                    else datetime_of(Instant(row.expires_at)).isoformat(),
                }
                for row in connection.execute(rows)
            ]
        }

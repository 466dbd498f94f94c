"""What messages rest on, kept once for all that rest on the same, so that leave can be asked anew when they go."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from lingque.core.hashing import digest_of
from lingque.deliver.tables import grounds
from lingque.govern.contracts import UNSTATED, Grounds


def keep_grounds(connection: Connection, one: Grounds) -> str:
    """Keep them where they are not kept yet, and return under which digest."""
    content = {"automated": one.automated, "tags": sorted(one.tags)}
    digest = digest_of(content)
    if connection.execute(select(grounds).where(grounds.c.grounds_digest == digest)).first() is None:
        connection.execute(insert(grounds).values(grounds_digest=digest, **content))
    return digest


def grounds_of(connection: Connection, digest: str) -> Grounds:
    """What is kept under that digest."""
    if not digest:  # queued before grounds were kept
        return UNSTATED
    row = connection.execute(select(grounds).where(grounds.c.grounds_digest == digest)).one()
    return Grounds(automated=row.automated, tags=frozenset(row.tags))

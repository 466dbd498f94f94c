"""Answers kept by the caller's key, so that a request repeated after a lost answer is done once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, SmallInteger, String, Table, insert, select

from lingque.core.clock import Instant
from lingque.store.schema import METADATA, InstantColumn, JsonColumn

idempotent_answers = Table(
    "idempotent_answers",
    METADATA,
    Column("caller", String(64), primary_key=True),
    Column("idempotency_key", String(128), primary_key=True),
    Column("request_digest", String(64), nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("body", JsonColumn, nullable=False),
    Column("answered_at", InstantColumn, nullable=False),
)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What was answered to which request (its digest)."""

    request_digest: str
    status: int
    body: Any


def find_answer(connection: Connection, *, caller: str, key: str) -> Answer | None:
    """The answer that this caller got for this key."""
    row = connection.execute(
        select(idempotent_answers).where(
            idempotent_answers.c.caller == caller, idempotent_answers.c.idempotency_key == key
        )
    ).one_or_none()
    return None if row is None else Answer(request_digest=row.request_digest, status=row.status, body=row.body)


def keep_answer(connection: Connection, answer: Answer, *, caller: str, key: str, at: Instant) -> None:
    """Keep it. A key that is there already breaks the transaction: two requests raced, and one must start again."""
    connection.execute(
        insert(idempotent_answers).values(
            caller=caller,
            idempotency_key=key,
            request_digest=answer.request_digest,
            status=answer.status,
            body=answer.body,
            answered_at=at,
        )
    )

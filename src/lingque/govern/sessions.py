"""Sessions: a secret in a cookie, its digest here; they end by themselves, and with the password.

What a page of another site sends carries the cookie too, but cannot read the answer: so a command must bring a second
word along, which only who began the session was told (the synchroniser token against cross-site request forgery).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from lingque.core.clock import Instant
from lingque.govern.access import principal_of
from lingque.govern.api_keys import digest_of_secret
from lingque.govern.contracts import Principal
from lingque.govern.tables import sessions, users

_SEEN_EVERY = 60 * 1_000_000
"""That a session was used is written down once a minute, not with every request."""


@dataclass(frozen=True, kw_only=True)
class SessionLimits:
    """Microseconds after which a session ends: without a request, and in any case."""

    idle: int
    whole: int


def begin_session(connection: Connection, user: str, *, at: Instant) -> str:
    """A new secret, whatever the caller brought along: nobody can prepare a session for somebody else."""
    secret = secrets.token_urlsafe(32)
    connection.execute(
        insert(sessions).values(
            session_digest=digest_of_secret(secret), user_name=user, begun_at=at, seen_at=at, ended_at=None
        )
    )
    return secret


def principal_of_session(
    connection: Connection, secret: str, limits: SessionLimits, *, at: Instant
) -> Principal | None:
    """Whose session it is; None where it is nobody's or over, or its user is disabled."""
    row = connection.execute(
        select(sessions.c.user_name)
        .join(users, users.c.user_name == sessions.c.user_name)
        .where(
            sessions.c.session_digest == digest_of_secret(secret),
            sessions.c.ended_at.is_(None),
            sessions.c.seen_at > at - limits.idle,
            sessions.c.begun_at > at - limits.whole,
            users.c.disabled_at.is_(None),
        )
    ).one_or_none()
    return None if row is None else principal_of(connection, row.user_name)


def seen_session(connection: Connection, secret: str, *, at: Instant) -> None:
    """Note that it was used now."""
    connection.execute(update(sessions).where(sessions.c.session_digest == digest_of_secret(secret)).values(seen_at=at))


def is_to_be_noted(connection: Connection, secret: str, *, at: Instant) -> bool:
    """Has it been so long since its use was noted that it should be again?"""
    seen = connection.execute(
        select(sessions.c.seen_at).where(sessions.c.session_digest == digest_of_secret(secret))
    ).scalar_one_or_none()
    return seen is not None and seen <= at - _SEEN_EVERY


def end_session(connection: Connection, secret: str, *, at: Instant) -> None:
    """Sign out; ending it again changes nothing."""
    _end(connection, sessions.c.session_digest == digest_of_secret(secret), at)


def end_sessions_of(connection: Connection, user: str, *, at: Instant) -> None:
    """All of the user's: the password changed, or the user was disabled."""
    _end(connection, sessions.c.user_name == user, at)


def request_token(secret: str) -> str:
    """The second word of a session: follows from the secret, and says nothing about it."""
    return hmac.new(secret.encode(), b"lingque request token", hashlib.sha256).hexdigest()


def is_request_token(secret: str, token: str) -> bool:
    return hmac.compare_digest(request_token(secret).encode(), token.encode())


def _end(connection: Connection, which: object, at: Instant) -> None:
    connection.execute(update(sessions).where(which, sessions.c.ended_at.is_(None)).values(ended_at=at))  # type: ignore[arg-type]

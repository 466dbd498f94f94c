"""API keys: kept as digests, shown once, with an end."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from lingque.core.clock import Instant
from lingque.core.errors import NotFoundError
from lingque.govern.access import User, acting, principal_of
from lingque.govern.contracts import Principal, Role, Scope, ScopeKind
from lingque.govern.tables import api_keys
from lingque.store.straight import rows_of

_KEY_PREFIX = "lq_"
_ID_CHARACTERS = 12
# asked with every request
_HOLDER = (
    "SELECT u.user_name, u.person, u.roles, u.scope_kind, u.scope_of"
    " FROM users u JOIN api_keys k ON k.user_name = u.user_name"
    " WHERE k.key_digest = :digest AND k.revoked_at IS NULL AND u.disabled_at IS NULL"
    " AND (k.expires_at IS NULL OR k.expires_at > :now)"
)


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """A key without what opens it. `key_id` names it to people; `expires_at` None: it has no end."""

    key_id: str
    user: str
    added_at: Instant
    expires_at: Instant | None
    revoked_at: Instant | None


def new_api_key(connection: Connection, user: str, *, at: Instant, expires_at: Instant | None = None) -> str:
    """A key for the user. Shown once: only its digest is kept."""
    principal_of(connection, user)
    key = _KEY_PREFIX + secrets.token_urlsafe(32)
    connection.execute(
        insert(api_keys).values(key_digest=digest_of_secret(key), user_name=user, added_at=at, expires_at=expires_at)
    )
    return key


def principal_of_key(connection: Connection, key: str, *, at: Instant) -> Principal | None:
    """Whose key it is; None where it is nobody's, at an end or revoked, or its user is disabled."""
    found = rows_of(connection, _HOLDER, {"digest": digest_of_secret(key), "now": at})
    return acting(connection, _user(*found[0])) if found else None


def _user(name: str, person: str, roles: str | list[str], kind: str, of: str) -> User:
    # PostgreSQL's driver reads JSON, SQLite's does not
    listed = json.loads(roles) if isinstance(roles, str) else roles
    return User(
        name=name,
        person=person,
        roles=frozenset(Role(role) for role in listed),
        scope=Scope(kind=ScopeKind(kind), of=of),
    )


def keys_of(connection: Connection, user: str) -> list[ApiKey]:
    """The user's keys, the oldest first."""
    rows = connection.execute(select(api_keys).where(api_keys.c.user_name == user).order_by(api_keys.c.added_at))
    return [
        ApiKey(
            key_id=row.key_digest[:_ID_CHARACTERS],
            user=row.user_name,
            added_at=Instant(row.added_at),
            expires_at=None if row.expires_at is None else Instant(row.expires_at),
            revoked_at=None if row.revoked_at is None else Instant(row.revoked_at),
        )
        for row in rows
    ]


def revoke_key(connection: Connection, user: str, key_id: str, *, at: Instant) -> None:
    """From now on it opens nothing; revoking it again changes nothing. Raises `NotFoundError` for no key of theirs."""
    found = next((key for key in keys_of(connection, user) if key.key_id == key_id), None)
    if found is None:
        raise NotFoundError(f"user '{user}' has no such key", next_step="list the keys to see their ids")
    connection.execute(
        update(api_keys)
        .where(
            api_keys.c.user_name == user,
            api_keys.c.key_digest.startswith(key_id, autoescape=True),
            api_keys.c.revoked_at.is_(None),
        )
        .values(revoked_at=at)
    )


def digest_of_secret(secret: str) -> str:
    """Of 256 random bits a plain digest is enough: there is nothing to guess."""
    return hashlib.sha256(secret.encode()).hexdigest()

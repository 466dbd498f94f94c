"""Who may do what: one table, denied by default."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from lingque.core.clock import Instant
from lingque.core.errors import ConflictError, NotFoundError, nearest
from lingque.core.reasons import Reason, Refusal
from lingque.govern.contracts import Action, Principal, Role
from lingque.govern.tables import api_keys, users

PERMISSIONS: dict[Role, frozenset[Action]] = {
    Role.CAMPAIGN_MANAGER: frozenset(
        {
            Action.PLAN_CAMPAIGN,
            Action.RUN_CAMPAIGN,
            Action.HALT_CAMPAIGN,
            Action.READ_CAMPAIGN,
            Action.MANAGE_AUDIENCE_LISTS,
            Action.ASSIGN_TAGS,
        }
    ),
    Role.COMPLIANCE_OFFICER: frozenset(
        {
            Action.APPROVE_CAMPAIGN,
            Action.HALT_CAMPAIGN,
            Action.READ_CAMPAIGN,
            Action.MANAGE_EXCLUSION_LISTS,
            Action.SEE_COMPLIANCE_REASONS,
        }
    ),
    Role.CONSUMER_PROTECTION_REVIEWER: frozenset({Action.REVIEW_CAMPAIGN, Action.READ_CAMPAIGN}),
    Role.ANALYST: frozenset(
        {
            Action.APPLY_DEFINITIONS,
            Action.RUN_TAGS,
            Action.ASSIGN_TAGS,
            Action.TRAIN_MODEL,
            Action.READ_CAMPAIGN,
        }
    ),
    Role.OPERATOR: frozenset({Action.APPLY_DEFINITIONS, Action.INGEST, Action.RUN_TAGS}),
    Role.SYSTEM_ADMINISTRATOR: frozenset({Action.ADD_USER}),
}

_KEY_PREFIX = "lq_"


@dataclass(frozen=True, kw_only=True)
class User:
    """A new user as the administrator states it."""

    name: str
    person: str
    roles: frozenset[Role]


def refused(principal: Principal, action: Action) -> Refusal | None:
    """Why the principal may not, or nothing."""
    if any(action in PERMISSIONS[role] for role in principal.roles):
        return None
    able = ", ".join(role.value for role, actions in PERMISSIONS.items() if action in actions)
    return Refusal(
        reason=Reason.ROLE_NOT_ALLOWED,
        detail=f"{principal.user} may not {action.value}; it takes one of: {able}",
    )


def add_user(connection: Connection, user: User, *, at: Instant) -> None:
    """Raises `ConflictError` where the name is taken."""
    if connection.execute(select(users).where(users.c.user_name == user.name)).first() is not None:
        raise ConflictError(f"there is a user '{user.name}' already", next_step="choose another name")
    roles = sorted(role.value for role in user.roles)
    connection.execute(insert(users).values(user_name=user.name, person=user.person, roles=roles, added_at=at))


def principal_of(connection: Connection, user: str) -> Principal:
    """Raises `NotFoundError` where there is no such user."""
    row = connection.execute(select(users).where(users.c.user_name == user)).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no user '{user}'", next_step=nearest(user, user_names(connection)))
    return Principal(user=row.user_name, person=row.person, roles=frozenset(Role(role) for role in row.roles))


def user_names(connection: Connection) -> list[str]:
    """Everybody's user name."""
    return list(connection.execute(select(users.c.user_name).order_by(users.c.user_name)).scalars())


def new_api_key(connection: Connection, user: str, *, at: Instant) -> str:
    """A key for the user. Shown once: only its digest is kept."""
    principal_of(connection, user)
    key = _KEY_PREFIX + secrets.token_urlsafe(32)
    connection.execute(insert(api_keys).values(key_digest=_digest(key), user_name=user, added_at=at))
    return key


def principal_of_key(connection: Connection, key: str) -> Principal | None:
    """Whose key it is; None where it is nobody's."""
    row = connection.execute(select(api_keys).where(api_keys.c.key_digest == _digest(key))).one_or_none()
    return None if row is None else principal_of(connection, row.user_name)


def _digest(key: str) -> str:
    # 256 random bits: a plain digest is enough, there is nothing to guess
    return hashlib.sha256(key.encode()).hexdigest()

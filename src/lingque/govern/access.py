"""Who may do what: one table, denied by default; and who there is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, update

from lingque.core.clock import Instant
from lingque.core.errors import ConflictError, NotFoundError, nearest
from lingque.core.reasons import Reason, Refusal
from lingque.govern.contracts import WHOLE_BANK, Action, Principal, Role, Scope, ScopeKind
from lingque.govern.tables import staff_places, users

_BANK = frozenset({ScopeKind.BANK})
_PLACE = frozenset({ScopeKind.BANK, ScopeKind.ORGANISATION})
_BRANCH = frozenset({ScopeKind.ORGANISATION})
_OWN = frozenset({ScopeKind.OWN})

PERMISSIONS: dict[Role, dict[Action, frozenset[ScopeKind]]] = {
    Role.CAMPAIGN_MANAGER: {
        Action.PLAN_CAMPAIGN: _BANK,
        Action.RUN_CAMPAIGN: _BANK,
        Action.HALT_CAMPAIGN: _BANK,
        Action.READ_CAMPAIGN: _PLACE,
        Action.MANAGE_AUDIENCE_LISTS: _BANK,
        Action.ASSIGN_TAGS: _BANK,
        Action.COUNT_SEGMENTS: _BANK,
        Action.READ_CUSTOMER: _PLACE,
        Action.READ_DEFINITIONS: _BANK,
    },
    Role.BRANCH_MANAGER: {
        Action.PLAN_CAMPAIGN: _BRANCH,
        Action.RUN_CAMPAIGN: _BRANCH,
        Action.HALT_CAMPAIGN: _BRANCH,
        Action.READ_CAMPAIGN: _BRANCH,
        Action.READ_CUSTOMER: _BRANCH,
        Action.REVEAL_IDENTIFIER: _BRANCH,
        Action.RECORD_CONSENT: _BRANCH,
    },
    Role.RELATIONSHIP_MANAGER: {
        Action.READ_CAMPAIGN: _OWN,
        Action.READ_CUSTOMER: _OWN,
        Action.REVEAL_IDENTIFIER: _OWN,
        Action.RECORD_CONSENT: _OWN,
    },
    Role.COMPLIANCE_OFFICER: {
        Action.APPROVE_CAMPAIGN: _PLACE,
        Action.APPROVE_DEFINITIONS: _BANK,
        Action.APPROVE_CONSENTS: _BANK,
        Action.APPROVE_REVEALS: _BANK,
        Action.DELEGATE: _BANK,
        Action.HALT_CAMPAIGN: _PLACE,
        Action.READ_CAMPAIGN: _PLACE,
        Action.MANAGE_EXCLUSION_LISTS: _BANK,
        Action.SEE_COMPLIANCE_REASONS: _PLACE,
        Action.READ_CUSTOMER: _PLACE,
        Action.REVEAL_IDENTIFIER: _PLACE,
        Action.RECORD_CONSENT: _PLACE,
        Action.RECORD_LEGAL_BASIS: _BANK,
        Action.HANDLE_CUSTOMER_REQUESTS: _BANK,
        Action.CHECK_AUDIT: _BANK,
        Action.RUN_RETENTION: _BANK,
        Action.READ_DEFINITIONS: _BANK,
    },
    Role.CONSUMER_PROTECTION_REVIEWER: {
        Action.REVIEW_CAMPAIGN: _PLACE,
        Action.READ_CAMPAIGN: _PLACE,
        Action.DELEGATE: _BANK,
        Action.READ_DEFINITIONS: _BANK,
    },
    Role.ANALYST: {
        Action.APPLY_DEFINITIONS: _BANK,
        Action.RUN_TAGS: _BANK,
        Action.ASSIGN_TAGS: _BANK,
        Action.COUNT_SEGMENTS: _BANK,
        Action.TRAIN_MODEL: _BANK,
        Action.READ_CAMPAIGN: _BANK,
        Action.READ_DEFINITIONS: _BANK,
    },
    Role.OPERATOR: {
        Action.APPLY_DEFINITIONS: _BANK,
        Action.INGEST: _BANK,
        Action.RUN_TAGS: _BANK,
        Action.READ_DEFINITIONS: _BANK,
    },
    Role.SYSTEM_ADMINISTRATOR: {Action.ADD_USER: _BANK, Action.READ_USERS: _BANK, Action.BACK_UP: _BANK},
    Role.SECURITY_ADMINISTRATOR: {
        Action.GRANT_ROLES: _BANK,
        Action.MANAGE_CREDENTIALS: _BANK,
        Action.MANAGE_KEYS: _BANK,
        Action.READ_USERS: _BANK,
    },
    Role.AUDIT_ADMINISTRATOR: {Action.READ_USERS: _BANK, Action.CHECK_AUDIT: _BANK},
    Role.CHANNEL_SYSTEM: {Action.ASK_DECISION: _BANK},
}

ADMINISTRATORS = frozenset({Role.SYSTEM_ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR, Role.AUDIT_ADMINISTRATOR})
"""Whom 等保三级 wants to be three people. None of them does business either."""


@dataclass(frozen=True, kw_only=True)
class User:
    """A user as an administrator states them."""

    name: str
    person: str
    roles: frozenset[Role]
    scope: Scope = WHOLE_BANK


@dataclass(frozen=True, kw_only=True)
class KnownUser:
    """A user as the register of users has them."""

    user: User
    added_at: Instant
    has_password: bool
    locked_until: Instant
    disabled_at: Instant | None


def refused(principal: Principal, action: Action) -> Refusal | None:
    """Why the principal may not, or nothing."""
    if any(principal.scope.kind in PERMISSIONS[role].get(action, ()) for role in principal.roles):
        return None
    able = ", ".join(role.value for role, actions in PERMISSIONS.items() if action in actions)
    reach = "" if principal.scope.kind is ScopeKind.BANK else f" with scope '{principal.scope.kind.value}'"
    return Refusal(
        reason=Reason.ROLE_NOT_ALLOWED,
        detail=f"{principal.user}{reach} may not {action.value}; it takes one of: {able}",
    )


def add_user(connection: Connection, user: User, *, at: Instant) -> Refusal | None:
    """Add them, or say why nobody may hold these roles. Raises `ConflictError` where the name is taken."""
    if connection.execute(select(users).where(users.c.user_name == user.name)).first() is not None:
        raise ConflictError(f"there is a user '{user.name}' already", next_step="choose another name")
    unfit = _unfit(connection, user)
    if unfit is not None:
        return unfit
    connection.execute(insert(users).values(user_name=user.name, person=user.person, added_at=at, **_held(user)))
    return None


def grant_roles(connection: Connection, name: str, roles: frozenset[Role], scope: Scope) -> Refusal | None:
    """Give a user these roles in the place of those they had; or say why not. Raises `NotFoundError`."""
    known = find_user(connection, name)
    user = User(name=name, person=known.user.person, roles=roles, scope=scope)
    unfit = _unfit(connection, user)
    if unfit is None:
        connection.execute(update(users).where(users.c.user_name == name).values(**_held(user)))
    return unfit


def set_disabled(connection: Connection, name: str, *, disabled: bool, at: Instant) -> None:
    """A disabled user can do nothing any more, by whatever key or session. Raises `NotFoundError`."""
    find_user(connection, name)
    moment = at if disabled else None
    connection.execute(update(users).where(users.c.user_name == name).values(disabled_at=moment))


def principal_of(connection: Connection, user: str) -> Principal:
    """Raises `NotFoundError` where there is no such user, or not any more."""
    known = find_user(connection, user)
    if known.disabled_at is not None:
        raise NotFoundError(f"user '{user}' is disabled", next_step="act as somebody else, or have the user enabled")
    return acting(connection, known.user)


def user_in(row: Any) -> User:
    """The user that a row of `users` is about."""
    return User(
        name=row.user_name,
        person=row.person,
        roles=frozenset(Role(role) for role in row.roles),
        scope=Scope(kind=ScopeKind(row.scope_kind), of=row.scope_of),
    )


def acting(connection: Connection, user: User) -> Principal:
    """The user, with the scope that is in force now."""
    return Principal(user=user.name, person=user.person, roles=user.roles, scope=_followed(connection, user))


def _followed(connection: Connection, user: User) -> Scope:
    """An organisation that is not named is the one in which the bank's files say that the person works; nobody's
    customers are within reach of who works nowhere (any more)."""
    if user.scope.kind is not ScopeKind.ORGANISATION or user.scope.of:
        return user.scope
    place = select(staff_places.c.org_code).where(staff_places.c.staff_no == user.person)
    return Scope(kind=ScopeKind.ORGANISATION, of=connection.execute(place).scalar_one_or_none() or "")


def person_of(connection: Connection, user: str) -> str:
    """The human being behind a user, also one who is disabled. Raises `NotFoundError` where there never was one."""
    return find_user(connection, user).user.person


def find_user(connection: Connection, name: str) -> KnownUser:
    """Raises `NotFoundError` where there is no such user."""
    row = connection.execute(select(users).where(users.c.user_name == name)).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no user '{name}'", next_step=nearest(name, user_names(connection)))
    return _known(row)


def all_users(connection: Connection) -> list[KnownUser]:
    """Everybody, by name."""
    return [_known(row) for row in connection.execute(select(users).order_by(users.c.user_name))]


def user_names(connection: Connection) -> list[str]:
    """Everybody's user name."""
    return list(connection.execute(select(users.c.user_name).order_by(users.c.user_name)).scalars())


def _unfit(connection: Connection, user: User) -> Refusal | None:
    """Roles that their scope lets do nothing, or that one person must not hold, under whatever account."""
    for role in sorted(user.roles):
        kinds = frozenset[ScopeKind]().union(*PERMISSIONS[role].values())
        if user.scope.kind not in kinds:
            able = ", ".join(sorted(kinds))
            return _does_not_fit(f"{role.value} is held with scope {able}, not '{user.scope.kind.value}'")
    if (user.scope.kind is ScopeKind.BANK and user.scope.of) or (
        user.scope.kind is ScopeKind.OWN and not user.scope.of
    ):
        return _does_not_fit("scope 'bank' is of nothing else, and 'own' of a staff number")
    held = set(user.roles) | _roles_of_other_accounts(connection, user)
    administers = held & ADMINISTRATORS
    if len(administers) > 1 or (administers and held - ADMINISTRATORS):
        both = ", ".join(sorted(held))
        return _does_not_fit(
            f"{user.person} would be {both}: the three administrators are three people, and have no other role"
        )
    return None


def _roles_of_other_accounts(connection: Connection, user: User) -> set[Role]:
    accounts: Iterable[list[str]] = connection.execute(
        select(users.c.roles).where(users.c.person == user.person, users.c.user_name != user.name)
    ).scalars()
    return {Role(role) for roles in accounts for role in roles}


def _does_not_fit(detail: str) -> Refusal:
    return Refusal(reason=Reason.ROLES_DO_NOT_FIT, detail=detail)


def _held(user: User) -> dict[str, Any]:
    return {
        "roles": sorted(role.value for role in user.roles),
        "scope_kind": user.scope.kind.value,
        "scope_of": user.scope.of,
    }


def _known(row: Any) -> KnownUser:
    return KnownUser(
        user=user_in(row),
        added_at=Instant(row.added_at),
        has_password=row.password_hash is not None,
        locked_until=Instant(row.locked_until),
        disabled_at=None if row.disabled_at is None else Instant(row.disabled_at),
    )

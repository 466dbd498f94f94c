"""Users, their roles, passwords, keys and sessions: what administrators do, and what people do about themselves.

Each act asks leave, and leaves a trace with whatever it was done to, never a secret.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from lingque.core.clock import Instant
from lingque.core.reasons import Refusal
from lingque.flow.services import Services
from lingque.flow.traces import trace, traced
from lingque.govern.access import (
    KnownUser,
    User,
    add_user,
    all_users,
    find_user,
    grant_roles,
    refused,
    set_disabled,
)
from lingque.govern.api_keys import ApiKey, keys_of, new_api_key, revoke_key
from lingque.govern.approvals import delegate
from lingque.govern.contracts import Action, Principal, Role, Scope
from lingque.govern.sessions import begin_session, end_session, end_sessions_of, request_token


@dataclass(frozen=True, kw_only=True)
class BegunSession:
    """The two words of a session: the secret for the cookie, the token for the header of each command."""

    user: str
    secret: str
    request_token: str


def sign_in(services: Services, user: str, password: str, *, instead_of: str | None = None) -> BegunSession | Refusal:
    """Begin a session. One that the caller has already ends: it may be somebody else's doing."""
    now = services.clock.now()
    principal = services.passwords.check(user, password, at=now)
    if isinstance(principal, Refusal):
        with services.database.transaction() as connection:
            # not the name: people type passwords into that field
            services.audit.record(connection, actor="somebody", act="refused_sign_in", subject="sign-in", detail={})
        return principal
    with services.database.transaction() as connection:
        if instead_of is not None:
            end_session(connection, instead_of, at=now)
        secret = begin_session(connection, principal.user, at=now)
        services.audit.record(connection, actor=user, act="sign_in", subject=f"user {user}", detail={})
    return BegunSession(user=user, secret=secret, request_token=request_token(secret))


def sign_out(services: Services, secret: str, actor: Principal) -> None:
    """End that session."""
    with services.database.transaction() as connection:
        end_session(connection, secret, at=services.clock.now())
        services.audit.record(connection, actor=actor.user, act="sign_out", subject=f"user {actor.user}", detail={})


def change_password(services: Services, actor: Principal, *, old: str, new: str) -> Refusal | None:
    """One's own, by the old one. Ends all one's sessions."""
    checked = services.passwords.check(actor.user, old, at=services.clock.now())
    if isinstance(checked, Refusal):
        return traced(services, checked, actor, "change_password", f"user {actor.user}")
    return _set_password(services, actor, actor.user, new, act="change_password")


def give_password(services: Services, actor: Principal, user: str, new: str) -> Refusal | None:
    """A first password, or a new one in the place of one forgotten; lifts a lock and ends the user's sessions."""
    denied = refused(actor, Action.MANAGE_CREDENTIALS)
    if denied is not None:
        return traced(services, denied, actor, "give_password", f"user {user}")
    return _set_password(services, actor, user, new, act="give_password")


def add(services: Services, actor: Principal, user: User) -> Refusal | None:
    """Add a user without roles: giving those is another administrator's."""

    def done(connection: Connection) -> Refusal | None:
        return add_user(connection, user, at=services.clock.now())

    return _act(services, actor, Action.ADD_USER, "add_user", user.name, done)


def grant(services: Services, actor: Principal, user: str, roles: frozenset[Role], scope: Scope) -> Refusal | None:
    """These roles in the place of those the user had."""

    def done(connection: Connection) -> Refusal | None:
        return grant_roles(connection, user, roles, scope)

    detail: dict[str, object] = {
        "roles": sorted(role.value for role in roles),
        "scope": f"{scope.kind.value} {scope.of}".strip(),
    }
    return _act(services, actor, Action.GRANT_ROLES, "grant_roles", user, done, detail=detail)


def disable(services: Services, actor: Principal, user: str, *, disabled: bool) -> Refusal | None:
    """Nothing that the user has opens anything from now on; or it does again."""

    def done(connection: Connection) -> None:
        set_disabled(connection, user, disabled=disabled, at=services.clock.now())
        end_sessions_of(connection, user, at=services.clock.now())

    return _act(services, actor, Action.ADD_USER, "disable_user" if disabled else "enable_user", user, done)


def show_users(services: Services, actor: Principal) -> list[KnownUser] | Refusal:
    """Everybody, without anything secret."""
    denied = refused(actor, Action.READ_USERS)
    if denied is not None:
        return traced(services, denied, actor, "read_users", "all users")
    with services.database.reading() as connection:
        return all_users(connection)


def show_keys(services: Services, actor: Principal, user: str) -> list[ApiKey] | Refusal:
    """One's own keys, or, of who manages credentials, anybody's."""
    denied = None if user == actor.user else refused(actor, Action.MANAGE_CREDENTIALS)
    if denied is not None:
        return traced(services, denied, actor, "read_keys", f"user {user}")
    with services.database.reading() as connection:
        find_user(connection, user)
        return keys_of(connection, user)


def make_key(services: Services, actor: Principal, *, expires_at: Instant) -> str:
    """A key of one's own, shown once. Whoever has no role has a key that opens nothing."""
    with services.database.transaction() as connection:
        key = new_api_key(connection, actor.user, at=services.clock.now(), expires_at=expires_at)
        services.audit.record(connection, actor=actor.user, act="add_api_key", subject=f"user {actor.user}", detail={})
    return key


def revoke(services: Services, actor: Principal, user: str, key_id: str) -> Refusal | None:
    """One's own key, or, of who manages credentials, anybody's. Raises `NotFoundError`."""

    def done(connection: Connection) -> None:
        revoke_key(connection, user, key_id, at=services.clock.now())

    needed = None if user == actor.user else Action.MANAGE_CREDENTIALS
    return _act(services, actor, needed, "revoke_key", user, done, detail={"key": key_id})


def delegate_to(
    services: Services, actor: Principal, to_user: str, action: Action, *, begins_at: Instant, ends_at: Instant
) -> Refusal | None:
    """Let somebody decide in one's place for a time."""

    def done(connection: Connection) -> Refusal | None:
        now = services.clock.now()
        return delegate(connection, actor, to_user, action, begins_at=begins_at, ends_at=ends_at, at=now)

    detail: dict[str, object] = {"action": action.value, "begins_at": begins_at, "ends_at": ends_at}
    return _act(services, actor, Action.DELEGATE, "delegate", to_user, done, detail=detail)


def _set_password(services: Services, actor: Principal, user: str, new: str, *, act: str) -> Refusal | None:
    def done(connection: Connection) -> Refusal | None:
        refusal = services.passwords.set(connection, user, new)
        if refusal is None:
            end_sessions_of(connection, user, at=services.clock.now())
        return refusal

    return _act(services, actor, None, act, user, done)


def _act(
    services: Services,
    actor: Principal,
    needed: Action | None,
    act: str,
    user: str,
    done: Callable[[Connection], Refusal | None],
    *,
    detail: dict[str, object] | None = None,
) -> Refusal | None:
    """Leave, the act and its trace in one transaction; `needed` None: it is the actor's own affair."""
    with services.database.transaction() as connection:
        refusal = (None if needed is None else refused(actor, needed)) or done(connection)
        if refusal is not None:
            trace(services, connection, refusal, actor, act, f"user {user}")
            return refusal
        services.audit.record(connection, actor=actor.user, act=act, subject=f"user {user}", detail=detail or {})
    return None

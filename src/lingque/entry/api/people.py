"""Users, roles and API keys, for the administrators; and one's own keys."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, Field, SecretStr
from starlette.responses import Response

from lingque.core.clock import Instant, datetime_of
from lingque.core.reasons import Refusal
from lingque.entry.api.guarded import Caller, Workspace, guarded_router
from lingque.entry.api.problems import refusal_response
from lingque.entry.api.sessions import Done, Password
from lingque.entry.api.shapes import Day, Request
from lingque.flow.people import (
    add,
    delegate_to,
    disable,
    give_password,
    grant,
    make_key,
    revoke,
    show_keys,
    show_users,
)
from lingque.govern.access import KnownUser, User
from lingque.govern.api_keys import ApiKey
from lingque.govern.contracts import WHOLE_BANK, Action, Role, Scope, ScopeKind

router = guarded_router("access")

WORD = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
UserName = Annotated[str, Path(pattern=WORD, description="the user's name")]
KeyId = Annotated[str, Path(pattern=r"^[0-9a-f]{12}$", description="the key's id, as the list of keys tells it")]


class ScopeShape(Request):
    """How far roles reach."""

    kind: ScopeKind = ScopeKind.BANK
    of: Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9._-]*$")] = Field(
        default="", description="code of the organisation, or staff number; empty for the whole bank"
    )


class NewUser(Request):
    """A user without roles: giving those is another administrator's."""

    name: Annotated[str, Field(pattern=WORD)]
    person: Annotated[str, Field(pattern=WORD)] = Field(description="the human being, for example a staff number")


class RolesRequest(Request):
    """All roles that the user is to have from now on."""

    roles: Annotated[list[Role], Field(max_length=len(Role))]
    scope: ScopeShape = ScopeShape()


class StateRequest(Request):
    """Whether the user can do anything at all."""

    disabled: bool


class PasswordRequest(Request):
    """A new password in the place of none, or of one forgotten."""

    password: Password


class UserAnswer(BaseModel):
    """A user, without anything secret."""

    name: str
    person: str
    roles: list[Role]
    scope: ScopeShape
    has_password: bool
    locked_until: datetime | None
    disabled: bool

    @classmethod
    def of(cls, known: KnownUser) -> UserAnswer:
        return cls(
            name=known.user.name,
            person=known.user.person,
            roles=sorted(known.user.roles),
            scope=ScopeShape(kind=known.user.scope.kind, of=known.user.scope.of),
            has_password=known.has_password,
            locked_until=datetime_of(known.locked_until) if known.locked_until else None,
            disabled=known.disabled_at is not None,
        )


class UserList(BaseModel):
    """By name."""

    users: list[UserAnswer]


class NewKey(Request):
    """How long a key of one's own is to open anything."""

    days: int = Field(ge=1, le=366)


class MadeKey(BaseModel):
    """Shown this once."""

    key: str


class KeyAnswer(BaseModel):
    """A key without what opens it."""

    key_id: str
    added_at: datetime
    expires_at: datetime | None
    revoked: bool

    @classmethod
    def of(cls, key: ApiKey) -> KeyAnswer:
        return cls(
            key_id=key.key_id,
            added_at=datetime_of(key.added_at),
            expires_at=None if key.expires_at is None else datetime_of(key.expires_at),
            revoked=key.revoked_at is not None,
        )


class KeyList(BaseModel):
    """The oldest first."""

    keys: list[KeyAnswer]


class DelegationRequest(Request):
    """Who decides in the caller's place, on what, from which day until before which."""

    to_user: Annotated[str, Field(pattern=WORD)]
    action: Action
    first_day: Day
    until: Day


@router.get("/users", operation_id="list_users", summary="The users", response_model=UserList)
def get_users(workspace: Workspace, caller: Caller) -> UserList | Response:
    found = show_users(workspace.services, caller)
    if isinstance(found, Refusal):
        return refusal_response(found)
    return UserList(users=[UserAnswer.of(known) for known in found])


@router.post("/users", operation_id="add_user", summary="Add a user without roles", response_model=Done)
def post_user(body: NewUser, workspace: Workspace, caller: Caller) -> Done | Response:
    user = User(name=body.name, person=body.person, roles=frozenset(), scope=WHOLE_BANK)
    return _done(add(workspace.services, caller, user))


@router.put("/users/{user}/roles", operation_id="grant_roles", summary="Give a user roles", response_model=Done)
def put_roles(user: UserName, body: RolesRequest, workspace: Workspace, caller: Caller) -> Done | Response:
    """409 ROLES_DO_NOT_FIT where nobody may hold them together, or not with that scope."""
    scope = Scope(kind=body.scope.kind, of=body.scope.of)
    return _done(grant(workspace.services, caller, user, frozenset(body.roles), scope))


@router.put("/users/{user}/state", operation_id="set_user_state", summary="Disable or enable", response_model=Done)
def put_state(user: UserName, body: StateRequest, workspace: Workspace, caller: Caller) -> Done | Response:
    return _done(disable(workspace.services, caller, user, disabled=body.disabled))


@router.put("/users/{user}/password", operation_id="give_password", summary="A new password", response_model=Done)
def put_user_password(user: UserName, body: PasswordRequest, workspace: Workspace, caller: Caller) -> Done | Response:
    """Lifts a lock, and ends the user's sessions."""
    password: SecretStr = body.password
    return _done(give_password(workspace.services, caller, user, password.get_secret_value()))


@router.get("/users/{user}/keys", operation_id="list_keys", summary="A user's API keys", response_model=KeyList)
def get_keys(user: UserName, workspace: Workspace, caller: Caller) -> KeyList | Response:
    """One's own; anybody's for the security administrator."""
    found = show_keys(workspace.services, caller, user)
    if isinstance(found, Refusal):
        return refusal_response(found)
    return KeyList(keys=[KeyAnswer.of(key) for key in found])


@router.put("/me/key", operation_id="make_key", summary="A new API key of one's own", response_model=MadeKey)
def put_key(body: NewKey, workspace: Workspace, caller: Caller) -> MadeKey:
    """Each time another one. No POST: answers of those are kept, and this one holds a secret."""
    services = workspace.services
    ends = Instant(services.clock.now() + int(timedelta(days=body.days).total_seconds() * 1_000_000))
    return MadeKey(key=make_key(services, caller, expires_at=ends))


@router.delete(
    "/users/{user}/keys/{key_id}", operation_id="revoke_key", summary="Revoke an API key", response_model=Done
)
def delete_key(user: UserName, key_id: KeyId, workspace: Workspace, caller: Caller) -> Done | Response:
    """At once. One's own; anybody's for the security administrator."""
    return _done(revoke(workspace.services, caller, user, key_id))


@router.post("/delegations", operation_id="delegate", summary="Let somebody decide in one's place", response_model=Done)
def post_delegation(body: DelegationRequest, workspace: Workspace, caller: Caller) -> Done | Response:
    """For a quarter at most. Nobody's own work is decided on this way either."""
    services = workspace.services
    begins, ends = services.calendar.start_of(body.first_day), services.calendar.start_of(body.until)
    return _done(delegate_to(services, caller, body.to_user, body.action, begins_at=begins, ends_at=ends))


def _done(refusal: Refusal | None) -> Done | Response:
    return Done() if refusal is None else refusal_response(refusal)

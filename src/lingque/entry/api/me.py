"""Who the caller is, and what they may do."""

from __future__ import annotations

from pydantic import BaseModel, Field
from starlette.requests import Request

from lingque.entry.api.authentication import session_secret
from lingque.entry.api.guarded import Caller, guarded_router
from lingque.entry.api.people import ScopeShape
from lingque.govern.access import refused
from lingque.govern.contracts import Action, Role
from lingque.govern.sessions import request_token

router = guarded_router("access")


class Me(BaseModel):
    """The principal behind the key. What they may do follows from the roles."""

    user: str
    roles: list[Role]
    scope: ScopeShape
    actions: list[Action]
    request_token: str | None = Field(description="of a session: goes into X-Request-Token of every request but GET")


@router.get("/me", operation_id="get_me", summary="Who am I, and what may I do?")
def get_me(request: Request, caller: Caller) -> Me:
    # a key counts before a cookie: what is told then is nobody's token
    secret = None if "authorization" in request.headers else session_secret(request.headers)
    return Me(
        user=caller.user,
        roles=sorted(caller.roles),
        scope=ScopeShape(kind=caller.scope.kind, of=caller.scope.of),
        request_token=None if secret is None else request_token(secret),
        actions=[action for action in Action if refused(caller, action) is None],
    )

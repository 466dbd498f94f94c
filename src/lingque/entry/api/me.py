"""Who the caller is, and what they may do."""

from __future__ import annotations

from pydantic import BaseModel

from lingque.entry.api.guarded import Caller, guarded_router
from lingque.govern.access import refused
from lingque.govern.contracts import Action, Role

router = guarded_router("access")


class Me(BaseModel):
    """The principal behind the key. What they may do follows from the roles."""

    user: str
    roles: list[Role]
    actions: list[Action]


@router.get("/me", operation_id="get_me", summary="Who am I, and what may I do?")
def get_me(caller: Caller) -> Me:
    return Me(
        user=caller.user,
        roles=sorted(caller.roles),
        actions=[action for action in Action if refused(caller, action) is None],
    )

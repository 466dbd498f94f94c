"""Signing in with a password, out again, and changing the password.

None of these is a POST under /v1: what answers them holds a secret, and answers of POSTs are kept.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field, SecretStr
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response

from lingque.core.errors import BusyError
from lingque.core.reasons import Refusal
from lingque.entry.api.authentication import COOKIE, session_secret, unknown_caller
from lingque.entry.api.guarded import Caller, Workspace, guarded_router
from lingque.entry.api.problems import problem_described, refusal_response, request_problem
from lingque.entry.api.shapes import Request
from lingque.entry.api.sign_in_limit import SignInLimit
from lingque.flow.people import change_password, sign_in, sign_out

PATH = "/sign-in"

public = APIRouter(tags=["access"])
router = guarded_router("access")

Password = Annotated[SecretStr, Field(min_length=1, max_length=256)]


class SignInRequest(Request):
    """Who says to be who."""

    user: Annotated[str, Field(min_length=1, max_length=64)]
    password: Password


class SessionAnswer(BaseModel):
    """A session was begun; its secret is in the cookie."""

    user: str
    request_token: str = Field(description="goes into the header X-Request-Token of every request but GET")


class PasswordChange(Request):
    """Somebody's own password. All sessions end."""

    old: Password
    new: Password


class Done(BaseModel):
    """It was done."""

    done: bool = True


@public.post(
    PATH,
    operation_id="sign_in",
    summary="Begin a session with a password",
    response_model=SessionAnswer,
    responses={
        401: problem_described("User and password do not go together, or must wait"),
        429: problem_described("Too many have failed from this address"),
    },
)
def post_sign_in(body: SignInRequest, request: HttpRequest, workspace: Workspace) -> Response:
    """401 for whatever reason. After some failures the account's next try has to wait, longer each time; after many
    failures of one address within a minute whoever comes from there has to (429)."""
    limit: SignInLimit = request.app.state.sign_in_limit
    succeeded = limit.begin("" if request.client is None else request.client.host)
    if succeeded is None:
        detail = "Too many sign-ins from this address have failed; wait a minute."
        return request_problem(429, "too-many-tries", "Too many tries", detail, headers={"Retry-After": "60"})
    secret = session_secret(request.headers)
    try:
        begun = sign_in(workspace.services, body.user, body.password.get_secret_value(), instead_of=secret)
    except BusyError:
        succeeded()  # nobody has looked at it
        raise
    if isinstance(begun, Refusal):
        return unknown_caller()
    succeeded()
    answer = JSONResponse(SessionAnswer(user=begun.user, request_token=begun.request_token).model_dump())
    answer.set_cookie(COOKIE, begun.secret, path="/", secure=True, httponly=True, samesite="strict")
    return answer


@router.delete("/session", operation_id="sign_out", summary="End the session of the caller", response_model=Done)
def delete_session(request: HttpRequest, workspace: Workspace, caller: Caller) -> Response:
    """Of a caller with an API key there is none to end."""
    secret = session_secret(request.headers)
    if secret is not None:
        sign_out(workspace.services, secret, caller)
    answer = JSONResponse(Done().model_dump())
    answer.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="strict")
    return answer


@router.put("/me/password", operation_id="change_password", summary="Change one's own password", response_model=Done)
def put_password(body: PasswordChange, workspace: Workspace, caller: Caller) -> Done | Response:
    """The old one is asked for again: an open session must not be enough."""
    changed = change_password(
        workspace.services, caller, old=body.old.get_secret_value(), new=body.new.get_secret_value()
    )
    return refusal_response(changed) if isinstance(changed, Refusal) else Done()

"""Routes under /v1: who calls is asked before anything else is looked at, and every POST is done once.

A new file of routes begins with `router = guarded_router("campaigns")` and has both; `lingque.entry.api.app` refuses
to start with a route that is neither guarded nor named as public.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from lingque.bootstrap import Application
from lingque.core.errors import LingqueError
from lingque.entry.api.authentication import Authenticator, unknown_caller
from lingque.entry.api.once import AnswersOnce
from lingque.entry.api.problems import error_response
from lingque.govern.contracts import Principal

PREFIX = "/v1"


class GuardedRoute(APIRoute):
    """Asks for the principal (401 without one) and puts it into `request.state.principal`; answers POSTs once.

    A parameter of the query that the route does not know is an error, never silently ignored.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        understand = super().get_route_handler()
        known = {parameter.alias for parameter in self.dependant.query_params}

        async def handle(request: Request) -> Response:
            if not known.issuperset(request.query_params):
                # the name is what the caller made up: not repeated
                unknown = {"type": "extra_forbidden", "loc": ("query", ""), "msg": ""}
                raise RequestValidationError([unknown])
            return await understand(request)

        async def guarded(request: Request) -> Response:
            authenticator: Authenticator = request.app.state.authenticator
            principal = await run_in_threadpool(authenticator.principal, request.method, request.headers)
            if principal is None:
                return unknown_caller()
            request.state.principal = principal
            if request.method != "POST":
                return await handle(request)

            async def command() -> Response:
                try:
                    return await handle(request)
                except LingqueError as error:  # an outcome of the command, kept like any other below 500
                    return error_response(error)

            answers: AnswersOnce = request.app.state.answers
            return await answers.answer(request, caller=principal.user, command=command)

        return guarded


def guarded_router(tag: str) -> APIRouter:
    """A router whose routes stand under /v1 and are guarded.

    The prefix is the router's own, not the inclusion's, so that a route knows its whole template (for the log).
    """
    return APIRouter(prefix=PREFIX, route_class=GuardedRoute, tags=[tag])


def _caller(request: Request) -> Principal:
    principal: Principal = request.state.principal
    return principal


def _application(request: Request) -> Application:
    application: Application = request.app.state.application
    return application


Caller = Annotated[Principal, Depends(_caller)]
"""Who calls; only in guarded routes."""

Workspace = Annotated[Application, Depends(_application)]
"""The opened workspace."""

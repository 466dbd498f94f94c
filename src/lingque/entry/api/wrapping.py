"""What every request passes through on its way in and out, whatever its route."""

from __future__ import annotations

import time
from collections.abc import MutableMapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lingque.core.hashing import canonical_json
from lingque.entry.api.problems import LOG, http_status_response, unexpected_response

MAX_BODY_BYTES = 1024 * 1024

SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
}
"""On every answer that does not bring its own (the page for customers has a policy of its own)."""

_AS_SENT = tuple((name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items())


class AccessLog:
    """One line per request, as JSON: method, route template, status, milliseconds, user.

    Never the path, the query or the body: paths carry opt-out tokens, bodies carry what colleagues write.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        status = 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        state = scope.setdefault("state", {})
        try:
            await self._app(scope, receive, noted)
        finally:
            line = {
                "method": scope["method"],
                "route": _template(scope),
                "status": status,
                "milliseconds": round((time.perf_counter() - begun) * 1000, 1),
                "user": _user(state),
            }
            LOG.info("%s", canonical_json(line))


class SecurityHeaders:
    """Adds what is missing of `SECURITY_HEADERS`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                there = {name.lower() for name, _ in headers}
                message["headers"] = [*headers, *(one for one in _AS_SENT if one[0] not in there)]
            await send(message)

        await self._app(scope, receive, secured)


class LastResort:
    """Whatever nobody expected becomes a problem document and a log entry. It is the only blind except there is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            if started:
                raise  # half an answer is out: the server closes the connection, and logs
            await unexpected_response(error)(scope, receive, send)


class BodyLimit:
    """413 for a body above the limit: at once where its length is stated, else when it has grown too long."""

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY_BYTES) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        stated: bytes = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if not stated.isdigit() or int(stated) > self._limit:
            await http_status_response(413 if stated.isdigit() else 400)(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._limit:
                raise HTTPException(413)
            return message

        await self._app(scope, counted, send)


def _template(scope: Scope) -> str:
    """The route's template, or that there was none; a raw path is never a substitute."""
    route = scope.get("route")
    path = getattr(route, "path", None)
    return path if isinstance(path, str) else "(none)"


def _user(state: MutableMapping[str, Any]) -> str | None:
    principal = state.get("principal")
    return None if principal is None else principal.user

"""What every request passes through on its way in and out, whatever its route."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import MutableMapping
from functools import lru_cache
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
    The lines of requests that end in the same turn of the event loop are one record: a record costs as much as a
    tenth of an answer, and a line in it next to nothing.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._lines: deque[str] = deque()

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
            milliseconds = round((time.perf_counter() - begun) * 1000, 1)
            if LOG.isEnabledFor(logging.INFO):
                head, tail = _around(scope["method"], _template(scope), status, _user(state))
                self._note(f"{head}{milliseconds}{tail}")

    def _note(self, line: str) -> None:
        self._lines.append(line)
        if len(self._lines) == 1:
            asyncio.get_running_loop().call_soon(self._write)

    def _write(self) -> None:
        """All there are: whoever notes one meanwhile, on a loop of another thread, finds others there or comes back."""
        written = []
        while self._lines:
            written.append(self._lines.popleft())
        if written:
            LOG.info("%s", "\n".join(written))


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


@lru_cache(maxsize=1024)
def _around(method: str, route: str, status: int, user: str | None) -> tuple[str, str]:
    """The line before and after its milliseconds, keys in the order of `canonical_json`."""
    rest = canonical_json({"route": route, "status": status, "user": user})
    return f'{{"method":{canonical_json(method)},"milliseconds":', f",{rest[1:]}"


def _template(scope: Scope) -> str:
    """The route's template, or that there was none; a raw path is never a substitute."""
    route = scope.get("route")
    path = getattr(route, "path", None)
    return path if isinstance(path, str) else "(none)"


def _user(state: MutableMapping[str, Any]) -> str | None:
    principal = state.get("principal")
    return None if principal is None else principal.user

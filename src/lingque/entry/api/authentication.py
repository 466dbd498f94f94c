"""Who calls: a port, with API keys and sessions behind it (sign-on through the bank's own directory comes later)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Protocol

from starlette.responses import Response

from lingque.core.clock import Clock
from lingque.entry.api.problems import http_status_response
from lingque.govern.api_keys import principal_of_key
from lingque.govern.contracts import Principal
from lingque.govern.sessions import (
    SessionLimits,
    is_request_token,
    is_to_be_noted,
    principal_of_session,
    seen_session,
)
from lingque.store.database import Database

# the prefix makes browsers take it over TLS only, from this host only, for all paths
COOKIE = "__Host-lingque"
TOKEN_HEADER = "X-Request-Token"  # noqa: S105  a header's name
CHANGES_NOTHING = frozenset({"GET", "HEAD"})

# A key is some 50 characters; what is much longer is not worth a digest and a look-up.
_BEARER = re.compile(r"[Bb]earer +([!-~]{1,512}) *")
_SECRET = re.compile(r"[\w-]{20,100}", re.ASCII)


class Authenticator(Protocol):
    """Says who calls. Called once per request, from a worker thread; names of headers are in lower case."""

    def principal(self, method: str, headers: Mapping[str, str]) -> Principal | None: ...


class KeysAndSessions:
    """`Authorization: Bearer <api key>`, or the cookie of a session.

    A browser sends a cookie whoever wrote the page: so a request that may change something also brings the session's
    own token in a header, which only a page of ours can know.
    """

    def __init__(self, database: Database, clock: Clock, limits: SessionLimits) -> None:
        self._database = database
        self._clock = clock
        self._limits = limits

    def principal(self, method: str, headers: Mapping[str, str]) -> Principal | None:
        """Whose key or session it is; None without one, or with one that is nobody's. A key counts before a cookie."""
        if "authorization" in headers:
            return self._of_key(headers["authorization"])
        secret = session_secret(headers)
        if secret is None:
            return None
        if method not in CHANGES_NOTHING and not is_request_token(secret, headers.get(TOKEN_HEADER.lower(), "")):
            return None
        now = self._clock.now()
        with self._database.reading() as connection:
            principal = principal_of_session(connection, secret, self._limits, at=now)
            note = principal is not None and is_to_be_noted(connection, secret, at=now)
        if note:
            with self._database.transaction() as connection:
                seen_session(connection, secret, at=now)
        return principal

    def _of_key(self, header: str) -> Principal | None:
        found = _BEARER.fullmatch(header)
        if found is None:
            return None
        with self._database.reading() as connection:
            return principal_of_key(connection, found[1], at=self._clock.now())


def session_secret(headers: Mapping[str, str]) -> str | None:
    """What the session's cookie holds; None where there is none that could be ours."""
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return found.value if found is not None and _SECRET.fullmatch(found.value) else None


def unknown_caller() -> Response:
    """One answer for no key and for a wrong one: which of the two it was is nobody's business."""
    return http_status_response(401, headers={"WWW-Authenticate": 'Bearer realm="lingque"'})

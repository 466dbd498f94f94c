"""Who calls: a port, with API keys behind it (sign-on through the bank's own directory comes later)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Protocol

from starlette.responses import Response

from lingque.entry.api.problems import http_status_response
from lingque.govern.access import principal_of_key
from lingque.govern.contracts import Principal
from lingque.store.database import Database

# A key is some 50 characters; what is much longer is not worth a digest and a look-up.
_BEARER = re.compile(r"[Bb]earer +([!-~]{1,512}) *")


class Authenticator(Protocol):
    """Says who calls. Called once per request, from a worker thread; names of headers are in lower case."""

    def principal(self, headers: Mapping[str, str]) -> Principal | None: ...


class ApiKeys:
    """`Authorization: Bearer <api key>`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def principal(self, headers: Mapping[str, str]) -> Principal | None:
        """Whose key it is; None without a key, or with one that is nobody's."""
        found = _BEARER.fullmatch(headers.get("authorization", ""))
        if found is None:
            return None
        with self._database.reading() as connection:
            return principal_of_key(connection, found[1])


def unknown_caller() -> Response:
    """One answer for no key and for a wrong one: which of the two it was is nobody's business."""
    return http_status_response(401, headers={"WWW-Authenticate": 'Bearer realm="lingque"'})

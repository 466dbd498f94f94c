"""Doing a command once: what a POST answered is kept under the caller's `Idempotency-Key` and answered again.

What is promised: a caller that repeats a request under its key, because it never saw the answer, gets that answer,
and the command does not run again. The same key with another request is refused, and so is a repetition while
the first is still under way.

What is not promised: the command and the keeping of its answer are two transactions. Where the process dies
between them, or where two processes are sent the same key at the same moment, the command may run twice. So a
command must be safe to repeat by itself (the same plan is the same plan, a decided plan is not decided again); the key
saves the caller from having to find out. Answers of faults (5xx) and of requests that were not understood are
not kept: mended, the same key serves again.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from sqlalchemy.exc import IntegrityError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lingque.core.clock import Clock
from lingque.entry.api.problems import MEDIA_TYPE, request_problem
from lingque.store.database import Database
from lingque.store.idempotency import Answer, find_answer, keep_answer

KEY_HEADER = "Idempotency-Key"
KEY_PATTERN = "^[!-~]{1,128}$"
REPLAYED_HEADER = "Idempotency-Replayed"

_KEY = re.compile(KEY_PATTERN.strip("^$"))

Command = Callable[[], Awaitable[Response]]
"""Does the work; answers with a response whatever comes of it, or raises where the request was not understood."""


class AnswersOnce:
    """Answers of one workspace. One per process."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._under_way: set[tuple[str, str]] = set()
        self._guard = threading.Lock()

    async def answer(self, request: Request, *, caller: str, command: Command) -> Response:
        """The kept answer, or the command's own, kept from now on."""
        key = request.headers.get(KEY_HEADER, "")
        if not _KEY.fullmatch(key):
            return request_problem(
                400,
                "idempotency-key",
                "No usable Idempotency-Key",
                f"A POST needs the header {KEY_HEADER}: 1 to 128 visible ASCII characters, new for every command.",
            )
        digest = await _digest_of(request)
        with self._alone(caller, key) as alone:
            if not alone:
                return request_problem(
                    409,
                    "under-way",
                    "Still under way",
                    "A request with this Idempotency-Key is being worked on; ask again for its answer.",
                    headers={"Retry-After": "1"},
                )
            kept = await run_in_threadpool(self._find, caller, key)
            if kept is not None:
                return _again(kept, digest)
            response = await command()
            if response.status_code >= 500:
                return response
            made = Answer(
                request_digest=digest,
                status=response.status_code,
                body=json.loads(bytes(response.body)),
            )
            other = await run_in_threadpool(self._keep, made, caller, key)
            return response if other is None else _again(other, digest)

    @contextmanager
    def _alone(self, caller: str, key: str) -> Iterator[bool]:
        """Is this the only request of this process with that key? If so, until the end of the block."""
        name = (caller, key)
        with self._guard:
            first = name not in self._under_way
            self._under_way.add(name)
        try:
            yield first
        finally:
            if first:
                with self._guard:
                    self._under_way.discard(name)

    def _find(self, caller: str, key: str) -> Answer | None:
        with self._database.reading() as connection:
            return find_answer(connection, caller=caller, key=key)

    def _keep(self, answer: Answer, caller: str, key: str) -> Answer | None:
        """Keep it; where another process kept one in the meantime, that one: a key has one answer."""
        try:
            with self._database.transaction() as connection:
                keep_answer(connection, answer, caller=caller, key=key, at=self._clock.now())
        except IntegrityError:
            return self._find(caller, key)
        return None


async def _digest_of(request: Request) -> str:
    """What makes two requests the same: method, address and body."""
    whole = hashlib.sha256()
    for part in (request.method.encode(), request.url.path.encode(), request.url.query.encode()):
        whole.update(len(part).to_bytes(8, "big") + part)
    whole.update(await request.body())
    return whole.hexdigest()


def _again(kept: Answer, digest: str) -> Response:
    if kept.request_digest != digest:
        return request_problem(
            422,
            "idempotency-key-reused",
            "The Idempotency-Key was used before",
            "It belongs to another request; choose a new one.",
        )
    return JSONResponse(
        kept.body,
        status_code=kept.status,
        media_type=MEDIA_TYPE if kept.status >= 400 else "application/json",
        headers={REPLAYED_HEADER: "true"},
    )

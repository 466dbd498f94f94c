"""Requests that come while others are being answered are answered together: one look at the register, one decision over
all of them, one transaction.

Nobody waits longer than asked for: a caller who is known already is then given what everybody is shown.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from lingque.core.errors import NotFoundError
from lingque.core.reasons import Refusal
from lingque.entry.api.authentication import Authenticator
from lingque.flow.asking import Asking
from lingque.flow.services import Services
from lingque.flow.showing import Answer, Part, Visit
from lingque.flow.traces import traced
from lingque.govern.access import refused
from lingque.govern.contracts import Action, Principal

MOST = 64
"""Of one transaction: the first of them waits for the last."""
KNOWN_FOR = 60.0
"""Seconds for which a caller who was known may be shown what everybody is, while the register does not answer."""
_WHO = ("authorization", "cookie", "x-request-token")
_Told = tuple[asyncio.Future["Outcome"], "Outcome | Exception"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """`principal` None: nobody we know."""

    principal: Principal | None
    answer: Answer | NotFoundError | Refusal | None


@dataclass(kw_only=True, eq=False)
class _Waiting:
    who: str
    headers: Mapping[str, str]
    visit: Visit
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Outcome]
    given_up: bool = False


@dataclass
class AskedTogether:
    """Of one process. `ends_at` of visits counts by `time.monotonic`."""

    services: Services
    asking: Asking
    authenticator: Authenticator
    _queue: deque[_Waiting] = field(default_factory=deque)
    _changing: threading.Lock = field(default_factory=threading.Lock)
    _deciding: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "asked"))
    _at_work: asyncio.AbstractEventLoop | None = None
    """The loop that has the next group begin, or has it answered."""
    _known: dict[str, tuple[Principal, float]] = field(default_factory=dict)

    async def ask(self, headers: Mapping[str, str], visit: Visit) -> Outcome:
        """The answer, in time for whoever was known lately; raises what is a fault of ours."""
        loop = asyncio.get_running_loop()
        who = hashlib.sha256("\n".join(headers.get(name, "") for name in _WHO).encode()).hexdigest()
        waiting = _Waiting(who=who, headers=headers, visit=visit, loop=loop, future=loop.create_future())
        visit = waiting.visit = _watched(waiting)
        with self._changing:
            self._queue.append(waiting)
            begins = self._at_work is None or self._at_work.is_closed()
            if begins:
                self._at_work = loop
        if begins:
            # whoever is read in the same turn of the loop comes along
            loop.call_soon(self._begin, loop)
        known = self._known.get(who)
        if known is None or time.monotonic() - known[1] > KNOWN_FOR:
            return await waiting.future
        late = loop.call_later(visit.ends_at - time.monotonic(), self._too_late, waiting, known[0])
        try:
            return await waiting.future
        finally:
            late.cancel()

    def _too_late(self, waiting: _Waiting, principal: Principal) -> None:
        """The time is over: what everybody is shown, from memory."""
        waiting.given_up = True
        if waiting.future.done():
            return
        try:
            answer = _refusal(principal, waiting.visit) or self.asking.at_once(waiting.visit, Part.DEADLINE)
        except Exception as error:
            waiting.future.set_exception(error)  # who waits is told, and it goes on up
            raise
        waiting.future.set_result(Outcome(principal=principal, answer=answer))

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            self._deciding.submit(self._work, loop)
        except RuntimeError:  # the process is coming to its end
            self._forget(loop)
            self._go_on()

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        """In a thread of its own: answer who waits, then leave the next to the loop, which first hands out the answers
        and takes in who came meanwhile: the more come together, the less each costs."""
        with self._changing:
            batch = [self._queue.popleft() for _ in range(min(MOST, len(self._queue)))]
        try:
            outcomes = self._carry_out(batch)
        except Exception as error:
            self._tell(loop, batch, [error] * len(batch))  # each of those who wait, and it goes on up there
            raise
        self._tell(loop, batch, outcomes)

    def _tell(
        self, loop: asyncio.AbstractEventLoop, batch: Sequence[_Waiting], outcomes: Sequence[Outcome | Exception]
    ) -> None:
        by_loop: dict[asyncio.AbstractEventLoop, list[_Told]] = {loop: []}
        for one, outcome in zip(batch, outcomes, strict=True):
            by_loop.setdefault(one.loop, []).append((one.future, outcome))
        mine = by_loop.pop(loop)
        for other, told in by_loop.items():
            _called(other, _set_all, told)
        # woken up once it does both
        if not _called(loop, self._handed_out, loop, mine):
            self._go_on()

    def _handed_out(self, loop: asyncio.AbstractEventLoop, told: Sequence[_Told]) -> None:
        _set_all(told)
        # in the next turn those who waited write their answers, in the one after that these leave
        loop.call_soon(loop.call_soon, self._go_on)

    def _go_on(self) -> None:
        """Have the next group begin, for the loop of who waits longest."""
        while True:
            with self._changing:
                loop = self._at_work = self._queue[0].loop if self._queue else None
            if loop is None or _called(loop, self._begin, loop):
                return
            self._forget(loop)

    def _forget(self, loop: asyncio.AbstractEventLoop) -> None:
        """Nobody waits there any more."""
        with self._changing:
            self._queue = deque(one for one in self._queue if one.loop is not loop)

    def _carry_out(self, batch: Sequence[_Waiting]) -> list[Outcome]:
        headers = {one.who: one.headers for one in batch}
        principals = {who: self.authenticator.principal("POST", told) for who, told in headers.items()}
        now = time.monotonic()
        self._known = {who: seen for who, seen in self._known.items() if now - seen[1] <= KNOWN_FOR} | {
            who: (one, now) for who, one in principals.items() if one is not None
        }
        outcomes: dict[int, Outcome] = {}
        asked: list[int] = []
        for place, one in enumerate(batch):
            principal = principals[one.who]
            refusal = None if principal is None else _refusal(principal, one.visit)
            if principal is None or refusal is not None:
                if principal is not None and refusal is not None:
                    refusal = traced(self.services, refusal, principal, "ask_decision", "decision")
                outcomes[place] = Outcome(principal=principal, answer=refusal)
            else:
                asked.append(place)
        answers = self.asking.answer([batch[place].visit for place in asked]) if asked else []
        for place, answer in zip(asked, answers, strict=True):
            outcomes[place] = Outcome(principal=principals[batch[place].who], answer=answer)
        return [outcomes[place] for place in range(len(batch))]


def _watched(waiting: _Waiting) -> Visit:
    visit = waiting.visit
    return Visit(
        customer_id=visit.customer_id,
        placements=visit.placements,
        ends_at=visit.ends_at,
        language=visit.language,
        explain=visit.explain,
        given_up=lambda: waiting.given_up,
    )


def _refusal(principal: Principal, visit: Visit) -> Refusal | None:
    """Reasons are for whoever may look at customers anyway."""
    refusal = refused(principal, Action.ASK_DECISION)
    return refused(principal, Action.READ_CUSTOMER) if refusal is None and visit.explain else refusal


def _called(loop: asyncio.AbstractEventLoop, call: Callable[..., None], *arguments: Any) -> bool:
    """Will the loop call it? Not one that is closed."""
    try:
        loop.call_soon_threadsafe(call, *arguments)
    except RuntimeError:
        return False
    return True


def _set_all(told: Sequence[_Told]) -> None:
    for future, outcome in told:
        if future.done():
            continue
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)

"""How often one address may fail to sign in: guessing at many accounts is stopped where it comes from."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable

from lingque.core.clock import Clock, Instant

WINDOW = 60 * 1_000_000
KEPT_ADDRESSES = 10_000
"""So many addresses are remembered; the one that has been quiet for longest is forgotten first."""


class SignInLimit:
    """Failures per address and minute, of this process. A sign-in that succeeds does not count.

    Behind a reverse proxy the address is the one that it states, where the server trusts the proxy.
    """

    def __init__(self, clock: Clock, *, failures: int) -> None:
        self._clock = clock
        self._failures = failures
        self._tries: OrderedDict[str, deque[Instant]] = OrderedDict()
        self._guard = threading.Lock()

    def begin(self, address: str) -> Callable[[], None] | None:
        """Count a try before it is looked at, so that many at once are no more; what takes it back when it succeeds.
        None where the address has to wait."""
        now = self._clock.now()
        with self._guard:
            tries = self._tries.setdefault(address, deque())
            self._tries.move_to_end(address)
            while tries and tries[0] <= now - WINDOW:
                tries.popleft()
            if len(tries) >= self._failures:
                return None
            tries.append(now)
            while len(self._tries) > KEPT_ADDRESSES:
                self._tries.popitem(last=False)

        def succeeded() -> None:
            with self._guard:
                if now in tries:
                    tries.remove(now)

        return succeeded

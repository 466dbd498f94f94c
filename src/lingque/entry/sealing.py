"""A server seals the audit trail by itself, as time goes by."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from lingque.flow.keeping import seal_by_itself
from lingque.flow.services import Services

SECONDS = 60.0


@contextmanager
def sealed_as_time_goes_by(services: Services, *, seconds: float = SECONDS) -> Iterator[None]:
    """Inside, what is written is sealed every so many seconds, and once more at the end."""
    over = threading.Event()

    def seal() -> None:
        while not over.wait(seconds):
            seal_by_itself(services)

    thread = threading.Thread(target=seal, name="audit sealer", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        seal_by_itself(services)

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import TracebackType

import pytest

from lingque.warehouse.engine import Session
from lingque.warehouse.tables import DeltaTables


class KeptSession(Session):
    """Stays open when it is left: opening an engine for each of a thousand drawn candidates takes a minute."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def close(self) -> None:
        super().__exit__(None, None, None)


@pytest.fixture(scope="session")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Session]]:
    """An engine that has no tables: eligibility is asked of the requests alone."""
    kept = KeptSession(DeltaTables(tmp_path_factory.mktemp("tables")), memory_limit="200MB", threads=1)
    yield lambda: kept
    kept.close()

"""A process that computes tags, fills what is looked up, or looks it up; and that can be killed at a stated moment."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from itertools import count
from pathlib import Path

from bank_process import main
from tiny_bank import NOW, OTTO, Bank

from lingque.core.clock import instant_of
from lingque.core.reasons import Refusal
from lingque.flow.intake import make_ready
from lingque.flow.tags import backfill_tags
from lingque.profile import filling
from lingque.profile.kernel import files
from lingque.profile.online import OnlineFile, Writing


def die_at(moment: int) -> None:
    """As a power cut would: before a transaction of the file is committed (odd moments) or after it (even ones)."""
    passed, whole = count(1), OnlineFile.writing

    @contextmanager
    def writing(self: OnlineFile) -> Iterator[Writing]:
        number = 2 * next(passed) - 1
        with whole(self) as one:
            yield one
            if number == moment:
                os.kill(os.getpid(), signal.SIGKILL)
        if number + 1 == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    OnlineFile.writing = writing  # type: ignore[method-assign]


def work(folder: str, control: str, what: str, moment: int) -> None:
    os.environ["LINGQUE_CONTROL__URL"] = control
    files.ROWS_AT_ONCE, filling.CUSTOMERS_AT_ONCE = 40, 15  # many steps
    with Bank(folder=Path(folder)).open() as application:
        services = application.services
        if what == "fill":
            die_at(moment)
            with application.writing():
                make_ready(services)
        elif what == "backfill":
            with application.writing():
                days = list(
                    backfill_tags(services, date(2026, 5, 12), date(2026, 5, 12) + timedelta(days=moment), OTTO)
                )
                assert not any(isinstance(one, Refusal) for one in days)
        else:
            look(Bank(folder=Path(folder)), moment)


def look(bank: Bank, customers: int) -> None:
    """Ask of everybody, again and again, until told to stop: whole answers only, of before or after."""
    with bank.open() as application, application.services.database.reading() as connection:
        profile = application.services.profile
        everybody = profile.tags_of(connection, date(2026, 6, 1)).column("customer_id").to_pylist()
        assert len(everybody) == customers
        while not (bank.folder / "stop").exists():
            for customer in everybody:
                row = profile.row_of(customer, instant_of(NOW), ("salary_3m", "bookings_live"))
                assert row["salary_3m"] == 1_000_000, row
                assert row["bookings_live"] in (2, 3), row
            (bank.folder / "looked").touch()
            time.sleep(0.02)


if __name__ == "__main__":
    main(work)

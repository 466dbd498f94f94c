"""Killed while planning and while deciding: at the end one plan, one wave, and every contact counted once.

The work is done in processes that are killed with SIGKILL: before each statement that writes to the control database,
before the commit, and after random times. After each kill the workspace is looked at as readers see it: it may be as
before or as after, and nothing in between.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from bank_process import main
from deltalake import DeltaTable
from killing import Workers, moments
from sqlalchemy import Engine, event, select
from tiny_bank import AS_OF, CAMPAIGN, CUSTOMERS, LAWFUL, LIN, OTTO, Bank, approve, audit_of, email_of, rows_of

from lingque.bootstrap import WAREHOUSE_FOLDER, Application
from lingque.core.errors import ChannelError
from lingque.core.reasons import Refusal
from lingque.decide.contracts import DECISION_TABLE
from lingque.decide.tables import contact_ledger
from lingque.deliver.contracts import Fates, Message
from lingque.deliver.tables import deliveries
from lingque.engage.tables import campaign_plans, campaign_states, contacts
from lingque.flow import apply, plan_campaign, run_campaign
from lingque.flow.services import Services
from lingque.store.runs import publications, published_versions, runs
from lingque.testing import MemoryChannel
from lingque.warehouse.engine import SCRATCH

CAPS = """
cap: weekly
label: {zh: 每周至多一次, en: Once a week at most}
at_most: 1
within: 7 days
"""
LONGEST = 0.5
"""Seconds: about as long as the work takes."""
WRITES = {"plan": 4, "decide": 9}
"""How many statements of each write to the control database, the commit counted, which is the last."""


def die_at(engine: Engine, moment: int) -> None:
    """As a power cut would, before the moment-th statement that writes, or commit."""
    passed = count(1)

    def write(*_: object) -> None:
        if next(passed) == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    def execute(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith(("INSERT", "UPDATE", "DELETE")):
            write()

    event.listen(engine, "before_cursor_execute", execute)
    event.listen(engine, "commit", write)


def down(_message: Message) -> None:
    raise ChannelError("down", next_step="")


def work(folder: str, control: str, step: str, attempt: int, moment: int) -> None:
    """Plan, or decide and write the wave. Every attempt comes a second later than the one before."""
    os.environ["LINGQUE_CONTROL__URL"] = control
    bank = Bank(folder=Path(folder), channel=MemoryChannel(before_send=down))
    bank.clock.advance(attempt * 1_000_000)
    with bank.open() as application, application.writing() as services:
        if moment:
            die_at(services.database.engine, moment)
        if step == "plan":
            assert not isinstance(plan_campaign(services, CAMPAIGN, AS_OF, LIN), Refusal)
        else:
            with pytest.raises(ChannelError):
                run_campaign(services, CAMPAIGN, LIN)


class Seen:
    """The workspace as readers see it at one moment."""

    def __init__(self, services: Services) -> None:
        of_contact = ("wave_id", "customer_id", "step", "channel")
        with services.database.reading() as connection:

            def rows(*columns: Any) -> list[tuple[Any, ...]]:
                return sorted(tuple(row) for row in connection.execute(select(*columns)))

            self.plans = rows(campaign_plans.c.wave_id, campaign_plans.c.digest)
            self.states = [state for _, state in rows(campaign_states.c.state_id, campaign_states.c.state)]
            self.reserved, self.contacts, self.deliveries = (
                rows(*(table.c[name] for name in of_contact)) for table in (contact_ledger, contacts, deliveries)
            )
            decided = dict(rows(runs.c.run_id, runs.c.kind))
            self.runs = [run for run, kind in decided.items() if kind == "decide"]
            published = rows(publications.c.run_id, publications.c.version, publications.c.table_name)
            self.published = [(run, version) for run, version, table in published if table == DECISION_TABLE]
            self.known_runs = decided.keys()
            self.known_publications = {run for run, _, _ in published}
        self.log = rows_of(services, DECISION_TABLE)
        self.audited = [row.act for row in audit_of(services)]


def assert_nothing_in_between(services: Services) -> Seen:
    """All of a plan or nothing of it; all of a wave or nothing of it."""
    seen = Seen(services)
    assert len(seen.plans) <= 1
    assert seen.states[:1] == ["simulated"] * len(seen.plans)
    assert bool(seen.plans) == ("plan_campaign" in seen.audited)
    assert seen.known_publications <= seen.known_runs
    assert [run for run, _ in seen.published] == seen.runs
    has_wave = "rolling_out" in seen.states
    assert len(seen.runs) == seen.audited.count("run_campaign") == seen.states.count("rolling_out") == int(has_wave)
    assert seen.reserved == seen.contacts == seen.deliveries
    chosen = [row["customer_id"] for row in seen.log if row["arm"] == "contact"]
    assert sorted(chosen) == [customer for _, customer, _, _ in seen.contacts]
    assert len(seen.log) == CUSTOMERS * has_wave
    return seen


def assert_nothing_left(bank: Bank, services: Services) -> None:
    """What the dead wrote to the data plane is neither seen nor lies about."""
    with services.session():
        left = [path.name for path in (bank.folder / WAREHOUSE_FOLDER / SCRATCH).iterdir()]
    assert [name.partition("-")[0] for name in left] == [str(os.getpid())]
    with services.database.reading() as connection:
        versions = published_versions(connection)
    for table, version in versions.items():
        assert DeltaTable(services.tables.root / table).version() == version
    assert len(services.tables.slices(DECISION_TABLE, versions[DECISION_TABLE])) == 1


@pytest.fixture(scope="module")
def planners() -> Iterator[Workers]:
    made = Workers(Path(__file__))
    yield made
    made.close()


def kill(planners: Workers, bank: Bank, step: str, services: Services) -> None:
    """Again and again, and at last let it finish."""
    writes = [(moment, None) for moment in range(1, WRITES[step] + 1)]
    attempts: list[tuple[int, float | None]] = [*writes, *((0, after) for after in moments(3, LONGEST)), (0, None)]
    codes: list[int] = []
    for number, (moment, after) in enumerate(attempts):
        # two attempts within one second are one and the same run, later ones are others
        job: list[str | int] = [str(bank.folder), os.environ["LINGQUE_CONTROL__URL"], step, number // 2, moment]
        codes.append(planners.do(job, kill_after=after))
        assert_nothing_in_between(services)
    assert codes[: len(writes)] == [-9] * len(writes)
    assert codes[-1] == 0


def test_planning_and_deciding_that_are_killed_again_and_again_end_as_if_they_never_were(
    bank: Bank, loaded: Application, planners: Workers
) -> None:
    services = loaded.services
    bank.define("caps", CAPS)
    assert not isinstance(apply(services, OTTO), Refusal)

    kill(planners, bank, "plan", services)
    seen = assert_nothing_in_between(services)
    assert (len(seen.plans), seen.states, seen.log) == (1, ["simulated"], [])
    approved = approve(services)
    assert [(approved.wave_id, approved.digest)] == seen.plans

    kill(planners, bank, "decide", services)
    seen = assert_nothing_in_between(services)
    assert (len(seen.plans), len(seen.runs), len(seen.published)) == (1, 1, 1)
    assert len(seen.contacts) == approved.forecast.to_contact > 0
    assert_nothing_left(bank, services)

    bank.clock.advance(3_600_000_000)
    fates = run_campaign(services, CAMPAIGN, LIN)
    assert isinstance(fates, Fates)
    assert fates.by_status == {"sent": approved.forecast.to_contact} == {"sent": bank.channel.transmissions}
    assert {message.address for message in bank.channel.messages.values()} <= {email_of(n) for n in LAWFUL}
    assert assert_nothing_in_between(services).contacts == seen.contacts


if __name__ == "__main__":
    main(work)

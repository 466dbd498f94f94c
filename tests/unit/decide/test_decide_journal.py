"""The journal of decisions: what comes back is what was decided, as the log of a wave would say it."""

from __future__ import annotations

import dataclasses
import json
import zlib
from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np
import pytest
from made_up_candidates import CONTEXT, candidate, decided, facts_of, offer_of, people
from sqlalchemy import Connection, create_engine, delete, func, select, update

from lingque.core.ids import CustomerId, PartyId
from lingque.core.reasons import Reason
from lingque.decide.contracts import Exploration
from lingque.decide.decisions import Decisions
from lingque.decide.journal import DecisionJournal, JournalRows, drop, entries, log_rows, tags_in
from lingque.decide.log import log_of
from lingque.decide.replay import decide_again, differences
from lingque.decide.tables import contact_ledger, decision_journal, decision_menus
from lingque.govern.contracts import Person

ASKED = dataclasses.replace(
    CONTEXT, hold_out=0.3, prices={"channel:email": 3.5}, exploration=Exploration(epsilon=0.3, thompson=True, draws=8)
)
TAGS: dict[str, list[Any]] = {
    "score": [0.1, None, 0.3], "spread": [0.1, 0.1, 0.2], "tolerance": [3, 1, 5],
    "assessed_until": [date(2027, 1, 1), date(2026, 1, 1), None], "visits": [0, 7, 2],
    "earns": [None, 12_300, 400], "concedes": [10, None, 30],
}  # fmt: skip
IDS = [11, 2**62, 5]
CLOSURES = {"fund": "f1", "deposit": "d1", "card": "c1"}


@pytest.fixture
def connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        for table in (decision_journal, decision_menus, contact_ledger):
            table.create(connection)
        yield connection
    engine.dispose()


def asked(ids: list[int] = IDS) -> tuple[Decisions, list[dict[str, Any]], dict[str, Any]]:
    offers = [
        candidate(ids, "fund", regime="wealth", propensity="score", spread="spread", margin=30_000,
                  suitability={"risk_grade": 3, "tolerance": "tolerance", "valid_until": "assessed_until"}),
        candidate(ids, "deposit", refused={Reason.NO_CONSENT: [one == 5 for one in ids]}),
        candidate(ids, "deposit", channel="sms", cost=9),
        candidate(ids, "card", eligibility="visits > 1", margin=9_000, margin_tag="earns", cost_tag="concedes"),
    ]  # fmt: skip
    tags = {name: values[: len(ids)] for name, values in TAGS.items()}
    decisions = decided(people(ids, **tags), offers, ASKED, clock="asked")
    rows = [{name: values[at] for name, values in tags.items()} for at in range(len(ids))]
    return decisions, rows, {offer_of(one).name: offer_of(one) for one in offers}


def write(connection: Connection, decisions: Decisions, rows: list[dict[str, Any]]) -> list[int]:
    return DecisionJournal().write(connection, decisions, placement="app_home", closures=CLOSURES, tags=rows)


def test_entries_of_an_earlier_version_are_read_as_those_of_this_one(connection: Connection) -> None:
    """The names of the tags stood with their values, in each entry."""
    decisions, rows, _ = asked()
    write(connection, decisions, rows)
    before = entries(connection)
    content = dict(connection.execute(select(decision_menus.c.content)).scalar_one())
    names = content.pop("tags")
    connection.execute(update(decision_menus).values(content=content))
    for row in connection.execute(select(decision_journal)).all():
        header, _, columns = zlib.decompress(row.packed).partition(b"\n")
        told = json.loads(header)
        told["tags"] = dict(zip(names, told["tags"], strict=True))
        packed = zlib.compress(json.dumps(told).encode() + b"\n" + columns)
        connection.execute(
            update(decision_journal).where(decision_journal.c.entry_id == row.entry_id).values(packed=packed)
        )
    for old, new in zip(before, entries(connection), strict=True):
        assert (old.header, old.menu, old.context) == (new.header, new.menu, new.context)


def test_a_number_is_never_given_again(connection: Connection) -> None:
    decisions, rows, _ = asked()
    first = write(connection, decisions, rows)
    drop(connection, entries(connection))
    assert min(write(connection, decisions, rows)) > max(first)
    nobody = DecisionJournal().write(connection, decisions, placement="p", closures=CLOSURES, tags=rows, rows=[])
    assert nobody == []


def test_entries_say_what_the_log_of_a_wave_would(connection: Connection) -> None:
    decisions, rows, offers = asked()
    numbers = write(connection, decisions, rows)
    found = entries(connection)
    assert [entry.entry_id for entry in found] == numbers == [1, 2, 3]
    log = log_rows(found, buckets=8)
    expected = log_of(decisions, plan="", campaign="app_home", buckets=8, phase="once")
    assert {one.column for one in differences(log, expected)} <= {"plan"}
    assert set(log.column_names) == {*expected.column_names, "context"}
    assert {str(field.type) for field in log.schema} == {str(field.type) for field in expected.schema}
    for number, entry in enumerate(found):
        assert entry.decision_id == f"asked-{entry.entry_id:024x}"
        mine = log.filter([one == entry.decision_id for one in log.column("plan").to_pylist()])
        context = json.loads(mine.column("context")[0].as_py())
        assert tags_in(context) == rows[number], "days come back as days"
        ids = np.array([entry.customer_id], dtype=np.int64)
        facts = facts_of(ids, {name: [value] for name, value in tags_in(context).items()}, None)
        again = decide_again(context, mine, offers, ids, facts)
        replayed = log_of(again, plan=entry.decision_id, campaign="app_home", buckets=8, phase="once")
        assert differences(mine, replayed) == [], "one of several is decided again by itself"


def test_a_menu_stands_once_and_a_number_is_never_given_again(connection: Connection) -> None:
    journal = DecisionJournal()
    for _ in range(3):
        decisions, rows, _ = asked([11])
        journal.write(connection, decisions, placement="app_home", closures=CLOSURES, tags=rows)
    assert connection.execute(select(func.count()).select_from(decision_menus)).scalar_one() == 1
    batch = entries(connection, most=2)
    assert drop(connection, batch) == 2
    assert [entry.entry_id for entry in entries(connection)] == [3]
    assert drop(connection, entries(connection)) == 1
    decisions, rows, _ = asked([11])
    assert write(connection, decisions, rows) == [4], "it would have named an older decision"
    assert entries(connection, entry_id=3) == []


def test_what_was_erased_meanwhile_is_not_dropped_with_the_others(connection: Connection) -> None:
    write(connection, *asked()[:2])
    batch = entries(connection)
    connection.execute(delete(decision_journal).where(decision_journal.c.entry_id == 2))
    assert drop(connection, batch) == 2
    assert len(entries(connection)) == 2, "nothing was dropped: the batch has to be put together anew"


def test_a_customers_entries_are_disclosed_and_go_with_the_customer(connection: Connection) -> None:
    write(connection, *asked()[:2])
    person = Person(customer_id=CustomerId(11), parties=(PartyId(11),), birth_date=None)
    rows = JournalRows(held=False)
    (told,) = rows.disclose(connection, person)["decisions_on_request"]
    assert told["placement"] == "app_home"
    assert told["looked_at"]["assessed_until"] == "2027-01-01"
    held = JournalRows(held=True).erase(connection, person)
    assert (held.gone, held.kept) == ({"contact_ledger": 0}, {"decision_journal": 1})
    assert rows.erase(connection, person).gone == {"decision_journal": 1, "contact_ledger": 0}
    assert {entry.customer_id for entry in entries(connection)} == {2**62, 5}
    assert rows.disclose(connection, person) == {"decisions_on_request": []}


def test_an_entry_is_small(connection: Connection) -> None:
    ids = [11]
    offers = [candidate(ids, f"offer_{n}", channel=c) for n in range(50) for c in ("email", "sms", "rm_call", "app")]
    decisions = decided(people(ids), offers, ASKED, clock="asked")
    closures = {f"offer_{n}": "x" * 64 for n in range(50)}
    tags = [{f"tag_{n}": n / 7 for n in range(120)}]
    DecisionJournal().write(connection, decisions, placement="p", closures=closures, tags=tags)
    size = connection.execute(select(func.length(decision_journal.c.packed))).scalar_one()
    assert size < 4_000, "of 200 candidates and 120 tags"

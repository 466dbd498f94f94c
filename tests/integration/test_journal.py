"""Decisions asked for one at a time: in the journal first, in the log later, never in both and never lost."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from bank_process import main
from killing import Workers, moments
from rich.console import Console
from sqlalchemy import select
from test_kill_planning import die_at
from tiny_bank import AS_OF, CAMPAIGN, LAWFUL, LIN, MIN, OTTO, Bank, customer_no, load_all, party_of, rows_of

from lingque.bootstrap import Application
from lingque.core.errors import NotFoundError
from lingque.core.ids import CustomerId, PartyId
from lingque.core.reasons import Reason, Refusal
from lingque.core.registries import Purpose
from lingque.decide.contracts import DECISION_TABLE, Context, Exploration, PlannedContact, Requests
from lingque.decide.decision import decide
from lingque.decide.decisions import Decisions
from lingque.decide.facts import TagRows
from lingque.decide.journal import DecisionJournal, JournalRows
from lingque.decide.pressure.caps import Now
from lingque.decide.pressure.ledger import commit_each, keys_of, reserve
from lingque.decide.tables import decision_journal
from lingque.engage.contracts import Plan
from lingque.entry import show_decision
from lingque.flow import apply, plan_campaign
from lingque.flow.deciding import read_stages
from lingque.flow.erasing import erase_rows
from lingque.flow.explaining import Explained, explain_decision
from lingque.flow.intake import catalog_of
from lingque.flow.journaling import move_decisions
from lingque.flow.judging import PolicyJudged, judge_policy
from lingque.flow.nightly import PutInOrder, put_in_order
from lingque.flow.proposing import Questions, menu_of
from lingque.flow.replaying import Replayed, replay_decision
from lingque.flow.services import Services
from lingque.govern.contracts import Person

PLACEMENT = "app_home"
OUTCOME = "opens_deposit_30d"
CAP = """
cap: weekly
label: {zh: 每周至多一次, en: Once a week at most}
at_most: 1
within: 7 days
"""


def planned(services: Services) -> Plan:
    """What a placement would propose is what the campaign does."""
    plan = plan_campaign(services, CAMPAIGN, AS_OF, LIN)
    assert isinstance(plan, Plan)
    return plan


def ask(services: Services, customers: list[int], plan: Plan | None = None) -> Decisions:
    """One decision each, as a placement would ask for them, and into the journal."""
    catalog = catalog_of(services)
    read, ids = read_stages((plan or planned(services)).stages), np.array(customers, dtype=np.int64)
    with services.database.transaction() as connection:
        tags = [services.profile.values_of(connection, AS_OF, customer) for customer in customers]
        questions = Questions(
            services=services,
            connection=connection,
            catalog=catalog,
            segment=read.select.segment,
            purpose=read.leave.purpose,
            data_classes=dict(read.leave.data_classes),
            moment=services.clock.now(),
        )
        offers = [name for name, _ in read.choice.offers]
        menu, rows = menu_of(catalog, offers, read.choice.channels, questions)
        requests = Requests(
            clock="asked",
            as_of=AS_OF,
            customer_ids=ids,
            facts=TagRows(tags),
            permits=questions.permits(ids, rows.asks),
            reachable=questions.reachable(ids, rows.reaches),
            capped=questions.capped(ids, rows.caps),
            past=questions.past(ids, menu),
        )
        context = Context(
            moment=services.clock.now(), today=AS_OF, hold_out=0.3, salt=PLACEMENT,
            exploration=Exploration(epsilon=0.2),
        )  # fmt: skip
        decisions = decide(requests, menu, context)
        closures = {name: catalog.closures["offer", name] for name in offers}
        DecisionJournal().write(connection, decisions, placement=PLACEMENT, closures=closures, tags=tags)
    return decisions


def people(application: Application, count: int) -> list[int]:
    return [party_of(application, customer_no(number)) for number in LAWFUL[:count]]


def waiting(services: Services) -> list[int]:
    with services.database.reading() as connection:
        return sorted(connection.execute(select(decision_journal.c.customer_id)).scalars())


def logged(services: Services) -> list[int]:
    return sorted(row["customer_id"] for row in rows_of(services, DECISION_TABLE))


def explained(services: Services, customer: int) -> Explained:
    found = explain_decision(services, CustomerId(customer), services.clock.now(), LIN)
    assert isinstance(found, Explained)
    return found


def test_a_decision_is_the_same_in_the_journal_and_in_the_log(loaded: Application) -> None:
    services = loaded.services
    customers = people(loaded, 6)
    decisions = ask(services, customers)
    before = [explained(services, customer) for customer in customers]
    assert [one.options[0].arm == "contact" for one in before] == decisions.contacted.tolist()
    assert {one.clock for one in before} == {"asked"}
    for one in before:
        again = replay_decision(services, one.decision_id, LIN)
        assert isinstance(again, Replayed)
        assert (again.same, again.decisions, again.campaign) == (True, 1, PLACEMENT)
    assert move_decisions(services, OTTO, most=4) == 6
    assert (waiting(services), logged(services)) == ([], sorted(customers))
    assert [explained(services, customer) for customer in customers] == before
    for one in before:
        again = replay_decision(services, one.decision_id, LIN)
        assert isinstance(again, Replayed)
        assert again.same
    assert move_decisions(services, OTTO) == 0
    assert isinstance(move_decisions(services, LIN), Refusal)


def test_every_night_each_puts_in_order_what_is_theirs(loaded: Application) -> None:
    services = loaded.services
    ask(services, people(loaded, 3))
    assert isinstance(put_in_order(services, LIN), Refusal)
    assert put_in_order(services, OTTO) == PutInOrder(moved=3, purged=None)
    assert put_in_order(services, OTTO) == PutInOrder(moved=0, purged=None)
    done = put_in_order(services, MIN)
    assert isinstance(done, PutInOrder)
    assert (done.moved, waiting(services)) == (None, [])
    assert "contact_ledger" in {one.table for one in done.purged or ()}


def test_a_full_cap_is_named_with_the_moment_from_which_it_has_room(bank: Bank, loaded: Application) -> None:
    bank.define("caps", CAP)
    services = loaded.services
    assert not isinstance(apply(services, OTTO), Refusal)
    (customer,) = people(loaded, 1)
    now = Now(instant=services.clock.now(), calendar=services.calendar)
    made = PlannedContact(
        wave_id=1, customer_id=CustomerId(customer), step=1, channel="email", purpose=Purpose.MARKETING
    )
    with services.database.transaction() as connection:
        assert reserve(connection, [made], caps=catalog_of(services).caps.values(), now=now) == []
        assert commit_each(connection, keys_of([made]), now=now.instant).all()
    bank.clock.advance(2 * 86_400_000_000)
    ask(services, [customer])
    (option,) = explained(services, customer).options
    # contacted on 1 June: the week that ends with the contact has room again from the eighth on
    (against,) = (one for one in option.against if one.reason is Reason.CONTACT_CAP)
    assert against.needs is not None
    assert against.needs.en == "Once a week at most (1/1): room from 2026-06-08 00:00:00"
    assert against.needs.zh == "每周至多一次（1/1）：2026-06-08 00:00:00 起有余量"


@pytest.mark.slow
def test_a_policy_is_judged_once_the_outcome_is_known(bank: Bank, loaded: Application) -> None:
    services, customers, plan = loaded.services, people(loaded, 16), planned(loaded.services)
    contacts = 0
    for _ in range(12):
        bank.clock.advance(1_000_000)
        contacts += int(ask(services, customers, plan).contacted.sum())
    with pytest.raises(NotFoundError, match="nobody was contacted"):
        judge_policy(services, PLACEMENT, "best", LIN, outcome=OUTCOME)
    assert move_decisions(services, OTTO) == 12 * 16
    early = judge_policy(services, PLACEMENT, "best", LIN, outcome=OUTCOME)
    assert isinstance(early, Refusal)
    assert early.reason is Reason.OUTCOME_NOT_YET_KNOWN
    opened = [(f"NEW{n:04}", customer_no(n), "2026-06-10", "20000", "3", "false") for n in LAWFUL[:4]]
    bank.deliver("deposits", opened, AS_OF + timedelta(days=30))
    load_all(services)
    bank.clock.advance(40 * 86_400_000_000)
    found = judge_policy(services, PLACEMENT, "best", LIN, outcome=OUTCOME)
    assert isinstance(found, PolicyJudged)
    overlap = found.conversions.overlap
    assert (overlap.decisions, overlap.effective, found.currency) == (contacts, pytest.approx(contacts), "CNY")
    # there is one offer: what would be done is what was done, and some of them took it up
    assert 0 < found.conversions.logged.value < 1
    for one in found.conversions.estimates[:2]:
        assert one.value == pytest.approx(found.conversions.logged.value)
    never = judge_policy(services, PLACEMENT, "without:term_deposit", LIN, outcome=OUTCOME)
    assert isinstance(never, Refusal)
    assert never.reason is Reason.NO_OVERLAP
    with pytest.raises(NotFoundError, match="is no campaign"):
        judge_policy(services, PLACEMENT, "best", LIN)
    console = Console(width=140, record=True, file=StringIO())
    console.print(show_decision.judged(found, "zh"))
    console.print(show_decision.judged(found, "en"))
    told = console.export_text()
    assert "双重稳健" in told
    assert "doubly robust" in told


def test_erasing_reaches_the_journal_and_the_log(loaded: Application) -> None:
    services = loaded.services
    customers = people(loaded, 3)
    ask(services, customers)
    assert move_decisions(services, OTTO) == 3
    ask(services, customers)
    gone = customers[1]
    person = Person(customer_id=CustomerId(gone), parties=(PartyId(gone),), birth_date=None)
    assert any(isinstance(rows, JournalRows) for rows in services.customer_rows)
    # by default a law keeps decisions, those in the journal too
    with services.database.transaction() as connection:
        for rows in services.customer_rows:
            rows.erase(connection, person)
    assert gone in waiting(services)
    with services.database.transaction() as connection:
        JournalRows(held=False).erase(connection, person)
    erase_rows(replace(services, rights=replace(services.rights, legal_hold=frozenset())), person)
    assert gone not in waiting(services)
    assert gone not in logged(services)
    assert move_decisions(services, OTTO) == 2
    assert logged(services) == sorted([*customers, customers[0], customers[2]][i] for i in (0, 2, 3, 4))


def work(folder: str, control: str, _step: str, attempt: int, moment: int) -> None:
    """Move what waits, and die before one of the statements."""
    os.environ["LINGQUE_CONTROL__URL"] = control
    bank = Bank(folder=Path(folder))
    bank.clock.advance(attempt * 1_000_000)
    with bank.open() as application, application.writing() as services:
        if moment:
            die_at(services.database.engine, moment)
        assert move_decisions(services, OTTO, most=5) == 12


@pytest.fixture(scope="module")
def movers() -> Iterator[Workers]:
    made = Workers(Path(__file__))
    yield made
    made.close()


def test_moving_that_is_killed_again_and_again_loses_and_doubles_nothing(
    bank: Bank, loaded: Application, movers: Workers
) -> None:
    services = loaded.services
    customers = people(loaded, 12)
    ask(services, customers)
    attempts: list[tuple[int, float | None]] = [(n, None) for n in (1, 2, 3, 4, 6)]
    attempts += [(0, after) for after in moments(3, 0.4)]
    for number, (moment, after) in enumerate(attempts):
        job: list[str | int] = [str(bank.folder), os.environ["LINGQUE_CONTROL__URL"], "move", number // 2, moment]
        movers.do(job, kill_after=after)
        assert sorted([*waiting(services), *logged(services)]) == sorted(customers)
    move_decisions(services, OTTO)
    assert (waiting(services), logged(services)) == ([], sorted(customers))
    for customer in customers:
        again = replay_decision(services, explained(services, customer).decision_id, LIN)
        assert isinstance(again, Replayed)
        assert again.same


if __name__ == "__main__":
    main(work)

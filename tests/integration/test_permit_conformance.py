"""Permits against a plain oracle: every consent state × purpose × channel × data classes × age × grounds.

Asked in every way in which the office can answer, and at random.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, insert

from lingque.catalog.repository import definitions
from lingque.core.clock import END_OF_TIME
from lingque.core.ids import CustomerId, PartyId
from lingque.core.reasons import Reason, Refusal
from lingque.core.registries import DataClass, Purpose
from lingque.govern import picture
from lingque.govern.audit import Audit
from lingque.govern.contracts import (
    ConsentEntry,
    ListEntry,
    Subject,
)
from lingque.govern.judging import SINGLY
from lingque.govern.lists import CustomerLists
from lingque.govern.permits import PermitOffice
from lingque.govern.picture import FEW
from lingque.govern.statements import DecisionRefusal, LegalBasis, TagRefusal
from lingque.store.database import Database
from lingque.testing import FixedClock, memory_vault
from permit_oracle import (
    AGES,
    CALENDAR,
    CLASSES,
    NO_BASES,
    NOW,
    STATES,
    Asked,
    Bases,
    F,
    H,
    P,
    Person,
    Said,
    at,
    every_ask,
    everybody,
    expected,
)


@dataclass
class Book:
    """A control database with people in it."""

    database: Database
    office: PermitOffice = field(default_factory=lambda: PermitOffice(FixedClock(NOW), CALENDAR))
    people: dict[int, Person] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.vault = memory_vault(self.database, Audit(FixedClock(NOW)))

    def add(self, people: Sequence[Person], bases: Bases = NO_BASES, *, first: int = 1) -> None:
        with self.database.transaction() as connection:
            self.write(connection, people, bases, first=first)

    def write(self, connection: Connection, people: Sequence[Person], bases: Bases = NO_BASES, *, first: int) -> None:
        numbered = dict(enumerate(people, start=first))
        office = self.office
        office.record_subjects(
            connection,
            [
                Subject(party_id=PartyId(n), customer_id=CustomerId(n), birth_date=one.born)
                for n, one in numbered.items()
            ],
        )
        office.record_consents(
            connection,
            [
                ConsentEntry(
                    party_id=PartyId(n),
                    purpose=said.purpose,
                    channel=said.channel,
                    data_classes=DataClass.union(said.classes),
                    action="give" if said.give else "withdraw",
                    acted_at=at(said.day),
                    expires_at=None if said.until is None else at(said.until),
                    wording_version="v1",
                    evidence="form",
                    origin=f"{n}/{number}",
                    by_guardian=said.guardian,
                )
                for n, one in numbered.items()
                for number, said in enumerate(one.said)
            ],
        )
        office.record_decision_refusals(
            connection,
            [
                DecisionRefusal(
                    party_id=PartyId(n), refused=no, acted_at=at(day), wording_version="v1", evidence="page"
                )
                for n, one in numbered.items()
                for day, no in one.machine
            ],
        )
        office.record_tag_refusals(
            connection,
            [
                TagRefusal(party_id=PartyId(n), tag=tag, refused=no, acted_at=at(day), evidence="page")
                for n, one in numbered.items()
                for day, tag, no in one.tags
            ],
        )
        lists = CustomerLists(self.vault, FixedClock(NOW), CALENDAR)
        entries = [
            ListEntry(list_name=name, party_id=PartyId(n), expires_on=None, origin="test")
            for n, one in numbered.items()
            for name in one.lists
        ]
        lists.record_members(connection, entries, replace=False)
        if bases.classes:
            basis = LegalBasis(
                purpose=Purpose.MARKETING,
                data_classes=DataClass.union(bases.classes),
                article="13(2)",
                document="opinion 7",
                begins_at=at(bases.first),
                ends_at=at(bases.last),
            )
            assert office.record_legal_basis(connection, basis, by="min") is None
        self.people |= numbered

    def wrong(self, asks: Sequence[Asked], bases: Bases = NO_BASES) -> list[str]:
        """Every answer that is not the oracle's: one, a handful, a few and many at once, in one and the same view."""
        with self.database.reading() as connection:
            return self.wrong_in(connection, asks, bases)

    def wrong_in(self, connection: Connection, asks: Sequence[Asked], bases: Bases = NO_BASES) -> list[str]:
        found: list[str] = []
        ids = np.array(list(self.people), dtype=np.int64)
        # the same customers, so often that they are as many
        sets = [ids[:SINGLY], *(np.resize(ids, more + len(ids)) for more in (SINGLY, FEW))]
        answers = [self.office.permit_sets(connection, one, [asked.ask for asked in asks]) for one in sets]
        for number, asked in enumerate(asks):
            for place, (n, person) in enumerate(self.people.items()):
                right = expected(person, asked, bases)
                told = [
                    {reason for reason, flags in of[number].refusals.items() if flags[place]}
                    for of in answers
                    if place < len(of[number].customer_ids)
                ]
                one = self.office.permit(connection, CustomerId(n), asked.ask)
                alone = (
                    {Reason[name] for name in one.detail.partition(": ")[2].split(", ")}
                    if isinstance(one, Refusal)
                    else set()
                )
                allowed = {bool(of[number].allowed[place]) for of in answers[1:]}
                if any(right != other for other in (*told, alone)) or allowed != {not right}:
                    found.append(f"{person} {asked}: {right} ≠ {told} ≠ {alone}")
        return found


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    database = Database(migrated_url)
    with database.transaction() as connection:
        for name, secret in (("open", False), ("secret", True)):
            body = {
                "list": name, "label": {"zh": "名单", "en": name}, "owner": "min", "effect": "exclude", "secret": secret
            }  # fmt: skip
            connection.execute(
                insert(definitions).values(
                    kind="list", name=name, version=1, body=body, digest=name, applied_at=0, applied_by="ada"
                )
            )
    yield database
    database.close()


@pytest.fixture
def book(database: Database) -> Book:
    return Book(database)


def test_every_cell_read_whole(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "OFTEN", 0)
    book.add(everybody())
    assert book.wrong(every_ask()) == []


def test_every_cell_read_by_ids(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "OFTEN", 10**9)
    book.add(everybody()[::6])
    assert book.wrong(every_ask()[::8]) == []


def test_every_cell_of_people_who_changed_since(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "OFTEN", 0)
    book.add([Person(), Person()])
    assert book.wrong([Asked()]) == []
    book.add(everybody(), first=2)
    assert book.wrong(every_ask()[::2]) == []


def test_every_cell_within_the_transaction_that_wrote_it(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "OFTEN", 0)
    book.add([Person()])
    assert book.wrong([Asked()]) == []
    with book.database.transaction() as connection:
        book.write(connection, everybody()[::5], first=1)
        assert book.wrong_in(connection, every_ask()[::8]) == []


BASES = Bases(classes=(F, H), first=-2, last=3)


@pytest.mark.parametrize("day", [-3, -2, 0, 2, 3])
def test_another_legal_basis_stands_for_separate_consent_as_long_as_it_holds(
    book: Book, day: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture, "OFTEN", 0)
    book.add(everybody()[::4])
    assert book.wrong([Asked(classes=(P, F))]) == []
    book.add([Person()], BASES)  # recorded after the picture was drawn
    assert book.wrong([Asked(purpose=p, classes=k, day=day) for p, k in product(Purpose, CLASSES)], BASES) == []


@pytest.mark.parametrize("purpose", [Purpose.MARKETING, Purpose.SHARING])
def test_nothing_stands_for_the_consent_itself_in_marketing_and_sharing(book: Book, purpose: Purpose) -> None:
    basis = LegalBasis(
        purpose=purpose, data_classes=P | F, article="13", document="d", begins_at=at(0), ends_at=END_OF_TIME
    )
    with book.database.transaction() as connection:
        refusal = book.office.record_legal_basis(connection, basis, by="min")
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.CONSENT_REQUIRED


days = st.integers(-6, 6)
said = st.builds(
    Said,
    day=days,
    give=st.booleans(),
    classes=st.sets(st.sampled_from([P, F, H]), max_size=2).map(tuple),
    purpose=st.sampled_from([Purpose.MARKETING, Purpose.SHARING]),
    channel=st.sampled_from(["email", "sms"]),
    until=st.none() | days,
    guardian=st.booleans(),
)
person = st.builds(
    Person,
    born=st.sampled_from(AGES),
    said=st.lists(said, max_size=4, unique_by=lambda one: one.day).map(tuple),
    machine=st.lists(st.tuples(days, st.booleans()), max_size=3, unique_by=lambda one: one[0]).map(
        lambda rows: tuple(sorted(rows))
    ),
    tags=st.lists(
        st.tuples(days, st.sampled_from(["wealthy", "car"]), st.booleans()), max_size=3, unique_by=lambda one: one[0]
    ).map(lambda rows: tuple(sorted(rows))),
    lists=st.sets(st.sampled_from(["open", "secret", "not defined"]), max_size=2).map(tuple),
)
asked = st.builds(
    Asked,
    purpose=st.sampled_from(Purpose),
    channel=st.sampled_from(["email", "sms"]),
    classes=st.sets(st.sampled_from([P, F, H]), max_size=3).map(tuple),
    day=days,
    automated=st.booleans(),
    tags=st.sets(st.sampled_from(["wealthy", "car"])).map(tuple),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    people=st.lists(st.lists(person, min_size=1, max_size=4), min_size=1, max_size=3), asks=st.lists(asked, max_size=4)
)
def test_any_register_any_ask(database: Database, people: list[list[Person]], asks: list[Asked]) -> None:
    """Written in several transactions, asked after each: the picture never lags."""
    if database.engine.dialect.name != "sqlite":
        return  # the same judge; the database's part is in the tests above
    with database.transaction() as connection:
        for table in ("subjects", "consents", "automated_refusals", "refused_tags", "list_members"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
    book = Book(database)
    book.office._picture._asked = 10**6  # at once from the picture
    first = 1
    for group in people:
        book.add(group, first=first)
        first += len(group)
        assert book.wrong(asks) == []


def test_what_is_taken_back_never_was(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "OFTEN", 0)
    book.add([Person()])
    assert book.wrong([Asked()]) == []
    agreed = Person(said=STATES["everything"])

    def write_and_fail() -> None:
        with book.database.transaction() as connection:
            book.write(connection, [agreed], first=1)
            assert book.wrong_in(connection, [Asked()]) == []
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()
    book.people[1] = Person()
    assert book.wrong([Asked()]) == []
    book.add([Person(said=STATES["withdrawn"])])  # the version that was taken back is given to another change
    assert book.wrong([Asked()]) == []


def test_another_process_sees_a_withdrawal_of_a_moment_ago(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two offices on one database, as two processes have them."""
    monkeypatch.setattr(picture, "OFTEN", 0)
    book.add([Person(said=STATES["everything"]) for _ in range(3)])
    other = Book(book.database, people=dict(book.people))
    assert other.wrong([Asked()]) == []
    book.add([Person(said=STATES["withdrawn"])], first=2)
    other.people[2] = book.people[2]
    assert other.wrong([Asked()]) == []


def test_a_view_that_began_before_is_answered_as_it_is(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "OFTEN", 0)
    book.add([Person(said=STATES["everything"])])
    with book.database.reading() as before:
        assert book.wrong_in(before, [Asked()]) == []
        book.add([Person(said=STATES["withdrawn"])])
        assert book.wrong([Asked()]) == []
        book.people[1] = Person(said=STATES["everything"])
        assert book.wrong_in(before, [Asked()]) == []


def test_many_changes_are_one_new_picture(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "OFTEN", 0)
    monkeypatch.setattr(picture, "NAMED_CUSTOMERS", 4)
    book.add([Person()] * 12)
    for start in (3, 5, 9, 2):
        assert book.wrong([Asked(classes=(P, F))]) == []
        book.add([Person(said=STATES["withdrawn"])] * 2, first=start)
    assert book.wrong([Asked(classes=(P, F))]) == []


def test_threads_share_the_picture(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "OFTEN", 0)
    book.add(everybody()[:20])
    wrong: list[str] = []

    def ask() -> None:
        for _ in range(5):
            wrong.extend(book.wrong([Asked(classes=(P, F))]))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []

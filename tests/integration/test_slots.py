"""Placements asked: chosen for the customer where that may be, and shown to everybody where not."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from slots_bank import APP, NO_APP_CONSENT, asked, make_placed, names, number
from sqlalchemy import func, select
from tiny_bank import AGE_UNKNOWN, AS_OF, Bank

from lingque.bootstrap import Application
from lingque.catalog.repository import load_catalog
from lingque.core.clock import Instant
from lingque.core.errors import BusyError, NotFoundError, WarehouseError
from lingque.core.ids import CustomerId, PartyId
from lingque.core.reasons import Reason
from lingque.decide.allocation.prices import publish_prices
from lingque.decide.contracts import NOTHING, Context, Requests
from lingque.decide.decision import decide
from lingque.decide.facts import TagTable
from lingque.decide.journal import entries
from lingque.decide.offer_tables import offer_counters, offer_history
from lingque.decide.tables import contact_ledger
from lingque.deliver.slots import Response, slot_responses
from lingque.flow.asking import Asking
from lingque.flow.explaining import explain_decision
from lingque.flow.placing import Place
from lingque.flow.replaying import replay_decision
from lingque.flow.responding import respond
from lingque.flow.showing import Answer, Filled, Part, Visit, Why
from lingque.govern.contracts import Person, Principal, Role
from lingque.govern.statements import DecisionRefusal, TagRefusal
from lingque.govern.tables import subjects

pytestmark = pytest.mark.any_database

MINUTE = 60_000_000
CARL = Principal(user="carl", person="carl", roles=frozenset({Role.COMPLIANCE_OFFICER}))


@pytest.fixture
def placed_bank(controls: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bank]:
    bank = controls.workspace("placed", tmp_path / "placed", monkeypatch, make=make_placed)
    yield bank
    controls.drop(bank.control)


@pytest.fixture
def placed(placed_bank: Bank) -> Iterator[Application]:
    with placed_bank.open() as application:
        yield application


def states(application: Application) -> list[tuple[int, int]]:
    """(step, state) of everything in the contact ledger."""
    with application.services.database.reading() as connection:
        rows = connection.execute(select(contact_ledger).order_by(contact_ledger.c.step)).all()
    return [(row.step, row.state) for row in rows]


def counters(application: Application, offer: str) -> tuple[int, int]:
    with application.services.database.reading() as connection:
        row = connection.execute(select(offer_counters).where(offer_counters.c.offer == offer)).one()
    return row.pieces_reserved, row.pieces_used


def journal_length(application: Application) -> int:
    with application.services.database.reading() as connection:
        return len(entries(connection))


def test_leads_come_first_then_value_no_two_of_a_kind_and_the_rest_is_for_everybody(placed: Application) -> None:
    asking = Asking(placed.services)
    home, shelf = asked(asking, number(placed, 1), "home", "shelf")
    assert names(home) == ["deposit"], "worth most"
    # led by an attribute: the budget book, though it is worth least; the gold card is a card like the card
    assert names(shelf) == ["budget_book", "deposit", "card", "help"]
    assert [item.personal for item in shelf.items] == [True, True, True, False]
    assert shelf.missing == (Part.PRICES,), "nobody has published prices, and it says so"
    assert names(asked(asking, number(placed, 0), "shelf")[0])[0] == "card", "led by behaviour: opened a deposit lately"
    assert home.why is None
    (either,) = asked(asking, number(placed, 3), "either")
    assert names(either) == ["deposit", "help"], "the gold card excludes the deposit"
    # each position is a decision of its own, journalled before the answer, explained and made again
    with placed.services.database.reading() as connection:
        journalled = {entry.decision_id: entry.offer for entry in entries(connection)}
    for item in (*home.items, *shelf.items[:3]):
        assert journalled[item.decision_id] == item.offer
        again = replay_decision(placed.services, item.decision_id, CARL)
        assert again.same  # type: ignore[union-attr]
    explained = explain_decision(placed.services, number(placed, 1), placed.services.clock.now(), CARL)
    assert explained.clock == "asked"  # type: ignore[union-attr]
    # reserved exactly: one contact for each thing of its own, and the one piece of the budget book
    assert len(states(placed)) == 4 + 2 + 1
    assert counters(placed, "budget_book") == (1, 0)
    assert "budget_book" not in names(asked(asking, number(placed, 2), "shelf")[0]), "the only piece is promised"


def test_several_want_the_last_piece_and_one_gets_it(placed: Application) -> None:
    visits = [Visit(customer_id=number(placed, n), placements=("shelf",), ends_at=float("inf")) for n in (1, 2, 3)]
    answers = Asking(placed.services).answer(visits)
    shown = [names(answer.placements[0]) for answer in answers if isinstance(answer, Answer)]
    assert [("budget_book" in one) for one in shown] == [True, False, False]
    assert [one[:2] for one in shown[1:]] == [["deposit", "card"]] * 2, "the others get what is next"
    assert counters(placed, "budget_book") == (1, 0)
    first, second, other = (answer.placements[0] for answer in answers if isinstance(answer, Answer))
    assert respond(placed.services, first.items[0].token, Response.REFUSED, APP) is True
    assert counters(placed, "budget_book") == (0, 0), "who refuses frees the piece"
    (later,) = asked(Asking(placed.services), number(placed, 4), "shelf")
    assert respond(placed.services, later.items[0].token, Response.ACCEPTED, APP) is True
    assert counters(placed, "budget_book") == (0, 1)
    assert {second.decision_id, other.decision_id}.isdisjoint({first.decision_id})


def test_who_may_not_be_looked_at_sees_what_everybody_sees_known_or_not(placed: Application) -> None:
    asking = Asking(placed.services)
    refuses = number(placed, 12)
    with placed.services.database.transaction() as connection:
        placed.services.register.record_decision_refusals(
            connection,
            [
                DecisionRefusal(
                    party_id=PartyId(refuses), refused=True, acted_at=Instant(1), wording_version="w", evidence="said"
                )
            ],
        )
    ways = {
        "no consent": asked(asking, number(placed, NO_APP_CONSENT)),
        "refuses automated decisions": asked(asking, refuses),
        "of unknown age": asked(asking, number(placed, AGE_UNKNOWN)),
        "unknown": asked(asking, 123_456_789),
        "impossible": asked(asking, 2**63 - 1),
    }
    for (home,) in ways.values():
        assert (names(home), home.why, home.missing) == (["help"], Why.NO_LEAVE, ())
        assert home.decision_id.startswith("asked-"), "an unknown customer takes the same way, to the journal"
        assert not home.items[0].personal
    # who deleted one tag is judged offer by offer: the card looks at another
    deletes = number(placed, 11)
    with placed.services.database.transaction() as connection:
        placed.services.register.record_tag_refusals(
            connection,
            [
                TagRefusal(
                    party_id=PartyId(deletes), tag="latest_balance", refused=True, acted_at=Instant(1), evidence="x"
                )
            ],
        )
    assert names(asked(asking, deletes)[0]) == ["card"]
    (anonymous,) = asked(asking, None)
    assert (names(anonymous), anonymous.why) == (["help"], Why.ANONYMOUS)
    assert len(states(placed)) == 1, "what everybody sees is no contact with anybody"
    # and what is told of it names nobody
    assert respond(placed.services, ways["no consent"][0].items[0].token, Response.CLICKED, APP) is True
    with placed.services.database.reading() as connection:
        assert connection.execute(select(slot_responses.c.customer_id)).scalars().all() == [0]
    with pytest.raises(AssertionError, match="no such placement"):
        asked(asking, None, "nowhere")
    against = asked(asking, number(placed, NO_APP_CONSENT), explain=True)[0].against
    assert all(Reason.NO_CONSENT in reasons for reasons in against.values())


def test_a_part_that_is_down_is_named_and_everybodys_offers_stand_in(
    placed: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking, customer, services = Asking(placed.services), number(placed, 1), placed.services

    def down(*_: object, **__: object) -> None:
        raise WarehouseError("gone", next_step="wait")

    def busy(*_: object, **__: object) -> None:
        raise BusyError("the control database is held by another process", next_step="wait")

    def missing() -> tuple[list[str], tuple[Part, ...]]:
        (home,) = asked(asking, customer)
        assert home.why is (Why.PART_MISSING if home.missing else None)
        return names(home), home.missing

    never = Asking(services)
    with monkeypatch.context() as patch:
        patch.setattr(services.database, "reading", busy)
        (nothing,) = asked(never, customer)
        assert (nothing.items, nothing.missing) == ((), (Part.DATABASE,)), "not even the definitions are known"
    assert missing() == (["deposit"], ())
    for target, name, failing, part in (
        (services.profile, "rows_of", down, Part.PROFILE),
        (services.database, "reading", busy, Part.DATABASE),
        (services.database, "transaction", busy, Part.JOURNAL),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(target, name, failing)
            assert missing() == (["help"], (part,))
    assert journal_length(placed) == 1, "what was not journalled was not answered"
    with services.database.transaction() as connection:
        publish_prices(connection, "shelf", rows={"stock:budget_book": 1e9}, source="x", at=services.clock.now())
    (shelf,) = asked(asking, customer, "shelf")
    assert shelf.missing == ()
    assert names(shelf) == ["deposit", "card", "help", "calculator"], "at that price nobody gets the budget book"


def test_a_deadline_that_is_over_is_answered_with_what_there_is(placed: Application) -> None:
    ticks = iter([0.0, 9.0])  # what the timer shows before the row is read, and before anything is written
    asking = Asking(placed.services, timer=lambda: next(ticks, 9.0))
    asked(asking, None)  # definitions are known from now on
    customer = number(placed, 1)
    for ends_at in (5.0, 0.0):
        (answer,) = asking.answer([Visit(customer_id=customer, placements=("home",), ends_at=ends_at)])
        assert isinstance(answer, Answer)
        (home,) = answer.placements
        assert (names(home), home.why, home.missing) == (["help"], Why.PART_MISSING, (Part.DEADLINE,))
    late = asking.at_once(Visit(customer_id=customer, placements=("home",), ends_at=0.0), Part.DEADLINE)
    assert isinstance(late, Answer)
    assert names(late.placements[0]) == ["help"]
    assert journal_length(placed) == 0
    assert states(placed) == []


def test_responses_settle_what_was_reserved_whatever_the_clock_does(placed_bank: Bank, placed: Application) -> None:
    services, asking = placed.services, Asking(placed.services)
    customer = number(placed, 1)
    (home,) = asked(asking, customer)
    token = home.items[0].token
    placed_bank.clock.advance(-3 * 60 * MINUTE)  # a clock that is set back
    assert respond(services, token, Response.SHOWN, APP) is True
    assert respond(services, token, Response.SHOWN, APP) is False, "a token replayed"
    assert states(placed) == [(0, 2)], "committed"
    placed_bank.clock.advance(27 * 60 * MINUTE)
    assert respond(services, token, Response.CLICKED, APP) is True
    assert respond(services, token, Response.ACCEPTED, APP) is True
    with services.database.reading() as connection:
        assert connection.execute(select(func.count()).select_from(offer_history)).scalar_one() == 2
    # what was never displayed counts no more
    (again,) = asked(asking, customer)
    assert respond(services, again.items[0].token, Response.NOT_SHOWN, APP) is True
    assert sorted(state for _, state in states(placed)) == [2, 3]
    for wrong in (token[:-2], "x", "ü", "", home.decision_id):
        with pytest.raises(NotFoundError, match="nothing was shown under that token"):
            respond(services, wrong, Response.SHOWN, APP)
    refusal = respond(services, token, Response.SHOWN, CARL)
    assert not isinstance(refusal, bool)
    # erased between the decision and the response: nothing is written about them any more
    with services.database.transaction() as connection:
        person = Person(customer_id=customer, parties=(PartyId(customer),), birth_date=None)
        for rows in services.customer_rows:
            rows.erase(connection, person)
        connection.execute(subjects.delete().where(subjects.c.customer_id == customer))
    assert respond(services, again.items[0].token, Response.REFUSED, APP) is False
    with services.database.reading() as connection:
        assert connection.execute(select(slot_responses)).all() == []
        assert connection.execute(select(offer_history)).all() == []
    assert states(placed) == []


def test_what_is_popular_comes_first_for_everybody(placed_bank: Bank, placed: Application) -> None:
    asking = Asking(placed.services)
    (shelf,) = asked(asking, None, "shelf")
    assert names(shelf) == ["help", "calculator"], "opening hours would be the second about service"
    for _ in range(2):
        (shelf,) = asked(asking, None, "shelf")
        respond(placed.services, shelf.items[1].token, Response.ACCEPTED, APP)
    placed_bank.clock.advance(MINUTE)
    assert names(asked(asking, None, "shelf")[0])[0] == "calculator"


def test_caps_are_never_exceeded_by_one_request_or_many(placed_bank: Bank, placed: Application) -> None:
    asking, customer = Asking(placed.services), number(placed, 1)
    capped = asked(asking, customer, "capped_a", "capped_b")
    assert [item.personal for one in capped for item in one.items].count(True) == 2, "the cap says two"
    visits = [Visit(customer_id=customer, placements=("capped_a",), ends_at=float("inf"))] * 2
    for answer in asking.answer(visits):
        assert isinstance(answer, Answer)
        assert answer.placements[0].why is Why.NOTHING_FITS
    placed_bank.clock.advance(31 * MINUTE)  # what was reserved and never shown has expired
    (later,) = asked(asking, customer, "capped_a")
    assert later.items[0].personal


def test_the_planned_clock_would_choose_the_same(placed: Application) -> None:
    """Same as-of, tags, ledger, prices and seed, over everybody at once: the same choice, reasons and values."""
    services, now = placed.services, placed.services.clock.now()
    with services.database.reading() as connection:
        catalog = load_catalog(connection)
        place = Place.of(catalog, catalog.placement("halves"))
        tags = services.profile.tags_of(connection, AS_OF)
        ids = tags.column("customer_id").to_numpy()
        menu = place.menu(place.offers)
        planned = decide(
            Requests(
                clock="planned",
                as_of=AS_OF,
                customer_ids=ids,
                facts=TagTable(tags, services.session),
                permits=services.permits.permit_sets(
                    connection, ids, [dataclasses.replace(ask, moment=now) for ask in place.asks[: menu.asks]]
                ),
                reachable=np.ones((menu.reaches, len(ids)), dtype=np.bool_),
                capped=np.zeros((menu.caps, len(ids)), dtype=np.bool_),
            ),
            menu,
            Context(moment=now, today=AS_OF, hold_out=0.5, salt="placement/halves"),
        )
    asking = Asking(services)
    found: dict[int, Filled] = {}
    for start in range(0, len(ids), 7):
        batch = [
            Visit(customer_id=CustomerId(one), placements=("halves",), ends_at=float("inf"), explain=True)
            for one in ids[start : start + 7].tolist()
        ]
        for visit, answer in zip(batch, asking.answer(batch), strict=True):
            assert isinstance(answer, Answer)
            found[int(visit.customer_id or 0)] = answer.placements[0]
    wanted: Mapping[int, Any] = {
        customer: [
            menu.candidates[planned.chosen[row]].offer.name
            if planned.chosen[row] != NOTHING and not planned.held_out[row]
            else None,
            bool(planned.held_out[row]),
            {
                one.candidate.offer.name: tuple(sorted(r for r, flags in one.refusals.items() if flags[row]))
                for one in planned.judged
            },
        ]
        for row, customer in enumerate(ids.tolist())
    }
    assert {
        customer: [
            one.items[0].offer if one.items[0].personal else None,
            one.why is Why.HELD_OUT,
            dict(one.against),
        ]
        for customer, one in found.items()
    } == wanted
    assert 10 < sum(one.why is Why.HELD_OUT for one in found.values()) < 90
    assert dataclasses.is_dataclass(planned)

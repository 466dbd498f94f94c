"""What is left of an offer, under everybody's hands at once, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from sqlalchemy import func, select
from tiny_bank import AS_OF, CAMPAIGN, LIN, MIN, OTTO, PRINCIPALS, Bank, approve

from lingque.core.clock import Instant
from lingque.core.errors import ChannelError
from lingque.core.ids import CustomerId
from lingque.core.reasons import Refusal
from lingque.decide.contracts import Happening, Left
from lingque.decide.history import Happened, OfferRows, happened_with, past_of, record_happened
from lingque.decide.offer_tables import offer_counters, offer_history, offer_reservations
from lingque.decide.stocks import OfferStocks, Promise, free_expired, left_of_offers, reserve_offers
from lingque.deliver.contracts import Message
from lingque.engage.contracts import Plan
from lingque.flow import apply, plan_campaign, run_campaign
from lingque.flow.erasing import carry_out_erasure
from lingque.flow.rights import receive_request
from lingque.flow.what_if import WhatIf, what_if
from lingque.govern.contracts import Person
from lingque.govern.rights.requests import RequestKind, RightsRequest
from lingque.store.database import Database

NOW = Instant(1_780_000_000_000_000)
LIMITS = {"voucher": Left(stock=10, budget=1_000), "plain": Left(), "tea": Left(stock=2)}
STOCKS = OfferStocks()


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    database = Database(migrated_url)
    yield database
    database.close()


def promise(
    customer: int, *, wave: int = 1, offer: str = "voucher", money: int = 50, until: int | None = None
) -> Promise:
    expires = None if until is None else Instant(NOW + until)
    return Promise(wave_id=wave, customer_id=customer, step=1, offer=offer, money=money, expires_at=expires)


def reserved(database: Database, *promises: Promise, at: int = 0) -> list[int]:
    """Who was refused."""
    with database.transaction() as connection:
        return [one.customer_id for one in reserve_offers(connection, promises, limits=LIMITS, now=Instant(NOW + at))]


def left(database: Database, offer: str = "voucher") -> tuple[int | None, int | None]:
    with database.reading() as connection:
        found = left_of_offers(connection, LIMITS)[offer]
    return found.stock, found.budget


def test_pieces_and_money_are_taken_used_and_freed(database: Database) -> None:
    assert left(database) == (10, 1_000)
    assert reserved(database, *(promise(n) for n in range(4)), promise(9, offer="plain")) == []
    assert left(database) == (6, 800)
    assert reserved(database, *(promise(n) for n in range(4))) == [], "what is reserved already is left as it is"
    assert left(database) == (6, 800)
    with database.transaction() as connection:
        for _ in range(2):  # settled twice is settled once
            STOCKS.commit(connection, 1, 0, 1)
            STOCKS.release(connection, 1, 1, 1)
        STOCKS.release(connection, 1, 0, 1)  # what was used stays used
        STOCKS.commit(connection, 1, 1, 1)  # and what was freed stays freed
        STOCKS.commit(connection, 7, 7, 7)  # of what was never reserved nobody knows
    assert left(database) == (7, 850)
    assert reserved(database, promise(1)) == []
    assert left(database) == (6, 800), "what was freed may be reserved again"


def test_all_of_an_offer_or_none_of_it(database: Database) -> None:
    assert reserved(database, *(promise(n) for n in range(11))) == list(range(11)), "eleven pieces of ten"
    assert reserved(database, promise(1, money=1_001)) == [1], "too dear for the budget"
    assert left(database) == (10, 1_000)
    some = [promise(1), *(promise(n, offer="tea") for n in (1, 2, 3))]
    some = [one if one.offer == "tea" else promise(9) for one in some]
    assert reserved(database, *some) == [1, 2, 3]
    assert left(database) == (9, 950)


def test_a_reservation_that_was_not_used_in_time_frees_itself(database: Database) -> None:
    assert reserved(database, *(promise(n, until=60) for n in range(10))) == []
    with database.transaction() as connection:
        STOCKS.commit(connection, 1, 0, 1)
    assert reserved(database, promise(99), at=59) == [99]
    assert reserved(database, promise(99), at=60) == []
    assert left(database) == (8, 900), "nine came back, one was used, one is reserved"
    with database.transaction() as connection:
        STOCKS.commit(connection, 1, 5, 1)  # too late
        assert free_expired(connection, now=Instant(NOW + 10**9)) == 0
    assert left(database) == (8, 900)


def test_lowering_a_limit_takes_nothing_back(database: Database) -> None:
    assert reserved(database, *(promise(n) for n in range(4))) == []
    with database.reading() as connection:
        assert left_of_offers(connection, {"voucher": Left(stock=3)})["voucher"] == Left(stock=-1)


def test_many_who_reserve_settle_and_let_expire_at_once_never_take_more_than_there_is(
    migrated_url: str, database: Database
) -> None:
    def work(worker: int) -> int:
        mine = Database(migrated_url)
        got = 0
        try:
            for n in range(12):
                one = promise(worker * 100 + n, wave=worker, until=None if n % 3 else 1)
                with mine.transaction() as connection:
                    refused = reserve_offers(connection, [one], limits=LIMITS, now=Instant(NOW + n))
                got += not refused
                with mine.transaction() as connection:
                    if n % 3 == 1:
                        STOCKS.commit(connection, worker, one.customer_id, 1)
                    elif n % 3 == 2:
                        STOCKS.release(connection, worker, one.customer_id, 1)
                stock, budget = left(mine)
                assert stock is not None
                assert stock >= 0
                assert budget is not None
                assert budget >= 0
        finally:
            mine.close()
        return got

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(work, range(1, 7))) >= 10
    with database.reading() as connection:
        by_state = dict(
            connection.execute(
                select(offer_reservations.c.state, func.count()).group_by(offer_reservations.c.state)
            ).all()
        )
        row = connection.execute(select(offer_counters)).one()
    assert row.pieces_used == by_state["used"] <= 10
    assert row.pieces_reserved == by_state.get("reserved", 0)
    assert (row.money_used, row.money_reserved) == (50 * row.pieces_used, 50 * row.pieces_reserved)


def test_the_newest_of_each_kind_is_remembered_and_goes_with_the_customer(database: Database) -> None:
    def happened(customer: int, day: int, what: Happening = Happening.REFUSAL) -> Happened:
        return Happened(customer_id=customer, offer="voucher", happening=what, day=date(2026, 6, day))

    with database.transaction() as connection:
        record_happened(connection, [happened(1, 5), happened(1, 3), happened(2, 1), happened(1, 2, Happening.CONTACT)])
        record_happened(connection, [happened(1, 4), happened(2, 9)])
        import numpy as np

        entries = happened_with(connection, np.array([2, 1, 5]), ["voucher"])
        assert {(one.customer_id, one.happening, one.day.day) for one in entries} == {
            (1, Happening.REFUSAL, 5), (1, Happening.CONTACT, 2), (2, Happening.REFUSAL, 9),
        }  # fmt: skip
        past = past_of(np.array([2, 1, 5]), entries, deposits=set())
        assert past.position.tolist() == [0, 1, 1]
        reserve_offers(connection, [promise(1), promise(1, wave=2)], limits=LIMITS, now=NOW)
        STOCKS.commit(connection, 2, 1, 1)
        who = Person(customer_id=1, parties=(1,), birth_date=None)  # type: ignore[arg-type]
        rows = OfferRows()
        assert [row["happened"] for row in rows.disclose(connection, who)["offers"]] == ["contact", "refusal"]
        erased = rows.erase(connection, who)
        assert erased.gone == {"offer_history": 2, "offer_reservations": 1}
        assert erased.kept == {"offer_reservations": 1}, "until the open one is used or freed"
        assert connection.execute(select(func.count()).select_from(offer_history)).scalar_one() == 1


def test_a_campaign_takes_what_it_sends_and_rests_afterwards(bank: Bank) -> None:
    bank.replace_in(
        "campaigns", "margin: 180", "margin: 180\nstock: 9\ncool_down: {contact: 90 days}\ncost: 1\nbudget: 8"
    )
    with bank.open() as application:
        services = application.services
        assert not isinstance(apply(services, OTTO), Refusal)
        planned = plan_campaign(services, CAMPAIGN, AS_OF, LIN)
        assert isinstance(planned, Plan)
        assert planned.forecast.to_contact == 7, "8 yuan pay for seven contacts of 5 fen with their voucher of 1 yuan"
        approve(services)
        assert not isinstance(run_campaign(services, CAMPAIGN, LIN), Refusal)
        with services.database.reading() as connection:
            row = connection.execute(select(offer_counters)).one()
        assert (row.pieces_reserved, row.pieces_used) == (0, 7)
        assert (row.money_reserved, row.money_used) == (0, 7 * 105)
        again = what_if(services, CAMPAIGN, AS_OF, {"offer.term_deposit.budget": "20"}, LIN)
        assert isinstance(again, WhatIf)
        assert again.now.to_contact == 0, "65 fen are left"
        assert again.now.refusals["CONTACTED_LATELY"] == again.then.refusals["CONTACTED_LATELY"] == 7
        assert again.now.refusals["BUDGET_SPENT"] == again.now.audience
        assert again.then.to_contact == 2, "two pieces are left"


@pytest.mark.parametrize("controls", ["sqlite"], indirect=True)
def test_a_customer_erased_between_decision_and_contact_gives_back_what_was_reserved(bank: Bank) -> None:
    bank.replace_in("campaigns", "margin: 180", "margin: 180\nstock: 9")

    def down(_message: Message) -> None:
        raise ChannelError("down", next_step="")

    bank.channel.before_send = down
    with bank.open() as application:
        services = application.services
        assert not isinstance(apply(services, OTTO), Refusal)
        approve(services)
        with pytest.raises(ChannelError):
            run_campaign(services, CAMPAIGN, LIN)
        with services.database.reading() as connection:
            assert connection.execute(select(offer_counters.c.pieces_reserved)).scalar_one() == 9
            reserved_for = connection.execute(select(offer_reservations.c.customer_id)).scalars().all()
        gone = CustomerId(min(reserved_for))
        request = receive_request(services, RequestKind.ERASURE, gone, MIN, verified="identity card")
        assert isinstance(request, RightsRequest)
        closed = carry_out_erasure(services, request.request_id, PRINCIPALS["hua_too"])
        assert isinstance(closed, RightsRequest)
        assert closed.outcome["kept_by_surrogate"]["offer_reservations"] == 1
        bank.channel.before_send = lambda _message: None
        assert not isinstance(run_campaign(services, CAMPAIGN, LIN), Refusal)
        with services.database.reading() as connection:
            row = connection.execute(select(offer_counters)).one()
            states = dict(
                connection.execute(select(offer_reservations.c.customer_id, offer_reservations.c.state)).all()
            )
    assert (row.pieces_used, row.pieces_reserved) == (8, 0)
    assert states[gone] == "freed"
    assert {state for customer, state in states.items() if customer != gone} == {"used"}

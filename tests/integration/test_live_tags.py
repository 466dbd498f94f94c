"""Live tags through the tables: whatever was delivered, they say what the coming morning's snapshot would."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import pytest
from surrogates import same_surrogates
from tiny_bank import (
    AS_OF,
    CUSTOMERS,
    NOW,
    OTTO,
    Bank,
    account_no,
    accounts,
    audit_of,
    customer_no,
    customers,
    load_all,
    party_of,
    transactions,
)
from typer.testing import CliRunner

from lingque.bootstrap import Application
from lingque.core.clock import Instant, instant_of
from lingque.core.errors import NotFoundError
from lingque.core.ids import CustomerId, PartyId
from lingque.entry.cli import app
from lingque.flow import apply, run_tags
from lingque.flow.intake import catalog_of, make_ready
from lingque.flow.services import Services
from lingque.govern.contracts import Person
from lingque.govern.rights.people import note_erasure
from lingque.ingest.identity import merge, unmerge
from lingque.profile.explaining import explained
from lingque.store.runs import published_versions

pytestmark = pytest.mark.parametrize("controls", ["sqlite"], indirect=True)
MOMENT = instant_of(NOW)
LIVE = """
tag: salary_live
label: {zh: 实时代发工资, en: Salary now}
family: payments
from: transactions
where: category = 'salary'
window: 3 months
value: sum(amount)
clock: live
---
tag: latest_live
label: {zh: 实时最近余额, en: Latest balance now}
family: assets
from: transactions
window: 12 months
value: last(balance)
clock: live
---
tag: bookings_live
label: {zh: 实时交易笔数, en: Bookings now}
family: payments
from: transactions
window: 12 months
value: count(*)
clock: live
---
tag: saves_live
label: {zh: 实时定期笔数, en: Deposits now}
family: wealth
from: deposits
window: 3 months
value: count(*)
clock: live
---
tag: idle_live
label: {zh: 实时闲置资金, en: Idle money now}
family: value
value: latest_live >= cny(20000) and accounts_held > 0 and saves_live = 0
clock: live
"""
NAMES = ("salary_live", "latest_live", "bookings_live", "saves_live", "idle_live")


@pytest.fixture
def live(bank: Bank) -> Iterator[Application]:
    """The bank with live tags, in step with its tables."""
    bank.define("live", LIVE)
    with bank.open() as application:
        apply(application.services, OTTO)
        run_tags(application.services, AS_OF, OTTO)
        yield application


@contextmanager
def at_the_end_of(bank: Bank, services: Services, day: date) -> Iterator[Instant]:
    """The last moment of that day, also by the clock."""
    before = bank.clock.now()
    moment = Instant(services.calendar.start_of(day + timedelta(days=1)) - 1)
    bank.clock.advance(moment - before)
    yield moment
    bank.clock.advance(before - moment)


def by_customer(services: Services, as_of: date) -> dict[int, dict[str, Any]]:
    with services.database.reading() as connection:
        rows = services.profile.tags_of(connection, as_of).to_pylist()
    return {row["customer_id"]: {name: row[name] for name in NAMES} for row in rows}


def check(bank: Bank, services: Services, day: date) -> dict[int, dict[str, Any]]:
    """Live at the end of the day = the snapshot of the next morning, for everybody."""
    with at_the_end_of(bank, services, day) as moment:
        make_ready(services)
        run_tags(services, day + timedelta(days=1), OTTO)
        expected = by_customer(services, day + timedelta(days=1))
        found = services.profile.answering.rows_of(expected, moment, NAMES)
    assert found == expected
    return expected


def made_up(chance: random.Random, numbers: list[str], day: date) -> list[tuple[str, ...]]:
    """Bookings of up to twenty days before; some under a number that was used on another day."""
    rows: dict[str, tuple[str, ...]] = {}
    for _ in range(chance.randint(1, 60)):
        number = chance.choice(numbers) if numbers and chance.random() < 0.2 else f"L{len(numbers)}"
        numbers.append(number)
        n = chance.randrange(8)
        booked = day - timedelta(days=chance.choice([0, 0, 0, 1, 5, 20]))
        amount = f"{chance.randint(1, 90000)}.00"
        category = chance.choice(["salary", "rent", "gift"])
        rows[number] = (number, customer_no(n), account_no(n), booked.isoformat(), "credit", category, amount, amount)
    return list(rows.values())


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_live_is_what_the_morning_will_say_whatever_is_delivered(bank: Bank, live: Application, seed: int) -> None:
    """New days, late days, days sent again, parties put together and apart; with and without a snapshot between."""
    chance, services, numbers = random.Random(seed), live.services, []  # noqa: S311 - a test
    parties = [party_of(live, customer_no(n)) for n in range(8)]
    days = [AS_OF + timedelta(days=n) for n in range(1, 5)]
    for step in range(4):
        day = days[step]
        for delivered in {day, chance.choice(days[: step + 1])}:
            bank.deliver("transactions", made_up(chance, numbers, delivered), delivered)
        with at_the_end_of(bank, services, day):
            load_all(services)
            with services.database.transaction() as connection:
                if step == 1:
                    merge(connection, PartyId(parties[1]), into=CustomerId(parties[2]), valid_from=MOMENT,
                          known_from=MOMENT)  # fmt: skip
                if step == 3:
                    unmerge(connection, PartyId(parties[1]), valid_to=MOMENT, known_from=bank.clock.now())
            make_ready(services)
        found = check(bank, services, day)
        assert (parties[1] in found) == (step not in (1, 2))


def test_what_was_made_ready_is_made_anew_where_files_are_gone(bank: Bank, live: Application) -> None:
    before = check(bank, live.services, AS_OF)
    bank.deliver("transactions", transactions(50))
    load_all(live.services)
    for path in (bank.folder / "data" / "warehouse" / "transactions").rglob("*.parquet"):
        if path not in current(live.services, "transactions"):
            path.unlink()
    after = check(bank, live.services, AS_OF)
    gone = party_of(live, customer_no(70))
    assert (before[gone]["bookings_live"], after[gone]["bookings_live"]) == (2, 0)


def current(services: Services, table: str) -> list[Any]:
    with services.database.reading() as connection:
        return services.tables.files(table, published_versions(connection)[table])


def test_one_row_holds_daily_and_live_tags(bank: Bank, live: Application) -> None:
    customer = party_of(live, customer_no(1))
    bank.deliver("transactions", [("X1", customer_no(1), account_no(1), "2026-06-02", "debit", "rent", "1.00", "5.00")],
                 date(2026, 6, 2))  # fmt: skip
    load_all(live.services)
    make_ready(live.services)
    with at_the_end_of(bank, live.services, date(2026, 6, 2)) as moment:
        row = live.services.profile.row_of(customer, moment, ("latest_balance", "latest_live", "idle_live"))
        assert row == {"latest_balance": 3_000_100, "latest_live": 500, "idle_live": False}
        assert set(live.services.profile.live_values(customer, moment)) == set(NAMES)
    now = live.services.profile.row_of(customer, MOMENT, ("latest_live", "idle_live"))
    assert now == {"latest_live": 3_000_100, "idle_live": True}


def test_what_is_known_is_said(bank: Bank, live: Application) -> None:
    fresh = live.services.profile.answering.freshness()
    assert (fresh.as_of, fresh.is_newest_snapshot, fresh.filled_at) == (AS_OF, True, MOMENT)
    assert {one.table: one.is_newest for one in fresh.tables} == {"transactions": True, "deposits": True}
    bank.deliver("transactions", transactions(3), date(2026, 6, 2))
    load_all(live.services)
    fresh = live.services.profile.answering.freshness()
    assert {one.table: one.is_newest for one in fresh.tables} == {"transactions": False, "deposits": True}


def test_a_moment_before_what_is_kept_is_not_answered(live: Application) -> None:
    customer = party_of(live, customer_no(1))
    long_ago = live.services.calendar.start_of(date(2026, 1, 1))
    with pytest.raises(NotFoundError, match="knows more than was known then"):
        live.services.profile.live_values(customer, long_ago)


def test_tags_defined_anew_are_answered_when_their_events_are_kept(bank: Bank, live: Application) -> None:
    customer = party_of(live, customer_no(1))
    bank.replace_in("live", "value: sum(amount)", "value: max(balance)")
    bank.replace_in("live", "12 months\nvalue: count(*)", "12 months\nvalue: count(distinct category)")
    apply(live.services, OTTO)
    with bank.open() as another:
        assert another.services.profile.row_of(customer, MOMENT, ("salary_3m",)) == {"salary_3m": 1_000_000}
        with pytest.raises(NotFoundError, match="defined anew since their events were kept"):
            another.services.profile.row_of(customer, MOMENT, ("salary_live",))
        assert live.services.profile.row_of(customer, MOMENT, ("salary_live",)) == {"salary_live": 1_000_000}
        make_ready(another.services)
        for services in (another.services, live.services):
            assert services.profile.row_of(customer, MOMENT, ("salary_live",)) == {"salary_live": 3_050_100}


def test_nothing_of_the_erased_is_kept_or_comes_back(bank: Bank, live: Application) -> None:
    services = live.services
    customer = party_of(live, customer_no(1))
    person = Person(customer_id=CustomerId(customer), parties=(PartyId(customer),), birth_date=None)
    with services.database.transaction() as connection:
        note_erasure(connection, person, request_id=1, at=MOMENT)
        gone = [rows.erase(connection, person).gone for rows in services.customer_rows]
    assert {"tag_values": 0, "online": 2} in gone
    with pytest.raises(NotFoundError, match="nothing is known"):
        services.profile.row_of(customer, MOMENT, NAMES)
    bank.deliver("transactions", transactions(), date(2026, 6, 2))  # the tables still hold them, and new rows come
    load_all(services)
    make_ready(services)
    run_tags(services, date(2026, 6, 2), OTTO)
    with pytest.raises(NotFoundError, match="nothing is known"):
        services.profile.row_of(customer, MOMENT, NAMES)
    assert len(services.profile.answering.rows_of([party_of(live, customer_no(2))], MOMENT, NAMES)) == 1


def test_the_customer_since_the_morning_has_live_tags_only(bank: Bank, live: Application) -> None:
    bank.deliver("customers", customers(CUSTOMERS + 1), date(2026, 6, 2))
    bank.deliver("accounts", accounts(CUSTOMERS + 1), date(2026, 6, 2))
    bank.deliver("transactions", transactions(CUSTOMERS + 1), date(2026, 6, 2))
    with same_surrogates(7):
        load_all(live.services)
    make_ready(live.services)
    new = party_of(live, customer_no(CUSTOMERS))
    row = live.services.profile.row_of(new, MOMENT, ("salary_3m", "salary_live"))
    assert row == {"salary_3m": None, "salary_live": 1_000_000}


def test_a_bank_without_live_tags_keeps_no_events(loaded: Application) -> None:
    run_tags(loaded.services, AS_OF, OTTO)
    assert loaded.services.profile.live_values(party_of(loaded, customer_no(1)), MOMENT) == {}
    assert loaded.services.profile.answering.freshness().tables == ()


def test_before_anything_was_made_ready_it_is_said_what_to_do(defined: Application) -> None:
    with pytest.raises(NotFoundError, match="nothing was made ready"):
        defined.services.profile.live_values(1, MOMENT)


def test_the_command_line_fills_shows_and_says_how_fresh_it_is(bank: Bank, live: Application) -> None:
    run = CliRunner()
    bank.deliver("transactions", transactions(3), date(2026, 6, 2))
    load_all(live.services)
    place = ["--workspace", str(bank.folder)]
    status = run.invoke(app, ["tags", "live", "status", "--as", "otto", *place]).stdout
    assert ("transactions" in status, "否" in status) == (True, True)
    filled = run.invoke(app, ["tags", "live", "fill", "--as", "otto", *place])
    assert (filled.exit_code, "否" in filled.stdout) == (0, False)
    customer = str(party_of(live, customer_no(1)))
    shown = run.invoke(app, ["tags", "live", "show", customer, "--as", "lan", "--at", "2026-06-03", *place])
    assert shown.exit_code == 0, shown.stdout
    assert "20000.00" in shown.stdout.replace(",", ""), shown.stdout
    assert "实时闲置资金" in shown.stdout
    assert run.invoke(app, ["tags", "live", "show", customer, "--as", "otto", *place]).exit_code == 3
    assert run.invoke(app, ["tags", "live", "fill", "--as", "lan", *place]).exit_code == 3
    assert [row.actor for row in audit_of(live.services, "show_live")] == ["lan"]


def test_how_a_live_tag_is_worked_out_is_told(live: Application) -> None:
    catalog = catalog_of(live.services)
    salary, idle = explained(catalog, "salary_live"), explained(catalog, "idle_live")
    assert (salary.how, salary.kept_days) == ("kernel", 366 + 62)
    assert explained(catalog, "saves_live").kept_days == 92 + 62
    assert (idle.built_on, idle.of_morning) == (("accounts_held", "latest_live", "saves_live"), ("accounts_held",))
    assert explained(catalog, "idle_money").of_morning == ()

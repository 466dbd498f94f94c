"""What is older than any purpose needs goes, in both planes, after a dry run and with a certificate."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from commands import typed
from sqlalchemy import insert, select
from tiny_bank import AS_OF, MIN, OTTO, PRINCIPALS, Bank, accounts, audit_of, load_all, rows_of

from lingque.core.errors import ConfigurationError, NotFoundError
from lingque.core.reasons import Reason, Refusal
from lingque.core.registries import Purpose
from lingque.flow import run_tags
from lingque.flow.retention import Expired, plan_retention, run_retention
from lingque.flow.services import Services
from lingque.ingest.tables import quarantine
from lingque.store.idempotency import idempotent_answers

RULES = "LINGQUE_RETENTION__KEEP"
DAY = 86_400_000_000
ON_SQLITE = pytest.mark.parametrize("controls", ["sqlite"], indirect=True)


def by_table(outcome: list[Expired] | Refusal) -> dict[str, Expired]:
    assert not isinstance(outcome, Refusal)
    return {one.table: one for one in outcome}


def answer(services: Services, key: str, at: int) -> None:
    with services.database.transaction() as connection:
        connection.execute(
            insert(idempotent_answers).values(
                caller="min", idempotency_key=key, request_digest="0" * 64, status=200, body={}, answered_at=at
            )
        )


def test_kept_answers_and_quarantined_rows_go_after_their_time(sent_bank: Bank) -> None:
    with sent_bank.open() as application:
        services = application.services
        now = services.clock.now()
        answer(services, "old", now - 31 * DAY)
        answer(services, "new", now - 29 * DAY)
        sent_bank.clock.advance(200 * DAY)
        answer(services, "today", services.clock.now())
        with services.database.reading() as connection:
            bad = len(connection.execute(select(quarantine.c.quarantine_id)).all())
        assert bad == 200
        planned = by_table(plan_retention(services, MIN))
        assert {name: one.rows for name, one in planned.items()} == {
            "idempotent_answers": 2, "quarantine": bad, "corrections": 0, "contact_ledger": 0, "allotments": 0
        }  # fmt: skip
        assert by_table(plan_retention(services, MIN)) == planned
        assert by_table(run_retention(services, MIN)) == planned
        with services.database.reading() as connection:
            left = connection.execute(select(idempotent_answers.c.idempotency_key)).scalars().all()
            assert left == ["today"]
            assert connection.execute(select(quarantine)).first() is None
        (certificate,) = audit_of(services, "certify_retention")
        assert {"table": "quarantine", "before": "2026-06-21", "rows": bad} in certificate.detail["tables"]
        assert {one.rows for one in by_table(plan_retention(services, MIN)).values()} == {0}


def test_rows_of_the_data_plane_go_to_the_day(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """A salary of 10 May and a rent of 20 May each; the longest purpose counts."""
    monkeypatch.setenv(RULES, '{"transactions/marketing": 5, "transactions/risk": 17}')
    with bank.open() as application:
        services = application.services
        (planned,) = by_table(plan_retention(services, MIN)).values()
        assert (planned.before, planned.rows) == (date(2026, 5, 15), 100)
        assert planned.purposes == {Purpose.MARKETING: 5, Purpose.RISK: 17}
        assert len(rows_of(services, "transactions")) == 200
        assert by_table(run_retention(services, MIN))["transactions"].rows == 100
        rows = rows_of(services, "transactions")
        assert {row["category"] for row in rows} == {"rent"}
        assert len(rows) == 100
        files = list((Path(bank.folder) / "data" / "warehouse" / "transactions").rglob("*.parquet"))
        with services.database.reading():
            assert len(files) == 1
        assert by_table(run_retention(services, MIN))["transactions"].rows == 0
        assert len(audit_of(services, "purge")) == 1


@ON_SQLITE
def test_the_day_itself_is_kept(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    for days, expected in ((22, 0), (21, 100), (12, 100), (11, 200)):
        monkeypatch.setenv(RULES, f'{{"transactions/marketing": {days}}}')
        with bank.open() as application:
            planned = by_table(plan_retention(application.services, MIN))["transactions"]
            assert planned.rows == expected, days


@ON_SQLITE
def test_old_snapshots_go(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RULES, '{"customer_tags/marketing": 30}')
    with bank.open() as application:
        services = application.services
        assert by_table(plan_retention(services, MIN))["customer_tags"].rows == 0
        customer = rows_of(services, "customer_tags")[0]["customer_id"]
        bank.clock.advance(31 * DAY)
        now = services.clock.now()
        assert services.profile.row_of(customer, now, ("salary_3m",)) == {"salary_3m": 1_000_000}
        assert by_table(run_retention(services, MIN))["customer_tags"].rows == 100
        with pytest.raises(NotFoundError, match="no snapshot was made ready"):
            services.profile.row_of(customer, now, ("salary_3m",))
        assert rows_of(services, "customer_tags") == []
        assert not list((bank.folder / "data" / "warehouse" / "customer_tags").rglob("*.parquet"))


@ON_SQLITE
def test_of_states_what_no_longer_held_goes(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a hundred accounts half became savings accounts, ten of those were closed; a later change is not touched."""
    monkeypatch.setenv(RULES, '{"accounts/risk": 30}')
    with bank.open() as application:
        services = application.services
        second = [(no, who, "savings" if n < 50 else kind, day) for n, (no, who, kind, day) in enumerate(accounts())]
        bank.deliver("accounts", second, date(2026, 6, 2))
        bank.deliver("accounts", second[10:], date(2026, 6, 3))
        third = [(no, who, "current" if n < 5 else kind, day) for n, (no, who, kind, day) in enumerate(second[10:])]
        bank.deliver("accounts", third, date(2026, 7, 20))
        bank.clock.advance(60 * DAY)
        load_all(services)
        assert not isinstance(run_tags(services, date(2026, 7, 30), OTTO), Refusal)

        def held() -> list[tuple[int, int]]:
            with services.database.reading() as connection:
                rows = services.profile.tags_of(connection, date(2026, 7, 30)).to_pylist()
            return sorted((row["customer_id"], row["accounts_held"]) for row in rows)

        before = held()
        assert sum(count for _, count in before) == 90
        assert len(rows_of(services, "accounts")) == 100 + 50 + 10 + 5
        # the first versions of half of the accounts, and both later ones of those that were closed
        assert by_table(plan_retention(services, MIN))["accounts"].rows == 50 + 20
        assert by_table(run_retention(services, MIN))["accounts"].rows == 70
        assert len(rows_of(services, "accounts")) == 95
        assert by_table(plan_retention(services, MIN))["accounts"].rows == 0
        assert not isinstance(run_tags(services, date(2026, 7, 30), OTTO), Refusal)
        assert held() == before


@ON_SQLITE
def test_snapshots_of_month_ends_and_of_decisions_stay(sent_bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RULES, '{"customer_tags/marketing": 30}')
    days = [date(2026, 4, 1), date(2026, 4, 2), date(2026, 5, 31)]
    for rules, kept in (
        ("[]", []), ('["month_ends"]', [days[0], AS_OF]), ('["referred"]', [AS_OF]),
    ):  # fmt: skip
        monkeypatch.setenv("LINGQUE_RETENTION__KEEP_SNAPSHOTS", rules)
        with sent_bank.open() as application:
            services = application.services
            for day in days:
                assert not isinstance(run_tags(services, day, OTTO), Refusal)
            assert not isinstance(run_tags(services, AS_OF, OTTO), Refusal)
            sent_bank.clock.advance(31 * DAY)
            planned = by_table(plan_retention(services, MIN))["customer_tags"]
            assert (list(planned.kept), planned.rows) == (kept, 100 * (4 - len(kept)))
            assert by_table(run_retention(services, MIN))["customer_tags"] == planned
            assert sorted({row["as_of"] for row in rows_of(services, "customer_tags")}) == kept
            certificate = audit_of(services, "certify_retention")[-1].detail["tables"]
            assert certificate[0].get("kept", []) == [day.isoformat() for day in kept]
            with services.database.reading() as connection:
                assert services.profile.recorded(connection, days[1]).customers == 100
                with pytest.raises(NotFoundError, match="snapshot as of 2026-04-02 was purged"):
                    services.profile.tags_of(connection, days[1])
            sent_bank.clock.advance(-31 * DAY)


class DiedError(Exception):
    """Stands for the end of the process."""


@ON_SQLITE
def test_a_purge_that_died_goes_on(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RULES, '{"transactions/marketing": 17}')
    with bank.open() as application:
        services = application.services

        def die(*_arguments: object, **_named: object) -> None:
            raise DiedError

        with monkeypatch.context() as patch:
            patch.setattr("lingque.flow.retention.finish_run", die)
            with pytest.raises(DiedError):
                run_retention(services, MIN)
        assert len(rows_of(services, "transactions")) == 200
        assert by_table(run_retention(services, MIN))["transactions"].rows == 100
        assert len(rows_of(services, "transactions")) == 100


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ('{"transactions": 5}', "not a table and a purpose"),
        ('{"transactions/fun": 5}', "not a table and a purpose"),
        ('{"/marketing": 5}', "not a table and a purpose"),
        ('{"transactions/marketing": 0}', "a day at least"),
        ('{"customers/marketing": 5}', "'customers' is no table of events"),
        ('{"transaction/marketing": 5}', "did you mean 'transactions'"),
        ('{"audit/marketing": 5}', "'audit' is no table"),
    ],
)
@ON_SQLITE
def test_a_rule_that_cannot_be_is_named(rules: str, message: str, bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RULES, rules)
    with pytest.raises(ConfigurationError, match=message), bank.open() as application:
        run_retention(application.services, MIN)


@ON_SQLITE
def test_only_compliance_purges(bank: Bank) -> None:
    with bank.open() as application:
        for user in ("lin", "otto", "root", "hua"):
            for attempt in (plan_retention, run_retention):
                refusal = attempt(application.services, PRINCIPALS[user])
                assert isinstance(refusal, Refusal)
                assert refusal.reason is Reason.ROLE_NOT_ALLOWED


@ON_SQLITE
def test_the_commands_print_the_plan_and_the_certificate(bank: Bank, capfd: pytest.CaptureFixture[str]) -> None:
    for words in ("retention plan --as min", "retention run --as min", "nightly --as min"):
        assert typed(bank, words) == 0
        assert "idempotent_answers" in capfd.readouterr().out

"""A snapshot uses what happened before its day and was known by it; recomputing a past day gives that day's values."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from tiny_bank import (
    AS_OF,
    CUSTOMERS,
    OTTO,
    Bank,
    account_no,
    accounts,
    customer_no,
    customers,
    deliver_all,
    load_all,
    party_of,
    rows_of,
    transactions,
)

from lingque.bootstrap import Application
from lingque.core.clock import Instant
from lingque.core.errors import DefinitionError, NotFoundError, WarehouseError
from lingque.core.ids import CustomerId, PartyId
from lingque.flow import apply, run_tags
from lingque.flow.intake import catalog_of
from lingque.flow.services import Services
from lingque.ingest.files import deliveries
from lingque.ingest.identity import links_as_of, merge, unmerge
from lingque.profile.contracts import SnapshotReport
from lingque.store.runs import published_versions

pytestmark = pytest.mark.any_database

LATER = date(2026, 6, 2)


def snapshot(services: Services, as_of: date = AS_OF) -> SnapshotReport:
    report = run_tags(services, as_of, OTTO)
    assert isinstance(report, SnapshotReport)
    return report


def tags(services: Services, as_of: date = AS_OF) -> dict[int, dict[str, Any]]:
    with services.database.reading() as connection:
        rows = services.profile.tags_of(connection, as_of).to_pylist()
    return {row["customer_id"]: row for row in rows}


def booking(n: int, number: str, day: str, amount: str, *, category: str = "salary") -> tuple[str, ...]:
    return (number, customer_no(n), account_no(n), day, "credit", category, amount, amount)


def test_values_are_those_of_the_files(loaded: Application) -> None:
    found = tags(loaded.services)
    assert len(found) == CUSTOMERS
    for n in (0, 1, 59):
        row = found[party_of(loaded, customer_no(n))]
        assert (row["salary_3m"], row["latest_balance"], row["transactions_12m"]) == (1_000_000, 3_000_000 + 100 * n, 2)
        assert (row["deposits_3m"], row["accounts_held"], row["idle_money"]) == (int(n == 0), 1, True)
    assert not [name for name in next(iter(found.values())) if "next" in name or "opens" in name]


def test_the_same_again_is_reported_and_not_computed(loaded: Application) -> None:
    first = snapshot(loaded.services)
    again = snapshot(loaded.services)
    assert again.already_done
    assert again.run_id == first.run_id


def test_a_past_day_recomputed_after_later_data_has_the_same_values(bank: Bank, loaded: Application) -> None:
    before, first = tags(loaded.services), snapshot(loaded.services)
    bank.deliver("transactions", [booking(n, f"L{n}", "2026-06-01", "7.00") for n in range(CUSTOMERS)], LATER)
    load_all(loaded.services)
    again = snapshot(loaded.services)
    assert again.run_id != first.run_id
    assert not again.already_done
    assert tags(loaded.services) == before
    snapshot(loaded.services, date(2026, 6, 2))
    assert {row["transactions_12m"] for row in tags(loaded.services, date(2026, 6, 2)).values()} == {3}
    assert tags(loaded.services) == before


def test_what_was_not_known_by_the_day_is_not_seen(bank: Bank, loaded: Application) -> None:
    """An event of the day before is known at its end, one of a slow system weeks later."""
    bank.deliver("transactions", [*transactions(), booking(1, "EVE", "2026-05-31", "7.00")])
    load_all(loaded.services)
    snapshot(loaded.services)
    assert tags(loaded.services)[party_of(loaded, customer_no(1))]["transactions_12m"] == 3
    bank.replace_in("contracts", "kind: event\nload: daily\ncolumns:\n  transaction_no", "kind: event\nload: daily\nknown_after_days: 20\ncolumns:\n  transaction_no")  # fmt: skip  # noqa: E501
    apply(loaded.services, OTTO)
    load_all(loaded.services)
    snapshot(loaded.services)
    row = tags(loaded.services)[party_of(loaded, customer_no(1))]
    assert (row["transactions_12m"], row["latest_balance"]) == (1, 3_050_100)  # the salary of 10 May, known on 30 May
    snapshot(loaded.services, date(2026, 6, 10))
    assert tags(loaded.services, date(2026, 6, 10))[row["customer_id"]]["transactions_12m"] == 2


def test_a_window_is_half_open(bank: Bank, loaded: Application) -> None:
    days = {"2026-06-01": 2, "2026-05-31": 3, "2025-06-01": 3, "2025-05-31": 2}
    edges = [booking(n, f"EDGE{n}", day, "7.00") for n, day in enumerate(days)]
    bank.deliver("transactions", [*transactions(), *edges])
    load_all(loaded.services)
    snapshot(loaded.services)
    found = tags(loaded.services)
    counted = [found[party_of(loaded, customer_no(n))]["transactions_12m"] for n in range(len(days))]
    assert counted == list(days.values())


def test_a_changed_tag_is_computed_again(bank: Bank, loaded: Application) -> None:
    bank.replace_in("tags", "where: category = 'salary'", "where: category = 'rent'")
    apply(loaded.services, OTTO)
    report = snapshot(loaded.services)
    assert not report.already_done
    assert {row["salary_3m"] for row in tags(loaded.services).values()} == {50_000}


def test_a_customer_who_was_not_one_yet_has_no_row(bank: Bank, loaded: Application) -> None:
    newcomers = [(*row[:5], "2026-05-31") if n < 5 else row for n, row in enumerate(customers())]
    bank.deliver("customers", newcomers)
    load_all(loaded.services)
    assert snapshot(loaded.services, date(2026, 5, 31)).customers == CUSTOMERS - 5
    assert snapshot(loaded.services).customers == CUSTOMERS


def test_money_that_does_not_fit_names_the_tag(bank: Bank, loaded: Application) -> None:
    huge = [booking(1, f"H{n}", "2026-05-30", "9999999999999999.99") for n in range(10)]
    bank.deliver("transactions", [*transactions(), *huge])
    load_all(loaded.services)
    before = tags(loaded.services)
    with pytest.raises(WarehouseError, match=r"tag 'salary_3m' does not fit into 64 bits"):
        run_tags(loaded.services, AS_OF, OTTO)
    assert tags(loaded.services) == before


ONLY_SQL = """
tag: {name}
label: {{zh: 数, en: Number}}
family: value
from: transactions
window: 30 days
value: {value}
"""
"""No kernel reads a text as a number."""


def test_a_calculation_of_the_engine_that_does_not_fit_names_its_tag_and_no_other(
    bank: Bank, loaded: Application
) -> None:
    text = (bank.folder / "definitions" / "tags.yaml").read_text(encoding="utf-8")
    wrong = ONLY_SQL.format(name="wrong", value="max(coalesce(cast(category as integer), 3) * 9223372036854775807)")
    right = ONLY_SQL.format(name="right", value="max(coalesce(cast(category as integer), 3))")
    bank.define("tags", f"{text}---{right}---{wrong}")
    apply(loaded.services, OTTO)
    with pytest.raises(WarehouseError, match=r"tag 'wrong' does not fit into 64 bits") as found:
        run_tags(loaded.services, AS_OF, OTTO)
    assert "right" not in str(found.value)


def test_what_no_kernel_computes_cannot_be_live(bank: Bank, loaded: Application) -> None:
    text = (bank.folder / "definitions" / "tags.yaml").read_text(encoding="utf-8")
    slow = ONLY_SQL.format(name="slow", value="max(cast(category as integer))\nclock: live")
    bank.define("tags", f"{text}---{slow}")
    with pytest.raises(DefinitionError, match=r"no kernel computes cast\(\) of a text"):
        apply(loaded.services, OTTO)


def test_a_derived_value_that_does_not_fit_names_the_tag(bank: Bank, loaded: Application) -> None:
    text = (bank.folder / "definitions" / "tags.yaml").read_text(encoding="utf-8")
    much = "tag: squared\nlabel: {zh: 平方, en: Squared}\nfamily: value\nvalue: transactions_12m * 9223372036854775807"
    other = "tag: doubled\nlabel: {zh: 倍, en: Doubled}\nfamily: value\nvalue: transactions_12m * 2"
    bank.define("tags", f"{text}---\n{other}\n---\n{much}\n")
    apply(loaded.services, OTTO)
    with pytest.raises(WarehouseError, match="derived tag 'squared' does not fit"):
        run_tags(loaded.services, AS_OF, OTTO)


def test_a_number_that_is_none_names_the_tag(bank: Bank, loaded: Application) -> None:
    text = (bank.folder / "definitions" / "tags.yaml").read_text(encoding="utf-8")
    huge = "tag: huge\nlabel: {zh: 多, en: Huge}\nfamily: value\nvalue: cast(salary_3m as number) * 1e308\n"
    bank.define("tags", f"{text}---\n{huge}\n")
    apply(loaded.services, OTTO)
    with pytest.raises(WarehouseError, match=r"a value of tag 'huge' is too large for a number"):
        snapshot(loaded.services)


def test_over_no_rows_counts_and_sums_are_zero_and_the_rest_is_unknown(
    defined_bank: Bank, defined: Application
) -> None:
    deliver_all(defined_bank)
    defined_bank.deliver("transactions", [])
    defined_bank.deliver("deposits", [])
    load_all(defined.services)
    snapshot(defined.services)
    for row in tags(defined.services).values():
        assert (row["salary_3m"], row["transactions_12m"], row["deposits_3m"]) == (0, 0, 0)
        assert row["latest_balance"] is None
        assert row["idle_money"] is None


def test_a_table_whose_tags_are_texts_may_be_empty_too(defined_bank: Bank, defined: Application) -> None:
    defined_bank.define(
        "tags",
        "tag: latest_category\nlabel: {zh: 最近类别, en: Latest category}\nfamily: payments\nfrom: transactions\n"
        "window: 3 months\nvalue: last(category)\n",
    )
    (defined_bank.folder / "definitions" / "campaigns.yaml").unlink()
    apply(defined.services, OTTO)
    deliver_all(defined_bank)
    defined_bank.deliver("transactions", [])
    load_all(defined.services)
    assert snapshot(defined.services).coverage["latest_category"].known == 0


def test_no_customers_is_a_snapshot_of_nobody(defined_bank: Bank, defined: Application) -> None:
    with pytest.raises(NotFoundError, match="no customers have been ingested"):
        run_tags(defined.services, AS_OF, OTTO)
    for contract in ("customers", "accounts", "transactions", "deposits", "consents"):
        defined_bank.deliver(contract, [])
    load_all(defined.services)
    assert snapshot(defined.services).customers == 0
    assert tags(defined.services) == {}


def test_before_a_table_was_ever_delivered_its_tags_cannot_be_computed(
    defined_bank: Bank, defined: Application
) -> None:
    deliver_all(defined_bank)
    (defined_bank.folder / "landing" / "deposits_20260601.csv").unlink()
    services = defined.services
    catalog = catalog_of(services)
    for name in ("core_customers", "core_accounts", "core_transactions"):
        for delivery in deliveries(catalog.sources[name], services.landing):
            services.ingest.load(catalog, delivery, actor="otto")
    with pytest.raises(NotFoundError, match="table 'deposits'"):
        run_tags(services, AS_OF, OTTO)


def test_labels_know_what_happened_later_up_to_a_moment(bank: Bank, loaded: Application) -> None:
    services = loaded.services
    new = [(f"N{n}", customer_no(n), day, "5000", "3", "true") for n, day in ((1, "2026-06-01"), (2, "2026-06-30"), (3, "2026-07-01"))]  # fmt: skip  # noqa: E501
    bank.deliver("deposits", new, date(2026, 7, 2))
    load_all(services)
    catalog = catalog_of(services)
    tag = catalog.tag("opens_deposit_30d")

    def true_for(known_by: date) -> set[int]:
        moment = services.calendar.start_of(known_by)
        labels = services.profile.labels(catalog, tag, AS_OF, known_by=moment).to_pylist()
        assert len(labels) == CUSTOMERS
        return {row["customer_id"] for row in labels if row["opens_deposit_30d"]}

    party = {n: party_of(loaded, customer_no(n)) for n in (1, 2, 3)}
    horizon = services.profile.horizon(catalog, tag, AS_OF)
    assert horizon == services.calendar.start_of(date(2026, 7, 1))
    assert true_for(date(2026, 7, 1)) == {party[1], party[2]}  # 1 July lies outside the 30 days
    assert true_for(date(2026, 6, 30)) == {party[1]}
    assert true_for(date(2026, 6, 2)) == {party[1]}
    assert true_for(date(2026, 6, 1)) == set()


# --- identity ---------------------------------------------------------------------------------------------------------

DAY = 86_400_000_000


def links(services: Services, moment: Instant) -> dict[int, int]:
    with services.database.reading() as connection:
        found = links_as_of(connection, moment).to_pydict()
    return dict(zip(found["party_id"], found["customer_id"], strict=True))


def start(services: Services, day: date) -> Instant:
    return services.calendar.start_of(day)


def test_a_merge_holds_from_when_it_is_valid_and_known(loaded: Application) -> None:
    services = loaded.services
    one, other = (party_of(loaded, customer_no(n)) for n in (10, 11))
    valid, known, ends, ends_known = (start(services, date(2026, 6, d)) for d in (5, 10, 15, 20))
    with services.database.transaction() as connection:
        merge(connection, PartyId(other), into=CustomerId(one), valid_from=valid, known_from=known)
    linked = {other: one}
    for moment, expected in ((valid - 1, {}), (valid, {}), (known - 1, {}), (known, linked), (known + DAY, linked)):
        assert links(services, Instant(moment)) == expected
    with services.database.transaction() as connection:
        unmerge(connection, PartyId(other), valid_to=ends, known_from=ends_known)
    for moment, expected in (
        (known - 1, {}),
        (known, linked),
        (ends, linked),  # it had ended, but nobody knew
        (ends_known - 1, linked),
        (ends_known, {}),
    ):
        assert links(services, Instant(moment)) == expected
    with services.database.reading() as connection:
        rows = connection.exec_driver_sql("SELECT count(*) FROM party_links").scalar_one()
    assert rows == 2  # what was believed and what is believed now: nothing is deleted


def test_a_merge_that_was_a_mistake_never_held(loaded: Application) -> None:
    services = loaded.services
    one, other = (party_of(loaded, customer_no(n)) for n in (10, 11))
    valid, known, mended = (start(services, date(2026, 6, d)) for d in (5, 10, 20))
    with services.database.transaction() as connection:
        merge(connection, PartyId(other), into=CustomerId(one), valid_from=valid, known_from=known)
        unmerge(connection, PartyId(other), valid_to=valid, known_from=mended)
    assert links(services, Instant(mended - 1)) == {other: one}
    assert links(services, mended) == {}
    with pytest.raises(NotFoundError, match="not linked"), services.database.transaction() as connection:
        unmerge(connection, PartyId(other), valid_to=valid, known_from=mended)


def test_merged_parties_count_as_one_customer_from_then_on_and_as_two_before(loaded: Application) -> None:
    services = loaded.services
    one, other = (party_of(loaded, customer_no(n)) for n in (10, 11))
    before = tags(services)
    day = date(2026, 6, 10)
    with services.database.transaction() as connection:
        merge(
            connection,
            PartyId(other),
            into=CustomerId(one),
            valid_from=start(services, date(2020, 1, 1)),
            known_from=start(services, day),
        )
    assert snapshot(services).already_done
    assert tags(services) == before
    assert snapshot(services, day).customers == CUSTOMERS - 1
    merged = tags(services, day)
    assert other not in merged
    assert (merged[one]["salary_3m"], merged[one]["transactions_12m"], merged[one]["accounts_held"]) == (
        2_000_000,
        4,
        2,
    )
    later = day + timedelta(days=5)
    with services.database.transaction() as connection:
        unmerge(connection, PartyId(other), valid_to=start(services, later), known_from=start(services, later))
    assert snapshot(services, later).customers == CUSTOMERS
    apart = tags(services, later)
    assert apart[one]["transactions_12m"] == apart[other]["transactions_12m"] == 2
    assert tags(services, day) == merged
    assert snapshot(services, day).already_done


def test_a_merge_is_taken_up_by_the_next_load(bank: Bank, loaded: Application) -> None:
    services = loaded.services
    one, other = (party_of(loaded, customer_no(n)) for n in (10, 11))
    with services.database.transaction() as connection:
        merge(connection, PartyId(other), into=CustomerId(one), valid_from=Instant(0), known_from=Instant(0))
    bank.deliver("accounts", accounts()[:30])
    load_all(services)
    stored = {row["party_id"]: (row["customer_id"], row["bucket"]) for row in rows_of(services, "accounts")}
    assert stored[other] == stored[one]


def test_versions_are_published_only_with_their_run(loaded: Application) -> None:
    with loaded.services.database.reading() as connection:
        assert set(published_versions(connection)) == {
            "customers",
            "accounts",
            "transactions",
            "deposits",
            "customer_tags",
        }

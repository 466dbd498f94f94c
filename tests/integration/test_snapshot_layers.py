"""A snapshot's layers: what holds, what held, lists, scores, and what is derived from them."""

from __future__ import annotations

import dataclasses
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sqlalchemy import Connection
from tiny_bank import AS_OF, CUSTOMERS, OTTO, Bank, customer_no, load_all, party_of, transactions

from lingque.bootstrap import Application
from lingque.catalog.model import Catalog
from lingque.core.clock import Instant
from lingque.core.errors import ConfigurationError, NotFoundError, WarehouseError
from lingque.core.hashing import Int64s, bucket_of
from lingque.core.ids import RunId
from lingque.core.reasons import Reason, Refusal
from lingque.flow import apply
from lingque.flow.intake import catalog_of
from lingque.flow.services import Services
from lingque.ingest.identity import links_as_of, once_linked
from lingque.profile.contracts import ListMembers, Note, Scorer, SnapshotReport
from lingque.profile.service import Profile
from lingque.store.runs import Run, finish_run
from lingque.warehouse.tables import Slice

# what a snapshot asks of the control database is asked of both by the tests of points in time
pytestmark = pytest.mark.parametrize("controls", ["sqlite"], indirect=True)

TAGS = """
contract: balances
label: {zh: 余额, en: Balances}
kind: state
load: delta
columns:
  account_no: {type: text, role: key}
  customer_no: {type: text, role: party}
  since: {type: date, role: valid_from}
  balance: {type: money, currency: CNY, classes: [financial]}
  note: {type: text}
---
tag: balance
label: {zh: 余额, en: Balance}
family: assets
from: balances
value: sum(balance)
---
tag: average_balance
label: {zh: 月日均余额, en: Monthly average balance}
family: assets
from: balances
window: 1 month
value: time_avg(balance)
---
tag: average_balance_next
label: {zh: 未来日均, en: Average balance to come}
family: assets
from: balances
window: next 2 days
value: time_avg(balance)
---
tag: noted
label: {zh: 备注, en: Note}
family: assets
from: balances
value: last(note)
---
tag: city
label: {zh: 城市, en: City}
family: demographics
from: customers
value: last(city)
---
tag: age
label: {zh: 年龄, en: Age}
family: demographics
from: customers
value: min(years_between(birth_date, as_of))
---
tag: complained
label: {zh: 投诉客户, en: Complained}
family: relationship
list: complaints
---
tag: propensity
label: {zh: 购买倾向, en: Propensity}
family: value
model: buys_deposit
---
tag: likely
label: {zh: 高倾向, en: Likely}
family: value
value: propensity > 0.5 and not complained
---
tag: loyalty
label: {zh: 忠诚度, en: Loyalty}
family: value
model: stays
---
model: buys_deposit
label: {zh: 存款倾向, en: Buys a deposit}
target: opens_deposit_30d
population: idle_money
features: [balance, age]
train_as_of: [2026-01-01]
validate_as_of: 2026-03-01
too_old_after_days: 92
---
model: stays
label: {zh: 留存, en: Stays}
target: opens_deposit_30d
features: [likely, age]
train_as_of: [2026-01-01]
validate_as_of: 2026-03-01
---
list: complaints
label: {zh: 投诉, en: Complaints}
owner: min
effect: exclude
"""


@dataclasses.dataclass
class Members:
    """Lists in memory; remembers the moments that it was asked about."""

    ids: list[int]
    asked: list[tuple[str, Instant]] = dataclasses.field(default_factory=list)

    def members(self, _connection: Connection, list_name: str, *, at: Instant) -> Int64s:
        self.asked.append((list_name, at))
        return np.array(self.ids, dtype=np.int64)


@dataclasses.dataclass
class Scores:
    """A model for which the score is 0.9 for whoever is in the population and has a balance."""

    versions: dict[str, str]
    seen: dict[str, pa.Table] = dataclasses.field(default_factory=dict)
    days: set[date] = dataclasses.field(default_factory=set)

    def version(self, model: str) -> str:
        return self.versions.get(model, "")

    def scores(self, _catalog: Catalog, model: str, features: pa.Table, *, as_of: date) -> pa.Array | Refusal:
        self.seen[model] = features
        self.days.add(as_of)
        if model not in self.versions:
            return Refusal(reason=Reason.MODEL_NOT_TRAINED, detail=f"{model} has not been trained")
        if model == "stays":
            return pc.if_else(pc.fill_null(features.column("likely"), False), 1.0, 0.25)
        return pc.if_else(
            features.column("idle_money"), pc.if_else(pc.greater(features.column("balance"), 0), 0.9, 0.1), None
        )


def profile_of(services: Services, lists: ListMembers | None, scorer: Scorer | None) -> Profile:
    return Profile(
        database=services.database, tables=services.tables, links_as_of=links_as_of,
        once_linked=once_linked, audit=services.audit,
        clock=services.clock, calendar=services.calendar, buckets=services.buckets, session=services.session,
        lists=lists, scorer=scorer,
    )  # fmt: skip


Version = tuple[int, int, str, str, int | None, bool | None]
"""Account, party, valid from, known at, balance, ended."""


def store(services: Services, versions: list[Version], number: int = 1) -> None:
    """Publish versions of balances as the data plane keeps them; the first release knew of no end."""
    start = services.calendar.start_of
    parties = np.array([one[1] for one in versions], dtype=np.int64)
    columns: dict[str, Any] = {
        "row_key": pa.array(range(len(versions)), pa.int64()),
        "party_id": pa.array(parties),
        "valid_from": pa.array([start(date.fromisoformat(one[2])) for one in versions], pa.int64()),
        "known_at": pa.array([start(date.fromisoformat(one[3])) for one in versions], pa.int64()),
        "account_no": pa.array([one[0] for one in versions], pa.int64()),
        "balance": pa.array([one[4] for one in versions], pa.int64()),
        "customer_id": pa.array(parties),
        "bucket": pa.array(bucket_of(parties, buckets=services.buckets), pa.int32()),
    }
    if any(one[5] is not None for one in versions):
        columns["ended"] = pa.array([one[5] for one in versions], pa.bool_())
    order = ("bucket", "customer_id", "valid_from", "row_key")
    rows = pa.table(columns).sort_by([(name, "ascending") for name in order])
    run = RunId(f"balances-{number}")
    version = services.tables.commit(
        Slice(table="balances", name="all", order=order), rows, run_id=run, published=None if number == 1 else 10**6
    )
    with services.database.transaction() as connection:
        finished = Run(run_id=run, kind="load", subject="balances", finished_at=services.clock.now(), summary={})
        finish_run(connection, finished, published={"balances": version})


@pytest.fixture
def parties(bank: Bank, loaded: Application) -> dict[int, int]:
    services = loaded.services
    bank.define("layers", TAGS)
    assert not isinstance(apply(services, OTTO), Refusal)
    found = {n: party_of(loaded, customer_no(n)) for n in range(6)}
    store(
        services,
        [
            (1, found[1], "2026-01-01", "2026-01-02", 1_000, None),
            (1, found[1], "2026-05-22", "2026-05-23", 4_100, None),
            (1, found[1], "2026-05-30", "2026-06-05", 9_900, None),  # known too late for 1 June
            (2, found[1], "2026-05-01", "2026-05-02", 500, None),
            (2, found[1], "2026-05-11", "2026-05-12", 500, True),
            (3, found[2], "2026-05-31", "2026-06-01", 3_100, None),
            (4, found[3], "2026-06-02", "2026-06-03", 700, None),
        ],
    )
    return found


def values(profile: Profile, services: Services, as_of: date = AS_OF) -> dict[int, dict[str, Any]]:
    with services.database.reading() as connection:
        return {row["customer_id"]: row for row in profile.tags_of(connection, as_of).to_pylist()}


def test_what_holds_and_what_held(loaded: Application, parties: dict[int, int]) -> None:
    services = loaded.services
    profile = profile_of(services, Members([]), None)
    profile.snapshot(catalog_of(services), AS_OF, actor="otto")
    found = values(profile, services)
    # account 1: 21 days of 10.00 and 10 of 41.00; account 2: 10 of 5.00, then it was closed
    average = round((21 * 1_000 + 10 * 4_100 + 10 * 500) / 31)
    one, two, three, four = (found[parties[n]] for n in (1, 2, 3, 4))
    assert (one["balance"], one["average_balance"]) == (4_100, average)
    assert (two["balance"], two["average_balance"]) == (3_100, 100)
    assert (three["balance"], three["average_balance"]) == (0, 0), "from June on"
    assert (four["balance"], four["average_balance"], four["noted"]) == (0, 0, None), "no account, and no such column"
    assert (one["city"], one["age"]) == ("上海", 46)
    assert "average_balance_next" not in one


def test_rows_from_before_there_were_ends_still_hold(loaded: Application, parties: dict[int, int]) -> None:
    services = loaded.services
    store(services, [(1, parties[1], "2026-01-01", "2026-01-02", 700, None)], number=2)
    with services.session() as session:
        session.add_versions({"balances": 2})
        assert "ended" not in session.columns("balances")
    profile = profile_of(services, Members([]), None)
    profile.snapshot(catalog_of(services), AS_OF, actor="otto")
    assert values(profile, services)[parties[1]]["balance"] == 700


def test_lists_and_scores_are_layers_like_any_other(loaded: Application, parties: dict[int, int]) -> None:
    services = loaded.services
    members, scores = Members([parties[2], parties[2], 999]), Scores({"buys_deposit": "1", "stays": "7"})
    profile = profile_of(services, members, scores)
    catalog = catalog_of(services)
    report = profile.snapshot(catalog, AS_OF, actor="otto")
    assert report.notes == ()
    assert members.asked == [("complaints", services.calendar.start_of(AS_OF))]
    assert scores.seen["buys_deposit"].column_names == ["customer_id", "balance", "age", "idle_money"]
    assert scores.seen["buys_deposit"].num_rows == CUSTOMERS
    assert scores.days == {AS_OF}
    assert scores.seen["stays"].column_names == ["customer_id", "likely", "age"]
    found = values(profile, services)
    names = ("complained", "propensity", "likely", "loyalty")
    assert [found[parties[1]][name] for name in names] == [False, 0.9, True, 1.0]
    assert [found[parties[2]][name] for name in names] == [True, 0.9, False, 0.25]
    assert [found[parties[3]][name] for name in names] == [False, 0.1, False, 0.25]
    assert report.coverage["complained"].true == 1
    assert list(found[parties[1]])[1:-2] == [name for name, tag in catalog.tags.items() if not tag.looks_forward]


def test_a_snapshot_is_computed_again_when_a_list_or_a_model_changed(
    loaded: Application, parties: dict[int, int]
) -> None:
    catalog = catalog_of(loaded.services)

    def snapshot(members: list[int], stays: str) -> SnapshotReport:
        scores = Scores({"buys_deposit": "1", "stays": stays})
        profile = profile_of(loaded.services, Members([parties[n] for n in members]), scores)
        return profile.snapshot(catalog, AS_OF, actor="otto")

    runs = {snapshot([2, 3], "7").run_id}
    for same in ([2, 3], [3, 2]):
        assert snapshot(same, "7").already_done
    for ids, version in (([2], "7"), ([2, 4], "7"), ([2, 4], "8")):
        report = snapshot(ids, version)
        assert not report.already_done
        assert report.run_id not in runs
        runs.add(report.run_id)


def test_what_cannot_be_scored_is_null_and_the_report_says_why(loaded: Application, parties: dict[int, int]) -> None:
    services = loaded.services
    profile, catalog = profile_of(services, Members([]), Scores({"buys_deposit": "1"})), catalog_of(services)
    later = date(2026, 6, 2)  # the 93rd day after the model was judged
    assert [note.reason for note in profile.snapshot(catalog, AS_OF, actor="otto").notes] == [Reason.MODEL_NOT_TRAINED]
    report = profile.snapshot(catalog, later, actor="otto")
    assert report.notes == (
        Note(
            tag="propensity", reason=Reason.MODEL_TOO_OLD,
            detail="buys_deposit was judged as of 2026-03-01 and should be trained again since 2026-06-01",
        ),
        Note(tag="loyalty", reason=Reason.MODEL_NOT_TRAINED, detail="stays has not been trained"),
    )  # fmt: skip
    assert report.coverage["loyalty"].known == 0
    assert report.coverage["propensity"].known > 0
    with services.database.reading() as connection:
        assert profile.find_snapshot(connection, later).notes == report.notes
    nobody = profile_of(services, Members([]), None).snapshot(catalog, later, actor="otto")
    assert {note.tag for note in nobody.notes} == {"propensity", "loyalty"}
    with pytest.raises(ConfigurationError, match="list 'complaints' cannot be read"):
        profile_of(services, None, None).snapshot(catalog, later, actor="otto")


def test_a_scorer_that_loses_rows_is_found_out(loaded: Application, parties: dict[int, int]) -> None:
    class Short(Scores):
        def scores(self, *_asked: Any, **_when: Any) -> pa.Array | Refusal:
            return pa.array([0.5])

    profile = profile_of(loaded.services, Members([]), Short({}))
    with pytest.raises(WarehouseError, match="gave 1 scores for 100 customers"):
        profile.snapshot(catalog_of(loaded.services), AS_OF, actor="otto")


def test_features_are_those_of_that_morning_and_the_label_is_known_later(
    bank: Bank, loaded: Application, parties: dict[int, int]
) -> None:
    services = loaded.services
    profile = profile_of(services, Members([parties[2]]), Scores({"buys_deposit": "1", "stays": "7"}))
    catalog = catalog_of(services)
    features = ["balance", "average_balance", "transactions_12m", "complained", "likely", "city"]
    profile.snapshot(catalog, AS_OF, actor="otto")
    before = values(profile, services)
    # what comes later must not be seen: a booking of May that is known in June, a balance known on the 5th
    bank.deliver("transactions", [*transactions(), ("LATE", *transactions()[0][1:3], "2026-06-03", "credit", "salary", "1", "1")])  # fmt: skip  # noqa: E501
    load_all(services)

    def learn(known_by: date, target: str = "average_balance_next", population: str | None = "idle_money") -> pa.Table:
        return profile.features_and_label(
            catalog, features=features, population=population, target=target, as_of=AS_OF,
            known_by=services.calendar.start_of(known_by),
        )  # fmt: skip

    table = learn(date(2026, 6, 4))
    assert table.column_names == ["customer_id", *features, "idle_money", "average_balance_next"]
    rows = {row["customer_id"]: row for row in table.to_pylist()}
    assert list(rows) == sorted(before)
    for customer, row in rows.items():
        assert {name: row[name] for name in [*features, "idle_money"]} == {
            name: before[customer][name] for name in [*features, "idle_money"]
        }
    # 1 and 2 June: customer 3's account begins on the second, as was known on the third
    assert [rows[parties[n]]["average_balance_next"] for n in (1, 2, 3)] == [4_100, 3_100, 350]
    by_then = {row["customer_id"]: row["average_balance_next"] for row in learn(date(2026, 6, 5)).to_pylist()}
    assert by_then[parties[1]] == 9_900, "from the fifth on it is known that there had been more"
    assert learn(date(2026, 6, 4), "opens_deposit_30d", None).column_names == [
        "customer_id",
        *features,
        "opens_deposit_30d",
    ]
    with pytest.raises(NotFoundError, match="there is no tag 'balanse'"):
        profile.features_and_label(
            catalog, features=["balanse"], population=None, target="opens_deposit_30d", as_of=AS_OF,
            known_by=services.calendar.start_of(AS_OF),
        )  # fmt: skip


def test_one_customers_values(loaded: Application, parties: dict[int, int]) -> None:
    services = loaded.services
    with services.database.reading() as connection:
        found = services.profile.values_of(connection, AS_OF, parties[1])
        assert (found["salary_3m"], found["idle_money"]) == (1_000_000, True)
        assert not {"customer_id", "bucket", "as_of", "opens_deposit_30d"} & set(found)
        with pytest.raises(NotFoundError, match="customer 17 is not in the snapshot as of 2026-06-01"):
            services.profile.values_of(connection, AS_OF, 17)
        with pytest.raises(NotFoundError, match="there is no snapshot as of 2026-06-02"):
            services.profile.values_of(connection, date(2026, 6, 2), parties[1])

"""The demo's tags on a small simulated bank, held against what only the simulated bank knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import spearmanr
from surrogates import same_surrogates

from lingque.bootstrap import open_workspace
from lingque.catalog.model import Catalog
from lingque.core.clock import BusinessCalendar
from lingque.core.reasons import Refusal
from lingque.core.registries import DataClass, Purpose
from lingque.entry.demo import PEOPLE, lay_out
from lingque.entry.demo.world import StoryClock
from lingque.flow.intake import apply, catalog_of, ingest, run_tags
from lingque.govern.access import add_user
from lingque.govern.contracts import Principal
from lingque.profile.contracts import SnapshotReport
from lingque.settings import load_settings
from lingque.testing import MemoryChannel
from lingque.twin.bank import Twin
from lingque.twin.categories import POSITION
from lingque.twin.days import day_number
from lingque.twin.population import CHURN_STAGES
from lingque.twin.presets import parameters_of
from lingque.twin.systems.all import EXTRACTS

pytestmark = pytest.mark.slow  # a bank of its own, and more than two hundred tags


Flags = np.ndarray[tuple[int], np.dtype[np.bool_]]


@dataclass(frozen=True, kw_only=True)
class Known:
    """The bank with its truth, and what the platform made of its files; by customer in the twin's order."""

    twin: Twin
    catalog: Catalog
    report: SnapshotReport
    tags: pa.Table

    def column(self, name: str) -> np.ndarray[tuple[int], np.dtype[Any]]:
        return np.array(self.tags.column(name).to_pylist(), dtype=object)

    def numbers(self, name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.array([np.nan if value is None else float(value) for value in self.column(name)])

    def said(self, name: str) -> Flags:
        return np.array([value is True for value in self.column(name)])

    @property
    def today(self) -> int:
        return day_number(self.twin.parameters.as_of)

    def happened(self, kind: str, first: int, last: int) -> Flags:
        """To whom it did within these days, counted from the morning of the snapshot."""
        who = np.zeros(len(self.twin.population.age), dtype=np.bool_)
        for part in self.twin.parts:
            customer, day = part.events.of(kind)
            within = (day >= self.today + first) & (day <= self.today + last)
            who[customer[within] + part.block.first] = True
        return who

    def moved_away(self, days: int) -> Flags:
        """Whose money went to another bank after a deposit had matured: the bank sees a transfer like any other."""
        who = np.zeros(len(self.twin.population.age), dtype=np.bool_)
        for part in self.twin.parts:
            booked = part.transactions
            left = (booked.category == POSITION["departure"]) & (booked.day >= self.today - days)
            left &= booked.day < self.today
            who[part.accounts.owner[booked.account[left]] + part.block.first] = True
        return who


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Known]:
    folder = tmp_path_factory.mktemp("truth") / "bank"
    lay_out(folder, "en")
    # of a thousand customers ten moved money away: too few to say how many of them a tag finds
    twin = Twin.make(replace(parameters_of("tiny"), customers=3_000))
    twin.write_extracts(folder / "landing", EXTRACTS)
    as_of = twin.parameters.as_of
    clock = StoryClock(BusinessCalendar(load_settings(folder).workspace.zone), as_of)
    otto = Principal(user="otto", person="otto", roles=PEOPLE[0].roles)
    with (
        same_surrogates(20260601),
        open_workspace(folder, clock=clock, channels=lambda _settings: {"email": MemoryChannel()}) as application,
    ):
        services = application.services
        # by SQL, which other tests hold the kernels to: to compile two hundred tags takes longer than all of this
        services.profile._kernels = None
        with services.database.transaction() as connection:
            for user in PEOPLE:
                add_user(connection, user, at=services.clock.now())
        assert not isinstance(apply(services, otto), Refusal)
        for loaded in ingest(services, otto):
            assert not isinstance(loaded, Refusal)
            assert not loaded.held, loaded
        report = run_tags(services, as_of, otto)
        assert not isinstance(report, Refusal)
        with services.database.reading() as connection:
            tags = services.profile.tags_of(connection, as_of)
            keys = list(twin.population.customer_no)
            ids = application.vault.resolve(connection, namespace="core_banking/customers", keys=keys, mint=False)
        at = {number: place for place, number in enumerate(tags.column("customer_id").to_pylist())}
        in_order = tags.take(pa.array([at[ids[key]] for key in keys]))
        yield Known(twin=twin, catalog=catalog_of(services), report=report, tags=in_order)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What a flag says, and how good it must be at least."""

    tag: str
    truth: Callable[[Known], Flags]
    precision: float
    recall: float


def left_between(known: Known, first: int, last: int) -> Flags:
    began = known.twin.population.churn_day
    return (began >= known.today + first) & (began <= known.today + last)


CLAIMS = [
    Claim(tag="renovating", truth=lambda k: k.happened("renovation", -160, -3), precision=0.5, recall=0.45),
    Claim(tag="has_car", truth=lambda k: k.happened("car_purchase", -360, -30), precision=0.45, recall=0.45),
    Claim(tag="pays_for_education", truth=lambda k: k.happened("schooling", -180, -5), precision=0.4, recall=0.5),
    Claim(tag="cross_border", truth=lambda k: k.happened("travel_abroad", -60, 35), precision=0.5, recall=0.5),
    Claim(
        tag="medical_need",
        truth=lambda k: k.happened("illness", -90, -5) | k.happened("child", -90, 30),
        precision=0.35,
        recall=0.3,
    ),
    # what partners know of only some customers is seldom wrong, and often missing
    Claim(tag="new_parent", truth=lambda k: k.happened("child", -370, 0), precision=0.9, recall=0.1),
    Claim(tag="bought_home", truth=lambda k: k.happened("home_purchase", -370, 0), precision=0.7, recall=0.3),
    Claim(
        tag="needs_cash",
        truth=lambda k: (
            k.happened("cash_squeeze", -60, 30)
            | k.happened("renovation", -60, 75)
            | k.happened("car_purchase", -60, 90)
            | k.happened("home_purchase", -60, 120)
        ),
        precision=0.8,
        recall=0.2,
    ),
    Claim(
        tag="salary_customer",
        truth=lambda k: (k.twin.population.employer >= 0) & (k.twin.population.churn_day + 150 > k.today),
        precision=0.95,
        recall=0.95,
    ),
    Claim(
        tag="salary_gone",
        truth=lambda k: (k.twin.population.employer >= 0) & left_between(k, -390, -210),
        precision=0.3,
        recall=0.6,
    ),
    Claim(tag="about_to_leave", truth=lambda k: left_between(k, -210, -30), precision=0.15, recall=0.4),
    Claim(
        tag="is_dormant",
        truth=lambda k: k.twin.population.churn_stage == CHURN_STAGES.index("left"),
        precision=0.9,
        recall=0.1,
    ),
    Claim(tag="money_moving_away", truth=lambda k: k.moved_away(90), precision=0.15, recall=0.6),
]


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.tag)
def test_a_flag_finds_whom_it_speaks_of(known: Known, claim: Claim) -> None:
    truth, said = claim.truth(known), known.said(claim.tag)
    assert truth.any()
    assert said.any()
    assert not said.all()
    hits = (truth & said).sum()
    assert hits / said.sum() >= claim.precision, f"{hits} of {said.sum()} said, {truth.mean():.3f} are true"
    assert hits / truth.sum() >= claim.recall, f"{hits} of {truth.sum()} true"
    assert hits / said.sum() > 1.5 * truth.mean(), "it must say more than a guess"


@pytest.mark.parametrize(
    ("tag", "trait", "least"),
    [
        ("monthly_income", "income", 0.65),
        ("income_tier", "income", 0.65),
        ("average_salary", "income", 0.9),
        ("monthly_average_aum", "wealth", 0.6),
        ("wealth_tier", "wealth", 0.6),
        ("rfm_monetary", "wealth", 0.6),
        ("app_days_90d", "digital", 0.55),
        ("risk_tolerance", "risk_attitude", 0.9),
    ],
)
def test_a_tag_ranks_customers_as_their_trait_does(known: Known, tag: str, trait: str, least: float) -> None:
    values, truth = known.numbers(tag), np.asarray(getattr(known.twin.population, trait), dtype=np.float64)
    there = ~np.isnan(values)
    assert there.sum() > 300
    assert spearmanr(values[there], truth[there])[0] >= least


def test_who_looks_at_rates_compares_prices(known: Known) -> None:
    sensitivity = known.twin.population.price_sensitivity
    assert sensitivity[known.said("rate_sensitive")].mean() > sensitivity.mean() + 0.02


def test_the_stage_of_life_with_the_bank_follows_the_truth(known: Known) -> None:
    stage, left = known.column("life_cycle_stage"), known.twin.population.churn_stage > 0
    declines = np.isin(stage, ("declining", "dormant"))
    assert set(stage) == {"new", "growing", "mature", "declining", "dormant"}
    assert declines[left].mean() > 3 * declines[~left].mean()


def test_everybody_has_one_archetype_at_most_and_each_has_its_people(known: Known) -> None:
    names = [name.removeprefix("fits_") for name in known.catalog.tags if name.startswith("fits_")]
    assert len(names) == 12
    primary = known.column("archetype")
    assert set(primary) <= {*names, "none"}
    flags = np.array([known.said(f"archetype_{name}") for name in names])
    assert (flags.sum(axis=0) == (primary != "none")).all()
    for name in names:
        assert (known.said(f"archetype_{name}") <= known.said(f"fits_{name}")).all()
    assert (primary == "none").mean() < 0.25
    assert sum((primary == name).any() for name in names) >= 10


def test_amounts_are_what_the_bank_has(known: Known) -> None:
    """月日均 and balances against the twin's own books, to the fen."""
    balance = np.zeros(len(known.twin.population.age), dtype=np.int64)
    for part in known.twin.parts:
        booked = part.transactions
        upto = np.flatnonzero(booked.day < known.today)
        newest: dict[int, int] = dict(zip(booked.account[upto].tolist(), upto.tolist(), strict=True))
        for account, place in newest.items():
            balance[part.accounts.owner[account] + part.block.first] += booked.balance[place]
    assert (known.numbers("current_balance") == balance).all()
    total = known.numbers("current_balance") + known.numbers("deposit_balance") + known.numbers("wealth_balance")
    assert (known.numbers("aum") == total).all()
    assert (known.numbers("monthly_average_aum") >= 0).all()


def test_who_buys_50k_of_wealth_every_month_is_who_did(known: Known) -> None:
    """From the twin's own books: all of the last six months, each by itself."""
    placed = known.twin.placed.placements
    last = np.datetime64(known.today, "D").astype("datetime64[M]").astype(np.int64)
    month = placed.opened_day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) - last + 6
    bought = np.zeros((len(known.twin.population.age), 6), dtype=np.int64)
    counts = ~placed.is_deposit & (month >= 0) & (month < 6)
    np.add.at(bought, (placed.owner[counts], month[counts]), placed.amount[counts])
    every = (bought > 5_000_000).all(axis=1)
    assert every.sum() > 0
    assert (known.said("buys_wealth_50k_every_month") == every).all()


# the catalog itself


def test_all_twelve_families_are_filled_and_every_tag_says_what_it_means(known: Known) -> None:
    tags = [tag for tag in known.catalog.tags.values() if not tag.looks_forward]
    assert len(tags) >= 120
    families = {tag.definition.family for tag in tags}
    assert len(families) == 12
    for family in families:
        assert sum(tag.definition.family == family for tag in tags) >= 8, family
    for tag in known.catalog.tags.values():
        meaning = tag.definition.meaning
        assert meaning is not None, tag.name
        assert meaning.zh.endswith("。"), tag.name
        assert meaning.en.endswith("."), tag.name
        assert tag.definition.owner, tag.name


def test_sensitive_classes_follow_the_data_and_what_the_value_says(known: Known) -> None:
    classes = {name: lineage.classes for name, lineage in known.catalog.lineages.items()}
    for name in ("medical_spending_3m", "medical_need", "hospital_visits_6m"):
        assert DataClass.HEALTH in classes[name], name
    assert DataClass.LOCATION in classes["teller_branch_90d"]
    for name in ("baby_orders_12m", "buys_baby_goods", "birth_registered_12m", "new_parent"):
        assert DataClass.MINOR in classes[name], name
    # what anybody may be chosen by carries none of them: neither spending, nor archetypes, nor RFM
    for name in ("top_spending_category_6m", "spending_3m", "archetype", "rfm_segment", "life_cycle_stage"):
        assert not classes[name] & (DataClass.HEALTH | DataClass.LOCATION | DataClass.MINOR), name
    assert known.catalog.lineages["hospital_visits_6m"].purposes == {Purpose.SERVICE, Purpose.MARKETING}


def test_the_two_named_segments_are_there_word_for_word(known: Known) -> None:
    labels = {tag.definition.label.zh: name for name, tag in known.catalog.segments.items()}
    first = labels["每月理财申购超5万且偏好固收+"]
    second = labels["近3个月有装修消费且房贷余额较高"]
    assert known.report.coverage[first].true is not None
    assert (known.said(second) <= known.said("high_mortgage")).all()
    assert known.said(second).sum() > 0

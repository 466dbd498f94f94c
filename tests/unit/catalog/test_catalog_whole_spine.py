"""Models, lists, offers with suitability, campaigns on several channels: what they name must be there and fit."""

from __future__ import annotations

import pytest
from small_catalog import EVERYTHING, Workspace

from lingque.catalog.build import build_catalog
from lingque.catalog.expressions.types import BOOLEAN, INTEGER, NUMBER
from lingque.catalog.lineage import lineage_of_offer
from lingque.catalog.model import AggregateTag, ListTag, ModelTag
from lingque.catalog.yaml_files import read_definitions
from lingque.core.errors import NotFoundError
from lingque.core.registries import DataClass, Purpose

FILE = "definitions/everything.yaml"


@pytest.fixture
def whole(workspace: Workspace) -> Workspace:
    workspace.write(FILE, EVERYTHING)
    return workspace


def test_everything_makes_a_catalog(whole: Workspace) -> None:
    catalog = whole.build()
    assert set(catalog.models) == {"buys_deposit"}
    assert set(catalog.lists) == {"complaints", "insiders"}
    assert set(catalog.caps) == {"mails"}
    score, member, average = (catalog.tag(name) for name in ("propensity", "complained", "average_balance"))
    assert isinstance(score, ModelTag)
    assert isinstance(member, ListTag)
    assert isinstance(average, AggregateTag)
    assert (score.type, member.type, score.looks_forward) == (NUMBER, BOOLEAN, False)
    assert catalog.tag("age").type == INTEGER
    assert catalog.tag("balance_next").looks_forward
    names = list(catalog.tags)
    assert max(names.index(name) for name in score.inputs) < names.index("propensity") < names.index("likely")
    with pytest.raises(NotFoundError, match="there is no model 'buys_deposits'"):
        catalog.model("buys_deposits")
    with pytest.raises(NotFoundError, match="there is no list 'complaint'"):
        catalog.list_("complaint")


@pytest.mark.parametrize(
    ("old", "new", "field", "found", "allowed"),
    [
        # contracts and sources
        ("references: products", "references: customers", "columns.product_no.references",
         "'customers' is no contract of kind state or reference", "there are: accounts, holdings, products"),
        ("totals: {balance: sum", "totals: {balence: sum", "control.totals.balence",
         "'holdings' has no column 'balence'", "did you mean 'balance'?"),
        ('files: ["holdings_{data_date}.dat"]', "files: [holdings.dat]", "control.of",
         "the files of 'holdings' have no {data_date} in their names", "the files of one day"),
        # aggregate tags
        ("from: holdings\nwhere: balance", "from: products\nwhere: balance", "from",
         "'products' is of kind reference: a tag is made from a customer's own rows", "accounts, customers, holdings"),
        ("window: 1 month\nvalue: time_avg", "value: time_avg", "window", "is missing", "only time_avg() over a"),
        ("value: max(grade)", "window: 1 month\nvalue: max(grade)", "window", "is too much", "only time_avg()"),
        ("from: holdings\nwindow: next 60 days\nvalue: time_avg(balance)",
         "from: transactions\nwindow: next 60 days\nvalue: time_avg(amount)", "value",
         "time_avg() over events, which hold for no time", "use avg()"),
        ("as_of + 30 days", "as_of + 30", "value", "this is a date; write a span: as_of + 30 days, at «30)»", ""),
        ("matures_on between as_of", "matures_on - 3 months between as_of", "value",
         "months are added to as_of only, not to the dates of rows, at «3 months", "write days here"),
        ("max(years_between(birth_date, as_of))", "max(years_between(birth_dat, as_of))", "value",
         "there is no 'birth_dat' here, at «birth_dat", "did you mean 'birth_date'?"),
        # list and model tags
        ("list: complaints\n---\nmodel", "list: complaint\n---\nmodel", "list",
         "there is no list 'complaint'", "did you mean 'complaints'?"),
        ("list: complaints\n---\nmodel", "list: insiders\n---\nmodel", "list", "'insiders' is secret", "complaints"),
        ("model: buys_deposit\n---\ntag", "model: buys_deposits\n---\ntag", "model",
         "there is no model 'buys_deposits'", "did you mean 'buys_deposit'?"),
        # models
        ("target: buys", "target: likely", "target", "'likely' is no true-or-false tag that looks forward", "buys"),
        ("target: buys", "target: buys_next", "target", "'buys_next' is no true-or-false tag", "buys"),
        ("population: matures_soon", "population: buys", "population",
         "'buys' is no true-or-false tag of what is known on the day", "complained, likely, matures_soon"),
        ("population: matures_soon", "population: age", "population", "'age' is no true-or-false tag", ""),
        ("features: [average_balance,", "features: [averge_balance,", "features.0",
         "'averge_balance' is no tag of what is known on the day", "did you mean 'average_balance'?"),
        ("bookings, age, manager]", "bookings, age, balance_next]", "features.3",
         "'balance_next' is no tag of what is known on the day", ""),
        ("bookings, age, manager]", "bookings, age, propensity]", "model",
         "is built on itself: propensity → propensity", "break the circle"),
        ("target: buys", "target: self_made", "model", "is built on itself: ", "break the circle"),
        ("balance: {type: money, currency: CNY,", "balance: {type: money, currency: CNY, purposes: [marketing],",
         "features.0", "analytics: holdings.balance → average_balance → model buys_deposit; holdings.balance may serve",
         "a model needs data that may serve analytics"),
        # offers
        ("tolerance: tolerance", "tolerance: manager", "suitability.tolerance",
         "'manager' is no integer tag of what is known on the day", "did you mean 'age'?"),
        ("valid_until: assessed_until", "valid_until: tolerance", "suitability.valid_until",
         "'tolerance' is no date tag", "assessed_until"),
        ("age: age}", "age: ages}", "suitability.age", "'ages' is no integer tag", "did you mean 'age'?"),
        ("age: age}", "age: buys_next}", "suitability.age", "'buys_next' is no integer tag of what is known", ""),
        ("propensity: propensity", "propensity: age", "propensity", "'age' is no number tag", "propensity"),
        # campaigns
        ("segment: likely", "segment: likley", "segment", "'likley' is no tag that is true or false", "'likely'?"),
        ("segment: likely\n", "", "segment", "is missing", "it is required"),
        ("rm_call: {contact_cost: 8, capacity: 100}", "sms: {contact_cost: 8}", "channels.sms",
         "none of the offers has a creative for it", "take the channel away"),
        ("owner: lan\nsegment", "owner: lan\nlanguage: en\nsegment", "offers",
         "offer 'fund' has no creative for email, rm_call in en", "write one"),
        ("route_by: manager", "route_by: tolerance", "route_by", "'tolerance' is no text tag", "manager"),
        ("also_measure: [balance_next,", "also_measure: [average_balance,", "also_measure.0",
         "'average_balance' is no tag that looks forward, of truth, numbers or money", "balance_next, buys, buys_next"),
    ],
)  # fmt: skip
def test_what_is_named_must_be_there_and_fit(
    whole: Workspace, old: str, new: str, field: str, found: str, allowed: str
) -> None:
    if "self_made" in new:
        label = "{zh: 自身, en: Itself}"
        forward = f"tag: self_made\nlabel: {label}\nfamily: value\nvalue: buys and propensity > 0.5\n"
        whole.write("definitions/self_made.yaml", forward)
    whole.change(FILE, old, new)
    problem = next(one for one in whole.problems() if one.field == field)
    assert problem.file == FILE or "self_made" in problem.file
    assert found in problem.found
    assert allowed in problem.allowed
    assert problem.line > 0


@pytest.mark.parametrize("field", ["control", "late"])
def test_what_comes_day_by_day_needs_files_that_do(workspace: Workspace, field: str) -> None:
    rule = "late: {rule: wait}" if field == "late" else 'control: {file: "a_{data_date}.ok", of: accounts}'
    workspace.change("definitions/sources.yaml", "contract: accounts", f"contract: accounts\n{rule}")
    assert workspace.build()
    workspace.change("definitions/sources.yaml", "accounts_{data_date}.csv", "accounts.csv")
    workspace.change("definitions/sources.yaml", "system: core", "system: core\ndata_date: 2026-01-01")
    (problem,) = workspace.problems()
    assert problem.field == field
    assert "'data_date' says the one day" in problem.found


def test_an_offer_may_leave_a_channel_to_the_others(whole: Workspace) -> None:
    whole.change(FILE, "offers: [fund]", "offers: [fund, deposit]")
    assert whole.build(), "the deposit has words for mails only, the fund for both channels"


def test_mappings_are_read_when_definitions_are_applied_only(workspace: Workspace) -> None:
    workspace.write("mapping/accounts.sql", "SELECT 1")
    assert workspace.problems()
    assert build_catalog(read_definitions(workspace.folder), check_mappings=False)


def test_a_score_inherits_from_what_it_is_made_of(whole: Workspace) -> None:
    catalog = whole.build()
    score = catalog.lineages["propensity"]
    for name in ("average_balance", "bookings", "age", "manager", "matures_soon"):
        assert score.columns >= catalog.lineages[name].columns
    assert ("transactions", "amount") in score.columns, "counting rows says all that they say"
    assert score.classes == DataClass.PERSONAL | DataClass.FINANCIAL
    assert catalog.lineages["complained"].classes == DataClass.PERSONAL
    assert catalog.lineages["complained"].purposes == frozenset(Purpose)
    # the propensity values the offer; its suitability must be looked at whatever anybody consented to
    assert lineage_of_offer(catalog.offers["fund"], catalog.lineages) == score


Keys = set[tuple[str, str]]
ABOVE_MODEL: Keys = {("tag", "propensity"), ("tag", "likely"), ("offer", "fund"), ("campaign", "maturing")}
ABOVE_BUYS: Keys = {("model", "buys_deposit"), ("campaign", "idle"), *ABOVE_MODEL}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("validate_as_of: 2026-03-01", "validate_as_of: 2026-03-02", {("model", "buys_deposit")} | ABOVE_MODEL),
        ("zh: 投诉, en", "zh: 投诉者, en",
         {("list", "complaints"), ("tag", "complained"), ("tag", "likely"), ("campaign", "maturing")}),
        ("max(grade)", "min(grade)", {("tag", "tolerance"), ("offer", "fund"), ("campaign", "maturing")}),
        ("last(manager)", "first(manager)", {("tag", "manager"), ("model", "buys_deposit")} | ABOVE_MODEL),
        ("next 60 days", "next 61 days", {("tag", "balance_next"), ("campaign", "maturing")}),
        ("at_most: 2", "at_most: 3", {("cap", "mails")}),
        ("within: 7 days", "within: 8 days", {("cap", "mails")}),
    ],
)  # fmt: skip
def test_a_closure_reaches_through_models_and_lists(whole: Workspace, old: str, new: str, expected: Keys) -> None:
    before = whole.build()
    whole.change(FILE, old, new)
    after = whole.build()
    changed = {key for key in before.closures if after.closures[key] != before.closures[key]}
    assert changed == expected
    (first,) = [key for key in changed if not (after.built_on[key] & changed)]
    assert after.users_of(first) == changed - {first}, "whom a change concerns is exactly whose closure changes"


def test_what_the_label_is_built_on_concerns_the_model(whole: Workspace) -> None:
    assert whole.build().users_of(("tag", "buys")) == ABOVE_BUYS

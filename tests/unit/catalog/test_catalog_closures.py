"""A closure names a definition with everything it is built on; lineage says what that is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_catalog import Workspace

from lingque.catalog.build import build_catalog
from lingque.catalog.definitions import DataContract, TagDefinition
from lingque.catalog.definitions.shared import ALL_PURPOSES, LabelText
from lingque.catalog.lineage import NOTHING, join, lineage_of_offer
from lingque.catalog.model import Catalog, Lineage
from lingque.catalog.yaml_files import Located
from lingque.core.errors import NotFoundError
from lingque.core.registries import DataClass, Purpose

CONTRACTS, TAGS, CAMPAIGN, SQL = (
    "definitions/contracts.yaml", "definitions/tags.yaml", "definitions/campaign.yaml", "mapping/accounts.sql"
)  # fmt: skip
OF_TRANSACTIONS = {
    ("contract", "transactions"), ("tag", "spending"), ("tag", "bookings"), ("tag", "spends"), ("tag", "buys_next"),
    ("tag", "buys"), ("offer", "deposit"), ("campaign", "idle"),
}  # fmt: skip


def changed(before: Catalog, after: Catalog) -> set[tuple[str, str]]:
    assert set(before.closures) == set(after.closures)
    return {key for key, closure in before.closures.items() if after.closures[key] != closure}


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        (TAGS, "cny(100)", "cny(101)", {("tag", "spends"), ("campaign", "idle")}),
        (TAGS, "window: 3 months", "window: 2 months", {("tag", "spending"), ("tag", "spends"), ("campaign", "idle")}),
        (TAGS, "where: category = 'shop'\n", "", {("tag", "spending"), ("tag", "spends"), ("campaign", "idle")}),
        (TAGS, "window: 1 month\n", "window: 2 months\n",
         {("tag", "bookings"), ("tag", "spends"), ("offer", "deposit"), ("campaign", "idle")}),
        (TAGS, "en: Bureau score", "en: Score", {("tag", "bureau_score")}),
        (TAGS, "next 30 days", "next 31 days", {("tag", "buys_next"), ("tag", "buys"), ("campaign", "idle")}),
        (CONTRACTS, "classes: [personal]", "classes: []", {("contract", "customers")}),
        (CONTRACTS, "amount: {type: money", "amount: {required: true, type: money", OF_TRANSACTIONS),
        (SQL, "SELECT _file", "SELECT  _file", {("source", "core_accounts")}),
        (CAMPAIGN, "contact_cost: 0.05", "contact_cost: 0.06", {("campaign", "idle")}),
        (CAMPAIGN, "margin: 180", "margin: 181", {("offer", "deposit"), ("campaign", "idle")}),
        (CAMPAIGN, "body: 您好", "body: 你好", {("offer", "deposit"), ("campaign", "idle")}),
        (CAMPAIGN, "zh: 存款, en: Deposit", "en: Deposit, zh: 存款", set()),
        (CAMPAIGN, "margin: 180", "# a comment\nmargin:   180", set()),
    ],
)  # fmt: skip
def test_a_closure_changes_exactly_when_something_underneath_does(
    workspace: Workspace, file: str, old: str, new: str, expected: set[tuple[str, str]]
) -> None:
    before = workspace.build()
    workspace.change(file, old, new)
    assert changed(before, workspace.build()) == expected


def test_closures_do_not_depend_on_files_or_their_order(workspace: Workspace) -> None:
    before = workspace.build()
    documents = (workspace.folder / TAGS).read_text(encoding="utf-8").split("---\n")
    (workspace.folder / TAGS).unlink()
    for number, document in enumerate(reversed(documents)):
        workspace.write(f"definitions/{number}.yaml", document)
    after = workspace.build()
    assert after.closures == before.closures
    names = list(after.tags)
    assert names.index("spending") < names.index("spends"), "each tag stands after its inputs"
    assert names.index("buys_next") < names.index("buys")


def test_what_is_not_there_is_not_found_and_the_nearest_is_named(workspace: Workspace) -> None:
    catalog = workspace.build()
    with pytest.raises(NotFoundError, match="there is no tag 'spendin'") as caught:
        catalog.tag("spendin")
    assert caught.value.next_step == "did you mean 'spending'?"
    with pytest.raises(NotFoundError, match="there is no campaign 'idel'"):
        catalog.campaign("idel")
    assert catalog.contract_of_kind("consent") is None
    assert catalog.contract_of_kind("party") is catalog.contracts["customers"]


def test_lineage_follows_the_columns_that_are_read(workspace: Workspace) -> None:
    catalog = workspace.build()
    assert catalog.lineages["spending"].columns == {("transactions", "category"), ("transactions", "amount")}
    assert catalog.lineages["spends"].columns >= catalog.lineages["spending"].columns
    assert lineage_of_offer(catalog.offers["deposit"], catalog.lineages) == catalog.lineages["bookings"]


def test_counting_rows_is_built_on_all_that_they_say(workspace: Workspace) -> None:
    """That somebody has a loan at all is financial data, though no column is read."""
    lineage = workspace.build().lineages["bookings"]
    assert {column for _, column in lineage.columns} == {"account_no", "category", "amount"}
    assert lineage.classes == DataClass.FINANCIAL


COLUMNS = ("a", "b", "c", "d")
classes = st.sets(
    st.sampled_from(["personal", "financial", "credit_bureau", "health", "location", "biometric", "minor"])
)
purposes = st.sets(st.sampled_from(ALL_PURPOSES))
LABEL = LabelText(zh="标签", en="Tag")


@st.composite
def graphs(draw: st.DrawFn) -> tuple[dict[str, tuple[set[str], set[str]]], list[set[str]]]:
    """Columns with their classes and purposes, and derived tags each built on some that stand before it."""
    columns = {name: (draw(classes), draw(purposes)) for name in COLUMNS}
    derived: list[set[str]] = []
    for number in range(draw(st.integers(1, 6))):
        before = [f"t_{name}" for name in COLUMNS] + [f"d{other}" for other in range(number)]
        derived.append(draw(st.sets(st.sampled_from(before), max_size=3)))
    return columns, derived


@settings(max_examples=40)
@given(graphs(), st.randoms(use_true_random=False))
def test_a_tag_has_the_union_of_classes_and_the_intersection_of_purposes(graph, random) -> None:
    columns, derived = graph
    shapes = {
        name: {"type": "integer", "classes": sorted(c), "purposes": sorted(p)} for name, (c, p) in columns.items()
    }
    roles = {
        "no": {"type": "text", "role": "key"},
        "customer": {"type": "text", "role": "party"},
        "day": {"type": "date", "role": "valid_from"},
    }
    contract = {"contract": "facts", "label": LABEL, "kind": "state", "load": "full", "columns": shapes | roles}
    tags = {f"t_{name}": {"from": "facts", "value": f"max({name})"} for name in COLUMNS}
    for number, inputs in enumerate(derived):
        tags[f"d{number}"] = {"value": " + ".join([*sorted(inputs), "1"])}
    definitions = [DataContract.model_validate(contract)] + [
        TagDefinition.model_validate({"tag": name, "label": LABEL, "family": "value"} | body)
        for name, body in tags.items()
    ]
    catalog = build_catalog(
        Located(definition=one, file="x.yaml") for one in random.sample(definitions, len(definitions))
    )

    def sources(tag: str) -> set[str]:
        return {tag[2:]} if tag.startswith("t_") else {s for one in derived[int(tag[1:])] for s in sources(one)}

    for name in tags:
        reached = sources(name)
        lineage = catalog.lineages[name]
        assert {column for _, column in lineage.columns} == reached
        assert set(lineage.classes.names) == set().union(*(columns[one][0] for one in reached))
        allowed = set(ALL_PURPOSES).intersection(*(columns[one][1] for one in reached))
        assert {purpose.name.lower() for purpose in lineage.purposes} == allowed


lineages = st.builds(
    Lineage,
    columns=st.frozensets(st.tuples(st.just("t"), st.sampled_from(COLUMNS))),
    classes=st.sets(st.sampled_from(list(DataClass))).map(DataClass.union),
    purposes=st.frozensets(st.sampled_from(list(Purpose))),
)


@settings(max_examples=40)
@given(st.lists(lineages, max_size=4), st.lists(lineages, max_size=4))
def test_joining_needs_no_order_and_no_grouping(one: list[Lineage], other: list[Lineage]) -> None:
    assert join([*one, *other]) == join([*other, *one]) == join([join(one), join(other)])
    assert join([*one, *one]) == join(one)
    assert join([*one, NOTHING]) == join(one)

"""Where a tag comes from and who is built on it: shortest ways, and what may not be withdrawn or used."""

from __future__ import annotations

from itertools import pairwise
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_catalog import EVERYTHING, Workspace

from lingque.catalog.definitions import KINDS as DEFINED
from lingque.catalog.definitions import OfferDefinition
from lingque.catalog.lineage import lineage_of_offer
from lingque.catalog.model import Catalog, Use
from lingque.catalog.tracing import User, column, thing_named, under, users_of, ways_down
from lingque.catalog.withdrawing import withdrawn_in_use
from lingque.catalog.yaml_files import read_definitions
from lingque.core.errors import NotFoundError
from lingque.core.registries import DataClass
from lingque.entry.api.lineage import ThingAnswer
from lingque.entry.show_lineage import KINDS, ROLES

AMOUNT = column("transactions", "amount")


@pytest.fixture
def whole(workspace: Workspace) -> Workspace:
    workspace.write("definitions/everything.yaml", EVERYTHING)
    return workspace


def by_key(users: tuple[User, ...]) -> dict[tuple[str, str], User]:
    return {user.key: user for user in users}


def test_ways_lead_to_every_column_of_the_lineage_and_no_other(whole: Workspace) -> None:
    catalog = whole.build()
    for name, lineage in catalog.lineages.items():
        ways = ways_down(catalog.uses, ("tag", name))
        assert {thing for thing in ways if thing[0] == "column"} == {column(*one) for one in lineage.columns}, name
        for thing, way in ways.items():
            assert (way[0], way[-1]) == (thing, ("tag", name))
            for below, above in pairwise(way):
                assert below in {one for one, _ in under(catalog.uses, above)}


def test_an_offer_is_traced_by_what_chooses_it_and_not_by_what_the_law_looks_at(whole: Workspace) -> None:
    catalog = whole.build()
    for name, offer in catalog.offers.items():
        below = ways_down(catalog.uses, ("offer", name))
        columns = {thing for thing in below if thing[0] == "column"}
        assert columns == {column(*one) for one in lineage_of_offer(offer, catalog.lineages).columns}, name
    assert "tolerance" in catalog.offers["fund"].definition.suited_by
    assert ("tag", "tolerance") not in ways_down(catalog.uses, ("offer", "fund"))


def test_every_field_that_names_something_has_a_name_for_people(whole: Workspace) -> None:
    catalog = whole.build()
    assert {"column", *DEFINED} <= set(KINDS) == set(get_args(ThingAnswer.model_fields["kind"].annotation))
    roles = {use.role for uses in catalog.uses.values() for use in uses}
    assert roles <= set(ROLES)
    named = (
        "propensity",
        "uplift",
        "spread",
        "margin_tag",
        "cost_tag",
        "expected_loss_tag",
        "student",
        "holds",
        "excludes",
        "needs",
    )
    assert {*named, "supersedes", "suitability", "cover"} <= set(ROLES) & set(OfferDefinition.model_fields)


def test_what_a_model_learned_from_uses_it_but_does_not_go_into_its_score(whole: Workspace) -> None:
    catalog = whole.build()
    assert ("tag", "buys") not in ways_down(catalog.uses, ("tag", "propensity"))
    model = by_key(users_of(catalog, ("tag", "buys")))["model", "buys_deposit"]
    assert (model.role, model.is_direct) == ("target", True)


def test_users_stand_nearest_first_with_their_way_and_the_field_that_names_it(whole: Workspace) -> None:
    catalog = whole.build()
    found = users_of(catalog, ("tag", "average_balance"))
    assert [len(user.way) for user in found] == sorted(len(user.way) for user in found)
    campaign = by_key(found)["campaign", "maturing"]
    assert (campaign.role, campaign.is_direct) == ("offers", False)
    assert campaign.way == (
        ("tag", "average_balance"), ("model", "buys_deposit"), ("tag", "propensity"), ("offer", "fund"),
        ("campaign", "maturing"),
    )  # fmt: skip
    suitable = by_key(users_of(catalog, ("tag", "tolerance")))
    assert suitable["offer", "fund"].role == "suitability", "it is in use, though no consent is needed for it"


def test_users_of_a_column_are_those_who_read_it_and_not_all_of_its_table(whole: Workspace) -> None:
    catalog = whole.build()
    found = by_key(users_of(catalog, AMOUNT))
    assert found["tag", "spending"].way == (AMOUNT, ("tag", "spending"))
    assert ("tag", "since_shop") not in found, "it reads the category only"
    assert ("tag", "since_shop") in by_key(users_of(catalog, column("transactions", "category")))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("spendin", "there is no tag 'spendin'"),
        ("transaction.amount", "there is no contract 'transaction'"),
        ("transactions.amout", "contract 'transactions' has no column 'amout' that tags can read"),
        ("customers.email", "contract 'customers' has no column 'email' that tags can read"),
    ],
)
def test_what_is_asked_about_must_be_there(workspace: Workspace, name: str, message: str) -> None:
    catalog = workspace.build()
    with pytest.raises(NotFoundError, match=message):
        thing_named(catalog, name)
    assert thing_named(catalog, "transactions.amount") == AMOUNT
    assert thing_named(catalog, "spending") == ("tag", "spending")


KEYS = [("tag", f"t{number}") for number in range(6)]


@given(st.lists(st.sets(st.sampled_from(KEYS), max_size=3), min_size=6, max_size=6))
@settings(max_examples=60)
def test_ways_are_the_shortest_there_are(below: list[set[tuple[str, str]]]) -> None:
    """Against plain distances, in graphs without rings: each names only those before it."""
    uses = {
        key: tuple(Use(of=one, field=("value",)) for one in sorted(named) if one < key)
        for key, named in zip(KEYS, below, strict=True)
    }
    top = KEYS[-1]
    far = {top: 0}
    for distance in range(len(KEYS)):
        for key in [one for one, at in far.items() if at == distance]:
            for use in uses[key]:
                far.setdefault(use.of, distance + 1)
    assert {thing: len(way) - 1 for thing, way in ways_down(uses, top).items()} == far


# classes


def test_what_a_value_reveals_is_inherited_and_takes_nothing_away(whole: Workspace) -> None:
    before = whole.build().lineages
    assert before["hobby"].classes == DataClass.PERSONAL | DataClass.LOCATION
    whole.change("definitions/tags.yaml", "tag: spending\n", "tag: spending\nreveals: [health]\n")
    after = whole.build().lineages
    for name in ("spending", "spends"):
        assert after[name].classes == before[name].classes | DataClass.HEALTH
        assert after[name].columns == before[name].columns
    assert after["bookings"] == before["bookings"]
    whole.change("definitions/tags.yaml", "reveals: [health]", "reveals: [identifier]")
    (problem,) = whole.problems()
    assert "identifiers belong to the contract of kind party" in problem.allowed


# purposes


def test_values_given_by_people_keep_the_purposes_that_they_were_given_for(whole: Workspace) -> None:
    whole.change("definitions/everything.yaml", "purposes: [marketing]}", "purposes: [service]}")
    assert whole.build()
    whole.change("definitions/tags.yaml", "value: spending > cny(100)", "value: hobby = 'golf' and spending > cny(100)")
    (problem,) = whole.problems()
    assert problem.field == "segment"
    assert problem.found == "marketing: hobby → spends → campaign idle; hobby may serve service only"


def test_measuring_and_routing_need_their_purposes_too(whole: Workspace) -> None:
    contracts = "definitions/contracts.yaml"
    whole.change(
        contracts, "category: {type: text, classes: [financial]}",
        "category: {type: text, classes: [financial], purposes: [service, marketing]}",
    )  # fmt: skip
    fields = {(one.file, one.field) for one in whole.problems()}
    assert ("definitions/campaign.yaml", "outcome") in fields
    found = {one.found for one in whole.problems() if one.field == "outcome"}
    assert (
        "analytics: transactions.category → buys_next → buys → campaign idle; "
        "transactions.category may serve service, marketing only" in found
    )
    whole.change(contracts, ", purposes: [service, marketing]}", "}")
    everything = "definitions/everything.yaml"
    whole.change(everything, "manager: {type: text}", "manager: {type: text, purposes: [service, analytics]}")
    assert {one.field for one in whole.problems()} == {"route_by", "offers.0", "segment"}


def test_suitability_may_look_at_what_marketing_may_not(whole: Workspace) -> None:
    whole.change("definitions/everything.yaml", "grade: {type: integer}", "grade: {type: integer, purposes: [service]}")
    assert whole.build()


# withdrawing


def in_force(catalog_of: Workspace) -> dict[tuple[str, str], dict[str, object]]:
    return {
        key: entry.definition.model_dump(mode="json")
        for entry in read_definitions(catalog_of.folder)
        for key in [next(iter_key(entry.definition.model_dump(mode="json")))]
    }


def iter_key(body: dict[str, object]):
    kind = next(iter(body))
    yield (kind, str(body[kind]))


def without(workspace: Workspace, tag: str) -> None:
    """Take the document of a tag away."""
    for path in (workspace.folder / "definitions").glob("*.yaml"):
        documents = path.read_text(encoding="utf-8").split("---\n")
        kept = [one for one in documents if not one.startswith(f"tag: {tag}\n")]
        path.write_text("---\n".join(kept), encoding="utf-8")


def test_a_tag_in_use_is_not_withdrawn_and_every_user_is_named(whole: Workspace) -> None:
    before = in_force(whole)
    without(whole, "bookings")
    found = withdrawn_in_use(before, read_definitions(whole.folder))
    assert found is not None
    (problem,) = found.problems
    assert problem.file == "tag bookings"
    for user in (
        "tag spends (value, definitions/tags.yaml:",
        "model buys_deposit (features, definitions/everything.yaml:",
        "offer deposit (eligibility, definitions/campaign.yaml:1)",
        "campaign idle (offers by way of offer deposit, definitions/campaign.yaml:",
    ):
        assert user in problem.found, problem.found


def test_what_nobody_uses_any_more_is_withdrawn(whole: Workspace) -> None:
    before = in_force(whole)
    without(whole, "since_shop")
    catalog: Catalog = whole.build()
    assert "since_shop" not in catalog.tags
    assert withdrawn_in_use(before, read_definitions(whole.folder)) is None


def test_another_mistake_is_told_as_it_is(whole: Workspace) -> None:
    before = in_force(whole)
    without(whole, "bookings")
    whole.change("definitions/tags.yaml", "value: max(score)", "value: max(scor)")
    assert withdrawn_in_use(before, read_definitions(whole.folder)) is None
    assert any("scor" in one.found for one in whole.problems())

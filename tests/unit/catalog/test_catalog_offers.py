"""Offers: what each regime must state, what belongs together, and what may never be put together."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from small_catalog import Workspace

from lingque.catalog.definitions import OfferDefinition
from lingque.catalog.definitions.campaigns import ChannelUse, Explore
from lingque.catalog.lineage import lineage_of_offer
from lingque.core.registries import DataClass

CAMPAIGN = "definitions/campaign.yaml"
PLAIN: dict[str, Any] = {
    "offer": "a", "label": {"zh": "一", "en": "A"}, "regime": "service", "valid_from": "2026-01-01",
    "valid_to": "2027-01-01", "currency": "CNY", "margin": 1, "response": 0.05,
    "creatives": {"sms": {"zh": {"body": "x {annual_rate}"}}},
}  # fmt: skip
RULE = {"risk_grade": 3, "tolerance": "t", "valid_until": "u"}
COVER = {"need": "n", "ability": "p", "premium": 100}


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "benefit"},
        {"kind": "content", "margin": 0},
        {"regime": "wealth", "suitability": RULE},
        {"regime": "fund", "suitability": {**RULE, "issuer_grade": 5, "professional": "pro"}},
        {"regime": "insurance", "cover": COVER},
        {"regime": "loan", "annual_rate": 4.35, "student": "s"},
        {"regime": "loan", "annual_rate": 4.35, "consumer_loan": False},
        {"stock": 0, "budget": 0, "cost": 1, "expected_loss": 2, "cool_down": {"contact": "30 days"}},
        {"propensity": "p", "missing_score": "refuse"},
        {"excludes": ["b"], "needs": ["c"], "supersedes": ["d"], "holds": "h"},
    ],
    ids=str,
)
def test_an_offer_that_states_what_it_must_is_taken(fields: dict[str, Any]) -> None:
    offer = OfferDefinition.model_validate(PLAIN | fields)
    assert OfferDefinition.model_validate(offer.model_dump(mode="json")) == offer


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"regime": "wealth"}, "states its 'suitability'"),
        ({"regime": "fund"}, "states its 'suitability'"),
        ({"suitability": RULE}, "nothing else does"),
        ({"regime": "wealth", "suitability": {**RULE, "professional": "pro"}}, "only the rules of funds"),
        ({"regime": "insurance"}, "states its 'cover'"),
        ({"cover": COVER}, "nothing else does"),
        ({"regime": "loan", "annual_rate": 4.35}, "names the tag of 'student'"),
        ({"regime": "loan", "student": "s"}, "states its annual_rate"),
        ({"regime": "deposit", "kind": "benefit"}, "no benefit attracts deposits"),
        ({"margin": -1}, "greater than or equal to 0"),
        ({"stock": -1}, "greater than or equal to 0"),
        ({"budget": "0.001"}, "more digits than CNY"),
        ({"regime": "insurance", "cover": {**COVER, "premium": "0.001"}}, "more digits than CNY"),
        ({"expected_loss": 1, "expected_loss_tag": "l"}, "not both"),
        ({"missing_score": "refuse"}, "has neither"),
        ({"excludes": ["a"]}, "no relation to itself"),
        ({"cool_down": {"refusal": "next 30 days"}}, "looks back"),
    ],
    ids=str,
)
def test_what_an_offer_may_not_be_is_said(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        OfferDefinition.model_validate(PLAIN | fields)


def test_the_higher_of_two_grades_counts() -> None:
    def grade(**rule: int) -> int:
        offer = OfferDefinition.model_validate(PLAIN | {"regime": "wealth", "suitability": RULE | rule})
        assert offer.suitability is not None
        return offer.suitability.grade

    assert [grade(), grade(issuer_grade=2), grade(issuer_grade=5)] == [3, 3, 5]


@pytest.mark.parametrize(
    ("fatigue", "told"),
    [({}, "one of them"), ({"per_contact": 1, "tag": "t"}, "one of them"),
     ({"per_contact": 1, "within": "next 7 days"}, "looks back")],
)  # fmt: skip
def test_fatigue_is_stated_or_learnt(fatigue: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        ChannelUse.model_validate({"fatigue": fatigue})


@pytest.mark.parametrize(
    ("terms", "told"), [({}, "above 0"), ({"epsilon": 1}, "less than 1"), ({"thompson": True, "draws": 0}, "draws")]
)
def test_exploration_says_how_much_of_what(terms: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Explore.model_validate(terms)


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "found", "allowed"),
    [
        ("margin: 180", "margin: 180\nuplift: bookings", 9, "uplift", "'bookings' is no number tag", ""),
        ("margin: 180", "margin: 180\nstudent: bookings", 9, "student", "'bookings' is no boolean tag", "spends"),
        ("margin: 180", "margin: 180\nholds: buys", 9, "holds", "'buys' is no boolean tag", "spends"),
        ("margin: 180", "margin: 180\nexpected_loss_tag: bookings", 9, "expected_loss_tag", "is no money tag", ""),
        ("margin: 180", "margin: 180\nexcludes: [deposits]", 9, "excludes.0", "there is no offer 'deposits'", ""),
        ("margin: 180", "margin: -180", 8, "margin", "found -180", "greater than or equal to 0"),
        ("contact_cost: 0.05", "contact_cost: 0.05, fatigue: {per_contact: 0.005}", 19,
         "channels.email.fatigue.per_contact", "0.005 is not an amount of CNY", "digits"),
        ("contact_cost: 0.05", "contact_cost: 0.05, fatigue: {tag: bookings}", 19,
         "channels.email.fatigue.tag", "'bookings' is no money tag", ""),
    ],
)  # fmt: skip
def test_what_an_offer_names_is_looked_up(
    workspace: Workspace, old: str, new: str, line: int, field: str, found: str, allowed: str
) -> None:
    workspace.change(CAMPAIGN, old, new)
    problem = workspace.problems()[0]
    assert (problem.file, problem.line, problem.field) == (CAMPAIGN, line, field), str(problem)
    assert found in problem.found
    assert allowed in problem.allowed


GIFT = """\
offer: coffee
label: {zh: 咖啡, en: Coffee}
kind: benefit
regime: service
RELATION
valid_from: 2026-01-01
valid_to: 2027-01-01
currency: CNY
margin: 5
response: 0.3
creatives:
  email:
    zh: {subject: 咖啡, body: 请您喝咖啡}
"""


@pytest.mark.parametrize("relation", ["needs: [deposit]", "supersedes: [deposit]"])
def test_no_benefit_hangs_on_a_deposit(workspace: Workspace, relation: str) -> None:
    workspace.write("definitions/gift.yaml", GIFT.replace("RELATION", relation))
    (problem,) = workspace.problems()
    assert (problem.file, problem.line) == ("definitions/gift.yaml", 5)
    assert "would join a benefit with a deposit" in problem.found
    workspace.write("definitions/gift.yaml", GIFT.replace("RELATION", "excludes: [deposit]"))
    assert workspace.build().offers["coffee"].definition.excludes == ("deposit",)


def test_no_campaign_offers_a_benefit_beside_a_deposit(workspace: Workspace) -> None:
    workspace.write("definitions/gift.yaml", GIFT.replace("RELATION\n", ""))
    workspace.change(CAMPAIGN, "offers: [deposit]", "offers: [deposit, coffee]")
    (problem,) = workspace.problems()
    assert (problem.file, problem.line, problem.field) == (CAMPAIGN, 18, "offers")
    assert problem.found == "the benefit 'coffee' stands beside the deposit 'deposit'"


def test_offers_that_take_one_anothers_place_in_a_circle_are_refused(workspace: Workspace) -> None:
    workspace.write(
        "definitions/gift.yaml", GIFT.replace("kind: benefit\n", "").replace("RELATION", "supersedes: [deposit]")
    )
    workspace.change(CAMPAIGN, "margin: 180", "margin: 180\nsupersedes: [coffee]")
    assert {problem.found for problem in workspace.problems()} == {"offers that take one another's place in a circle"}


def test_what_says_who_holds_a_related_offer_counts_as_data_that_choose(workspace: Workspace) -> None:
    before = workspace.build()
    workspace.change(CAMPAIGN, "margin: 180", "margin: 180\nholds: spends")
    workspace.write("definitions/gift.yaml", GIFT.replace("RELATION", "excludes: [deposit]"))
    catalog = workspace.build()
    coffee = catalog.offers["coffee"]
    assert coffee.chosen_by == {"spends"}
    assert DataClass.FINANCIAL in lineage_of_offer(coffee, catalog.lineages).classes
    assert catalog.closures["offer", "deposit"] != before.closures["offer", "deposit"]
    of_coffee = catalog.closures["offer", "coffee"]
    workspace.change("definitions/tags.yaml", "spending > cny(100)", "spending > cny(200)")
    assert workspace.build().closures["offer", "coffee"] != of_coffee, "it is built on who holds the deposit"

"""Lineage where it counts: what is refused when definitions are applied, and whom a decision leaves alone."""

from __future__ import annotations

import pytest
from tiny_bank import (
    AS_OF,
    CAMPAIGNS,
    CONTRACTS,
    CURRENT_CONSENT,
    LAWFUL,
    LIN,
    OTTO,
    TAGS,
    Bank,
    consent,
    load_all,
)  # fmt: skip
from typer.testing import CliRunner

from lingque.core.errors import DefinitionError
from lingque.core.reasons import Refusal
from lingque.entry.cli import app
from lingque.flow import apply, plan_campaign, run_tags
from lingque.flow.intake import catalog_of, diff

pytestmark = pytest.mark.any_database

of_the_catalog = pytest.mark.parametrize("controls", ["sqlite"], indirect=True, scope="session")
"""What is asked of definitions alone needs no second database; what is decided of customers is asked on both."""

CLASSES = {"health": "accounts_held", "location": "lives_in", "minor": "terms_3m"}
"""A class, and a tag that is built on a column of it."""

MORE_TAGS = """
---
tag: lives_in
label: {zh: 所在城市, en: City}
family: demographics
from: customers
value: max(city)
---
tag: terms_3m
label: {zh: 近3个月最长期限, en: Longest term within 3 months}
family: wealth
from: deposits
window: 3 months
value: max(term_months)
"""


@of_the_catalog
def test_data_that_may_not_serve_the_purpose_is_refused_with_its_way(defined_bank: Bank) -> None:
    defined_bank.replace_in(
        "contracts", "amount: {type: money, currency: CNY, required: true, classes: [financial]}\n  balance: {",
        "amount: {type: money, currency: CNY, required: true, classes: [financial]}\n  balance: {purposes: [risk], ",
    )  # fmt: skip
    with defined_bank.open() as application:
        services = application.services
        with pytest.raises(DefinitionError) as caught:
            apply(services, OTTO)
        (problem,) = caught.value.problems
        assert problem.file == "definitions/campaigns.yaml"
        assert problem.field == "segment"
        assert problem.found == (
            "marketing: transactions.balance → latest_balance → idle_money → campaign idle_to_deposit; "
            "transactions.balance may serve risk only"
        )
        in_force = catalog_of(services).contracts["transactions"].columns["balance"]
        assert len(in_force.purposes) > 1, "nothing was applied"


@of_the_catalog
def test_a_tag_in_use_is_not_withdrawn(defined_bank: Bank) -> None:
    kept = [one for one in TAGS.split("---") if "tag: latest_balance" not in one]
    defined_bank.define("tags", "---".join(kept))
    with defined_bank.open() as application:
        for attempt in (lambda: apply(application.services, OTTO), lambda: diff(application.services)):
            with pytest.raises(DefinitionError) as caught:
                attempt()
            (problem,) = caught.value.problems
            assert problem.file == "tag latest_balance"
            assert "tag idle_money (value, definitions/tags.yaml:" in problem.found
            assert "campaign idle_to_deposit (segment by way of idle_money, definitions/campaigns" in problem.found
        assert "latest_balance" in catalog_of(application.services).tags
        defined_bank.define("tags", "---".join(kept).replace("latest_balance >=", "salary_3m >="))
        assert {(one.name, one.what) for one in diff(application.services)} >= {("latest_balance", "withdrawn")}
        assert not isinstance(apply(application.services, OTTO), Refusal)
        assert "latest_balance" not in catalog_of(application.services).tags


def test_health_whereabouts_and_children_reach_nobody_who_did_not_consent_to_that(bank: Bank) -> None:
    """Of each class a campaign of its own, whose segment is built on it."""
    text = CONTRACTS
    for old, name in (
        ("allowed: [current, savings], classes: [financial]", "health"),
        ("city: {type: text, classes: [personal]", "location"),
        ("term_months: {type: integer, required: true, classes: [financial]", "minor"),
    ):
        assert text.count(old) == 1
        text = text.replace(old, f"{old.partition('classes: [')[0]}classes: [{name}]")
    bank.define("contracts", text)
    own = "".join(
        f"---\ntag: with_{name}\nlabel: {{zh: 客群, en: Segment}}\nfamily: value\n"
        f"value: idle_money and {tag} is not null\n"
        for name, tag in CLASSES.items()
    ).replace("terms_3m is not null", "terms_3m is null")
    bank.define("tags", TAGS + MORE_TAGS + own)
    # deposits are counted there: that would build every campaign on all that they say
    offer, _, campaign = CAMPAIGNS.replace("deposits_3m = 0", "salary_3m > cny(0)").partition("---\n")
    bank.define(
        "campaigns",
        "---\n".join([offer, *(
            campaign.replace("campaign: idle_to_deposit", f"campaign: of_{name}").replace("idle_money", f"with_{name}")
            for name in CLASSES
        )]),
    )  # fmt: skip
    agreed = {name: LAWFUL[number * 10 : number * 10 + 10] for number, name in enumerate(CLASSES)}
    bank.deliver(
        "consents",
        [
            consent(n, "give", "2026-05-01", "|".join([CURRENT_CONSENT, *(c for c, who in agreed.items() if n in who)]))
            for n in LAWFUL
        ],
    )
    with bank.open() as application:
        services = application.services
        assert not isinstance(apply(services, OTTO), Refusal)
        load_all(services)
        assert not isinstance(run_tags(services, AS_OF, OTTO), Refusal)
        for name, who in agreed.items():
            assert name in catalog_of(services).lineages[f"with_{name}"].classes.names
            plan = plan_campaign(services, f"of_{name}", AS_OF, LIN)
            assert not isinstance(plan, Refusal)
            forecast = plan.forecast
            assert forecast.to_contact + forecast.to_hold_out == len(who) > 0, name
            assert forecast.refusals["NO_CONSENT_FOR_DATA_CLASS"] >= len(LAWFUL) - len(who)


@of_the_catalog
def test_the_commands_tell_both_ways(defined_bank: Bank) -> None:
    def told(*arguments: str) -> str:
        done = CliRunner().invoke(
            app, ["tags", *arguments, "--as", "otto", "-w", str(defined_bank.folder)], env={"COLUMNS": "200"}
        )
        assert done.exit_code == 0, done.output
        return done.output

    drawing = defined_bank.folder / "lineage.svg"
    below = told("lineage", "idle_money", "--svg", str(drawing))
    assert below.index("idle_money") < below.index("latest_balance") < below.index("transactions.balance  financial")
    assert "service, marketing, risk, sharing, analytics" in below
    assert drawing.read_text(encoding="utf-8").startswith("<svg")
    above = told("used", "transactions.balance")
    (campaign,) = [line for line in above.splitlines() if "idle_to_deposit" in line]
    assert "latest_balance → idle_money" in campaign
    assert "没有被使用" in told("used", "accounts_held")
    gallery = defined_bank.folder / "gallery"
    assert "zh.html" in told("gallery", "--out", str(gallery))
    assert "还没有快照" in (gallery / "zh.html").read_text(encoding="utf-8")
    assert (gallery / "lineage" / "en" / "idle_money.svg").is_file()

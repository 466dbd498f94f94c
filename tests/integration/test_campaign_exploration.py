"""A campaign that explores: what chance chose is logged with its probability, and other policies are judged by it."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import numpy as np
import pytest
from tiny_bank import (
    AS_OF,
    CAMPAIGN,
    LIN,
    OTTO,
    Bank,
    accounts,
    approve,
    consents,
    customer_no,
    customers,
    lawful,
    load_all,
    rows_of,
    transactions,
)

from lingque.core.reasons import Refusal
from lingque.decide.contracts import DECISION_TABLE
from lingque.engage.contracts import Decide
from lingque.engage.explain import explain
from lingque.flow import apply, run_campaign, run_tags
from lingque.flow.intake import catalog_of
from lingque.flow.judging import PolicyJudged, judge_policy
from lingque.flow.replaying import Replayed, replay_decision
from lingque.store.runs import runs_of

CUSTOMERS, EPSILON = 300, 0.8
ANOTHER = """
offer: long_deposit
label: {zh: 三年定期, en: Three-year deposit}
regime: deposit
valid_from: 2026-01-01
valid_to: 2027-01-01
eligibility: deposits_3m = 0
currency: CNY
margin: 100
response: 0.05
creatives:
  email:
    zh: {subject: 三年定期, body: 您好！}
"""


def by_name(judged: PolicyJudged) -> dict[str, float]:
    return {one.estimator: one.value for one in judged.conversions.estimates}


@pytest.mark.parametrize("controls", ["sqlite"], indirect=True)
def test_what_a_campaign_explored_is_logged_replayed_and_judged_by(bank: Bank) -> None:
    bank.define("offers", ANOTHER)
    bank.replace_in("campaigns", "offers: [term_deposit]", "offers: [term_deposit, long_deposit]")
    bank.replace_in("campaigns", "hold_out: 0.5", f"hold_out: 0.1\nexploration: {{epsilon: {EPSILON}}}")
    for contract, rows in (
        ("customers", customers(CUSTOMERS)),
        ("accounts", accounts(CUSTOMERS)),
        ("transactions", transactions(CUSTOMERS)),
        ("consents", consents(CUSTOMERS)),
    ):
        bank.deliver(contract, rows)
    with bank.open() as application:
        services = application.services
        assert not isinstance(apply(services, OTTO), Refusal)
        load_all(services)
        assert not isinstance(run_tags(services, AS_OF, OTTO), Refusal)
        plan = approve(services)
        assert plan.stage(Decide).exploration.epsilon == EPSILON
        catalog = catalog_of(services)
        assert "explores: any candidate in 80% of the cases" in dict(explain(plan, catalog, "en"))["decide"]
        assert "探索：以 80% 的概率随机选取任一可推荐项" in dict(explain(plan, catalog, "zh"))["决策"]
        assert not isinstance(run_campaign(services, CAMPAIGN, LIN), Refusal)

        chosen = [row for row in rows_of(services, DECISION_TABLE) if row["propensity"] is not None]
        people = [n for n in range(CUSTOMERS) if lawful(n)]
        assert len(chosen) == len(people)
        # the best one when the coin says nothing, either alike when it does
        assert {row["offer"]: row["propensity"] for row in chosen} == {
            "term_deposit": pytest.approx(1 - EPSILON / 2),
            "long_deposit": pytest.approx(EPSILON / 2),
        }
        drawn = Counter(row["offer"] for row in chosen)["long_deposit"]
        assert abs(drawn - len(people) * EPSILON / 2) < 4 * np.sqrt(len(people) * 0.24)
        with services.database.reading() as connection:
            (run,) = runs_of(connection, kind="decide", subject=plan.digest)
        again = replay_decision(services, run.run_id, LIN)
        assert isinstance(again, Replayed)
        assert again.same

        # who was offered the longer term opened one
        contacted = {row["customer_id"]: row["offer"] for row in chosen if row["arm"] == "contact"}
        with services.database.reading() as connection:
            keys = application.vault.resolve(
                connection, namespace="core/customers", keys=[customer_no(n) for n in people], mint=False
            )
        opened = [
            (f"NEW{number:04}", key, "2026-06-10", "20000", "36", "false")
            for number, (key, customer) in enumerate(keys.items())
            if contacted.get(customer) == "long_deposit"
        ]
        bank.deliver("deposits", opened, AS_OF + timedelta(days=30))
        load_all(services)
        bank.clock.advance(40 * 86_400_000_000)
        found = judge_policy(services, CAMPAIGN, "prefer:long_deposit", LIN)
        assert isinstance(found, PolicyJudged)
        assert found.conversions.overlap.propensities_fit
        assert found.conversions.logged.value == pytest.approx(len(opened) / len(contacted))
        assert by_name(found)["snips"] == pytest.approx(1.0)
        never = judge_policy(services, CAMPAIGN, "without:long_deposit", LIN)
        assert isinstance(never, PolicyJudged)
        assert by_name(never)["snips"] == pytest.approx(0.0)

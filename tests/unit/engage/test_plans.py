"""Plans as data: round trip, digest, words, power."""

from __future__ import annotations

import dataclasses
import json
from datetime import date
from typing import Any

import pytest

from lingque.catalog.definitions import CampaignDefinition
from lingque.catalog.model import Catalog
from lingque.core.clock import Instant
from lingque.core.registries import DataClass, Purpose
from lingque.engage.contracts import (
    AskLeave,
    Decide,
    Evaluate,
    Forecast,
    Plan,
    SelectAudience,
    Stage,
    WriteContacts,
)
from lingque.engage.explain import explain
from lingque.engage.planning import detectable_effect, digest_of_plan, stages_from_json, stages_to_json

STAGES: tuple[Stage, ...] = (
    SelectAudience(segment="idle_money", as_of=date(2026, 6, 1), snapshot="snapshot-1"),
    AskLeave(purpose=Purpose.MARKETING, channel="email", data_classes=(("deposit", DataClass.FINANCIAL),)),
    Decide(offers=(("deposit", "c1"),), currency="CNY", contact_cost=5, hold_out=0.2, salt="campaign/2026-06-01"),
    WriteContacts(channel="email", language="zh"),
    Evaluate(outcome="opens_deposit", as_of=date(2026, 6, 1)),
)
EMPTY = Catalog(
    contracts={},
    sources={},
    tags={},
    offers={},
    campaigns={
        "campaign": CampaignDefinition.model_validate(
            {
                "campaign": "campaign",
                "label": {"zh": "活动", "en": "Campaign"},
                "owner": "lan",
                "segment": "idle_money",
                "offers": ["deposit"],
                "outcome": "opens_deposit",
            }
        )
    },
    lineages={},
    closures={("campaign", "campaign"): "closure-1"},
)
FORECAST = Forecast(
    customers=2_000,
    audience=1_200,
    refusals={"NO_CONSENT": 353},
    to_contact=523,
    to_hold_out=150,
    expected_conversions=26.15,
    expected_profit=468_085,
    cost=2_615,
    currency="CNY",
    detectable_effect=0.057,
)


def changes() -> list[tuple[int, dict[str, Any]]]:
    """Every field of every stage, with another value."""
    return [
        (0, {"segment": "other"}),
        (0, {"as_of": date(2026, 6, 2)}),
        (0, {"snapshot": "snapshot-2"}),
        (1, {"purpose": Purpose.SERVICE}),
        (1, {"channel": "sms"}),
        (1, {"data_classes": (("deposit", DataClass.FINANCIAL | DataClass.HEALTH),)}),
        (2, {"offers": (("deposit", "c2"),)}),
        (2, {"currency": "EUR"}),
        (2, {"contact_cost": 6}),
        (2, {"hold_out": 0.1}),
        (2, {"salt": "another"}),
        (3, {"channel": "sms"}),
        (3, {"language": "en"}),
        (4, {"outcome": "other"}),
        (4, {"as_of": date(2026, 6, 2)}),
    ]


def test_every_field_of_every_stage_is_among_the_changes() -> None:
    fields = {(index, field.name) for index, stage in enumerate(STAGES) for field in dataclasses.fields(stage)}
    assert {(index, name) for index, change in changes() for name in change} == fields


def test_stages_come_back_from_json_as_they_went() -> None:
    assert stages_from_json(json.loads(json.dumps(stages_to_json(STAGES)))) == STAGES


@pytest.mark.parametrize(("index", "change"), changes(), ids=lambda value: str(value))
def test_whatever_changes_changes_what_an_approval_speaks_of(index: int, change: dict[str, Any]) -> None:
    changed = tuple(dataclasses.replace(stage, **change) if at == index else stage for at, stage in enumerate(STAGES))
    assert digest_of_plan(EMPTY, "campaign", changed) != digest_of_plan(EMPTY, "campaign", STAGES)


def test_a_changed_definition_below_changes_it_too() -> None:
    below = dataclasses.replace(EMPTY, closures={("campaign", "campaign"): "closure-2"})
    assert digest_of_plan(below, "campaign", STAGES) != digest_of_plan(EMPTY, "campaign", STAGES)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_stage_has_a_line_in_both_languages(language: Any) -> None:
    plan = Plan(
        campaign="campaign",
        digest="d",
        stages=STAGES,
        forecast=FORECAST,
        planned_by="lan",
        planned_at=Instant(0),
        state="planned",
        wave_id=1,
    )
    lines = list(explain(plan, EMPTY, language))
    assert len(lines) == len(STAGES)
    assert "1,200" in lines[0][1]
    assert "2,000" in lines[0][1]
    assert "financial" in lines[1][1]
    assert "20%" in lines[2][1]
    assert "523" in lines[3][1]
    assert "opens_deposit" in lines[4][1], "a tag that is no longer there is called by its name"


def test_the_effect_that_can_be_found() -> None:
    # (1.96 + 0.8416) · √(0.05 · 0.95 · (1/800 + 1/200)), by hand
    found = detectable_effect(800, 200, 0.05)
    assert found == pytest.approx(2.801585 * 0.0172301, rel=1e-5)
    assert detectable_effect(0, 200, 0.05) is None
    assert detectable_effect(800, 0, 0.05) is None

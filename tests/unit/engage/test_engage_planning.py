"""From a campaign's definition to its stages, and to the words that are sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingque.catalog.build import build_catalog
from lingque.catalog.definitions import KINDS
from lingque.catalog.model import Catalog
from lingque.catalog.yaml_files import Located
from lingque.core.errors import NotFoundError
from lingque.core.registries import DataClass, Purpose
from lingque.decide.contracts import Exploration
from lingque.engage.content import words_of
from lingque.engage.contracts import AskLeave, ChannelPlan, Decide, Evaluate, SelectAudience, WriteContacts
from lingque.engage.planning import detectable_effect, digest_of_plan, stages_from_json, stages_of, stages_to_json

AS_OF = date(2026, 6, 1)
LABEL = {"zh": "名", "en": "Name"}
COLUMNS = {
    "no": {"type": "text", "role": "key"},
    "customer_no": {"type": "text", "role": "party"},
    "since": {"type": "date", "role": "valid_from"},
    "balance": {"type": "money", "currency": "CNY", "classes": ["financial"]},
    "illness": {"type": "boolean", "classes": ["health"]},
    "city": {"type": "text", "classes": ["personal"]},
}


def offer(name: str, **changes: Any) -> dict[str, Any]:
    words = {"subject": "存款", "body": "年化 {annual_rate}，从 {annual_rate} 起"}
    return {
        "offer": name, "label": LABEL, "regime": "deposit", "valid_from": "2026-01-01", "valid_to": "2027-01-01",
        "currency": "CNY", "margin": 180, "response": 0.05, "creatives": {"email": {"zh": words}},
    } | changes  # fmt: skip


def tag(name: str, value: str, **changes: Any) -> dict[str, Any]:
    return {"tag": name, "label": LABEL, "family": "value", "value": value} | changes


def catalog(**campaign: Any) -> Catalog:
    events = COLUMNS | {"since": {"type": "date", "role": "event_time"}}
    definitions: list[dict[str, Any]] = [
        {"contract": "accounts", "label": LABEL, "kind": "state", "load": "full", "columns": COLUMNS},
        {"contract": "events", "label": LABEL, "kind": "event", "load": "full", "columns": events},
        tag("rich", "sum(balance)", **{"from": "accounts"}),
        tag("ill", "last(illness)", **{"from": "accounts"}),
        tag("is_rich", "rich > cny(100)"),
        tag("next_events", "count(city)", **{"from": "events", "window": "next 30 days"}),
        tag("acts", "next_events > 0"),
        offer("deposit"),
        offer("care", eligibility="not ill", annual_rate="4.3500"),
        {"campaign": "idle", "label": LABEL, "owner": "lan", "segment": "is_rich", "offers": ["deposit", "care"],
         "channels": {"email": {"contact_cost": "0.05"}}, "hold_out": 0.25, "outcome": "acts"} | campaign,
    ]  # fmt: skip
    return build_catalog(
        Located(definition=KINDS[next(iter(one))].model_validate(one), file="x.yaml") for one in definitions
    )


def test_stages_say_everything_that_the_definition_says() -> None:
    made = catalog()
    assert stages_of(made, "idle", as_of=AS_OF, snapshot="snapshot-1") == (
        SelectAudience(segment="is_rich", as_of=AS_OF, snapshot="snapshot-1"),
        AskLeave(
            purpose=Purpose.MARKETING,
            channels=("email",),
            # the segment's classes speak for every offer, those of an eligibility for its own
            data_classes=(("deposit", DataClass.FINANCIAL), ("care", DataClass.FINANCIAL | DataClass.HEALTH)),
        ),
        Decide(
            offers=(("deposit", made.closures["offer", "deposit"]), ("care", made.closures["offer", "care"])),
            currency="CNY",
            channels=(ChannelPlan(channel="email", contact_cost=5, capacity=None),),
            hold_out=0.25,
            salt="idle/2026",
        ),
        WriteContacts(language="zh", route_by=None, due=AS_OF + timedelta(days=14)),
        Evaluate(outcome="acts", also=(), as_of=AS_OF),
    )


def test_all_waves_of_a_year_hold_the_same_customers_out() -> None:
    salts = [
        stages_of(catalog(), "idle", as_of=day, snapshot="s")[2].salt  # type: ignore[union-attr]
        for day in (AS_OF, date(2026, 6, 2), date(2026, 12, 31), date(2027, 1, 1))
    ]
    assert salts == [salts[0]] * 3 + [salts[3]]
    assert salts[3] != salts[0]


def test_an_unknown_campaign_is_not_found() -> None:
    with pytest.raises(NotFoundError, match="there is no campaign 'idel'"):
        stages_of(catalog(), "idel", as_of=AS_OF, snapshot="s")


@pytest.mark.parametrize(
    "changes",
    [
        {"hold_out": 0.3},
        {"channels": {"email": {"contact_cost": "0.06"}}},
        {"offers": ["deposit"]},
        {"owner": "mei"},
        {"label": LABEL | {"en": "X"}},
    ],
)
def test_a_changed_campaign_is_another_plan(changes: dict[str, Any]) -> None:
    def digest(made: Catalog) -> str:
        return digest_of_plan(made, "idle", stages_of(made, "idle", as_of=AS_OF, snapshot="s"))

    assert digest(catalog(**changes)) != digest(catalog())
    assert digest(catalog()) == digest(catalog())


masks = st.sets(st.sampled_from(list(DataClass))).map(DataClass.union)
shares = st.floats(0, 1, exclude_min=True, exclude_max=True)
any_stage = st.one_of(
    st.builds(SelectAudience, segment=st.text(), as_of=st.dates(), snapshot=st.text()),
    st.builds(
        AskLeave,
        purpose=st.sampled_from(list(Purpose)),
        channels=st.lists(st.text(), max_size=2).map(tuple),
        data_classes=st.lists(st.tuples(st.text(), masks), max_size=3).map(tuple),
    ),
    st.builds(
        Decide,
        offers=st.lists(st.tuples(st.text(), st.text()), max_size=3).map(tuple),
        currency=st.text(),
        channels=st.lists(
            st.builds(
                ChannelPlan,
                channel=st.text(),
                contact_cost=st.integers(0, 2**63 - 1),
                capacity=st.none() | st.integers(0),
            ),
            max_size=2,
        ).map(tuple),
        hold_out=shares,
        salt=st.text(),
        exploration=st.none() | st.builds(Exploration, epsilon=shares, thompson=st.booleans(), draws=st.integers(1, 9)),
    ),
    st.builds(
        WriteContacts,
        language=st.sampled_from(["zh", "en"]),
        route_by=st.none() | st.text(),
        due=st.none() | st.dates(),
    ),
    st.builds(Evaluate, outcome=st.text(), also=st.lists(st.text(), max_size=2).map(tuple), as_of=st.dates()),
)


@given(st.lists(any_stage, max_size=6).map(tuple))
def test_whatever_stages_there_are_come_back_as_they_went(stages: tuple[Any, ...]) -> None:
    assert stages_from_json(stages_to_json(stages)) == stages


def test_what_a_campaign_explores_stands_in_its_plan_and_nothing_where_it_does_not() -> None:
    written = stages_to_json(stages_of(catalog(), "idle", as_of=AS_OF, snapshot="s"))
    (silent,) = (one for one in written if one["stage"] == "Decide")
    assert "exploration" not in silent  # plans of before keep their digests
    made = stages_of(catalog(exploration={"epsilon": 0.1}), "idle", as_of=AS_OF, snapshot="s")
    assert [one.exploration for one in made if isinstance(one, Decide)] == [Exploration(epsilon=0.1)]


def test_the_rate_that_the_law_asks_for_stands_wherever_the_words_name_it() -> None:
    made = catalog()
    campaign = made.campaign("idle")
    assert words_of(made.offers["care"], campaign, channel="email") == ("存款", "年化 4.35%，从 4.35% 起")
    assert words_of(made.offers["deposit"], campaign, channel="email") == ("存款", "年化 ，从  起")


@pytest.mark.parametrize(("rate", "shown"), [("100", "100%"), ("0.5", "0.5%"), ("1E+1", "10%"), ("3.60", "3.6%")])
def test_a_rate_is_written_out_as_people_write_it(rate: str, shown: str) -> None:
    made = build_catalog(
        [Located(definition=KINDS["offer"].model_validate(offer("deposit", annual_rate=rate)), file="x.yaml")]
    )
    _, body = words_of(made.offers["deposit"], catalog().campaign("idle"), channel="email")
    assert body == f"年化 {shown}，从 {shown} 起"


@pytest.mark.parametrize(("change", "factor"), [((4, 4), 0.5), ((1, 1), 1.0)])
def test_four_times_the_customers_find_half_the_effect(change: tuple[int, int], factor: float) -> None:
    usual, larger = detectable_effect(800, 200, 0.05), detectable_effect(800 * change[0], 200 * change[1], 0.05)
    assert usual is not None
    assert larger == pytest.approx(usual * factor)


def test_the_effect_found_does_not_depend_on_which_group_is_which() -> None:
    finders: list[Callable[[], float | None]] = [
        lambda: detectable_effect(800, 200, 0.05),
        lambda: detectable_effect(200, 800, 0.05),
        lambda: detectable_effect(800, 200, 0.95),
    ]
    assert len({round(found() or 0, 12) for found in finders}) == 1

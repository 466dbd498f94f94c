"""Campaigns over HTTP: read, plan, decide, report; who may do which."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from calling import Calling, problem_of
from small_bank import AS_OF, CUSTOMERS, person

from lingque.bootstrap import Application
from lingque.core.reasons import Reason, Refusal
from lingque.flow import apply, run_campaign
from lingque.govern.access import User, add_user
from lingque.govern.api_keys import new_api_key
from lingque.govern.contracts import Role
from lingque.testing import FixedClock

NAME = "card_plus_spring"
PLANS = f"/v1/campaigns/{NAME}/plans"
REVIEWS = f"/v1/campaigns/{NAME}/reviews"
APPROVALS = f"/v1/campaigns/{NAME}/approvals"
MOVES = f"/v1/campaigns/{NAME}/moves"
REPORT = f"/v1/campaigns/{NAME}/report"
EVALUATIONS = f"/v1/campaigns/{NAME}/evaluations"
TWO_MONTHS = timedelta(days=60) // timedelta(microseconds=1)


def planned(api: Calling) -> dict[str, Any]:
    answer = api.post(PLANS, "mia", json={"as_of": AS_OF.isoformat()})
    assert answer.status_code == 200, answer.text
    plan: dict[str, Any] = answer.json()
    return plan


def reviewed(api: Calling) -> str:
    """Planned and reviewed; the digest."""
    digest: str = planned(api)["digest"]
    answer = api.post(REVIEWS, "hua", json={"digest": digest, "approved": True, "comment": "披露齐全"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["state"] == "reviewed"
    return digest


def decided(api: Calling, user: str, digest: str, *, approved: bool = True) -> Any:
    return api.post(APPROVALS, user, json={"digest": digest, "approved": approved, "comment": "看过了"})


def test_me_tells_roles_and_what_follows_from_them(api: Calling) -> None:
    """What each role may is held cell by cell in `test_api_roles.py`."""
    me = api.get("/v1/me", "hua").json()
    assert me == {
        "user": "hua",
        "roles": ["consumer_protection_reviewer"],
        "actions": ["review_campaign", "read_campaign", "delegate", "read_definitions"],
        "scope": {"kind": "bank", "of": ""},
        "request_token": None,
    }


def test_campaigns_are_listed_with_the_state_of_their_newest_plan(api: Calling) -> None:
    before = api.get("/v1/campaigns", "mia").json()["campaigns"]
    assert [(entry["name"], entry["state"]) for entry in before] == [(NAME, None), ("never_planned", None)]
    planned(api)
    after = api.get("/v1/campaigns", "ann").json()["campaigns"]
    assert after[0] == {
        "name": NAME,
        "label": {"zh": "春季优享卡", "en": "Card Plus in spring"},
        "owner": "owen",
        "state": "simulated",
    }


def test_a_campaign_is_shown_with_its_definition_and_its_plan(api: Calling) -> None:
    plan = planned(api)
    shown = api.get(f"/v1/campaigns/{NAME}", "carl").json()
    assert shown["plan"] == plan
    assert shown["definition"]["channels"] == [
        {
            "channel": "email",
            "contact_cost": {"minor": 5, "currency": "CNY"},
            "capacity": None,
            "response_factor": 1.0,
        }
    ]
    assert [stage["stage"] for stage in plan["stages"]] == [
        "select_audience",
        "ask_leave",
        "decide",
        "write_contacts",
        "evaluate",
    ]
    assert plan["stages"][1]["data_classes"] == {"card_plus": ["personal"]}
    assert plan["planned_by"] == "mia"
    assert plan["planned_at"] == "2026-03-01T04:00:00Z"
    assert [line["title"]["en"] for line in plan["explanation"]] == [
        "audience",
        "leave",
        "decide",
        "allocation",
        "contact",
        "evaluate",
    ]


def test_a_plan_forecasts_in_minor_units(api: Calling) -> None:
    forecast = planned(api)["forecast"]
    assert forecast["customers"] == CUSTOMERS
    assert forecast["audience"] == CUSTOMERS * 9 // 10
    assert forecast["cost"] == {"minor": 5 * forecast["to_contact"], "currency": "CNY"}
    assert {entry["reason"]: entry["code"] for entry in forecast["refusals"]}["NO_CONSENT"] == Reason.NO_CONSENT
    assert forecast["expected_profit"]["minor"] > 0


def test_a_campaign_without_a_plan_is_shown_without_one(api: Calling) -> None:
    shown = api.get("/v1/campaigns/never_planned", "mia").json()
    assert shown["plan"] is None
    assert shown["definition"]["offers"] == ["card_plus"]


def test_planning_again_gives_the_plan_that_is_there(api: Calling) -> None:
    assert planned(api)["digest"] == planned(api)["digest"]


@pytest.mark.parametrize("approved", [True, False])
def test_another_person_decides_on_the_plan_they_looked_at(api: Calling, approved: bool) -> None:
    answer = decided(api, "carl", reviewed(api), approved=approved)
    assert answer.status_code == 200
    assert answer.json()["state"] == ("approved" if approved else "rejected")


def test_a_decision_on_another_plan_than_the_newest_is_refused(api: Calling) -> None:
    planned(api)
    problem = problem_of(decided(api, "carl", "0" * 64), 409)
    assert (problem["reason"], problem["code"]) == ("CHANGED_SINCE_PLAN", 303)
    assert api.get(f"/v1/campaigns/{NAME}", "carl").json()["plan"]["state"] == "simulated"


def test_what_is_approved_is_not_approved_again(api: Calling) -> None:
    digest = reviewed(api)
    decided(api, "carl", digest)
    assert problem_of(decided(api, "carl", digest), 409)["reason"] == "WRONG_STATE"


def test_nobody_decides_on_their_own_work(api: Calling, application: Application) -> None:
    with application.services.database.transaction() as connection:
        second = User(name="mia2", person="staff mia", roles=frozenset({Role.COMPLIANCE_OFFICER}))
        add_user(connection, second, at=application.services.clock.now())
        api.keys["mia2"] = new_api_key(connection, "mia2", at=application.services.clock.now())
    problem = problem_of(decided(api, "mia2", reviewed(api)), 403)
    assert problem["reason"] == "OWN_WORK"
    assert problem["label"] == {"zh": "不得审批本人提交的内容", "en": "nobody approves their own work"}


@pytest.mark.parametrize(
    ("user", "method", "path"),
    [
        ("root", "GET", "/v1/campaigns"),
        ("root", "GET", f"/v1/campaigns/{NAME}"),
        ("root", "GET", f"/v1/campaigns/{NAME}/report"),
        ("carl", "POST", PLANS),
        ("mia", "POST", APPROVALS),
        ("carl", "POST", REVIEWS),
        ("hua", "POST", APPROVALS),
    ],
)
def test_a_role_that_may_not_is_refused(api: Calling, user: str, method: str, path: str) -> None:
    digest = planned(api)["digest"]
    body = {"as_of": AS_OF.isoformat()} if path == PLANS else {"digest": digest, "approved": True}
    answer = api.get(path, user) if method == "GET" else api.post(path, user, json=body)
    problem = problem_of(answer, 403)
    assert (problem["reason"], problem["code"]) == ("ROLE_NOT_ALLOWED", 305)


def test_a_plan_that_nobody_reviewed_is_not_approved(api: Calling) -> None:
    assert problem_of(decided(api, "carl", planned(api)["digest"]), 409)["reason"] == "NOT_REVIEWED"


def test_a_plan_is_stopped_and_nothing_follows(api: Calling) -> None:
    digest = reviewed(api)
    assert problem_of(api.post(MOVES, "mia", json={"move": "pause"}), 409)["reason"] == "WRONG_STATE"
    assert problem_of(api.post(MOVES, "ann", json={"move": "stop"}), 403)["reason"] == "ROLE_NOT_ALLOWED"
    stopped = api.post(MOVES, "carl", json={"move": "stop", "comment": "利率变了"})
    assert stopped.json()["state"] == "stopped"
    assert problem_of(decided(api, "carl", digest), 409)["reason"] == "WRONG_STATE"
    assert api.post(MOVES, "mia", json={"move": "close"}).json()["state"] == "closed"
    problem_of(api.post(MOVES, "mia", json={"move": "erase"}), 422)


def test_waves_are_listed_and_one_is_asked_for_by_its_number(api: Calling) -> None:
    plan = planned(api)
    (wave,) = api.get(f"/v1/campaigns/{NAME}/waves", "mia").json()["waves"]
    assert (wave["digest"], wave["as_of"], wave["state"]) == (plan["digest"], AS_OF.isoformat(), "simulated")
    assert wave["to_contact"] == plan["forecast"]["to_contact"]
    assert problem_of(api.get(REPORT, "mia", params={"wave": wave["wave"]}), 409)["reason"] == "WRONG_STATE"
    problem_of(api.get(REPORT, "mia", params={"wave": wave["wave"] + 1}), 404)
    problem_of(api.get(REPORT, "mia", params={"wave": 0}), 422)
    problem_of(api.get(f"/v1/campaigns/{NAME}/waves", "root"), 403)


def test_an_unknown_campaign_is_not_found_and_the_nearest_is_named(api: Calling) -> None:
    problem = problem_of(api.get("/v1/campaigns/card_plus_sprin", "mia"), 404)
    assert "card_plus_spring" in problem["next_step"]
    problem_of(api.get("/v1/campaigns/never_planned/report", "mia"), 404)
    problem_of(api.post("/v1/campaigns/nothing/approvals", "carl", json={"digest": "0" * 64, "approved": True}), 404)


def test_a_day_without_a_snapshot_is_not_found(api: Calling) -> None:
    problem = problem_of(api.post(PLANS, "mia", json={"as_of": "2026-02-01"}), 404)
    assert "2026-02-01" in problem["detail"]


def test_a_report_tells_what_was_done_then_the_effect_and_is_put_on_record(
    api: Calling, application: Application, clock: FixedClock
) -> None:
    assert problem_of(api.post(APPROVALS, "carl", json={"digest": "0" * 64, "approved": True}), 404)
    digest = planned(api)["digest"]
    for path in (REPORT, f"{REPORT}.html"):
        assert problem_of(api.get(path, "mia"), 409)["reason"] == "WRONG_STATE"
    reviewed(api)
    decided(api, "carl", digest)
    with application.writing() as services:
        fates = run_campaign(services, NAME, person(application, "mia"))
    assert not isinstance(fates, Refusal)

    early = api.get(REPORT, "mia").json()
    assert early["not_judged"]["reason"] == "OUTCOME_NOT_YET_KNOWN"
    assert early["not_judged"]["code"] == Reason.OUTCOME_NOT_YET_KNOWN
    assert (early["effect"], early["profit"], early["further"], early["parts"]) == (None, None, [], [])
    assert early["messages"] == {"sent": fates.sent}
    assert early["waterfall"][-1]["customers"] == fates.sent
    assert [step["state"] for step in early["history"]][:3] == ["simulated", "reviewed", "approved"]
    assert early["history"][1] == {
        "state": "reviewed",
        "by": "hua",
        "at": "2026-03-01T04:00:00Z",
        "comment": "披露齐全",
    }
    assert problem_of(api.post(EVALUATIONS, "mia"), 409)["reason"] == "OUTCOME_NOT_YET_KNOWN"

    clock.advance(TWO_MONTHS)
    report = api.get(REPORT, "mia").json()
    assert report["state"] == "rolled_out"
    assert report["digest"] == digest
    assert report["messages"] == {"sent": fates.sent}
    effect = report["effect"]
    assert effect["contacted"]["units"] == fates.sent
    assert effect["low"] <= effect["difference"] <= effect["high"]
    assert report["profit"]["cost"] == {"minor": 5 * fates.sent, "currency": "CNY"}
    assert report["not_judged"] is None
    then = api.get(REPORT, "mia", params={"known_by": "2026-03-15"}).json()
    assert (then["not_judged"]["reason"], then["known_by"]) == ("OUTCOME_NOT_YET_KNOWN", "2026-03-15T16:00:00Z")

    assert problem_of(api.post(EVALUATIONS, "carl"), 403)["reason"] == "ROLE_NOT_ALLOWED"
    problem_of(api.post(EVALUATIONS, "mia", json={"digest": digest}), 422)
    recorded = api.post(EVALUATIONS, "mia", key="e-1", json={}).json()
    assert (recorded["state"], recorded["effect"]) == ("evaluated", effect)
    assert recorded["history"][-1]["state"] == "evaluated"
    assert api.post(EVALUATIONS, "mia", key="e-1", json={}).json() == recorded
    assert api.post(MOVES, "mia", json={"move": "close"}).json()["state"] == "closed"


def test_a_plan_stays_readable_when_a_tag_it_names_is_gone(api: Calling, application: Application) -> None:
    planned(api)
    bank = application.services.folder / "definitions" / "bank.yaml"
    renamed = bank.read_text(encoding="utf-8").replace("pays_again", "pays_once_more")
    bank.write_text(renamed, encoding="utf-8")
    assert not isinstance(apply(application.services, person(application, "ann")), Refusal)
    shown = api.get(f"/v1/campaigns/{NAME}", "mia").json()
    assert shown["definition"]["outcome"] == "pays_once_more"
    assert shown["plan"]["stages"][4]["outcome"] == "pays_again"
    assert "pays_again" in shown["plan"]["explanation"][-1]["text"]["en"], "by its bare name, for its label is gone"

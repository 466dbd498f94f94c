"""Models, data quality, quarantine and definitions over HTTP."""

from __future__ import annotations

from datetime import timedelta

import pytest
from calling import Calling, problem_of
from small_bank import person
from sqlalchemy import select

from lingque.bootstrap import Application
from lingque.core.reasons import Refusal
from lingque.flow import apply, ingest
from lingque.govern.tables import audit
from lingque.testing import FixedClock

VERSIONS = "/v1/models/pays_soon/versions"
CARD = "/v1/models/pays_soon/card"
RELEASES = "/v1/quality/releases"
RELEASE = {"source": "bank_payments", "data_date": "2026-04-15", "comment": "测试数据"}
TWO_MONTHS = timedelta(days=60) // timedelta(microseconds=1)


def test_a_model_is_trained_listed_and_has_a_card(api: Calling, clock: FixedClock) -> None:
    assert api.get("/v1/models", "mia").json() == {"models": []}
    assert "pays_soon" in problem_of(api.get(CARD, "mia"), 404)["next_step"]
    assert problem_of(api.post(VERSIONS, "mia", json={}), 403)["reason"] == "ROLE_NOT_ALLOWED"
    assert problem_of(api.post(VERSIONS, "ann", json={}), 409)["reason"] == "LABEL_NOT_YET_KNOWN"
    clock.advance(TWO_MONTHS)
    early = api.post(VERSIONS, "ann", json={"known_by": "2026-03-15"})
    assert problem_of(early, 409)["reason"] == "LABEL_NOT_YET_KNOWN"

    trained = api.post(VERSIONS, "ann", json={})
    assert trained.status_code == 200, trained.text
    card = trained.json()
    assert (card["model"], card["version"], card["trained_by"]) == ("pays_soon", 1, "ann")
    assert card["trained_at"] == "2026-04-30T04:00:00Z"
    assert [feature["name"] for feature in card["features"]] == ["payments_90d"]
    assert [part["use"] for part in card["judgement"]["parts"]] == ["training", "validation"]
    assert api.get(CARD, "carl").json() == card
    assert api.post(VERSIONS, "ann", json={}).json()["version"] == 1, "the very same model is no new version"
    (summary,) = api.get("/v1/models", "mia").json()["models"]
    assert (summary["name"], summary["version"], summary["auc"]) == ("pays_soon", 1, card["judgement"]["model"]["auc"])
    for body in ({"known_by": 20260315}, {"until": "2026-03-15"}, []):
        problem_of(api.post(VERSIONS, "ann", json=body), 422)


def test_a_difference_a_held_delivery_and_its_quarantine_are_told_and_it_is_released(
    api: Calling, application: Application
) -> None:
    services = application.services
    assert api.get("/v1/definitions/diff", "ann").json() == {"differences": []}
    bank = services.folder / "definitions" / "bank.yaml"
    text = bank.read_text(encoding="utf-8")
    bank.write_text(text.replace("contract: payments\n", "contract: payments\ngate: 99.9\n", 1), encoding="utf-8")
    (one,) = api.get("/v1/definitions/diff", "ann").json()["differences"]
    assert (one["kind"], one["name"], one["what"]) == ("contract", "payments", "changed")
    assert one["fields"] == [{"field": "gate", "old": None, "new": 99.9}]
    assert {"kind": "tag", "name": "payments_90d"} in one["users"]
    assert not isinstance(apply(services, person(application, "ann")), Refusal)

    problem_of(api.post(RELEASES, "ann", json=RELEASE), 404)
    with (services.landing / "payments.csv").open("a", encoding="utf-8", newline="") as file:
        file.write("P9999,C3,the day before,1.00\r\n")
    for report in ingest(services, person(application, "ann")):
        assert not isinstance(report, Refusal)
        assert report.held is (report.source == "bank_payments")

    days = api.get("/v1/quality", "ann", params={"source": "bank_payments"}).json()["days"]
    assert [(day["source"], day["held"], day["released_by"], day["quarantined"]) for day in days] == [
        ("bank_payments", True, None, 1)
    ]
    assert days[0]["score"] < 99.9
    assert set(days[0]["dimensions"]) == {"validity", "uniqueness", "completeness", "volume"}
    assert len(api.get("/v1/quality", "ann").json()["days"]) == 3

    quarantine = api.get("/v1/quarantine", "ann")
    (count,) = quarantine.json()["counts"]
    assert (count["source"], count["column"], count["rows"]) == ("bank_payments", "paid_on", 1)
    assert count["reason"]["reason"] == "NOT_A_DATE"
    assert "the day before" not in quarantine.text
    assert "C3" not in quarantine.text
    other = {"data_date": "2026-04-16", "rows": "all"}
    assert api.get("/v1/quarantine", "ann", params=other).json() == {"counts": []}

    released = api.post(RELEASES, "ann", json=RELEASE).json()
    assert (released["held"], released["released_by"]) == (True, "ann")
    assert api.get("/v1/quality", "ann", params={"source": "bank_payments"}).json()["days"] == [released]


def test_definitions_that_are_wrong_are_told_with_every_problem(api: Calling, application: Application) -> None:
    (application.services.folder / "definitions" / "more.yaml").write_text("tag: x\n", encoding="utf-8")
    problem = problem_of(api.get("/v1/definitions/diff", "ann"), 422)
    assert {entry["file"] for entry in problem["problems"]} == {"definitions/more.yaml"}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/models", None),
        ("GET", CARD, None),
        ("POST", VERSIONS, {}),
        ("GET", "/v1/quality", None),
        ("POST", RELEASES, RELEASE),
        ("GET", "/v1/quarantine", None),
        ("GET", "/v1/definitions/diff", None),
    ],
)
def test_a_role_that_may_not_is_refused_and_leaves_a_trace(
    api: Calling, application: Application, method: str, path: str, body: object
) -> None:
    answer = api.get(path, "root") if body is None else api.post(path, "root", json=body)
    assert problem_of(answer, 403)["reason"] == "ROLE_NOT_ALLOWED", method
    with application.services.database.reading() as connection:
        acts = connection.execute(select(audit.c.act).where(audit.c.actor == "root")).scalars().all()
    assert len(acts) == 1
    assert acts[0].startswith("refused_")


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/v1/quality", {"days": "0"}),
        ("/v1/quality", {"from": "2026-04-15"}),
        ("/v1/models", {"6222021234567890123": "1"}),
        ("/v1/quality", {"source": "6222021234567890123"}),
        ("/v1/quarantine", {"rows": "some"}),
        ("/v1/quarantine", {"data_date": "20260415"}),
    ],
)
def test_a_query_that_is_not_as_it_must_be_is_refused_and_not_repeated(
    api: Calling, path: str, query: dict[str, str]
) -> None:
    answer = api.get(path, "ann", params=query)
    problem_of(answer, 422)
    assert "6222021234567890123" not in answer.text


@pytest.mark.parametrize(
    "wrong", [{"comment": ""}, {"comment": 1}, {"data_date": "15.4.2026"}, {"source": ["a"]}, {"force": True}]
)
def test_a_release_says_why_and_nothing_else(api: Calling, wrong: dict[str, object]) -> None:
    problem_of(api.post(RELEASES, "ann", json={**RELEASE, **wrong}), 422)

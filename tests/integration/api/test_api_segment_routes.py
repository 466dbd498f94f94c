"""Segments and customer 360 through the API: numbers only, positions of what is wrong, within scope."""

from __future__ import annotations

from typing import Any

from calling import Calling, problem_of
from small_bank import AS_OF, CUSTOMERS
from sqlalchemy import select

from lingque.bootstrap import Application
from lingque.govern.tables import subjects


def test_segments_are_counted_and_compared(api: Calling) -> None:
    listed = api.get("/v1/segments", "mia").json()
    assert listed["as_of"] == AS_OF.isoformat()
    (often,) = (one for one in listed["segments"] if one["name"] == "pays_often")
    wanted = {"expression": "pays_often and payments_90d >= 2"}
    counted = api.send("PUT", "/v1/segments/count", "mia", json=wanted).json()
    assert counted["customers"] == CUSTOMERS
    assert counted["parts"][0] == {"text": "pays_often", "alone": often["count"], "left": often["count"]}
    assert counted["count"] == counted["parts"][1]["left"] <= often["count"]
    assert counted["data_classes"] == ["personal"]
    texts = {"expressions": ["pays_often", wanted["expression"]]}
    matrix = api.send("PUT", "/v1/segments/overlap", "ann", json=texts).json()["matrix"]
    assert matrix == [[often["count"], counted["count"]], [counted["count"], counted["count"]]]


def test_what_is_wrong_in_a_condition_is_told_by_its_place(api: Calling) -> None:
    def told(expression: str, status: int, user: str = "mia", **more: str) -> dict[str, Any]:
        return problem_of(api.send("PUT", "/v1/segments/count", user, json={"expression": expression, **more}), status)

    wrong = told("pays_often and pays_oftn", 422)
    assert (wrong["position"], wrong["next_step"]) == (15, "did you mean 'pays_often'?")
    told("", 422)
    told("pays_often", 404, as_of="2020-01-01")
    told("pays_often", 403, "carl")
    problem_of(api.send("PUT", "/v1/segments/overlap", "mia", json={"expressions": ["true"] * 21}), 422)


def test_reach_is_told_step_by_step(api: Calling) -> None:
    reach = api.send("PUT", "/v1/segments/pays_often/reach", "mia", json={"offers": ["card_plus"]}).json()
    anywhere, email = reach["waterfalls"]
    assert (anywhere["channel"], email["channel"]) == (None, "email")
    left = [step["left"] for step in anywhere["steps"]]
    assert left == sorted(left, reverse=True)
    assert [step["step"] for step in email["steps"]] == ["audience", "permitted", "suitable", "not_capped", "reachable"]
    problem_of(api.send("PUT", "/v1/segments/pays_often/reach", "mia", json={"offers": ["card_minus"]}), 404)
    problem_of(api.get("/v1/segments/pays_often/history", "mia"), 404)  # one snapshot, and a move takes two
    problem_of(api.get("/v1/segments/payments_90d/history", "mia"), 404)


def test_a_customer_is_told_of_in_one_answer(api: Calling, application: Application) -> None:
    with application.services.database.reading() as connection:
        number = connection.execute(
            select(subjects.c.customer_id).order_by(subjects.c.customer_id).limit(1)
        ).scalar_one()
    answer = api.get(f"/v1/customers/{number}/360", "carl").json()
    assert answer["customer"] == api.get(f"/v1/customers/{number}", "carl").json()
    tags = {one["tag"]: one for one in answer["tags"]}
    assert tags["payments_90d"]["why"]["rows"] == tags["payments_90d"]["value"]
    assert tags["pays_often"]["why"]["inputs"] == {"payments_90d": tags["payments_90d"]["value"]}
    assert {one["channel"]: one["allowed"] for one in answer["leave"]}.keys() == {"email", "sms", "rm_call"}
    assert "@" not in answer["customer"]["identifiers"].get("email", "").partition("***")[0]
    problem_of(api.get(f"/v1/customers/{number}/360", "ann"), 403)
    problem_of(api.get("/v1/customers/42/360", "carl"), 404)

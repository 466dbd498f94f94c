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


def test_clusters_are_found_and_come_back_as_definitions(api: Calling) -> None:
    wanted = {"tags": ["payments_90d"], "label": {"zh": "支付客群", "en": "Payers"}, "clusters": 2}
    found = api.send("PUT", "/v1/segments/clusters/payers", "ann", json=wanted).json()
    assert (found["customers"], len(found["clusters"])) == (CUSTOMERS, 2)
    assert sum(one["customers"] for one in found["clusters"]) == CUSTOMERS
    assert {one["cluster"] for one in found["plane"]} == {1, 2}
    assert found["definitions"][0].startswith("tag: payers")
    assert found["data_classes"] == ["personal"]

    def told(status: int, user: str = "ann", name: str = "payers", **more: Any) -> dict[str, Any]:
        return problem_of(api.send("PUT", f"/v1/segments/clusters/{name}", user, json=wanted | more), status)

    told(403, "mia")
    told(404, tags=["no_such_tag"])
    told(409, name="payments_90d")
    told(422, segment="pays_oftn")
    told(422, tags=[])


def test_a_segment_is_frozen_onto_a_list_of_ones_own_once(api: Calling) -> None:
    wanted = {"expression": "pays_often", "onto": "vip", "reason": "spring"}
    counted = api.send("PUT", "/v1/segments/count", "owen", json={"expression": "pays_often"}).json()["count"]
    frozen = api.post("/v1/segments/freeze", "owen", key="once", json=wanted).json()
    assert frozen == {"as_of": AS_OF.isoformat(), "members": counted, "added": counted}
    assert api.post("/v1/segments/freeze", "owen", key="once", json=wanted).json() == frozen
    assert api.post("/v1/segments/freeze", "owen", json=wanted).json()["added"] == 0
    (listed,) = (one for one in api.get("/v1/lists", "owen").json()["lists"] if one["name"] == "vip")
    assert listed["members"] == counted
    problem_of(api.post("/v1/segments/freeze", "mia", json=wanted), 403)  # somebody else's list
    problem_of(api.post("/v1/segments/freeze", "carl", json=wanted), 403)
    problem_of(api.post("/v1/segments/freeze", "owen", json=wanted | {"onto": "nowhere"}), 404)


def test_look_alikes_are_told_as_numbers_and_too_few_are_refused(api: Calling) -> None:
    wanted: dict[str, Any] = {"tags": ["payments_90d"]}
    defining = problem_of(api.send("PUT", "/v1/segments/pays_often/look-alikes", "ann", json=wanted), 409)
    assert "is built on payments_90d" in defining["detail"]
    few = problem_of(
        api.send("PUT", "/v1/segments/pays_often/look-alikes", "ann", json={"tags": ["payments_year"]}), 409
    )
    assert few["reason"] == "TOO_FEW_EXAMPLES"
    problem_of(api.send("PUT", "/v1/segments/pays_often/look-alikes", "mia", json=wanted), 403)
    keep = {"tags": ["payments_year"], "top": 10, "onto": "vip"}
    problem_of(api.post("/v1/segments/pays_often/look-alikes", "mia", json=keep), 403)
    problem_of(api.post("/v1/segments/pays_often/look-alikes", "ann", json=keep), 409)
    problem_of(api.post("/v1/segments/pays_often/look-alikes", "ann", json=keep | {"top": 0}), 422)


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

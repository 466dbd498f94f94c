"""Segments and customer 360 through the API: numbers only, positions of what is wrong, within scope."""

from __future__ import annotations

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
    counted = api.put("/v1/segments/count", "mia", json=wanted).json()
    assert counted["customers"] == CUSTOMERS
    assert counted["parts"][0] == {"text": "pays_often", "alone": often["count"], "left": often["count"]}
    assert counted["count"] == counted["parts"][1]["left"] <= often["count"]
    assert counted["data_classes"] == ["personal"]
    texts = {"expressions": ["pays_often", wanted["expression"]]}
    matrix = api.put("/v1/segments/overlap", "ann", json=texts).json()["matrix"]
    assert matrix == [[often["count"], counted["count"]], [counted["count"], counted["count"]]]


def test_what_is_wrong_in_a_condition_is_told_by_its_place(api: Calling) -> None:
    wrong = problem_of(api.put("/v1/segments/count", "mia", json={"expression": "pays_often and pays_oftn"}), 422)
    assert (wrong["position"], wrong["next_step"]) == (15, "did you mean 'pays_often'?")
    problem_of(api.put("/v1/segments/count", "mia", json={"expression": ""}), 422)
    problem_of(api.put("/v1/segments/count", "mia", json={"expression": "pays_often", "as_of": "2020-01-01"}), 404)
    problem_of(api.put("/v1/segments/overlap", "mia", json={"expressions": ["true"] * 21}), 422)
    problem_of(api.put("/v1/segments/count", "carl", json={"expression": "pays_often"}), 403)


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

"""Customers' requests through the API: who may, what is answered, and that nothing personal is kept of it."""

from __future__ import annotations

from datetime import date

import pytest
from calling import Calling, problem_of
from sqlalchemy import select

from lingque.bootstrap import Application
from lingque.govern.tables import audit
from lingque.store.idempotency import idempotent_answers

REQUESTS = "/v1/rights/requests"


@pytest.fixture
def customer(application: Application) -> str:
    with application.services.database.reading() as connection:
        found = application.vault.resolve(connection, namespace="bank/customers", keys=["C7"], mint=False)
    return str(found["C7"])


def receive(api: Calling, customer: str, kind: str = "access") -> int:
    answer = api.post(REQUESTS, "carl", json={"kind": kind, "customer_id": customer, "verified": "card"})
    assert answer.status_code == 200, answer.text
    return int(answer.json()["number"])


def test_a_request_goes_through_the_queue_to_its_answer(api: Calling, customer: str, application: Application) -> None:
    number = receive(api, customer)
    (queued,) = api.get(REQUESTS, "carl").json()["requests"]
    assert (queued["state"], queued["customer_id"], queued["label"]["zh"]) == ("received", customer, "查阅、复制")
    received = date.fromisoformat(queued["received_at"][:10])
    assert (date.fromisoformat(queued["due_on"]) - received).days == 30
    package = api.get(f"{REQUESTS}/{number}/package", "carl").json()
    assert package["identifiers"][0] == {"email": "c7@mail.example"}
    assert package["data"]["payments"]["rows"][0]["amount"].endswith(" CNY")
    closed = api.post(f"{REQUESTS}/{number}/answers", "carl").json()
    assert (closed["state"], closed["closed_by"]) == ("done", "carl")
    assert api.get(REQUESTS, "carl").json() == {"requests": []}
    assert api.get(f"{REQUESTS}?closed=true", "carl").json()["requests"] == [closed]
    assert api.get(f"{REQUESTS}/{number}", "carl").json() == closed
    problem_of(api.post(f"{REQUESTS}/{number}/answers", "carl"), 409)
    with application.services.database.reading() as connection:
        kept = repr(connection.execute(select(idempotent_answers)).all())
        traces = repr(connection.execute(select(audit)).all())
    assert "mail.example" not in kept + traces
    assert "disclose_customer" in traces


def test_a_refusal_is_owed_a_reason(api: Calling, customer: str) -> None:
    number = receive(api, customer, "erasure")
    problem_of(api.post(f"{REQUESTS}/{number}/refusals", "carl", json={"comment": ""}), 422)
    refused = api.post(f"{REQUESTS}/{number}/refusals", "carl", json={"comment": "not the customer"}).json()
    assert (refused["state"], refused["outcome"]) == ("refused", {"comment": "not the customer"})


@pytest.mark.parametrize("user", ["mia", "owen", "hua", "ann", "root"])
def test_nobody_else_reads_or_changes_a_request(user: str, api: Calling, customer: str) -> None:
    number = receive(api, customer)
    for path in (REQUESTS, f"{REQUESTS}/{number}", f"{REQUESTS}/{number}/package"):
        assert "c7@" not in api.get(path, user).text
        problem_of(api.get(path, user), 403)
        problem_of(api.get(path), 401)
    body = {"kind": "erasure", "customer_id": customer, "verified": "x"}
    problem_of(api.post(REQUESTS, user, json=body), 403)
    problem_of(api.post(f"{REQUESTS}/{number}/answers", user), 403)
    problem_of(api.post(f"{REQUESTS}/{number}/refusals", user, json={"comment": "x"}), 403)
    assert api.get(f"{REQUESTS}/{number}", "carl").json()["state"] == "received"


def test_what_is_not_there_is_said(api: Calling, customer: str) -> None:
    problem_of(api.get(f"{REQUESTS}/99", "carl"), 404)
    problem_of(api.get(f"{REQUESTS}/0", "carl"), 422)
    body = {"kind": "access", "customer_id": "5", "verified": "card"}
    problem_of(api.post(REQUESTS, "carl", json=body), 404)
    receive(api, customer)
    problem_of(api.post(REQUESTS, "carl", json=body | {"customer_id": customer}), 409)
    for wrong in ({"kind": "theft"}, {"customer_id": "x' OR 1=1"}, {"customer_id": "-1"}, {"verified": ""}):
        problem_of(api.post(REQUESTS, "carl", json=body | wrong), 422)
    number = receive(api, customer, "erasure")
    problem_of(api.get(f"{REQUESTS}/{number}/package", "carl"), 409)

"""Decisions asked over HTTP: who may, in what shape, in what time."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from calling import Calling, problem_of
from sqlalchemy import select

from lingque.bootstrap import Application
from lingque.core.errors import BusyError
from lingque.decide.journal import entries
from lingque.deliver.slots import slot_responses
from lingque.entry.api import decide
from lingque.entry.api.app import create_app
from lingque.entry.api.wrapping import MAX_BODY_BYTES, SECURITY_HEADERS
from lingque.govern.contracts import Principal
from lingque.govern.tables import audit, subjects


@pytest.fixture
def customer(application: Application) -> str:
    with application.services.database.reading() as connection:
        return str(
            connection.execute(select(subjects.c.customer_id).order_by(subjects.c.customer_id)).scalars().first()
        )


def ask(api: Calling, user: str | None, **body: Any) -> httpx.Response:
    return api.post("/v1/decide", user, key=None, json={"placements": ["app_home"], **body})


def test_one_call_fills_a_screen_and_hears_what_became_of_it(
    api: Calling, application: Application, customer: str
) -> None:
    answer = ask(api, "app", customer_id=customer, language="en")
    assert answer.status_code == 200, answer.text
    (home,) = answer.json()["placements"]
    assert [(item["offer"], item["body"], item["personal"]) for item in home["items"]] == [
        ("card_plus", "Card Plus", True),
        ("branch_hours", "网点营业时间", False),  # it has no other words
    ]
    assert (home["why"], home["missing"], home["against"]) == (None, [], [])
    with application.services.database.reading() as connection:
        assert [entry.decision_id for entry in entries(connection)] == [home["decision_id"]]
    for response, taken in (("shown", True), ("shown", False), ("clicked", True)):
        body = {"token": home["items"][0]["token"], "response": response}
        told = api.send("PUT", "/v1/decide/responses", "app", json=body)
        assert told.json() == {"taken": taken}
    with application.services.database.reading() as connection:
        rows = connection.execute(select(slot_responses)).all()
    assert {(str(row.customer_id), row.offer, row.placement) for row in rows} == {(customer, "card_plus", "app_home")}
    wrong = {"token": home["items"][0]["token"][:-3] + "abc", "response": "shown"}
    problem_of(api.send("PUT", "/v1/decide/responses", "app", json=wrong), 404)


def test_known_or_not_the_answer_has_one_shape(api: Calling, customer: str) -> None:
    shapes = {
        repr(shape(ask(api, "app", customer_id=number).json())) for number in ("77", "9223372036854775807", "9" * 19)
    }
    shapes.add(repr(shape(ask(api, "app", customer_id=customer).json())))
    assert len(shapes) == 1
    assert ask(api, "app").json()["placements"][0]["why"] == "anonymous"


def shape(value: Any) -> Any:
    """Names and types only, at any depth."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in sorted(value.items()) if name not in ("why", "items")}
    return [shape(inner) for inner in value] if isinstance(value, list) else type(value).__name__


def test_who_may_ask_and_who_may_know_why(api: Calling, application: Application, customer: str) -> None:
    problem_of(ask(api, None), 401)
    for user in ("mia", "carl", "ann", "root"):
        assert problem_of(ask(api, user), 403)["reason"] == "ROLE_NOT_ALLOWED"
    assert problem_of(ask(api, "app", explain=True), 403)["reason"] == "ROLE_NOT_ALLOWED"
    with application.services.database.reading() as connection:
        traces = connection.execute(select(audit.c.actor).where(audit.c.act == "refused_ask_decision")).scalars().all()
    assert traces == ["mia", "carl", "ann", "root", "app"]
    (home,) = ask(api, "teller", customer_id="77", explain=True).json()["placements"]
    assert [one["offer"] for one in home["against"]] == ["card_plus"]
    assert "UNKNOWN_CUSTOMER" in {reason["reason"] for reason in home["against"][0]["reasons"]}
    (home,) = ask(api, "teller", customer_id=customer, explain=True).json()["placements"]
    assert home["against"][0]["reasons"] == []


BODIES = (
    b"",
    b"{",
    b"[]",
    b'{"placements": []}',
    b'{"placements": ["app_home", "app_home"]}',
    b'{"placements": ["app_home"], "customer_id": 7}',
    b'{"placements": ["app_home"], "customer_id": "-7"}',
    b'{"placements": ["app_home"], "customer_id": "13800138000x"}',
    b'{"placements": ["app_home"], "deadline_ms": -1}',
    b'{"placements": ["app_home"], "surprise": 1}',
    b"\xff\xfe",
)


def test_a_body_that_is_none_is_refused_and_not_repeated(api: Calling) -> None:
    for body in BODIES:
        problem = problem_of(api.post("/v1/decide", "app", key=None, content=body), 422)
        assert problem["errors"], body
        assert "13800138000" not in str(problem)


REQUESTS: tuple[tuple[str, str | None, dict[str, Any]], ...] = (
    ("POST", "app", {"json": {"placements": ["app_home"]}}),
    ("POST", "app", {"json": {"placements": ["app_home"], "customer_id": "77", "explain": True}}),
    ("POST", "teller", {"json": {"placements": ["app_home"], "customer_id": "77", "explain": True}}),
    ("POST", "app", {"json": {"placements": ["nowhere"]}}),
    ("POST", "app", {"content": b"{"}),
    ("POST", "app", {"content": b"x" * (MAX_BODY_BYTES + 1)}),
    ("POST", "app", {"content": b"{}", "headers": {"Content-Length": "many"}}),
    ("POST", "app", {"json": {"placements": ["app_home"]}, "params": {"debug": "1"}}),
    ("POST", "mia", {"json": {"placements": ["app_home"]}}),
    ("POST", None, {"json": {"placements": ["app_home"]}}),
    ("POST", None, {"content": b"{"}),
    ("GET", "app", {}),
    ("PUT", None, {"content": b"{}"}),
)


def test_it_is_answered_before_routes_are_searched_as_it_would_be_after(
    api: Calling, application: Application, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The short way and the framework's own: the same status, headers, shape and line in the log."""
    monkeypatch.setattr(decide, "AskedFirst", lambda app, **_: app)
    other = Calling(create_app(application), api.keys)
    for method, user, sent in REQUESTS:
        told: list[Any] = []
        for calling in (api, other):
            caplog.clear()
            with caplog.at_level(logging.INFO, logger="lingque.api"):
                answer = calling.send(method, "/v1/decide", user, **sent)
            (line,) = [json.loads(record.getMessage()) for record in caplog.records]
            headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
            assert headers.items() >= {(name.lower(), value) for name, value in SECURITY_HEADERS.items()}
            told.append((answer.status_code, headers, shape(answer.json()), line | {"milliseconds": 0}))
        assert told[0] == told[1], (method, user, sent)


def test_what_is_not_there_is_not_found(api: Calling) -> None:
    problem_of(ask(api, "app", placements=["app_home", "nowhere"]), 404)
    problem_of(api.post("/v1/decide?debug=1", "app", key=None, json={"placements": ["app_home"]}), 422)


def test_an_answer_comes_in_time_whatever_holds_the_others(
    api: Calling, application: Application, customer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer that waits for another's lock: who asked meanwhile is shown what everybody is, by the deadline."""
    assert ask(api, "app", customer_id=customer).status_code == 200
    at_last = ask(api, "app", customer_id=customer, deadline_ms=0).json()["placements"][0]
    assert (at_last["why"], at_last["missing"]) == ("part_missing", ["deadline"])
    held = threading.Event()
    database = application.services.database

    def locked(*_: object) -> None:
        held.wait(30)
        raise BusyError("the control database is held by another process", next_step="wait")

    async def together() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app=api.app)
        headers = {"Authorization": f"Bearer {api.keys['app']}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://api.test", headers=headers) as client:
            asked = [
                client.post("/v1/decide", json={"placements": ["app_home"], "customer_id": customer, "deadline_ms": 30})
                for _ in range(3)
            ]
            found = await asyncio.gather(*asked)
            held.set()  # only now: nobody waited for it
            return list(found)

    with monkeypatch.context() as patch:
        patch.setattr(database, "transaction", locked)
        answers = asyncio.run(together())
    for answer in answers:
        (home,) = answer.json()["placements"]
        assert [item["offer"] for item in home["items"]] == ["branch_hours"]
        assert (home["why"], home["missing"]) == ("part_missing", ["deadline"])
    (home,) = ask(api, "app", customer_id=customer).json()["placements"]
    assert home["items"][0]["offer"] == "card_plus", "and then it goes on"


def test_many_at_once_are_answered_each_with_their_own(api: Calling, application: Application) -> None:
    with application.services.database.reading() as connection:
        ids = connection.execute(select(subjects.c.customer_id)).scalars().all()[:20]

    async def together() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app=api.app)
        headers = {"Authorization": f"Bearer {api.keys['app']}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://api.test", headers=headers) as client:
            return list(
                await asyncio.gather(
                    *(
                        client.post("/v1/decide", json={"placements": ["app_home"], "customer_id": str(one)})
                        for one in ids
                    )
                )
            )

    answers = asyncio.run(together())
    decided = [answer.json()["placements"][0]["decision_id"] for answer in answers]
    with application.services.database.reading() as connection:
        journalled = {entry.decision_id: entry.customer_id for entry in entries(connection)}
    assert [journalled[one] for one in decided] == list(ids)


def test_who_comes_while_others_are_decided_about_is_answered_next(
    api: Calling, application: Application, customer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a second group; and a loop that ended with somebody waiting holds up nobody on another one."""
    assert ask(api, "app", customer_id=customer).status_code == 200
    begun, may_end = threading.Event(), threading.Event()
    together = api.app.state.asked_together

    class Slow:
        """Asked once per group, since all have the same key."""

        groups = 0

        def principal(self, method: str, headers: Mapping[str, str]) -> Principal | None:
            self.groups += 1
            begun.set()
            may_end.wait(30)
            found: Principal | None = api.app.state.authenticator.principal(method, headers)
            return found

    slow = Slow()
    body = {"placements": ["app_home"], "customer_id": customer}

    async def in_two_groups(*, leave: bool) -> list[int]:
        transport = httpx.ASGITransport(app=api.app)
        headers = {"Authorization": f"Bearer {api.keys['app']}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://api.test", headers=headers) as client:
            first = [asyncio.create_task(client.post("/v1/decide", json=body)) for _ in range(2)]
            await asyncio.to_thread(begun.wait, 30)
            second = [asyncio.create_task(client.post("/v1/decide", json=body)) for _ in range(3)]
            await asyncio.sleep(0.2)
            may_end.set()
            if leave:
                return []
            return [(await one).status_code for one in (*first, *second)]

    with monkeypatch.context() as patch:
        patch.setattr(together, "authenticator", slow)
        assert asyncio.run(in_two_groups(leave=False)) == [200] * 5
        assert slow.groups == 2
        begun.clear()
        may_end.clear()
        asyncio.run(in_two_groups(leave=True))
    assert ask(api, "app", customer_id=customer).status_code == 200

"""A POST under one key is done once and answered as often as it is asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from calling import Calling, problem_of
from fastapi import FastAPI
from small_bank import AS_OF
from sqlalchemy import func, select

from lingque.bootstrap import LOCK_FILE, Application
from lingque.entry.api.app import create_app
from lingque.entry.api.guarded import Caller, guarded_router
from lingque.govern.tables import audit
from lingque.store.idempotency import Answer, find_answer, idempotent_answers, keep_answer
from lingque.store.workspace_lock import workspace_lock

NAME = "card_plus_spring"
PLANS = f"/v1/campaigns/{NAME}/plans"
APPROVALS = f"/v1/campaigns/{NAME}/approvals"
BODY = {"as_of": AS_OF.isoformat()}


def times_planned(application: Application) -> int:
    with application.services.database.reading() as connection:
        count = select(func.count()).select_from(audit).where(audit.c.act == "plan_campaign")
        return int(connection.execute(count).scalar_one())


def kept_answers(application: Application) -> int:
    with application.services.database.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(idempotent_answers)).scalar_one())


def test_the_same_request_again_is_answered_and_not_done_again(api: Calling, application: Application) -> None:
    first = api.post(PLANS, "mia", key="k-1", json=BODY)
    again = api.post(PLANS, "mia", key="k-1", json=BODY)
    assert first.status_code == again.status_code == 200
    assert first.json() == again.json()
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["content-type"] == first.headers["content-type"] == "application/json"
    assert times_planned(application) == 1


def test_a_refusal_is_kept_too(api: Calling, application: Application) -> None:
    api.post(PLANS, "mia", json=BODY)
    body = {"digest": "0" * 64, "approved": True}
    first = api.post(APPROVALS, "carl", key="k-2", json=body)
    again = api.post(APPROVALS, "carl", key="k-2", json=body)
    assert problem_of(first, 409) == problem_of(again, 409)
    assert again.headers["idempotency-replayed"] == "true"


def test_an_error_that_the_command_meets_is_kept_too(api: Calling) -> None:
    body = {"as_of": "2026-02-01"}
    first = api.post(PLANS, "mia", key="k-3", json=body)
    again = api.post(PLANS, "mia", key="k-3", json=body)
    assert problem_of(first, 404) == problem_of(again, 404)
    assert again.headers["idempotency-replayed"] == "true"


def test_the_same_key_with_another_request_is_refused(api: Calling, application: Application) -> None:
    api.post(PLANS, "mia", key="k-4", json=BODY)
    for path, options in (
        (PLANS, {"json": {"as_of": "2026-02-01"}}),
        ("/v1/campaigns/never_planned/plans", {"json": BODY}),
        (PLANS, {"json": BODY, "params": {"x": "1"}}),
    ):
        problem = problem_of(api.post(path, "mia", key="k-4", **options), 422)
        assert problem["type"] == "urn:lingque:problem:idempotency-key-reused"
    assert times_planned(application) == 1


def test_keys_of_two_callers_are_two_keys(api: Calling, application: Application) -> None:
    api.post(PLANS, "mia", key="k-5", json=BODY)
    other = api.post(PLANS, "owen", key="k-5", json=BODY)
    assert other.status_code == 200
    assert "idempotency-replayed" not in other.headers
    assert times_planned(application) == 2


@pytest.mark.parametrize("key", [None, " ", "a b", "x" * 129, "schlüssel".encode("latin-1"), "\x7f"])
def test_a_post_without_a_usable_key_is_not_done(
    api: Calling, application: Application, key: str | bytes | None
) -> None:
    headers = {} if key is None else {"Idempotency-Key": key}
    problem = problem_of(api.post(PLANS, "mia", key=None, headers=headers, json=BODY), 400)
    assert problem["type"] == "urn:lingque:problem:idempotency-key"
    assert times_planned(application) == 0


def test_the_longest_key_serves(api: Calling) -> None:
    assert api.post(PLANS, "mia", key="~" * 128, json=BODY).status_code == 200


def test_what_was_not_understood_is_not_kept(api: Calling) -> None:
    assert problem_of(api.post(PLANS, "mia", key="k-6", json={"as_of": "yesterday"}), 422)
    assert api.post(PLANS, "mia", key="k-6", json=BODY).status_code == 200


def test_busy_is_not_kept(api: Calling, application: Application) -> None:
    with workspace_lock(application.services.folder / LOCK_FILE):
        answer = api.post(PLANS, "mia", key="k-7", json=BODY)
        problem = problem_of(answer, 503)
    assert answer.headers["retry-after"] == "5"
    assert problem["next_step"]
    assert kept_answers(application) == 0
    assert api.post(PLANS, "mia", key="k-7", json=BODY).status_code == 200


def test_another_process_that_kept_an_answer_meanwhile_is_believed(application: Application, api: Calling) -> None:
    with slow_command(application, api.keys) as (slow, inside, leave), ThreadPoolExecutor() as pool:
        running = pool.submit(slow.post, "/v1/slow", "mia", key="k-8")
        inside.wait(10)
        # what this request's digest is, an answer kept without a race tells
        leave.set()
        first = running.result()
        database = application.services.database
        with database.reading() as connection:
            kept = find_answer(connection, caller="mia", key="k-8")
        assert kept is not None
        inside.clear()
        leave.clear()
        running = pool.submit(slow.post, "/v1/slow", "mia", key="k-9")
        inside.wait(10)
        with database.transaction() as connection:
            other = Answer(request_digest=kept.request_digest, status=200, body={"done_by": "another process"})
            keep_answer(connection, other, caller="mia", key="k-9", at=application.services.clock.now())
        leave.set()
        second = running.result()
    assert first.json() == {"done_by": "mia"}
    assert second.json() == {"done_by": "another process"}
    assert second.headers["idempotency-replayed"] == "true"


def test_a_repetition_while_the_first_is_under_way_waits_its_turn(application: Application, api: Calling) -> None:
    with slow_command(application, api.keys) as (slow, inside, leave), ThreadPoolExecutor() as pool:
        running = pool.submit(slow.post, "/v1/slow", "mia", key="k-10")
        inside.wait(10)
        meanwhile = slow.post("/v1/slow", "mia", key="k-10")
        leave.set()
        first = running.result()
    assert first.json() == {"done_by": "mia"}
    assert problem_of(meanwhile, 409)["type"] == "urn:lingque:problem:under-way"
    assert meanwhile.headers["retry-after"] == "1"
    assert slow.post("/v1/slow", "mia", key="k-10").headers["idempotency-replayed"] == "true"


@contextmanager
def slow_command(
    application: Application, keys: dict[str, str]
) -> Iterator[tuple[Calling, threading.Event, threading.Event]]:
    """An API with a command more, that says when it has begun and ends when it is told to."""
    inside, leave = threading.Event(), threading.Event()
    router = guarded_router("slow")

    @router.post("/slow")
    def slow(caller: Caller) -> dict[str, str]:
        inside.set()
        assert leave.wait(10)
        return {"done_by": caller.user}

    app: FastAPI = create_app(application)
    app.include_router(router)
    try:
        yield Calling(app, keys), inside, leave
    finally:
        leave.set()

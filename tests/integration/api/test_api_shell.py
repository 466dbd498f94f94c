"""What every answer has, whatever its route: probes, headers, the log, the limit, the document."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator

import httpx
import pytest
from calling import Calling, problem_of
from small_bank import AS_OF
from sqlalchemy import text

from lingque.bootstrap import Application
from lingque.core.hashing import canonical_json
from lingque.core.ids import CustomerId
from lingque.core.registries import Purpose
from lingque.entry.cli.servers import EachLine
from lingque.govern.contracts import OptOut

PLANS = "/v1/campaigns/card_plus_spring/plans"


def test_alive_and_ready(api: Calling) -> None:
    assert api.get("/healthz").json() == {"status": "alive"}
    assert api.get("/readyz").json() == {"status": "ready"}


def test_not_ready_with_another_schema_and_it_does_not_say_why(
    api: Calling, application: Application, caplog: pytest.LogCaptureFixture
) -> None:
    with application.services.database.transaction() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'another'"))
    with caplog.at_level(logging.WARNING, logger="lingque.api"):
        answer = api.get("/readyz")
    assert problem_of(answer, 503)["type"] == "urn:lingque:problem:not-ready"
    assert "another" not in answer.text
    assert "ConfigurationError" in caplog.text
    assert api.get("/healthz").status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/v1/me", "/v1/nothing", "/nothing", "/u/x", "/openapi.json"])
def test_every_answer_has_the_security_headers(api: Calling, path: str) -> None:
    headers = api.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]
    return [json.loads(line) for one in told for line in one.split("\n")]


def test_one_log_line_per_request_with_the_template_and_the_user(
    api: Calling, application: Application, caplog: pytest.LogCaptureFixture
) -> None:
    opt_out = OptOut(customer_id=CustomerId(7), purpose=Purpose.MARKETING, channel="email")
    token = application.services.opt_outs.token(opt_out)
    with caplog.at_level(logging.INFO, logger="lingque.api"):
        api.get("/v1/campaigns/card_plus_spring?secret=1", "mia")
        api.post(PLANS, "mia", json={"as_of": AS_OF.isoformat()})
        api.get(f"/u/{token}")
        api.post(f"/u/{token}", key=None)
        api.get("/v1/me")
        api.get("/secret/path")
        api.send("DELETE", "/v1/campaigns", "mia")
        api.get("/openapi.json")
    found = lines(caplog)
    assert [(line["method"], line["route"], line["status"], line["user"]) for line in found] == [
        ("GET", "/v1/campaigns/{name}", 422, "mia"),
        ("POST", "/v1/campaigns/{name}/plans", 200, "mia"),
        ("GET", "/u/{token}", 200, None),
        ("POST", "/u/{token}", 200, None),
        ("GET", "/v1/me", 401, None),
        ("GET", "(none)", 404, None),
        ("DELETE", "/v1/campaigns", 405, None),
        ("GET", "/openapi.json", 200, None),
    ]
    assert all(isinstance(line["milliseconds"], float) for line in found)
    assert token not in caplog.text
    assert "secret" not in caplog.text


def test_who_asks_together_has_a_line_each(api: Calling, caplog: pytest.LogCaptureFixture) -> None:
    async def together(*paths: str) -> None:
        transport = httpx.ASGITransport(app=api.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as client:
            await asyncio.gather(*(client.get(path) for path in paths))

    with caplog.at_level(logging.INFO, logger="lingque.api"):
        asyncio.run(together(*["/healthz"] * 20, *["/nothing"] * 10))
    found = lines(caplog)
    assert (
        sorted((line["route"], line["status"]) for line in found) == [("(none)", 404)] * 10 + [("/healthz", 200)] * 20
    )
    for record in caplog.records:
        assert all(canonical_json(json.loads(line)) == line for line in record.getMessage().split("\n"))


def test_each_line_of_a_record_says_when_and_whose_it_is() -> None:
    record = logging.LogRecord("lingque.api", logging.INFO, "", 0, "%s", ('{"a":1}\n{"a":2}',), None)
    first, second = EachLine().format(record).split("\n")
    assert first.removesuffix('{"a":1}') == second.removesuffix('{"a":2}')
    assert first.endswith(' lingque.api {"a":1}')


def test_a_body_above_the_limit_is_not_read(api: Calling) -> None:
    answer = api.post(PLANS, "mia", content=b" " * (1024 * 1024 + 1))
    problem_of(answer, 413)
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


def test_a_body_at_the_limit_is_read(api: Calling) -> None:
    body = json.dumps({"as_of": AS_OF.isoformat()}).encode().ljust(1024 * 1024)
    answer = api.post(PLANS, "mia", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200


def test_a_body_of_unstated_length_is_read_up_to_the_limit(api: Calling) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(2_000):
            yield b" " * 1024

    async def sent() -> httpx.Response:
        transport = httpx.ASGITransport(app=api.app)
        headers = {"Authorization": f"Bearer {api.keys['mia']}", "Idempotency-Key": "endless"}
        async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as client:
            return await client.post(PLANS, content=endless(), headers=headers)

    problem_of(asyncio.run(sent()), 413)


def test_a_length_that_is_no_number_is_refused(api: Calling) -> None:
    problem_of(api.post(PLANS, "mia", content=b"{}", headers={"Content-Length": "two"}), 400)

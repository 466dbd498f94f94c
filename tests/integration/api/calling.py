"""Calling the API in process, synchronously, as one of its users or as nobody."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import httpx
from fastapi import FastAPI


class Calling:
    """Every exception that leaves the application fails the test: the API itself must answer all of them."""

    def __init__(self, app: FastAPI, keys: dict[str, str]) -> None:
        self.app = app
        self.keys = keys

    def get(self, path: str, user: str | None = None, **options: Any) -> httpx.Response:
        return self.send("GET", path, user, **options)

    def post(self, path: str, user: str | None = None, *, key: str | None = "", **options: Any) -> httpx.Response:
        """`key` is the idempotency key; a new one by default, none where it is None."""
        headers = dict(options.pop("headers", {}))
        if key is not None:
            headers["Idempotency-Key"] = key or uuid.uuid4().hex
        return self.send("POST", path, user, headers=headers, **options)

    def send(self, method: str, path: str, user: str | None = None, **options: Any) -> httpx.Response:
        headers = dict(options.pop("headers", {}))
        if user is not None:
            headers["Authorization"] = f"Bearer {self.keys[user]}"

        async def sent() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as client:
                return await client.request(method, path, headers=headers, **options)

        return asyncio.run(sent())


def problem_of(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem document; fails where the answer is none, or of another status."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["status"] == status
    assert document["type"].startswith("urn:lingque:problem:")
    assert document["title"]
    assert document["detail"]
    return document

"""Answers over HTTP that leave in one piece."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from lingque.entry.one_write import Gathering, OneWrite


class Recorded(asyncio.Transport):
    """A transport that remembers what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[bytes | str] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.told.append(bytes(data))

    def close(self) -> None:
        self.told.append("closed")

    def is_closing(self) -> bool:
        return "closed" in self.told


def test_what_is_written_in_one_turn_is_sent_at_once_and_before_the_end() -> None:
    async def two_turns() -> list[bytes | str]:
        recorded = Recorded()
        gathering = Gathering(recorded, asyncio.get_running_loop())
        gathering.write(b"head ")
        gathering.write(b"body")
        assert not recorded.told
        await asyncio.sleep(0)
        gathering.write(b"next")
        assert not gathering.is_closing()
        gathering.close()
        assert gathering.is_closing()
        await asyncio.sleep(0)
        return recorded.told

    assert asyncio.run(two_turns()) == [b"head body", b"next", "closed"]


def test_answers_come_whole_in_their_order_and_after_the_last_one_it_ends() -> None:
    async def app(scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[..., Any]) -> None:
        assert scope["type"] == "http"
        long = scope["path"] == "/long"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(3):
            await send({"type": "http.response.body", "body": b"x" * (300_000 if long else 3), "more_body": True})
        await send({"type": "http.response.body", "body": scope["path"].encode()})

    async def asked(*paths: str) -> bytes:
        config = uvicorn.Config(app, lifespan="off", log_level="error")
        config.load()
        state = ServerState()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: OneWrite(config=config, server_state=state, app_state={}), "127.0.0.1", 0
        )
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for path in paths:  # one after the other, without waiting
            last = "Connection: close\r\n" if path == paths[-1] else ""
            writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n{last}\r\n".encode())
        found = await reader.read()
        writer.close()
        server.close()
        return found

    found = asyncio.run(asked("/first", "/long", "/last"))
    heads = found.count(b"HTTP/1.1 200 OK")
    assert heads == 3
    assert found.index(b"/first") < found.index(b"/long") < found.index(b"/last")
    assert found.count(b"x" * 1_000) == 3 * 300
    assert found.endswith(b"5\r\n/last\r\n0\r\n\r\n")

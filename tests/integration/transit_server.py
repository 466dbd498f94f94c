"""A server that speaks the transit engine's protocol: what HashiCorp Vault does with a key of type aes256-gcm96."""

from __future__ import annotations

import base64
import binascii
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TOKEN = "hvs.of-the-tests"


class Engine:
    """Versions of one key. `oldest` is `min_decryption_version`; `sealed` says that the whole server is."""

    def __init__(self) -> None:
        self.versions = [AESGCM.generate_key(256)]
        self.oldest = 1
        self.sealed = False
        self.asked: list[tuple[str, str]] = []

    def rotate(self) -> None:
        self.versions.append(AESGCM.generate_key(256))

    def answer(self, method: str, path: str, token: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.asked.append((method, path))
        if self.sealed:
            return 503, {"errors": ["Vault is sealed"]}
        if token != TOKEN:
            return 403, {"errors": ["permission denied"]}
        match method, path:
            case "GET", "/v1/transit/keys/lingque":
                latest = len(self.versions)
                return 200, {"data": {"name": "lingque", "type": "aes256-gcm96", "latest_version": latest}}
            case "POST", "/v1/transit/encrypt/lingque":
                return self._encrypted(body)
            case "POST", "/v1/transit/decrypt/lingque":
                return self._decrypted(body)
        return 404, {"errors": []}

    def _encrypted(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        nonce, version = os.urandom(12), len(self.versions)
        plain = base64.b64decode(body["plaintext"], validate=True)
        content = nonce + AESGCM(self.versions[-1]).encrypt(nonce, plain, None)
        ciphertext = f"vault:v{version}:{base64.b64encode(content).decode()}"
        return 200, {"data": {"ciphertext": ciphertext, "key_version": version}}

    def _decrypted(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        _, _, rest = str(body["ciphertext"]).partition("vault:v")
        number, _, text = rest.partition(":")
        try:
            content = base64.b64decode(text, validate=True)
            if not self.oldest <= int(number) <= len(self.versions):
                return 400, {"errors": ["ciphertext or signature version is disallowed by policy (too old)"]}
            plain = AESGCM(self.versions[int(number) - 1]).decrypt(content[:12], content[12:], None)
        except (binascii.Error, ValueError, InvalidTag):
            return 400, {"errors": ["cipher: message authentication failed"]}
        return 200, {"data": {"plaintext": base64.b64encode(plain).decode()}}


@contextmanager
def running(engine: Engine) -> Iterator[str]:
    """The address at which it listens."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _answer(self, body: dict[str, Any]) -> None:
            status, content = engine.answer(self.command, self.path, self.headers.get("X-Vault-Token", ""), body)
            text = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_words: object) -> None:
            """Nothing on the terminal of the tests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

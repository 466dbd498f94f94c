"""A key store in HashiCorp Vault (or OpenBao): its transit engine wraps and unwraps, and no master key ever leaves it.

Three calls: encrypt, decrypt, and what the newest version of the key is. A version of the key is a master key; rotating
it there is a new one, followed by 'lingque vault rotate' here. What is wrapped begins with a digest of its place, so
that a key moved to another place does not open, whatever the engine authenticates besides.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from lingque.core.errors import ConfigurationError, VaultError
from lingque.govern.key_store import Wrapped

TIMEOUT_SECONDS = 10
MOST_BYTES = 1024 * 1024
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_CIPHERTEXT = re.compile(r"vault:v([1-9][0-9]*):([A-Za-z0-9+/]+={0,2})")


@dataclass(frozen=True, kw_only=True)
class TransitSettings:
    """Where the engine is, the key's name there, and the token that may use it and nothing else."""

    address: str
    mount: str
    key: str
    token: str
    ca_file: str = ""
    namespace: str = ""


class TransitKeyStore:
    """Made by `bootstrap`. Raises `ConfigurationError` for an address to which the token would go in the clear."""

    def __init__(self, settings: TransitSettings) -> None:
        url = urlsplit(settings.address)
        if not url.hostname or url.scheme not in ("http", "https"):
            raise ConfigurationError(
                "setting 'transit.address' is no address", next_step="such as https://vault.bank:8200"
            )
        if url.scheme == "http" and url.hostname not in _LOOPBACK:
            raise ConfigurationError("setting 'transit.address' is not encrypted", next_step="use https")
        if not settings.token:
            raise ConfigurationError("there is no token for the key store", next_step="set LINGQUE_TRANSIT__TOKEN")
        self._settings = settings
        self._secure = url.scheme == "https"
        self._host, self._port = url.hostname, url.port or (443 if self._secure else 80)

    def current(self) -> str:
        return self._name(int(self._asked("GET", "keys", "latest_version")))

    def wrap(self, key: bytes, *, place: str) -> Wrapped:
        plain = _mark(place) + key
        found = _CIPHERTEXT.fullmatch(self._asked("POST", "encrypt", "ciphertext", {"plaintext": _text(plain)}))
        if found is None:
            raise VaultError("the key store's answer is no wrapped key", next_step="see that its key is aes256-gcm96")
        return Wrapped(master_key=self._name(int(found[1])), sealed=base64.b64decode(found[2]))

    def unwrap(self, wrapped: Wrapped, *, place: str) -> bytes:
        beginning, _, version = wrapped.master_key.rpartition("/v")
        if beginning != self._name(0).rpartition("/v")[0] or not re.fullmatch("[1-9][0-9]*", version):
            raise VaultError(
                f"the key store holds no master key {wrapped.master_key}",
                next_step="set [transit] to the key that wrapped it",
            )
        ciphertext = f"vault:v{version}:{_text(wrapped.sealed)}"
        answer = self._asked("POST", "decrypt", "plaintext", {"ciphertext": ciphertext}, wrapped=wrapped.master_key)
        try:
            plain = base64.b64decode(answer, validate=True)
        except binascii.Error as error:
            raise VaultError("the key store's answer is no key", next_step="see its log") from error
        mark = _mark(place)
        if not hmac.compare_digest(plain[: len(mark)], mark):
            raise _does_not_open(place.partition("/")[0])
        return plain[len(mark) :]

    def _name(self, version: int) -> str:
        return f"{self._settings.mount}/{self._settings.key}/v{version}"

    def _asked(
        self, method: str, what: str, wanted: str, body: Mapping[str, str] | None = None, *, wrapped: str = ""
    ) -> str:
        settings = self._settings
        headers = {"X-Vault-Token": settings.token, "X-Vault-Request": "true", "Content-Type": "application/json"}
        if settings.namespace:
            headers["X-Vault-Namespace"] = settings.namespace
        content = None if body is None else json.dumps(body)
        connection = self._connection()
        try:
            connection.request(method, f"/v1/{settings.mount}/{what}/{settings.key}", content, headers)
            response = connection.getresponse()
            status, text = response.status, response.read(MOST_BYTES)
        except (OSError, HTTPException) as error:
            raise VaultError(
                f"the key store cannot be reached ({type(error).__name__})",
                next_step="see that it runs, is unsealed, and is who its certificate says",
            ) from error
        finally:
            connection.close()
        if status != 200:
            raise _refused(status, wrapped)
        try:
            return str(json.loads(text)["data"][wanted])
        except (ValueError, KeyError, TypeError) as error:
            raise VaultError("the key store's answer cannot be read", next_step="see 'transit.address'") from error

    def _connection(self) -> HTTPConnection:
        if not self._secure:
            return HTTPConnection(self._host, self._port, timeout=TIMEOUT_SECONDS)
        context = ssl.create_default_context(cafile=self._settings.ca_file or None)
        return HTTPSConnection(self._host, self._port, timeout=TIMEOUT_SECONDS, context=context)


def _refused(status: int, wrapped: str) -> VaultError:
    # what it says is not repeated: it may quote what it was sent
    match status:
        case 400 if wrapped:
            return _does_not_open(f"under master key {wrapped}")
        case 403:
            return VaultError(
                "the key store refuses the token", next_step="renew LINGQUE_TRANSIT__TOKEN, and its policy"
            )
        case 404:
            return VaultError("the key store has no such key", next_step="see 'transit.mount' and 'transit.key'")
        case _:
            return VaultError(f"the key store answers with status {status}", next_step="see its log")


def _does_not_open(where: str) -> VaultError:
    return VaultError(
        f"the wrapped key {where} does not open",
        next_step="it was changed or moved, or the key store has forgotten that version of its key",
    )


def _mark(place: str) -> bytes:
    return hashlib.sha256(place.encode()).digest()


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")

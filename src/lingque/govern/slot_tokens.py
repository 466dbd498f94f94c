"""What a channel hands back with a response: signed, so that only what was shown can be answered for."""

from __future__ import annotations

import base64
import hmac
import json

from lingque.govern.preferences import TokenSecret

_TAG_BYTES = 16
_JSON = json.JSONEncoder(separators=(",", ":"))

Fields = list[str | int]


class SlotTokens:
    """Makes and reads tokens. One names the customer by surrogate only, and never expires: what happened, happened."""

    def __init__(self, secret: TokenSecret) -> None:
        self._secret = secret

    def token(self, fields: Fields) -> str:
        """Signed with HMAC-SHA-256."""
        body = _JSON.encode(fields).encode()
        return base64.urlsafe_b64encode(self._tag(body) + body).decode().rstrip("=")

    def read(self, token: str) -> Fields | None:
        """What `token` was given; None where we did not make it."""
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            return None
        tag, body = raw[:_TAG_BYTES], raw[_TAG_BYTES:]
        if not hmac.compare_digest(tag, self._tag(body)):
            return None
        fields: Fields = json.loads(body)
        return fields

    def _tag(self, body: bytes) -> bytes:
        # its own prefix: a customer's own link must never answer for what was shown, nor the other way
        return hmac.digest(self._secret.token_secret(), b"slot\x00" + body, "sha256")[:_TAG_BYTES]

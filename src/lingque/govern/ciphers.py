"""The one suite of ciphers and digests a workspace uses: international (AES, SHA-2) or Chinese (SM4, SM3).

Sealed is `nonce (12 bytes) ‖ ciphertext ‖ tag (16 bytes)`, authenticated with the place in which the value stands, so
that a sealed value moved to another row does not open. SM4: GB/T 32907 in GCM; SM3: GB/T 32905.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Literal, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256, SM3
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from lingque.core.errors import VaultError

CipherName = Literal["aes-256-gcm", "sm4-gcm"]
DigestName = Literal["sha-256", "sm3"]

NONCE_BYTES = 12
TAG_BYTES = 16
_KEY_BYTES: dict[CipherName, int] = {"aes-256-gcm": 32, "sm4-gcm": 16}
_HASHLIB: dict[DigestName, str] = {"sha-256": "sha256", "sm3": "sm3"}


class Lock(Protocol):
    """An authenticated cipher under one key."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes: ...

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes: ...


@dataclass(frozen=True, kw_only=True)
class Suite:
    """Cipher and digest. Fixed for a workspace: what is sealed stays readable."""

    cipher: CipherName = "aes-256-gcm"
    digest: DigestName = "sha-256"

    @property
    def key_bytes(self) -> int:
        """How long a key of the cipher is."""
        return _KEY_BYTES[self.cipher]

    def new_key(self) -> bytes:
        """A random key of the cipher."""
        return secrets.token_bytes(self.key_bytes)

    def lock(self, key: bytes) -> Lock:
        """The cipher under this key; worth keeping where one key opens many values."""
        return AESGCM(key) if self.cipher == "aes-256-gcm" else _Sm4Gcm(key)

    def mac(self, key: bytes, content: bytes) -> bytes:
        """HMAC, 32 bytes."""
        return hmac.digest(key, content, _HASHLIB[self.digest])

    def hash(self, content: bytes) -> bytes:
        """The digest, 32 bytes."""
        return hashlib.new(_HASHLIB[self.digest], content).digest()

    def derive(self, key: bytes, use: str) -> bytes:
        """A key of the cipher for one use only (HKDF, RFC 5869)."""
        algorithm = SHA256() if self.digest == "sha-256" else SM3()
        return HKDF(algorithm=algorithm, length=self.key_bytes, salt=None, info=f"lingque {use}".encode()).derive(key)


def seal(lock: Lock, plain: bytes, place: str) -> bytes:
    """Sealed for that place, under a new nonce."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + lock.encrypt(nonce, plain, place.encode())


def unseal(lock: Lock, sealed: bytes, place: str) -> bytes:
    """The value again. `VaultError` where it was changed, moved, or sealed under another key."""
    try:
        return lock.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place.encode())
    except (InvalidTag, ValueError) as error:
        raise VaultError(
            f"the sealed value at {place.partition('/')[0]} does not open",
            next_step="it was changed, or the master key is not the one that sealed it",
        ) from error


class _Sm4Gcm:
    """SM4 in GCM with the interface that the library gives AES only."""

    def __init__(self, key: bytes) -> None:
        self._algorithm = algorithms.SM4(key)

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes:
        encryptor = Cipher(self._algorithm, modes.GCM(nonce)).encryptor()
        encryptor.authenticate_additional_data(associated_data or b"")
        return encryptor.update(data) + encryptor.finalize() + encryptor.tag

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes:
        decryptor = Cipher(self._algorithm, modes.GCM(nonce, data[-TAG_BYTES:])).decryptor()
        decryptor.authenticate_additional_data(associated_data or b"")
        return decryptor.update(data[:-TAG_BYTES]) + decryptor.finalize()

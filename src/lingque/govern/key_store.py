"""Where the master keys live: a port as a KMS or an HSM has it, with a file or the environment behind it.

A master key wraps a few keys of the vault and nothing else, so it may stay inside a device and may be slow. There can
be several: the newest wraps, every one that is not retired opens.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lingque.core.errors import VaultError
from lingque.govern.ciphers import Suite, seal, unseal

MASTER_KEY_BYTES = 32
RETIRED = "retired"


@dataclass(frozen=True, kw_only=True)
class Wrapped:
    """A key, sealed by the master key of that id."""

    master_key: str
    sealed: bytes


class KeyStore(Protocol):
    """Wraps keys and unwraps them. Raises `VaultError` where the master key is not there or does not open it."""

    def current(self) -> str: ...

    def wrap(self, key: bytes, *, place: str) -> Wrapped: ...

    def unwrap(self, wrapped: Wrapped, *, place: str) -> bytes: ...


class FileKeyStore:
    """A file that only its owner can read: a line per master key, 64 hexadecimal digits, the newest last. Its number in
    the file is its id; a retired key leaves the word `retired` in its line."""

    def __init__(self, path: Path, suite: Suite | None = None) -> None:
        self.path = path
        self._suite = suite or Suite()

    def create(self) -> None:
        """Make a key where there is none; an existing one is never touched, for losing it loses every identifier."""
        if self.path.exists():
            return
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(MASTER_KEY_BYTES) + "\n")

    def add_key(self) -> str:
        """A new master key, which wraps from now on; its id. The others still open."""
        lines = [RETIRED if key is None else key.hex() for key in self._keys()]
        self._write([*lines, secrets.token_hex(MASTER_KEY_BYTES)])
        return self.current()

    def retire(self, master_key: str) -> None:
        """Destroy a master key; what it alone wraps never opens again. The current one is not retired: `VaultError`."""
        keys = self._keys()
        position = _position(master_key, keys, self.path.name)
        if position == len(keys) - 1:
            raise VaultError(f"master key {master_key} is the current one", next_step="run 'lingque vault rotate'")
        lines = [RETIRED if key is None or n == position else key.hex() for n, key in enumerate(keys)]
        self._write(lines)

    def current(self) -> str:
        return str(len(self._keys()))

    def wrap(self, key: bytes, *, place: str) -> Wrapped:
        return _wrap(self._suite, self._keys(), key, place)

    def unwrap(self, wrapped: Wrapped, *, place: str) -> bytes:
        return _unwrap(self._suite, self._keys(), wrapped, place, self.path.name)

    def first_key(self) -> bytes | None:
        """The oldest master key as it is: it sealed directly before there were others. None where it was retired."""
        return self._keys()[0]

    def _keys(self) -> list[bytes | None]:
        try:
            mode = self.path.stat().st_mode & 0o077
            text = self.path.read_text(encoding="ascii")
        except OSError as error:
            raise VaultError(
                f"the master key {self.path} cannot be read ({error.strerror})",
                next_step="restore it from its backup; without it no identifier can be opened",
            ) from error
        if mode:
            raise VaultError(f"others can read the master key {self.path}", next_step=f"chmod 600 {self.path}")
        return _parsed(text.split("\n"), str(self.path))

    def _write(self, lines: Sequence[str]) -> None:
        half = self.path.with_suffix(".half")
        half.unlink(missing_ok=True)
        descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write("".join(f"{line}\n" for line in lines))
            file.flush()
            os.fsync(file.fileno())
        half.replace(self.path)


class EnvironmentKeyStore:
    """Master keys from the environment (a secret of the container platform), separated by commas, the newest last."""

    def __init__(self, keys: str, suite: Suite | None = None) -> None:
        self._suite = suite or Suite()
        self._text = keys

    def current(self) -> str:
        return str(len(self._keys()))

    def wrap(self, key: bytes, *, place: str) -> Wrapped:
        return _wrap(self._suite, self._keys(), key, place)

    def unwrap(self, wrapped: Wrapped, *, place: str) -> bytes:
        return _unwrap(self._suite, self._keys(), wrapped, place, _VARIABLE)

    def _keys(self) -> list[bytes | None]:
        if not self._text.strip():
            raise VaultError(f"there is no master key in {_VARIABLE}", next_step="set it to 64 hexadecimal digits")
        return _parsed(self._text.split(","), _VARIABLE)


_VARIABLE = "LINGQUE_VAULT__MASTER_KEYS"


def _parsed(words: Sequence[str], where: str) -> list[bytes | None]:
    while words and not words[-1].strip():
        words = words[:-1]
    keys = [None if word.strip() == RETIRED else _key(word.strip(), where) for word in words]
    if not keys or keys[-1] is None:
        raise _no_key(where)
    return keys


def _key(word: str, where: str) -> bytes:
    try:
        key = bytes.fromhex(word)
    except ValueError:
        key = b""
    if len(key) != MASTER_KEY_BYTES:
        raise _no_key(where)
    return key


def _no_key(where: str) -> VaultError:
    return VaultError(
        f"{where} does not hold a key of {MASTER_KEY_BYTES} bytes",
        next_step="restore it from its backup",
    )


def _wrap(suite: Suite, keys: Sequence[bytes | None], key: bytes, place: str) -> Wrapped:
    newest = keys[-1]
    assert newest is not None  # noqa: S101 - `_parsed` has seen to it
    return Wrapped(master_key=str(len(keys)), sealed=seal(suite.lock(suite.derive(newest, "wrapping")), key, place))


def _unwrap(suite: Suite, keys: Sequence[bytes | None], wrapped: Wrapped, place: str, where: str) -> bytes:
    key = keys[_position(wrapped.master_key, keys, where)]
    if key is None:
        raise VaultError(
            f"master key {wrapped.master_key} was retired",
            next_step="restore the keys from a backup made before that",
        )
    return unseal(suite.lock(suite.derive(key, "wrapping")), wrapped.sealed, place)


def _position(master_key: str, keys: Sequence[bytes | None], where: str) -> int:
    if not master_key.isascii() or not master_key.isdigit() or not 1 <= int(master_key) <= len(keys):
        raise VaultError(
            f"{where} holds no master key {master_key}", next_step="restore the keys from their newest backup"
        )
    return int(master_key) - 1

"""Where the master key lives: a port, with a file behind it by default (environment, HSM and KMS come later)."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Protocol

from lingque.core.errors import VaultError

KEY_BYTES = 32


class KeyStore(Protocol):
    """Gives the master key. Raises `VaultError` where there is none."""

    def master_key(self) -> bytes: ...


class FileKeyStore:
    """A file that only its owner can read, holding 64 hexadecimal digits."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def create(self) -> None:
        """Make a key where there is none; an existing one is never touched, for losing it loses every identifier."""
        if self.path.exists():
            return
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")

    def master_key(self) -> bytes:
        try:
            mode = self.path.stat().st_mode & 0o077
            text = self.path.read_text(encoding="ascii").strip()
        except OSError as error:
            raise VaultError(
                f"the master key {self.path} cannot be read ({error.strerror})",
                next_step="restore it from its backup; without it no identifier can be opened",
            ) from error
        if mode:
            raise VaultError(f"others can read the master key {self.path}", next_step=f"chmod 600 {self.path}")
        try:
            key = bytes.fromhex(text)
        except ValueError:
            key = b""
        if len(key) != KEY_BYTES:
            raise VaultError(
                f"{self.path} does not hold a key of {KEY_BYTES} bytes",
                next_step="restore it from its backup",
            )
        return key

"""Passwords: argon2id (RFC 9106), rules, and a delay that grows with every failure."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION
from sqlalchemy import Connection, select, update

from lingque.core.clock import Instant
from lingque.core.errors import BusyError
from lingque.core.reasons import Reason, Refusal
from lingque.govern.access import find_user, principal_of
from lingque.govern.contracts import Principal
from lingque.govern.tables import users
from lingque.store.database import Database

SHORTEST = 10
LONGEST = 128
"""Longer ones cost time to hash and keep nobody out."""
TRIES = 5
"""So many failures are free; each further one doubles the time until the next try."""
LONGEST_WAIT_SECONDS = 2
"""For a free place; a look takes a tenth of a second."""
FIRST_DELAY = 60 * 1_000_000
LONGEST_DELAY = 24 * 3_600 * 1_000_000

_KINDS = (r"[a-z]", r"[A-Z]", r"[0-9]", r"[^a-zA-Z0-9]")


class Passwords:
    """Made by `bootstrap`. `memory_kib` is what one guess costs, `at_once` how many are looked at at the same time."""

    def __init__(self, database: Database, *, memory_kib: int = 65_536, at_once: int = 4) -> None:
        self._database = database
        self._slots = BoundedSemaphore(at_once)
        self._hasher = PasswordHasher(memory_cost=memory_kib)
        self._nobody = _hash_of_nobody(self._hasher)

    def set(self, connection: Connection, user: str, password: str) -> Refusal | None:
        """Set it, and lift a lock; or say what it lacks. Raises `NotFoundError`."""
        find_user(connection, user)
        missing = weakness(password, user)
        if missing is not None:
            return Refusal(reason=Reason.PASSWORD_TOO_WEAK, detail=missing)
        hashed = self._hasher.hash(password)
        connection.execute(
            update(users)
            .where(users.c.user_name == user)
            .values(password_hash=hashed, failed_sign_ins=0, locked_until=0)
        )
        return None

    def check(self, user: str, password: str, *, at: Instant) -> Principal | Refusal:
        """Who it is; or that it failed, never why: a wrong name, a wrong password and a lock read alike, and take one
        look at a hash each. `BusyError` where so many are being looked at that the memory for one more is not there.

        The try is counted before it is looked at, so that many at once are not cheaper than one after the other; and
        the look holds no transaction, for it takes a tenth of a second.
        """
        with self._slot():
            hashed = self._try(user, at)
            right = self._matches(hashed or self._nobody, password)
        if hashed is None or not right:
            return Refusal(reason=Reason.SIGN_IN_FAILED, detail="user and password do not go together, or must wait")
        with self._database.transaction() as connection:
            changed: dict[str, object] = {"failed_sign_ins": 0, "locked_until": 0}
            if self._hasher.check_needs_rehash(hashed):
                changed["password_hash"] = self._hasher.hash(password)
            connection.execute(update(users).where(users.c.user_name == user).values(**changed))
            return principal_of(connection, user)

    @contextmanager
    def _slot(self) -> Iterator[None]:
        if not self._slots.acquire(timeout=LONGEST_WAIT_SECONDS):
            raise BusyError("too many passwords are being looked at", next_step="try again in a few seconds")
        try:
            yield
        finally:
            self._slots.release()

    def _try(self, user: str, at: Instant) -> str | None:
        """The hash to compare with; None where there is none, the user is disabled, or has to wait."""
        with self._database.transaction() as connection:
            row = connection.execute(select(users).where(users.c.user_name == user).with_for_update()).one_or_none()
            if row is None or row.disabled_at is not None or row.password_hash is None or row.locked_until > at:
                return None
            failures = row.failed_sign_ins + 1
            connection.execute(
                update(users)
                .where(users.c.user_name == user)
                .values(failed_sign_ins=failures, locked_until=at + delay(failures))
            )
            hashed: str = row.password_hash
            return hashed

    def _matches(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password[: LONGEST + 1])
        except (VerificationError, InvalidHashError):
            return False


def _hash_of_nobody(hasher: PasswordHasher) -> str:
    """A hash of no password at all, which takes as long to be compared with as any: who does not exist is refused as
    slowly as who does. Written down and not computed, since every command would wait for it."""
    salt, digest = (b64encode(bytes(size)).decode().rstrip("=") for size in (hasher.salt_len, hasher.hash_len))
    cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v={ARGON2_VERSION}${cost}${salt}${digest}"


def weakness(password: str, user: str) -> str | None:
    """What the password lacks; None where it is strong enough."""
    if not SHORTEST <= len(password) <= LONGEST:
        return f"a password has {SHORTEST} to {LONGEST} characters"
    if sum(bool(re.search(kind, password)) for kind in _KINDS) < 3:
        return "a password has three of: small letters, capitals, digits, other characters"
    if user.lower() in password.lower():
        return "a password does not hold the user's name"
    if re.search(r"(.)\1{3}", password):
        return "a password does not repeat a character four times"
    return None


def delay(failures: int) -> int:
    """Microseconds until the next try, after so many failures in a row."""
    if failures < TRIES:
        return 0
    return min(FIRST_DELAY << min(failures - TRIES, 20), LONGEST_DELAY)

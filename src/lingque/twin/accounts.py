"""Current accounts and their numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lingque.core.hashing import Int64s
from lingque.twin.blocks import Block
from lingque.twin.life import history_days
from lingque.twin.population import Population


@dataclass(frozen=True, kw_only=True, eq=False)
class Accounts:
    """Current accounts; the first of them are everybody's main account, in the order of the customers."""

    account_no: tuple[str, ...]
    owner: Int64s
    opened_day: Int64s
    first_day: Int64s
    """Of its history: the later of its opening and the start of the history."""
    habitual: Int64s
    """What its owner likes to leave on it; above that, money is moved to other banks and wallets."""

    @classmethod
    def make(cls, block: Block, population: Population) -> Accounts:
        n = block.customers
        start, end = history_days(block.parameters)
        has_second = block.stream("second account").random(n) < block.parameters.second_account_share
        second = np.flatnonzero(has_second)
        owner = np.concatenate([np.arange(n), second])
        second_opened = block.stream("second account opened").integers(population.opened_day[second], end)
        opened = np.concatenate([population.opened_day, second_opened])
        share = np.concatenate([np.where(has_second, 0.75, 1.0), np.full(len(second), 0.25)])
        numbers = 2 * (block.first + owner) + np.concatenate([np.ones(n, np.int64), np.full(len(second), 2)])
        return cls(
            account_no=tuple(number_of("6222", number, digits=14) for number in numbers.tolist()),
            owner=owner,
            opened_day=opened,
            first_day=np.maximum(opened, start),
            habitual=np.rint(population.idle_balance[owner] * share).astype(np.int64),
        )

    @property
    def second(self) -> Int64s:
        """The second account of each customer, −1 without one."""
        n = len(np.unique(self.owner))
        found = np.full(n, -1)
        found[self.owner[n:]] = np.arange(n, len(self.owner))
        return found


def number_of(prefix: str, number: int, *, digits: int) -> str:
    """The prefix, the running number and the check digit after Luhn (ISO/IEC 7812-1)."""
    payload = f"{prefix}{number:0{digits}d}"
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in payload[-1::-2])
    plain = sum(int(digit) for digit in payload[-2::-2])
    return f"{payload}{-(doubled + plain) % 10}"

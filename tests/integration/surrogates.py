"""Surrogates that are the same in every run, so that the groups drawn by them are too: no test rests on a draw."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def same_surrogates(seed: int | str) -> Iterator[None]:
    """What the vault mints meanwhile follows from the seed, and from the order of minting, which is that of the keys.

    One workspace takes a seed once: the numbers of a second time are those of the first.
    """
    numbers = random.Random(seed)  # noqa: S311
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lingque.govern.vault.new_surrogate", lambda: numbers.getrandbits(62) + 1)
        yield

"""Chance that is looked up, not drawn in order: numbers that belong to a seed, a subject and what they are about."""

from __future__ import annotations

import hashlib

import numpy as np

from lingque.core.hashing import Float64s, Int64s, mix64


def uniform(seed: int, subject: str, *about: Int64s) -> Float64s:
    """A number in (0, 1) for each row: equal rows give equal numbers, in any order and any batch."""
    salt = int.from_bytes(hashlib.sha256(f"{seed}/{subject}".encode()).digest()[:8], "big")
    mixed = mix64(np.asarray(about[0], dtype=np.int64), seed=salt)
    for one in about[1:]:
        mixed = mix64((mixed ^ np.asarray(one, dtype=np.int64).view(np.uint64)).view(np.int64))
    # half a step up: a logarithm must never see 0
    drawn: Float64s = ((mixed >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    return drawn


def waiting(luck: Float64s, mean: Float64s) -> Float64s:
    """Exponential waiting times of that mean, cut at four times it."""
    waited: Float64s = np.minimum(-np.log(luck), 4.0) * mean
    return waited


def nth_of_equals(*columns: Int64s) -> Int64s:
    """Of each row, how many equal ones come before it."""
    if not len(columns[0]):
        return np.zeros(0, dtype=np.int64)
    order = np.lexsort(columns[::-1])
    first = np.ones(len(order), dtype=np.bool_)
    first[1:] = np.any([one[order][1:] != one[order][:-1] for one in columns], axis=0)
    start = np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))
    nth = np.empty(len(order), dtype=np.int64)
    nth[order] = np.arange(len(order)) - start
    return nth

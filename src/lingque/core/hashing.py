"""The one hash for buckets and for drawing groups, and the one digest for content.

`mix64` is the finaliser of splitmix64 (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators"):
a bijection on 64 bits, so distinct ids never collide before they are cut down to buckets. It runs on numpy
arrays; engines' own hashes are never used, because they differ between engines and versions.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

Int64s = NDArray[np.int64]
Float64s = NDArray[np.float64]


def distinct(ids: Int64s) -> Int64s:
    """Each of them once, in ascending order. `numpy.unique` asks a hash table and takes twenty times as long."""
    ordered = np.sort(ids)
    first = np.ones(len(ordered), bool)
    first[1:] = ordered[1:] != ordered[:-1]
    return ordered[first]


def mix64(values: Int64s, *, seed: int = 0) -> NDArray[np.uint64]:
    """64 well-mixed bits for each id. Equal ids and seeds give equal bits, on every machine."""
    mask = (1 << 64) - 1
    z = np.asarray(values, dtype=np.int64).view(np.uint64) + np.uint64((seed + 0x9E3779B97F4A7C15) & mask)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: NDArray[np.uint64] = z ^ (z >> np.uint64(31))
    return mixed


def bucket_of(customer_ids: Int64s, *, buckets: int) -> NDArray[np.int32]:
    """The bucket of each customer: the top bits of `mix64`.

    `buckets` is a power of two. Doubling it splits every bucket b into exactly 2b and 2b + 1, so growth
    never moves a customer between unrelated buckets.
    """
    if buckets < 1 or buckets & (buckets - 1):
        raise ValueError(f"the number of buckets must be a power of two, not {buckets}")
    bits = buckets.bit_length() - 1
    if bits == 0:
        return np.zeros(len(customer_ids), dtype=np.int32)
    return (mix64(customer_ids) >> np.uint64(64 - bits)).astype(np.int32)


def draw(customer_ids: Int64s, *, salt: str) -> Float64s:
    """A number in [0, 1) for each customer, the same for the same salt for ever; independent between salts.

    This is how groups are drawn (hold-outs, variants): nothing is stored, and anybody can check it.
    """
    seed = int.from_bytes(hashlib.sha256(salt.encode()).digest()[:8], "big")
    # 53 bits: every double in [0, 1) that a uniform draw can have, none of them rounded up to 1
    drawn: Float64s = (mix64(customer_ids, seed=seed) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return drawn


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_json(content: Any) -> str:
    """The one JSON text of a value: sorted keys, no spaces, no NaN."""
    return _CANONICAL.encode(content)


def digest_of(content: Any) -> str:
    """SHA-256 (hex) of the canonical JSON text."""
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()

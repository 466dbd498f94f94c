"""What compiled kernels calculate with. Whole numbers are exact and never wrap silently.

Their arguments have no annotations: each function is compiled anew for every kind of number that it is called with.
"""

from __future__ import annotations

import numpy as np
from numba import njit

LOW = 0xFFFFFFFF


@njit(nogil=True)
def added_badly(left, right):  # type: ignore[no-untyped-def]
    """Does the sum of two whole numbers not fit into 64 bits?"""
    total = left + right
    return ((left ^ total) & (right ^ total)) < 0


@njit(nogil=True)
def taken_badly(left, right):  # type: ignore[no-untyped-def]
    """Does the difference not fit?"""
    rest = left - right
    return ((left ^ right) & (left ^ rest)) < 0


@njit(nogil=True)
def magnitude(value):  # type: ignore[no-untyped-def]
    """|value|, also of the smallest whole number."""
    return np.uint64(value) if value >= 0 else ~np.uint64(value) + np.uint64(1)


@njit(nogil=True)
def multiplied_badly(left, right):  # type: ignore[no-untyped-def]
    """Does the product not fit?"""
    if left == 0 or right == 0:
        return False
    largest = np.uint64(2**63 - 1) + (np.uint64(0) if (left < 0) == (right < 0) else np.uint64(1))
    return magnitude(left) > largest // magnitude(right)


@njit(nogil=True)
def divided(total, count):  # type: ignore[no-untyped-def]
    """`total / count` rounded half away from zero; `count` is not 0."""
    t, c = magnitude(total), magnitude(count)
    quotient = t // c
    rest = t - quotient * c
    if rest >= c - rest:
        quotient += np.uint64(1)
    return np.int64(quotient) if (total < 0) == (count < 0) else -np.int64(quotient)


@njit(nogil=True)
def rounded(number):  # type: ignore[no-untyped-def]
    """The nearest whole number, half away from zero."""
    whole = np.trunc(number)
    return whole + np.copysign(1.0, number) if abs(number - whole) >= 0.5 else whole


@njit(nogil=True)
def fits(high, low):  # type: ignore[no-untyped-def]
    """Does `high` × 2³² + `low` fit into 64 bits?"""
    top = high + (low >> 32)
    return -(2**31) <= top < 2**31


@njit(nogil=True)
def joined(high, low):  # type: ignore[no-untyped-def]
    """`high` × 2³² + `low`, which fits."""
    return ((high + (low >> 32)) << 32) + (low & LOW)


@njit(nogil=True)
def as_number(high, low):  # type: ignore[no-untyped-def]
    """`high` × 2³² + `low` as a number, to the last bit where it fits."""
    if fits(high, low):
        return np.float64(joined(high, low))
    return np.float64(high + (low >> 32)) * 4294967296.0 + np.float64(low & LOW)


@njit(nogil=True)
def mean(high, low, count):  # type: ignore[no-untyped-def]
    """(`high` × 2³² + `low`) ÷ `count` (1 … 2³¹), rounded half away from zero; of values of 64 bits it always fits."""
    top, bottom = high + (low >> 32), low & LOW
    negative = top < 0
    if negative:  # negate the two words together
        top, bottom = ~top, LOW - bottom + 1
        top, bottom = top + (bottom >> 32), bottom & LOW
    upper = top // count
    rest = ((top - upper * count) << 32) + bottom
    quotient = (np.uint64(upper) << np.uint64(32)) + np.uint64(rest // count)
    if 2 * (rest % count) >= count:
        quotient += np.uint64(1)
    return -np.int64(quotient) if negative else np.int64(quotient)


@njit(nogil=True)
def squared(value):  # type: ignore[no-untyped-def]
    """Its square in words of 32 bits, from the least on; a word may have two bits more."""
    m = magnitude(value)
    a, b = m >> np.uint64(32), m & np.uint64(LOW)
    low, mixed, high = b * b, a * b, a * a
    return (
        np.int64(low & np.uint64(LOW)),
        np.int64((low >> np.uint64(32)) + np.uint64(2) * (mixed & np.uint64(LOW))),
        np.int64(np.uint64(2) * (mixed >> np.uint64(32)) + (high & np.uint64(LOW))),
        np.int64(high >> np.uint64(32)),
    )


@njit(nogil=True)
def spread(count, w, x, y, z, high, low):  # type: ignore[no-untyped-def]
    """`count` × Σx² − (Σx)², exactly and then as a number; −1 where `count` × Σx² does not fit into 128 bits.

    Σx² is w + x × 2³² + y × 2⁶⁴ + z × 2⁹⁶, Σx is `high` × 2³² + `low`; `count` is below 2³¹.
    """
    left, right, total = np.zeros(8, np.int64), np.zeros(8, np.int64), np.zeros(3, np.uint64)
    x += w >> 32
    y += x >> 32
    z += y >> 32
    carry = np.int64(0)
    for place, word in enumerate((w & LOW, x & LOW, y & LOW, z & LOW, z >> 32)):
        product = word * count + carry
        left[place] = product & LOW
        carry = product >> 32
    left[5] = carry
    if left[5] != 0 or left[4] != 0 or left[3] >= 2147483648:
        return -1.0
    top, bottom = high + (low >> 32), low & LOW
    if top < 0:  # negate the two words together
        top, bottom = ~top, LOW - bottom + 1
        top, bottom = top + (bottom >> 32), bottom & LOW
    total[0], total[1], total[2] = np.uint64(bottom), np.uint64(top & LOW), np.uint64(top >> 32)
    for i in range(3):
        for j in range(3):
            one = total[i] * total[j]
            right[i + j] += np.int64(one & np.uint64(LOW))
            right[i + j + 1] += np.int64(one >> np.uint64(32))
    carry = np.int64(0)
    for place in range(8):
        rest = left[place] - right[place] + carry
        left[place] = rest & LOW
        carry = rest >> 32
    found = 0.0
    for place in range(7, -1, -1):
        found = found * 4294967296.0 + left[place]
    return found


@njit(nogil=True)
def heaviest(codes, count, high, low):  # type: ignore[no-untyped-def]
    """Of the first `count` codes the one whose `high` × 2³² + `low` is greatest, of equals the least; 0 of none."""
    best, top, bottom = np.int64(0), np.int64(0), np.int64(0)
    for place in range(count):
        code = codes[place]
        t, b = high[code] + (low[code] >> 32), low[code] & LOW
        if place == 0 or t > top or (t == top and (b > bottom or (b == bottom and code < best))):
            best, top, bottom = code, t, b
    return best


@njit(nogil=True)
def civil(day):  # type: ignore[no-untyped-def]
    """Year, month and day of a day since 1970-01-01 (Howard Hinnant, "chrono-compatible low-level date algorithms")."""
    shifted = day + 719468
    era = shifted // 146097
    doe = shifted - era * 146097
    yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
    doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
    mp = (5 * doy + 2) // 153
    month = mp + 3 if mp < 10 else mp - 9
    return yoe + era * 400 + (1 if month <= 2 else 0), month, doy - (153 * mp + 2) // 5 + 1


@njit(nogil=True)
def year_of(day):  # type: ignore[no-untyped-def]
    return civil(day)[0]


@njit(nogil=True)
def month_of(day):  # type: ignore[no-untyped-def]
    return civil(day)[1]


@njit(nogil=True)
def day_of(day):  # type: ignore[no-untyped-def]
    return civil(day)[2]


@njit(nogil=True)
def full_years(first, second):  # type: ignore[no-untyped-def]
    """Full years from the first day to the second."""
    y1, m1, d1 = civil(first)
    y2, m2, d2 = civil(second)
    return y2 - y1 - (1 if m2 * 100 + d2 < m1 * 100 + d1 else 0)

"""Which tags of a table a kernel can compute, and which go together into one function.

Tags that ask the same of the same rows share what is kept, so they belong together; and when one tag changes, only the
function that holds it is compiled again. So what a tag asks of a row decides by its digest where it belongs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence

from lingque.catalog.definitions import DataContract
from lingque.catalog.model import AggregateTag
from lingque.profile.kernel.choosing import choice_of
from lingque.profile.kernel.needs import UnsupportedError, shape
from lingque.profile.kernel.plan import Plan
from lingque.profile.kernel.source import kernel_of

TAGS_PER_KERNEL = 64
"""More make a compilation long, fewer walk the rows more often."""


def plan_of(contract: DataContract, tags: Sequence[AggregateTag], *, lacking: Collection[str] = ()) -> Plan:
    """The plan of tags over the events of one table. `lacking`: required columns that older rows do not have."""
    nullable = frozenset(name for name, column in contract.stored.items() if not column.is_required or name in lacking)
    able: list[AggregateTag] = []
    by_sql: list[tuple[AggregateTag, str]] = []
    for tag in tags:
        gap = kernel_gap(tag, nullable)
        if gap is None:
            able.append(tag)
        else:
            by_sql.append((tag, gap))
    kernels = tuple(kernel_of(group, nullable) for group in _groups(able))
    return Plan(contract=contract, kernels=kernels, by_sql=tuple(by_sql))


def kernel_gap(tag: AggregateTag, nullable: frozenset[str] = frozenset()) -> str | None:
    """What of the tag no kernel computes: SQL serves it every night, and it cannot be live. None where one does."""
    try:
        kernel_of([tag], nullable)
    except UnsupportedError as reason:
        return str(reason)
    return None


def _groups(tags: Sequence[AggregateTag]) -> list[list[AggregateTag]]:
    count = 1
    while count * TAGS_PER_KERNEL < len(tags):
        count *= 2
    groups: dict[int, list[AggregateTag]] = {}
    for tag in tags:
        choice = choice_of(tag.where)  # those that want other texts of one column gain by each other
        about = shape(tag.where) if choice is None else (choice.column, shape(choice.rest))
        asked = hashlib.sha256(repr(about).encode()).digest()
        groups.setdefault(asked[0] * count // 256, []).append(tag)
    return [groups[place] for place in sorted(groups)]

"""How a tag is computed, in words and from the same plan that computes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lingque.catalog.model import AggregateTag, Catalog, DerivedTag, ListTag, ModelTag
from lingque.profile.kernel.planning import plan_of
from lingque.profile.live import layouts_of, live_plans, live_tags
from lingque.profile.tag_sql import readings_of


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """`how` it is computed; of a kernel its digest and the tags computed in the same walk; of SQL why no kernel could;
    `built_on`: the tags it reads, of a live one those `of_morning` with the value of the newest snapshot; `kept_days`:
    for how long the events of a live tag are kept."""

    how: Literal["kernel", "sql", "derived", "model", "list", "manual"]
    because: str = ""
    digest: str = ""
    together: tuple[str, ...] = ()
    built_on: tuple[str, ...] = ()
    of_morning: tuple[str, ...] = ()
    kept_days: int | None = None


def explained(catalog: Catalog, name: str) -> Explanation:
    """Raises `NotFoundError` where there is no such tag."""
    tag = catalog.tag(name)
    match tag:
        case AggregateTag():
            return _aggregate(catalog, tag)
        case DerivedTag():
            built_on = tuple(sorted(tag.inputs))
            return Explanation(how="derived", built_on=built_on, of_morning=_of_morning(catalog, tag))
        case ModelTag():
            return Explanation(how="model", built_on=tuple(sorted(tag.inputs)))
        case ListTag():
            return Explanation(how="list")
        case _:
            return Explanation(how="manual")


def _of_morning(catalog: Catalog, tag: DerivedTag) -> tuple[str, ...]:
    if tag.definition.clock != "live":
        return ()
    aggregates, derived = live_tags(catalog)
    now = {one.name for one in aggregates} | {one.name for one in derived}
    return tuple(sorted(tag.inputs - now))


def _live(catalog: Catalog, tag: AggregateTag) -> Explanation:
    plans = live_plans(catalog)
    days = {layout.table: layout.kept_days for layout in layouts_of(plans)}
    plan = next(one for one in plans if one.contract.contract == tag.contract.contract)
    kernel = next(one for one in plan.kernels if tag in one.tags)
    together = tuple(one.name for one in kernel.tags if one is not tag)
    return Explanation(how="kernel", digest=kernel.digest, together=together, kept_days=days[tag.contract.contract])


def _aggregate(catalog: Catalog, tag: AggregateTag) -> Explanation:
    if tag.definition.clock == "live":
        return _live(catalog, tag)
    # labels are computed by themselves, snapshots without them
    beside = [
        one for one in catalog.tags.values()
        if isinstance(one, AggregateTag) and one.looks_forward == tag.looks_forward
    ]  # fmt: skip
    reading = next(one for one in readings_of(beside) if tag in one.tags)
    if reading.how != "events":
        return Explanation(how="sql", because="what holds is worked out from versions")
    plan = plan_of(reading.contract, reading.tags)
    for kernel in plan.kernels:
        if tag in kernel.tags:
            together = tuple(one.name for one in kernel.tags if one is not tag)
            return Explanation(how="kernel", digest=kernel.digest, together=together)
    reason = next(why for one, why in plan.by_sql if one is tag)
    return Explanation(how="sql", because=f"no kernel computes {reason}")

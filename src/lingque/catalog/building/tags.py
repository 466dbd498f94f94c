"""Tags: aggregates over tables, membership of lists, scores of models, values given by people, and what is derived
from them."""

from __future__ import annotations

from datetime import date
from graphlib import CycleError, TopologicalSorter

from lingque.catalog.building.draft import Draft
from lingque.catalog.definitions import ListDefinition, ModelDefinition, TagDefinition
from lingque.catalog.definitions.shared import since_condition
from lingque.catalog.expressions.parse import columns_of
from lingque.catalog.expressions.tree import Aggregate, AmongAll, Measure, PerPeriod, Trend, names_in, walk
from lingque.catalog.expressions.types import Kind
from lingque.catalog.model import AggregateTag, DerivedTag, ListTag, ManualTag, ModelTag, column_type
from lingque.core.clock import AnyWindow, Ever, parse_window, periods
from lingque.core.errors import nearest

OF_CUSTOMERS = ("party", "state", "event")
"""The kinds of contract whose rows are a customer's and stand in the data plane."""
A_LABEL_IS_DAILY = "a label is for learning and measuring: make it daily"
MOST_PERIODS = 400
"""A year of days, and some: each period is a set of aggregates of its own."""


def read_tags(draft: Draft) -> None:
    """Every tag into `draft.tags`, each after its inputs."""
    definitions = draft.of(TagDefinition)
    for name, definition in definitions.items():
        if definition.source is not None:
            _read_aggregate(draft, name, definition)
    for name in _order(draft, {n: d for n, d in definitions.items() if d.source is None}):
        definition = definitions[name]
        if definition.model is not None:
            _read_score(draft, name, definition, definition.model)
        elif definition.list is not None:
            _read_membership(draft, name, definition, definition.list)
        elif definition.manual is not None:
            draft.tags[name] = ManualTag(name=name, definition=definition, values=definition.manual)
        else:
            _read_derived(draft, name, definition)


def _read_aggregate(draft: Draft, name: str, definition: TagDefinition) -> None:
    entry = draft.at["tag", name]
    contract = draft.contracts.get(definition.source or "")
    if contract is None or contract.kind not in OF_CUSTOMERS:
        tables = [n for n, c in draft.contracts.items() if c.kind in OF_CUSTOMERS]
        found = f"there is no table '{definition.source}'"
        if contract is not None:
            found = f"'{definition.source}' is of kind {contract.kind}: a tag is made from a customer's own rows"
        draft.problem(entry, "from", found=found, allowed=nearest(definition.source or "", tables))
        return
    names = {column: column_type(contract, column) for column in contract.stored}
    where = draft.condition(entry, "where", definition.where or "true", names)
    value = draft.measure(entry, "value", definition.value, names)
    begins = since_condition(definition.window or "")
    since = None if begins is None else draft.condition(entry, "window", begins, names)
    if where is None or value is None or (begins is not None and since is None):
        return
    window = Ever() if begins is not None else parse_window(definition.window) if definition.window else None
    tag = AggregateTag(
        name=name, definition=definition, contract=contract, window=window, where=where, value=value, since=since
    )
    unfit = _unfit(tag)
    if unfit is None:
        draft.tags[name] = tag
    else:
        field, found, allowed = unfit
        draft.problem(entry, field, found=found, allowed=allowed)


def _unfit(tag: AggregateTag) -> tuple[str, str, str] | None:
    """Why a measure and a window do not go together over such a table: the field, what is wrong, what is allowed."""
    holds, window, value = tag.contract.holds, tag.window, tag.value
    aggregate = value.of if isinstance(value, Trend) else value
    over_time = isinstance(aggregate, Aggregate) and aggregate.function == "time_avg"
    if over_time and not holds:
        return (
            "value", "time_avg() over events, which hold for no time", "use avg(), or a table of kind state",
        )  # fmt: skip
    if holds and not over_time and not isinstance(value, Aggregate):
        return "value", "is asked of what happened, and states hold", "use a table of kind event"
    if (holds and window is not None and not over_time) or (window is None and (over_time or not holds)):
        rule = "events are read over a window; states are read as they stand on the day, only time_avg() over a window"
        return "window", "is missing" if window is None else "is too much", rule
    if over_time and isinstance(window, Ever):
        return "window", "has no beginning to count days from", "write '1 month', 'this year' or the like"
    return _unfit_window(value, window) or _unfit_live(tag)


def _unfit_window(value: Measure, window: AnyWindow | None) -> tuple[str, str, str] | None:
    if window is None:
        return None
    looks_back = isinstance(value, Aggregate) and value.function in ("recency", "tenure")
    if looks_back and window.forward:
        return "window", "looks forward, and recency() and tenure() look back", "write '1 year' or 'ever'"
    if isinstance(value, Trend) and window.length is None:
        return "window", "has no window of the same length before it", "write '3 months' or 'last 3 calendar months'"
    if not isinstance(value, PerPeriod):
        return None
    try:
        count = len(periods(window, value.unit, date(2000, 1, 1)))
    except ValueError as error:
        return (
            "window",
            str(error),
            "write '6 months' for months, '28 days' for weeks, 'last 2 calendar years' for years",
        )
    if count > MOST_PERIODS:
        return "window", f"has {count} {value.unit}s", f"ask of {MOST_PERIODS} periods at most"
    return None


def _unfit_live(tag: AggregateTag) -> tuple[str, str, str] | None:
    """A live tag is worked out from the events that are kept at hand: those within a bounded time before now."""
    if tag.definition.clock != "live":
        return None
    if tag.contract.holds:
        return "clock", "is live, and states come once a day", "make it daily, or use a table of kind event"
    if isinstance(tag.window, Ever):
        return "clock", "is live over everything there ever was", "make it daily, or bound the window: '2 years'"
    if tag.looks_forward:
        return "clock", "is live and looks forward", A_LABEL_IS_DAILY
    return None


def _read_derived(draft: Draft, name: str, definition: TagDefinition) -> None:
    entry = draft.at["tag", name]
    types = {other: tag.type for other, tag in draft.tags.items()}
    value = draft.derived(entry, "value", definition.value, types)
    if value is None:
        return
    if value.type.kind is Kind.NULL:
        draft.problem(entry, "value", found="is always null", allowed="say what it is")
        return
    if definition.clock == "live" and any(isinstance(part, AmongAll) for part in walk(value)):
        draft.problem(
            entry, "clock", found="is live, and ntile() and percent_rank() look at all customers",
            allowed="make it daily; a live tag may then be built on it, with its value of the morning",
        )  # fmt: skip
        return
    inputs = names_in(value)
    if definition.clock == "live" and any(draft.tags[other].looks_forward for other in inputs):
        draft.problem(entry, "clock", found="is live and looks forward", allowed=A_LABEL_IS_DAILY)
        return
    draft.tags[name] = DerivedTag(
        name=name,
        definition=definition,
        value=value,
        inputs=inputs,
        looks_forward=any(draft.tags[other].looks_forward for other in inputs),
    )


def _read_score(draft: Draft, name: str, definition: TagDefinition, model: str) -> None:
    models = draft.of(ModelDefinition)
    if model not in models:
        found = f"there is no model '{model}'"
        draft.problem(draft.at["tag", name], "model", found=found, allowed=nearest(model, list(models)))
        return
    draft.tags[name] = ModelTag(name=name, definition=definition, model=models[model])


def _read_membership(draft: Draft, name: str, definition: TagDefinition, listed: str) -> None:
    entry = draft.at["tag", name]
    lists = draft.of(ListDefinition)
    if listed not in lists:
        found = f"there is no list '{listed}'"
        draft.problem(entry, "list", found=found, allowed=nearest(listed, list(lists)))
    elif lists[listed].secret:
        draft.problem(
            entry, "list", found=f"'{listed}' is secret, and a tag would show everybody who is on it",
            allowed=nearest(listed, [one for one, definition_ in lists.items() if not definition_.secret]),
        )  # fmt: skip
    else:
        draft.tags[name] = ListTag(name=name, definition=definition, list=lists[listed])


def _order(draft: Draft, definitions: dict[str, TagDefinition]) -> list[str]:
    """Inputs first. A ring is a problem; the others are read all the same, so that one apply tells everything."""
    models = draft.of(ModelDefinition)

    def built_on(definition: TagDefinition) -> frozenset[str]:
        model = models.get(definition.model or "")
        if model is None:
            return columns_of(definition.value)
        return frozenset({*model.features, model.population or model.target, model.target})

    graph = {name: built_on(definition) & set(definitions) for name, definition in definitions.items()}
    while True:
        try:
            return list(TopologicalSorter(graph).static_order())
        except CycleError as error:
            ring = [str(name) for name in error.args[1]]
            field = "value" if definitions[ring[0]].model is None else "model"
            draft.problem(
                draft.at["tag", ring[0]], field, found=f"is built on itself: {' → '.join(ring)}",
                allowed="break the circle",
            )  # fmt: skip
            graph = {name: inputs - set(ring) for name, inputs in graph.items() if name not in ring}

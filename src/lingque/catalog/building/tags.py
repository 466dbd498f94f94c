"""Tags: aggregates over tables, membership of lists, scores of models, and what is derived from them."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

from lingque.catalog.building.draft import Draft
from lingque.catalog.definitions import DataContract, ListDefinition, ModelDefinition, TagDefinition
from lingque.catalog.definitions.shared import since_condition
from lingque.catalog.expressions.parse import columns_of
from lingque.catalog.expressions.tree import Aggregate, Node, names_in
from lingque.catalog.expressions.types import Kind
from lingque.catalog.model import AggregateTag, DerivedTag, ListTag, ManualTag, ModelTag, column_type
from lingque.catalog.yaml_files import Located
from lingque.core.clock import AnyWindow, Ever, parse_window
from lingque.core.errors import nearest

OF_CUSTOMERS = ("party", "state", "event")
"""The kinds of contract whose rows are a customer's and stand in the data plane."""


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
    value = draft.aggregate(entry, "value", definition.value, names)
    window: AnyWindow | None = None
    since: Node | None = None
    if definition.window is not None:
        begins = since_condition(definition.window)
        window = Ever() if begins is not None else parse_window(definition.window)
        since = None if begins is None else draft.condition(entry, "window", begins, names)
        if begins is not None and since is None:
            return
    if value is not None and not _window_fits(draft, entry, contract, definition, value):
        return
    if where is not None and value is not None:
        draft.tags[name] = AggregateTag(
            name=name,
            definition=definition,
            contract=contract,
            window=window,
            where=where,
            value=value,
            since=since,
        )


def _window_fits(
    draft: Draft, entry: Located, contract: DataContract, definition: TagDefinition, value: Aggregate
) -> bool:
    over_time = value.function == "time_avg"
    if over_time and not contract.holds:
        draft.problem(
            entry, "value", found="time_avg() over events, which hold for no time",
            allowed="use avg(), or a table of kind state",
        )  # fmt: skip
        return False
    needed = over_time or not contract.holds
    if needed == (definition.window is not None):
        return True
    rule = "events are read over a window; states are read as they stand on the day, only time_avg() over a window"
    draft.problem(entry, "window", found="is missing" if needed else "is too much", allowed=rule)
    return False


def _read_derived(draft: Draft, name: str, definition: TagDefinition) -> None:
    entry = draft.at["tag", name]
    types = {other: tag.type for other, tag in draft.tags.items()}
    value = draft.row_expression(entry, "value", definition.value, types)
    if value is None:
        return
    if value.type.kind is Kind.NULL:
        draft.problem(entry, "value", found="is always null", allowed="say what it is")
        return
    inputs = names_in(value)
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

"""What somebody who is to make a contact needs to know: to whom it goes, and why this customer."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from lingque.catalog.expressions.types import Kind, Type
from lingque.catalog.model import Catalog, DerivedTag
from lingque.core.money import Money
from lingque.engage.contracts import Plan, SelectAudience, WriteContacts


class Tasks:
    """Reads the tags of the audience, one customer at a time."""

    def __init__(self, catalog: Catalog, plan: Plan, tags: pa.Table) -> None:
        write: WriteContacts = plan.stage(WriteContacts)
        select: SelectAudience = plan.stage(SelectAudience)
        self._language = write.language
        self._route_by = write.route_by
        self._segment = catalog.tag(select.segment)
        inputs = sorted(self._segment.inputs) if isinstance(self._segment, DerivedTag) else []
        self._inputs = [catalog.tag(name) for name in inputs]
        self._tags = tags
        self._row_of = {customer: row for row, customer in enumerate(tags.column("customer_id").to_pylist())}

    def route(self, customer: int) -> str:
        """To whom the task goes; empty where the campaign does not say."""
        if self._route_by is None:
            return ""
        found = self._value(self._route_by, customer)
        return "" if found is None else str(found)

    def why(self, customer: int) -> str:
        """The segment and what it rests on, such as “A deposit matures soon: maturing within 30 days 50,000.00 CNY”."""
        facts = [
            f"{tag.definition.label.label().in_language(self._language)} {_shown(value, tag.type)}"
            for tag in self._inputs
            if (value := self._value(tag.name, customer)) is not None
        ]
        label = self._segment.definition.label.label().in_language(self._language)
        return f"{label}: {', '.join(facts)}" if facts else label

    def _value(self, tag: str, customer: int) -> Any:
        return self._tags.column(tag)[self._row_of[customer]].as_py()


def _shown(value: Any, kind: Type) -> str:
    return str(Money(minor=value, currency=kind.currency)) if kind.kind is Kind.MONEY else str(value)

"""One table of tags from the stored rows: aggregates, lists, then derived tags and scores layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from lingque.catalog.definitions import DataContract
from lingque.catalog.expressions.to_sql import quote
from lingque.catalog.model import AggregateTag, Catalog, DerivedTag, ListTag, ModelTag, Tag
from lingque.core.clock import BusinessCalendar
from lingque.core.errors import NotFoundError, WarehouseError
from lingque.core.hashing import Int64s
from lingque.core.reasons import Reason, Refusal
from lingque.profile.contracts import Note, Scorer
from lingque.profile.tag_sql import (
    PointInTime,
    Reading,
    aggregates_sql,
    layered_sql,
    members_sql,
    overflow_sql,
    readings_of,
    rows_sql,
    typed_sql,
    versions_sql,
)
from lingque.warehouse.engine import Session
from lingque.warehouse.statements import statements

SQL = statements("lingque.profile")


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What a computation reads besides the definitions: table versions, merged parties, members of lists."""

    versions: Mapping[str, int]
    links: pa.Table
    members: Mapping[str, Int64s]


@dataclass(kw_only=True)
class Computation:
    """Tags as of one point in time, for every customer there is. Used once."""

    session: Session
    catalog: Catalog
    at: PointInTime
    calendar: BusinessCalendar
    scorer: Scorer | None
    notes: list[Note] = field(default_factory=list)

    def run(self, tags: Sequence[Tag], inputs: Inputs) -> pa.Table:
        """`customer_id` and the tags, which stand after their inputs. Raises `NotFoundError`, `WarehouseError`."""
        readings = readings_of(tag for tag in tags if isinstance(tag, AggregateTag))
        self._prepare(inputs, readings)
        for reading in readings:
            self.session.add_relation(
                reading.name, aggregates_sql(reading, self._source(reading), self.at, self.calendar)
            )
            _refuse_overflow(self.session.ask(overflow_sql(reading)).to_pylist()[0])
        self.session.add_relation("aggregated", typed_sql("population", readings))
        lists = [(tag.name, f"_members_{tag.list.list}") for tag in tags if isinstance(tag, ListTag)]
        (_, derived), *above = _layers(tags)
        rows = self._derive(f"({members_sql('aggregated', lists)})", derived)
        for scores, derived in above:
            self.session.add_arrow("_scored", self._with_scores(rows, scores))
            rows = self._derive("_scored", derived)
        return rows.select(["customer_id", *(tag.name for tag in tags)])

    def _prepare(self, inputs: Inputs, readings: Sequence[Reading]) -> None:
        party = self.catalog.contract_of_kind("party")
        if party is None or party.contract not in inputs.versions:
            raise NotFoundError("no customers have been ingested yet", next_step="run 'lingque ingest' first")
        self.session.add_versions(inputs.versions)
        for table in (party.contract, *(reading.contract.contract for reading in readings)):
            if not self.session.has(table):
                raise NotFoundError(
                    f"table '{table}' holds no rows yet",
                    next_step="run 'lingque ingest', or take the tags on it away",
                )
        self.session.add_arrow("links", inputs.links)
        for name, members in inputs.members.items():
            self.session.add_arrow(f"_members_{name}", pa.table({"customer_id": pa.array(members, pa.int64())}))
        # a label may be known later, but of those who were customers on the day
        parameters = {"moment": self.at.moment, "known_by": self.at.moment}
        self._add_versions("parties", party, "current_versions", parameters)
        self.session.add_relation("population", SQL["population"].sql)

    def _source(self, reading: Reading) -> str:
        """Events are read where they stand; what holds, and how long, is worked out once for all tags on it."""
        if reading.how == "events":
            return f"({self._rows(reading.contract)})"
        if reading.how == "intervals":
            self._add_versions(reading.source, reading.contract, "intervals", {"known_by": self.at.known_by})
        elif reading.contract.kind == "party" and self.at.known_by == self.at.moment:
            return "parties"
        else:
            parameters = {"moment": self.at.moment, "known_by": self.at.known_by}
            self._add_versions(reading.source, reading.contract, "current_versions", parameters)
        return quote(reading.source)

    def _add_versions(self, name: str, contract: DataContract, statement: str, parameters: Mapping[str, Any]) -> None:
        self.session.add_relation(name, versions_sql(self._rows(contract), SQL[statement].sql), parameters)

    def _rows(self, contract: DataContract) -> str:
        return rows_sql(contract, self.session.columns(contract.contract))

    def _derive(self, source: str, derived: Sequence[DerivedTag]) -> pa.Table:
        try:
            return self.session.ask(layered_sql(source, derived, as_of=self.at.as_of))
        except duckdb.OutOfRangeException as error:
            names = ", ".join(tag.name for tag in derived)
            raise WarehouseError(
                f"a value of one of the derived tags {names} does not fit into 64 bits",
                next_step="look for a multiplication of large amounts in them",
            ) from error

    def _with_scores(self, rows: pa.Table, tags: Sequence[ModelTag]) -> pa.Table:
        for tag in tags:
            scores = self._scores(rows, tag)
            if isinstance(scores, Refusal):
                self.notes.append(Note(tag=tag.name, reason=scores.reason, detail=scores.detail))
                scores = pa.nulls(rows.num_rows, pa.float64())
            rows = rows.append_column(tag.name, pc.cast(scores, pa.float64()))
        return rows

    def _scores(self, rows: pa.Table, tag: ModelTag) -> pa.Array | Refusal:
        model = tag.model
        if self.scorer is None:
            return Refusal(reason=Reason.MODEL_NOT_TRAINED, detail=f"{model.model}: this workspace has no models")
        columns = dict.fromkeys(("customer_id", *model.features, *([model.population] if model.population else ())))
        scores = self.scorer.scores(self.catalog, model.model, rows.select(list(columns)), as_of=self.at.as_of)
        if isinstance(scores, Refusal):
            return scores
        if len(scores) != rows.num_rows:
            raise WarehouseError(
                f"model '{model.model}' gave {len(scores)} scores for {rows.num_rows} customers",
                next_step="this is a fault of Lingque: please report it with the command you ran",
            )
        note = _too_old(tag, self.at.as_of)
        if note is not None:
            self.notes.append(note)
        return scores


def _layers(tags: Sequence[Tag]) -> list[tuple[list[ModelTag], list[DerivedTag]]]:
    """Scores and then derived tags, layer by layer: a score stands one layer above its features."""
    depth: dict[str, int] = {}
    layers: list[tuple[list[ModelTag], list[DerivedTag]]] = [([], [])]
    for tag in tags:
        below = 0 if isinstance(tag, AggregateTag | ListTag) else max((depth[name] for name in tag.inputs), default=0)
        depth[tag.name] = below + 1 if isinstance(tag, ModelTag) else below
        if len(layers) <= depth[tag.name]:
            layers.append(([], []))
        if isinstance(tag, ModelTag):
            layers[depth[tag.name]][0].append(tag)
        elif isinstance(tag, DerivedTag):
            layers[depth[tag.name]][1].append(tag)
    return layers


def _too_old(tag: ModelTag, as_of: date) -> Note | None:
    last = tag.model.validate_as_of + timedelta(days=tag.model.too_old_after_days)
    if as_of <= last:
        return None
    detail = f"{tag.model.model} was judged as of {tag.model.validate_as_of} and should be trained again since {last}"
    return Note(tag=tag.name, reason=Reason.MODEL_TOO_OLD, detail=detail)


def _refuse_overflow(counts: Mapping[str, Any]) -> None:
    for tag, customers in counts.items():
        if customers:
            raise WarehouseError(
                f"tag '{tag}' does not fit into 64 bits for {customers} customer(s)",
                next_step="look for wrong amounts in its table, or shorten its window",
            )

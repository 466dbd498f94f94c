"""One table of tags from the stored rows: aggregates, lists, then derived tags and scores layer by layer."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lingque.catalog.expressions.to_sql import quote
from lingque.catalog.expressions.tree import AmongAll, Name, Node, names_in, walk
from lingque.catalog.expressions.types import Kind
from lingque.catalog.model import AggregateTag, Catalog, DerivedTag, ListTag, ManualTag, ModelTag, Tag
from lingque.core.errors import NotFoundError, WarehouseError
from lingque.core.hashing import Int64s, distinct
from lingque.core.reasons import Reason, Refusal
from lingque.profile.aggregating import Aggregation
from lingque.profile.among_all import standing, without
from lingque.profile.contracts import Note, Scorer
from lingque.profile.kernel.segments import Links
from lingque.profile.manual import Given
from lingque.profile.tag_sql import PointInTime, layered_sql
from lingque.warehouse.engine import Session, Spool

ROWS_AT_ONCE = 50_000
"""Of derived tags: some 40 MB with a hundred tags."""


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What a computation reads besides the definitions: table versions, merged parties (and all that ever were),
    members of lists, values given by people."""

    versions: Mapping[str, int]
    links: pa.Table
    once_linked: Int64s
    members: Mapping[str, Int64s]
    given: Mapping[str, Given]


@dataclass(kw_only=True)
class Computation:
    """Tags as of one point in time, for every customer there is. Used once."""

    session: Session
    catalog: Catalog
    aggregation: Aggregation
    scorer: Scorer | None
    notes: list[Note] = field(default_factory=list)
    _above: list[Layer] = field(default_factory=list, init=False)
    _aside: Spool | None = field(default=None, init=False)

    @property
    def at(self) -> PointInTime:
        return self.aggregation.at

    def run(self, tags: Sequence[Tag], inputs: Inputs) -> pa.Table:
        """`customer_id` and the tags, which stand after their inputs. Raises `NotFoundError`, `WarehouseError`."""
        rows = pa.concat_tables(self.batches(tags, inputs))
        for name, column in zip((late := self.late()).column_names, late.columns, strict=True):
            rows = rows.append_column(name, column)
        return rows.select(["customer_id", *(tag.name for tag in tags)])

    def batches(self, tags: Sequence[Tag], inputs: Inputs) -> Iterator[pa.Table]:
        """The same in several tables, in the order of buckets and customers, but for the tags that need all customers
        together: `late` has them, once all tables were taken."""
        linked = Links.of(
            inputs.links.column("party_id").to_numpy(),
            inputs.links.column("customer_id").to_numpy(),
            once=inputs.once_linked,
        )
        self._prepare(tags, inputs)
        aggregates = [tag for tag in tags if isinstance(tag, AggregateTag)]
        population = partial(self._population, linked, keep=any(one.contract.kind == "party" for one in aggregates))
        (_, derived), *self._above = _layers(tags)
        made = {tag.name for tag in self._late_tags()}
        now = [tag for tag in tags if tag.name not in made]
        columns = ["customer_id", *(tag.name for tag in now)]
        found = (
            _finite(self._derived(_with_stated(batch, tags, inputs), derived).select(columns), now)
            for batch in _gathered(self.aggregation.batches(aggregates, inputs.versions, linked, population))
        )
        if not self._above:
            yield from found
            return
        needed = dict.fromkeys(name for tag in self._late_tags() for name in sorted(tag.inputs) if name not in made)
        self._aside = self.session.spool()
        yield from self._aside.over(found, ["customer_id", *needed])

    def late(self) -> pa.Table:
        """The tags that need all customers together, from the columns they need."""
        if self._aside is None:
            return pa.table({})
        rows = self._aside.table()
        for scores, derived in self._above:
            rows = self._with_scores(rows, scores)
            for tag in derived:  # each by itself: of everybody, what is asked and answered at once fills the memory
                rows = self._compared(rows, tag)
        tags = self._late_tags()
        return _finite(rows.select([tag.name for tag in tags]), tags)

    def _late_tags(self) -> list[ModelTag | DerivedTag]:
        return [tag for layer in self._above for tags in layer for tag in tags]

    def _prepare(self, tags: Sequence[Tag], inputs: Inputs) -> None:
        """Name what is read."""
        party = self.catalog.contract_of_kind("party")
        if party is None or party.contract not in inputs.versions:
            raise NotFoundError("no customers have been ingested yet", next_step="run 'lingque ingest' first")
        self.session.add_versions(inputs.versions)
        read = (tag.contract.contract for tag in tags if isinstance(tag, AggregateTag))
        for table in dict.fromkeys((party.contract, *read)):
            if not self.session.has(table):
                raise NotFoundError(
                    f"table '{table}' holds no rows yet",
                    next_step="run 'lingque ingest', or take the tags on it away",
                )
        self.session.add_arrow("links", inputs.links)

    def _population(self, linked: Links, *, keep: bool) -> Int64s:
        """Every customer known by the moment, whichever of the customer's parties it is known through, in ascending
        order. `keep`: the parties that there are stay to be read, as `parties`."""
        party = self.catalog.contract_of_kind("party")
        if party is None:
            raise TypeError("there are no customers without a contract of theirs")
        # a label may be known later, but of those who were customers on the day
        parameters = {"moment": self.at.moment, "known_by": self.at.moment}
        if keep:
            self.aggregation.add_versions("parties", party, "current_versions", parameters)
            parties = self.session.ask("SELECT party_id FROM parties")
        else:
            parties = self.session.ask(self.aggregation.versions(party, "present"), parameters)
        return distinct(linked.customers_of(parties.column(0).to_numpy()))

    def _derived(self, rows: pa.Table, derived: Sequence[DerivedTag]) -> pa.Table:
        """The rows with derived tags behind them, in their order."""
        if not derived:
            return rows
        needed = [name for name in rows.column_names if any(name in tag.inputs for tag in derived)]
        numbered = rows.select(needed).append_column("_place", pa.array(np.arange(rows.num_rows)))
        self.session.add_arrow("_rows", numbered)
        made = self._ask(derived)
        places = made.column("_place").to_numpy()
        if bool(np.any(places[1:] < places[:-1])):
            order = np.empty(len(places), np.int64)
            order[places] = np.arange(len(places))
            made = made.take(pa.array(order))
        for tag in derived:
            rows = rows.append_column(tag.name, made.column(tag.name))
        return rows

    def _compared(self, rows: pa.Table, tag: DerivedTag) -> pa.Table:
        """The rows with a tag behind them that may compare all customers with each other."""
        beside = rows

        def answered(node: AmongAll) -> Name:
            nonlocal beside
            number = beside.num_columns
            if isinstance(node.operand, Name):
                values = beside.column(node.operand.name)
            else:
                values = self._derived(beside, [_valued(tag, node.operand)]).column(tag.name)
            beside = beside.append_column(f"_among_{number}", standing(node, values))
            return Name(type=node.type, position=node.position, name=f"_among_{number}")

        value = without(tag.value, answered)
        if isinstance(value, Name):
            return rows.append_column(tag.name, beside.column(value.name))
        made = self._derived(beside, [_valued(tag, value)])
        return rows.append_column(tag.name, made.column(tag.name))

    def _ask(self, derived: Sequence[DerivedTag]) -> pa.Table:
        names = ", ".join(quote(tag.name) for tag in derived)
        try:
            return self.session.ask(
                f"SELECT _place, {names} FROM ({layered_sql('_rows', derived, as_of=self.at.as_of)})"
            )
        except duckdb.OutOfRangeException as error:
            raise WarehouseError(
                f"a value of derived tag '{self._guilty(derived)}' does not fit into 64 bits",
                next_step="look for a multiplication of large amounts in it",
            ) from error

    def _guilty(self, derived: Sequence[DerivedTag]) -> str:
        """The first that cannot be computed: the engine tells the value, and not whose it is."""
        for count, tag in enumerate(derived, start=1):
            sql = layered_sql("_rows", derived[:count], as_of=self.at.as_of)
            try:
                self.session.ask(f"SELECT count({quote(tag.name)}) FROM ({sql})")
            except duckdb.OutOfRangeException:
                return tag.name
        return ", ".join(tag.name for tag in derived)

    def _with_scores(self, rows: pa.Table, tags: Sequence[ModelTag]) -> pa.Table:
        asked: dict[str, pa.Array | Refusal] = {}  # tags of one model stand in one layer: it is asked once
        for tag in tags:
            name = tag.model.model
            if name not in asked:
                asked[name] = self._scores(rows, tag)
            scores = asked[name]
            if isinstance(scores, Refusal):
                self.notes.append(Note(tag=tag.name, reason=scores.reason, detail=scores.detail))
                scores = pa.nulls(rows.num_rows, pa.float64())
            elif (note := _too_old(tag, self.at.as_of)) is not None:
                self.notes.append(note)
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
        return scores


def _valued(tag: DerivedTag, value: Node) -> DerivedTag:
    """The tag as if that were its value."""
    return dataclasses.replace(tag, value=value, inputs=names_in(value))


def _gathered(batches: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in fewer tables: asking costs as much of a few as of many."""
    waiting = [next(batches)]
    for batch in batches:
        if sum(table.num_rows for table in [*waiting, batch]) > ROWS_AT_ONCE:
            yield pa.concat_tables(waiting)
            waiting = []
        waiting.append(batch)
    yield pa.concat_tables(waiting)


def _finite(rows: pa.Table, tags: Sequence[Tag]) -> pa.Table:
    """The rows, unless some number in them is none. Raises `WarehouseError`, which names the tag."""
    for tag in tags:
        if tag.type.kind is Kind.NUMBER and pc.all(pc.is_finite(rows.column(tag.name))).as_py() is False:
            raise WarehouseError(
                f"a value of tag '{tag.name}' is too large for a number",
                next_step="look for wrong numbers in what it is made of",
            )
    return rows


def _with_stated(rows: pa.Table, tags: Sequence[Tag], inputs: Inputs) -> pa.Table:
    customers = rows.column("customer_id").to_numpy()
    for tag in tags:
        if isinstance(tag, ListTag):
            rows = rows.append_column(tag.name, pa.array(np.isin(customers, inputs.members[tag.list.list])))
        elif isinstance(tag, ManualTag):
            rows = rows.append_column(tag.name, inputs.given[tag.name].of(customers))
    return rows


Layer = tuple[list[ModelTag], list[DerivedTag]]


def _layers(tags: Sequence[Tag]) -> list[Layer]:
    """Scores and then derived tags, layer by layer: a score stands one layer above its features.

    Above the first layer all customers are together; what compares customers is never in the first.
    """
    depth: dict[str, int] = {}
    layers: list[Layer] = [([], [])]
    for tag in tags:
        inputs = () if isinstance(tag, AggregateTag) else tag.inputs
        below = max((depth[name] for name in inputs), default=0)
        if isinstance(tag, DerivedTag) and any(isinstance(node, AmongAll) for node in walk(tag.value)):
            below = max(below, 1)
        depth[tag.name] = below + 1 if isinstance(tag, ModelTag) else below
        while len(layers) <= depth[tag.name]:
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

"""Data contracts: what a table of the data plane promises."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from lingque.catalog.definitions.shared import (
    ALL_PURPOSES,
    Currency,
    DataClassName,
    Definition,
    LabelText,
    Name,
    PurposeName,
    classes_of,
    purposes_of,
)
from lingque.core.registries import DataClass, Purpose


class Column(Definition):
    """One column of a data contract.

    Roles: `key` names a row in its source and is never stored as it is; `party` names the customer, and
    `reference` a row of another contract, both replaced by a surrogate; `identifier` goes to the vault;
    `event_time`, `valid_from` and `valid_to` (the first day on which it no longer holds; empty or 9999-12-31: still
    open) place the row in time; `known_at` says when the bank's systems knew it, where the contract's lag does not;
    a row whose `deleted` is true ends what its key stood for. Everything else is an `attribute`.
    """

    type: Literal["text", "integer", "number", "money", "date", "timestamp", "boolean"]
    role: Literal[
        "attribute", "key", "party", "reference", "identifier", "event_time", "valid_from", "valid_to", "known_at",
        "deleted",
    ] = "attribute"  # fmt: skip
    references: Name | None = None
    identifier: Literal["name", "email", "phone", "address"] | None = None
    currency: Currency | None = None
    required: bool = False
    allowed: tuple[str, ...] = ()
    classes: tuple[DataClassName, ...] = ()
    level: int = Field(default=3, ge=1, le=5, description="the bank's own grade (JR/T 0197)")
    purposes: tuple[PurposeName, ...] = ALL_PURPOSES

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.type == "money") != (self.currency is not None):
            raise ValueError("a column of type money has a currency, and no other has one")
        if (self.role == "reference") != (self.references is not None):
            raise ValueError("a column with role reference names the contract in 'references', and no other does")
        if (self.role == "identifier") != (self.identifier is not None):
            raise ValueError("a column with role identifier says which in 'identifier', and no other does")
        if self.role in ("event_time", "valid_from", "valid_to", "known_at") and self.type not in TIME_TYPES[self.role]:
            raise ValueError(f"a column with role {self.role} has type {' or '.join(TIME_TYPES[self.role])}")
        if self.type == "timestamp" and self.role not in ("event_time", "known_at"):
            raise ValueError("a column of type timestamp has role event_time or known_at")
        if self.role == "deleted" and self.type != "boolean":
            raise ValueError("a column with role deleted has type boolean")
        if self.role in ("key", "party", "reference", "identifier") and self.type != "text":
            raise ValueError(f"a column with role {self.role} has type text")
        if "identifier" in self.classes:
            raise ValueError("data of class identifier has role key, party, reference or identifier")
        return self

    @property
    def is_required(self) -> bool:
        return self.required or self.role in ("key", "party", "reference", "event_time", "valid_from")

    @property
    def data_classes(self) -> DataClass:
        return classes_of(self.classes)

    @property
    def purpose_set(self) -> frozenset[Purpose]:
        return purposes_of(self.purposes)


class DataContract(Definition):
    """What a table promises. `party` rows are customers of a source, `state` rows hold for a customer from a day on,
    `reference` rows hold for nobody in particular (products, branches, staff), `event` rows happened. `consent` and
    `list` rows go to the consent register and to the customer lists instead of the data plane."""

    contract: Name
    label: LabelText
    kind: Literal["party", "state", "reference", "event", "consent", "list"]
    load: Literal["full", "daily", "delta"] = Field(
        description="what one delivery says: everything that holds (full), what happened on its data date (daily), "
        "or what changed since the one before (delta)"
    )
    gate: float | None = Field(
        default=None, ge=0, le=100, description="the quality score below which a delivery is not published"
    )
    known_after_days: int = Field(
        default=1, ge=0, le=366, description="days from the event until the bank's systems knew it"
    )
    columns: dict[Name, Column]

    @model_validator(mode="after")
    def _roles(self) -> Self:
        wanted: dict[str, tuple[int, int]] = {
            "key": (1, 1),
            "party": (0, 0) if self.kind in ("party", "reference") else (1, 1),
            "event_time": (1, 1) if self.kind in ("event", "consent") else (0, 0),
            "valid_from": (1, 1) if self.holds else (0, 0),
            "valid_to": (0, 1) if self.holds and self.load == "full" else (0, 0),
            "deleted": (0, 1) if self.holds and self.load == "delta" else (0, 0),
            "known_at": (0, 1) if self.kind == "event" else (0, 0),
        }
        if self.load not in LOADS[self.kind]:
            raise ValueError(f"a contract of kind {self.kind} has load {' or '.join(LOADS[self.kind])}")
        for role, (least, most) in wanted.items():
            count = len(self.with_role(role))
            if not least <= count <= most:
                raise ValueError(f"a contract of kind {self.kind} has {most} column(s) with role {role}, not {count}")
        if self.kind != "party" and self.with_role("identifier"):
            raise ValueError("identifiers belong to the contract of kind party")
        kinds = [self.columns[name].identifier for name in self.with_role("identifier")]
        if len(set(kinds)) < len(kinds):
            raise ValueError("two columns hold the same kind of identifier; a party has one of each")
        lacking = sorted(COLUMNS_OF_KIND.get(self.kind, frozenset()) - set(self.columns))
        if lacking:
            raise ValueError(f"a contract of kind {self.kind} has the columns {', '.join(lacking)} too")
        reserved = sorted(set(self.columns) & RESERVED_COLUMNS)
        if reserved:
            raise ValueError(f"column names kept for the platform: {', '.join(reserved)}")
        if self.contract in RESERVED_TABLES:
            raise ValueError(f"table names kept for the platform: {', '.join(sorted(RESERVED_TABLES))}")
        return self

    @model_validator(mode="after")
    def _said_besides(self) -> Self:
        for name, kind in CONSENT_ALSO.items():
            if self.kind == "consent" and name in self.columns and self.columns[name].type != kind:
                raise ValueError(f"column {name} of a contract of kind consent has the type {kind}")
        return self

    def with_role(self, role: str) -> tuple[str, ...]:
        """The names of the columns that have the role."""
        return tuple(name for name, column in self.columns.items() if column.role == role)

    @property
    def stored(self) -> dict[str, Column]:
        """The columns the data plane keeps under their own names."""
        return {name: column for name, column in self.columns.items() if column.role in ("attribute", "reference")}

    @property
    def holds(self) -> bool:
        """Do its rows hold for a span of time (versions of a state), rather than happen at a moment?"""
        return self.kind in ("party", "state", "reference")

    @property
    def of_customers(self) -> bool:
        """Is each of its rows one customer's own?"""
        return self.kind in ("party", "state", "event")

    @property
    def time_column(self) -> Literal["event_time", "valid_from"]:
        return "valid_from" if self.holds else "event_time"


CONSENT_COLUMNS = frozenset({"purpose", "channel", "data_classes", "action", "wording_version", "evidence"})
"""What a consent statement says; `data_classes` as `personal|financial`, empty for all."""

CONSENT_ALSO = {"expires_on": "date", "by_guardian": "boolean"}
"""What a statement may say besides: the day from which on it does not hold any more, and that a guardian made it."""

LIST_COLUMNS = frozenset({"list", "expires_on"})
"""What a member of a customer list says: on which list, and until which day (empty: as the list's definition says)."""

COLUMNS_OF_KIND = {"consent": CONSENT_COLUMNS, "list": LIST_COLUMNS}

LOADS: dict[str, tuple[str, ...]] = {
    "party": ("full", "delta"),
    "state": ("full", "delta"),
    "reference": ("full", "delta"),
    "event": ("full", "daily"),
    "consent": ("full", "daily"),
    "list": ("full", "delta"),
}
"""What a delivery can mean for each kind of contract."""

TIME_TYPES: dict[str, tuple[str, ...]] = {
    "event_time": ("date", "timestamp"),
    "valid_from": ("date",),
    "valid_to": ("date",),
    "known_at": ("date", "timestamp"),
}

RESERVED_COLUMNS = frozenset(
    {
        "row_key",
        "party_id",
        "customer_id",
        "bucket",
        "event_time",
        "valid_from",
        "valid_to",
        "ended",
        "known_at",
        "data_date",
        "as_of",
    }
)

RESERVED_TABLES = frozenset(
    {
        "customer_tags",
        "decisions",
        "labels",
        "links",
        "parties",
        "population",
        "aggregated",
        "scores",
        "members",
        "allotments",
    }
)
"""Tables of ours that stand beside those of the contracts in one engine."""

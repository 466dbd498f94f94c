"""The definitions a bank writes: the shape of every YAML document, checked at the edge.

Each document names its kind by its first field (`contract: customers`). Models are frozen; what they mean
together (names that resolve, expressions that have types) is decided in `lingque.catalog.build`.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from lingque.core.clock import Window
from lingque.core.labels import Label, Language
from lingque.core.money import EXPONENTS, Money
from lingque.core.registries import DataClass, Purpose

NAME = r"^[a-z][a-z0-9_]{0,62}$"
Name = Annotated[str, Field(pattern=NAME)]


def _window(text: str) -> str:
    Window.parse(text)
    return text


def _currency(text: str) -> str:
    if text not in EXPONENTS:
        raise ValueError(f"unknown currency; known are {', '.join(EXPONENTS)}")
    return text


WindowText = Annotated[str, AfterValidator(_window)]
Currency = Annotated[str, AfterValidator(_currency)]
PurposeName = Literal["service", "marketing", "risk", "sharing", "analytics"]
DataClassName = Literal[
    "personal", "financial", "credit_bureau", "health", "location", "biometric", "minor", "identifier"
]
ALL_PURPOSES: tuple[PurposeName, ...] = ("service", "marketing", "risk", "sharing", "analytics")


class Definition(BaseModel):
    """What all definitions share: frozen, and no field is silently ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LabelText(Definition):
    """A label in both languages."""

    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)

    def label(self) -> Label:
        return Label(zh=self.zh, en=self.en)


class Column(Definition):
    """One column of a data contract.

    Roles: `key` names a row in its source and is never stored as it is; `party` names the customer, and
    `reference` a row of another contract, both replaced by a surrogate; `identifier` goes to the vault;
    `event_time` and `valid_from` place the row in time. Everything else is an `attribute`.
    """

    type: Literal["text", "integer", "money", "date", "boolean"]
    role: Literal["attribute", "key", "party", "reference", "identifier", "event_time", "valid_from"] = "attribute"
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
        if self.role in ("event_time", "valid_from") and self.type != "date":
            raise ValueError(f"a column with role {self.role} has type date")
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
        return DataClass.union(DataClass[name.upper()] for name in self.classes)

    @property
    def purpose_set(self) -> frozenset[Purpose]:
        return frozenset(Purpose[name.upper()] for name in self.purposes)


class DataContract(Definition):
    """What a table promises. `party` rows are customers of a source, `state` rows hold from a day on, `event` rows
    happened, `consent` rows go to the consent register instead of the data plane."""

    contract: Name
    label: LabelText
    kind: Literal["party", "state", "event", "consent"]
    load: Literal["full", "daily"] = Field(description="what one delivery replaces: the table, or its data date")
    known_after_days: int = Field(
        default=1, ge=0, le=366, description="days from the event until the bank's systems knew it"
    )
    columns: dict[Name, Column]

    @model_validator(mode="after")
    def _roles(self) -> Self:
        wanted: dict[str, tuple[int, int]] = {
            "key": (1, 1),
            "party": (0, 0) if self.kind == "party" else (1, 1),
            "event_time": (1, 1) if self.kind in ("event", "consent") else (0, 0),
            "valid_from": (1, 1) if self.kind in ("party", "state") else (0, 0),
        }
        for role, (least, most) in wanted.items():
            count = len(self.with_role(role))
            if not least <= count <= most:
                raise ValueError(f"a contract of kind {self.kind} has {most} column(s) with role {role}, not {count}")
        if self.kind != "party" and self.with_role("identifier"):
            raise ValueError("identifiers belong to the contract of kind party")
        kinds = [self.columns[name].identifier for name in self.with_role("identifier")]
        if len(set(kinds)) < len(kinds):
            raise ValueError("two columns hold the same kind of identifier; a party has one of each")
        lacking = sorted(CONSENT_COLUMNS - set(self.columns)) if self.kind == "consent" else []
        if lacking:
            raise ValueError(f"a contract of kind consent has the columns {', '.join(lacking)} too")
        reserved = sorted(set(self.columns) & RESERVED_COLUMNS)
        if reserved:
            raise ValueError(f"column names kept for the platform: {', '.join(reserved)}")
        if self.contract in RESERVED_TABLES:
            raise ValueError(f"table names kept for the platform: {', '.join(sorted(RESERVED_TABLES))}")
        return self

    def with_role(self, role: str) -> tuple[str, ...]:
        """The names of the columns that have the role."""
        return tuple(name for name, column in self.columns.items() if column.role == role)

    @property
    def stored(self) -> dict[str, Column]:
        """The columns the data plane keeps under their own names."""
        return {name: column for name, column in self.columns.items() if column.role in ("attribute", "reference")}

    @property
    def time_column(self) -> Literal["event_time", "valid_from"]:
        return "event_time" if self.kind in ("event", "consent") else "valid_from"


CONSENT_COLUMNS = frozenset({"purpose", "channel", "data_classes", "action", "wording_version", "evidence"})
"""What a consent statement says; `data_classes` as `personal|financial`, empty for all."""

RESERVED_COLUMNS = frozenset(
    {
        "row_key",
        "party_id",
        "customer_id",
        "bucket",
        "event_time",
        "valid_from",
        "valid_to",
        "known_at",
        "data_date",
    }
)

RESERVED_TABLES = frozenset({"customer_tags", "decisions", "labels", "links", "parties", "population", "aggregated"})
"""Tables of ours that stand beside those of the contracts in one engine."""


class FileRead(Definition):
    """Files of one form. `{data_date}` in `files` stands for YYYYMMDD."""

    files: tuple[str, ...] = Field(min_length=1)
    format: Literal["csv"] = "csv"
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    quote: str = Field(default='"', min_length=1, max_length=1)
    encoding: Literal["utf-8", "latin-1"] = "utf-8"


class SourceDefinition(Definition):
    """How one contract is filled from the bank's files: what is read, and the SQL that maps it."""

    source: Name
    system: Name = Field(description="the source system; a customer key means something only within one")
    contract: Name
    data_date: date | None = Field(default=None, description="the day the files speak of, where their names do not say")
    reads: dict[Name, FileRead] = Field(min_length=1)
    mapping: str = Field(description="the SQL file, relative to the workspace")
    mapping_sql: str = ""

    @model_validator(mode="after")
    def _one_date(self) -> Self:
        dated = any("{data_date}" in pattern for read in self.reads.values() for pattern in read.files)
        if dated == (self.data_date is not None):
            raise ValueError("either the file names hold {data_date} or 'data_date' says the day")
        return self


class TagDefinition(Definition):
    """An aggregate tag (`from`, `value`, mostly `window` and `where`) or a derived one (`value` over tags)."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)

    tag: Name
    label: LabelText
    family: Literal[
        "demographics", "assets", "wealth", "credit", "payments", "consumption", "channel", "lifecycle", "value",
        "risk", "scenario", "relationship",
    ]  # fmt: skip
    owner: str = ""
    source: Name | None = Field(default=None, alias="from")
    where: str = ""
    window: WindowText | None = None
    value: str = Field(min_length=1)

    @model_validator(mode="after")
    def _form(self) -> Self:
        if self.source is None and (self.where or self.window):
            raise ValueError("'where' and 'window' go with 'from'; a derived tag has only a value")
        if self.tag in RESERVED_TAGS:
            raise ValueError(f"tag names kept for the platform: {', '.join(sorted(RESERVED_TAGS))}")
        return self


RESERVED_TAGS = frozenset({"customer_id", "bucket", "as_of"})
"""What a snapshot says besides the tags."""


class Creative(Definition):
    """The words of an offer on one channel in one language."""

    subject: str = Field(min_length=1, max_length=200, pattern=r"^[^\r\n]*$")
    body: str = Field(min_length=1)


class OfferDefinition(Definition):
    """Something that can be proposed. Amounts in major units of `currency`."""

    offer: Name
    label: LabelText
    regime: Literal["deposit", "loan", "service"]
    valid_from: date
    valid_to: date = Field(description="the first day on which it is no longer offered")
    eligibility: str = "true"
    currency: Currency
    margin: Decimal = Field(description="expected profit of one conversion, before the cost of contact")
    response: float = Field(
        gt=0, lt=1, description="assumed probability of a conversion after contact; the log says so"
    )
    annual_rate: Decimal | None = Field(default=None, description="percent a year; shown in every loan creative")
    creatives: dict[Literal["email"], dict[Language, Creative]]

    @model_validator(mode="after")
    def _lawful(self) -> Self:
        try:
            Money.parse(str(self.margin), self.currency)  # as many digits as the currency has, and no more
        except OverflowError as error:
            raise ValueError(str(error)) from error
        if self.valid_to <= self.valid_from:
            raise ValueError("valid_to must come after valid_from")
        for channel, languages in self.creatives.items():
            if not languages:
                raise ValueError(f"channel {channel} has no creative")
            for language, creative in languages.items():
                if self.regime == "loan" and "{annual_rate}" not in creative.body:
                    raise ValueError(
                        f"creatives.{channel}.{language} of a loan must show {{annual_rate}}"
                        " (PBOC announcement 2021 No. 3)"
                    )
        if self.regime == "loan" and self.annual_rate is None:
            raise ValueError("a loan states its annual_rate (PBOC announcement 2021 No. 3)")
        return self


class CampaignDefinition(Definition):
    """Who (segment) × what (offers) × how (channel) × proof (outcome against a hold-out)."""

    campaign: Name
    label: LabelText
    owner: Name = Field(description="the user who answers for it; may never approve it")
    purpose: PurposeName = "marketing"
    segment: Name
    offers: tuple[Name, ...] = Field(min_length=1)
    channel: Literal["email"] = "email"
    language: Language = "zh"
    contact_cost: Decimal = Field(default=Decimal(0), ge=0, description="of one message, in the offers' currency")
    hold_out: float = Field(default=0.2, gt=0, lt=1, description="share never contacted, to measure the effect")
    outcome: Name = Field(description="a tag that looks forward: what counts as success")


AnyDefinition = DataContract | SourceDefinition | TagDefinition | OfferDefinition | CampaignDefinition

KINDS: dict[str, type[AnyDefinition]] = {
    "contract": DataContract,
    "source": SourceDefinition,
    "tag": TagDefinition,
    "offer": OfferDefinition,
    "campaign": CampaignDefinition,
}


def kind_of(definition: AnyDefinition) -> str:
    """The word its document begins with."""
    return next(kind for kind, model in KINDS.items() if isinstance(definition, model))


def name_of(definition: AnyDefinition) -> str:
    return str(getattr(definition, kind_of(definition)))

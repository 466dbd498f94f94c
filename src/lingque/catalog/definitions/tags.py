"""Tags, and what tags can come from besides tables: models and customer lists."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from lingque.catalog.definitions.shared import (
    ALL_PURPOSES,
    Currency,
    DataClassName,
    Definition,
    LabelText,
    Name,
    PurposeName,
    TagWindowText,
    classes_of,
    purposes_of,
)
from lingque.core.registries import DataClass, Purpose


def _no_identifier(classes: tuple[DataClassName, ...]) -> tuple[DataClassName, ...]:
    if "identifier" in classes:
        raise ValueError("identifiers belong to the contract of kind party, and never to a tag")
    return classes


StatedClasses = Annotated[tuple[DataClassName, ...], AfterValidator(_no_identifier)]
"""Of which classes of data something is that people or files say of customers, and no column."""


class ManualValues(Definition):
    """What values people or files may give a tag, and for how long each is good."""

    type: Literal["text", "integer", "number", "money", "date", "boolean"]
    currency: Currency | None = None
    allowed: tuple[str, ...] = Field(default=(), description="the texts that it may be; none: any")
    valid_days: int | None = Field(default=None, ge=1, description="days after which a value is taken back")
    classes: StatedClasses = ("personal",)
    purposes: tuple[PurposeName, ...] = ALL_PURPOSES

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.type == "money") != (self.currency is not None):
            raise ValueError("a tag of type money has a currency, and no other has one")
        if self.allowed and self.type != "text":
            raise ValueError("'allowed' goes with type text")
        return self

    @property
    def data_classes(self) -> DataClass:
        return classes_of(self.classes)

    @property
    def purpose_set(self) -> frozenset[Purpose]:
        return purposes_of(self.purposes)


class TagDefinition(Definition):
    """An aggregate tag (`from`, `value`, mostly `window` and `where`), a derived one (`value` over tags), the score of
    a `model`, membership of a `list`, or values given by people or files (`manual`)."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)

    tag: Name
    label: LabelText
    family: Literal[
        "demographics", "assets", "wealth", "credit", "payments", "consumption", "channel", "lifecycle", "value",
        "risk", "scenario", "relationship",
    ]  # fmt: skip
    owner: str = ""
    meaning: LabelText | None = Field(default=None, description="what it says of a customer, in a sentence")
    reveals: tuple[DataClassName, ...] = Field(
        default=(), description="classes of what the value says, besides those of its columns: what was paid to a "
        "hospital is an amount of money, and says something of health"
    )  # fmt: skip
    source: Name | None = Field(default=None, alias="from")
    where: str = ""
    window: TagWindowText | None = None
    value: str = ""
    model: Name | None = None
    list: Name | None = None
    manual: ManualValues | None = None
    clock: Literal["daily", "live"] = Field(
        default="daily", description="daily: the value of the newest snapshot; live: worked out when it is asked for"
    )

    @model_validator(mode="after")
    def _form(self) -> Self:
        if self.source is None and (self.where or self.window):
            raise ValueError("'where' and 'window' go with 'from'; a derived tag has only a value")
        if sum([bool(self.value), *(one is not None for one in (self.model, self.list, self.manual))]) != 1:
            raise ValueError("a tag has one of 'value', 'model', 'list' and 'manual'")
        if self.clock == "live" and not self.value:
            raise ValueError("only a tag with a 'value' can be live; scores, lists and manual tags are daily")
        if self.source is not None and not self.value:
            raise ValueError("'from' goes with 'value'")
        if "identifier" in self.reveals:
            raise ValueError("identifiers belong to the contract of kind party, and never to a tag")
        if self.tag in RESERVED_TAGS:
            raise ValueError(f"tag names kept for the platform: {', '.join(sorted(RESERVED_TAGS))}")
        return self


RESERVED_TAGS = frozenset({"customer_id", "bucket", "as_of"})
"""What a snapshot says besides the tags."""


class ModelDefinition(Definition):
    """A model that predicts a label from tags. Its score is a tag (`model: NAME`), a calibrated probability."""

    model: Name
    label: LabelText
    owner: str = ""
    target: Name = Field(description="the label: a true-or-false tag that looks forward")
    population: Name | None = Field(default=None, description="a segment: whom it learns from and is asked about")
    features: tuple[Name, ...] = Field(min_length=1)
    train_as_of: tuple[date, ...] = Field(min_length=1, description="the days whose snapshots it learns from")
    validate_as_of: date = Field(description="a later day, on which it is calibrated and judged")
    calibration: Literal["sigmoid", "isotonic"] = "sigmoid"
    seed: int = Field(default=1, ge=0)
    too_old_after_days: int = Field(default=400, ge=1, description="days after validate_as_of until a score warns")

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if max(self.train_as_of) >= self.validate_as_of:
            raise ValueError("validate_as_of comes after every day in train_as_of")
        if len(set(self.features)) < len(self.features):
            raise ValueError("a feature stands twice")
        return self


class ListDefinition(Definition):
    """A list of customers, uploaded or delivered. `exclude` keeps its members from being contacted;
    `audience` only tells who is on it. The reason of a `secret` list is shown to compliance only. `classes` and
    `purposes` are those of what its members were chosen by: a tag on the list inherits them."""

    list: Name
    label: LabelText
    owner: Name = Field(description="the user who answers for it")
    effect: Literal["exclude", "audience"]
    secret: bool = False
    valid_days: int | None = Field(default=None, ge=1, description="days after which a member is taken off")
    classes: StatedClasses = ("personal",)
    purposes: tuple[PurposeName, ...] = ALL_PURPOSES

    @model_validator(mode="after")
    def _secret(self) -> Self:
        if self.secret and self.effect != "exclude":
            raise ValueError("only a list that excludes can be secret")
        return self

    @property
    def data_classes(self) -> DataClass:
        return classes_of(self.classes)

    @property
    def purpose_set(self) -> frozenset[Purpose]:
        return purposes_of(self.purposes)

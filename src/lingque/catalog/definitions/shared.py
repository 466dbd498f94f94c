"""What all definitions share: strictness, names, labels, and the words of closed registries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from lingque.core.clock import Window, parse_window
from lingque.core.labels import Label
from lingque.core.money import EXPONENTS
from lingque.core.periods import Period
from lingque.core.registries import DataClass, Purpose

NAME = r"^[a-z][a-z0-9_]{0,62}$"
Name = Annotated[str, Field(pattern=NAME)]


def _window(text: str) -> str:
    Window.parse(text)
    return text


def _period(text: str) -> str:
    Period.parse(text)
    return text


def _tag_window(text: str) -> str:
    if since_condition(text) is None:
        parse_window(text)
    return text


def since_condition(window: str) -> str | None:
    """The condition of a window that begins with an event (`since kind = 'salary'`); None of any other window."""
    word, _, condition = window.strip().partition(" ")
    return condition.strip() if word.lower() == "since" else None


def _currency(text: str) -> str:
    if text not in EXPONENTS:
        raise ValueError(f"unknown currency; known are {', '.join(EXPONENTS)}")
    return text


WindowText = Annotated[str, AfterValidator(_window)]
"""A rolling window."""
PeriodText = Annotated[str, AfterValidator(_period)]
"""A period in which contacts are counted."""
TagWindowText = Annotated[str, AfterValidator(_tag_window)]
"""Any window."""
Currency = Annotated[str, AfterValidator(_currency)]
PurposeName = Literal["service", "marketing", "risk", "sharing", "analytics"]
DataClassName = Literal[
    "personal", "financial", "credit_bureau", "health", "location", "biometric", "minor", "identifier"
]
ChannelName = Literal["email", "sms", "rm_call"]
"""On which the bank comes to the customer."""
SlotName = Literal["app", "web", "stm", "lobby", "tablet", "chat"]
"""On which the customer comes to the bank: app, web, smart teller machine, lobby screen, tablet in the branch, chat."""
ALL_PURPOSES: tuple[PurposeName, ...] = ("service", "marketing", "risk", "sharing", "analytics")


def classes_of(names: Iterable[DataClassName]) -> DataClass:
    return DataClass.union(DataClass[name.upper()] for name in names)


def purposes_of(names: Iterable[PurposeName]) -> frozenset[Purpose]:
    return frozenset(Purpose[name.upper()] for name in names)


class Definition(BaseModel):
    """Frozen, and no field is silently ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LabelText(Definition):
    """A label in both languages."""

    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)

    def label(self) -> Label:
        return Label(zh=self.zh, en=self.en)

"""What all definitions share: strictness, names, labels, and the words of closed registries."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from lingque.core.clock import Window
from lingque.core.labels import Label
from lingque.core.money import EXPONENTS

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
ChannelName = Literal["email", "sms", "rm_call"]
ALL_PURPOSES: tuple[PurposeName, ...] = ("service", "marketing", "risk", "sharing", "analytics")


class Definition(BaseModel):
    """Frozen, and no field is silently ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LabelText(Definition):
    """A label in both languages."""

    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)

    def label(self) -> Label:
        return Label(zh=self.zh, en=self.en)

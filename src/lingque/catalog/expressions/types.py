"""The types an expression can have."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What sort of value. Money has a currency besides."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    NUMBER = "number"
    MONEY = "money"
    TEXT = "text"
    DATE = "date"
    NULL = "null"


@dataclass(frozen=True)
class Type:
    """A kind, and for money its currency."""

    kind: Kind
    currency: str = ""

    def __str__(self) -> str:
        return f"{self.kind.value} in {self.currency}" if self.currency else self.kind.value


BOOLEAN = Type(Kind.BOOLEAN)
INTEGER = Type(Kind.INTEGER)
NUMBER = Type(Kind.NUMBER)
TEXT = Type(Kind.TEXT)
DATE = Type(Kind.DATE)
NULL = Type(Kind.NULL)


def money(currency: str) -> Type:
    return Type(Kind.MONEY, currency)


NUMERIC = frozenset({Kind.INTEGER, Kind.NUMBER, Kind.MONEY})

"""The closed, numbered registries of the law: purposes and data classes.

Numbers stand in consent records and decision logs; they never change their meaning and are never reused.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum, IntFlag

from lingque.core.labels import Label


class Purpose(IntEnum):
    """What data is used for. Consent is given per purpose (PIPL art. 14)."""

    SERVICE = 1
    MARKETING = 2
    RISK = 3
    SHARING = 4
    ANALYTICS = 5

    @property
    def label(self) -> Label:
        return PURPOSE_LABELS[self]


PURPOSE_LABELS: dict[Purpose, Label] = {
    Purpose.SERVICE: Label(zh="履行合同的服务", en="service under the contract"),
    Purpose.MARKETING: Label(zh="营销", en="marketing"),
    Purpose.RISK: Label(zh="风险管理", en="risk management"),
    Purpose.SHARING: Label(zh="向第三方提供", en="sharing with partners"),
    Purpose.ANALYTICS: Label(zh="分析与建模", en="analysis and modelling"),
}


class DataClass(IntFlag):
    """What kind of data a column holds: a set, kept as a bit mask. The empty set is not personal.

    A tag has the union of the classes of what it is built on (`lingque.catalog.lineage`).
    """

    PERSONAL = 1
    FINANCIAL = 2
    CREDIT_BUREAU = 4
    HEALTH = 8
    LOCATION = 16
    BIOMETRIC = 32
    MINOR = 64
    IDENTIFIER = 128

    @staticmethod
    def union(classes: Iterable[DataClass]) -> DataClass:
        result = DataClass(0)
        for one in classes:
            result |= one
        return result

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(one.name.lower() for one in DataClass if one in self and one.name)


SENSITIVE = (
    DataClass.FINANCIAL
    | DataClass.CREDIT_BUREAU
    | DataClass.HEALTH
    | DataClass.LOCATION
    | DataClass.BIOMETRIC
    | DataClass.MINOR
)
"""The classes that need separate consent for marketing (PIPL art. 28–31).

`financial` is among them by the prudent reading of art. 28: "financial accounts" covers what moves on them."""

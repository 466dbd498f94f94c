"""The bank's own people and places: the tree of branches, relationship managers and whom they look after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from lingque.core.hashing import Float64s, Int64s
from lingque.twin.days import day_number
from lingque.twin.parameters import TwinParameters

CITIES = ("上海", "北京", "深圳", "广州", "杭州", "成都", "武汉", "南京", "西安", "长沙")
CITY_SHARES = (0.18, 0.15, 0.12, 0.12, 0.10, 0.10, 0.08, 0.06, 0.05, 0.04)
_PROVINCES = ("上海", "北京", "广东", "广东", "浙江", "四川", "湖北", "江苏", "陕西", "湖南")
_QUARTERS = ("营业部", "城东", "城西", "高新", "滨江", "南湖", "北门")
_CUSTOMERS_PER_MANAGER = 120
_CHANGED_SHARE = 0.1
_SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许"
_GIVEN = "文博志远雅琴立群海燕建国晓东丽华永康"


@dataclass(frozen=True, kw_only=True)
class Organisation:
    """A place of the bank; the head office has no parent."""

    code: str
    name: str
    level: Literal["head_office", "province", "city", "branch"]
    parent_code: str


@dataclass(frozen=True, kw_only=True)
class Branches:
    """The whole tree, and the branches in it by city (position in `CITIES`)."""

    tree: tuple[Organisation, ...]
    code: tuple[str, ...]
    of_city: tuple[tuple[int, ...], ...]
    """Positions in `code`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Staff:
    """Relationship managers, and who looked after whom from which day on (by customer and day)."""

    staff_no: tuple[str, ...]
    name: tuple[str, ...]
    branch: Int64s
    customer: Int64s
    manager: Int64s
    from_day: Int64s

    @classmethod
    def make(cls, parameters: TwinParameters, *, wealth: Float64s, branch: Int64s, opened_day: Int64s) -> Staff:
        random = parameters.stream("managers")
        managed = managed_customers(parameters, wealth)
        count = np.bincount(branch[managed], minlength=len(BRANCHES.code)) // _CUSTOMERS_PER_MANAGER + 1
        first = np.concatenate([[0], np.cumsum(count)])
        at = branch[managed]
        manager = first[at] + random.integers(0, count[at])
        today = day_number(parameters.as_of)
        since = random.integers(np.maximum(opened_day[managed], today - 5 * 365), today)
        # somebody else looked after a few of them before
        changed = (random.random(len(managed)) < _CHANGED_SHARE) & (count[at] > 1) & (since > opened_day[managed])
        before = first[at] + (manager - first[at] + 1) % count[at]
        customer = np.concatenate([managed, managed[changed]])
        from_day = np.concatenate([since, opened_day[managed][changed]])
        order = np.lexsort((from_day, customer))
        names = random.integers(0, (len(_SURNAMES), len(_GIVEN)), (int(first[-1]), 2)).tolist()
        return cls(
            staff_no=tuple(f"S{number:05d}" for number in range(1, int(first[-1]) + 1)),
            name=tuple(_SURNAMES[a] + _GIVEN[b] for a, b in names),
            branch=np.repeat(np.arange(len(count)), count),
            customer=customer[order],
            manager=np.concatenate([manager, before[changed]])[order],
            from_day=from_day[order],
        )


def managed_customers(parameters: TwinParameters, wealth: Float64s) -> Int64s:
    """Positions of those who have a relationship manager: the wealthiest."""
    count = int(parameters.managed_share * parameters.customers)
    return np.sort(np.argsort(-wealth, kind="stable")[:count])


def _branches() -> Branches:
    tree = [Organisation(code="0000", name="灵鹊银行总行", level="head_office", parent_code="")]
    provinces: dict[str, str] = {}
    codes: list[str] = []
    of_city = []
    for number, (city, province) in enumerate(zip(CITIES, _PROVINCES, strict=True), 1):
        if province not in provinces:
            provinces[province] = f"{len(provinces) + 1}000"
            tree.append(
                Organisation(code=provinces[province], name=f"{province}分行", level="province", parent_code="0000")
            )
        city_code = f"C{number:03d}"
        tree.append(Organisation(code=city_code, name=f"{city}市分行", level="city", parent_code=provinces[province]))
        here = []
        for place in _QUARTERS[: 2 + round(28 * CITY_SHARES[number - 1])]:
            here.append(len(codes))
            codes.append(f"B{len(codes) + 1:04d}")
            tree.append(Organisation(code=codes[-1], name=f"{city}{place}支行", level="branch", parent_code=city_code))
        of_city.append(tuple(here))
    return Branches(tree=tuple(tree), code=tuple(codes), of_city=tuple(of_city))


BRANCHES = _branches()

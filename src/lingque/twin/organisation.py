"""The bank's own people and places: the tree of branches, relationship managers and whom they look after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from lingque.core.hashing import Float64s, Int64s
from lingque.twin.blocks import Block
from lingque.twin.days import day_number
from lingque.twin.parameters import TwinParameters

CITIES = ("上海", "北京", "深圳", "广州", "杭州", "成都", "武汉", "南京", "西安", "长沙")
CITY_SHARES = (0.18, 0.15, 0.12, 0.12, 0.10, 0.10, 0.08, 0.06, 0.05, 0.04)
_PROVINCES = ("上海", "北京", "广东", "广东", "浙江", "四川", "湖北", "江苏", "陕西", "湖南")
_CENTRES = (
    *((31.23, 121.47), (39.90, 116.40), (22.54, 114.06), (23.13, 113.26), (30.27, 120.16)),
    *((30.57, 104.07), (30.59, 114.31), (32.06, 118.80), (34.34, 108.94), (28.23, 112.94)),
)
_OFFSETS = ((0.0, 0.0), (0.01, 0.05), (0.0, -0.05), (0.05, 0.04), (-0.04, 0.03), (-0.06, -0.01), (0.06, -0.02))
_QUARTERS = ("营业部", "城东", "城西", "高新", "滨江", "南湖", "北门")
CUSTOMERS_PER_MANAGER = 120
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
class Merger:
    """A branch that was closed, and the branch (position in `Branches.code`) that took its customers over."""

    code: str
    name: str
    into: int
    days_before: int
    """How long before `as_of`."""


@dataclass(frozen=True, kw_only=True)
class Branches:
    """The whole tree, and the branches in it by city (position in `CITIES`)."""

    tree: tuple[Organisation, ...]
    code: tuple[str, ...]
    of_city: tuple[tuple[int, ...], ...]
    """Positions in `code`."""
    share: Float64s
    """Of the customers, by branch."""
    latitude: Float64s
    """In degrees (WGS 84), about: quarters of a city lie a few kilometres apart."""
    longitude: Float64s
    merged: tuple[Merger, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Staff:
    """Relationship managers of the whole bank, by branch; each can look after so many customers (`capacity`)."""

    staff_no: tuple[str, ...]
    name: tuple[str, ...]
    branch: Int64s
    capacity: Int64s
    first: Int64s
    """Of each branch: position of its first manager."""
    count: Int64s

    @classmethod
    def make(cls, parameters: TwinParameters) -> Staff:
        """As many as the branch can be expected to need."""
        random = Block(parameters=parameters, number=0).stream("managers")
        expected = parameters.customers * parameters.managed_share * BRANCHES.share
        count = (expected // CUSTOMERS_PER_MANAGER).astype(np.int64) + 1
        total = int(count.sum())
        names = random.integers(0, (len(_SURNAMES), len(_GIVEN)), (total, 2)).tolist()
        return cls(
            staff_no=tuple(f"S{number:05d}" for number in range(1, total + 1)),
            name=tuple(_SURNAMES[a] + _GIVEN[b] for a, b in names),
            branch=np.repeat(np.arange(len(count)), count),
            capacity=CUSTOMERS_PER_MANAGER + 10 * random.integers(-3, 6, total),
            first=np.cumsum(count) - count,
            count=count,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Assignments:
    """Who looked after whom from which day on, by customer and day."""

    customer: Int64s
    manager: Int64s
    from_day: Int64s

    @classmethod
    def make(cls, block: Block, staff: Staff, *, wealth: Float64s, branch: Int64s, opened_day: Int64s) -> Assignments:
        random = block.stream("assignments")
        managed = managed_customers(block.parameters.managed_share, wealth)
        at = branch[managed]
        manager = staff.first[at] + random.integers(0, staff.count[at])
        today = day_number(block.parameters.as_of)
        since = random.integers(np.maximum(opened_day[managed], today - 5 * 365), today)
        # somebody else looked after a few of them before
        changes = random.random(len(managed)) < _CHANGED_SHARE
        changed = changes & (staff.count[at] > 1) & (since > opened_day[managed])
        before = staff.first[at] + (manager - staff.first[at] + 1) % staff.count[at]
        customer = np.concatenate([managed, managed[changed]])
        from_day = np.concatenate([since, opened_day[managed][changed]])
        order = np.lexsort((from_day, customer))
        return cls(
            customer=customer[order],
            manager=np.concatenate([manager, before[changed]])[order],
            from_day=from_day[order],
        )


def managed_customers(share: float, wealth: Float64s) -> Int64s:
    """Positions of those who have a relationship manager: the wealthiest share."""
    count = int(share * len(wealth))
    return np.sort(np.argsort(-wealth, kind="stable")[:count])


def _branches() -> Branches:
    tree = [Organisation(code="0000", name="灵鹊银行总行", level="head_office", parent_code="")]
    provinces: dict[str, str] = {}
    codes: list[str] = []
    of_city = []
    latitude, longitude, share = [], [], []
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
            north, east = _OFFSETS[len(here) - 1]
            latitude.append(_CENTRES[number - 1][0] + north)
            longitude.append(_CENTRES[number - 1][1] + east)
            tree.append(Organisation(code=codes[-1], name=f"{city}{place}支行", level="branch", parent_code=city_code))
        of_city.append(tuple(here))
        share += [CITY_SHARES[number - 1] / len(here)] * len(here)
    return Branches(
        tree=tuple(tree),
        code=tuple(codes),
        of_city=tuple(of_city),
        share=np.array(share),
        latitude=np.array(latitude),
        longitude=np.array(longitude),
        merged=(
            Merger(code="B0901", name="上海老城支行", into=0, days_before=150),
            Merger(code="B0902", name="成都东门支行", into=of_city[CITIES.index("成都")][0], days_before=70),
        ),
    )


BRANCHES = _branches()

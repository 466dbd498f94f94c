"""What the twin's kinds of needs, stages and bookings are called."""

from __future__ import annotations

from lingque.core.labels import Label

_WORDS = {
    "student": ("学生", "student"),
    "single": ("单身", "single"),
    "couple": ("二人家庭", "couple"),
    "young_family": ("年轻家庭", "young family"),
    "grown_family": ("成熟家庭", "grown family"),
    "empty_nest": ("空巢", "empty nest"),
    "retired": ("退休", "retired"),
    "active": ("活跃", "active"),
    "slackening": ("走弱", "slackening"),
    "leaving": ("流失中", "leaving"),
    "left": ("已流失", "left"),
    "deposit_maturity": ("定期到期", "deposit matures"),
    "idle_money": ("闲置资金", "idle money"),
    "renovation": ("装修", "renovation"),
    "car": ("汽车", "car"),
    "home": ("购房", "home"),
    "education": ("教育", "education"),
    "travel": ("旅行", "travel"),
    "medical": ("医疗", "medical"),
    "retirement": ("退休", "retirement"),
    "cash_need": ("资金周转", "short of cash"),
    "moving_money_away": ("资金外流", "moving money away"),
    "salary_start": ("开始代发", "salary begins"),
    "utilities": ("水电燃气", "utilities"),
    "telecom": ("通信", "telecom"),
    "rent": ("房租", "rent"),
    "groceries": ("日用食品", "groceries"),
    "dining": ("餐饮", "dining"),
    "transport": ("交通", "transport"),
    "online_shopping": ("网购", "online shopping"),
    "clothing": ("服饰", "clothing"),
    "electronics": ("电子产品", "electronics"),
    "entertainment": ("娱乐", "entertainment"),
    "housing": ("住房", "housing"),
    "home_improvement": ("家装", "home improvement"),
}


def word_of(name: str) -> Label:
    """Raises `KeyError` for a kind that has no name here."""
    zh, en = _WORDS[name]
    return Label(zh=zh, en=en)

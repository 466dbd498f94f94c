"""A page with pictures by which a banker can judge whether a simulated bank could be real.

In: the figures of a `Twin`. Out: one HTML file without network or script; equal figures give equal text.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import numpy as np
from jinja2 import Environment, StrictUndefined, Template

from lingque.core.labels import Label, Language
from lingque.entry.report.content import Bar, Bars
from lingque.entry.report.plots import FONTS, draw
from lingque.entry.twin_report.drawing import by_day, histogram, line
from lingque.entry.twin_report.words import word_of
from lingque.twin.figures import LOOKED_DAYS, Figures

_TITLE = Label(zh="模拟银行：像不像真的？", en="The simulated bank: could it be real?")
_YUAN = 10_000


def render(figures: Figures, language: Language) -> str:
    """The whole page in one language."""
    numbers = [(label.in_language(language), text) for label, text in _numbers(figures)]
    pictures = [(label.in_language(language), svg) for label, svg in _pictures(figures, language)]
    style = (files("lingque.entry.report") / "report.css").read_text(encoding="utf-8").replace("FONTS", FONTS)
    return _template().render(
        title=_TITLE.in_language(language), language=language, style=style, numbers=numbers, pictures=pictures
    )


def _numbers(figures: Figures) -> list[tuple[Label, str]]:
    assets = np.sort(figures.assets)[::-1]
    tenth = assets[: max(len(assets) // 10, 1)].sum() / max(assets.sum(), 1)
    months = len(figures.bookings_by_day) * 12 / 365
    each = figures.transactions / figures.customers / months
    return [
        (Label(zh="客户数", en="Customers"), f"{figures.customers:,}"),
        (Label(zh="交易笔数", en="Transactions"), f"{figures.transactions:,}"),
        (Label(zh="每户每月交易", en="Transactions per customer and month"), f"{each:.1f}"),
        (Label(zh="月收入中位数（元）", en="Median monthly income, CNY"), f"{np.median(figures.incomes):,.0f}"),
        (Label(zh="户均资产（元）", en="Mean assets per customer, CNY"), f"{assets.mean():,.0f}"),
        (Label(zh="资产中位数（元）", en="Median assets, CNY"), f"{np.median(assets):,.0f}"),
        (Label(zh="前 10% 客户持有的资产", en="Held by the wealthiest tenth"), f"{tenth:.0%}"),
    ]


def _pictures(figures: Figures, language: Language) -> list[tuple[Label, str]]:
    assets = np.sort(figures.assets)[::-1]
    share = np.cumsum(assets) / max(assets.sum(), 1)
    percent = np.linspace(0, len(share) - 1, 101).astype(int)
    ten_thousands = figures.assets[figures.assets > 0] / _YUAN
    offsets = np.arange(-LOOKED_DAYS, LOOKED_DAYS + 1)
    # money that only moves elsewhere would hide what is spent
    spent = {name: amount for name, amount in figures.spent.items() if name != "transfer_out"}
    pictures = [
        (Label(zh="年龄（岁）", en="Age in years"), histogram("age", figures.ages, bins=np.arange(15, 92, 5))),
        (
            Label(zh="月收入（元）", en="Monthly income, CNY"),
            histogram("income", figures.incomes, bins=np.arange(0, 30_001, 1_000)),
        ),
        (
            Label(zh="资产（万元，对数刻度）", en="Assets in 10,000 CNY, on a logarithmic scale"),
            histogram("assets", ten_thousands, bins=np.geomspace(0.01, 1_000, 41), logarithmic=True),
        ),
        (
            Label(
                zh="最富有的 x% 客户持有多少资产（%）",
                en="How much of the assets the wealthiest x % of customers hold, in %",
            ),
            line("lorenz", np.arange(101), share[percent] * 100),
        ),
        (
            Label(
                zh="每日交易笔数（虚线为春节；尖峰为发薪、结息日）",
                en="Transactions by day; dashed: Spring Festival; peaks: interest and paydays",
            ),
            by_day("bookings", figures.first_day, figures.bookings_by_day, marks=figures.festivals),
        ),
        (
            Label(zh="每日网购笔数（尖峰为双11与618）", en="Purchases on the web by day; peaks: 11 November, 18 June"),
            by_day("shopping", figures.first_day, figures.shopping_by_day, marks=figures.festivals),
        ),
        _bars(
            "spent",
            Label(zh="支出构成（万元，不含转出）", en="What is spent, in 10,000 CNY, transfers left out"),
            spent,
            language,
            per=_YUAN,
        ),
        (
            Label(zh="代发日（每月几号）", en="Salaries by day of the month"),
            line("paydays", np.arange(1, 32), figures.paydays),
        ),
        _bars("life", Label(zh="人生阶段（人）", en="Life stages, customers"), figures.life_stages, language),
        _bars("churn", Label(zh="流失阶段（人）", en="Stages of leaving, customers"), figures.churn_stages, language),
        _bars("needs", Label(zh="需求（次）", en="Needs, how many began in the history"), figures.needs, language),
    ]
    if figures.visits_around_needs.any():  # short logs hold no whole time around a maturity
        visits = Label(
            zh="定期到期前后的手机银行访问（0 为到期日）",
            en="Visits to the app around the day on which a deposit matures (0)",
        )
        pictures.append((visits, line("visits", offsets, figures.visits_around_needs, marks=(0,))))
    return pictures


def _bars(
    name: str, label: Label, values: Mapping[str, float], language: Language, *, per: float = 1.0
) -> tuple[Label, str]:
    """The first at the top."""
    drawn = [Bar(label=word_of(one).in_language(language), count=round(value / per)) for one, value in values.items()]
    return label, draw(Bars(title=label.in_language(language), bars=tuple(drawn)), name)


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page = (files("lingque.entry.twin_report") / "page.html").read_text(encoding="utf-8")
    return environment.from_string(page)

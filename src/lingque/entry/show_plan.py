"""What a terminal shows of plans: stages, who is left after each step, refusals, forecast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lingque.catalog.model import Catalog
from lingque.core.labels import Label, Language
from lingque.core.money import Money
from lingque.core.reasons import Reason
from lingque.decide.contracts import Step
from lingque.engage.contracts import Forecast, Plan
from lingque.engage.explain import CHANNEL_LABELS, explain
from lingque.engage.life_cycle import STATE_LABELS
from lingque.entry.show import table
from lingque.flow.what_if import WhatIf

_BAR = 40


def campaigns(catalog: Catalog, plans: Mapping[str, Plan | None], language: Language) -> Table:
    head = ("活动", "名称", "负责人", "客群快照", "状态")
    made = table(*(head if language == "zh" else ("campaign", "label", "owner", "as of", "state")))
    for name, campaign in sorted(catalog.campaigns.items()):
        newest = plans.get(name)
        state = "" if newest is None else STATE_LABELS[newest.state].in_language(language)
        day = "" if newest is None else newest.as_of.isoformat()
        made.add_row(name, campaign.label.label().in_language(language), campaign.owner, day, state)
    return made


def state_line(entry: Plan, language: Language) -> Text:
    """One line after a step."""
    state = STATE_LABELS[entry.state].in_language(language)
    return Text(f"✓ {entry.campaign}: {state}  ·  {entry.digest[:12]}")


def plan(entry: Plan, catalog: Catalog, language: Language) -> RenderableType:
    """Stages, who is left after each step, refusals by reason, and the forecast."""
    forecast = entry.forecast
    label = catalog.campaign(entry.campaign).label.label().in_language(language)
    state = STATE_LABELS[entry.state].in_language(language)
    stages = table("", "", title=f"{label}  ·  {entry.campaign}  ·  {entry.digest[:12]}  ·  {state}")
    stages.show_header = False
    for title, text in explain(entry, catalog, language):
        stages.add_row(title, text)
    parts: list[RenderableType] = [stages]
    if forecast.waterfall:
        parts.append(waterfall(forecast.waterfall, language))
    if forecast.refusals:
        title = Label(zh="不触达的原因（可多项）", en="not contacted because (several may hold)").in_language(language)
        parts.append(counts({Reason[name]: n for name, n in forecast.refusals.items()}, title, language))
    parts.extend(Text(line) for line in _forecast(forecast, language))
    if forecast.detectable_effect is not None:
        points = f"{forecast.detectable_effect * 100:.1f}"
        zh = f"在该样本量下，低于 {points} 个百分点的效果难以与偶然区分"
        en = f"with groups of this size, an effect under {points} percentage points can hardly be told from chance"
        parts.append(Text(Label(zh=zh, en=en).in_language(language), style="dim"))
    return Group(*parts)


def waves(plans: Sequence[Plan], language: Language) -> Table:
    """One line a wave: what was forecast for it, and where it stands."""
    head = ("波次", "快照日", "状态", "预计触达") if language == "zh" else ("wave", "snapshot", "state", "to contact")
    made = table(*head, right=(head[0], head[3]))
    for plan in plans:
        state = STATE_LABELS[plan.state].in_language(language)
        made.add_row(str(plan.wave_id), plan.as_of.isoformat(), state, f"{plan.forecast.to_contact:,}")
    return made


def waterfall(steps: tuple[tuple[str, int], ...], language: Language) -> Table:
    """How many are left after each step, as bars."""
    title = Label(zh="触达漏斗", en="who is left after each step").in_language(language)
    made = table("", "", "", title=title)
    made.show_header = False
    made.columns[1].justify = "right"
    most = max((count for _, count in steps), default=0) or 1
    for step, count in steps:
        label = Step(step).label.in_language(language)
        made.add_row(f"  {label}", f"{count:,}", Text("█" * round(count / most * _BAR), style="cyan"))
    return made


def counts(entries: Mapping[Reason, int], title: str, language: Language) -> Table:
    made = table("", "", title=title)
    made.show_header = False
    made.columns[1].justify = "right"
    for reason, count in entries.items():
        made.add_row(f"  {reason.label.in_language(language)}", f"{count:,}")
    return made


def _forecast(forecast: Forecast, language: Language) -> list[str]:
    def money(minor: int) -> str:
        return str(Money(minor=minor, currency=forecast.currency))

    channels = ", ".join(
        f"{CHANNEL_LABELS[channel].in_language(language)} {count:,}" for channel, count in forecast.by_channel.items()
    )
    lines = [
        Label(
            zh=f"预计触达 {forecast.to_contact:,} 人（{channels}），留出 {forecast.to_hold_out:,} 人；"
            f"成本 {money(forecast.cost)}，预期增量利润 {money(forecast.expected_profit)}",
            en=f"would contact {forecast.to_contact:,} ({channels}) and hold out {forecast.to_hold_out:,}; "
            f"cost {money(forecast.cost)}, expected incremental profit {money(forecast.expected_profit)}",
        )
    ]
    if forecast.conversions_interval is not None and forecast.profit_interval is not None:
        low, high = forecast.conversions_interval
        least, most = forecast.profit_interval
        lines.append(
            Label(
                zh=f"若响应率假设成立：转化 {forecast.expected_conversions:,.0f}（{low:,.0f} 至 {high:,.0f}），"
                f"利润 {money(least)} 至 {money(most)}（95%）",
                en=f"if the responses are as assumed: {forecast.expected_conversions:,.0f} conversions "
                f"({low:,.0f} to {high:,.0f}), profit {money(least)} to {money(most)} (95 %)",
            )
        )
    for campaign, count in forecast.overlap.items():
        lines.append(
            Label(
                zh=f"其中 {count:,} 人近 30 天内已被活动 {campaign} 触达",
                en=f"{count:,} of them were contacted by campaign {campaign} within 30 days",
            )
        )
    return [line.in_language(language) for line in lines]


def what_if(entry: WhatIf, language: Language) -> RenderableType:
    """As it is and as it would be, side by side, and how refusals change."""
    head = Label(zh="指标|现在|调整后|变化", en="|as it is|as it would be|change").in_language(language).split("|")
    made = table(*head, title=f"{entry.campaign}  ·  {entry.as_of}")
    for column in made.columns[1:]:
        column.justify = "right"
    rows: list[tuple[Label, int, int]] = [
        (Label(zh="可触达客户", en="to contact"), entry.now.to_contact, entry.then.to_contact),
        (Label(zh="对照组", en="held out"), entry.now.to_hold_out, entry.then.to_hold_out),
    ]
    for label, now, then in rows:
        made.add_row(label.in_language(language), f"{now:,}", f"{then:,}", f"{then - now:+,}")
    for label, now, then in (
        (Label(zh="预期利润", en="expected profit"), entry.now.expected_profit, entry.then.expected_profit),
        (Label(zh="触达成本", en="cost of contacts"), entry.now.cost, entry.then.cost),
    ):
        shown = [str(Money(minor=minor, currency=entry.now.currency)) for minor in (now, then, then - now)]
        made.add_row(label.in_language(language), *shown)
    for reason, change in entry.refusals_change.items():
        label = Reason[reason].label
        before, after = entry.now.refusals.get(reason, 0), entry.then.refusals.get(reason, 0)
        made.add_row(f"{label.in_language(language)}  {reason}", f"{before:,}", f"{after:,}", f"{change:+,}")
    return made

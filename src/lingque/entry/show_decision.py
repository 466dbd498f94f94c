"""A decision explained, made again, or judged against another policy, for a terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from lingque.core.clock import BusinessCalendar, datetime_of
from lingque.core.labels import Label, Language
from lingque.core.money import Money
from lingque.decide.off_policy import Estimate, EstimatorName
from lingque.engage.explain import CHANNEL_LABELS
from lingque.entry.show import table
from lingque.flow.explaining import Explained, Option
from lingque.flow.judging import PolicyJudged
from lingque.flow.replaying import Replayed

_ARMS = {
    "contact": Label(zh="✓ 触达", en="✓ contacted"),
    "hold_out": Label(zh="○ 对照组（不触达）", en="○ held out"),
    "none": Label(zh="✗ 未选", en="✗ not chosen"),
}

_ESTIMATORS: dict[EstimatorName, Label] = {
    "ips": Label(zh="逆概率加权 IPS", en="inverse propensity (IPS)"),
    "snips": Label(zh="自归一化 SNIPS", en="self-normalised (SNIPS)"),
    "dr": Label(zh="双重稳健 DR", en="doubly robust (DR)"),
}


def explained(found: Explained, calendar: BusinessCalendar, language: Language) -> RenderableType:
    """What was decided, what each candidate was worth, and per reason what would have to change."""
    at = f"{datetime_of(found.decided_at).astimezone(calendar.time_zone):%Y-%m-%d %H:%M:%S}"
    title = Label(
        zh=f"客户 {found.customer_id}  ·  {found.campaign}  ·  {at} 决策（{found.as_of} 快照）",
        en=f"customer {found.customer_id}  ·  {found.campaign}  ·  decided {at} (snapshot as of {found.as_of})",
    )
    parts: list[RenderableType] = [Text(title.in_language(language), style="bold")]
    for option in found.options:
        parts.append(Text(_headline(option, language)))
        parts.append(Text(_worth(option, language), style="dim"))
        parts.extend(Text(line) for line in _against(option, language))
    if found.decision_id:
        parts.append(Text(f"lingque decisions replay {found.decision_id}", style="dim"))
    return Group(*parts)


def _headline(option: Option, language: Language) -> str:
    channel = CHANNEL_LABELS[option.channel].in_language(language)
    return f"{_ARMS[option.arm].in_language(language)}  {option.label.in_language(language)}  ·  {channel}"


def _worth(option: Option, language: Language) -> str:
    def money(minor: int) -> str:
        return str(Money(minor=minor, currency=option.currency))

    parts = (
        f"{option.response:.2%} × {money(option.margin)} − {money(option.losses)} − {money(option.fatigue)}"
        f" − {money(option.cost)} = {money(option.value)}"
    )
    names = Label(
        zh=f"响应 × 毛利 − 预期损失 − 疲劳 − 触达成本：{parts}；影子价格 {money(option.price)}",
        en=f"response × margin − losses − fatigue − contact: {parts}; price {money(option.price)}",
    )
    return f"    {names.in_language(language)}"


def _against(option: Option, language: Language) -> list[str]:
    lines = []
    for one in option.against:
        needs = "" if one.needs is None else f"  →  {one.needs.in_language(language)}"
        lines.append(f"    – {one.reason.label.in_language(language)} ({one.reason.name}){needs}")
    return lines


def replayed(found: Replayed, language: Language) -> RenderableType:
    """Whether it came out the same, and what that is worth."""
    verdict = (
        Label(zh=f"✓ {found.decisions:,} 位客户的决策重演一致", en=f"✓ {found.decisions:,} decisions came out the same")
        if found.same
        else Label(
            zh=f"✗ 重演 {found.decisions:,} 位客户的决策，结果不一致",
            en=f"✗ of {found.decisions:,} decisions some came out otherwise",
        )
    )
    lines: list[RenderableType] = [Text(verdict.in_language(language), style="bold")]
    if found.elsewhere:
        told = ", ".join(found.elsewhere)
        other = Label(
            zh=f"决策时的代码或机器不同（{told}），不保证一致",
            en=f"it was decided by other code or elsewhere ({told}): sameness is not promised",
        )
        lines.append(Text(other.in_language(language)))
    if found.differences:
        head = ("客户", "产品", "渠道", "列") if language == "zh" else ("customer", "offer", "channel", "column")
        made = table(*head)
        for one in found.differences:
            made.add_row(str(one.customer_id), one.offer, one.channel, one.column)
        lines.append(made)
    return Group(*lines)


def judged(found: PolicyJudged, language: Language) -> RenderableType:
    """The estimates of both measures, the gain over what was done, and what all that stands on."""
    title = Label(
        zh=f"策略 {found.policy} · {found.name} · 结果 {found.outcome}",
        en=f"policy {found.policy} · {found.name} · outcome {found.outcome}",
    )
    parts: list[RenderableType] = [Text(title.in_language(language), style="bold")]
    head = ("", "每次触达转化率", "每次触达利润") if language == "zh" else ("", "conversions", "profit per contact")
    made = table(*head, right=head[1:])
    for one, money in zip(found.conversions.estimates, found.profit.estimates, strict=True):
        made.add_row(_ESTIMATORS[one.estimator].in_language(language), _share(one), _money(money, found.currency))
    logged = Label(zh="实际决策", en="what was done").in_language(language)
    made.add_row(logged, _share(found.conversions.logged), _money(found.profit.logged, found.currency))
    gain = Label(zh="增益", en="gain").in_language(language)
    made.add_row(gain, _share(found.conversions.gain), _money(found.profit.gain, found.currency))
    overlap = found.conversions.overlap
    basis = Label(
        zh=f"{overlap.decisions:,} 次触达，有效样本量 {overlap.effective:,.0f}，最大权重 {overlap.largest_weight:.1f}，"
        f"无支持占比 {overlap.unsupported:.1%}，平均权重 {overlap.mean_weight:.3f}",
        en=f"{overlap.decisions:,} contacts, effectively {overlap.effective:,.0f}; largest weight"
        f" {overlap.largest_weight:.1f}, {overlap.unsupported:.1%} without support, mean {overlap.mean_weight:.3f}",
    )
    parts += [made, Text(basis.in_language(language), style="dim")]
    if not overlap.propensities_fit:
        doubt = Label(
            zh="⚠ 平均权重偏离 1：记录的概率可能有误", en="⚠ the mean weight is far from 1: logged chances may be wrong"
        )
        parts.append(Text(doubt.in_language(language)))
    return Group(*parts)


def _share(one: Estimate) -> str:
    return f"{one.value:.2%} ({one.interval[0]:.2%} … {one.interval[1]:.2%})"


def _money(one: Estimate, currency: str) -> str:
    value, low, high = (str(Money(minor=round(each), currency=currency)) for each in (one.value, *one.interval))
    return f"{value} ({low} … {high})"

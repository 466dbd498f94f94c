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
from lingque.engage.contracts import Forecast, Plan, SharedLimit, Together
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
        given = {Step.CHOSEN: Label(zh="分给本活动", en="given to this campaign")} if entry.share is not None else {}
        parts.append(waterfall(forecast.waterfall, language, labels=given))
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


def waterfall(
    steps: tuple[tuple[str, int], ...], language: Language, *, labels: Mapping[Step, Label] | None = None
) -> Table:
    """How many are left after each step, as bars. `labels`: what a step is called instead of its own name."""
    title = Label(zh="触达漏斗", en="who is left after each step").in_language(language)
    made = table("", "", "", title=title)
    made.show_header = False
    made.columns[1].justify = "right"
    most = max((count for _, count in steps), default=0) or 1
    for step, count in steps:
        label = (labels or {}).get(Step(step), Step(step).label).in_language(language)
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
    if forecast.together is not None:
        lines.append(_beside(forecast.together, money(forecast.together.profit_alone)))
    for campaign, count in forecast.overlap.items():
        lines.append(
            Label(
                zh=f"其中 {count:,} 人近 30 天内已被活动 {campaign} 触达",
                en=f"{count:,} of them were contacted by campaign {campaign} within 30 days",
            )
        )
    return [line.in_language(language) for line in lines]


def _beside(together: Together, alone: str) -> Label:
    """What being planned with others costs it."""
    gone = [
        Label(zh=f"{count:,} 人分给 {to}", en=f"{count:,} go to {to}")
        if to
        else Label(zh=f"{count:,} 人未分给任何活动", en=f"{count:,} to none of them")
        for to, count in together.lost.items()
    ]
    zh, en = "，".join(one.zh for one in gone), ", ".join(one.en for one in gone)
    return Label(
        zh=f"单独规划可触达 {together.contacts_alone:,} 人、利润 {alone}{f'；其中 {zh}' if gone else ''}",
        en=f"planned by itself it would contact {together.contacts_alone:,}, for {alone}"
        f"{f'; of these {en}' if gone else ''}",
    )


def programme(plans: Sequence[Plan], catalog: Catalog, language: Language) -> RenderableType:
    """Campaigns planned together side by side, and what each limit holds and is worth. Of plans with a share only."""
    head = Label(
        zh="活动|触达|留出|预期利润|单独可触达|让出|状态",
        en="campaign|contacts|held out|profit|alone|lost|state",
    )
    columns = head.in_language(language).split("|")
    shared = next(plan.forecast.together for plan in plans if plan.forecast.together is not None)
    title = Label(zh=f"统筹方案 {shared.programme}", en=f"programme {shared.programme}").in_language(language)
    made = table(*columns, right=columns[1:6], title=title)
    for one in plans:
        forecast, together = one.forecast, one.forecast.together
        if together is None:
            continue
        made.add_row(
            one.campaign,
            f"{forecast.to_contact:,}",
            f"{forecast.to_hold_out:,}",
            _money(forecast.expected_profit, forecast),
            f"{together.contacts_alone:,}",
            f"{sum(together.lost.values()):,}",
            STATE_LABELS[one.state].in_language(language),
        )
    return Group(made, _limits(shared, plans[0].forecast, catalog, language))


def _limits(shared: Together, forecast: Forecast, catalog: Catalog, language: Language) -> Table:
    head = Label(zh="限制|额度|已用|再增一单位可得", en="limit|amount|used|one more earns")
    columns = head.in_language(language).split("|")
    best = _money(shared.best_possible, forecast)
    title = Label(
        zh=f"合计 {_money(shared.expected_profit, forecast)}，任何方案不超过 {best}",
        en=f"together {_money(shared.expected_profit, forecast)}; no choice earns more than {best}",
    )
    made = table(*columns, right=columns[1:], title=title.in_language(language))
    for limit in shared.limits:
        spent = limit.limit in ("budget", "offer_budget")
        amount, used = (
            (_money(round(one), forecast) if spent else f"{one:,.0f}") for one in (limit.amount, limit.used)
        )
        price = _money(round(limit.price * (100 if spent else 1)), forecast)
        if limit.limit == "minimum":
            price = Label(zh=f"少一次：{price}", en=f"one less: {price}").in_language(language)
        made.add_row(_name_of_limit(limit, catalog, language).in_language(language), amount, used, price)
    for hours in shared.hours:
        campaign = catalog.campaigns.get(hours.campaign)
        mine = hours.campaign if campaign is None else campaign.label.label().in_language(language)
        name = Label(
            zh=f"工时，按 {hours.of}（{f'「{mine}」' if mine else '合计'}；{hours.short_units:,} 位不足）",
            en=f"hours by {hours.of}, {f'“{mine}”' if mine else 'all together'}; {hours.short_units:,} short",
        )
        most = hours.short[0] if hours.short else None
        price = _money(most.price if most else 0, forecast) + (f" ({most.unit})" if most else "")
        made.add_row(name.in_language(language), f"{hours.minutes / 60:,.1f}", f"{hours.used / 60:,.1f}", price)
    return made


def _name_of_limit(limit: SharedLimit, catalog: Catalog, language: Language) -> Label:
    """What people call a limit of campaigns planned together."""
    campaign = catalog.campaigns.get(limit.campaign)
    mine = limit.campaign if campaign is None else campaign.label.label().in_language(language)
    of = Label(zh=f"「{mine}」" if mine else "合计", en=f"“{mine}”" if mine else "all together")
    match limit.limit:
        case "channel":
            channel = CHANNEL_LABELS[limit.subject]
            return Label(zh=f"{channel.zh}容量（{of.zh}）", en=f"{channel.en}, {of.en}")
        case "stock" | "offer_budget":
            what = Label(zh="库存", en="stock") if limit.limit == "stock" else Label(zh="预算", en="budget")
            label = catalog.offers[limit.subject].label if limit.subject in catalog.offers else None
            offer = limit.subject if label is None else label.in_language(language)
            return Label(zh=f"「{offer}」{what.zh}", en=f"{what.en} of “{offer}”")
        case "budget":
            return Label(zh=f"预算（{of.zh}）", en=f"budget, {of.en}")
        case "minimum":
            return Label(
                zh=f"{of.zh}最低触达" if mine else "服务类优先触达",
                en=f"minimum, {of.en}" if mine else "service, first",
            )


def _money(minor: int, forecast: Forecast) -> str:
    return str(Money(minor=minor, currency=forecast.currency))


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

"""A plan in words: one line per stage, the same stages that the run carries out."""

from __future__ import annotations

from collections.abc import Iterator

from lingque.catalog.model import Catalog
from lingque.core.labels import Label, Language
from lingque.core.money import Money
from lingque.engage.contracts import (
    AskLeave,
    ChannelPlan,
    Decide,
    Evaluate,
    Forecast,
    HoursLimit,
    Plan,
    RunPilot,
    SelectAudience,
    ShareOut,
    Stage,
    Together,
    WriteContacts,
)


def explain(plan: Plan, catalog: Catalog, language: Language) -> Iterator[tuple[str, str]]:
    """Per stage its title and what it will do, in the language asked for."""
    for stage in plan.stages:
        title, text = _line(stage, plan, catalog, language)
        yield title.in_language(language), text.in_language(language)
        if isinstance(stage, Decide) and plan.forecast.best_possible is not None:
            yield _ALLOCATION.in_language(language), _allocation(plan.forecast, language)
        if isinstance(stage, ShareOut) and plan.forecast.together is not None:
            shared = _allocation_together(plan.forecast.together, plan.forecast.currency)
            yield _ALLOCATION.in_language(language), shared.in_language(language)


def _line(stage: Stage, plan: Plan, catalog: Catalog, language: Language) -> tuple[Label, Label]:
    forecast = plan.forecast
    match stage:
        case SelectAudience():
            label = _tag_label(catalog, stage.segment, language)
            place = stage.organisation
            counted = f"{forecast.audience:,}", f"{forecast.customers:,}"
            return Label(zh="客群", en="audience"), Label(
                zh=f"{stage.as_of} 快照中{f'机构 {place} 及其下属的' if place else ''}「{label}」的客户："
                f"{counted[1]} 人中的 {counted[0]} 人",
                en=f"“{label}”{f' of organisation {place} and all under it' if place else ''}"
                f" in the snapshot as of {stage.as_of}: {counted[0]} of {counted[1]} customers",
            )
        case AskLeave():
            classes = ", ".join(sorted({name for _, mask in stage.data_classes for name in mask.names})) or "none"
            channels = ", ".join(stage.channels)
            return Label(zh="许可", en="leave"), Label(
                zh=f"按「{stage.purpose.label.zh}」目的、渠道（{channels}）及数据类别（{classes}）逐人核验",
                en=f"asked for each customer: purpose {stage.purpose.label.en}, channels {channels}, "
                f"data classes {classes}",
            )
        case Decide():
            offers = ", ".join(
                catalog.offers[name].label.in_language(language) for name, _ in stage.offers if name in catalog.offers
            )
            return Label(zh="决策", en="decide"), Label(
                zh=f"产品：{offers}；渠道：{_channels(stage, language)}；随机留出 {stage.hold_out:.0%} 作对照组"
                f"{_hours(stage).zh}{_exploration(stage).zh}",
                en=f"offers: {offers}; channels: {_channels(stage, language)}; {stage.hold_out:.0%} held out at random"
                f"{_hours(stage).en}{_exploration(stage).en}",
            )
        case ShareOut():
            names = [name for name, _ in stage.campaigns if name != plan.campaign]
            others = [_campaign_label(catalog, name, language) for name in names]
            return Label(zh="统筹", en="together"), Label(
                zh=f"与「{'」「'.join(others)}」一并规划（统筹方案 {stage.programme}）：统一分配客户、容量与预算",
                en=f"planned with {', '.join(f'“{one}”' for one in others)} (programme {stage.programme}): customers, "
                "capacities and budgets are shared out among them",
            )
        case RunPilot():
            return Label(zh="试点", en="pilot"), Label(
                zh=f"先在随机抽取的 {stage.share:.0%} 客户中试点，评审通过后再推广",
                en=f"a random {stage.share:.0%} of the audience first; the rest after the pilot has been approved",
            )
        case WriteContacts():
            return Label(zh="触达", en="contact"), Label(
                zh=f"约 {forecast.to_contact:,} 次触达（{stage.language}），发送前再次核验许可",
                en=f"about {forecast.to_contact:,} contacts ({stage.language}), leave asked again before each",
            )
        case Evaluate():
            label = _tag_label(catalog, stage.outcome, language)
            return Label(zh="评估", en="evaluate"), Label(
                zh=f"触达组与对照组的「{label}」之差，附置信区间",
                en=f"“{label}”: contacted against held out, with an interval",
            )


CHANNEL_LABELS: dict[str, Label] = {
    "email": Label(zh="邮件", en="e-mail"),
    "sms": Label(zh="短信", en="text message"),
    "rm_call": Label(zh="客户经理", en="relationship manager"),
    "app": Label(zh="手机银行", en="app"),
    "web": Label(zh="网上银行", en="web"),
    "stm": Label(zh="智能柜员机", en="smart teller machine"),
    "lobby": Label(zh="厅堂屏幕", en="lobby screen"),
    "tablet": Label(zh="网点平板", en="tablet in the branch"),
    "chat": Label(zh="在线客服", en="chat"),
}


_ALLOCATION = Label(zh="分配", en="allocation")


def _allocation(forecast: Forecast, language: Language) -> str:
    """How good the choice is, and what each limit costs."""

    def money(minor: int) -> str:
        return str(Money(minor=minor, currency=forecast.currency))

    most = max(forecast.best_possible or 0, 1)
    gap = f"{(most - forecast.expected_profit) / most:.2%}" if forecast.best_possible else f"{0:.2%}"
    lines = [
        Label(
            zh=f"任何方案的预期利润不超过 {money(forecast.best_possible or 0)}；本方案差距至多 {gap}",
            en=f"no choice is expected to earn more than {money(forecast.best_possible or 0)}; "
            f"this one is within {gap} of it",
        )
    ]
    for limit in forecast.limits:
        name, left = CHANNEL_LABELS[limit.channel], limit.capacity - limit.contacts
        lines.append(
            Label(
                zh=f"{name.zh}：容量 {limit.capacity:,}，余 {left:,}，再增一次触达约值 {money(limit.price)}",
                en=f"{name.en}: capacity {limit.capacity:,}, {left:,} left, one more contact would earn about "
                f"{money(limit.price)}",
            )
        )
    for of in forecast.offer_limits:
        spent = of.limit == "budget"
        amount, rest = (
            (money(of.amount), money(of.amount - of.used)) if spent else (f"{of.amount:,}", f"{of.amount - of.used:,}")
        )
        unit = money(round(of.price * 100)) if spent else money(round(of.price))
        lines.append(
            Label(
                zh=f"{of.offer} 的{'预算' if spent else '库存'}：可用 {amount}，余 {rest}，"
                f"再增{'一元' if spent else '一份'}约值 {unit}",
                en=f"{of.limit} of {of.offer}: {amount} at hand, {rest} left, one more "
                f"{'of the currency' if spent else 'piece'} would earn about {unit}",
            )
        )
    lines += [hours_line(one, forecast.currency) for one in forecast.hours]
    return Label(zh="；".join(line.zh for line in lines), en="; ".join(line.en for line in lines)).in_language(language)


def hours_line(limit: HoursLimit, currency: str) -> Label:
    """Whose hours there are, how many of them are used, and of whom an hour more would earn most."""
    at_hand, used = f"{limit.minutes / 60:,.1f}", f"{limit.used / 60:,.1f}"
    worst = limit.short[0] if limit.short else None
    price = "" if worst is None else str(Money(minor=worst.price, currency=currency))
    zh = f"，{limit.short_units:,} 位工时不足，{worst.unit} 再增一小时约值 {price}" if worst else "，工时均有余"
    en = (
        f", {limit.short_units:,} of them short: an hour more of {worst.unit} would earn about {price}"
        if worst
        else ", nobody short"
    )
    return Label(
        zh=f"工时（按 {limit.of}，{limit.units:,} 位）：可用 {at_hand} 小时，已用 {used} 小时{zh}",
        en=f"hours by {limit.of} ({limit.units:,}): {at_hand} at hand, {used} used{en}",
    )


def _allocation_together(together: Together, currency: str) -> Label:
    """How good the choice is for all campaigns."""
    worth = Money(minor=together.expected_profit, currency=currency)
    best = Money(minor=together.best_possible, currency=currency)
    gap = (together.best_possible - together.expected_profit) / max(together.best_possible, 1)
    return Label(
        zh=f"各活动合计预期利润 {worth}，任何方案不超过 {best}；本方案差距至多 {gap:.2%}",
        en=f"all of them are expected to earn {worth}; no choice earns more than {best}, this one is within {gap:.2%}"
        " of it",
    )


def _hours(stage: Decide) -> Label:
    """Whose time contacts take."""
    if not stage.hours:
        return Label(zh="", en="")
    told = [
        (one.of, ", ".join(f"{channel} {minutes}" for channel, minutes in one.minutes.items()), f"{one.each / 60:g}")
        for one in stage.hours
    ]
    return Label(
        zh="".join(f"；工时按 {of}：每位 {each} 小时，每次触达（分钟）{minutes}" for of, minutes, each in told),
        en="".join(f"; hours by {of}: {each} of each, minutes of a contact {minutes}" for of, minutes, each in told),
    )


def _exploration(stage: Decide) -> Label:
    """What chance on purpose does, to follow what is held out."""
    terms = stage.exploration
    if terms is None:
        return Label(zh="", en="")
    coin = Label(
        zh=f"以 {terms.epsilon:.0%} 的概率随机选取任一可推荐项", en=f"any candidate in {terms.epsilon:.0%} of the cases"
    )
    draw = Label(zh="按评分的不确定性抽样选取", en="the best of a draw of the scores' uncertainty")
    told = [label for label, on in ((coin, terms.epsilon > 0), (draw, terms.thompson)) if on]
    return Label(
        zh=f"；探索：{'，'.join(one.zh for one in told)}（记录概率）",
        en=f"; explores: {', '.join(one.en for one in told)}, with logged probabilities",
    )


def _channels(stage: Decide, language: Language) -> str:
    def shown(use: ChannelPlan) -> str:
        limit = Label(zh=f"，上限 {use.capacity}", en=f", at most {use.capacity}") if use.capacity is not None else None
        name = CHANNEL_LABELS[use.channel].in_language(language)
        cost = Money(minor=use.contact_cost, currency=stage.currency)
        return f"{name} ({cost}{limit.in_language(language) if limit else ''})"

    return ", ".join(shown(use) for use in stage.channels)


def _tag_label(catalog: Catalog, name: str, language: Language) -> str:
    """The label; the bare name of a tag that was withdrawn since the plan was made."""
    tag = catalog.tags.get(name)
    return name if tag is None else tag.definition.label.label().in_language(language)


def _campaign_label(catalog: Catalog, name: str, language: Language) -> str:
    """The label; the bare name of a campaign that was withdrawn since the plan was made."""
    campaign = catalog.campaigns.get(name)
    return name if campaign is None else campaign.label.label().in_language(language)

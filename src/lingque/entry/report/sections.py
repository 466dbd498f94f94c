"""The sections of a report, each on one subject; `None` where there is nothing to say."""

from __future__ import annotations

from lingque.core.reasons import Refusal
from lingque.entry.report.amounts import Unit, between, money, short_money
from lingque.entry.report.content import Bar, Bars, Grid, Interval, Intervals, Section
from lingque.entry.report.page import NamedPart, Outcome, ReportPage
from lingque.entry.report.phrases import Phrases
from lingque.measure.contracts import Effect, Proportion


def reach(page: ReportPage, said: Phrases) -> Section | None:
    if not page.waterfall:
        return None
    bars: list[Bar] = []
    left = page.waterfall[0].count
    for step in page.waterfall:
        lost = 0 if step.aside else left - step.count
        bars.append(Bar(label=said.say(step.label), count=step.count, lost=lost, aside=step.aside))
        left = left - step.count if step.aside else step.count
    first, last = bars[0], next(bar for bar in reversed(bars) if not bar.aside)
    share = f"{last.count / first.count:.1%}" if first.count else "—"
    rows = tuple(
        (bar.label, f"{bar.count:,}", f"{-bar.lost:,}" if bar.lost else "", f"{bar.count / first.count:.1%}")
        for bar in bars
        if first.count
    )
    return Section(
        name="reach",
        title=said.words["reach"],
        lead=said.both(
            zh=f"名单中 {first.count:,} 人，最终{last.label} {last.count:,} 人（{share}）。",
            en=f"{first.count:,} customers in the list; {last.label}: {last.count:,} ({share}).",
        ),
        plots=(Bars(title=said.words["reach"], bars=tuple(bars)),),
        grid=Grid(columns=said.columns("step", "customers", "lost", "of_list"), rows=rows),
    )


def refusals(page: ReportPage, said: Phrases) -> Section | None:
    if not page.refusals:
        return None
    bars = tuple(Bar(label=said.say(one.label), count=one.count) for one in page.refusals)
    return Section(
        name="refusals",
        title=said.words["refusals"],
        lead=said.words["refusals_lead"],
        plots=(Bars(title=said.words["refusals"], bars=bars),),
        grid=said.counts("reason", "candidates", bars),
    )


def effect(page: ReportPage, said: Phrases) -> Section:
    outcome = page.main
    found = outcome.effect
    title = said.both(zh=f"效果：{outcome.label.zh}", en=f"Effect: {outcome.label.en}")
    columns = said.columns("group", "customers", "successes", "rate")
    if not isinstance(found, Effect):
        return Section(
            name="effect", title=title, lead=said.verdict(outcome), plots=(), grid=Grid(columns=columns, rows=())
        )
    groups = ((said.words["contacted"], found.contacted), (said.words["held_out"], found.held_out))
    rates = tuple(said.rate(name, group, aside=group is found.held_out) for name, group in groups)
    return Section(
        name="effect",
        title=title,
        lead=said.effect_words(found),
        plots=(
            Intervals(title=said.words["rates"], rows=rates, zero="0 %"),
            Intervals(
                title=said.words["effect"],
                rows=(said.difference(said.words["effect"], outcome),),
                zero=said.words["no_effect"],
            ),
        ),
        grid=Grid(
            columns=columns,
            rows=tuple((name, f"{g.units:,}", f"{g.successes:,}", f"{g.rate:.2%}") for name, g in groups),
        ),
        notes=tuple(
            note for note in (said.truth(outcome), said.words["proven" if found.is_proven else "open"]) if note
        ),
    )


def further(page: ReportPage, said: Phrases) -> Section | None:
    if not page.further:
        return None
    rows: list[tuple[str, ...]] = []
    for outcome in page.further:
        effect, unit = outcome.effect, said.unit(outcome)
        name = said.say(outcome.label)
        if isinstance(effect, Refusal):
            rows.append((name, "—", "—", "—", ""))
            continue
        first, second = (
            unit.value(group.rate if isinstance(group, Proportion) else group.mean)
            for group in (effect.contacted, effect.held_out)
        )
        rows.append((name, first, second, unit.change(effect.difference), said.total(outcome)))
    return Section(
        name="further",
        title=said.words["further"],
        lead=said.words["further_lead"],
        plots=tuple(
            Intervals(
                title=said.say(outcome.label),
                rows=(said.difference(said.say(outcome.label), outcome),),
                zero=said.words["no_effect"],
            )
            for outcome in page.further
            if not isinstance(outcome.effect, Refusal)
        ),
        grid=Grid(columns=said.columns("outcome", "contacted", "held_out", "difference", "in_total"), rows=tuple(rows)),
        notes=tuple(
            f"{said.say(outcome.label)} · {note}"
            for outcome in page.further
            for note in (said.refusal(outcome.effect) if isinstance(outcome.effect, Refusal) else said.truth(outcome),)
            if note
        ),
    )


def profit(page: ReportPage, said: Phrases) -> Section | None:
    found = page.profit
    if found is None and not page.spent:
        return None

    def amount(minor: int) -> str:
        return money(minor, page.currency, said.language)

    rows = [
        (f"{said.words['spent']} · {said.say(one.channel)} ({one.sent:,})", amount(-one.minor)) for one in page.spent
    ]
    if found is None:
        grid = Grid(columns=said.columns("item", "amount"), rows=tuple(rows))
        return Section(
            name="profit", title=said.words["profit_title"], lead=said.words["no_profit"], plots=(), grid=grid
        )
    low, high = amount(found.low), amount(found.high)
    rows.insert(0, (said.words["earned"], amount(found.expected + found.spent)))
    if found.conversion_cost:
        rows.append((said.words["conceded"], amount(-found.conversion_cost)))
    rows += [
        (said.words["profit"], amount(found.expected)),
        (said.words["interval"], between(low, high, said.language)),
        (said.words["roi"], said.roi(found)),
    ]
    first, middle, last = (
        short_money(one, page.currency, said.language) for one in (found.low, found.expected, found.high)
    )
    text = said.with_interval(middle, between(first, last, said.language))
    row = Interval(
        label=said.words["profit"], text=text, at=(float(found.low), float(found.expected), float(found.high))
    )
    return Section(
        name="profit",
        title=said.words["profit_title"],
        lead=said.both(
            zh=f"增量利润 {amount(found.expected)}（95% 区间 {low} 至 {high}），"
            f"已扣除触达与优惠成本 {amount(found.spent)}",
            en=f"incremental profit {amount(found.expected)} (95 % interval {low} to {high}), "
            f"cost of contacts and concessions {amount(found.spent)} taken off",
        ),
        plots=(Intervals(title=said.words["profit"], rows=(row,), zero=said.words["break_even"]),),
        grid=Grid(columns=said.columns("item", "amount"), rows=tuple(rows)),
    )


def parts(page: ReportPage, said: Phrases) -> Section | None:
    if not page.parts:
        return None
    rows = tuple(_part_row(page, said, one) for one in page.parts)
    names = tuple(
        said.difference(
            f"{said.say(one.channel)} · {said.say(one.offer)}",
            Outcome(label=one.offer, effect=one.part.effect),
        )
        for one in page.parts
    )
    return Section(
        name="parts",
        title=said.words["parts"],
        lead=said.words["parts_lead"],
        plots=(Intervals(title=said.words["parts"], rows=names, zero=said.words["no_effect"]),),
        grid=Grid(
            columns=said.columns("channel", "offer", "contacted", "held_out", "both_rates", "effect", "cost"),
            rows=rows,
            words=2,
        ),
    )


def _part_row(page: ReportPage, said: Phrases, one: NamedPart) -> tuple[str, ...]:
    part, unit = one.part, Unit(language=said.language, is_rate=True)
    effect = (
        said.say(part.effect.reason.label) if isinstance(part.effect, Refusal) else unit.change(part.effect.difference)
    )
    rates = " / ".join(f"{g.rate:.1%}" if g.units else "—" for g in (part.contacted, part.held_out))
    return (
        said.say(one.channel),
        said.say(one.offer),
        f"{part.contacted.units:,}",
        f"{part.held_out.units:,}",
        rates,
        effect,
        money(part.cost, page.currency, said.language),
    )


def fates(page: ReportPage, said: Phrases) -> Section | None:
    if not page.fates:
        return None
    bars = tuple(Bar(label=said.say(one.label), count=one.count) for one in page.fates)
    why = tuple(
        said.both(zh=f"未发送：{one.label.zh} × {one.count:,}", en=f"not sent: {one.label.en} × {one.count:,}")
        for one in page.not_sent
    )
    return Section(
        name="fates",
        title=said.words["fates"],
        lead=said.words["fates_lead"],
        plots=(Bars(title=said.words["fates"], bars=bars),),
        grid=said.counts("fate", "messages", bars),
        notes=why,
    )

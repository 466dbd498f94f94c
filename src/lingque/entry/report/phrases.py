"""How a report says numbers, effects and refusals in one language."""

from __future__ import annotations

from lingque.core.labels import Label, Language
from lingque.core.reasons import Refusal
from lingque.entry.report.amounts import Unit, between, short_money
from lingque.entry.report.content import Bar, Grid, Interval
from lingque.entry.report.page import Outcome
from lingque.entry.report.words import WORDS
from lingque.measure.contracts import Effect, MeanEffect, Profit, Proportion
from lingque.measure.proportions import wilson


class Phrases:
    """One language's words for numbers and refusals."""

    def __init__(self, language: Language) -> None:
        self.language: Language = language
        self.words = {name: label.in_language(language) for name, label in WORDS.items()}

    def say(self, label: Label) -> str:
        return label.in_language(self.language)

    def both(self, *, zh: str, en: str) -> str:
        return Label(zh=zh, en=en).in_language(self.language)

    def columns(self, *names: str) -> tuple[str, ...]:
        return tuple(self.words[name] for name in names)

    def unit(self, outcome: Outcome) -> Unit:
        return Unit(
            language=self.language, is_rate=not isinstance(outcome.effect, MeanEffect), currency=outcome.currency
        )

    def refusal(self, refusal: Refusal) -> str:
        return self.both(
            zh=f"无法判断：{refusal.reason.label.zh}（{refusal.detail}）",
            en=f"cannot be judged: {refusal.reason.label.en} ({refusal.detail})",
        )

    def verdict(self, main: Outcome) -> str:
        """The one sentence to remember: did contacts change the outcome?"""
        effect, outcome = main.effect, self.say(main.label)
        if isinstance(effect, Refusal):
            return self.both(
                zh=f"对“{outcome}”的效果{self.refusal(effect)}", en=f"The effect on “{outcome}” {self.refusal(effect)}"
            )
        change = self.unit(main).change(effect.difference)
        if effect.is_proven:
            more = effect.difference > 0
            return self.both(
                zh=f"触达使“{outcome}”的比例{'提高' if more else '降低'}（{change}），不能用偶然解释。",
                en=f"Contacts {'raised' if more else 'lowered'} the rate of “{outcome}” ({change}); "
                "chance does not explain it.",
            )
        return self.both(
            zh=f"“{outcome}”的变化（{change}）不能与偶然区分。",
            en=f"The change in “{outcome}” ({change}) cannot be told from chance.",
        )

    def interval_words(self, text: str) -> str:
        return f"{self.words['interval']} {text}"

    def with_interval(self, value: str, interval: str) -> str:
        return self.both(zh=f"{value}（{interval}）", en=f"{value} ({interval})")

    def effect_words(self, effect: Effect) -> str:
        unit = Unit(language=self.language, is_rate=True)
        change = unit.change(effect.difference)
        interval = between(unit.change(effect.low), unit.change(effect.high), self.language)
        return self.both(zh=f"效果 {change}，95% 区间 {interval}", en=f"effect {change}, 95 % interval {interval}")

    def roi(self, profit: Profit) -> str:
        return "—" if profit.roi is None else self.both(zh=f"{profit.roi:,.1f} 倍", en=f"{profit.roi:,.1f} ×")

    def total(self, outcome: Outcome) -> str:
        """What the difference makes of all contacted together."""
        effect = outcome.effect
        if not isinstance(effect, MeanEffect) or outcome.currency is None:
            return ""
        return short_money(round(effect.difference * effect.contacted.units), outcome.currency, self.language)

    def rate(self, name: str, group: Proportion, *, aside: bool) -> Interval:
        low, high = wilson(group)
        text = self.with_interval(f"{group.rate:.2%}", between(f"{low:.2%}", f"{high:.2%}", self.language))
        return Interval(label=name, text=text, at=(low, group.rate, high), aside=aside)

    def difference(self, name: str, outcome: Outcome) -> Interval:
        effect, unit = outcome.effect, self.unit(outcome)
        if isinstance(effect, Refusal):
            return Interval(label=name, text=self.say(effect.reason.label), at=None)
        interval = unit.interval(effect.low, effect.high)
        return Interval(
            label=name,
            text=self.with_interval(unit.change(effect.difference), interval),
            at=(effect.low, effect.difference, effect.high),
            truth=outcome.truth,
        )

    def truth(self, outcome: Outcome) -> str:
        """Empty where it is not known, or where there is nothing to hold it against."""
        if outcome.truth is None or isinstance(outcome.effect, Refusal):
            return ""
        return f"{self.words['truth']} ◆ {self.unit(outcome).change(outcome.truth)}"

    def counts(self, what: str, number: str, bars: tuple[Bar, ...]) -> Grid:
        return Grid(columns=self.columns(what, number), rows=tuple((bar.label, f"{bar.count:,}") for bar in bars))

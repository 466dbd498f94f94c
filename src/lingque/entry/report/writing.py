"""From the values of a report to its content in one language."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lingque.core.labels import Language
from lingque.core.reasons import Refusal
from lingque.entry.report import sections
from lingque.entry.report.amounts import between, short_money
from lingque.entry.report.content import Content, Section, Tile
from lingque.entry.report.page import Outcome, ReportPage
from lingque.entry.report.phrases import Phrases
from lingque.entry.report.words import METHOD, PHASES

_SECTIONS: tuple[Callable[[ReportPage, Phrases], Section | None], ...] = (
    sections.reach,
    sections.refusals,
    sections.effect,
    sections.further,
    sections.profit,
    sections.parts,
    sections.fates,
)


def content_of(page: ReportPage, language: Language) -> Content:
    """Everything that the page says, in words of that language."""
    said = Phrases(language)
    return Content(
        language=language,
        kind=said.words["kind"],
        title=said.say(page.label),
        facts=tuple(_facts(page, said)),
        signatures=tuple((said.say(one.act), one.by, one.at) for one in page.signatures),
        verdict=said.verdict(page.main),
        tiles=tuple(_tiles(page, said)),
        sections=tuple(section for section in (make(page, said) for make in _SECTIONS) if section is not None),
        method=tuple(said.say(label) for label in METHOD),
    )


def _facts(page: ReportPage, said: Phrases) -> Iterator[tuple[str, str]]:
    yield said.words["campaign"], page.campaign
    yield said.words["digest"], page.digest[:12]
    yield said.words["as_of"], page.as_of.isoformat()
    if page.known_by is not None:
        yield said.words["known_by"], page.known_by.isoformat()
    yield said.words["scope"], said.say(PHASES[page.phase])


def _tiles(page: ReportPage, said: Phrases) -> Iterator[Tile]:
    for outcome in (page.main, *page.further[:1]):
        yield _outcome_tile(outcome, said)
    profit = page.profit
    if profit is None:
        return
    low, high = (short_money(one, page.currency, said.language) for one in (profit.low, profit.high))
    yield Tile(
        title=said.words["profit"],
        value=short_money(profit.expected, page.currency, said.language),
        note=said.interval_words(between(low, high, said.language)),
        tone="proven" if profit.low > 0 or profit.high < 0 else "open",
    )
    yield Tile(title=said.words["roi"], value=said.roi(profit), note=said.words["roi_note"])


def _outcome_tile(outcome: Outcome, said: Phrases) -> Tile:
    effect, unit = outcome.effect, said.unit(outcome)
    title = said.say(outcome.label)
    if isinstance(effect, Refusal):
        return Tile(title=title, value="—", note=said.say(effect.reason.label), tone="open")
    each = "" if unit.is_rate else said.words["each"]
    return Tile(
        title=title + each,
        value=unit.change(effect.difference),
        note=said.interval_words(unit.interval(effect.low, effect.high)),
        tone="proven" if effect.is_proven else "open",
    )

"""What the gallery says of each tag, in one language."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from lingque.catalog.expressions.types import Kind, Type
from lingque.catalog.model import AggregateTag, Catalog, Tag
from lingque.catalog.tracing import users_of
from lingque.core.labels import Language
from lingque.core.registries import SENSITIVE, DataClass, Purpose
from lingque.entry.report.amounts import short_money
from lingque.entry.show_tag import FAMILIES
from lingque.entry.tag_gallery.plots import Share, bars, stairs
from lingque.entry.tag_gallery.words import METHOD, WORDS
from lingque.profile.contracts import Distribution, SnapshotReport
from lingque.profile.counting import SAMPLED

_FEWEST = 5
"""Sampled customers who must have a value for it to be named: fewer could be recognised."""
_BARS = 6
_EPOCH = date(1970, 1, 1)
_WATCH, _ALARM = 0.1, 0.25


@dataclass(frozen=True, kw_only=True)
class Card:
    """One tag. `drift` with its tone; `plot` is SVG, or empty where there are no values."""

    name: str
    label: str
    meaning: str
    type: str
    classes: tuple[tuple[str, bool], ...]
    """Names, and whether marketing needs separate consent for it."""
    only: str
    owner: str
    forward: bool
    live: bool
    definition: tuple[tuple[str, str], ...]
    users: int
    known: str
    true: str
    drift: str
    tone: str
    plot: str


@dataclass(frozen=True, kw_only=True)
class Family:
    """The tags of one family."""

    name: str
    label: str
    cards: tuple[Card, ...]


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """The whole page."""

    as_of: str
    customers: str
    tags: int
    segments: int
    families: tuple[Family, ...]
    method: tuple[str, ...]


def gallery_of(catalog: Catalog, report: SnapshotReport | None, language: Language) -> Gallery:
    """By family, in the order of the catalog; what looks forward stands last."""
    tags = sorted(catalog.tags.values(), key=lambda tag: tag.looks_forward)
    families = (
        Family(
            name=family,
            label=label.in_language(language),
            cards=tuple(_card(catalog, tag, report, language) for tag in tags if tag.definition.family == family),
        )
        for family, label in FAMILIES.items()
    )
    return Gallery(
        as_of="" if report is None else report.as_of.isoformat(),
        customers="" if report is None else f"{report.customers:,}",
        tags=len(catalog.tags),
        segments=len(catalog.segments),
        families=tuple(family for family in families if family.cards),
        method=tuple(WORDS[name].in_language(language) for name in METHOD),
    )


def _card(catalog: Catalog, tag: Tag, report: SnapshotReport | None, language: Language) -> Card:
    definition, lineage = tag.definition, catalog.lineages[tag.name]
    coverage = None if report is None else report.coverage.get(tag.name)
    spread = None if report is None else report.distributions.get(tag.name)
    drift = None if report is None else report.drift.get(tag.name)
    customers = report.customers if report is not None else 0
    return Card(
        name=tag.name,
        label=definition.label.label().in_language(language),
        meaning="" if definition.meaning is None else definition.meaning.label().in_language(language),
        type=str(tag.type),
        classes=tuple((name, bool(DataClass[name.upper()] & SENSITIVE)) for name in lineage.classes.names),
        only="" if len(lineage.purposes) == len(Purpose) else _purposes(lineage.purposes, language),
        owner=definition.owner,
        forward=tag.looks_forward,
        live=definition.clock == "live",
        definition=tuple(_definition(tag)),
        users=len(users_of(catalog, ("tag", tag.name))),
        known="" if coverage is None or not customers else f"{coverage.known / customers:.1%}",
        true="" if coverage is None or coverage.true is None or not customers else _true(coverage.true, customers),
        drift="" if drift is None else f"{drift:.3f}",
        tone="" if drift is None or drift < _WATCH else "watch" if drift < _ALARM else "alarm",
        plot="" if spread is None or not customers else _plot(tag, spread, customers, language),
    )


def _true(true: int, customers: int) -> str:
    return f"{true:,} · {true / customers:.1%}"


def _purposes(purposes: frozenset[Purpose], language: Language) -> str:
    return ("、" if language == "zh" else ", ").join(one.label.in_language(language) for one in sorted(purposes)) or "—"


def _definition(tag: Tag) -> Iterator[tuple[str, str]]:
    definition = tag.definition
    if isinstance(tag, AggregateTag):
        yield "from", tag.contract.contract
    for name in ("where", "window", "value", "model", "list"):
        if getattr(definition, name):
            yield name, str(getattr(definition, name))
    if definition.manual is not None:
        yield "manual", ", ".join(definition.manual.allowed) or definition.manual.type


def _plot(tag: Tag, spread: Distribution, customers: int, language: Language) -> str:
    title = tag.definition.label.label().in_language(language)
    known = sum(spread.shares[:-1])
    if not known:
        return ""
    if not spread.edges:
        return bars(_named(tag, spread, customers, language), title)
    if tag.type.kind is Kind.INTEGER:
        spread = _in_whole_numbers(spread)
        if len(spread.edges) < _BARS:
            return bars(_counted(spread, language), title)
    if len(spread.edges) == 1:
        return bars(_on_both_sides(tag, spread, language), title)
    reached, steps = 0.0, []
    for edge, share in zip(spread.edges, spread.shares, strict=False):
        reached += share / known
        steps.append((min(reached, 1.0), edge))
    middle = next((edge for share, edge in steps if share >= 0.5), None)
    words = WORDS["median"].in_language(language)
    said = "" if middle is None or len(steps) < 3 else f"{words} {_value(middle, tag.type, language)}"
    ends = [_value(steps[0][1], tag.type, language), _value(steps[-1][1], tag.type, language)]
    return stairs(steps, ends, said, title, from_zero=tag.type.kind is not Kind.DATE)


def _named(tag: Tag, spread: Distribution, customers: int, language: Language) -> list[Share]:
    """Of texts and truths: the commonest by name, what few have together."""
    rest = spread.shares[-2]
    words = {name: WORDS[name].in_language(language) for name in ("true", "false", "rest")}
    if tag.type.kind is Kind.BOOLEAN:
        of = dict(zip(spread.values, spread.shares, strict=False))
        found = [
            Share(name=words["true"], share=of.get("true", 0.0), tone="true"),
            Share(name=words["false"], share=of.get("false", 0.0)),
        ]
    else:
        pairs = list(zip(spread.values, spread.shares, strict=False))
        sampled = min(customers, SAMPLED)
        shown = [(value, share) for value, share in pairs[:_BARS] if share * sampled >= _FEWEST]
        rest += sum(share for _, share in pairs) - sum(share for _, share in shown)
        found = [Share(name=_short(value), share=share) for value, share in shown]
        if rest > 1e-9:
            found.append(Share(name=words["rest"], share=rest, tone="rest"))
    return [*found, *_without(spread, language)]


def _in_whole_numbers(spread: Distribution) -> Distribution:
    """Of whole numbers, up to 1.9 is up to 1: tenths may lie between them."""
    shares: dict[int, float] = {}
    for edge, share in zip(spread.edges, spread.shares, strict=False):
        shares[math.floor(edge)] = shares.get(math.floor(edge), 0.0) + share
    return Distribution(
        edges=tuple(float(edge) for edge in shares), values=(), shares=(*shares.values(), *spread.shares[-2:])
    )


def _on_both_sides(tag: Tag, spread: Distribution, language: Language) -> list[Share]:
    """Of a value that most have, such as nothing at all: who has that or less, and who has more."""
    edge = _value(spread.edges[0], tag.type, language)
    found = [Share(name=f"≤ {edge}", share=spread.shares[0]), Share(name=f"> {edge}", share=spread.shares[1])]
    return [*(one for one in found if one.share), *_without(spread, language)]


def _without(spread: Distribution, language: Language) -> list[Share]:
    none = spread.shares[-1]
    return [Share(name=WORDS["none"].in_language(language), share=none, tone="none")] if none else []


def _counted(spread: Distribution, language: Language) -> list[Share]:
    """Of whole numbers with few steps: each by its own bar."""
    edges = [round(edge) for edge in spread.edges]
    names = [f"≤ {edges[0]}" if edges[0] else "0"]
    names += [str(edge) if edge - before == 1 else f"{before + 1}–{edge}" for before, edge in pairwise(edges)]
    names.append(f"> {edges[-1]}")
    found = [Share(name=name, share=share) for name, share in zip(names, spread.shares, strict=False)]
    return [*(one for one in found if one.share), *_without(spread, language)]


def _value(value: float, kind: Type, language: Language) -> str:
    match kind.kind:
        case Kind.MONEY:
            return short_money(round(value), kind.currency or "", language)
        case Kind.DATE:
            return (_EPOCH + timedelta(days=round(value))).isoformat()
        case Kind.INTEGER:
            return f"{value:,.0f}"
        case _:
            return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def _short(text: str) -> str:
    return text if len(text) <= 16 else f"{text[:15]}…"

"""Lineage as one SVG: columns of the bank's files on the left, then the tables they fill, what is made of those to the
right, the tag at the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape

from lingque.catalog.model import Catalog
from lingque.catalog.tracing import Thing, goes_into, under
from lingque.core.labels import Language
from lingque.core.registries import SENSITIVE, DataClass
from lingque.entry.report.plots import BLUE, FAINT, FONTS, GREY, INK, ORANGE, width_of
from lingque.entry.show_lineage import KINDS, label_of, made_of

_WIDTH, _BETWEEN, _MARGIN = 236, 92, 16
_HEAD, _LINE, _GAP = 44, 20, 18
_FIRST = {"source": 0, "contract": 1}
_LANE, _LANE_HEIGHT = "lane", 4.0
_COLOURS = {"source": INK, "contract": GREY, "tag": BLUE, "model": ORANGE, "list": ORANGE}


@dataclass(frozen=True, kw_only=True)
class _Box:
    """A definition with its place; of a table the columns that are read, one line each."""

    thing: Thing
    layer: int
    top: float
    lines: tuple[str, ...] = ()

    @property
    def left(self) -> float:
        return _MARGIN + self.layer * (_WIDTH + _BETWEEN)

    @property
    def height(self) -> float:
        return _height(self.thing, self.lines)

    @property
    def middle(self) -> float:
        """Where lines come in, and where they leave it unless they come from a column."""
        return self.top + min(_HEAD, self.height) / 2

    def out(self, line: str | None) -> tuple[float, float]:
        """Where a line leaves it."""
        if line is None:
            return self.left + _WIDTH, self.middle
        return self.left + _WIDTH, self.top + _HEAD + (self.lines.index(line) + 0.5) * _LINE


Edge = tuple[Thing, str | None, Thing]
"""From which box and which of its lines, to which box."""


def draw_lineage(catalog: Catalog, name: str, language: Language) -> str:
    """The whole drawing of what a tag is built on. The same catalog gives the same bytes. Raises `NotFoundError`."""
    catalog.tag(name)
    edges = sorted(set(_edges(catalog, ("tag", name), set())), key=str)
    layers = _layers(("tag", name), edges)
    edges = [step for edge in edges for step in _in_steps(edge, layers)]
    boxes = _placed(layers, edges)
    width = max(box.left for box in boxes.values()) + _WIDTH + _MARGIN
    height = max(box.top + box.height for box in boxes.values()) + _MARGIN
    title = escape(label_of(catalog, ("tag", name)).in_language(language))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" role="img" font-family="{escape(FONTS)}"><title>{title}</title>',
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="white"/>',
        *(_line(boxes, edge) for edge in edges),
        *(_drawn(catalog, box, language) for box in boxes.values()),
        "</svg>\n",
    ]
    return "\n".join(parts)


def _edges(catalog: Catalog, thing: Thing, seen: set[Thing]) -> Iterator[Edge]:
    if thing in seen:
        return
    seen.add(thing)
    for below, use in under(catalog.uses, thing):
        if not goes_into(use):
            continue
        if below[0] == "column":
            table, _, column = below[1].partition(".")
            yield ("contract", table), column, thing
            for one in made_of(catalog, below):
                yield ("source", one.source), f"{one.read or '?'}.{one.column}", ("contract", table)
        else:
            yield below, None, thing
            yield from _edges(catalog, below, seen)


def _layers(root: Thing, edges: Iterable[Edge]) -> dict[Thing, int]:
    """Each right of everything under it; what fills tables is the first, tables are the second."""
    below: dict[Thing, list[Thing]] = {root: []}
    for start, _, end in edges:
        below.setdefault(end, []).append(start)
        below.setdefault(start, [])
    layers: dict[Thing, int] = {}

    def layer(thing: Thing) -> int:
        if thing not in layers:
            least = _FIRST.get(thing[0], 2)
            layers[thing] = max([least, *(layer(one) + 1 for one in below[thing])])
        return layers[thing]

    first = min(layer(thing) for thing in below)
    return {thing: number - first for thing, number in layers.items()}


def _in_steps(edge: Edge, layers: dict[Thing, int]) -> Iterator[Edge]:
    """A line that passes layers gets a lane in each of them, so that it runs between boxes and never behind one."""
    start, line, end = edge
    before = start
    for number in range(layers[start] + 1, layers[end]):
        lane = (_LANE, f"{start}{number}{end}")
        layers[lane] = number
        yield before, line, lane
        before, line = lane, None
    yield before, line, end


def _placed(layers: Mapping[Thing, int], edges: Iterable[Edge]) -> dict[Thing, _Box]:
    """In a layer, near what each is made of."""
    below: dict[Thing, list[Thing]] = {thing: [] for thing in layers}
    lines: dict[Thing, list[str]] = {thing: [] for thing in layers}
    for start, line, end in edges:
        below[end].append(start)
        if line is not None and line not in lines[start]:
            lines[start].append(line)
    boxes: dict[Thing, _Box] = {}
    for number in range(max(layers.values()) + 1):
        here = [thing for thing, at in layers.items() if at == number]
        middles = {thing: _middle(thing, below, boxes) for thing in here}
        top = float(_MARGIN)
        for thing in sorted(here, key=lambda one: (middles[one], one)):
            said = tuple(lines[thing])
            wanted = middles[thing] - _height(thing, said) / 2
            box = _Box(thing=thing, layer=number, top=max(top, wanted), lines=said)
            boxes[thing] = box
            top = box.top + box.height + _GAP
    return boxes


def _middle(thing: Thing, below: Mapping[Thing, list[Thing]], boxes: Mapping[Thing, _Box]) -> float:
    """The mean height of what it is made of."""
    tops = [boxes[one].top + boxes[one].height / 2 for one in below[thing] if one in boxes]
    return sum(tops) / len(tops) if tops else 0.0


def _height(thing: Thing, lines: tuple[str, ...]) -> float:
    if thing[0] == _LANE:
        return _LANE_HEIGHT
    return _HEAD + (_LINE * len(lines) + 6 if lines else 0)


def _line(boxes: Mapping[Thing, _Box], edge: Edge) -> str:
    start, line, end = edge
    x, y = boxes[start].out(line)
    to = boxes[end]
    bend = (to.left - x) * 0.45
    over = f" H{to.left + _WIDTH:.1f}" if end[0] == _LANE else ""
    return (
        f'<path d="M{x:.1f},{y:.1f} C{x + bend:.1f},{y:.1f} {to.left - bend:.1f},{to.middle:.1f} '
        f'{to.left:.1f},{to.middle:.1f}{over}" fill="none" stroke="{GREY}" stroke-opacity=".55" stroke-width="1.3"/>'
    )


def _drawn(catalog: Catalog, box: _Box, language: Language) -> str:
    kind, name = box.thing
    if kind == _LANE:
        return ""
    colour = _COLOURS.get(kind, INK)
    label = label_of(catalog, box.thing).in_language(language)
    x, y = box.left, box.top
    corner = f'x="{x:.1f}" y="{y:.1f}" height="{box.height:.1f}"'
    parts = [
        f'<rect {corner} width="{_WIDTH}" rx="5" fill="white" stroke="{FAINT}"/>',
        f'<rect {corner} width="5" rx="2" fill="{colour}"/>',
        _text(x + 14, y + 18, _cut(label, 200, 13), 13, INK, bold=True),
        _text(x + 14, y + 35, _cut(f"{KINDS[kind].in_language(language)} · {name}", 210, 11), 11, GREY),
    ]
    for number, line in enumerate(box.lines):
        at = y + _HEAD + number * _LINE + 14
        if kind == "source":
            parts.append(_text(x + 14, at, _cut(line, 210, 12), 12, INK))
            continue
        classes = catalog.contracts[name].columns[line].data_classes
        parts.append(_text(x + 14, at, _cut(line, 120, 12), 12, INK))
        parts.append(_text(x + _WIDTH - 10, at, _classes(classes), 10.5, _tone(classes), end=True))
    return "\n".join(parts)


def _classes(classes: DataClass) -> str:
    return ", ".join(classes.names)


def _tone(classes: DataClass) -> str:
    return "#a34700" if classes & SENSITIVE else GREY


def _text(x: float, y: float, text: str, size: float, colour: str, *, bold: bool = False, end: bool = False) -> str:
    weight = ' font-weight="700"' if bold else ""
    side = ' text-anchor="end"' if end else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}"{weight}{side}>{escape(text)}</text>'


def _cut(text: str, width: float, size: float) -> str:
    """As much of it as fits."""
    if width_of(text, size) <= width:
        return text
    fitting = next(number for number in range(len(text) + 1) if width_of(text[: number + 1], size) > width)
    return text[: max(fitting - 1, 1)] + "…"

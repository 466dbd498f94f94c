"""How the values of one tag are spread, as a small SVG: bars of shares, or a staircase from the least to the most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from lingque.entry.report.plots import BLUE, FAINT, GREY, INK, ORANGE

WIDTH, _BAR, _ROW = 320, 12, 22
_WIDE, _PER_LETTER = 118, 11.5
"""Names of bars end here at most, and a letter takes so much at most."""
_STAIRS, _FLOOR = 96, 76


@dataclass(frozen=True, kw_only=True)
class Share:
    """How many customers, from 0 to 1; `tone` says what sort of value it is."""

    name: str
    share: float
    tone: str = "value"


_TONES = {"value": BLUE, "rest": GREY, "none": FAINT, "true": ORANGE}


def bars(shares: Sequence[Share], title: str) -> str:
    """One line each, from zero to the longest."""
    longest = max((one.share for one in shares), default=0.0) or 1.0
    names = min(max(len(one.name) for one in shares) * _PER_LETTER, _WIDE) if shares else 0
    room = WIDTH - names - 58
    parts = []
    for number, one in enumerate(shares):
        top = number * _ROW + 4
        width = max(one.share / longest * room, 0.8)
        parts.append(_text(names, top + 10, one.name, side="end", colour=INK if one.tone == "value" else GREY))
        parts.append(
            f'<rect x="{names + 8:.1f}" y="{top}" width="{width:.1f}" height="{_BAR}" fill="{_TONES[one.tone]}"/>'
        )
        parts.append(_text(names + 14 + width, top + 10, f"{one.share:.1%}"))
    said = "; ".join(f"{one.name} {one.share:.1%}" for one in shares)
    return _svg(title, said, len(shares) * _ROW + 6, parts)


def stairs(
    steps: Sequence[tuple[float, float]], names: Sequence[str], middle: str, title: str, *, from_zero: bool
) -> str:
    """`steps`: the share of customers up to a value, and that value, both ascending; `names` of the first and the last
    value, `middle` of the median. Days do not begin at zero, everything else does."""
    least, most = min(0.0, steps[0][1]) if from_zero else steps[0][1], steps[-1][1]
    span = (most - least) or 1.0
    across = WIDTH - 96

    def height(value: float) -> float:
        return _FLOOR - (value - least) / span * (_FLOOR - 12)

    points = [f"0,{height(steps[0][1]):.1f}"]
    before = steps[0][1]
    for share, value in steps:
        at = share * across
        if value != before:
            points.append(f"{float(points[-1].split(',')[0]):.1f},{height(value):.1f}")
        points.append(f"{at:.1f},{height(value):.1f}")
        before = value
    end = steps[-1][0] * across
    area = f"0,{_FLOOR} {' '.join(points)} {end:.1f},{_FLOOR}"
    median = next((value for share, value in steps if share >= 0.5), most)
    parts = [
        f'<polygon points="{area}" fill="{BLUE}" fill-opacity=".22"/>',
        f'<polyline points="{" ".join(points)}" fill="none" stroke="{BLUE}" stroke-width="2"/>',
        f'<line x1="0" y1="{_FLOOR}" x2="{across}" y2="{_FLOOR}" stroke="{FAINT}"/>',
        f'<line x1="{across / 2}" y1="6" x2="{across / 2}" y2="{_FLOOR}" stroke="{GREY}" stroke-dasharray="3 3"/>',
        _text(0, _FLOOR + 15, "0 %", colour=GREY),
        _text(across / 2, _FLOOR + 15, "50 %", side="middle", colour=GREY),
        _text(across, _FLOOR + 15, "100 %", side="end", colour=GREY),
    ]
    parts += _marks(
        [(height(most), names[1], INK), (height(median), middle, GREY), (height(steps[0][1]), names[0], INK)]
    )
    return _svg(title, f"{names[0]}; {middle}; {names[1]}", _STAIRS, parts)


def _marks(marks: Sequence[tuple[float, str, str]]) -> list[str]:
    """Words to the right, from the top down, none on another."""
    parts, last = [], -20.0
    for height, name, colour in marks:
        at = max(height + 4, last + 14)
        if name:
            parts.append(_text(WIDTH - 90, at, name, colour=colour))
            last = at
    return parts


def _text(x: float, y: float, words: str, *, side: str = "start", colour: str = INK) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="11.5" fill="{colour}" text-anchor="{side}">{escape(words)}</text>'


def _svg(title: str, said: str, height: float, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img"><title>{escape(title)}'
        f"</title><desc>{escape(said)}</desc>{''.join(parts)}</svg>"
    )

"""Clusters as one HTML page with a picture, or as the picture alone; neither needs anything besides itself."""

from __future__ import annotations

from html import escape

from lingque.core.labels import Label, Language
from lingque.entry.report.plots import FONTS, GREY, INK, width_of
from lingque.flow.clusters import Clusters
from lingque.profile.cluster_tags import label_of
from lingque.profile.clustering import ClusterProfile

_COLOURS = (
    "#0b6e99", "#d9822b", "#3d8b40", "#b5476b", "#6b5ca5", "#8a6d3b", "#1f9e94", "#c23b22", "#5b7083", "#a3b18a",
    "#e0a030", "#7a4988",
)  # fmt: skip
_SIDE, _EDGE, _ROW = 420, 20, 44
_STYLE = (
    "body{font:16px/1.6 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#1c2430;"
    "background:#fff}table{border-collapse:collapse;margin:1rem 0}th,td{padding:.3rem .7rem;border-bottom:1px solid "
    "#d5dae2;text-align:left}td.n{text-align:right;font-variant-numeric:tabular-nums}"
)


def to_html(found: Clusters, language: Language) -> str:
    """The picture of some customers, and what sets each cluster apart."""
    what = found.found
    title = escape(found.label.in_language(language))
    told = Label(
        zh=f"{found.as_of} 快照，{found.customers:,} 位客户，轮廓系数 {what.silhouette:.2f}。"
        "图为差异最大的两个方向上的部分客户（坐标取整，非真实数值）。"
        "下表为各类平均值与全体平均值之差，以标准差计。",
        en=f"Snapshot as of {found.as_of}, {found.customers:,} customers, silhouette {what.silhouette:.2f}. "
        "The picture shows some of them on the plane on which they differ most, rounded. The table has the difference "
        "between the mean of a cluster and of all, in standard deviations.",
    ).in_language(language)
    lang = "zh-CN" if language == "zh" else "en"
    return (
        f'<!doctype html>\n<html lang="{lang}"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head>\n<body><h1>{title}</h1><p>{escape(told)}</p>\n{_picture(found)}\n"
        f"{_table(found, language)}\n</body></html>\n"
    )


def to_svg(found: Clusters, language: Language) -> str:
    """The picture with what sets each cluster apart beside it. The same clusters give the same bytes."""
    lines = []
    said = [label_of(profile, found.labels).in_language(language) for profile in found.found.profiles]
    for row, (profile, words) in enumerate(zip(found.found.profiles, said, strict=True)):
        y = _EDGE + 14 + row * _ROW
        lines += [
            f'<circle cx="{_SIDE + 24}" cy="{y - 5}" r="6" fill="{_colour(profile.number)}"/>',
            f'<text x="{_SIDE + 40}" y="{y}" font-size="14" font-weight="700" fill="{INK}">'
            f"{profile.number} · {profile.share:.0%}</text>",
            f'<text x="{_SIDE + 40}" y="{y + 18}" font-size="13" fill="{GREY}">{escape(words)}</text>',
        ]
    width = round(_SIDE + 60 + max(width_of(words, 13) for words in said))
    height = max(_SIDE, _EDGE + 14 + len(said) * _ROW)
    title = escape(found.label.in_language(language))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" font-family="{escape(FONTS)}"><title>{title}</title>'
        f'<rect width="{width}" height="{height}" fill="white"/>{_plane(found)}{"".join(lines)}</svg>\n'
    )


def _picture(found: Clusters) -> str:
    size = f'viewBox="0 0 {_SIDE} {_SIDE}" width="{_SIDE}" height="{_SIDE}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img"><title>{escape(found.name)}</title>'
        f"{_plane(found)}</svg>"
    )


def _plane(found: Clusters) -> str:
    points = found.found.plane
    across, up = [x for x, _, _ in points], [y for _, y, _ in points]
    left, bottom = min(across), min(up)
    wide, high = max(max(across) - left, 1e-9), max(max(up) - bottom, 1e-9)
    room = _SIDE - 2 * _EDGE
    circles = []
    for x, y, number in points:
        place = f'cx="{_EDGE + (x - left) / wide * room:.1f}" cy="{_SIDE - _EDGE - (y - bottom) / high * room:.1f}"'
        circles.append(f'<circle {place} r="3.5" fill="{_colour(number)}" fill-opacity="0.6"/>')
    return f'<rect width="{_SIDE}" height="{_SIDE}" fill="#f6f8fa"/>{"".join(circles)}'


def _table(found: Clusters, language: Language) -> str:
    names = [scale.tag for scale in found.found.scales]
    head = "".join(f"<th>{escape(found.labels[name].in_language(language))}</th>" for name in names)
    rows = "".join(_row(found, profile, names, language) for profile in found.found.profiles)
    share = Label(zh="占比", en="share").in_language(language)
    return f"<table><thead><tr><th></th><th></th><th>{share}</th>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _row(found: Clusters, profile: ClusterProfile, names: list[str], language: Language) -> str:
    differences = {trait.tag: trait.difference for trait in profile.traits}
    cells = "".join(
        f'<td class="n" style="background:{_shade(differences[name])}">{differences[name]:+.2f}</td>' for name in names
    )
    words = escape(label_of(profile, found.labels).in_language(language))
    dot = f'<span style="color:{_colour(profile.number)}">●</span> {profile.number}'
    return f'<tr><td>{dot}</td><td>{words}</td><td class="n">{profile.share:.1%}</td>{cells}</tr>'


def _colour(number: int) -> str:
    return _COLOURS[(number - 1) % len(_COLOURS)]


def _shade(difference: float) -> str:
    """Blue where a cluster has more, orange where less; the paler the nearer to the mean."""
    strength = min(abs(difference) / 2, 1) * 0.45
    return f"rgba(11,110,153,{strength:.2f})" if difference > 0 else f"rgba(217,130,43,{strength:.2f})"

"""Clusters as definitions: tags that say which cluster a customer is in, on any day, by the ordinary expressions.

`NAME_z1 …` are the standardised tags, `NAME_fit_1 …` how well each cluster fits, `NAME` its number as a text, and
`NAME_1 …` a segment per cluster. Lineage, purposes, point in time and explanation are those of any derived tag.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from lingque.catalog.definitions import TagDefinition
from lingque.catalog.definitions.shared import LabelText
from lingque.catalog.expressions.types import Kind
from lingque.core.labels import Label
from lingque.profile.clustering import Centre, Clustering, ClusterProfile, Scale

_TRAITS_IN_LABEL = 2
_CLEAR = 0.2
"""Standard deviations from which on a label says that a cluster has more or less of something."""


def tags_of(
    found: Clustering, name: str, label: Label, *, labels: dict[str, Label], owner: str
) -> tuple[TagDefinition, ...]:
    """The definitions, each after its inputs. `labels` are those of the tags that the clusters were found over."""
    return tuple(_tags(found, name, label, labels, owner))


def label_of(profile: ClusterProfile, labels: dict[str, Label]) -> Label:
    """A cluster in words: its strongest traits."""
    clear = [trait for trait in profile.traits if abs(trait.difference) >= _CLEAR][:_TRAITS_IN_LABEL]
    if not clear:
        return Label(zh="与平均相近", en="close to the average")
    zh = "、".join(f"{labels[trait.tag].zh}{'偏高' if trait.difference > 0 else '偏低'}" for trait in clear)
    en = ", ".join(f"{'more' if trait.difference > 0 else 'less'} of «{labels[trait.tag].en}»" for trait in clear)
    return Label(zh=zh, en=en)


def _tags(found: Clustering, name: str, label: Label, labels: dict[str, Label], owner: str) -> Iterator[TagDefinition]:
    def tag(called: str, value: str, zh: str, en: str) -> TagDefinition:
        shown = LabelText(zh=f"{label.zh}：{zh}" if zh else label.zh, en=f"{label.en}: {en}" if en else label.en)
        return TagDefinition(tag=called, label=shown, family="value", owner=owner, value=value)

    standard = [f"{name}_z{place}" for place in range(1, len(found.scales) + 1)]
    for called, scale in zip(standard, found.scales, strict=True):
        of = labels[scale.tag]
        yield tag(called, _standardised(scale), f"标准化的{of.zh}", f"standardised {of.en}")
    fits = [f"{name}_fit_{profile.number}" for profile in found.profiles]
    for called, profile, centre in zip(fits, found.profiles, found.centres, strict=True):
        number = profile.number
        yield tag(called, _fit(centre, standard), f"与第{number}类的接近程度", f"how well cluster {number} fits")
    yield tag(name, _choice(fits), "", "")
    for profile in found.profiles:
        words = label_of(profile, labels)
        yield tag(f"{name}_{profile.number}", f"{name} = '{profile.number}'", words.zh, words.en)


def _standardised(scale: Scale) -> str:
    if scale.type.kind is Kind.BOOLEAN:
        raw = f"case when {scale.tag} then 1.0 when not {scale.tag} then 0.0 end"
    else:
        raw = f"cast({scale.tag} as number)"
    known = f"coalesce({raw}, {_number(scale.mean)})"
    cut = f"least(greatest({known}, {_number(scale.least)}), {_number(scale.most)})"
    return f"({cut} - {_number(scale.mean)}) / {_number(scale.spread)}"


def _fit(centre: Centre, standard: Sequence[str]) -> str:
    squares = []
    for place, (tag, mean) in enumerate(zip(standard, centre.means, strict=True)):
        square = f"({tag} - {_number(mean)}) * ({tag} - {_number(mean)})"
        squares.append(f"{square} / {_number(centre.variances[place])}" if centre.variances else square)
    return f"{_number(centre.constant)} - 0.5 * ({' + '.join(squares)})"


def _choice(fits: Sequence[str]) -> str:
    branches = []
    for place, fit in enumerate(fits[:-1]):
        better = " and ".join(f"{fit} >= {other}" for other in fits[place + 1 :])
        branches.append(f"when {better} then '{place + 1}'")
    return f"case {' '.join(branches)} else '{len(fits)}' end" if branches else "'1'"


def _number(value: float) -> str:
    """All digits of a float, without an exponent, which the language reads as nothing else."""
    digits = format(Decimal(repr(abs(value))), "f")
    return f"(-{digits})" if value < 0 else digits

"""Models: what they learn must lie in the future, and what from must not."""

from __future__ import annotations

from collections.abc import Mapping

from lingque.catalog.building.draft import Draft, is_label, is_true_or_false
from lingque.catalog.definitions import ModelDefinition
from lingque.catalog.model import Lineage
from lingque.catalog.yaml_files import Located
from lingque.core.registries import Purpose


def check_models(draft: Draft, lineages: Mapping[str, Lineage]) -> None:
    for name, model in draft.of(ModelDefinition).items():
        entry = draft.at["model", name]
        draft.need_tag(entry, "target", name=model.target, wanted="true-or-false tag that looks forward", fits=is_label)
        _check_lineage(draft, entry, "target", tag=model.target, lineages=lineages)
        if model.population is not None:
            wanted = "true-or-false tag of what is known on the day"
            draft.need_tag(entry, "population", name=model.population, wanted=wanted, fits=is_true_or_false)
            _check_lineage(draft, entry, "population", tag=model.population, lineages=lineages)
        for number, feature in enumerate(model.features):
            draft.need_tag(
                entry, "features", number, name=feature, wanted="tag of what is known on the day",
                fits=lambda tag: not tag.looks_forward,
            )  # fmt: skip
            _check_lineage(draft, entry, "features", number, tag=feature, lineages=lineages)


def _check_lineage(draft: Draft, entry: Located, *path: str | int, tag: str, lineages: Mapping[str, Lineage]) -> None:
    """Learning is analysis: every column underneath must allow it."""
    lineage = lineages.get(tag)
    if lineage is None:
        return
    for table, column, purposes in columns_against(draft, lineage, Purpose.ANALYTICS):
        draft.problem(
            entry, *path, found=f"'{tag}' is built on {table}.{column}, which may serve {purposes} only",
            allowed="a model needs data that may serve analytics",
        )  # fmt: skip


def columns_against(draft: Draft, lineage: Lineage, purpose: Purpose) -> list[tuple[str, str, str]]:
    """The columns that may not serve the purpose: table, column, what it may serve."""
    return [
        (table, column, ", ".join(draft.contracts[table].columns[column].purposes) or "nothing")
        for table, column in sorted(lineage.columns)
        if purpose not in draft.contracts[table].columns[column].purpose_set
    ]

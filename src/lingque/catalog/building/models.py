"""Models: what they learn must lie in the future, and what from must not."""

from __future__ import annotations

from lingque.catalog.building.draft import Draft, is_label, is_true_or_false
from lingque.catalog.definitions import ModelDefinition


def check_models(draft: Draft) -> None:
    for name, model in draft.of(ModelDefinition).items():
        entry = draft.at["model", name]
        draft.need_tag(entry, "target", name=model.target, wanted="true-or-false tag that looks forward", fits=is_label)
        if model.population is not None:
            wanted = "true-or-false tag of what is known on the day"
            draft.need_tag(entry, "population", name=model.population, wanted=wanted, fits=is_true_or_false)
        for number, feature in enumerate(model.features):
            draft.need_tag(
                entry, "features", number, name=feature, wanted="tag of what is known on the day",
                fits=lambda tag: not tag.looks_forward,
            )  # fmt: skip

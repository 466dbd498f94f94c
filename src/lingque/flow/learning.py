"""A model learns: tags and labels of past days become a version with its card."""

from __future__ import annotations

from lingque.catalog.definitions import ModelDefinition
from lingque.catalog.model import Catalog
from lingque.core.clock import Instant
from lingque.core.reasons import Reason, Refusal
from lingque.flow.intake import catalog_of
from lingque.flow.services import Services
from lingque.flow.traces import traced
from lingque.govern.access import refused
from lingque.govern.contracts import Action, Principal
from lingque.predict.artefact import Artefact
from lingque.predict.card import Training, make_card
from lingque.predict.contracts import Day, Lesson, ModelCard
from lingque.predict.learning import Step, learn
from lingque.predict.registry import save_version


def train_model(
    services: Services,
    name: str,
    actor: Principal,
    *,
    known_by: Instant | None = None,
    step: Step = lambda _name: None,
) -> ModelCard | Refusal:
    """Train the model from what was known by that moment (by default now), judge it, and keep it as a new version.

    What gives the very same model again gives its card again, and no new version. `step` hears what is being done.
    """
    denied = refused(actor, Action.TRAIN_MODEL)
    if denied is not None:
        return traced(services, denied, actor, "train_model", name)
    catalog = catalog_of(services)
    definition = catalog.model(name)
    now = services.clock.now()
    known = now if known_by is None else min(known_by, now)
    target = catalog.tag(definition.target)
    horizon = services.profile.horizon(catalog, target, definition.validate_as_of)
    labels_until = services.calendar.day_of(horizon)
    if known < horizon:
        early = Refusal(
            reason=Reason.LABEL_NOT_YET_KNOWN,
            detail=f"the label '{target.name}' of {definition.validate_as_of} is known from {labels_until} on",
        )
        return traced(services, early, actor, "train_model", name)
    lesson = _lesson(services, catalog, definition, known, step)
    learned = learn(lesson, step=step)
    if isinstance(learned, Refusal):
        return traced(services, learned, actor, "train_model", name)
    artefact = Artefact(
        codes=learned.codes,
        booster=learned.boosted.text,
        calibrator=learned.calibrator,
        population=definition.population,
        labels_until=labels_until,
    )
    training = Training(
        at=now, by=actor.user, known_by=known, labels_until=labels_until, overlapping=lesson.overlapping
    )
    with services.database.transaction() as connection:
        card = save_version(
            connection,
            artefact,
            model=name,
            closure=catalog.closures["model", name],
            at=now,
            card_of=lambda version: make_card(catalog, definition, learned, training, version),
        )
        services.audit.record(
            connection,
            actor=actor.user,
            act="train_model",
            subject=name,
            detail={"run_id": card.run_id, "version": card.version, "artefact": card.artefact},
        )
    return card


def _lesson(services: Services, catalog: Catalog, definition: ModelDefinition, known_by: Instant, step: Step) -> Lesson:
    days: list[Day] = []
    for as_of in (*sorted(definition.train_as_of), definition.validate_as_of):
        step(as_of.isoformat())
        rows = services.profile.features_and_label(
            catalog,
            features=definition.features,
            population=definition.population,
            target=definition.target,
            as_of=as_of,
            known_by=known_by,
        )
        if definition.population is not None:
            rows = rows.filter(rows.column(definition.population))
        days.append(Day(as_of=as_of, rows=rows))
    target = catalog.tag(definition.target)
    begins = services.calendar.start_of(definition.validate_as_of)
    return Lesson(
        model=definition.model,
        target=definition.target,
        features=tuple((name, catalog.tag(name).type) for name in definition.features),
        training=tuple(days[:-1]),
        validation=days[-1],
        overlapping=tuple(
            day.as_of for day in days[:-1] if services.profile.horizon(catalog, target, day.as_of) > begins
        ),
        calibration=definition.calibration,
        seed=definition.seed,
    )

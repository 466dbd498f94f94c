"""Models: which are trained and how well, the card of one, train a new version."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, Field
from starlette.responses import Response

from lingque.catalog.definitions.shared import NAME
from lingque.core.clock import datetime_of
from lingque.core.reasons import Refusal
from lingque.entry.api.asking import denied, end_of
from lingque.entry.api.guarded import Caller, Workspace, guarded_router
from lingque.entry.api.problems import refusal_response
from lingque.entry.api.shapes import Day, Labelled, Request
from lingque.flow.learning import train_model
from lingque.govern.contracts import Action
from lingque.predict.contracts import FeatureUse, Interval, Judgement, ModelCard
from lingque.predict.registry import find_card, newest_cards

router = guarded_router("models")

ModelName = Annotated[str, Path(pattern=NAME, description="name of the model")]


class TrainRequest(Request):
    """Train a new version on the days that the model's definition names."""

    known_by: Day | None = Field(
        default=None, description="use what was known by the end of that day; default: everything known so far"
    )


class ModelSummary(BaseModel):
    """The newest version of a model, and how well it foretold labels of customers it was not fitted on."""

    name: str
    label: Labelled
    version: int
    trained_at: datetime
    trained_by: str
    validated_as_of: date
    too_old_after: date = Field(description="the last day whose scores need no warning")
    base_rate: float
    auc: Interval
    baseline_auc: Interval = Field(description="of a logistic regression on the same features")
    calibration_error: float


class ModelList(BaseModel):
    """Every model that has been trained, by name."""

    models: list[ModelSummary]


class CardAnswer(BaseModel):
    """What there is to know of one version before using it. Holds no customer's data."""

    model: str
    label: Labelled
    owner: str
    version: int
    run_id: str
    trained_at: datetime
    trained_by: str
    known_by: datetime
    target: str
    target_label: Labelled
    population: str | None
    population_label: Labelled | None
    labels_until: date
    overlapping: list[date] = Field(description="training days whose labels were not yet known on the validation day")
    too_old_after: date
    calibration: str
    seed: int
    features: list[FeatureUse]
    data_classes: list[str]
    purposes: list[str]
    judgement: Judgement
    closure: str
    artefact: str = Field(description="digest of what it scores with")
    libraries: dict[str, str]


@router.get("/models", operation_id="list_models", summary="Every model's newest version", response_model=ModelList)
def list_models(workspace: Workspace, caller: Caller) -> ModelList | Response:
    refusal = denied(workspace, caller, Action.READ_CAMPAIGN, act="list_models", subject="all models")
    if refusal is not None:
        return refusal
    with workspace.services.database.reading() as connection:
        return ModelList(models=[_summary(card) for card in newest_cards(connection)])


@router.get(
    "/models/{name}/card",
    operation_id="get_model_card",
    summary="The card of a model's newest version",
    response_model=CardAnswer,
)
def get_card(name: ModelName, workspace: Workspace, caller: Caller) -> CardAnswer | Response:
    """Data, performance beside a baseline, calibration, groups, features, origin."""
    refusal = denied(workspace, caller, Action.READ_CAMPAIGN, act="read_model_card", subject=name)
    if refusal is not None:
        return refusal
    with workspace.services.database.reading() as connection:
        return _card(find_card(connection, name))


@router.post(
    "/models/{name}/versions",
    operation_id="train_model",
    summary="Train a model; may take minutes",
    response_model=CardAnswer,
)
def post_version(name: ModelName, body: TrainRequest, workspace: Workspace, caller: Caller) -> CardAnswer | Response:
    """Answers when the model is trained, minutes later on a large bank: allow for that before you hang up.

    Whoever lost the connection repeats the request with the same Idempotency-Key: 409 while it is under way, then the
    card. Meanwhile other commands that write are answered 503. What gives the very same model again gives its card
    again, and no new version. 409 LABEL_NOT_YET_KNOWN, TOO_FEW_EXAMPLES where there is nothing to learn from.
    """
    with workspace.writing() as services:
        card = train_model(services, name, caller, known_by=end_of(services, body.known_by))
    return refusal_response(card) if isinstance(card, Refusal) else _card(card)


def _summary(card: ModelCard) -> ModelSummary:
    judged = card.judgement
    return ModelSummary(
        name=card.model,
        label=Labelled.of(card.label),
        version=card.version,
        trained_at=datetime_of(card.trained_at),
        trained_by=card.trained_by,
        validated_as_of=judged.parts[-1].as_of,
        too_old_after=card.too_old_after,
        base_rate=judged.base_rate,
        auc=judged.model.auc,
        baseline_auc=judged.baseline.auc,
        calibration_error=judged.model.calibration_error,
    )


def _card(card: ModelCard) -> CardAnswer:
    return CardAnswer(
        model=card.model,
        label=Labelled.of(card.label),
        owner=card.owner,
        version=card.version,
        run_id=card.run_id,
        trained_at=datetime_of(card.trained_at),
        trained_by=card.trained_by,
        known_by=datetime_of(card.known_by),
        target=card.target,
        target_label=Labelled.of(card.target_label),
        population=card.population,
        population_label=None if card.population_label is None else Labelled.of(card.population_label),
        labels_until=card.labels_until,
        overlapping=list(card.overlapping),
        too_old_after=card.too_old_after,
        calibration=card.calibration,
        seed=card.seed,
        features=list(card.features),
        data_classes=list(card.data_classes),
        purposes=list(card.purposes),
        judgement=card.judgement,
        closure=card.closure,
        artefact=card.artefact,
        libraries=card.libraries,
    )

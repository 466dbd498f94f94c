"""Versions of models: kept for ever, never changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, insert, select

from lingque.core.clock import Instant
from lingque.core.errors import NotFoundError, WarehouseError, nearest
from lingque.core.hashing import digest_of
from lingque.core.ids import RunId, run_id
from lingque.predict.artefact import Artefact, from_json, to_json
from lingque.predict.contracts import ModelCard
from lingque.predict.tables import models
from lingque.store.runs import Run, finish_run

TRAINING_RUN = "train"
_CARD = TypeAdapter(ModelCard)


@dataclass(frozen=True, kw_only=True)
class Version:
    """Which version, of which definition (closure), with which content."""

    model: str
    version: int
    run_id: RunId
    closure: str
    artefact_digest: str

    def __str__(self) -> str:
        return f"{self.version} ({self.artefact_digest[:12]})"


def save_version(
    connection: Connection,
    artefact: Artefact,
    *,
    model: str,
    closure: str,
    at: Instant,
    card_of: Callable[[Version], ModelCard],
) -> ModelCard:
    """Keep a new version with its card. Where the newest one is of the same definition and content, nothing is
    written and its card is given."""
    newest = newest_version(connection, model)
    content = to_json(artefact)
    digest = digest_of(content)
    if newest is not None and (newest.closure, newest.artefact_digest) == (closure, digest):
        return card_of_version(connection, newest)
    number = 1 if newest is None else newest.version + 1
    run = run_id(TRAINING_RUN, model=model, version=number, closure=closure, artefact=digest)
    version = Version(model=model, version=number, run_id=run, closure=closure, artefact_digest=digest)
    card = card_of(version)
    connection.execute(
        insert(models).values(
            model=model,
            version=number,
            run_id=run,
            closure=closure,
            trained_at=at,
            trained_by=card.trained_by,
            known_by=card.known_by,
            artefact_digest=digest,
            artefact=content,
            card=_CARD.dump_python(card, mode="json"),
        )
    )
    summary = {"version": number, "artefact": digest}
    run_of_it = Run(run_id=run, kind=TRAINING_RUN, subject=model, finished_at=at, summary=summary)
    finish_run(connection, run_of_it, published={})
    return card


def newest_version(connection: Connection, model: str, *, closure: str | None = None) -> Version | None:
    """The newest version, of that definition where one is named."""
    wanted = select(models).where(models.c.model == model).order_by(models.c.version.desc())
    if closure is not None:
        wanted = wanted.where(models.c.closure == closure)
    row = connection.execute(wanted.limit(1)).one_or_none()
    return None if row is None else _version(row)


def newest_cards(connection: Connection) -> list[ModelCard]:
    """The card of the newest version of every model."""
    names = connection.execute(select(models.c.model).distinct().order_by(models.c.model)).scalars().all()
    return [find_card(connection, name) for name in names]


def find_card(connection: Connection, model: str) -> ModelCard:
    """The card of the newest version. Raises `NotFoundError` where the model has not been trained."""
    version = newest_version(connection, model)
    if version is None:
        trained: Sequence[str] = connection.execute(select(models.c.model).distinct()).scalars().all()
        raise NotFoundError(
            f"no model '{model}' has been trained",
            next_step=f"run 'lingque models train {model}'; {nearest(model, trained)}",
        )
    return card_of_version(connection, version)


def card_of_version(connection: Connection, version: Version) -> ModelCard:
    """The card of that version."""
    return _CARD.validate_python(_row(connection, version).card)


def artefact_of(connection: Connection, version: Version) -> Artefact:
    """What that version scores with. `WarehouseError` where it is not what was trained."""
    content = _row(connection, version).artefact
    if digest_of(content) != version.artefact_digest:
        raise WarehouseError(
            f"version {version.version} of model '{version.model}' is not what was trained: its digest differs",
            next_step="restore the control database from its backup, or train the model again",
        )
    return from_json(content)


def _row(connection: Connection, version: Version) -> Any:
    return connection.execute(
        select(models).where(models.c.model == version.model, models.c.version == version.version)
    ).one()


def _version(row: Any) -> Version:
    return Version(
        model=row.model,
        version=row.version,
        run_id=RunId(row.run_id),
        closure=row.closure,
        artefact_digest=row.artefact_digest,
    )

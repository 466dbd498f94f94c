"""A customer's own page: what they agreed to, what is thought of them, and changing both themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection

from lingque.catalog.expressions.types import Kind
from lingque.catalog.model import Catalog, ListTag
from lingque.core.errors import NotFoundError
from lingque.core.ids import CustomerId
from lingque.core.labels import Label
from lingque.core.money import Money
from lingque.core.registries import DataClass, Purpose
from lingque.flow.grounds import tags_under
from lingque.flow.intake import catalog_of
from lingque.flow.services import Services
from lingque.govern.contracts import ConsentEntry
from lingque.govern.preferences import Preferences, parties_of, preferences_of, said_by
from lingque.govern.statements import DecisionRefusal, TagRefusal

CHANNELS = ("email", "sms", "rm_call")
ASKED_ALWAYS = tuple(
    (Purpose.MARKETING, channel, one) for channel in CHANNELS for one in (DataClass.PERSONAL, DataClass.FINANCIAL)
)
WORDING = "preference page 1"

Question = tuple[Purpose, str, DataClass]


@dataclass(frozen=True, kw_only=True)
class TagShown:
    """A tag that the bank holds of the customer; `value` as people read it, of a refused one too."""

    name: str
    label: Label
    value: str
    refused: bool


@dataclass(frozen=True, kw_only=True)
class OwnPage:
    """All that the page shows."""

    preferences: Preferences
    tags: tuple[TagShown, ...]


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a press of a button on the page says."""

    about: Literal["consent", "automated", "tag"]
    agreed: bool
    question: Question | None = None
    tag: str = ""


def own_page(services: Services, customer_id: CustomerId) -> OwnPage:
    """As of now, with the tags of the newest snapshot. A tag that tells of a secret list is not shown."""
    catalog = catalog_of(services)
    with services.database.reading() as connection:
        parties = parties_of(connection, customer_id)
        said = said_by(connection, parties)
        # whatever the customer was ever asked, each class by itself
        asked = {
            (one.purpose, one.channel, single)
            for one in said
            if one.purpose is not Purpose.SERVICE
            for single in (one.data_classes or (DataClass.PERSONAL, DataClass.FINANCIAL))
        }
        questions = [*ASKED_ALWAYS, *sorted(asked - set(ASKED_ALWAYS))]
        preferences = preferences_of(connection, parties, asked=questions, at=services.clock.now())
        tags = _tags(services, connection, catalog, customer_id, preferences.refused_tags)
    return OwnPage(preferences=preferences, tags=tags)


def fulfil(services: Services, customer_id: CustomerId, wish: Wish, *, evidence: str) -> None:
    """Record it for every party of the customer, effective at once. Does not wait for the workspace."""
    now = services.clock.now()
    with services.database.transaction() as connection:
        parties = parties_of(connection, customer_id)
        match wish.about:
            case "consent" if wish.question is not None:
                purpose, channel, one = wish.question
                # without the consent itself nothing that rests on it remains
                classes = one if wish.agreed or one is not DataClass.PERSONAL else DataClass(0)
                services.register.record_consents(
                    connection,
                    [
                        ConsentEntry(
                            party_id=party,
                            purpose=purpose,
                            channel=channel,
                            data_classes=classes,
                            action="give" if wish.agreed else "withdraw",
                            acted_at=now,
                            wording_version=WORDING,
                            evidence=evidence,
                            origin=f"page/{party}/{int(purpose)}/{channel}/{int(one)}/{wish.agreed}/{now}",
                        )
                        for party in parties
                    ],
                )
                detail: dict[str, object] = {"purpose": purpose.name, "channel": channel, "classes": list(one.names)}
            case "automated":
                services.register.record_decision_refusals(
                    connection,
                    [
                        DecisionRefusal(
                            party_id=party,
                            refused=not wish.agreed,
                            acted_at=now,
                            wording_version=WORDING,
                            evidence=evidence,
                        )
                        for party in parties
                    ],
                )
                detail = {}
            case _:
                services.register.record_tag_refusals(
                    connection,
                    [
                        TagRefusal(
                            party_id=party, tag=wish.tag, refused=not wish.agreed, acted_at=now, evidence=evidence
                        )
                        for party in parties
                    ],
                )
                detail = {"tag": wish.tag}
        services.audit.record(
            connection,
            actor=f"customer {customer_id}",
            act=f"{'allow' if wish.agreed else 'refuse'}_{wish.about}",
            subject=f"customer {customer_id}",
            detail={**detail, "evidence": evidence},
        )


def _tags(
    services: Services,
    connection: Connection,
    catalog: Catalog,
    customer_id: CustomerId,
    refused: frozenset[str],
) -> tuple[TagShown, ...]:
    as_of = services.profile.newest_day(connection)
    if as_of is None:
        return ()
    try:
        values = services.profile.values_of(connection, as_of, customer_id)
    except NotFoundError:
        return ()
    return tuple(
        TagShown(
            name=name,
            label=catalog.tags[name].definition.label.label(),
            value=_shown(catalog, name, value),
            refused=name in refused,
        )
        for name, value in sorted(values.items())
        if value is not None and name in catalog.tags and not _tells_a_secret(catalog, name)
    )


def _tells_a_secret(catalog: Catalog, name: str) -> bool:
    below = (catalog.tags[one] for one in tags_under(catalog, [name]))
    return any(isinstance(tag, ListTag) and tag.list.secret for tag in below)


def _shown(catalog: Catalog, name: str, value: object) -> str:
    kind = catalog.tags[name].type
    if kind.kind is Kind.MONEY and isinstance(value, int):
        return str(Money(minor=value, currency=kind.currency))
    if isinstance(value, bool):
        return "是 · yes" if value else "否 · no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)

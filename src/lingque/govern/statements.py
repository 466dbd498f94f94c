"""What customers and compliance state besides consents: refusals, deleted tags, other legal bases."""

from __future__ import annotations

from dataclasses import dataclass

from lingque.core.clock import Instant
from lingque.core.ids import PartyId
from lingque.core.registries import DataClass, Purpose


@dataclass(frozen=True, kw_only=True)
class DecisionRefusal:
    """A customer refuses to be decided on by a machine (PIPL art. 24, GDPR art. 22), or takes that back.

    Such a customer is not left out: what is proposed without looking at them remains.
    """

    party_id: PartyId
    refused: bool
    acted_at: Instant
    wording_version: str
    evidence: str


@dataclass(frozen=True, kw_only=True)
class TagRefusal:
    """A customer deletes a tag: nothing that is built on it may be used on them. Or allows it again."""

    party_id: PartyId
    tag: str
    refused: bool
    acted_at: Instant
    evidence: str


@dataclass(frozen=True, kw_only=True)
class LegalBasis:
    """On what else than separate consent a purpose may use these classes of data, as compliance recorded it."""

    purpose: Purpose
    data_classes: DataClass
    article: str
    document: str
    begins_at: Instant
    ends_at: Instant

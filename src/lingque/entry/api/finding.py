"""Segments that are found or kept: clusters, look-alikes, and members put onto a list. Numbers only, never who."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import Path
from pydantic import BaseModel, Field
from starlette.responses import Response

from lingque.catalog.definitions.shared import NAME
from lingque.catalog.yaml_export import document_of
from lingque.core.labels import Label
from lingque.core.reasons import Refusal
from lingque.entry.api.guarded import Caller, Workspace, guarded_router
from lingque.entry.api.problems import refusal_response
from lingque.entry.api.segments import Condition, SegmentName
from lingque.entry.api.shapes import Comment, Day, Labelled, Name, Request
from lingque.flow.clusters import Clusters, find_clusters
from lingque.flow.freezing import Frozen, freeze_segment
from lingque.flow.look_alike import Audience, find_look_alikes, keep_audience
from lingque.flow.services import Services
from lingque.govern.contracts import Principal
from lingque.predict.contracts import Interval
from lingque.profile.cluster_tags import label_of

router = guarded_router("segments")

MOST_TAGS = 50
ClusterName = Annotated[str, Path(pattern=NAME, max_length=50, description="what the tag of the clusters is called")]
Tags = Annotated[list[Name], Field(min_length=1, max_length=MOST_TAGS)]
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]


class LabelRequest(Request):
    """A name in both languages."""

    zh: Annotated[str, Field(min_length=1, max_length=100)]
    en: Annotated[str, Field(min_length=1, max_length=100)]


class ClusterRequest(Request):
    """Over what to find clusters, and of whom."""

    tags: Tags
    label: LabelRequest
    segment: Condition = Field(default="true", description="a condition or a segment; by default everybody")
    method: Literal["kmeans", "gmm"] = "kmeans"
    clusters: Annotated[int, Field(ge=2, le=50)] | None = Field(
        default=None, description="how many; null: by silhouette (kmeans) or BIC (gmm)"
    )
    as_of: Day | None = Field(default=None, description="the day of the snapshot; null: the newest")
    seed: Seed = 1


class TraitAnswer(BaseModel):
    """By how many standard deviations a cluster's mean differs from that of all; money in major units."""

    tag: str
    difference: float
    mean: float
    of_all: float


class ClusterAnswer(BaseModel):
    """A cluster, the largest first; traits in the order of their strength."""

    number: int
    label: Labelled
    customers: int = Field(description="of those it was found on")
    share: float
    traits: list[TraitAnswer]


class PointAnswer(BaseModel):
    """One of some customers on the plane on which they differ most, rounded; it says nothing of whom."""

    x: float
    y: float
    cluster: int


class ClustersAnswer(BaseModel):
    """What was found. Nothing is stored: `definitions` are YAML documents to be applied like any others."""

    as_of: date
    customers: int
    silhouette: float = Field(description="below 0.25 there are hardly any clusters")
    tried: dict[int, float] = Field(description="silhouette (kmeans) or BIC (gmm) per number of clusters")
    clusters: list[ClusterAnswer]
    plane: list[PointAnswer]
    data_classes: list[str]
    definitions: list[str]

    @classmethod
    def of(cls, found: Clusters) -> ClustersAnswer:
        what = found.found
        return cls(
            as_of=found.as_of,
            customers=found.customers,
            silhouette=what.silhouette,
            tried=dict(what.tried),
            clusters=[
                ClusterAnswer(
                    number=one.number,
                    label=Labelled.of(label_of(one, found.labels)),
                    customers=one.customers,
                    share=one.share,
                    traits=[
                        TraitAnswer(tag=trait.tag, difference=trait.difference, mean=trait.mean, of_all=trait.of_all)
                        for trait in one.traits
                    ],
                )
                for one in what.profiles
            ],
            plane=[PointAnswer(x=x, y=y, cluster=number) for x, y, number in what.plane],
            data_classes=list(found.lineage.classes.names),
            definitions=[document_of(one) for one in found.definitions],
        )


class LookAlikeRequest(Request):
    """By what to recognise whoever looks like the segment."""

    tags: Tags
    within: Condition = Field(default="true", description="whom to rank: a condition or a segment")
    as_of: Day | None = Field(default=None, description="the day of the snapshot; null: the newest")
    seed: Seed = 1


class OntoList(Request):
    """Onto which of the caller's audience lists customers go."""

    onto: Name
    expires_on: Day | None = Field(default=None, description="the day on which they are off it again")
    reason: Comment = Field(default="", description="stays on record, so no personal data")


class KeepRequest(OntoList, LookAlikeRequest):
    """How many of the likest go onto a list."""

    top: Annotated[int, Field(ge=1, le=100_000_000)]


class WeightAnswer(BaseModel):
    """How much a tag tells: its share of the gain of all splits, and its mean |SHAP| (log-odds)."""

    tag: str
    label: Labelled
    gain: float
    shap: float


class LookAlikeAnswer(BaseModel):
    """How well the segment can be told from the rest, by what, and how alike the likest are."""

    as_of: date
    seed: int
    rest: int
    learner: Literal["trees", "logistic"]
    auc: Interval
    other_auc: Interval = Field(description="of the learner that tells them worse")
    weights: list[WeightAnswer]
    likest: dict[int, float] = Field(description="mean probability of so many of the likest")
    data_classes: list[str]

    @classmethod
    def of(cls, audience: Audience) -> LookAlikeAnswer:
        found = audience.found
        counts = sorted({max(1, round(share * len(found.ids))) for share in (0.01, 0.05, 0.1)})
        return cls(
            as_of=audience.as_of,
            seed=found.seed,
            rest=found.rest,
            learner=found.learner,
            auc=found.auc,
            other_auc=found.other_auc,
            weights=[
                WeightAnswer(
                    tag=one.feature, label=Labelled.of(audience.labels[one.feature]), gain=one.gain, shap=one.shap
                )
                for one in found.importances
            ],
            likest={count: float(found.probabilities[:count].mean()) for count in counts},
            data_classes=list(audience.lineage.classes.names),
        )


class FreezeRequest(OntoList):
    """Whose members go onto a list."""

    expression: Condition = Field(description="a condition over tags, or the name of a segment")
    as_of: Day | None = Field(default=None, description="the day of the snapshot; null: the newest")


class FrozenAnswer(BaseModel):
    """How many were chosen, and how many of them were not on the list before."""

    as_of: date
    members: int
    added: int

    @classmethod
    def of(cls, frozen: Frozen) -> FrozenAnswer:
        return cls(as_of=frozen.as_of, members=frozen.members, added=frozen.added)


@router.put(
    "/segments/clusters/{name}", operation_id="find_clusters", summary="Find clusters of customers",
    response_model=ClustersAnswer,
)  # fmt: skip
def put_clusters(
    name: ClusterName, body: ClusterRequest, workspace: Workspace, caller: Caller
) -> ClustersAnswer | Response:
    """409 where a tag of that name is there, too few customers are, or a tag does not vary."""
    found = find_clusters(
        workspace.services, name, Label(zh=body.label.zh, en=body.label.en), body.tags, caller, segment=body.segment,
        method=body.method, clusters=body.clusters, as_of=body.as_of, seed=body.seed,
    )  # fmt: skip
    return refusal_response(found) if isinstance(found, Refusal) else ClustersAnswer.of(found)


@router.put(
    "/segments/{name}/look-alikes", operation_id="find_look_alikes", summary="Who looks like a segment, as numbers",
    response_model=LookAlikeAnswer,
)  # fmt: skip
def put_look_alikes(
    name: SegmentName, body: LookAlikeRequest, workspace: Workspace, caller: Caller
) -> LookAlikeAnswer | Response:
    """409 where the segment is built on one of the tags: it would only give back its definition."""
    found = _found(workspace.services, name, body, caller)
    return refusal_response(found) if isinstance(found, Refusal) else LookAlikeAnswer.of(found)


@router.post(
    "/segments/{name}/look-alikes", operation_id="keep_look_alikes", summary="Put the likest onto a list",
    response_model=FrozenAnswer,
)  # fmt: skip
def post_look_alikes(
    name: SegmentName, body: KeepRequest, workspace: Workspace, caller: Caller
) -> FrozenAnswer | Response:
    """The list must state the classes of the data and serve no more purposes than it."""
    # found before anybody is kept from writing: it learns a model
    found = _found(workspace.services, name, body, caller)
    if isinstance(found, Refusal):
        return refusal_response(found)
    with workspace.writing() as services:
        kept = keep_audience(
            services, found, body.top, body.onto, caller, expires_on=body.expires_on, reason=body.reason
        )
    return refusal_response(kept) if isinstance(kept, Refusal) else FrozenAnswer.of(kept)


def _found(services: Services, name: str, body: LookAlikeRequest, caller: Principal) -> Audience | Refusal:
    return find_look_alikes(services, name, body.tags, caller, within=body.within, as_of=body.as_of, seed=body.seed)


@router.post(
    "/segments/freeze", operation_id="freeze_segment", summary="Keep a segment as it is on a day, on a list",
    response_model=FrozenAnswer,
)  # fmt: skip
def post_freeze(body: FreezeRequest, workspace: Workspace, caller: Caller) -> FrozenAnswer | Response:
    """The list must state the classes of the data and serve no more purposes than it."""
    with workspace.writing() as services:
        frozen = freeze_segment(
            services, body.expression, body.onto, caller, as_of=body.as_of, expires_on=body.expires_on,
            reason=body.reason,
        )  # fmt: skip
    return refusal_response(frozen) if isinstance(frozen, Refusal) else FrozenAnswer.of(frozen)

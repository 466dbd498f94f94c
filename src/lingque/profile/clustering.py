"""Clusters of customers over tags, and a definition that says for any customer which one they belong to.

k-means, or a mixture of normal distributions with independent tags (GMM). Tags are numbers, money or true-or-false.
*Scaling*: each value is cut off at the 1st and the 99th percentile, for wealth has long tails, and standardised (minus
the mean, divided by the standard deviation of what was cut). *A value that is missing* counts as the mean: it says
nothing. Both are part of the definition that comes out, so a tag computes by itself what was found here, on every day
and for every customer.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lingque.catalog.expressions.types import Kind, Type
from lingque.core.errors import ConfigurationError
from lingque.core.hashing import Float64s, Int64s
from lingque.core.money import EXPONENTS
from lingque.core.reasons import Reason, Refusal

Method = Literal["kmeans", "gmm"]
MOST_CLUSTERS = 12
LEAST_PER_CLUSTER = 30
SAMPLED = 50_000
"""Customers that clusters are found on: more move the centres by less than anybody can see."""
JUDGED = 5_000
"""Of the sample, for the silhouette, which compares each two."""
_CUT = (0.01, 0.99)
_NUMERIC = frozenset({Kind.NUMBER, Kind.INTEGER, Kind.MONEY, Kind.BOOLEAN})
_STARTS = 10


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How a tag becomes a standardised number: cut to [least, most], minus `mean`, divided by `spread`. Money in major
    units, true and false as 1 and 0."""

    tag: str
    type: Type
    least: float
    most: float
    mean: float
    spread: float

    def standardised(self, column: pa.ChunkedArray) -> Float64s:
        """One number per customer; 0 where there is no value."""
        values = np.clip(_numbers(column, self.type), self.least, self.most)
        scaled: Float64s = np.nan_to_num((values - self.mean) / self.spread, nan=0.0)
        return scaled


@dataclass(frozen=True, kw_only=True)
class Centre:
    """A cluster: its mean of each standardised tag; of a mixture also the variances and the share of customers."""

    means: tuple[float, ...]
    variances: tuple[float, ...] = ()
    weight: float = 1.0

    @property
    def constant(self) -> float:
        """What the fit has besides the distances: ln weight − ½ Σ ln variance; of k-means 0."""
        return math.log(self.weight) - 0.5 * math.fsum(math.log(one) for one in self.variances)


@dataclass(frozen=True, kw_only=True)
class Trait:
    """What sets a cluster apart: how many standard deviations its mean lies above that of all (standardised
    difference); both means in the tag's own unit (money in major units, true-or-false as a share)."""

    tag: str
    difference: float
    mean: float
    of_all: float


@dataclass(frozen=True, kw_only=True)
class ClusterProfile:
    """A cluster for reading: how many of those it was found on it has, and its traits, the strongest first."""

    number: int
    customers: int
    share: float
    traits: tuple[Trait, ...]


@dataclass(frozen=True, kw_only=True)
class Clustering:
    """What was found. `tried`: per number of clusters the silhouette (of k-means, the more the better) or the BIC (of
    a mixture, the less the better). `silhouette` of the one chosen, between −1 and 1: above 0.5 clear, below 0.25
    hardly there. Clusters are numbered by size, the largest first. `plane`: some customers for a picture."""

    method: Method
    seed: int
    scales: tuple[Scale, ...]
    centres: tuple[Centre, ...]
    tried: tuple[tuple[int, float], ...]
    silhouette: float
    profiles: tuple[ClusterProfile, ...]
    plane: tuple[tuple[float, float, int], ...]

    def scores(self, rows: pa.Table) -> Float64s:
        """How well each cluster fits each customer (n, k): minus half the squared distance, or the logarithm of the
        density times the weight."""
        data = standardised(self.scales, rows)
        return np.column_stack([_score(centre, data) for centre in self.centres])

    def assigned(self, rows: pa.Table) -> Int64s:
        """The cluster of each customer (n,), from 1; of two that fit alike the first."""
        numbers: Int64s = self.scores(rows).argmax(axis=1) + 1
        return numbers


def cluster(
    rows: pa.Table, tags: Sequence[tuple[str, Type]], *, method: Method, clusters: int | None, seed: int
) -> Clustering | Refusal:
    """Find clusters of these customers. The same customers in the same order, tags and seed give the same result.

    Without a number of clusters the best of 2 to `MOST_CLUSTERS` is taken, by silhouette or BIC. Too few customers, or
    tags that do not vary, are a refusal. Raises `ConfigurationError` for a tag that is no number.
    """
    for name, kind in tags:
        if kind.kind not in _NUMERIC:
            raise ConfigurationError(
                f"tag '{name}' is a {kind}, and clusters are found over numbers, amounts and true-or-false tags",
                next_step="take it away, or derive a true-or-false tag from it",
            )
    sample = rows.take(pa.array(_every(rows.num_rows, SAMPLED)))
    least = LEAST_PER_CLUSTER * (clusters or 2)
    if sample.num_rows < least:
        return Refusal(reason=Reason.TOO_FEW_EXAMPLES, detail=f"{sample.num_rows} customers, {least} are needed")
    scales = [_scale(name, kind, sample.column(name)) for name, kind in tags]
    flat = [scale.tag for scale in scales if scale.spread == 0]
    if flat:
        return Refusal(
            reason=Reason.NO_VARIATION, detail=f"the same for nearly everybody: {', '.join(flat)}; take them away"
        )
    data = standardised(scales, sample)
    # sums of floats depend on how many threads cut them up, and with them what comes out
    with _learner("threadpoolctl").threadpool_limits(limits=1):
        return _found(scales, data, method, clusters, seed)


def _found(scales: Sequence[Scale], data: Float64s, method: Method, clusters: int | None, seed: int) -> Clustering:
    most = min(MOST_CLUSTERS, len(data) // LEAST_PER_CLUSTER)
    numbers = [clusters] if clusters is not None else list(range(2, most + 1))
    fitted = [_fitted(method, data, number, seed) for number in numbers]
    best = min(fitted, key=lambda one: one[1] if method == "gmm" else -one[1])
    centres = _by_size(best[0], data)
    found = np.column_stack([_score(centre, data) for centre in centres]).argmax(axis=1)
    return Clustering(
        method=method,
        seed=seed,
        scales=tuple(scales),
        centres=tuple(centres),
        tried=tuple((number, criterion) for number, (_, criterion) in zip(numbers, fitted, strict=True)),
        silhouette=_silhouette(data, found),
        profiles=tuple(_profile(scales, data, found, number) for number in range(len(centres))),
        plane=_plane(data, found),
    )


def standardised(scales: Sequence[Scale], rows: pa.Table) -> Float64s:
    """The tags of each customer as standardised numbers (n, tags)."""
    return np.column_stack([scale.standardised(rows.column(scale.tag)) for scale in scales])


def _numbers(column: pa.ChunkedArray, kind: Type) -> Float64s:
    values: Float64s = pc.fill_null(pc.cast(_uncoded(column), pa.float64()), float("nan")).to_numpy()
    return values / 10.0 ** EXPONENTS[kind.currency] if kind.kind is Kind.MONEY else values


def _uncoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.cast(column, pa.int8()) if pa.types.is_boolean(column.type) else column


def _scale(name: str, kind: Type, column: pa.ChunkedArray) -> Scale:
    values = _numbers(column, kind)
    known = values[~np.isnan(values)]
    if not len(known):
        return Scale(tag=name, type=kind, least=0.0, most=0.0, mean=0.0, spread=0.0)
    least, most = (0.0, 1.0) if kind.kind is Kind.BOOLEAN else _cuts(known)
    cut = np.clip(known, least, most)
    return Scale(tag=name, type=kind, least=least, most=most, mean=float(cut.mean()), spread=float(cut.std()))


def _cuts(known: Float64s) -> tuple[float, float]:
    """The percentiles, rounded to about a hundredth of what lies between them: each is some single customer's value."""
    least, most = (float(np.quantile(known, cut)) for cut in _CUT)
    if most <= least:
        return least, most
    digits = -math.floor(math.log10((most - least) / 100))
    return round(least, digits), round(most, digits)


def _fitted(method: Method, data: Float64s, clusters: int, seed: int) -> tuple[list[Centre], float]:
    """The centres, and by what the number of clusters is chosen."""
    if method == "gmm":
        mixture = _learner("sklearn.mixture").GaussianMixture(
            clusters, covariance_type="diag", n_init=3, reg_covar=1e-3, random_state=seed
        )
        with warnings.catch_warnings():  # not converged after its steps is still a mixture, judged like any other
            warnings.simplefilter("ignore", _learner("sklearn.exceptions").ConvergenceWarning)
            mixture.fit(data)
        found = zip(mixture.means_.tolist(), mixture.covariances_.tolist(), mixture.weights_.tolist(), strict=True)
        centres = [Centre(means=tuple(m), variances=tuple(v), weight=float(w)) for m, v, w in found]
        return centres, float(mixture.bic(data))
    means = _learner("sklearn.cluster").KMeans(clusters, n_init=_STARTS, random_state=seed).fit(data)
    return [Centre(means=tuple(one)) for one in means.cluster_centers_.tolist()], _silhouette(data, means.labels_)


def _learner(module: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise ConfigurationError(
            "clusters need the library 'scikit-learn', which is not installed",
            next_step="install Lingque with its models: pip install 'lingque[models]'",
        ) from error


def _score(centre: Centre, data: Float64s) -> Float64s:
    squares = (data - np.array(centre.means)) ** 2
    if centre.variances:
        squares = squares / np.array(centre.variances)
    fits: Float64s = centre.constant - 0.5 * squares.sum(axis=1)
    return fits


def _by_size(centres: list[Centre], data: Float64s) -> list[Centre]:
    """The largest first; a cluster that fits nobody best is none."""
    found = np.column_stack([_score(centre, data) for centre in centres]).argmax(axis=1)
    sizes = np.bincount(found, minlength=len(centres))
    order = sorted(range(len(centres)), key=lambda number: (-sizes[number], centres[number].means))
    return [centres[number] for number in order if sizes[number]]


def _silhouette(data: Float64s, found: np.ndarray[Any, Any]) -> float:
    at = _every(len(data), JUDGED)
    if len(np.unique(found[at])) < 2:
        return 0.0
    return float(_learner("sklearn.metrics").silhouette_score(data[at], found[at]))


def _profile(scales: Sequence[Scale], data: Float64s, found: np.ndarray[Any, Any], number: int) -> ClusterProfile:
    mine = data[found == number]
    means, of_all = mine.mean(axis=0), data.mean(axis=0)
    traits = [
        Trait(
            tag=scale.tag,
            difference=float(means[place] - of_all[place]),
            mean=float(means[place] * scale.spread + scale.mean),
            of_all=float(of_all[place] * scale.spread + scale.mean),
        )
        for place, scale in enumerate(scales)
    ]
    traits.sort(key=lambda trait: (-abs(trait.difference), trait.tag))
    return ClusterProfile(number=number + 1, customers=len(mine), share=len(mine) / len(data), traits=tuple(traits))


def _plane(data: Float64s, found: np.ndarray[Any, Any]) -> tuple[tuple[float, float, int], ...]:
    """Some customers on the plane on which they differ most (the first two principal components), with their cluster;
    rounded, so that no point is one customer's exact values."""
    at = _every(len(data), 600)
    centred = data - data.mean(axis=0)
    axes = np.linalg.svd(np.cov(centred, rowvar=False).reshape(data.shape[1], data.shape[1]))[0][:, :2]
    # the sign of an axis is free: the largest part of each points up
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), range(axes.shape[1])])
    points = centred[at] @ axes
    if points.shape[1] == 1:
        points = np.column_stack([points, np.zeros(len(points))])
    return tuple((round(x, 1), round(y, 1), int(n) + 1) for (x, y), n in zip(points.tolist(), found[at], strict=True))


def _every(count: int, most: int) -> Int64s:
    """Places spread evenly over the rows: those of a snapshot stand in the order of a hash."""
    step = -(-count // most) or 1
    return np.arange(0, count, step, dtype=np.int64)

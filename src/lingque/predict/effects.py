"""What contacts change, learnt from those that were made and those that were held out, wave after wave.

The last stage of an R-learner (Nie, Wager 2021): with m(x) what a customer does without a contact, learnt from those
who had none, the residual y − m(x) is φ(x)·β on average. β has a normal prior (Lindley, Smith 1972), so that what is
known beforehand counts until there is more to go by, and the estimate comes with its uncertainty. Evidence adds up:
learning from two waves is learning from one after the other. An entry of φ that those held out have too, say m(x)
itself, takes up what is wrong with m, so that it is not taken for an effect.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lingque.core.errors import WarehouseError
from lingque.core.hashing import Float64s


@dataclass(frozen=True, kw_only=True, eq=False)
class Effects:
    """A normal belief about β: `precision` (k, k), of its covariance the inverse, `weighted` (k,), precision × mean."""

    precision: Float64s
    weighted: Float64s

    @classmethod
    def believed(cls, mean: Float64s, deviation: Float64s) -> Effects:
        """Before any evidence: each entry of β by itself, (k,) each. A deviation that is not above 0 raises
        `WarehouseError`."""
        if (deviation <= 0).any():
            raise WarehouseError("a belief without any doubt learns nothing", next_step="give deviations above 0")
        return cls(precision=np.diag(deviation**-2.0), weighted=mean / deviation**2)

    def learn(self, features: Float64s, residual: Float64s, variance: Float64s) -> Effects:
        """With n contacts more: φ(x) (n, k), y − m(x) (n,), and the variance of each residual (n,), above 0."""
        weighed = features / variance[:, None]
        # no dot products over customers: their threads wait by spinning
        return Effects(
            precision=self.precision + np.einsum("ni,nj->ij", weighed, features),
            weighted=self.weighted + np.einsum("ni,n->i", weighed, residual),
        )

    @property
    def mean(self) -> Float64s:
        """(k,) of β."""
        mean: Float64s = np.linalg.solve(self.precision, self.weighted).astype(np.float64)
        return mean

    @property
    def deviation(self) -> Float64s:
        """(k,) the standard error of each entry of β."""
        deviation: Float64s = np.sqrt(np.diag(np.linalg.inv(self.precision))).astype(np.float64)
        return deviation

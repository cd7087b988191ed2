"""Several outcomes of one patient that are correlated: a Gaussian copula."""

from __future__ import annotations

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.model import Edge

CORRELATED = "correlated outcomes"
"""Purpose of the stream of the deviates: who needs them again draws the same."""

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelatedOutcomes:
    r"""Standard normal deviates of a patient, one for each of several outcomes.

    An event comes when its cumulative hazard reaches :math:`-\log\Phi(-z)`, so its time has the
    distribution that the hazard says, whatever the others do, and is the later the larger
    :math:`z` is. A score's deviate is what all its later values of a patient share.

    Raises
    ------
    ValueError
        If no normal deviates have such correlations.

    References
    ----------
    Li (2000), *Journal of Fixed Income* 9:43; Nelsen (2006), *An Introduction to Copulas*, 2.3.
    """

    on: tuple[tuple[Edge, ...], ...]
    """The transitions that are the event of each outcome; none for the marker."""
    correlation: tuple[tuple[float, ...], ...]
    """Of the deviates; symmetric, with ones on the diagonal."""
    words: str = ""  # what a protocol states of it: told, never computed with

    def __post_init__(self) -> None:
        if np.linalg.eigvalsh(np.array(self.correlation)).min() < -_ROUNDING:
            raise ValueError("no patients have outcomes with all of these correlations")

    @property
    def of_marker(self) -> int | None:
        """Position of the outcome that is the marker; None where none is."""
        return next((k for k, edges in enumerate(self.on) if not edges), None)

    def draw(self, n_patients: int, *, rng: np.random.Generator) -> FloatArray:
        """Return the deviates of patients, (n_outcomes, n_patients)."""
        values, vectors = np.linalg.eigh(np.array(self.correlation))
        root = vectors * np.sqrt(np.maximum(values, 0.0)) @ vectors.T
        return np.asarray(root @ rng.standard_normal((len(self.on), n_patients)))


def thresholds_of(deviates: FloatArray) -> FloatArray:
    """Return the cumulative hazards at which events with these deviates come, same shape."""
    from scipy.special import log_ndtr

    return np.asarray(-log_ndtr(-deviates))

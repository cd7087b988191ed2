"""Combine the stages of an adaptive trial with weights fixed before it began."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from lupusim.analysis.group_sequential.scales import z_from_p_value
from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class InverseNormal:
    r"""Cumulative z of stages with fixed weights: :math:`\sum w_j z_j / \sqrt{\sum w_j^2}`.

    With weights from the planned information this is the statistic of Cui, Hung and Wang: as
    long as the plan is kept it is the usual cumulative z, and the bounds of the plan hold its
    error whatever is changed at a look.

    Parameters
    ----------
    planned_information : sequence of float
        Information planned at each look, increasing, any unit. Squared weights are its steps.

    Raises
    ------
    ValueError
        If the information does not rise from above 0.

    References
    ----------
    Lehmacher and Wassmer (1999), *Biometrics* 55:1286; Cui, Hung and Wang (1999), *Biometrics*
    55:853.

    Examples
    --------
    >>> rule = InverseNormal(planned_information=(1, 2))
    >>> rule.from_stages([1.0, 2.0]).round(4).tolist()
    [1.0, 2.1213]
    """

    planned_information: Sequence[float]

    def __post_init__(self) -> None:
        steps = np.diff([0.0, *self.planned_information])
        if steps.size == 0 or not (np.isfinite(steps).all() and np.all(steps > 0)):
            raise ValueError(
                f"planned_information={self.planned_information!r} must rise from above 0"
            )

    @property
    def weights(self) -> FloatArray:
        """Weight of each stage; their squares sum to 1."""
        return np.sqrt(np.diff([0.0, *self.planned_information]) / self.planned_information[-1])

    def from_stages(self, stage_z: ArrayLike) -> FloatArray:
        """Return the combined z at each look from the z of each stage alone.

        Parameters
        ----------
        stage_z : (..., n_stages) array-like
            z of the patients of each stage alone; fewer stages than planned may be given.

        Raises
        ------
        ValueError
            If there are more stages than weights.
        """
        stages = np.asarray(stage_z, dtype=float)
        weights = self._weights_of(stages)
        combined: FloatArray = np.cumsum(weights * stages, axis=-1)
        return combined / np.sqrt(np.cumsum(weights**2))

    def from_p_values(self, stage_p_value: ArrayLike) -> FloatArray:
        """Return the combined z at each look from one-sided p-values of each stage alone."""
        return self.from_stages(z_from_p_value(stage_p_value))

    def from_cumulative(self, z: ArrayLike, information: ArrayLike) -> FloatArray:
        """Return the combined z from usual cumulative z at the information really seen.

        Parameters
        ----------
        z, information : (..., n_looks) array-like
            Cumulative z and information at each look; broadcast.
        """
        return self.from_stages(stage_z(z, information))

    def _weights_of(self, stages: FloatArray) -> FloatArray:
        n_stages = stages.shape[-1]
        if n_stages > len(self.planned_information):
            raise ValueError(
                f"{n_stages} stages, but weights for {len(self.planned_information)} only"
            )
        return self.weights[:n_stages]


def stage_z(z: ArrayLike, information: ArrayLike) -> FloatArray:
    """Return the z of each stage alone from cumulative z and information, ``(..., n_looks)``.

    Examples
    --------
    >>> stage_z([1.0, 2.0], [1.0, 2.0]).round(3).tolist()
    [1.0, 1.828]
    """
    seen = np.asarray(information, dtype=float)
    score = np.asarray(z, dtype=float) * np.sqrt(seen)
    gained = np.diff(seen, axis=-1, prepend=0.0)
    stages: FloatArray = np.diff(score, axis=-1, prepend=0.0) / np.sqrt(gained)
    return stages

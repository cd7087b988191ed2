"""Proportion of responders in a single arm, with its exact interval."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from lupusim.analysis.numerics.columns import everyone_or, flags, lead_shape
from lupusim.analysis.results import normal_quantile
from lupusim.common.arrays import BoolArray, FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.shown import Shown


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Proportion(Shown):
    """An observed proportion.

    Parameters
    ----------
    estimate, standard_error, lower, upper : (n_replicates,) arrays
        Where there are no patients: 0, infinity, 0 and 1.
    undefined : (n_replicates,) boolean array
        Where there are no patients.

    Examples
    --------
    >>> proportion([1, 1, 0, 1]).estimate.tolist()
    0.75
    """

    estimate: FloatArray
    standard_error: FloatArray
    lower: FloatArray
    upper: FloatArray
    undefined: BoolArray


def proportion(
    response: ArrayLike, *, included: ArrayLike | None = None, level: float = 0.95
) -> Proportion:
    """Estimate a proportion with Clopper and Pearson's exact interval.

    Parameters
    ----------
    response : (n_replicates, n_patients) or (n_patients,) array of 0 and 1
        Whether the patient responded.
    included : boolean array or None
        Who belongs to the analysis set, or to the arm; None means all.
    level : float
        Of the interval.

    Raises
    ------
    ValueError
        If shapes don't fit, or flags are not 0 or 1.

    References
    ----------
    Clopper and Pearson (1934), *Biometrika* 26, 404-413.

    Examples
    --------
    >>> result = proportion([1, 1, 1, 0, 0, 0, 0, 0, 0, 0])
    >>> round(float(result.lower), 4), round(float(result.upper), 4)
    (0.0667, 0.6525)
    """
    lead = lead_shape(response=response, included=included)
    responds = flags("response", response)
    member = everyone_or(included)
    everybody = np.ones((1, responds.shape[1]), dtype=bool) if member is None else member
    responders = (responds & everybody).sum(axis=1).astype(float)
    n = np.broadcast_to(everybody.sum(axis=1).astype(float), responders.shape)
    return proportion_of(responders.reshape(lead), n.reshape(lead), level=level)


def proportion_of(responders: FloatArray, n: FloatArray, *, level: float = 0.95) -> Proportion:
    """Estimate a proportion as `proportion` does, from counts."""
    share = responders / np.maximum(n, 1)
    undefined = n == 0
    lower, upper = clopper_pearson(responders, n, level)
    return Proportion(
        estimate=share,
        standard_error=np.where(undefined, np.inf, np.sqrt(share * (1 - share) / np.maximum(n, 1))),
        lower=lower,
        upper=upper,
        undefined=np.asarray(undefined),
    )


def clopper_pearson(
    responders: FloatArray, n: FloatArray, level: float
) -> tuple[FloatArray, FloatArray]:
    """Return Clopper and Pearson's interval; (0, 1) where there are no patients."""
    from scipy.special import betaincinv

    normal_quantile(level)  # checks the level
    tail = (1 - level) / 2
    x, rest = np.maximum(responders, 1e-9), np.maximum(n - responders, 1e-9)
    lower = np.where(responders > 0, betaincinv(x, n - responders + 1, tail), 0.0)
    upper = np.where(responders < n, betaincinv(responders + 1, rest, 1 - tail), 1.0)
    return lower, upper

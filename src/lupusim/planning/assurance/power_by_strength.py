"""Power as a smooth function of the strength of an effect, from a few replicates of each."""

from __future__ import annotations

import numpy as np

from lupusim.common.arrays import FloatArray

_KNOTS = (0.01, 0.1, 0.25, 0.4, 0.55, 0.7, 0.85, 0.99)  # quantiles of the strengths
_STEPS = 30
_SMALLEST_STEP = 1e-8
_FAR = 8.0  # probits beyond which a power is 0 or 1
_RIDGE = 1e-6  # in units of one replicate: where all trials succeed, or none


def spline_basis(strengths: FloatArray) -> FloatArray:
    """Return a natural cubic spline's columns of strengths, shape (n_draws, n_columns).

    It is linear beyond the outer knots, as the probit of the power of a one-sided test is.
    Harrell (2015), *Regression Modeling Strategies*, 2nd ed., section 2.4.5.
    """
    low, high = float(strengths.min()), float(strengths.max())
    place = (2 * strengths - low - high) / (high - low)
    knots = np.unique(np.quantile(place, _KNOTS))
    columns = [np.ones_like(place), place]
    before, last = float(knots[-2]), float(knots[-1])

    def above(knot: float) -> FloatArray:
        return np.asarray(np.maximum(place - knot, 0.0) ** 3)

    for knot in knots[:-2].tolist():
        first, second = (last - knot) / (last - before), (before - knot) / (last - before)
        columns.append(above(knot) - first * above(before) + second * above(last))
    return np.column_stack(columns)


def fitted_power(
    basis: FloatArray,
    n_rejected: FloatArray,
    n_replicates: FloatArray,
    *,
    start: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Return the power of each draw by probit regression, and the coefficients.

    Parameters
    ----------
    basis : (n_draws, n_columns) array
        From :func:`spline_basis`.
    n_rejected, n_replicates : (n_draws,) arrays
        Significant trials and trials of each draw.
    start : (n_columns,) array, optional
        Coefficients to begin with.

    Returns
    -------
    power : (n_draws,) array
    coefficients : (n_columns,) array

    References
    ----------
    McCullagh and Nelder (1989), *Generalized Linear Models*, 2nd ed., section 2.5: Fisher
    scoring. Strong, Oakley and Brennan (2014), *Medical Decision Making* 34:311: a smooth
    function of the parameters instead of many replicates of each draw.
    """
    from scipy.special import ndtr, ndtri

    coefficients = start
    if coefficients is None:
        overall = (n_rejected.sum() + 0.5) / (n_replicates.sum() + 1.0)
        coefficients = np.zeros(basis.shape[1])
        coefficients[0] = ndtri(overall)
    ridge = _RIDGE * np.eye(basis.shape[1])
    for _ in range(_STEPS):
        probit = np.clip(basis @ coefficients, -_FAR, _FAR)
        power, density = ndtr(probit), np.exp(-(probit**2) / 2) / np.sqrt(2 * np.pi)
        slope = density / (ndtr(probit) * ndtr(-probit))
        score = basis.T @ (slope * (n_rejected - n_replicates * power))
        information = (basis * (n_replicates * slope * density)[:, None]).T @ basis + ridge
        step = np.linalg.solve(information, score)
        coefficients = coefficients + step
        if np.abs(step).max() < _SMALLEST_STEP:
            break
    return np.asarray(ndtr(np.clip(basis @ coefficients, -_FAR, _FAR))), coefficients

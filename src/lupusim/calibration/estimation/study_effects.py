r"""A random effect of the study, so that the next trial may differ from the past ones.

Study s has its own log hazards: those of the model plus :math:`b_s` on the parameters that
are said to vary, with :math:`b_s \sim N(0, \tau^2)`. The standard deviation is given, or
estimated from the marginal likelihood, in which each :math:`b_s` is integrated out by
Laplace's approximation (Tierney and Kadane 1986, JASA 81:82-86):

.. math:: -\log m(\tau) = \min_{\theta, b} \Big[\ell(\theta, b) + \sum_s \frac{b_s^2}{2\tau^2}
          \Big] + \frac12 \sum_s \log(1 + \tau^2 I_s),

with :math:`I_s` the information of study s on its effect.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lupusim.calibration.estimation.likelihood import Likelihood
from lupusim.calibration.estimation.parameters import FreeModel
from lupusim.calibration.estimation.profiles import CRITICAL
from lupusim.calibration.estimation.search import TIE_BREAK
from lupusim.calibration.targets.studies import Study
from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.spelling import nearest

GRID = (0.05, 0.1, 0.2, 0.3, 0.45, 0.7, 1.0, 1.5)
"""Standard deviations tried, on the log scale; 0.05 is as good as none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyEffects:
    """A fit with a random study effect."""

    free: FloatArray  # the average study, on the log and logit scales; (n_parameters,)
    direction: FloatArray
    """1 for parameters that vary between studies, 0 for the others; (n_parameters,)."""
    sd: float  # of the effect
    lower: float
    upper: float
    """`lower` and `upper`: 95 % limits of the standard deviation by its profile likelihood, ``nan``
    where given and at the ends of the grid, where there is no limit."""
    effects: dict[str, float]  # most probable effect of each study

    @property
    def n_studies(self) -> int:
        """How many studies the standard deviation rests on."""
        return len(self.effects)

    def next_study(self, values: FloatArray, *, rng: np.random.Generator) -> FloatArray:
        """Return draws for a study that has not been done yet; shape of `values`.

        Parameters
        ----------
        values : (n_draws, n_parameters) array
            Draws for the average study, on the log and logit scales.
        rng : numpy.random.Generator
        """
        shift = self.sd * rng.standard_normal(len(values))
        return np.asarray(values + shift[:, None] * self.direction)


def fit_study_effects(
    studies: Sequence[Study],
    free_model: FreeModel,
    *,
    varies: Sequence[str],
    start: FloatArray,
    sd: float | None = None,
) -> StudyEffects:
    """Fit a model in which some parameters differ between studies.

    Parameters
    ----------
    studies : sequence of Study
        Two or more with fitted targets.
    free_model : FreeModel
        The model of the average study.
    varies : sequence of str
        Names of parameters that all shift together by the study's effect.
    start : (n_parameters,) array
        Where the search begins: the fit without study effects.
    sd : float, optional
        Standard deviation of the effect; default: estimated.

    Raises
    ------
    ValueError
        If a name is not a parameter, if fewer than two studies have targets, or if `sd` is
        not above 0.
    """
    names = free_model.names
    for name in varies:
        if name not in names:
            raise ValueError(f"{name!r} is not a free parameter. {nearest(name, names)}")
    if sd is not None and not sd > 0:
        raise ValueError(f"sd={sd!r} must be above 0. Leave it out to have it estimated")
    likelihoods = {
        study.name: Likelihood(free_model, [study])
        for study in studies
        if study.chosen(free_model.target_set)
    }
    if len(likelihoods) < 2:
        raise ValueError("a study effect needs two studies with targets. Add one, or leave it out")
    direction = np.array([float(name in varies) for name in names])
    joint = _Joint(list(likelihoods.values()), direction, start)
    tried = {value: joint.fit(value) for value in ((sd,) if sd else GRID)}
    heights = {value: height for value, (height, _) in tried.items()}
    best = min(heights, key=lambda value: heights[value])
    point = tried[best][1]
    lower, upper = _limits(heights) if sd is None else (np.nan, np.nan)
    return StudyEffects(
        free=point[: start.size],
        direction=direction,
        sd=best,
        lower=lower,
        upper=upper,
        effects=dict(zip(likelihoods, point[start.size :].tolist(), strict=True)),
    )


class _Joint:
    """The parameters of the average study and the effects of all, in one vector."""

    def __init__(
        self, likelihoods: Sequence[Likelihood], direction: FloatArray, start: FloatArray
    ) -> None:
        self.likelihoods = likelihoods
        self.direction = direction
        self.model = likelihoods[0].free_model
        self.point = np.concatenate([start, np.zeros(len(likelihoods))])

    def _vectors(self, point: FloatArray) -> FloatArray:
        n = self.direction.size
        return np.asarray(point[:n] + point[n:, None] * self.direction)

    def fit(self, sd: float) -> tuple[float, FloatArray]:
        """Return minus the log marginal likelihood at a standard deviation, and the point."""
        from scipy.optimize import least_squares

        n = self.direction.size
        pull = np.concatenate(
            [np.sqrt(TIE_BREAK) / self.model.prior_sd, np.full(len(self.likelihoods), 1 / sd)]
        )
        middle = np.concatenate([self.model.prior_mean, np.zeros(len(self.likelihoods))])

        def residuals(point: FloatArray) -> FloatArray:
            vectors = self._vectors(point)
            own = [
                likelihood.residuals(vector[None])[0]
                for likelihood, vector in zip(self.likelihoods, vectors, strict=True)
            ]
            return np.concatenate([*own, pull * (point - middle)])

        def slopes(point: FloatArray) -> FloatArray:
            return np.vstack([self._slopes(point), np.diag(pull)])

        found = least_squares(residuals, self.point, slopes, xtol=1e-8, ftol=1e-10)
        self.point = np.asarray(found.x)
        own = self._slopes(found.x)[:, n:]
        information = (own**2).sum(axis=0)
        height = float(found.cost + 0.5 * np.log1p(sd**2 * information).sum())
        return height, self.point.copy()

    def _slopes(self, point: FloatArray) -> FloatArray:
        rows = []
        for k, vector in enumerate(self._vectors(point)):
            slope = self.likelihoods[k].jacobian(vector)
            effect = np.zeros((len(slope), len(self.likelihoods)))
            effect[:, k] = slope @ self.direction
            rows.append(np.hstack([slope, effect]))
        return np.vstack(rows)


def _limits(heights: dict[float, float]) -> tuple[float, float]:
    """Return the smallest and largest value of the grid that the data do not object to."""
    lowest = min(heights.values())
    inside = [value for value, height in heights.items() if 2 * (height - lowest) <= CRITICAL]
    lower = np.nan if min(inside) == min(heights) else min(inside)
    upper = np.nan if max(inside) == max(heights) else max(inside)
    return float(lower), float(upper)

r"""How probable counts as small, or as large, as those published are: exact, for few patients.

The chi-square of a likelihood ratio is an approximation that few events don't allow: with
four of them expected its intervals miss in 8 to 9 of 100 studies. Where the numbers at a
limit are those of the model, its probability of the data and all that are more extreme can be
had instead (for one count that of Clopper and Pearson 1934, Biometrika 26:404-413). Data are
ordered by the efficient score of the parameter,

.. math:: T = d^\top \sum_b \dot m_b^\top V_b^{-1} x_b, \qquad
          d = e_\psi - I_{\lambda\lambda}^{-1} I_{\lambda\psi},

linear in the counts x of each study b, with m their means and V their covariance. As a sum over
patients of one number each, its distribution is a power of a characteristic function, inverted
on a lattice (Davies 1973, Biometrika 60:415-417).
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from lupusim.calibration.estimation.cohorts import Cohort
from lupusim.calibration.estimation.likelihood import Likelihood
from lupusim.calibration.prediction.path_family import PathFamily
from lupusim.calibration.targets.replication import cell_groups
from lupusim.common.arrays import BoolArray, FloatArray
from lupusim.common.frozen import dataclass

_FEW = 0.3  # standard error on the log scale above which events are few: some ten of them
_MANY = 5.0  # above which a parameter is not determined at all
_MOST_ATOMS = 64  # kinds of patients
_STEP = 1e-4  # of differences, on the log and logit scales
_AT_BOUND = 1e-2
_LATTICE = 2**15
_REACH = 14.0  # standard deviations on either side

Score: TypeAlias = tuple[float, FloatArray, FloatArray]
"""Patients, or 0 for Poisson counts; how probable, or how many, each kind is; its number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counts:
    """Independent counts: a multinomial over kinds of patients, or Poisson counts."""

    n: float  # patients; 0 for Poisson counts
    means: FloatArray
    """Expected patients of each kind: at a point, then a step up and a step down from it in each
    parameter; (2 n_parameters + 1, n_kinds)."""
    says: FloatArray  # what of it is published; (n_kinds, n_counts)
    observed: FloatArray  # what was; (n_counts,)

    @property
    def weights(self) -> tuple[FloatArray, FloatArray]:
        """What turns counts into scores, (n_counts, n_parameters), and the information."""
        expected = self.means[0] @ self.says
        spread = (self.says.T * self.means[0]) @ self.says
        if self.n:
            spread = spread - np.outer(expected, expected) / self.n
        up, down = np.split(self.means[1:] @ self.says, 2)
        slopes = (up - down).T / (2 * _STEP)
        weights = np.linalg.pinv(spread, rcond=1e-10, hermitian=True) @ slopes
        return weights, slopes.T @ weights


class Tails:
    """The tails of the published counts, as a function of the free parameters.

    Parameters
    ----------
    likelihood : Likelihood
        What was published.
    standard_errors : (n_parameters,) array
        On the log and logit scales; they say of which parameters little is known.
    """

    def __init__(self, likelihood: Likelihood, standard_errors: FloatArray) -> None:
        self.likelihood = likelihood
        self._pairs = likelihood.alone_targets
        self._kinds = [_kinds(cohort) for cohort in likelihood.cohorts]
        errors = np.asarray(standard_errors, dtype=float)
        with np.errstate(invalid="ignore"):
            self.few_events: BoolArray = (errors > _FEW) & (errors < _MANY)
        self.few: BoolArray = self.few_events & (not self.unknown)

    @property
    def unknown(self) -> str:
        """Why no tail of the counts is known, in words; empty where it is."""
        if self.likelihood.patients:
            return "the data are single patients, not counts alone"
        if any(target.soft != 1 for _, target in self.likelihood.targets):
            return "some targets are not at full weight"
        pairs = zip(self.likelihood.cohorts, self._kinds, strict=True)
        names = [cohort.study.name for cohort, kinds in pairs if kinds is None]
        return f"not all counts are of all patients of {', '.join(names)}" if names else ""

    def without(self, has_limits: BoolArray) -> str:
        """Return a sentence on the parameters without exact limits where few events decide.

        Parameters
        ----------
        has_limits : (n_parameters,) boolean array
            Which have limits of the profile, which are those of the chi-square distribution.
        """
        lacking = self.few_events & has_limits
        if not (self.unknown and lacking.any()):
            return ""
        names = [
            n for n, is_one in zip(self.likelihood.free_model.names, lacking, strict=True) if is_one
        ]
        return (
            f"Few events decide on {', '.join(names)}, and there are no exact limits "
            f"({self.unknown}): those of the profile may miss in more than 5 of 100 studies."
        )

    def deviance(self, point: FloatArray, axis: int, *, is_upper: bool) -> float:
        """Return the chi-square that is as improbable as the tail of the counts at a point.

        Parameters
        ----------
        point : (n_parameters,) array
            A value of one parameter with all others refitted.
        axis : int
            Which one.
        is_upper : bool
            Whether it is above the estimate, so that the counts are small for it.
        """
        from scipy.special import ndtri

        blocks = self._blocks(point)
        weighed = [block.weights for block in blocks]
        direction = self._direction(np.sum([own for _, own in weighed], axis=0), point, axis)
        scores: list[Score] = []
        seen = 0.0
        for block, (weights, _) in zip(blocks, weighed, strict=True):
            own = weights @ direction
            seen += float(block.observed @ own)
            scores.append((block.n, block.means[0] / (block.n or 1.0), block.says @ own))
        low, high = tails(scores, seen)
        tail = low if is_upper else high
        return float(min(ndtri(min(tail, 0.5)), 0.0) ** 2) if tail > 0 else float("inf")

    def _direction(self, information: FloatArray, point: FloatArray, axis: int) -> FloatArray:
        """Return how the others move with one parameter; those at a bound of theirs don't."""
        bounds = self.likelihood.free_model.bounds
        rest = np.abs(bounds - point[:, None]).min(axis=1) > _AT_BOUND
        rest[axis] = False
        direction = np.zeros(point.size)
        direction[axis] = 1.0
        own = np.linalg.pinv(information[np.ix_(rest, rest)], rcond=1e-9, hermitian=True)
        direction[rest] = -own @ information[rest, axis]
        return direction

    def _blocks(self, point: FloatArray) -> list[_Counts]:
        moves = np.eye(point.size) * _STEP
        points = np.concatenate([point[None], point + moves, point - moves])
        blocks = []
        for family, n, says, observed, groups in filter(None, self._kinds):
            means = n * family.probabilities(points) @ groups.T
            blocks.append(_Counts(n=n, means=means, says=says, observed=observed))
        if not self._pairs:
            return blocks
        expected, begin = self.likelihood.expected_alone(points), 0
        for _, target in self._pairs:
            measure = target.measure
            for cells in cell_groups(measure):
                n = 0.0 if measure.is_poisson else float(measure.denominators[cells[0]])
                means, own = expected[:, begin + cells], measure.observed[cells]
                says = np.eye(cells.size)
                blocks.append(_Counts(n=n, means=means, says=says, observed=own))
            begin += measure.observed.size
        return blocks


_Kinds: TypeAlias = tuple[PathFamily, float, FloatArray, FloatArray, FloatArray]
"""Paths, patients, what each kind says, what was published, and the paths of each kind."""


def _kinds(cohort: Cohort) -> _Kinds | None:
    """Return the kinds of patients that a cohort tells apart; None where it is not so simple."""
    term, *others = cohort.terms
    plain = not others and all(
        margin.n in (None, term.n_patients) and not margin.is_condition and not margin.may_be_more
        for margin in term.margins
    )
    answers = term.family.tree.answers ^ np.array([margin.says_no for margin in term.margins])
    says, kind = np.unique(answers, axis=0, return_inverse=True)
    if not plain or len(says) > _MOST_ATOMS:
        return None
    groups = (kind.ravel() == np.arange(len(says))[:, None]).astype(float)
    observed = np.array([margin.count for margin in term.margins], dtype=float)
    return term.family, term.n_patients, says.astype(float), observed, groups


def tails(scores: list[Score], seen: float) -> tuple[float, float]:
    """Return how probable a sum of scores is that is at most, and at least, the one seen.

    Parameters
    ----------
    scores : list of (float, (n_kinds,) array, (n_kinds,) array)
        Patients, the probability of each kind, and its score; for Poisson counts 0, their
        means, and the score of each event.
    seen : float
        The sum.

    Examples
    --------
    >>> low, high = tails([(10.0, np.array([0.7, 0.3]), np.array([0.0, 1.0]))], 1.0)
    >>> round(low, 6), round(high, 6)
    (0.149308, 0.971752)
    """
    centered = []
    for n, shares, values in scores:
        usual = float(values[shares.argmax()]) if n else 0.0
        centered.append((n, shares, values - usual))
        seen -= n * usual
    mean = sum((n or 1.0) * float(shares @ values) for n, shares, values in centered)
    parts = [
        (n or 1.0) * float(shares @ values**2) - n * float(shares @ values) ** 2
        for n, shares, values in centered
    ]
    spread = float(np.sqrt(max(sum(parts), 0.0)))
    if spread == 0:
        return 1.0, 1.0
    largest = max(
        (float((n or 1.0) * share * value**2), abs(float(value)))
        for n, shares, values in centered
        for share, value in zip(shares, values, strict=True)
    )[1]
    # The commonest step is a whole number of the lattice's.
    step = largest / max(1, int(largest * _LATTICE / (2 * _REACH * spread)))
    turns = -2j * np.pi / _LATTICE * np.arange(_LATTICE // 2 + 1)
    transform = np.ones(turns.size, dtype=complex)
    for n, shares, values in centered:
        kinds = np.exp(np.outer(np.rint(values / step), turns))
        transform *= (shares @ kinds) ** n if n else np.exp(shares @ (kinds - 1))
    masses = np.maximum(np.fft.irfft(transform, _LATTICE), 0.0)
    first = round(mean / step) - _LATTICE // 2
    places = (np.arange(_LATTICE) - first) % _LATTICE + first
    n_patients = sum(n for n, *_ in scores)
    slack = step * (1 + 0.5 * n_patients**0.5)
    low = masses[places * step <= seen + slack].sum()
    high = masses[places * step >= seen - slack].sum()
    return min(float(low), 1.0), min(float(high), 1.0)

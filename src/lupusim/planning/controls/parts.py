"""What is known of a trial's looks: at each, a sum over patients that nearly is the test."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.planning.controls.sums import ComplexArray
from lupusim.simulation.controls import CutDate, Sum
from lupusim.simulation.generation.generation import Block, enroll
from lupusim.trial import Trial

_SEED = 2**61 - 3  # of no run: what is averaged over enrollments shares nothing with a run
_ENROLLED = 120_000  # patients whose enrollment is drawn
_FEWEST_DRAWS = 100
_ARMS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """Enrollments and allocations of some trials, before anything happens."""

    enrolled: FloatArray  # calendar times (years); (n_draws, n_patients)
    arm: np.ndarray  # arm of each patient; (n_draws, n_patients)

    @classmethod
    def of(cls, trial: Trial) -> Baseline:
        """Return those of a trial, the same whenever it is asked for them."""
        n_draws = max(_FEWEST_DRAWS, _ENROLLED // trial.n_patients)
        patients, arm, _ = enroll(trial, Block(seed=_SEED, number=0, n_replicates=n_draws))
        assert patients.enrollment_time is not None  # they have come
        return cls(enrolled=patients.enrollment_time, arm=arm)

    def sizes(self, first: int) -> FloatArray:
        """Return how many of those who come first are on each of two arms, (n_draws, 2)."""
        on_new = self.arm[:, :first].sum(axis=1, dtype=float)
        return np.stack([first - on_new, on_new], axis=1)

    def there(self, cut: CutDate, width: float, n_times: int) -> FloatArray:
        """Return how many patients of each of two arms have how much time before a cut.

        Parameters
        ----------
        cut : CutDate
            When the data are cut.
        width : float
            Years between two times.
        n_times : int
            Their number, from 0 on.

        Returns
        -------
        (n_draws, 2, n_times) array
            Each patient counts in part for both times beside.
        """
        n_draws = len(self.enrolled)
        there = cut.of(self.enrolled)[:, None] - self.enrolled
        place = np.clip(there / width, 0.0, n_times - 1)
        below = np.minimum(place.astype(np.intp), n_times - 2)
        part = place - below
        row = (np.arange(n_draws)[:, None] * _ARMS + self.arm) * n_times + below
        size = n_draws * _ARMS * n_times
        counts = np.bincount(row.ravel(), (1 - part).ravel(), size)
        counts += np.bincount(row.ravel() + 1, part.ravel(), size)
        return np.asarray(counts.reshape(n_draws, _ARMS, n_times))


@dataclass(frozen=True, slots=True, kw_only=True)
class LookSum:
    """A statistic at one look as its mean and a sum over patients, whose law is known."""

    mean: float  # of the statistic of arm 1 against arm 0
    estimate: float  # of the effect that the mean stands for
    information: float  # of it, in units that are the same at all looks
    spread: float  # standard deviation of the sum
    law: Callable[[FloatArray], ComplexArray]
    """Returns the logarithm of the sum's characteristic function at (n_nodes,) frequencies, in each
    of some enrollments; (n_draws, n_nodes)."""
    sum: Sum  # the same sum in simulated trials
    degrees: float = np.inf  # of freedom of the test's law, in which bounds on the z scale are read
    margin: float = 0.0  # what is to be taken from the mean of a statistic of no effect

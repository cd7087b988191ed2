"""What is known of a trial's looks: at each, a sum over patients that nearly is the test."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.planning.controls.sampled.samples import StepSlopes
from lupusim.planning.theory.sums import ComplexArray
from lupusim.simulation.adaptation import rule_of
from lupusim.simulation.controls import CutDate, Sum
from lupusim.simulation.generation.generation import Block, enroll
from lupusim.trial import Trial

_SEED = 2**61 - 3  # of no run: what is averaged over enrollments shares nothing with a run
_ENROLLED = 120_000  # patients whose enrollment is drawn
_FEWEST_DRAWS = 100
_PAIR = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """Enrollments and allocations of some trials, before anything happens."""

    enrolled: FloatArray  # calendar times (years); (n_draws, n_patients)
    arm: np.ndarray  # arm of each patient; (n_draws, n_patients)
    open_arms: IntArray | None
    """Sets of arms they were randomized among; None where all were open; (n_draws, n_patients)."""
    levels: Mapping[str, IntArray]  # level of each for each factor; (n_draws, n_patients)

    @classmethod
    def of(cls, trial: Trial) -> Baseline:
        """Return those of a trial, the same whenever it is asked for them."""
        n_draws = max(_FEWEST_DRAWS, _ENROLLED // trial.n_patients)
        block = Block(seed=_SEED, number=0, n_replicates=n_draws)
        patients, arm, open_arms = enroll(rule_of(trial).followed(trial, block), block)
        assert patients.enrollment_time is not None  # they have come
        return cls(
            enrolled=patients.enrollment_time,
            arm=arm,
            open_arms=open_arms,
            levels=patients.levels,
        )

    @property
    def enrollment_time(self) -> FloatArray:
        """Calendar times (years) of randomization, as patients of trials have them."""
        return self.enrolled

    def pair(self, arm: int) -> Baseline:
        """Return the same with the control as 0, one arm as 1 and others as -1."""
        others = np.where(self.arm == arm, 1, -1)
        return replace(self, arm=np.where(self.arm == 0, 0, others))

    def sizes(self, first: int) -> FloatArray:
        """Return how many of those who come first are on each of a pair's arms, (n_draws, 2)."""
        there = self.arm[:, :first]
        return np.stack([(there == arm).sum(axis=1, dtype=float) for arm in range(_PAIR)], axis=1)

    def there(self, cut: CutDate, width: float, n_times: int, n_kinds: int = _PAIR) -> FloatArray:
        """Return how many patients of each of a pair's arms have how much time before a cut.

        Parameters
        ----------
        cut : CutDate
            When the data are cut.
        width : float
            Years between two times.
        n_times : int
            Their number, from 0 on.
        n_kinds : int
            Arms, or as many kinds of patients as `arm` tells apart.

        Returns
        -------
        (n_draws, n_kinds, n_times) array
            Each patient counts in part for both times beside.
        """
        n_draws = len(self.enrolled)
        there = cut.of(self.enrolled)[:, None] - self.enrolled
        place = np.clip(there / width, 0.0, n_times - 1)
        below = np.minimum(place.astype(np.intp), n_times - 2)
        part, of_pair = place - below, self.arm >= 0
        row = (np.arange(n_draws)[:, None] * n_kinds + np.maximum(self.arm, 0)) * n_times + below
        size = n_draws * n_kinds * n_times
        counts = np.bincount(row.ravel(), ((1 - part) * of_pair).ravel(), size)
        counts += np.bincount(row.ravel() + 1, (part * of_pair).ravel(), size)
        return np.asarray(counts.reshape(n_draws, n_kinds, n_times))


def in_arms(of_pair: FloatArray, arm: int, n_arms: int) -> FloatArray:
    """Return what patients of the control and of one arm add, as that of all arms: 0 elsewhere.

    Parameters
    ----------
    of_pair : (2, ...) array
        Of the control and of the arm.
    arm : int
        Its position.
    n_arms : int
        How many there are.

    Returns
    -------
    (n_arms, ...) array
    """
    found = np.zeros((n_arms, *of_pair.shape[1:]))
    found[[0, arm]] = of_pair
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class LookSum:
    """A statistic at one look as its mean and a sum over patients, whose law is known."""

    mean: float  # of the statistic of arm 1 against arm 0
    estimate: float  # of the effect that the mean stands for
    information: float  # of it, in units that are the same at all looks
    variances: FloatArray  # of what patients of the control add, and those of the arm; (2,)
    law: Callable[[FloatArray], ComplexArray]
    """Returns the logarithms of the characteristic functions of both parts at (n_nodes,)
    frequencies, in each of some enrollments; (n_draws, 2, n_nodes)."""
    sum: Sum  # the same sum in simulated trials
    degrees: float = np.inf  # of freedom of the test's law, in which bounds on the z scale are read
    margin: float = 0.0  # what is to be taken from the mean of a statistic of no effect
    slopes: StepSlopes | None = None  # where the law comes from a sample of patients

    @property
    def spread(self) -> float:
        """Standard deviation of the sum."""
        return math.sqrt(float(self.variances.sum()))


def summed(there: FloatArray, log_law: ComplexArray) -> ComplexArray:
    """Return the logarithms of characteristic functions of sums over all patients of an arm.

    Parameters
    ----------
    there : (n_draws, n_kinds, n_times) array
        How many patients there are of each kind; those of the control come first.
    log_law : (n_kinds, n_times, n_nodes) complex array
        Of one patient of that kind.

    Returns
    -------
    (n_draws, 2, n_nodes) complex array
    """
    found = np.stack([there[:, kind] @ log_law[kind] for kind in range(len(log_law))], axis=1)
    return np.asarray(found.reshape(len(there), _PAIR, -1, log_law.shape[2]).sum(axis=2))

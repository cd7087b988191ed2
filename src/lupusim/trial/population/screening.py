"""Who is let in: tests of disease activity before randomization, on a clock of their own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from lupusim.arrays import BoolArray, FloatArray, IntArray
from lupusim.rng import stream

SCORES = ("sledai", "bilag_a", "bilag_b")
"""What a test gives; each is a covariate of those who are randomized."""

_MOST_CANDIDATES = 2000  # for one patient, after which the rule is taken as impossible


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """Disease activity of candidates, as one test finds it.

    SLEDAI is a rounded normal number, never below 0. Each BILAG system has grade A, grade B
    or less, independently of the others and of SLEDAI. The normal numbers behind all of them
    have the same correlation between any two tests of one candidate.

    Parameters
    ----------
    sledai_mean, sledai_sd : float
        Of the normal number before rounding.
    systems : int
        BILAG systems; 0 where BILAG is not used.
    grade_a, grade_b : float
        Probability of grade A, and of grade B, in each system.
    correlation : float
        Between two tests of one candidate, from 0 (independent) to 1 (nothing changes).
    """

    sledai_mean: float
    sledai_sd: float
    systems: int = 0
    grade_a: float = 0.0
    grade_b: float = 0.0
    correlation: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.sledai_mean) and 0 <= self.sledai_sd < math.inf):
            raise ValueError(
                f"sledai_mean={self.sledai_mean!r} must be finite, "
                f"sledai_sd={self.sledai_sd!r} 0 or above"
            )
        if (
            self.systems < 0
            or not (min(self.grade_a, self.grade_b) >= 0)
            or not (self.grade_a + self.grade_b <= 1)
        ):
            raise ValueError(
                f"systems={self.systems!r}, grade_a={self.grade_a!r} and "
                f"grade_b={self.grade_b!r} must be 0 or above, the grades 1 at most together"
            )
        if not 0 <= self.correlation <= 1:
            raise ValueError(f"correlation={self.correlation!r} must lie from 0 to 1")

    def lasting(self, n: int, *, rng: np.random.Generator) -> FloatArray:
        """Return what stays the same in all tests of each candidate, (n, 1 + systems)."""
        return rng.standard_normal((n, 1 + self.systems))

    def test(self, lasting: FloatArray, *, rng: np.random.Generator) -> FloatArray:
        """Return one test of each candidate: SLEDAI, numbers of BILAG A and B; shape (n, 3)."""
        passing = rng.standard_normal(lasting.shape)
        normal = math.sqrt(self.correlation) * lasting
        normal += math.sqrt(1 - self.correlation) * passing
        sledai = np.rint(self.sledai_mean + self.sledai_sd * normal[:, 0])
        grade_a = normal[:, 1:] > _upper_quantile(self.grade_a)
        at_least_b = normal[:, 1:] > _upper_quantile(self.grade_a + self.grade_b)
        n_a = grade_a.sum(axis=1)
        return np.column_stack([np.maximum(sledai, 0.0), n_a, at_least_b.sum(axis=1) - n_a])


def _upper_quantile(probability: float) -> float:
    """Return what a standard normal number exceeds with this probability."""
    if probability in (0.0, 1.0):
        return math.inf if probability == 0 else -math.inf
    return -NormalDist().inv_cdf(probability)


@dataclass(frozen=True, slots=True, kw_only=True)
class Minimums:
    """One way to be eligible: every score at least that high.

    Parameters
    ----------
    sledai, bilag_a, bilag_b : float
        Least SLEDAI, least numbers of systems with grade A and with grade B.
    """

    sledai: float = 0.0
    bilag_a: float = 0.0
    bilag_b: float = 0.0

    def met(self, scores: FloatArray) -> BoolArray:
        """Return who meets them; `scores` (n, 3) as a test gives them."""
        return np.asarray((scores >= [self.sledai, self.bilag_a, self.bilag_b]).all(axis=1))


ACTIVE_LUPUS = (Minimums(sledai=8), Minimums(bilag_a=1), Minimums(bilag_b=2))
"""SLEDAI at least 8, or one BILAG A, or two BILAG B: Wang and Sun (2017), Annals of the
Rheumatic Diseases 76 (Suppl 2), 866, abstract SAT0244."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Screening:
    """Candidates are tested until they are eligible, or given up.

    Parameters
    ----------
    activity : Activity
        What tests find.
    eligible : tuple of Minimums
        Ways to be eligible, at least one; any of them suffices.
    tests : int
        Tests of a candidate at most, at least 1; the first is at the start of screening.
    every : float
        Years between two tests; above 0 where there are several.
    """

    activity: Activity
    eligible: tuple[Minimums, ...] = ACTIVE_LUPUS
    tests: int = 1
    every: float = 0.0

    def __post_init__(self) -> None:
        if not self.eligible:
            raise ValueError("eligible is empty: nobody would be let in")
        if self.tests < 1:
            raise ValueError(f"tests={self.tests!r} must be at least 1")
        if self.tests > 1 and not (math.isfinite(self.every) and self.every > 0):
            raise ValueError(f"every={self.every!r} must be above 0 for several tests")

    @property
    def share_let_in(self) -> float:
        """Share of candidates let in, from a few thousand who are always the same."""
        rng = stream(0, "share let in")
        return float((self._candidates(_MOST_CANDIDATES, rng=rng)[1] > 0).mean())

    def screen(self, n_patients: int, *, rng: np.random.Generator) -> Screened:
        """Test candidate after candidate until so many are let in.

        Raises
        ------
        ValueError
            If for one patient 2000 candidates fail: the rule lets nobody in.
        """
        scores = np.zeros((n_patients, len(SCORES)))
        waited = np.zeros(n_patients)
        failures = np.zeros(n_patients, dtype=np.intp)
        wanted = np.arange(n_patients)
        for _ in range(_MOST_CANDIDATES):
            found, tests = self._candidates(wanted.size, rng=rng)
            let_in = tests > 0
            scores[wanted[let_in]] = found[let_in]
            waited[wanted[let_in]] = (tests[let_in] - 1) * self.every
            wanted = wanted[~let_in]
            failures[wanted] += 1
            if wanted.size == 0:
                return Screened(
                    numbers=dict(zip(SCORES, scores.T, strict=True)),
                    waited=waited,
                    failures=failures,
                )
        raise ValueError(
            f"{_MOST_CANDIDATES} candidates in a row were not eligible. Lower the minimums"
        )

    def _candidates(self, n: int, *, rng: np.random.Generator) -> tuple[FloatArray, IntArray]:
        """Return the scores with which `n` candidates are let in, and at which test; 0 if never."""
        lasting = self.activity.lasting(n, rng=rng)
        scores = np.zeros((n, len(SCORES)))
        tests = np.zeros(n, dtype=np.intp)
        for number in range(1, self.tests + 1):
            open_ = np.flatnonzero(tests == 0)
            found = self.activity.test(lasting[open_], rng=rng)
            met = np.any([minimums.met(found) for minimums in self.eligible], axis=0)
            scores[open_[met]] = found[met]
            tests[open_[met]] = number
        return scores, tests


@dataclass(frozen=True, slots=True, kw_only=True)
class Screened:
    """What screening found of those who were let in.

    Parameters
    ----------
    numbers : mapping of str to array
        SLEDAI and the numbers of BILAG A and B at the test that let each in.
    waited : array
        Years from the first test to randomization.
    failures : integer array
        Candidates given up before each patient was found.
    """

    numbers: Mapping[str, FloatArray]
    waited: FloatArray
    failures: IntArray

    def randomized(self, first_test: FloatArray) -> tuple[FloatArray, Screened]:
        """Return the calendar times of randomization, increasing, and the patients in that order.

        Parameters
        ----------
        first_test : (n_replicates, n_patients) array
            Calendar times (years) of their first tests.
        """
        time = first_test + self.waited.reshape(first_test.shape)
        order = np.argsort(time, axis=1, kind="stable")

        def sort(column: FloatArray) -> FloatArray:
            return np.take_along_axis(column.reshape(time.shape), order, axis=1)

        sorted_ = Screened(
            numbers={name: sort(column) for name, column in self.numbers.items()},
            waited=sort(self.waited),
            failures=np.take_along_axis(self.failures.reshape(time.shape), order, axis=1),
        )
        return np.take_along_axis(time, order, axis=1), sorted_

    def quantities(self, n_patients: int) -> dict[str, FloatArray]:
        """Return for each replicate how many were screened for its first `n_patients`.

        Beside it stands the mean time (years) from their first tests to randomization.
        """
        return {
            "screened": (1.0 + self.failures[:, :n_patients]).sum(axis=1),
            "screening_time": self.waited[:, :n_patients].mean(axis=1),
        }

"""Who is let in: tests of disease activity before randomization, on a clock of their own."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from math import inf
from statistics import NormalDist

import numpy as np

from lupusim.common.arrays import BoolArray, FloatArray, IntArray, blocks
from lupusim.common.frozen import dataclass
from lupusim.common.rng import stream
from lupusim.trial.enrollment.base import ArrivalProcess

SCORES = ("sledai", "bilag_a", "bilag_b")
"""What a test gives; each is a covariate of those who are randomized."""

_MOST_CANDIDATES = 2000  # for one patient, after which the rule is taken as impossible
_ASKED = 200_000  # candidates who tell the share let in: a share of 0.1 to 0.7 %
_MARGIN = 3.0  # standard deviations by which candidates are more than is expected, at first


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

    Examples
    --------
    >>> Activity(sledai_mean=10.0, sledai_sd=4.0).systems
    0
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

    def grades(self) -> Iterator[tuple[int, int, float]]:
        """Yield numbers of systems with grade A and grade B, and their joint probability."""
        less = 1.0 - self.grade_a - self.grade_b
        for a in range(self.systems + 1):
            for b in range(self.systems - a + 1):
                rest = self.systems - a - b
                ways = math.comb(self.systems, a) * math.comb(self.systems - a, b)
                yield a, b, ways * self.grade_a**a * self.grade_b**b * max(less, 0.0) ** rest

    def reaches(self, sledai: float) -> float:
        """Return the probability that a test finds at least this SLEDAI."""
        if sledai <= 0:
            return 1.0
        if self.sledai_sd == 0:
            return float(np.rint(self.sledai_mean) >= sledai)
        return 1 - NormalDist(self.sledai_mean, self.sledai_sd).cdf(math.ceil(sledai) - 0.5)

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

    Examples
    --------
    >>> Minimums(sledai=6.0).sledai
    6.0
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

    Examples
    --------
    >>> Screening(activity=Activity(sledai_mean=10.0, sledai_sd=4.0)).tests
    1
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
        """Share of candidates let in.

        Exact where tests are independent, or nothing changes between them; otherwise from
        candidates who are always the same.
        """
        return _share_let_in(self)

    @property
    def eligible_at_a_test(self) -> float:
        """Probability that one test lets a candidate in."""
        activity, total = self.activity, 0.0
        for grade_a, grade_b, probability in activity.grades():
            met = [m for m in self.eligible if grade_a >= m.bilag_a and grade_b >= m.bilag_b]
            if met:
                total += probability * activity.reaches(min(m.sledai for m in met))
        return min(total, 1.0)

    def enroll(
        self,
        process: ArrivalProcess,
        n_replicates: int,
        n_patients: int,
        *,
        rng: np.random.Generator,
        tests: np.random.Generator,
    ) -> Screened:
        """Let candidates come, and test them until so many are randomized in each replicate.

        Parameters
        ----------
        process : ArrivalProcess
            Of first tests, whether the candidates turn out to be eligible or not.
        n_replicates, n_patients : int
            Trials, and the patients with whom each is full.
        rng : numpy.random.Generator
            For the arrivals.
        tests : numpy.random.Generator
            For what tests find.

        Raises
        ------
        ValueError
            If of 2000 candidates for each patient too few are eligible: hardly anybody is.
        """
        share = self.share_let_in
        if share * _MOST_CANDIDATES < 1:
            raise ValueError(
                f"{_MOST_CANDIDATES} candidates in a row were not eligible. Lower the minimums"
            )
        enough = math.ceil(n_patients / share + _MARGIN * math.sqrt(n_patients) / share)
        # SPEED: as many replicates at a time as fit into cache with their candidates
        parts = [
            self._full(process, _length(part), n_patients, enough, (rng, tests))
            for part in blocks(n_replicates, enough)
        ]
        return Screened.joined(parts)

    def _full(
        self,
        process: ArrivalProcess,
        n_replicates: int,
        n_patients: int,
        enough: int,
        streams: tuple[np.random.Generator, np.random.Generator],
    ) -> Screened:
        """Return the candidates of some replicates, `enough` at first, then as many as it takes."""
        rng, tests = streams
        number, first_test = np.zeros((n_replicates, 0)), np.zeros((n_replicates, 0))
        scores = np.zeros((n_replicates, 0, len(SCORES)))
        waited = np.zeros((n_replicates, 0))
        while True:
            after = number[:, -1] if number.size else None
            number = process.arrivals.numbers(n_replicates, enough, rng=rng, after=after)
            first_test = np.hstack([first_test, process.time_when(number)])
            found, test = self._candidates(n_replicates * enough, rng=tests)
            wait = np.where(test > 0, (test - 1) * self.every, np.inf)
            scores = np.hstack([scores, found.reshape(n_replicates, enough, -1)])
            waited = np.hstack([waited, wait.reshape(n_replicates, enough)])
            full = _nth_smallest(first_test + waited, n_patients)
            # whoever is yet to come would be randomized later than the last of these
            if (full <= first_test[:, -1]).all():
                return Screened.of(first_test, waited, scores, n_patients)
            enough = max(enough // 4, 1)

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


def _length(part: slice) -> int:
    return int(part.stop - part.start)


def _nth_smallest(times: FloatArray, n: int) -> FloatArray:
    """Return the n-th smallest number of each row."""
    return np.asarray(np.partition(times, n - 1, axis=1)[:, n - 1])


@lru_cache(maxsize=64)
def _share_let_in(screening: Screening) -> float:
    alone = screening.eligible_at_a_test
    if screening.tests == 1 or screening.activity.correlation == 1:
        return alone
    if screening.activity.correlation == 0:
        return 1 - (1 - alone) ** screening.tests
    asked = max(_ASKED // screening.tests, _MOST_CANDIDATES)
    rng = stream(0, "share let in")
    return float((screening._candidates(asked, rng=rng)[1] > 0).mean())


@dataclass(frozen=True, slots=True, kw_only=True)
class Screened:
    """The candidates of some trials, and what screening found of those randomized.

    Parameters
    ----------
    numbers : mapping of str to (n_replicates, n_patients) array
        SLEDAI and the numbers of BILAG A and B at the test that let each in.
    waited : (n_replicates, n_patients) array
        Years from the first test to randomization.
    randomized : (n_replicates, n_patients) array
        Calendar times (years) of randomization, increasing.
    first_tests : (n_replicates, n_candidates) array
        Calendar times (years) of the first tests of everybody who comes before the trial is
        full, eligible or not, increasing; ``inf`` behind them.

    Examples
    --------
    >>> import numpy as np
    >>> waited = np.array([0.1])
    >>> Screened(numbers={}, waited=waited, randomized=waited, first_tests=waited).waited.tolist()
    [0.1]
    """

    numbers: Mapping[str, FloatArray]
    waited: FloatArray
    randomized: FloatArray
    first_tests: FloatArray

    @classmethod
    def of(
        cls, first_test: FloatArray, waited: FloatArray, scores: FloatArray, n_patients: int
    ) -> Screened:
        """Return who is randomized first of candidates.

        Parameters
        ----------
        first_test, waited : (n_replicates, n_candidates) arrays
            Calendar times and years; ``inf`` for who is never eligible.
        scores : (n_replicates, n_candidates, 3) array
            At the test that let each in.
        n_patients : int
            With whom the trial is full.
        """
        time = first_test + waited
        order = np.argsort(time, axis=1, kind="stable")[:, :n_patients]
        randomized = np.take_along_axis(time, order, axis=1)
        came = first_test <= randomized[:, -1:]
        most = int(came.sum(axis=1).max())
        return cls(
            numbers={
                name: np.take_along_axis(scores[..., k], order, axis=1)
                for k, name in enumerate(SCORES)
            },
            waited=np.take_along_axis(waited, order, axis=1),
            randomized=randomized,
            first_tests=np.where(came, first_test, np.inf)[:, :most],
        )

    @classmethod
    def joined(cls, parts: Sequence[Screened]) -> Screened:
        """Return the trials of all parts, one after the other."""
        most = max(part.first_tests.shape[1] for part in parts)
        padded = [
            np.pad(p.first_tests, ((0, 0), (0, most - p.first_tests.shape[1])), constant_values=inf)
            for p in parts
        ]
        return cls(
            numbers={name: np.vstack([part.numbers[name] for part in parts]) for name in SCORES},
            waited=np.vstack([part.waited for part in parts]),
            randomized=np.vstack([part.randomized for part in parts]),
            first_tests=np.vstack(padded),
        )

    def closed(self, n_patients: IntArray, until: FloatArray) -> FloatArray:
        """Return when enrollment ends: calendar times (years), shape (n_replicates,).

        Parameters
        ----------
        n_patients : (n_replicates,) integer array
            With how many each trial would be full.
        until : (n_replicates,) array
            Calendar time (years) at which it ends, without pauses that put everybody off.
        """
        return np.minimum(until, self.randomized[np.arange(len(until)), n_patients - 1])

    def quantities(self, closed: FloatArray) -> dict[str, FloatArray]:
        """Return what screening took until enrollment was `closed`, shape (n_replicates,) each.

        `screened` counts the candidates whose first test was before, those who were still being
        tested then included; `screening_time` is the mean time (years) from their first tests
        to randomization of the patients.
        """
        came = self.randomized <= closed[:, None]
        n_came = came.sum(axis=1)
        wait = np.full(len(closed), np.nan)
        np.divide(np.where(came, self.waited, 0.0).sum(axis=1), n_came, out=wait, where=n_came > 0)
        screened = (self.first_tests <= closed[:, None]).sum(axis=1).astype(float)
        return {"screened": screened, "screening_time": wait}

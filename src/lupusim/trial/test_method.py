"""What a test answers of itself, and what it says of every replicate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal, Protocol, Self, TypeVar

import numpy as np

from lupusim.common.arrays import BoolArray, FloatArray, StateArray
from lupusim.common.frozen import dataclass
from lupusim.common.registry import Registry
from lupusim.trial.endpoints import Better
from lupusim.trial.looks.stopping import TwoStageRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a test says of every replicate.

    Parameters
    ----------
    p_value : (n_replicates,) array
        As many sides as were asked for: `p_better` or `p_two_sided`.
    p_better, p_worse : (n_replicates,) arrays
        One-sided, small where the experimental arm is better, or is worse.
    p_two_sided : (n_replicates,) array
        The test's own; of an exact test it is not twice the smaller of the others.
    estimate, standard_error : (n_replicates,) arrays
        The effect on the test's own scale, experimental against control.
    lower, upper : (n_replicates,) arrays
        Its two-sided 95 % interval; NaN where the test gives none.
    undefined : (n_replicates,) boolean array
        Where the statistic does not exist: then each p-value is 1, and nothing is shown of
        either direction.
    score_variance : (n_replicates,) array or None
        Of a test by a score, the variance of that; 0 where undefined.

    Examples
    --------
    >>> import lupusim
    >>> trial = lupusim.load_scenario("survival_200_events").points[0].trial
    >>> from lupusim.trial import Better
    >>> trial.analysis.test.benefit_sign(Better.FEWER)
    -1
    """

    p_value: FloatArray
    p_better: FloatArray
    p_worse: FloatArray
    p_two_sided: FloatArray
    estimate: FloatArray
    standard_error: FloatArray
    lower: FloatArray
    upper: FloatArray
    undefined: BoolArray
    score_variance: FloatArray | None = None

    @property
    def known_estimate(self) -> FloatArray:
        """The estimate; NaN where there is none: its standard error is infinite, or no statistic.

        A test may be defined without one, such as Gray's of events on one arm alone, whose
        hazard ratio is not finite.
        """
        return np.where(self.undefined | np.isinf(self.standard_error), np.nan, self.estimate)

    @property
    def precision(self) -> FloatArray:
        """One over the squared standard error; 0 where there is no estimate."""
        known = ~self.undefined & (self.standard_error > 0) & np.isfinite(self.standard_error)
        error = np.where(known, self.standard_error, 1.0)
        return np.where(known, 1 / error**2, 0.0)


class TestMethod(Protocol):
    """A test: what it needs, what it says, and how much it knows at a look.

    It is called with an outcome and, by name, `better` (direction of benefit), `sided` (1 or
    2), `stratum` ((n_replicates, n_patients), all 0 for none) and, where `covariates` is true
    and there are any, `covariates` ((n_replicates, n_patients, n_covariates)).

    Parameters
    ----------
    effect : str
        What it estimates, experimental against control.
    outcome : type
        The kind of outcome it takes.
    required, optional : tuple of str
        Its parameters: fields that a scenario must or may give.
    has_design : bool
        Whether a file says more of it than numbers (a design, priors, a reference), so that it
        decides alone, and no further hypothesis.
    formula : str
        By which theory its power is known in the simplest trials: ``tables`` (it is a function
        of a fourfold table, and all are enumerated), ``strata`` (of the responders of the
        experimental arm in excess, given all responders of each stratum: Cochran's statistic),
        ``survival`` (of proportional hazards), or none.
    nearly : str
        Which sum over independent patients its statistic nearly is: of weighted ``ranks``, of what
        they take from an arm's survival ``curve``, of ``values`` less their mean, of numbers of
        events less what their ``rates`` let expect, of ``counts`` less that, by how much a
        negative binomial law lets them vary, or of the ``pairs`` that each patient would win and
        lose; or none known.
    pools_ranks : bool
        Whether the variance of a sum of pairs is that of the ranks of both arms together.
    keeps_competing : bool
        Whether it counts who had a competing event as at risk to the end.
    costly : bool
        Whether it takes more time than the patients of a trial do.
    fitted : bool
        Whether it looks for its estimate step by step, in each table of numbers anew.
    n_arms : int
        1 where it compares one arm with something known, else 2.
    strata : str
        ``none`` where strata play no role, ``used`` where it can be stratified by some, or
        ``needed`` where it is by its nature (then those of the allocation are the default).
    covariates : bool
        Whether it can be adjusted for numbers known at randomization.
    needs_all_visits : bool
        Whether it takes the values of all visits, not the last one alone.
    needs_ranks : bool
        Whether the numbers it compares must be ranks of states.
    blind_to_competing : bool
        Whether it takes a competing event for the end of observation, so that its estimate
        means nothing where there are some.
    horizon : str
        Its parameter that is a time since the endpoint's origin, years; empty for none.
    estimated_by : str
        Its estimator, as tables name it; empty where it estimates nothing.
    one_look_only : bool
        Whether its decision is by a threshold of its own at one look.
    information_unit : str
        What `information` counts: ``events`` or ``patients``, which a trial can plan, or
        ``variance`` (that of the score, or one over that of the estimate), which it can't.
    least_patients : int
        In fewer patients of two arms that it analyzes it finds an effect too often
        (``docs/reference/levels_of_tests.md``); 0 for a test that keeps its level, or finds too
        few.
    independent_increments : bool
        Whether the statistics of several looks are those of sums of independent parts, as
        bounds by spending functions and their kin take for granted.
    """

    __slots__ = ()
    __test__: ClassVar[bool] = False  # pytest must not collect it

    outcome: ClassVar[Any] = object
    required: ClassVar[tuple[str, ...]] = ()
    optional: ClassVar[tuple[str, ...]] = ()
    has_design: ClassVar[bool] = False
    formula: ClassVar[Literal["", "tables", "strata", "survival"]] = ""
    nearly: ClassVar[Literal["", "ranks", "curve", "values", "rates", "counts", "pairs"]] = ""
    pools_ranks: ClassVar[bool] = False
    keeps_competing: ClassVar[bool] = False
    costly: ClassVar[bool] = False
    fitted: ClassVar[bool] = False
    n_arms: ClassVar[int] = 2
    strata: ClassVar[Literal["none", "used", "needed"]] = "none"
    covariates: ClassVar[bool] = False
    needs_all_visits: ClassVar[bool] = False
    needs_ranks: ClassVar[bool] = False
    blind_to_competing: ClassVar[bool] = False
    horizon: ClassVar[str] = ""
    estimated_by: ClassVar[str] = ""
    one_look_only: ClassVar[bool] = False
    information_unit: ClassVar[Literal["events", "patients", "variance"]] = "patients"
    least_patients: ClassVar[int] = 0
    independent_increments: ClassVar[bool] = True

    def __hash__(self) -> int:
        """Return a number; tests that are equal have the same."""
        return object.__hash__(self)

    def __call__(self, *args: Any, **words: Any) -> Verdict:
        """Return the verdict on every replicate."""
        ...

    @property
    def effect(self) -> str:
        """What it estimates."""
        return ""

    @property
    def parameters(self) -> Mapping[str, float]:
        """Its parameters, by their names in a scenario."""
        return {name: getattr(self, name) for name in (*self.required, *self.optional)}

    @property
    def asks_at(self) -> float | None:
        """The time since the endpoint's origin (years) that it asks about; None for none."""
        return self.parameters[self.horizon] if self.horizon else None

    @property
    def best_of(self) -> Sequence[TestMethod]:
        """The tests of which it takes the one that says most: itself."""
        return (self,)

    def of_pairs(self, won: float, lost: float) -> float:
        """Return what it estimates if such shares of all pairs are won and lost, or near it."""
        return won - lost

    def counts_at(self, times: FloatArray, survival: FloatArray) -> FloatArray:
        """Return how much what it compares depends on an event at each time.

        Of ranks that is the weight of an event, of a curve what is lost of it per event and
        patient at risk, below 0 for one that rises.

        Parameters
        ----------
        times : (n_times,) array
            Time since the endpoint's origin, years.
        survival : (..., n_times) array
            Expected share without the event then: of both arms together, or of each.
        """
        return np.ones_like(survival)

    @property
    def prior_words(self) -> Mapping[str, str]:
        """Its prior distributions in words, by their names; none, or those that know nothing."""
        return {}

    @property
    def null_rate(self) -> float | None:
        """The response rate that one arm is compared with; None where that is no rate."""
        return None

    @property
    def needs_all_tables(self) -> bool:
        """Whether a p-value is worked out from all tables of two arm sizes together."""
        return False

    @property
    def is_convex(self) -> bool:
        """Whether, on one side, more responders of one arm alone never speak for less of it.

        So tables with the same responders of control turn to reject once (Barnard 1947,
        *Biometrika* 34, 123-138, condition C).
        """
        return False

    @property
    def two_stages(self) -> TwoStageRule | None:
        """How its design of two stages stops; None where it has none."""
        return None

    @property
    def estimator(self) -> TestMethod:
        """What estimates the same effect also in samples too large for the test: itself."""
        return self

    def with_parameters(self, values: Mapping[str, float]) -> Self:
        """Return the test with these parameters.

        Raises
        ------
        ValueError
            If one is out of its range.
        """
        test: Any = self
        changed: Self = replace(test, **values) if values else test
        return changed

    def stand_in(self, values: Mapping[str, float]) -> Self:
        """Return the test with these parameters, or with its own where one is out of range."""
        try:
            return self.with_parameters(values)
        except ValueError:
            return self

    def at_looks(self, exits: Any, ends: FloatArray, seen_by: FloatArray) -> Any:
        """Return the results of all looks at once; None where each look is worked out alone."""
        return None

    @property
    def relabels(self) -> bool:
        """Whether it works out randomizations of the same patients together."""
        return type(self).relabeled is not TestMethod.relabeled

    def relabeled(
        self, exits: Any, labels: StateArray, ends: FloatArray, seen_by: FloatArray
    ) -> Any:
        """Return the results of all looks under one randomization after the other, if it can.

        None where each randomization is worked out alone. `labels` is (n_labelings, n_sets,
        n_patients), the results are of n_labelings * n_sets trials, without estimates.
        """
        return None

    @property
    def sees_counts(self) -> bool:
        """Whether numbers of patients by arm, stratum and value are all that it sees."""
        return self.formula == "tables" or type(self).of_counts is not TestMethod.of_counts

    def of_counts(self, counted: Any, *, better: Better, sided: int) -> Verdict:
        """Return the verdict on numbers of patients, the same as on the patients themselves.

        Parameters
        ----------
        counted : CountedOutcome
            How many patients of each arm and stratum have each value.
        better, sided : Better, int
            As when it is called.

        Raises
        ------
        NotImplementedError
            If it sees more than numbers.
        """
        if self.formula != "tables":
            raise NotImplementedError("this test sees more than numbers of patients")
        return self(counted, better=better, sided=sided, stratum=np.zeros((1, 1), dtype=np.intp))

    def information(self, outcome: Any, verdict: Verdict) -> FloatArray:
        """Return what the test knows of the effect, (n_replicates,), 0 where nothing.

        Of two looks at one trial the ratio is the squared correlation of their statistics.

        Parameters
        ----------
        outcome : Outcome
            What it was called with.
        verdict : Verdict
            What it said.
        """
        if self.information_unit != "variance":
            counted: FloatArray = outcome.information
            return counted
        known = verdict.score_variance
        return verdict.precision if known is None else known

    def null_value(self, better: Better) -> float:
        """Return the effect that is tested against, on the scale of the estimate."""
        return 0.0

    @property
    def has_margin(self) -> bool:
        """Whether it tests against something else than no effect."""
        return self.null_value(Better.MORE) != 0

    def alike_is_enough(self, better: Better) -> bool:
        """Return whether identical arms are what it wants to show, as within a margin."""
        beyond = self.benefit_sign(better) * self.null_value(better)
        return self.n_arms > 1 and beyond < 0

    def distance(
        self, estimate: FloatArray, standard_error: FloatArray, z: FloatArray, better: Better
    ) -> FloatArray:
        """Return how many standard errors an estimate lies from its null value, in benefit.

        That is normal around the true effect, also where it is large and the arms are unequal;
        the statistic of a test by a score, as the log-rank test's, is so near no effect only.

        Parameters
        ----------
        estimate, standard_error : arrays
            As in a verdict.
        z : array
            The statistic, large in favor of the experimental arm; it stands in where there is
            no estimate.
        better : Better
            Direction of benefit.
        """
        known = np.isfinite(estimate) & np.isfinite(standard_error) & (standard_error > 0)
        error = np.where(known, standard_error, 1.0)
        away = (np.where(known, estimate, 0.0) - self.null_value(better)) / error
        return np.where(known, self.benefit_sign(better) * away, z)

    def benefit_sign(self, better: Better) -> int:
        """Return 1 where larger estimates are in favor of the experimental arm, else -1."""
        return int(better.value)


M = TypeVar("M", bound=TestMethod)
TESTS: Registry[TestMethod] = Registry(
    "test",
    group="lupusim.tests",
    needs=("__call__", "effect", "outcome", "information_unit"),
    made=True,
    in_alphabet=True,
)
"""Tests by their name in files; :mod:`lupusim.analysis.registry` has them all. A test is a frozen
dataclass in the file of its estimator."""


def named_test(name: str) -> Callable[[type[M]], type[M]]:
    """Return a decorator that registers a kind of test, with the parameters it has by default."""

    def give(kind: type[M]) -> type[M]:
        TESTS.register(name)(kind())
        return kind

    return give

"""A trial: arms, patients, observation, endpoints, and the analysis that decides."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import field, replace
from html import escape
from typing import ClassVar

from lupusim.common.frozen import dataclass, remembered
from lupusim.model import MultiStateModel
from lupusim.trial.adaptation import NOTHING, Adaptation, Facts
from lupusim.trial.allocation.base import Allocation
from lupusim.trial.allocation.blocks import PermutedBlocks
from lupusim.trial.dropout import Dropout
from lupusim.trial.endpoints import Endpoint
from lupusim.trial.enrollment.arm_periods import Controls
from lupusim.trial.enrollment.base import Enrollment
from lupusim.trial.looks import Cutoff, StoppingRule
from lupusim.trial.multiplicity import Family
from lupusim.trial.observation import IntercurrentEvent, Marker, VisitConduct
from lupusim.trial.population.population import Population
from lupusim.trial.test_method import TestMethod
from lupusim.trial.treatment.arms import Arm
from lupusim.trial.treatment.costs import Costs
from lupusim.trial.treatment.supply import Supply

_FEWEST_FOR_A_TRUTH = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownEffect:
    """The true effect, on the scale of the test's estimate."""

    value: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise ValueError(f"value={self.value!r} must be a finite number")

    @property
    def given(self) -> float | None:
        """The value that was given."""
        return self.value

    @property
    def words(self) -> str:
        """Where it is known from."""
        return f"given: {self.value:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedEffect:
    """The true effect is what the test estimates from many patients, all fully observed.

    Nobody drops out there, no visit is missed and no state misread, so that a bias which
    imperfect observation brings is seen as such. Nor does what the endpoint's strategy treats as
    if it had not happened (ICH E9(R1): hypothetical).
    """

    given: ClassVar[float | None] = None  # no value was given

    n_patients: int = 200_000  # how many, at least 1000

    def __post_init__(self) -> None:
        if self.n_patients < _FEWEST_FOR_A_TRUTH:
            raise ValueError(f"n_patients={self.n_patients!r} must be at least 1000")

    @property
    def words(self) -> str:
        """Where it is known from."""
        n_patients = f"{self.n_patients:,}".replace(",", " ")
        return f"from one simulation of {n_patients} fully observed patients"


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """The test that decides, and at which level.

    Parameters
    ----------
    name : str
        Name of the test, for tables.
    test : TestMethod
        Takes an endpoint's outcome, its direction of benefit and the number of sides, and
        returns a :class:`~lupusim.trial.Verdict`.
    effect : str
        What the test estimates, such as ``risk difference``.
    alpha : float
        Level, between 0 and 1.
    sided : int
        1 (the experimental arm is better) or 2.
    stratify_by : tuple of str
        Factors of the population that the test stratifies by.
    adjust_for : tuple of str
        Numbers of the population that the test is adjusted for; `test` then also gets
        `covariates`, (n_replicates, n_patients, n_covariates).
    truth : KnownEffect, SimulatedEffect or None
        What estimates are compared with (bias, coverage of the interval); None for nothing.
    null_law : MultiStateModel or None
        Of the test of a single arm: the law of its patients if it is no better than what it
        is compared with; None for a rate, at which the level is exact.
    controls : Controls or None
        Where arms join or leave, which control patients each is compared with; None for those
        randomized while it was open.

    Examples
    --------
    >>> import lupusim
    >>> trial = lupusim.load_scenario("survival_200_events").points[0].trial
    >>> trial.analysis.alpha
    0.025
    """

    name: str
    test: TestMethod
    effect: str
    alpha: float = 0.025
    sided: int = 1
    stratify_by: tuple[str, ...] = ()
    adjust_for: tuple[str, ...] = ()
    truth: KnownEffect | SimulatedEffect | None = None
    null_law: MultiStateModel | None = None
    controls: Controls | None = None

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha={self.alpha!r} must lie between 0 and 1")
        if self.sided not in (1, 2):
            raise ValueError(f"sided={self.sided!r} must be 1 or 2")
        if not hasattr(self.test, "information_unit"):
            raise ValueError(
                f"test={self.test!r} is no test. Give one of lupusim.analysis.registry, or wrap a "
                "function of your own: lupusim.analysis.user_defined.FromZ or FromP"
            )
        if self.adjust_for and not self.test.covariates:
            raise ValueError(f"test {self.name!r} takes no covariates. Remove adjust_for")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialParts:
    """All that makes a trial, before its parts are checked together."""

    arms: tuple[Arm, ...]  # control first
    n_patients: int  # patients randomized in all
    enrollment: Enrollment  # when they come
    cutoff: Cutoff  # when the data are cut for the final analysis
    primary: Endpoint  # what the analysis tests
    secondary: tuple[Endpoint, ...] = ()  # what else is described
    interims: tuple[Cutoff, ...] = ()  # when they are cut before, in the order of time
    stopping: StoppingRule | None = None
    """The bounds at all looks, the final one included; needed where there are interims."""
    analysis: Analysis | None = None  # the test; None for a trial that only estimates (single arm)
    family: Family | None = None
    """What else is tested and how the family-wise error is held; needed where there is more than
    one experimental arm."""
    adaptation: Adaptation | None = None  # what the trial changes while it runs
    allocation: Allocation | None = None
    """How patients are randomized; blocks of twice the ratio's sum by default."""
    stratify_by: tuple[str, ...] = ()  # factors that the allocation is stratified by
    population: Population = field(default_factory=Population)  # who they are
    dropout: Dropout = field(default_factory=Dropout)  # who leaves early
    follow_up: float = math.inf
    """Study time (years) at which a patient's follow-up ends; ``inf`` for the cutoff."""
    visits: tuple[float, ...] = ()  # study times (years) of the visits
    visit_conduct: VisitConduct = field(default_factory=VisitConduct)  # how the visits really go
    intercurrent_events: tuple[IntercurrentEvent, ...] = ()
    """What may strike between, such as rescue medication, and what endpoints do about it."""
    marker: Marker | None = None  # a score measured at randomization and at every visit
    costs: Costs | None = None  # what it costs to hold it
    supply: Supply | None = None  # where the cells come from; None where a dose is always there

    @property
    def states(self) -> tuple[str, ...]:
        """The states, which all arms share."""
        return self.arms[0].model.states

    @property
    def ratio(self) -> tuple[int, ...]:
        """The allocation ratio."""
        return tuple(arm.allocation for arm in self.arms)

    @property
    def external(self) -> tuple[str, ...]:
        """Names of the arms to which nobody is randomized."""
        return tuple(arm.name for arm in self.arms if arm.external)

    @property
    def is_randomized(self) -> bool:
        """Whether patients are randomized between its arms."""
        return len(self.arms) - len(self.external) > 1

    @property
    def rule(self) -> Adaptation | Facts:
        """What is known of its adaptation before the trial, also where it has none."""
        return self.adaptation or NOTHING

    @property
    def numbers_needed(self) -> tuple[str, ...]:
        """The numbers of its patients that are asked for, though they may act on no hazard."""
        adjusted = self.analysis.adjust_for if self.analysis else ()
        return (*adjusted, self.marker.baseline) if self.marker else adjusted

    @property
    def looks(self) -> tuple[Cutoff, ...]:
        """All data cutoffs, the final one last."""
        return (*self.interims, self.cutoff)

    @property
    def endpoints(self) -> Sequence[Endpoint]:
        """The primary endpoint and the others."""
        return (self.primary, *self.secondary)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial(TrialParts):
    """One fully specified trial: parts that fit together; see :class:`TrialParts` for them.

    Raises
    ------
    ValueError
        If anything is wrong between the parts; every problem is named.

    Examples
    --------
    >>> import lupusim
    >>> trial = lupusim.load_scenario("survival_200_events").points[0].trial
    >>> trial.n_patients
    300
    """

    def __post_init__(self) -> None:
        from lupusim.trial.checks.trial import trial_problems

        if self.allocation is None:
            block_size = 2 * sum(arm.allocation for arm in self.arms)
            object.__setattr__(self, "allocation", PermutedBlocks(block_size=block_size))
        if problems := trial_problems(self):
            raise ValueError("; ".join(map(str, problems)))

    def __repr__(self) -> str:
        arms = ", ".join(arm.name for arm in self.arms)
        test = "no test" if self.analysis is None else self.analysis.name
        looks = len(self.looks)
        return (
            f"Trial of {arms}: {self.n_patients} patients, {test} of {self.primary.name}, "
            f"{looks} look{'s' if looks > 1 else ''}"
        )

    def _repr_html_(self) -> str:
        from lupusim.trial.summary import summary

        rows = summary(self).items()
        cells = "".join(f"<tr><th>{n}</th><td>{escape(words)}</td></tr>" for n, words in rows)
        return f"<table>{cells}</table>"

    @property
    def has_null_twin(self) -> bool:
        """Whether there is a law that patients would follow if nothing were better."""
        if self.analysis is None or len(self.arms) > 1:
            return self.analysis is not None or self.rule.decides
        return self.analysis.null_law is not None

    def null_twin(self) -> Trial:
        """Return the same trial in which every arm's patients follow the control's law.

        The patients of a single arm follow the reference's, without covariates or frailty.

        Raises
        ------
        ValueError
            If a single arm is compared with a rate, which is no law.
        """
        return _null_twin(self)


@remembered(64)
def _null_twin(trial: Trial) -> Trial:
    if len(trial.arms) == 1:
        if trial.analysis is None or trial.analysis.null_law is None:
            raise ValueError(
                "a single arm that is compared with a rate has no null twin: no law says how its "
                "patients fare without an effect"
            )
        (arm,) = trial.arms
        alone = replace(arm, model=trial.analysis.null_law, effects=(), switch=None)
        alike = replace(trial.population, effects=(), frailties=(), drift=())
        return replace(trial, arms=(alone,), population=alike)
    control = trial.arms[0]
    law = control.law
    arms = tuple(replace(arm, model=law, effects=(), switch=None) for arm in trial.arms)
    marker = trial.marker.alike([arm.name for arm in arms]) if trial.marker else None
    population = trial.population.without_arms()
    return replace(trial, arms=arms, population=population, marker=marker)

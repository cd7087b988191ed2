"""Trials in two stages: arms selected, a population enriched, a gate that must be passed.

The patients of stage 1 are those randomized up to the interim look, with all their follow-up;
those of stage 2 come later. The last look combines the p-values of the stages with weights
fixed before the trial, in a closed test, which holds the family-wise error whatever is decided
at the interim look (Bauer and Köhne 1994, *Biometrics* 50:1029; Lehmacher and Wassmer 1999,
*Biometrics* 55:1286).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from lupusim.trial.multiplicity import Hypothesis

_ROUNDING = 1e-9


class Intersection(Enum):
    """How several hypotheses are tested at once within a stage."""

    DUNNETT = "dunnett"
    """By the distribution of the largest of several comparisons with one control."""
    SPIESSENS_DEBOIS = "spiessens_debois"
    """By the distribution of the larger of full population and subgroup."""
    SIMES = "simes"
    BONFERRONI = "bonferroni"


class Judged(Enum):
    """What arms are compared by at the interim look."""

    Z = "z"
    ESTIMATE = "estimate"
    """On the test's own scale, positive where the arm is better than the control."""


def _check_weights(weights: tuple[float, float] | None) -> None:
    if weights is None:
        return
    right = len(weights) == 2 and min(weights) > 0 and abs(sum(weights) - 1) <= _ROUNDING
    if not right:
        raise ValueError(f"weights={weights!r} must be two numbers above 0 that sum to 1")


def _check_events(first_events: int | None) -> None:
    if first_events is not None and first_events < 1:
        raise ValueError(f"first_events={first_events!r} must be at least 1")


def _check_early(early_alpha: float) -> None:
    if not 0 <= early_alpha < 1:
        raise ValueError(f"early_alpha={early_alpha!r} must lie between 0 and 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectArms:
    """Choose experimental arms at the interim look; the others enroll nobody any more.

    Parameters
    ----------
    keep : int or None
        The best so many go on; chance decides between equals.
    epsilon : float or None
        Those go on that are within it of the best.
    at_least : float or None
        No arm goes on whose z is lower; the trial stops where none is left.
    by : Judged
        What "best" and `epsilon` are about.
    early : Hypothesis or None
        A secondary endpoint that is judged at the interim look; None for the primary.
    reallocate : bool
        Whether the places of the arms that are dropped go to the others; otherwise those
        patients are not enrolled.
    intersections : Intersection
        How intersections of hypotheses are tested within a stage.
    weights : (float, float) or None
        Squared weights of the stages; None for their planned shares of the information, where
        these are known: of the events, or where the look counts patients as they come.
    first_events : int or None
        Events at which the patients of stage 1 are analyzed, where the last look waits for
        events; those of stage 2 are when they have the rest.
    early_alpha : float
        Level of a closed test at the interim look, of what it shows of the primary endpoint;
        the trial stops where it proves anything. The last look has what is left of the level:
        so the error holds however much stage 1 still changes after the interim look, which no
        correlation between the looks that is fixed before would tell. 0 for none.

    Raises
    ------
    ValueError
        If a number is out of range, or nothing or two things say how many go on.

    References
    ----------
    Jennison and Turnbull (2006), *Biometrical Journal* 48:650 (selection and combination).
    Jenkins, Stone and Jennison (2011), *Pharmaceutical Statistics* 10:347 (times to events:
    the follow-up of the patients of stage 1 must not depend on the decision).
    """

    keep: int | None = None
    epsilon: float | None = None
    at_least: float | None = None
    by: Judged = Judged.Z
    early: Hypothesis | None = None
    reallocate: bool = False
    intersections: Intersection = Intersection.DUNNETT
    weights: tuple[float, float] | None = None
    first_events: int | None = None
    early_alpha: float = 0.0

    def __post_init__(self) -> None:
        if self.keep is not None and self.epsilon is not None:
            raise ValueError("keep and epsilon contradict each other. Give one of them")
        if self.keep is None and self.epsilon is None and self.at_least is None:
            raise ValueError("nothing says which arms go on. Give keep, epsilon or at_least")
        if self.keep is not None and self.keep < 1:
            raise ValueError(f"keep={self.keep!r} must be at least 1")
        if self.epsilon is not None and not (math.isfinite(self.epsilon) and self.epsilon >= 0):
            raise ValueError(f"epsilon={self.epsilon!r} must be 0 or above")
        if self.at_least is not None and not math.isfinite(self.at_least):
            raise ValueError(f"at_least={self.at_least!r} must be a finite number")
        if self.intersections is Intersection.SPIESSENS_DEBOIS:
            raise ValueError("spiessens_debois tests a subgroup. Use dunnett, simes or bonferroni")
        _check_weights(self.weights)
        _check_events(self.first_events)
        _check_early(self.early_alpha)


class Measure(Enum):
    """What is held against the thresholds of an enrichment."""

    Z = "z"
    CONDITIONAL_POWER = "conditional_power"
    """At the trend seen so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ByThresholds:
    """Go on with everybody where the full population reaches its threshold.

    Otherwise with the subgroup alone where it reaches its own; otherwise stop.

    Parameters
    ----------
    everybody, subgroup : float
        Thresholds.
    measure : Measure
        What is held against them.

    Raises
    ------
    ValueError
        If a threshold is not a finite number, or as a probability not within 0 and 1.
    """

    everybody: float
    subgroup: float
    measure: Measure = Measure.Z

    def __post_init__(self) -> None:
        for name in ("everybody", "subgroup"):
            value = getattr(self, name)
            if not math.isfinite(value):
                raise ValueError(f"{name}={value!r} must be a finite number")
            if self.measure is Measure.CONDITIONAL_POWER and not 0 <= value <= 1:
                raise ValueError(f"{name}={value!r} must be a probability, from 0 to 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class ByDifference:
    """Go on with the subgroup alone where its z exceeds the full population's by so much.

    Parameters
    ----------
    difference : float
        How much.
    at_least : float or None
        The trial stops where the larger z is lower; None never stops.

    Raises
    ------
    ValueError
        If one is not a finite number.
    """

    difference: float
    at_least: float | None = None

    def __post_init__(self) -> None:
        if not math.isfinite(self.difference):
            raise ValueError(f"difference={self.difference!r} must be a finite number")
        if self.at_least is not None and not math.isfinite(self.at_least):
            raise ValueError(f"at_least={self.at_least!r} must be a finite number")


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrichment:
    """Choose at the interim look whether everybody or a subgroup alone is enrolled further.

    Those of the subgroup come as they did before: whoever else comes is turned away.

    Parameters
    ----------
    factor, level : str
        The subgroup: a level of a factor of the population.
    choice : ByThresholds or ByDifference
        The rule.
    intersections : Intersection
        How both hypotheses are tested at once within a stage.
    weights, first_events, early_alpha
        As of `SelectArms`.

    Raises
    ------
    ValueError
        If a number is out of range, or the intersection test is Dunnett's.

    References
    ----------
    Brannath, Zuber, Branson et al. (2009), *Statistics in Medicine* 28:1445.
    Spiessens and Debois (2010), *Contemporary Clinical Trials* 31:647.
    """

    factor: str
    level: str
    choice: ByThresholds | ByDifference
    intersections: Intersection = Intersection.SIMES
    weights: tuple[float, float] | None = None
    first_events: int | None = None
    early_alpha: float = 0.0

    def __post_init__(self) -> None:
        if self.intersections is Intersection.DUNNETT:
            raise ValueError("dunnett compares arms. Use spiessens_debois, simes or bonferroni")
        _check_weights(self.weights)
        _check_events(self.first_events)
        _check_early(self.early_alpha)


class GateMeasure(Enum):
    """What of an early endpoint a gate is about."""

    Z = "z"
    ESTIMATE = "estimate"
    """On the test's own scale, positive where the experimental arm is better."""
    POSTERIOR = "posterior"
    """Probability of a benefit, by a normal approximation that knew nothing before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Stop for futility at a look where an early endpoint does not show enough.

    The last look does not count on it: the error can only become smaller.

    Parameters
    ----------
    early : Hypothesis
        The early endpoint and its test.
    measure : GateMeasure
        What is judged.
    at_least : float
        What it must reach.
    look : int
        At which interim look, counted from 1.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    early: Hypothesis
    measure: GateMeasure
    at_least: float
    look: int = 1

    def __post_init__(self) -> None:
        if not math.isfinite(self.at_least):
            raise ValueError(f"at_least={self.at_least!r} must be a finite number")
        if self.measure is GateMeasure.POSTERIOR and not 0 < self.at_least < 1:
            raise ValueError(f"at_least={self.at_least!r} must be a probability between 0 and 1")
        if self.look < 1:
            raise ValueError(f"look={self.look!r} must be at least 1")


Staged = SelectArms | Enrichment
"""Rules after which further patients are no longer enrolled as they were before."""

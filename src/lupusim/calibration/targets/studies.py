"""Studies and their targets, and what is wrong with them when they are taken together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum

from lupusim.calibration.targets.counts import EverCount, Measure, OccupancyCounts
from lupusim.calibration.targets.questions import states_of
from lupusim.calibration.targets.times import SurvivalCurve
from lupusim.common.frozen import dataclass
from lupusim.common.spelling import nearest
from lupusim.errors import Problem
from lupusim.model import MultiStateModel

DEATH = ("death", "dead")
"""Names of the state that nobody leaves, as evidence files write it."""


class Role(Enum):
    """What a target is for."""

    FIT = "fit"
    """Enters the likelihood."""
    CHECK = "check"
    """Is predicted, and compared, but not fitted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One published result, with its weight and where it comes from.

    Parameters
    ----------
    name : str
        Short, unique within its study.
    measure : Measure
        The numbers.
    soft : float
        What its log likelihood is multiplied with, above 0 and at most 1.
    sets : tuple of str
        Target sets it belongs to; empty for all.
    role : Role
        Fitted, or held out as a check.
    quote : str
        The words of the source, or how the number was derived from them.
    how_known : str
        ``read``, ``read (derived)`` or ``read (third party)``; never from memory.
    line : int or None
        Where it stands in its file, counted from 1.
    """

    name: str
    measure: Measure
    soft: float = 1.0
    sets: tuple[str, ...] = ()
    role: Role = Role.FIT
    quote: str = ""
    how_known: str = "read"
    line: int | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.soft) and 0 < self.soft <= 1):
            raise ValueError(f"soft={self.soft!r} must be above 0 and at most 1")

    def belongs_to(self, target_set: str) -> bool:
        """Return whether the target is one of a set; with no set named, whether of all."""
        return not self.sets or target_set in self.sets


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """One publication on one cohort.

    Parameters
    ----------
    name : str
        Key, such as ``SAT0244``.
    citation : str
        Where it was published.
    n_patients : int
        The whole cohort.
    targets : tuple of Target
        What it reports.
    overlaps : tuple of str
        Studies with which it shares patients, or may.
    description : str
        One line for people.
    cohort : str
        How targets hang together: ``one cohort`` if several watch the same patients, whose
        covariance then enters the likelihood; ``conditional`` if they do, but each is
        conditional on those before it; ``separate patients`` if they don't.
    """

    name: str
    citation: str
    n_patients: int
    targets: tuple[Target, ...]
    overlaps: tuple[str, ...] = ()
    description: str = ""
    cohort: str = "one cohort"

    def chosen(self, target_set: str, role: Role = Role.FIT) -> tuple[Target, ...]:
        """Return the targets of a set that are fitted, or that are held out."""
        return tuple(t for t in self.targets if t.role is role and t.belongs_to(target_set))

    def left_out(self, target_set: str) -> tuple[Target, ...]:
        """Return every target that a set does not fit: checks, and those of other sets."""
        fitted = self.chosen(target_set)
        return tuple(target for target in self.targets if target not in fitted)


def study_problems(study: Study) -> list[Problem]:
    """Return what is wrong with a study taken as a whole."""
    return [
        problem
        for k, target in enumerate(study.targets)
        for problem in (
            *_denominator_problems(study, target, f"targets.{k}"),
            *_twin_problems(study, k),
        )
    ]


def _twin_problems(study: Study, position: int) -> Iterator[Problem]:
    name = study.targets[position].name
    if name in [target.name for target in study.targets[:position]]:
        fault = f"{name!r} is the name of another target"
        yield Problem(key=f"targets.{position}.name", fault=fault, fix="Name it differently.")


def _denominator_problems(study: Study, target: Target, key: str) -> Iterator[Problem]:
    measure = target.measure
    n = measure_size(measure)
    if n > study.n_patients:
        yield Problem(
            key=f"{key}.n",
            fault=f"{n:g} patients are more than the study's {study.n_patients}",
            fix="Check which of the two is right.",
        )
    if not isinstance(measure, OccupancyCounts) or measure.outside:
        return
    dead = study.n_patients - measure.n
    if dead > 0 and dead in set(_deaths(study, by=measure.time)):
        states, count = next(iter(measure.counts.items()))
        words = "/".join(states)
        yield Problem(
            key=f"{key}.n",
            fault=(
                f"n = {measure.n:g} looks like the survivors: the study has {study.n_patients} "
                f"patients, and {dead:g} died. {words} {count:g}/{measure.n:g} = "
                f"{count / measure.n:.1%} is a share of survivors, "
                f"{count:g}/{study.n_patients} = {count / study.n_patients:.1%} a share of all, "
                "and occupancy means the second"
            ),
            fix=f"Write 'n: {study.n_patients}', or add 'outside: [death]' to keep the survivors.",
        )


def _deaths(study: Study, *, by: float) -> Iterator[float]:
    """Yield every number of deaths by a time that the study's own targets report."""
    for target in study.targets:
        measure = target.measure
        if isinstance(measure, OccupancyCounts) and measure.time == by:
            yield from (c for states, c in measure.counts.items() if set(states) <= set(DEATH))
        elif isinstance(measure, EverCount) and set(measure.states) <= set(DEATH):
            yield measure.count
        elif isinstance(measure, SurvivalCurve) and set(measure.states) <= set(DEATH):
            yield from (round(measure.at_risk[0] * (1 - share), 9) for share in measure.survival)


def measure_size(measure: Measure) -> float:
    """Return how many patients a measure is about; 0 where it counts person-time."""
    n = getattr(measure, "n", 0.0)
    return measure.at_risk[0] if isinstance(measure, SurvivalCurve) else float(n)


def model_lacks(studies: Iterable[Study], model: MultiStateModel) -> list[Problem]:
    """Return every target on a state that the model lacks."""
    problems = []
    for study in studies:
        for target in study.targets:
            states = {s for q in target.measure.questions for s in states_of(q)}
            problems += [
                Problem(
                    key=f"{study.name}, {target.name}",
                    line=target.line,
                    fault=f"the model {model.name!r} has no state {state!r}",
                    fix=nearest(state, model.states),
                )
                for state in sorted(states - set(model.states))
            ]
    return problems


def overlap_warnings(studies: Sequence[Study], target_set: str = "") -> list[str]:
    """Return one sentence that names all pairs of studies whose patients are counted twice.

    With each study's targets of a set that are soft, and those that are not. An empty list
    where no two of the studies overlap.
    """
    pairs = [
        (one, other)
        for k, one in enumerate(studies)
        for other in studies[k + 1 :]
        if other.name in one.overlaps or one.name in other.overlaps
    ]
    if not pairs:
        return []
    named = "; ".join(
        f"{one.name} ({one.n_patients} patients) and {other.name} ({other.n_patients}), "
        f"up to {min(one.n_patients, other.n_patients)} of them"
        for one, other in pairs
    )
    shared = {study.name: study for pair in pairs for study in pair}
    hard = [
        f"{study.name}, {target.name}"
        for study in shared.values()
        for target in study.chosen(target_set)
        if target.soft == 1
    ]
    weights = (
        f"These of their targets have full weight: {'; '.join(hard)}; all others are soft."
        if hard
        else "All of their targets are soft."
    )
    return [
        "Patients are counted twice where studies share them, so intervals are too narrow unless "
        f"their targets are soft: {named}. {weights}"
    ]

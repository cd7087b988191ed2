"""What may grow until a trial has its power: its patients, its events, or both."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Protocol

import numpy as np

from lupusim.common.frozen import dataclass
from lupusim.trial import Arm, Trial
from lupusim.trial.durations import MONTHS_PER_YEAR
from lupusim.trial.enrollment.arm_periods import arms_change
from lupusim.trial.enrollment.randomization import candidates_of, share_enrolled
from lupusim.trial.looks import counts_in
from lupusim.trial.scenario import DesignPoint, Scenario

_LARGEST_STEP = 12  # with a larger sum of the ratio, sizes go one by one
_FINE = 0.01  # relative precision of the size of one plain design
_COARSE = 0.05
_COSTLY = 4
_PLAIN_PATIENTS = 300
_LESS_THAN_CHANCE = 0.002  # a power far below every level in use
_SURELY = 6.0  # standard deviations of the number of arrivals: more never come


class Sizing(Protocol):
    """A family of trials that differ in size alone."""

    @property
    def trial(self) -> Trial:
        """The trial as it was given."""
        ...

    @property
    def keys(self) -> tuple[str, ...]:
        """Paths of a scenario file that the size decides."""
        ...

    @property
    def unit(self) -> str:
        """What is counted: ``patients`` or ``events``."""
        ...

    @property
    def start(self) -> int:
        """Size of the trial as it was given."""
        ...

    @property
    def step(self) -> int:
        """Sizes are multiples of it."""
        ...

    @property
    def smallest(self) -> int:
        """Smallest size that makes a trial."""
        ...

    def largest(self, max_patients: int) -> int:
        """Return the largest size with at most so many patients."""
        ...

    def at(self, size: int) -> Trial:
        """Return the trial of another size."""
        ...


def only_decided(trial: Trial) -> Trial:
    """Return the same trial without what decides nothing: true effects, endpoints never tested.

    No search asks how near estimates come to a true effect, and one that is simulated takes more
    patients than a search does, at every size anew. Secondary endpoints are told as they are
    where a rule, a look or a hypothesis asks for one of them.
    """
    analysis = trial.analysis
    if analysis is not None and analysis.truth is not None:
        trial = replace(trial, analysis=replace(analysis, truth=None))
    if not trial.secondary or trial.rule.changes or _asks_for_secondary(trial):
        return trial
    return replace(trial, secondary=())


def _asks_for_secondary(trial: Trial) -> bool:
    looks = (*trial.interims, trial.cutoff)
    counted = any(count.endpoint for look in looks for count in counts_in(look))
    return counted or (trial.family is not None and bool(trial.family.hypotheses))


def _step(trial: Trial) -> int:
    """Return in which steps the number of patients grows: whole turns of the ratio."""
    if trial.allocation is None or trial.allocation.block_size is None:
        return 1
    turn = sum(trial.ratio) // math.gcd(*trial.ratio)
    return turn if turn <= _LARGEST_STEP else 1


def _fewest_patients(trial: Trial) -> int:
    """Return the fewest patients that make two in every arm, in whole steps."""
    fewest = -(-2 * sum(trial.ratio) // min(trial.ratio))
    return -(-fewest // _step(trial)) * _step(trial)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patients:
    """Patients grow; everything else stays, the duration of a uniform enrollment too.

    What waits for a number of patients or events waits for proportionally more: looks, the
    first stage and planned size of an adaptation, arms that join or close. Dates stay.


    Raises
    ------
    ValueError
        If its test fixes the number of patients.
    """

    trial: Trial  # the trial as it was given

    keys = ("sample_size",)
    unit = "patients"

    def __post_init__(self) -> None:
        fixed = self.trial.stopping.fixed_size if self.trial.stopping else None
        if fixed is not None:
            raise ValueError(
                f"the test's own design has {fixed} patients, the smallest for its rates, level "
                "and power: change those under 'analysis', or name another test"
            )

    @property
    def start(self) -> int:
        """Patients of the trial as it was given."""
        return self.trial.n_patients

    @property
    def step(self) -> int:
        """Sizes are multiples of it: whole turns of the allocation ratio."""
        return _step(self.trial)

    @property
    def smallest(self) -> int:
        """Two patients in every arm."""
        return _fewest_patients(self.trial)

    def largest(self, max_patients: int) -> int:
        """Return the largest size with at most so many patients."""
        most = int(min(max_patients, most_enrolled(self.trial)))
        return most // self.step * self.step

    def at(self, size: int) -> Trial:
        """Return the trial with so many patients."""
        return _grown(self.trial, size, size / self.start)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsInProportion:
    """Events grow, and the patients with them, in the proportion the trial was given.

    The power of an event-driven trial depends on its events; the patients decide how long
    it takes to see them. Growing both keeps about the same duration of follow-up.

    Raises
    ------
    ValueError
        If the cutoff is another.
    """

    trial: Trial  # the trial as it was given; its cutoff is at a number of events

    unit = "events"
    step = 1
    keys = ("sample_size", "looks.0.when.events")

    def __post_init__(self) -> None:
        _events(self.trial)

    @property
    def start(self) -> int:
        """Events of the trial as it was given."""
        return _events(self.trial)

    @property
    def smallest(self) -> int:
        """As many as there are arms."""
        return len(self.trial.arms)

    def largest(self, max_patients: int) -> int:
        """Return the largest number of events with at most so many patients."""
        most = min(max_patients, most_enrolled(self.trial))
        return int(most * self.start / self.trial.n_patients)

    def at(self, size: int) -> Trial:
        """Return the trial with so many events and patients in proportion."""
        step = _step(self.trial)
        in_proportion = size * self.trial.n_patients / self.start
        n_patients = max(math.ceil(in_proportion / step) * step, _fewest_patients(self.trial))
        return _grown(self.trial, n_patients, size / self.start)


def most_enrolled(trial: Trial) -> float:
    """Return how many patients may be enrolled by the date on which a trial ends at the latest.

    Further ones would come too late to be analyzed, however many are planned. Infinite where the
    trial has no such date, or where its enrollment takes as long for any number of patients.
    """
    end = trial.cutoff.end
    if math.isinf(end) or trial.enrollment.has_fixed_period:
        return math.inf
    candidates = float(candidates_of(trial).expected(np.array(end)))
    expected = candidates * share_enrolled(trial)
    return expected + _SURELY * math.sqrt(expected) + 1


def what_may_help(trial: Trial, max_patients: int, found: float = math.inf) -> str:
    """Return what to change where the largest trial has too little power, that was found."""
    if most_enrolled(trial) > max_patients:
        return what_helps(found)
    month = f"{MONTHS_PER_YEAR * trial.cutoff.end:.4g}"
    return (
        f"More patients would come too late: the last look is held by month {month}. Let that be "
        "later, enroll faster, or look for a larger effect"
    )


def what_helps(found: float) -> str:
    """Return what to change where more patients may be enrolled, by the power that was found."""
    if found < _LESS_THAN_CHANCE:
        return "The effect goes the wrong way: look at 'better' of the endpoint, and at the effects"
    return "Allow more patients, or look for a larger effect"


def _grown(trial: Trial, n_patients: int, factor: float) -> Trial:
    """Return a trial with other patients, in which all that waits for counts grows alike."""
    return replace(
        trial,
        n_patients=n_patients,
        cutoff=trial.cutoff.scaled(factor),
        interims=tuple(look.scaled(factor) for look in trial.interims),
        adaptation=trial.adaptation and trial.adaptation.scaled(factor),
        arms=tuple(_grown_arm(arm, factor) for arm in trial.arms),
    )


def _grown_arm(arm: Arm, factor: float) -> Arm:
    """Return an arm that joins and closes at `factor` times the patients; dates stay."""
    joins = arm.joins and arm.joins.scaled(factor)
    closes = arm.closes and arm.closes.scaled(factor)
    if (joins, closes) == (arm.joins, arm.closes):
        return arm
    return replace(arm, joins=joins, closes=closes)


def _events(trial: Trial) -> int:
    count = trial.cutoff.counted
    if count is None or not count.of_primary:
        raise ValueError("the trial's data are not cut at a number of events; size its patients")
    return count.events


def sizing_of(trial: Trial) -> Sizing:
    """Return how a trial grows unless one says otherwise: events first, else patients."""
    count = trial.cutoff.counted
    if count is not None and count.of_primary:
        return EventsInProportion(trial=trial)
    return Patients(trial=trial)


def designs(scenario: Scenario) -> list[tuple[Mapping[str, object], Sizing]]:
    """Return the designs of a scenario that differ in more than their size, the first of each."""
    found: list[tuple[Mapping[str, object], Sizing]] = []
    for point in scenario.points:
        sizing = sizing_of(point.trial)
        values = _other_values(point, sizing)
        if all(values != known for known, _ in found):
            found.append((values, sizing))
    return found


def _other_values(point: DesignPoint, sizing: Sizing) -> dict[str, object]:
    return {path: value for path, value in point.values.items() if path not in sizing.keys}


def affordable_precision(sizings: Iterable[Sizing]) -> float:
    """Return how precisely to simulate the sizes of all these designs in about a minute.

    Half the width of a 95 % interval, relative to the size: 0.01 for one plain design. The
    work grows with the inverse square and with the patients, so all designs together get
    about that of one of 300 patients, and costly ones (measured: a fifth of the patients a
    second, or fewer) a quarter of it. It depends on the designs alone, so that an answer does
    not depend on the machine.
    """
    work = sum(
        max(sizing.trial.n_patients / _PLAIN_PATIENTS, 1.0)
        * (_COSTLY if _is_costly(sizing.trial) else 1)
        for sizing in sizings
    )
    return round(min(_FINE * math.sqrt(max(work, 1.0)), _COARSE), 3)


def _is_costly(trial: Trial) -> bool:
    """Return whether patients, rules or test of a trial take more than a plain one's."""
    return (
        trial.rule.changes
        or trial.family is not None
        or trial.supply is not None
        or trial.population.screening is not None
        or arms_change(trial.arms)
        or (trial.analysis is not None and trial.analysis.test.costly)
    )


def left_out(scenario: Scenario) -> list[str]:
    """Return what a scenario varies, and a search for the size decides instead."""
    decided = {path for point in scenario.points for path in sizing_of(point.trial).keys}
    return [path for path in scenario.points[0].values if path in decided]


def has_several_designs(scenario: Scenario) -> bool:
    """Return whether the designs of a scenario differ in more than their size."""
    return len(designs(scenario)) > 1


def only_design(scenario: Scenario) -> Sizing:
    """Return the one design of a scenario, of whatever size.

    Raises
    ------
    ValueError
        If several designs differ in more than their size; they are named.
    """
    found = designs(scenario)
    if len(found) > 1:
        told = "; ".join(
            ", ".join(f"{path} = {value}" for path, value in values.items()) for values, _ in found
        )
        raise ValueError(
            f"{scenario.name} has {len(found)} designs ({told}), and each has its own size. "
            "Remove all but one from 'vary', name one by --over, or ask for the sizes of all: "
            "lupusim size, or lupusim.planning.sample_size.frontier.sizes"
        )
    return found[0][1]

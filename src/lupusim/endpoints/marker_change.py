"""The change of the trial's marker at a visit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from lupusim.analysis.numerics.win_levels import Level
from lupusim.analysis.outcomes import NumberOutcome
from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.endpoints.base import (
    BETTER,
    ENDPOINTS,
    Around,
    Fields,
    Make,
    Measurement,
    Simple,
    check_visits,
    shown,
)
from lupusim.endpoints.marker import MarkerMeasurement
from lupusim.endpoints.setting import Setting
from lupusim.endpoints.visits import level_of_numbers
from lupusim.errors import Problem
from lupusim.records import Observation
from lupusim.trial.checks.endpoints import marker_problems, visit_problems
from lupusim.trial.endpoints import LOWER_OR_HIGHER, Better, MissingChange
from lupusim.trial.observation import Consequence

if TYPE_CHECKING:
    from lupusim.trial.design import Trial


@ENDPOINTS.register("marker_change")
@dataclass(frozen=True, slots=True, kw_only=True)
class MarkerChange(Simple):
    """Change of the trial's marker from randomization to a visit.

    Parameters
    ----------
    name : str
        What to call it.
    at : float
        Study time (years) of the visit.
    missing : MissingChange
        What a change counts as that is not known.
    better : Better
        Direction of benefit.

    Examples
    --------
    >>> MarkerChange(name="SLEDAI", at=0.5).missing
    <MissingChange.NO_CHANGE: 'no_change'>
    """

    outcome: ClassVar[type[NumberOutcome]] = NumberOutcome  # what a test takes

    name: str
    at: float
    missing: MissingChange = MissingChange.NO_CHANGE
    better: Better = Better.FEWER

    def __post_init__(self) -> None:
        check_visits((self.at,))

    @property
    def due_time(self) -> float:
        """Study time (years) of the visit."""
        return self.at

    @property
    def change_of_marker(self) -> MissingChange:
        """What a change counts as that is not known."""
        return self.missing

    def measurement(self, setting: Setting) -> Measurement:
        """Return what listens to a block of histories."""
        return MarkerChangeMeasurement(self, setting)

    def problems(self, key: str, trial: Trial) -> Iterator[Problem]:
        """Yield everything that is wrong with it in a trial, by the keys below `key`."""
        yield from marker_problems(key, trial)
        yield from visit_problems(f"{key}.at", self.at, trial)

    @staticmethod
    def read(fields: Fields, around: Around) -> Make:
        """Read the visit, and what a missing change counts as."""
        at = fields.duration("at")
        ways = {missing.value: missing for missing in MissingChange}
        missing = fields.choice("missing", ways, MissingChange.NO_CHANGE)
        name = fields.text("name", f"change of the marker at {shown(at)}")
        better = fields.choice("better", {**LOWER_OR_HIGHER, **BETTER}, Better.FEWER)
        return lambda: MarkerChange(name=name, at=at, missing=missing, better=better)


class MarkerChangeMeasurement(MarkerMeasurement):
    """Change of the marker from randomization to a visit."""

    def __init__(self, endpoint: MarkerChange, setting: Setting) -> None:
        super().__init__(endpoint.at, setting)
        self.missing, self.better = endpoint.missing, endpoint.better
        after = [time for time in setting.visits_until(endpoint.at) if time > 0]
        self.all_numbers = setting.visits_at(after)[1]

    def outcome(self, observation: Observation) -> NumberOutcome:
        """Return changes and baselines; a change that is not known is 0, or left out.

        After a strike that is a failure there is no change.
        """
        baseline, change, known = self.change(observation)
        included, trajectory = self.included(observation), None
        if self.missing is MissingChange.LEFT_OUT:
            included = included & (known | self.failed(observation))
            trajectory = self.trajectory(observation)
        return NumberOutcome(
            values=change,
            included=included,
            arm=observation.arm,
            baseline=baseline,
            trajectory=trajectory,
        )

    def level(self, observation: Observation) -> Level:
        """Return the changes; not known of who is not in the analysis."""
        return level_of_numbers(self.outcome(observation), self.better)

    def trajectory(self, observation: Observation) -> FloatArray:
        """Return the change at every visit after randomization, up to that of the endpoint.

        Shape (n_replicates, n_patients, n_visits); NaN where it is not known, after an event
        that is treated as if it had not happened, and where the visit is not due at the cutoff:
        who is still followed is in it with the visits so far.
        """
        spared = self.setting.strike(observation.watched_until, Consequence.EXCLUSION)
        changes = []
        for number in self.all_numbers:
            _, change, known = self.change_at(number, observation)
            if spared is not None:
                known &= spared > self.visit_time(number)
            changes.append(np.where(self.due_at(number, observation) & known, change, np.nan))
        return np.stack(changes, axis=2)

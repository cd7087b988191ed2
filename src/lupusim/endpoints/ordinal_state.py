"""The rank of the state at a visit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from lupusim.analysis.numerics.win_levels import Level
from lupusim.analysis.outcomes import NumberOutcome
from lupusim.common.frozen import dataclass
from lupusim.endpoints.base import (
    ENDPOINTS,
    Around,
    Fields,
    Make,
    Measurement,
    Simple,
    check_visits,
    shown,
)
from lupusim.endpoints.setting import Setting
from lupusim.endpoints.visits import VisitMeasurement, level_of_numbers
from lupusim.errors import Problem
from lupusim.records import FirstEntry, Observation
from lupusim.trial.checks.endpoints import state_problems, visit_problems
from lupusim.trial.endpoints import Better, RankAtVisit
from lupusim.trial.observation import Consequence

if TYPE_CHECKING:
    from lupusim.trial.design import Trial


_FEWEST_RANKS = 2


@ENDPOINTS.register("ordinal_state")
@dataclass(frozen=True, slots=True, kw_only=True)
class OrdinalState(Simple):
    """The rank of the state at a visit: 0 for the worst, and up.

    Who has left, or missed the visit, ranks as `missing` does.

    Parameters
    ----------
    name : str
        What to call it.
    ranking : tuple of tuple of str
        Groups of states from the worst to the best; every state in one of them.
    at : float
        Study time (years) of the visit.
    missing : str
        The state as which a missing one ranks; empty for the worst.
    better : Better
        Direction of benefit of the rank.

    Examples
    --------
    >>> ranking = (("death",), ("active",), ("remission",))
    >>> OrdinalState(name="state", ranking=ranking, at=1.0).at
    1.0
    """

    outcome: ClassVar[type[NumberOutcome]] = NumberOutcome  # what a test takes

    name: str
    ranking: tuple[tuple[str, ...], ...]
    at: float
    missing: str = ""
    better: Better = Better.MORE

    def __post_init__(self) -> None:
        check_visits((self.at,))
        named = [state for group in self.ranking for state in group]
        if len(self.ranking) < _FEWEST_RANKS or len(set(named)) < len(named):
            raise ValueError("ranking must hold at least two groups, each state in one of them")
        if self.missing and self.missing not in named:
            raise ValueError(f"missing={self.missing!r} must be a state of the ranking")

    @property
    def states(self) -> tuple[str, ...]:
        """All states of the ranking."""
        return tuple(state for group in self.ranking for state in group)

    @property
    def due_time(self) -> float:
        """Study time (years) of the visit."""
        return self.at

    @property
    def ranks(self) -> tuple[tuple[str, ...], ...]:
        """Its ranking."""
        return self.ranking

    @property
    def rank_at_visit(self) -> RankAtVisit:
        """It is the rank of the state at the visit."""
        return self

    @property
    def rank_missing(self) -> int:
        """The rank of who left or missed the visit."""
        ranks = (rank for rank, group in enumerate(self.ranking) if self.missing in group)
        return next(ranks, 0)

    def measurement(self, setting: Setting) -> Measurement:
        """Return what listens to a block of histories."""
        return OrdinalMeasurement(self, setting)

    def problems(self, key: str, trial: Trial) -> Iterator[Problem]:
        """Yield everything that is wrong with it in a trial, by the keys below `key`."""
        if missing := [state for state in trial.states if state not in self.states]:
            yield Problem(
                key=f"{key}.ranking",
                fault=f"{missing[0]!r} has no rank",
                fix="Rank every state of the model, from the worst to the best.",
            )
        yield from visit_problems(f"{key}.at", self.at, trial)
        yield from state_problems(f"{key}.ranking", self.states, trial)

    @staticmethod
    def read(fields: Fields, around: Around) -> Make:
        """Read the ranking, the visit, and as which state a missing one ranks."""
        ranking = fields.groups("ranking")
        at = fields.duration("at")
        missing = fields.text("missing", "")
        name = fields.text("name", f"rank of the state at {shown(at)}")
        return lambda: OrdinalState(name=name, ranking=ranking, at=at, missing=missing)


class OrdinalMeasurement(VisitMeasurement):
    """The rank of each patient's state at a visit."""

    def __init__(self, endpoint: OrdinalState, setting: Setting) -> None:
        super().__init__((endpoint.at,), setting)
        self.rank = np.zeros(len(setting.states))
        for rank, group in enumerate(endpoint.ranking):
            self.rank[setting.positions(group)] = rank
        self.better = endpoint.better
        self.rank_missing = float(endpoint.rank_missing)
        self.dead = setting.members(setting.absorbing)
        self.death = FirstEntry(setting.positions(setting.absorbing), setting.n_patients)
        self.recorders = (*self.recorders, self.death)

    def outcome(self, observation: Observation) -> NumberOutcome:
        """Return ranks; a death before the visit is known whether it took place or not.

        It counts unless only the time before an event does that had struck already.
        """
        number = self.numbers[-1]
        watched_until = observation.watched_until
        state, present = self.states(number, watched_until)
        true = self.visits.true(number)
        died = self.dead[true] & (self.death.time <= watched_until.ravel())
        stopped = self.setting.strike(watched_until, Consequence.LAST_VALUE)
        if stopped is not None:
            died &= np.isinf(stopped).ravel() | (stopped.ravel() > self.visits.times[number])
        rank = np.where(present, self.rank[state], self.rank_missing)
        rank = np.where(died, self.rank[true], rank)
        return NumberOutcome(
            values=rank.reshape(self.setting.shape),
            included=self.included(observation),
            arm=observation.arm,
        )

    def level(self, observation: Observation) -> Level:
        """Return the ranks; not known of who is not in the analysis."""
        return level_of_numbers(self.outcome(observation), self.better)

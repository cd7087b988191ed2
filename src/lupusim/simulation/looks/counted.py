"""Trials whose single look sees nothing but numbers of responders: decided table by table."""

from __future__ import annotations

import threading
from typing import NamedTuple

import numpy as np

from lupusim.analysis.outcomes import BinaryOutcome, CountedOutcome
from lupusim.analysis.outcomes.outcome import mean_or_none
from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.frozen import remembered
from lupusim.simulation.costs import with_cost
from lupusim.simulation.generation.at_visits import AtVisits, asks_for_visits_alone
from lupusim.simulation.generation.generation import Block, horizon_of
from lupusim.simulation.looks.cutoffs import (
    decision,
    intervals_asked_of,
    shown_by_arm,
)
from lupusim.simulation.looks.dates import ended, with_all_enrolled
from lupusim.simulation.looks.true_effect import accuracy
from lupusim.trial import Trial

_MOST_TABLES = 400_000  # beyond, nothing is remembered: tables are hardly met twice
_MARGIN = 3  # responders beyond those of a block, to either side
_MOST_AROUND = 3  # times as many tables as are asked for
_FEW = 256  # tables: to decide them takes hardly longer than one


@remembered(16)
def counted(trial: Trial) -> Counted | None:
    """Return what simulates a trial by counts; None where it asks for more than these."""
    return Counted(trial) if is_counted(trial) else None


def is_counted(trial: Trial) -> bool:
    """Return whether a trial asks for numbers of responders alone, at one look at everybody.

    Its test takes fourfold tables, and its price counts nothing that happens to patients.
    """
    analysis, costs = trial.analysis, trial.costs
    if trial.rule.changes or trial.interims or trial.family is not None or analysis is None:
        return False
    if trial.cutoff.after_last_patient is None or len(trial.arms) != 2:
        return False
    of_tables = analysis.test.formula == "tables" and analysis.test.strata == "none"
    if not of_tables or (costs is not None and costs.counts_what_is_due):
        return False
    are_responses = all(endpoint.outcome is BinaryOutcome for endpoint in trial.endpoints)
    return are_responses and asks_for_visits_alone(trial) and _sees_all(trial)


def _sees_all(trial: Trial) -> bool:
    """Return whether everybody's visits are due at the look, and within follow-up."""
    latest = max(endpoint.due_time or 0.0 for endpoint in trial.endpoints)
    known = trial.cutoff.patients_known(latest, trial.n_patients)
    return known == trial.n_patients and latest <= horizon_of(trial)


class Counted:
    """Simulates a trial that asks for numbers of responders alone.

    What a table says is worked out when it is first met: blocks meet the same few hundred again
    and again.

    Parameters
    ----------
    trial : Trial
        For which :func:`is_counted` holds.
    """

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.visits = AtVisits(trial)
        self._known = _Tables(trial, self.visits.sizes)

    def found(self, block: Block) -> dict[str, FloatArray]:
        """Return each quantity of every replicate, (n_replicates,) each."""
        trial, seen = self.trial, self.visits.draw(block)
        found = ended(trial, seen.last_enrolled)
        found |= shown_by_arm(trial, [_Shares(one, seen.patients) for one in seen.responders])
        found |= self._known.decided(seen.responders[0], seen.patients)
        return with_cost(trial, with_all_enrolled(trial, found))


class _Shares(NamedTuple):
    """Responders and patients of each arm, (n_replicates, n_arms) each."""

    responders: IntArray
    patients: IntArray

    def shown(self, arm: int) -> dict[str, FloatArray]:
        """Return what an arm shows."""
        responders, patients = self.responders[:, arm], self.patients[:, arm]
        return {"response": mean_or_none(responders.astype(float), patients.astype(float))}


class _Tables:
    """What the trial decides at each table that was met, for arms of known sizes."""

    def __init__(self, trial: Trial, sizes: tuple[int, ...]) -> None:
        self.trial, self.sizes = trial, np.array(sizes, dtype=np.intp)
        n_tables = int(np.prod(self.sizes + 1)) if sizes else 0
        self.place = np.full(n_tables if n_tables <= _MOST_TABLES else 0, -1, dtype=np.int32)
        self.found: dict[str, FloatArray] = {}
        self.n = 0
        self._lock = threading.Lock()

    def decided(self, responders: IntArray, patients: IntArray) -> dict[str, FloatArray]:
        """Return the decision, and what else the verdict tells, of every replicate.

        Both are (n_replicates, 2).
        """
        if not self.place.size:
            return _decided(self.trial, responders, patients)
        code = self._code(responders)
        if (self.place[code] < 0).any():
            with self._lock:
                self._learn(self._around(np.unique(code[self.place[code] < 0])))
        place = self.place[code]
        return {name: values[place] for name, values in self.found.items()}

    def _code(self, responders: IntArray) -> IntArray:
        return np.asarray(responders[:, 0] * (self.sizes[1] + 1) + responders[:, 1])

    def _around(self, code: IntArray) -> IntArray:
        """Return unknown tables with those near them, which the next blocks will ask for."""
        if not code.size:  # another thread was here before
            return code
        responders = self._responders(code)
        low = np.maximum(responders.min(axis=0) - _MARGIN, 0)
        high = np.minimum(responders.max(axis=0) + _MARGIN, self.sizes)
        if np.prod(high - low + 1) > max(_MOST_AROUND * code.size, _FEW):
            return code
        sides = [np.arange(a, b + 1) for a, b in zip(low, high, strict=True)]
        near = self._code(np.stack([side.ravel() for side in np.meshgrid(*sides)], axis=1))
        return near[self.place[near] < 0]

    def _responders(self, code: IntArray) -> IntArray:
        return np.stack(np.divmod(code, self.sizes[1] + 1), axis=1)

    def _learn(self, code: IntArray) -> None:
        responders = self._responders(code)
        patients = np.broadcast_to(self.sizes, responders.shape)
        new = _decided(self.trial, responders, patients)
        before = self.found or {name: np.empty(0) for name in new}
        self.found = {name: np.concatenate([before[name], new[name]]) for name in new}
        self.place[code] = np.arange(self.n, self.n + code.size)
        self.n += code.size


def _decided(trial: Trial, responders: IntArray, patients: IntArray) -> dict[str, FloatArray]:
    analysis, better = trial.analysis, trial.primary.better
    assert analysis is not None  # of the kind
    numbers = np.stack([patients - responders, responders], axis=2)[:, :, None]
    outcome = CountedOutcome(numbers=numbers.astype(float))
    with intervals_asked_of(analysis):
        verdict = analysis.test.of_counts(outcome, better=better, sided=analysis.sided)
    return decision(verdict.p_value <= analysis.alpha, verdict) | accuracy(trial, verdict)

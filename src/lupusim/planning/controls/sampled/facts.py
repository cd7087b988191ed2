"""What the exact engine knows of patients beside the outcome: their states, and who leaves."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.engines.exact.law import Law
from lupusim.errors import NoExactSolutionError
from lupusim.planning.theory.counts.alike import AlikeArms, alike_arms
from lupusim.planning.theory.counts.asked import ways_out
from lupusim.planning.theory.counts.cells import cells_of, is_quadrature, people
from lupusim.planning.theory.counts.chances import laws_of
from lupusim.planning.theory.counts.shares import Kin, shares_at
from lupusim.records import FirstEntry, Recorder, StateAt
from lupusim.simulation.generation.generation import Generated
from lupusim.trial import Trial

_BITS = 64  # that tell patients apart
_QUADRATURE = 1e-5  # what two quadratures over patients may differ by


class Facts:
    """Hears of some patients what the exact engine knows of them.

    For each state whether they are in it at some times, and whether they have not yet been in it;
    and the same of who has not left the trial by then.

    Parameters
    ----------
    trial : Trial
        Whose patients they are.
    times : (n_times,) array
        Study times (years), rising.
    n_patients : int
        How many.
    """

    def __init__(self, trial: Trial, times: FloatArray, n_patients: int) -> None:
        self.times, self.n_states = times, len(trial.states)
        self.now = StateAt(times, n_patients)
        self.first = [FirstEntry([state], n_patients) for state in range(self.n_states)]

    @property
    def recorders(self) -> list[Recorder]:
        """Who must be told of every transition."""
        return [self.now, *self.first]

    def of(self, generated: Generated) -> tuple[IntArray, BoolArray]:
        """Return which hold of the patients.

        Returns
        -------
        kind : (n_patients,) integer array
            Patients of whom the same facts hold are of one kind.
        facts : (n_facts, n_kinds) boolean array
        """
        at, until = self.times[:, None, None], generated.watched_until.ravel()
        inside = self.now.states[:, None] == np.arange(self.n_states)[:, None]
        never = np.stack([one.time for one in self.first]) > at
        told = np.concatenate([inside, never, until >= at], axis=1)
        # SPEED: patients are sorted by one number, and counted by kind (benchmarks/cases.py)
        bits = np.zeros((until.size, _BITS // 8), dtype=np.uint8)
        packed = np.packbits(told.reshape(-1, until.size), axis=0)
        bits[:, : len(packed)] = packed.T
        _, first, kind = np.unique(bits.view(np.uint64), return_index=True, return_inverse=True)
        told = told[:, :, first]
        whole = told[:, :-1]
        facts = np.stack([whole, whole & told[:, -1:]], axis=1)
        return kind.ravel(), facts.reshape(-1, first.size)


def times_until(trial: Trial, end: float, most: int) -> FloatArray:
    """Return some times, the last of them the end, of which facts can be told; none for too many.

    Parameters
    ----------
    trial : Trial
        Whose patients are asked about.
    end : float
        Study time (years).
    most : int
        How many at the most.
    """
    n_times = min(most, _BITS // (2 * len(trial.states) + 1))
    return np.asarray(end * np.arange(1, n_times + 1) / max(n_times, 1))


def shares_of_facts(trial: Trial, times: FloatArray) -> FloatArray | None:
    """Return the chance of each of these facts, by arm; None where the exact engine has none.

    Parameters
    ----------
    trial : Trial
        Its patients must be independent.
    times : (n_times,) array
        Study times (years), rising.

    Returns
    -------
    (n_arms, n_facts) array or None
    """
    if times.size == 0:
        return None
    try:
        found = _shares(trial, times, fine=True)
        if is_quadrature(trial):
            coarse = _shares(trial, times, fine=False)
            return found if np.abs(found - coarse).max() < _QUADRATURE else None
    except NoExactSolutionError:
        return None
    return found


def _shares(trial: Trial, times: FloatArray, *, fine: bool) -> FloatArray:
    n_states = len(trial.states)
    kinds = list(_kinds(trial, fine=fine))
    followed: list[Kin] = [arms.followed(law) for arms, _, laws in kinds for law in laws]
    shares = shares_at(followed, times, None, most_marched=0)  # they take more than they save
    shares = shares.reshape(len(kinds), 2, 1 + n_states, times.size, n_states + 1)[..., :n_states]
    state, found = np.arange(n_states), np.zeros((len(trial.arms), times.size, 2, 2, n_states))
    for (arms, weight, _), one in zip(kinds, shares, strict=True):
        inside, stopped = one[:, 0], np.moveaxis(one[:, 1:], 1, 2)
        # of a law that stops in a state, all others are those who have never been there
        never = stopped.sum(axis=3) - stopped[:, :, state, state]
        found[arms.number] += weight * np.stack([inside, never], axis=2).swapaxes(0, 1)
    return found.reshape(len(trial.arms), -1)


def _kinds(trial: Trial, *, fine: bool) -> Iterator[tuple[AlikeArms, float, list[Law]]]:
    """Yield the kinds of patients of each arm, their shares, and the laws that are asked."""
    for arms in alike_arms([trial]):
        ways = list(ways_out(arms.arm, trial.dropout))
        for cell in cells_of(trial, ()):
            for person in people(trial, cell, fine=fine):
                for share, law, classes in laws_of(arms, person):
                    weight = float(cell.share * person.weight * share * classes[0])
                    both = law.beside((), 1), law.beside(ways, 1)
                    yield arms, weight, [of for one in both for of in (one, *_stopped(one))]


def _stopped(law: Law) -> Iterator[Law]:
    """Yield the laws of who is followed until being in one state; not of the last, who left."""
    for state in range(law.n_states - 1):
        yield law.stopped(frozenset({state}))

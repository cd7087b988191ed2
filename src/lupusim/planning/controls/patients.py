"""The law of what one patient contributes, given arm and time until the data are cut."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lupusim.analysis.survival.exit_sums import Table
from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.planning.theory.sums import ComplexArray

CELLS = 2048
"""Cells of study time; what is at stake between them is below 1e-6 of a standard deviation."""
STRIDE = 8
"""Cells between the times in the trial at which a patient's law is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientLaw:
    """When a patient of each arm has the event, or leaves without one, if nobody cut the data."""

    width: float  # of a cell of study time, years
    event: FloatArray
    exit: FloatArray
    """`event` and `exit`: chance of the event, and of leaving without it, in each cell; (n_arms,
    n_cells)."""

    def of_arms(self, arms: Sequence[int]) -> PatientLaw:
        """Return the law of some arms."""
        chosen = list(arms)
        return PatientLaw(width=self.width, event=self.event[chosen], exit=self.exit[chosen])

    @property
    def stays(self) -> FloatArray:
        """Chance that neither has come, at the cells' edges, (n_arms, n_cells + 1)."""
        gone = np.cumsum(self.event + self.exit, axis=1)
        return np.concatenate([np.ones((len(gone), 1)), np.maximum(1.0 - gone, 0.0)], axis=1)

    @property
    def edges(self) -> FloatArray:
        """Study times (years) of the cells' edges, (n_cells + 1,)."""
        return self.width * np.arange(self.event.shape[1] + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contributions:
    """What a patient adds to a sum, on the grid of a law."""

    on_event: FloatArray
    on_exit: FloatArray
    """`on_event` and `on_exit`: with an event, or without one, in each cell; (n_arms, n_cells)."""
    at_cut: FloatArray
    """Who is still there when the data are cut, at the cells' edges; (n_arms, n_cells + 1)."""

    @property
    def parts(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """With an event, without, at the cut."""
        return self.on_event, self.on_exit, self.at_cut


def means(law: PatientLaw, adds: Contributions) -> FloatArray:
    """Return the mean contribution by arm and time until the cut, (n_arms, n_cells + 1)."""
    return np.asarray(_moment(law, adds.on_event, adds.on_exit, adds.at_cut))


def variances(law: PatientLaw, adds: Contributions) -> FloatArray:
    """Return the variance by arm and time until the cut, (n_arms, n_cells + 1)."""
    squares = (adds.on_event**2, adds.on_exit**2, adds.at_cut**2)
    return np.asarray(_moment(law, *squares)) - means(law, adds) ** 2


def centered(law: PatientLaw, adds: Contributions) -> Table:
    """Return the contributions as a simulation looks them up, each less its mean given the cut."""
    mean = means(law, adds)
    none = np.zeros((len(mean), 1))
    first = np.stack([adds.on_exit, adds.on_event], axis=1)
    middle = (mean[:, 1:] + mean[:, :-1]) / 2
    return Table(
        width=law.width,
        adds=np.concatenate([np.zeros((len(mean), 2, 1)), first], axis=2),
        mean=np.concatenate([none, middle], axis=1),
    )


def log_characteristic(law: PatientLaw, adds: Contributions, nodes: FloatArray) -> ComplexArray:
    """Return the logarithm of the centered contribution's characteristic function.

    Parameters
    ----------
    law : PatientLaw
        Of a patient of each arm.
    adds : Contributions
        To the sum.
    nodes : (n_nodes,) array
        From :func:`~lupusim.planning.theory.sums.frequencies`.

    Returns
    -------
    (n_arms, n_times, n_nodes) complex array
        By time until the cut, every `STRIDE` cells from 0 on.
    """
    coarse = Contributions(
        on_event=adds.on_event, on_exit=adds.on_exit, at_cut=adds.at_cut[:, ::STRIDE]
    )
    stays, mean = law.stays[:, ::STRIDE], means(law, adds)[:, ::STRIDE]
    found = np.empty((*mean.shape, nodes.size), dtype=complex)
    # SPEED: of frequencies that stand equally far from each other each is a turn behind the last
    turns = [np.exp(1j * (nodes[1] - nodes[0]) * part) for part in coarse.parts]
    waves = [np.exp(1j * nodes[0] * part) for part in coarse.parts]
    for number in range(nodes.size):
        event, left, cut = waves
        found[:, :, number] = _before(law, event, left)[:, ::STRIDE] + stays * cut
        waves = [wave * turn for wave, turn in zip(waves, turns, strict=True)]
    return np.asarray(np.log(found) - 1j * mean[:, :, None] * nodes)


def _moment(law: PatientLaw, event: FloatArray, left: FloatArray, cut: FloatArray) -> FloatArray:
    """Return the mean of a function of what happens, by time until the cut."""
    return np.asarray(_before(law, event, left) + law.stays * cut)


def _before(law: PatientLaw, event: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Return the part of the mean that is due to what comes before the cut."""
    known = np.cumsum(law.event * event + law.exit * left, axis=1)
    return np.concatenate([np.zeros((len(known), 1)), known], axis=1)

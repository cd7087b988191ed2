"""What each patient adds to a comparison of all pairs, and the law of it."""

from __future__ import annotations

import math
from typing import Protocol, cast

import numpy as np

from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.planning.controls.parts import Baseline, LookSum, in_arms
from lupusim.planning.controls.sampled.facts import times_until
from lupusim.planning.controls.sampled.samples import Sample, SampledLaw, sampled_law, some_patients
from lupusim.planning.theory.sums import ComplexArray, step_slopes
from lupusim.simulation.control_classes import Cells, CellSum
from lupusim.simulation.looks.look_statistics import Comparison
from lupusim.trial import Endpoint, TestMethod, Trial

_PATIENTS = 3_000  # among whom cells are sought
_OTHERS = 128  # of each arm, with whom these are compared
_PARTS = 24  # of a column
_TIMES = 4  # at which the exact engine tells the states
_DRAWN, _DRAWN_OF_RANKS = 480_000, 120_000
"""Patients of the sample: of ranks at one visit the exact engine tells nearly all."""
_SMALL = 1e-4  # share of pairs by which a slope is measured
_FEWEST = 0.01  # share of pairs that must be won, and be lost


class Compared(Protocol):
    """An outcome of which pairs of patients can be compared."""

    @property
    def arm(self) -> np.ndarray:
        """Arm of each patient of one trial, (1, n_patients)."""
        ...

    def against(self, patients: IntArray, others: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return of each of some patients of one trial the shares of others that lose, and win."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairLaw:
    """In which cell a patient is, and whom one who is in it would beat."""

    cells: Cells
    won: FloatArray
    lost: FloatArray
    """`won` and `lost`: shares of the patients of an arm, at the mean of the cell, 0 for who is in
    none; (n_arms, n_cells + 1)."""
    sample: SampledLaw  # the chances of cells


def due_at_looks(trial: Trial, endpoint: Endpoint) -> list[int | None]:
    """Return of how many patients, in their order, all is known at each look; None for chance."""
    due = _due(trial, endpoint)
    return [look.patients_known(due, trial.n_patients) for look in trial.looks]


def _due(trial: Trial, endpoint: Endpoint) -> float:
    """Return when all is known of a patient, study time (years)."""
    if endpoint.due_time is None:
        return trial.follow_up
    return min(endpoint.due_time + trial.visit_conduct.window, trial.follow_up)


def is_worth_it(endpoint: Endpoint) -> bool:
    """Return whether it pays to draw patients for the law of an endpoint.

    It does for ranks, which are few, and for a hierarchy, of which a test takes longer than its
    patients do; not for numbers of many values, whose tests are quick (measured: 1.5 to 3 times
    smaller variance, for 1.5 to 2.5 times the work).
    """
    return bool(endpoint.ranks) or endpoint.due_time is None


def _sample(trial: Trial, endpoint: Endpoint, seed: int, growth: int) -> Sample:
    """Return who is drawn; states are asked for all along, or where ranks are seen."""
    n_times, n_patients = (1, _DRAWN_OF_RANKS) if endpoint.ranks else (_TIMES, _DRAWN)
    times = times_until(trial, _due(trial, endpoint), n_times)
    return Sample(seed=seed, n_patients=growth * n_patients, times=times)


def pair_law(trial: Trial, number: int, *, seed: int, growth: int = 1) -> PairLaw:
    """Return the law of an endpoint of which pairs are compared, by samples of patients.

    Parameters
    ----------
    trial : Trial
        Its patients must be independent, given allocation, and those of an arm alike.
    number : int
        Position of the endpoint.
    seed : int
        Of the run.
    growth : int
        How many times as many patients as for a short run are drawn.
    """
    outcome = some_patients(trial, number, _PATIENTS, seed=seed)
    cells = Cells.of_some(outcome, _PARTS)
    cell = cells.of(outcome)[0]
    there = np.flatnonzero(cell < cells.number)
    n_in = np.bincount(cell[there], minlength=cells.number)
    won, lost = np.zeros((2, len(trial.arms), cells.number + 1))
    for arm in range(len(trial.arms)):
        others = there[outcome.arm[0, there] == arm][:_OTHERS]
        for kind, shares in zip(
            (won, lost), cast(Compared, outcome).against(there, others), strict=True
        ):
            total = np.bincount(cell[there], shares, minlength=cells.number)
            kind[arm, :-1] = total / np.maximum(n_in, 1)
    sample = _sample(trial, trial.endpoints[number], seed, growth)
    return PairLaw(
        cells=cells,
        won=won,
        lost=lost,
        sample=sampled_law(trial, number, cells, sample),
    )


def sums_of_pairs(
    trial: Trial, asked: Comparison, baseline: Baseline, law: PairLaw
) -> list[LookSum]:
    """Return the sums of a comparison of pairs, look by look; none where they can't be defined."""
    endpoint, test = trial.endpoints[asked.endpoint], asked.analysis.test
    pair, found = baseline.pair(asked.arm), []
    values = _Values.of(law, asked.arm, test)
    if values is None:
        return []
    for first in due_at_looks(trial, endpoint):
        assert first is not None  # else nobody asks
        sizes = pair.sizes(first)
        mean, error, adds = values.adds(sizes.mean(axis=0))
        chances = CellLaw(
            arm=asked.arm,
            sample=law.sample,
            adds=adds,
            sizes=sizes,
        )
        parts = CellSum(
            endpoint=asked.endpoint,
            first=first,
            cells=law.cells,
            adds=in_arms(adds, asked.arm, len(trial.arms)),
        )
        found.append(
            LookSum(
                mean=mean,
                estimate=mean * error,
                information=float(first) if test.information_unit == "patients" else error**-2,
                variances=sizes.mean(axis=0) * (chances.chance * adds**2).sum(axis=1),
                law=chances,
                sum=parts,
                slopes=chances,
            )
        )
    return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Values:
    r"""What a patient's outcome is worth to a comparison of pairs.

    By Hoeffding's projection the share of pairs won, :math:`W`, is nearly its expectation plus, of
    each patient of the arm, the share of controls that he would beat, and of each control the share
    of the arm's patients to whom he would lose, each less its mean and over the number of such
    patients. An estimate :math:`e(W, L)` has slopes :math:`a, b` in :math:`W` and :math:`L`, so
    that the patient is worth :math:`v = a w + b l`, and :math:`V = \sum_a s_a^2 / n_a`.

    References
    ----------
    Hoeffding (1948), *Annals of Mathematical Statistics* 19, 293-325; Bebu and Lachin (2016),
    *Biostatistics* 17, 178-187.
    """

    estimate: float
    slopes: FloatArray  # of the estimate in both shares; (2,)
    bends: FloatArray  # of these, by both shares; (2, 2)
    shares: FloatArray  # of pairs that are won and lost, as a patient of each arm sees them
    """(2, 2, n_cells + 1): won and lost, by arm."""
    chance: FloatArray  # of each cell; (2, n_cells + 1)

    @classmethod
    def of(cls, law: PairLaw, arm: int, test: TestMethod) -> _Values | None:
        """Return those of a comparison; None where hardly any pair is won, or lost."""
        won = np.stack([law.lost[arm], law.won[0]])  # controls lose what the arm wins
        lost = np.stack([law.won[arm], law.lost[0]])
        shares, chance = np.stack([won, lost]), law.sample.chance[[0, arm]]
        middle = (shares * chance).sum(axis=2) / chance[:, :-1].sum(axis=1)
        expected = middle.mean(axis=1)
        if expected.min() < _FEWEST:
            return None
        steps = np.eye(2) * _SMALL

        def slopes(at: FloatArray) -> FloatArray:
            return np.array(
                [
                    (test.of_pairs(*(at + s)) - test.of_pairs(*(at - s))) / (2 * _SMALL)
                    for s in steps
                ]
            )

        return cls(
            estimate=float(test.of_pairs(*expected)),
            slopes=slopes(expected),
            bends=np.array(
                [(slopes(expected + s) - slopes(expected - s)) / (2 * _SMALL) for s in steps]
            ),
            shares=shares,
            chance=chance,
        )

    def adds(self, sizes: FloatArray) -> tuple[float, float, FloatArray]:
        """Return the mean of the statistic, the error of the estimate, and what cells add.

        Parameters
        ----------
        sizes : (2,) array
            Patients of each arm.

        Returns
        -------
        mean, error : float
        adds : (2, n_cells + 1) array
            Of mean 0 over the patients of an arm.
        """
        known = self.chance[:, :-1].sum(axis=1)
        n = (sizes * known)[:, None]
        there = np.append(np.ones(self.chance.shape[1] - 1), 0.0)

        def off(values: FloatArray) -> FloatArray:
            mean = (self.chance * values).sum(axis=-1) / known
            return np.asarray((values - mean[..., None]) * there)

        share = off(self.shares)
        spread = (share[:, None] * share[None] * self.chance / n / known[:, None]).sum(axis=(2, 3))
        variance = float(self.slopes @ spread @ self.slopes)
        root, bend = math.sqrt(variance), self.estimate / (2 * variance)
        moved = self.slopes - bend * 2 * (self.bends @ (spread @ self.slopes))
        value = np.einsum("k,kac->ac", self.slopes, share)
        square = (self.chance * value**2).sum(axis=1, keepdims=True) / known[:, None]
        found = np.einsum("k,kac->ac", moved, share) / n
        found = (found - bend * (value**2 - 2 * square) * there / n**2) / root
        found = found - (self.chance * found).sum(axis=1, keepdims=True)
        return self.estimate / root, root, np.asarray(found)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CellLaw:
    """The law of a sum over so many patients of each arm, in each of some enrollments."""

    arm: int  # that is compared with the control
    sample: SampledLaw
    adds: FloatArray  # of control and arm; (2, n_cells + 1)
    sizes: FloatArray  # patients of both; (n_draws, 2)

    @property
    def chance(self) -> FloatArray:
        """Chance of each cell, of control and arm; (2, n_cells + 1)."""
        return self.sample.chance[[0, self.arm]]

    def __call__(self, nodes: FloatArray) -> ComplexArray:
        """Return the logarithms of the characteristic functions, (n_draws, 2, n_nodes)."""
        return np.asarray(self.sizes[:, :, None] * np.log(self._of_one(nodes)))

    def _of_one(self, nodes: FloatArray) -> ComplexArray:
        return np.stack([c @ w for c, w in zip(self.chance, self._waves(nodes), strict=True)])

    def _waves(self, nodes: FloatArray) -> ComplexArray:
        return np.asarray(np.exp(1j * self.adds[:, :, None] * nodes))

    def slopes(self, nodes: FloatArray, thresholds: FloatArray, scale: float) -> FloatArray:
        """Return by how much the means of steps move with the chance of each cell.

        Returns
        -------
        (n_arms, n_cells + 1, n_steps) array
        """
        one = self._of_one(nodes)
        whole = np.exp(self(nodes).sum(axis=1))
        moved = (self.sizes[:, :, None] * whole[:, None]).mean(axis=0) / one
        of_pair = step_slopes(self._waves(nodes) * moved[:, None], nodes, thresholds, scale)
        return in_arms(of_pair, self.arm, len(self.sample.chance))

    def of_part(self, part: int, nodes: FloatArray, weights: ComplexArray) -> FloatArray:
        """Return by how much numbers move that hang on one part's characteristic function.

        Parameters
        ----------
        part : int
            0 for the patients of the control, 1 for those of the arm.
        nodes : (n_nodes,) array
            Frequencies.
        weights : (n_draws, n_nodes, n_numbers) complex array
            Each moves by the real part of these times what the function moves by, averaged over
            enrollments.

        Returns
        -------
        (n_arms, n_cells + 1, n_numbers) array
        """
        one, size = self._of_one(nodes)[part], self.sizes[:, part, None]
        moved = (size * np.exp(self(nodes)[:, part]))[:, :, None] * weights
        found = np.zeros((*self.sample.chance.shape, weights.shape[2]))
        of_part = self._waves(nodes)[part] @ (moved.mean(axis=0) / one[:, None])
        found[self.arm if part else 0] = of_part.real
        return found

"""What each patient adds to a comparison of all pairs, and the law of it."""

from __future__ import annotations

import math
from typing import Protocol, cast

import numpy as np

from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.planning.controls.changes import are_cells_known, change_cells
from lupusim.planning.controls.parts import Baseline, LookSum, in_arms
from lupusim.planning.controls.sampled.cells import CellLaw, due_at_looks, due_time
from lupusim.planning.controls.sampled.facts import times_until
from lupusim.planning.controls.sampled.floors import floors_of, is_cut, sizes_at
from lupusim.planning.controls.sampled.numbers import is_mean_known, number_law
from lupusim.planning.controls.sampled.samples import Sample, SampledLaw, sampled_law, some_patients
from lupusim.simulation.control_classes import Cells, CellSum, CellSumToCut
from lupusim.simulation.controls import Floors, InCells, Sum
from lupusim.simulation.looks.look_statistics import Comparison
from lupusim.trial import Endpoint, TestMethod, Trial

_PATIENTS = 3_000  # among whom cells are sought
_OTHERS = 128  # of each arm, with whom these are compared
_PARTS = 24  # of a column
_TIMES = 4  # at which the exact engine tells the states
_DRAWN, _DRAWN_OF_RANKS = 480_000, 120_000
"""Patients of the sample: of ranks at one visit the exact engine tells nearly all, if it can."""
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

    cells: InCells
    won: FloatArray
    lost: FloatArray
    """`won` and `lost`: shares of the patients of an arm, at the mean of the cell, 0 for who is in
    none; (n_arms, n_cells + 1)."""
    sample: SampledLaw  # the chances of cells
    floors: Floors | None = None  # when patients are cut; None for never


def is_worth_it(trial: Trial, endpoint: Endpoint) -> bool:
    """Return whether it pays to find the law of an endpoint.

    It does for changes of which it is known, for years whose mean is, for ranks, which are few,
    and for a hierarchy, of which a test takes longer than its patients do; not for other numbers of
    many values, whose tests are quick.
    """
    drawn = bool(endpoint.ranks) or endpoint.due_time is None
    return drawn or are_cells_known(trial, endpoint) or _are_years_known(trial, endpoint)


def _are_years_known(trial: Trial, endpoint: Endpoint) -> bool:
    years = endpoint.years_in_states
    return years is not None and not trial.intercurrent_events and is_mean_known(trial, years)


def _sample(
    trial: Trial, endpoint: Endpoint, seed: int, growth: int, floors: Floors | None
) -> Sample:
    """Return who is drawn; states are asked for all along, or where ranks are seen."""
    told = endpoint.ranks and not any(arm.law.restarts_matter for arm in trial.arms)
    n_times, n_patients = (1, _DRAWN_OF_RANKS) if told else (_TIMES, _DRAWN)
    end = due_time(trial, endpoint) if floors is None else float(floors.times[-1])
    times = times_until(trial, end, n_times)
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
    endpoint = trial.endpoints[number]
    if are_cells_known(trial, endpoint):
        even, chance = change_cells(trial, endpoint)
        return _of_numbers(even, SampledLaw.exact(chance))
    if _are_years_known(trial, endpoint):
        years = number_law(trial, number, seed=seed, growth=growth)
        return _of_numbers(years.cells, years.sample)
    floors = floors_of(trial) if is_cut(trial, endpoint) else None
    outcome = some_patients(trial, number, _PATIENTS, seed=seed, floors=floors)
    cells = Cells.of_some(outcome, _PARTS)
    sample = _sample(trial, endpoint, seed, growth, floors)
    if endpoint.ranks:
        return _of_numbers(cells, sampled_law(trial, number, cells, sample))
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
    return PairLaw(
        cells=cells,
        won=won,
        lost=lost,
        sample=sampled_law(trial, number, cells, sample, floors),
        floors=floors,
    )


def _of_numbers(cells: InCells, sample: SampledLaw) -> PairLaw:
    """Return the law of numbers in cells that rise: who is in a higher one wins."""
    share = sample.chance[:, :-1] / sample.chance[:, :-1].sum(axis=1, keepdims=True)
    below, none = np.cumsum(share, axis=1), np.zeros((len(share), 1))
    won, lost = np.hstack([below - share, none]), np.hstack([1 - below, none])
    return PairLaw(cells=cells, won=won, lost=lost, sample=sample)


def sums_of_pairs(
    trial: Trial, asked: Comparison, baseline: Baseline, law: PairLaw
) -> list[LookSum]:
    """Return the sums of a comparison of pairs, look by look; none where they can't be defined."""
    endpoint, test = trial.endpoints[asked.endpoint], asked.analysis.test
    pair, found, n_arms = baseline.pair(asked.arm), [], len(trial.arms)
    rows = np.array([[0], [asked.arm]]) * law.sample.n_kinds + np.arange(law.sample.n_kinds)
    chance = law.sample.chance[rows]
    for first in due_at_looks(trial, endpoint):
        sizes = _sizes(pair, law, first)
        of_kinds = sizes.mean(axis=0)
        expected = of_kinds.sum(axis=1)
        mixed = (of_kinds[:, :, None] * chance).sum(axis=1) / expected[:, None]
        values = _Values.of(law, mixed, asked.arm, test)
        if values is None:
            return []
        mean, error, added = values.adds(expected)
        adds = added[:, None] - (chance * added[:, None]).sum(axis=2, keepdims=True)
        adds *= chance[:, :, -1:] < 1  # of a kind that was not drawn nothing is known
        chances = CellLaw(rows=rows, sample=law.sample, adds=adds, sizes=sizes)
        found.append(
            LookSum(
                mean=mean,
                estimate=mean * error,
                information=float(first or expected.sum())
                if test.information_unit == "patients"
                else error**-2,
                variances=chances.variances(),
                law=chances,
                sum=_in_trials(law, asked, in_arms(adds, asked.arm, n_arms), first),
                slopes=chances,
            )
        )
    return found


def _sizes(pair: Baseline, law: PairLaw, first: int | None) -> FloatArray:
    """Return how many patients of each kind there are, (n_draws, 2, n_kinds)."""
    if law.floors is not None:
        return sizes_at(pair, law.floors)
    assert first is not None  # else nobody asks
    return pair.sizes(first)[:, :, None]


def _in_trials(law: PairLaw, asked: Comparison, adds: FloatArray, first: int | None) -> Sum:
    """Return the sum in simulated trials of what kinds and cells add, by arm."""
    if law.floors is None:
        assert first is not None  # else nobody asks
        return CellSum(endpoint=asked.endpoint, first=first, cells=law.cells, adds=adds[:, 0])
    nobody = np.zeros_like(adds[:, :1])
    return CellSumToCut(
        endpoint=asked.endpoint,
        floors=law.floors,
        cells=law.cells,
        adds=np.concatenate([adds, nobody], axis=1),
    )


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
    pools_ranks: bool  # whether the statistic's variance is that of the ranks of both arms

    @classmethod
    def of(cls, law: PairLaw, chance: FloatArray, arm: int, test: TestMethod) -> _Values | None:
        """Return those of a comparison; None where hardly any pair is won, or lost.

        `chance` is that of each cell, of control and arm; (2, n_cells + 1).
        """
        won = np.stack([law.lost[arm], law.won[0]])  # controls lose what the arm wins
        lost = np.stack([law.won[arm], law.lost[0]])
        shares = np.stack([won, lost])
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
            pools_ranks=test.pools_ranks,
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
        if self.pools_ranks:
            mean, found = self._of_ranks(value, n)
        else:
            square = (self.chance * value**2).sum(axis=1, keepdims=True) / known[:, None]
            found = np.einsum("k,kac->ac", moved, share) / n
            found = (found - bend * (value**2 - 2 * square) * there / n**2) / root
            mean = self.estimate / root
        return mean, root, np.asarray(found)

    def _of_ranks(self, value: FloatArray, n: FloatArray) -> tuple[float, FloatArray]:
        r"""Return the mean of a statistic of ranks, and what cells add to it.

        With :math:`p_c` the share of both arms' :math:`N` patients in cell :math:`c` its variance
        is :math:`(N + 1)(1 - \sum p_c^3) / (12 n_0 n_1)`, which ties alone move.
        """
        ones, total = self.chance[:, :-1] / self.chance[:, :-1].sum(axis=1, keepdims=True), n.sum()
        share = np.append((n * ones).sum(axis=0) / total, 0.0)
        untied = 1 - float((share**3).sum())
        root = math.sqrt((total + 1) * untied / (12 * n.prod()))
        mean = self.estimate / root
        ties = np.append(share[:-1] ** 2 - 1 + untied, 0.0)
        return mean, value / n / root + 1.5 * mean * ties / (untied * total)

"""Patients who share the luck of a lot: which do, and the law of what a lot's patients add."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.planning.theory.sums import MANY_NODES, ComplexArray, n_nodes
from lupusim.trial import Arm, Trial
from lupusim.trial.enrollment.arm_periods import arms_change
from lupusim.trial.population.covariates import NormalCovariate

_MOST_NODES = 128  # of a lot's potency: more would be a lot of many patients and much luck
_RARE = 1e-13  # chance of a potency that is left out
_FEW_LOTS = 12  # of all patients: a sum over fewer is not nearly normal
_LUCK = "luck of a lot"


@dataclass(frozen=True, slots=True, kw_only=True)
class LotPatients:
    """What becomes of an arm's patients who come from lots of unequal potency."""

    weight: FloatArray  # of each node of the potency; (n_luck,)
    kinds: FloatArray  # patients of each class in each kind of lot; (n_kinds, n_classes)
    lots: FloatArray  # of each kind in each of some enrollments; (n_draws, n_kinds)

    def log_law(self, each: ComplexArray) -> ComplexArray:
        """Return the logarithm of the characteristic function of what all of them add.

        Parameters
        ----------
        each : (n_classes, n_luck, n_nodes) complex array
            The logarithm of that of one patient, given the potency.

        Returns
        -------
        (n_draws, n_nodes) complex array
        """
        of_lot = np.exp(np.tensordot(self.kinds, each, axes=1))
        whole = np.einsum("l,kln->kn", self.weight, of_lot)
        return np.asarray(self.lots @ np.log(whole))

    def variance(self, mean: FloatArray, variance: FloatArray) -> float:
        """Return the variance of what they add, by that of one patient given the potency.

        Parameters
        ----------
        mean, variance : (n_classes, n_luck) arrays
        """
        given = self.kinds @ mean
        inside = (self.kinds @ variance) @ self.weight
        between = given**2 @ self.weight - (given @ self.weight) ** 2
        return float(self.lots.mean(axis=0) @ (inside + between))


def are_lots_known(trial: Trial) -> bool:
    """Return whether all patients of a lot share its luck from the start, whenever they come.

    Parameters
    ----------
    trial : Trial
        One that has no stages.
    """
    missed = any(arm.infusions is not None and arm.infusions.missed for arm in trial.arms)
    kept = not (trial.population.drift or arms_change(trial.arms) or trial.interims)
    return kept and not missed and _n_nodes(trial) <= _MOST_NODES


def _n_nodes(trial: Trial) -> int:
    """Return how many nodes of the potency tell the mean of a step to 1e-6."""
    spreads = [
        (1 + min(arm.infusions.patients_per_lot, trial.n_patients) / 16) * lots.sd**2
        for arm in trial.arms
        if (lots := arm.unequal_lots) is not None and arm.infusions is not None
    ]
    return math.ceil(16 * (1 + max(spreads)))


def n_frequencies(trial: Trial) -> int:
    """Return at how many frequencies a sum over a trial's patients must be known."""
    per_lot = [a.infusions.patients_per_lot for a in trial.arms if a.unequal_lots and a.infusions]
    few = max(per_lot, default=0) * _FEW_LOTS > trial.n_patients
    return MANY_NODES if few else n_nodes(trial.n_patients)


def luck(trial: Trial) -> tuple[list[Trial], FloatArray]:
    """Return trials in which all lots have one potency, and the chance of each; one if all do.

    Parameters
    ----------
    trial : Trial
        Its lots may differ.

    Returns
    -------
    list of Trial, (n_luck,) array
    """
    if not any(arm.unequal_lots for arm in trial.arms):
        return [trial], np.ones(1)
    nodes, weight = np.polynomial.hermite_e.hermegauss(_n_nodes(trial))
    weight = weight / weight.sum()
    kept = weight > _RARE
    return [_with_luck(trial, node) for node in nodes[kept].tolist()], weight[kept]


def _with_luck(trial: Trial, potency: float) -> Trial:
    """Return a trial whose lots all have a potency, in standard deviations, and are alike."""
    population, at = trial.population, {_LUCK: NormalCovariate(mean=potency)}
    return replace(
        trial,
        arms=tuple(map(_of_equal_lots, trial.arms)),
        population=replace(population, covariates={**population.covariates, **at}),
    )


def _of_equal_lots(arm: Arm) -> Arm:
    """Return an arm whose patients bring the luck of their lot along."""
    if (lots := arm.unequal_lots) is None or arm.infusions is None:
        return arm
    acts = {**dict.fromkeys(lots.raises, lots.sd), **dict.fromkeys(lots.lowers, -lots.sd)}
    model = replace(arm.model, covariates={**arm.model.covariates, _LUCK: acts})
    return replace(arm, model=model, infusions=replace(arm.infusions, lots=None))


def lot_patients(
    arm: Arm, classes: IntArray, number: int, weight: FloatArray
) -> LotPatients | None:
    """Return which classes share lots on an arm; None where its lots do not differ.

    Parameters
    ----------
    arm : Arm
        Of the trial.
    classes : (n_draws, n_patients) integer array
        Of its patients in the order of their enrollment, -1 for those of other arms.
    number : int
        How many classes there are.
    weight : (n_luck,) array
        Of the nodes of the potency.
    """
    if arm.unequal_lots is None or arm.infusions is None:
        return None
    there = classes >= 0
    n_lots = -(-classes.shape[1] // arm.infusions.patients_per_lot)
    lot = (np.cumsum(there, axis=1) - 1) // arm.infusions.patients_per_lot
    row = np.arange(len(classes))[:, None] * n_lots + lot
    place = (row * number + classes)[there]
    counts = np.bincount(place, minlength=len(classes) * n_lots * number).reshape(-1, number)
    kinds, which = np.unique(counts, axis=0, return_inverse=True)
    row = np.arange(len(counts)) // n_lots * len(kinds) + which.ravel()
    lots = np.bincount(row, minlength=len(classes) * len(kinds)).reshape(len(classes), -1)
    return LotPatients(weight=weight, kinds=kinds.astype(float), lots=lots.astype(float))

"""Which published count moves a prediction most."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lupusim.calibration.estimation.likelihood import Likelihood
from lupusim.calibration.estimation.search import climb
from lupusim.calibration.prediction.family import Family
from lupusim.calibration.targets.questions import Question
from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.frozen import dataclass

_SHARE = 0.01  # of a count, by which it is moved


@dataclass(frozen=True, slots=True, kw_only=True)
class Elasticity:
    """What a prediction owes to one published count."""

    study: str
    target: str
    cell: str
    """`study`, `target` and `cell`: the count."""
    observed: float  # its value
    prediction: str  # what is predicted
    predicted: float  # its value at the fit
    elasticity: float
    """Per cent that the prediction rises when the count rises by one per cent, all else
    refitted."""
    per_patient: float  # by how much the prediction rises when the count rises by one


def elasticities(
    likelihood: Likelihood, best: FloatArray, predictions: Mapping[str, Question]
) -> tuple[Elasticity, ...]:
    """Return the elasticity of every prediction to every fitted count, largest first.

    A count is moved by 1 % either way, the other cells of its target give or take what is
    missing in proportion, and the model is refitted.

    Parameters
    ----------
    likelihood : Likelihood
        That was maximized.
    best : (n_parameters,) array
        Where.
    predictions : mapping of str to Question
        Such as ``{"complete remission at week 52": InStates(("complete_remission",), 0.997)}``.
    """
    family = Family(likelihood.free_model, tuple(predictions.values()))
    base = family.answers(best[None])[0]
    found = []
    for study, target, label, cell, cells in _counts(likelihood):
        change = _SHARE * float(likelihood.observed[cell])
        if change == 0:
            continue
        ends = [climb(_moved(likelihood, cell, cells, sign * change), best)[0] for sign in (1, -1)]
        up, down = family.answers(np.array(ends))
        slope = (up - down) / (2 * change)
        found += [
            Elasticity(
                study=study,
                target=target,
                cell=label,
                observed=float(likelihood.observed[cell]),
                prediction=name,
                predicted=float(base[k]),
                elasticity=float(slope[k] * likelihood.observed[cell] / base[k]),
                per_patient=float(slope[k]),
            )
            for k, name in enumerate(predictions)
        ]
    return tuple(sorted(found, key=lambda e: -abs(e.elasticity)))


def _counts(likelihood: Likelihood) -> list[tuple[str, str, str, int, IntArray]]:
    """Return every count: study, target, cell, its position, and its target's positions."""
    counts, begin = [], 0
    for study, target in likelihood.targets:
        labels = target.measure.labels
        # A curve is a row of binomials, two cells each; all other targets are one group.
        is_curve = sum(label.startswith("not") for label in labels) > 1
        for k, label in enumerate(labels):
            first, n = (k, 2) if is_curve else (0, len(labels))
            if not label.startswith("not"):
                group = np.arange(begin + first, begin + first + n)
                counts.append((study.name, target.name, label, begin + k, group))
        begin += len(labels)
    return counts


def _moved(likelihood: Likelihood, cell: int, cells: IntArray, change: float) -> Likelihood:
    """Return the likelihood with one count moved, its denominator kept."""
    observed = likelihood.observed.copy()
    others = cells[cells != cell]
    total = observed[others].sum()
    if not likelihood.is_poisson[cell] and total > 0:
        observed[others] *= 1 - change / total
    observed[cell] += change
    return likelihood.with_counts(observed)

"""Observed beside expected: every target of a fit, fitted and held out, with its misfit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from lupusim.calibration.estimation.joint_counts import deviance_residuals
from lupusim.calibration.estimation.likelihood import Likelihood
from lupusim.calibration.prediction.stays import answer_all
from lupusim.calibration.targets.counts import Measure, total_questions
from lupusim.calibration.targets.studies import Study, Target
from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.model import MultiStateModel

_TAIL = 0.025
_CONFLICT = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRow:
    """One published number beside what the fitted model expects."""

    study: str
    target: str
    cell: str
    """`study`, `target` and `cell`: which study, which target of it, which of its groups."""
    observed: float
    expected: float
    """`observed` and `expected`: counts."""
    denominator: float  # patients, or person-years
    lower: float
    upper: float
    """`lower` and `upper`: exact 95 % limits of what a study that observed this count would expect
    (Clopper and Pearson 1934; Garwood 1936 for events per person-time), as counts."""
    z: float  # signed root of the deviance of this cell, all cells that are the rest included
    soft: float  # weight of the target's log likelihood; 0 where it was held out
    how_known: str  # as its evidence file says


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """A target that the fitted model misses by more than chance allows."""

    study: str
    target: str
    """`study` and `target`: which."""
    deviance: float
    degrees_of_freedom: int
    p_value: float
    """`deviance`, `degrees_of_freedom` and `p_value`: of the whole target at full weight, whether
    it is soft or not."""
    words: str  # the numbers that disagree

    def __str__(self) -> str:
        return (
            f"{self.study}, {self.target}: {self.words} (deviance {self.deviance:.1f} on "
            f"{self.degrees_of_freedom}, p = {self.p_value:.2g})"
        )


def target_rows(likelihood: Likelihood, model: MultiStateModel) -> tuple[TargetRow, ...]:
    """Return a row for every published number, the held-out ones last."""
    weights = [1.0] * len(likelihood.targets) + [0.0] * len(likelihood.checks)
    pairs = (*likelihood.targets, *likelihood.checks)
    expected = expected_counts(model, [target.measure for _, target in pairs])
    return tuple(
        row
        for (study, target), counts, weighs in zip(pairs, expected, weights, strict=True)
        for row in _rows(study, target, counts, weighs=weighs)
    )


def conflicts(likelihood: Likelihood, model: MultiStateModel) -> tuple[Conflict, ...]:
    """Return the fitted targets that the model misses, with the size of the misfit."""
    found = []
    counts = expected_counts(model, [target.measure for _, target in likelihood.targets])
    for (study, target), expected in zip(likelihood.targets, counts, strict=True):
        measure = target.measure
        residuals = deviance_residuals(measure.observed, expected)
        deviance = float((residuals**2).sum())
        freedom = degrees_of_freedom(measure)
        p_value = chi_square_tail(deviance, freedom)
        if p_value < _CONFLICT:
            worst = [
                f"{label} observed {n:g}, expected {mu:.1f}"
                for label, n, mu in zip(measure.labels, measure.observed, expected, strict=True)
                if not label.startswith("not ") and label != "not"
            ]
            found.append(
                Conflict(
                    study=study.name,
                    target=target.name,
                    deviance=deviance,
                    degrees_of_freedom=freedom,
                    p_value=p_value,
                    words="; ".join(worst),
                )
            )
    return tuple(sorted(found, key=lambda conflict: conflict.p_value))


def degrees_of_freedom(measure: Measure) -> int:
    """Return how many of a measure's cells are free."""
    if measure.is_poisson:
        return measure.observed.size
    return sum(label.startswith("not") is False for label in measure.labels)


def chi_square_tail(deviance: float, freedom: int) -> float:
    """Return the probability of a larger deviance by chance."""
    from scipy.special import chdtrc

    return float(chdtrc(freedom, deviance))


def expected_counts(model: MultiStateModel, measures: Sequence[Measure]) -> list[FloatArray]:
    """Return what a model expects of some measures, (n_cells,) each.

    SPEED: the exact engine answers questions of one kind with one solution.
    """
    questions = total_questions(measures)
    answers = dict(zip(questions, answer_all(model, questions)[0].tolist(), strict=True))
    counts = [m.expected(np.array([[answers[q] for q in m.questions]]))[0] for m in measures]
    return [
        np.asarray(np.maximum(n, 1e-12 * m.denominators))
        for n, m in zip(counts, measures, strict=True)
    ]


def _rows(
    study: Study, target: Target, expected: FloatArray, *, weighs: float
) -> Iterator[TargetRow]:
    measure = target.measure
    for k, label in enumerate(measure.labels):
        if label.startswith("not"):
            continue
        observed, size = float(measure.observed[k]), float(measure.denominators[k])
        low, high = exact_limits(observed, size, is_poisson=measure.is_poisson)
        yield TargetRow(
            study=study.name,
            target=target.name,
            cell=label,
            observed=observed,
            expected=float(expected[k]),
            denominator=size,
            lower=low,
            upper=high,
            z=_distance(observed, float(expected[k]), size, is_poisson=measure.is_poisson),
            soft=target.soft * weighs,
            how_known=target.how_known,
        )


def _distance(observed: float, expected: float, size: float, *, is_poisson: bool) -> float:
    """Return how far observed lies above expected, in standard errors, by signed deviance."""
    n, mu = np.array([observed]), np.array([expected])
    if not is_poisson:
        n, mu = np.append(n, size - observed), np.append(mu, max(size - expected, 1e-12))
    deviance = float((deviance_residuals(n, mu) ** 2).sum())
    return float(np.copysign(np.sqrt(deviance), observed - expected))


def exact_limits(count: float, size: float, *, is_poisson: bool) -> tuple[float, float]:
    """Return exact 95 % limits of an expected count.

    Clopper and Pearson (1934), Biometrika 26:404-413; for Poisson counts Garwood (1936),
    Biometrika 28:437-442.

    Examples
    --------
    >>> low, high = exact_limits(22, 81, is_poisson=False)
    >>> round(low / 81, 3), round(high / 81, 3)
    (0.179, 0.382)
    """
    from scipy.special import betaincinv, gammaincinv

    if is_poisson:
        low = gammaincinv(count, _TAIL) if count > 0 else 0.0
        return float(low), float(gammaincinv(count + 1, 1 - _TAIL))
    low = betaincinv(count, size - count + 1, _TAIL) if count > 0 else 0.0
    high = betaincinv(count + 1, size - count, 1 - _TAIL) if count < size else 1.0
    return float(low * size), float(high * size)


def rows_as_columns(rows: Sequence[TargetRow]) -> dict[str, list[object]]:
    """Return rows as columns, for a table."""
    names = TargetRow.__dataclass_fields__
    return {name: [getattr(row, name) for row in rows] for name in names}

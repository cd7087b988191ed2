"""Which trials have control variates, and what these are."""

from __future__ import annotations

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.planning.controls.counts import sums_of_counts
from lupusim.planning.controls.kinds import is_counted, is_sum_of_shares, is_sum_of_values, is_timed
from lupusim.planning.controls.parts import Baseline, LookSum
from lupusim.planning.controls.shares import sums_of_shares
from lupusim.planning.controls.sums import SCALE, frequencies, n_nodes, step_means
from lupusim.planning.controls.times import sums_of_times
from lupusim.planning.controls.together import is_together, together
from lupusim.planning.controls.values import sums_of_values
from lupusim.planning.theory.assumptions import without_failing
from lupusim.simulation.controls import Control, Score, Together
from lupusim.simulation.looks.look_statistics import Comparison, comparisons
from lupusim.trial import Trial

_OFFSETS = (-0.3, 0.0, 0.3)  # steps besides the expected place, which theory knows nearly
_KEPT = 64  # trials remembered by a process
_known: dict[str, Control | None] = {}


def known_control(name: str, trial: Trial) -> Control | None:
    """Return the same as :func:`control_of`, remembered by the name of the trial."""
    if name not in _known:
        if len(_known) >= _KEPT:
            _known.clear()
        _known[name] = control_of(trial)
    return _known[name]


@without_failing(None)
def control_of(trial: Trial) -> Control | None:
    """Return what of a trial's replicates is known in law; None where nothing is.

    Parameters
    ----------
    trial : Trial
        One that has some, by :func:`~lupusim.planning.controls.kinds.is_controlled`.
    """
    baseline = Baseline.of(trial)
    scores: list[Score | Together] = []
    last: list[tuple[Comparison, LookSum]] = []
    for one in comparisons(trial):
        if sums := _sums(trial, one, baseline):
            scores += _scores(trial, one, sums)
            last.append((one, sums[-1]))
    if is_together(trial, last):
        product = together(trial, last, [_steps_of(trial, *one) for one in last])
        scores += [product] if product is not None else []
    return Control(scores=scores) if scores else None


def _sums(trial: Trial, asked: Comparison, baseline: Baseline) -> list[LookSum]:
    """Return the sums of a test, look by look; none where no law of them is known."""
    if is_timed(trial, asked):
        return sums_of_times(trial, asked, baseline)
    if is_sum_of_shares(trial, asked):
        return sums_of_shares(trial, asked, baseline)
    if is_sum_of_values(trial, asked):
        return sums_of_values(trial, asked, baseline)
    return sums_of_counts(trial, asked, baseline) if is_counted(trial, asked) else []


def _scores(trial: Trial, asked: Comparison, sums: list[LookSum]) -> list[Score]:
    """Return the sums of all looks, with the steps where their bounds are to be expected."""
    information = np.array([[one.information for one in sums]])
    shown = np.array([[one.estimate for one in sums]])
    bounds = _bounds(trial, asked, information, shown)
    found = []
    for number, (one, at) in enumerate(zip(sums, bounds, strict=True)):
        middle = _middle(trial, asked, one, at)
        if middle.size == 0:  # nothing is decided at this look
            continue
        last = number == len(sums) - 1
        thresholds = (middle[:, None] + np.array(_OFFSETS if last else (0.0,))).ravel()
        nodes = frequencies(one.spread, n_nodes(trial.n_patients))
        steps = step_means(one.law(nodes).sum(axis=1), nodes, thresholds, SCALE)
        found.append(Score(sum=one.sum, thresholds=thresholds, scale=SCALE, means=steps))
    return found


def _steps_of(trial: Trial, asked: Comparison, one: LookSum) -> FloatArray:
    """Return where the steps of the only look are."""
    middle = _middle(trial, asked, one, _levels(trial, asked))
    return np.asarray((middle[:, None] + np.array(_OFFSETS)).ravel())


def _middle(trial: Trial, asked: Comparison, one: LookSum, bounds: FloatArray) -> FloatArray:
    """Return where bounds are to be expected for a sum."""
    sign = asked.analysis.test.benefit_sign(trial.endpoints[asked.endpoint].better)
    return np.asarray(sign * _in_units(bounds, one) + one.margin - one.mean)


def _in_units(bounds: FloatArray, one: LookSum) -> FloatArray:
    """Return bounds on the z scale as those of Student's law, where that is the test's."""
    from scipy.special import ndtr, stdtrit

    return bounds if np.isinf(one.degrees) else np.asarray(stdtrit(one.degrees, ndtr(bounds)))


def _bounds(
    trial: Trial, asked: Comparison, information: FloatArray, estimate: FloatArray
) -> list[FloatArray]:
    """Return where each look decides, in favor of the experimental arm."""
    if trial.stopping is None or not trial.interims:
        return [_levels(trial, asked) for _ in range(information.shape[1])]
    both = trial.stopping.bounds_at(information / information[0, -1], estimate)
    found = [np.unique(pair[np.isfinite(pair)]) for pair in np.stack(both)[:, 0, :].T]
    return _on_sides(found, asked.analysis.sided)


def _levels(trial: Trial, asked: Comparison) -> FloatArray:
    """Return where a look decides: of several hypotheses with all of alpha, or its part."""
    from scipy.special import ndtri

    analysis = asked.analysis
    shares = {1, len(comparisons(trial))}
    levels = [-float(ndtri(analysis.alpha / analysis.sided / share)) for share in sorted(shares)]
    (found,) = _on_sides([np.array(levels)], analysis.sided)
    return found


def _on_sides(bounds: list[FloatArray], sided: int) -> list[FloatArray]:
    if sided == 1:
        return bounds
    return [np.unique(np.concatenate([-one, one])) for one in bounds]

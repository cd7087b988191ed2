"""The true effect of a trial, and how near to it the estimates come."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lupusim.common.arrays import FloatArray, one_row
from lupusim.simulation.fingerprint import trial_fingerprint
from lupusim.simulation.generation.generation import Block, generate
from lupusim.simulation.looks.concurrent_controls import adjusted_for, compared
from lupusim.simulation.looks.cutoffs import cut
from lupusim.simulation.tally import TRUTH_ERROR, Mean
from lupusim.trial import Analysis, Dropout, Trial, Verdict
from lupusim.trial.design import KnownEffect, SimulatedEffect
from lupusim.trial.enrollment.arm_periods import Controls
from lupusim.trial.observation import Consequence, VisitConduct

_SEED = 2**61 - 1  # of no run: truths share nothing with what is compared
_POOL = 4_000  # patients analyzed together: far more than a trial, few enough for all pairs
_KEPT = 64  # truths remembered by a process
_known: dict[str, Mean] = {}


def accuracy(trial: Trial, verdict: Verdict, *, arm: int = 1) -> dict[str, FloatArray]:
    """Return how near the truth each estimate is; nothing where no truth is asked for.

    The estimates are those of one arm, by its position, on the primary endpoint. `bias`
    (estimate minus truth), `squared_error`, `coverage` (whether the 95 % interval holds it),
    `standard_error` (the test's own), `true_effect` and `truth_error`, its own Monte Carlo
    error, which the bias shares. What compares with the truth is NaN where there is no estimate,
    or no truth: the large simulation for it may have none.
    """
    if trial.analysis is None or trial.analysis.truth is None:
        return {}
    known_to = _truth(trial, trial.analysis, trial.analysis.truth, arm=arm)
    truth = known_to.value
    estimated = np.isfinite(verdict.known_estimate)
    covers = (verdict.lower <= truth) & (truth <= verdict.upper)
    compared_with_it = {
        "bias": verdict.estimate - truth,
        "squared_error": (verdict.estimate - truth) ** 2,
        "coverage": covers.astype(float),
    }
    known = estimated & np.isfinite(truth)
    return {
        "true_effect": np.full(known.shape, truth),
        TRUTH_ERROR: np.full(known.shape, known_to.mcse),
        **{name: np.where(known, values, np.nan) for name, values in compared_with_it.items()},
        "standard_error": np.where(estimated, verdict.standard_error, np.nan),
    }


def true_effect(
    trial: Trial, analysis: Analysis, truth: KnownEffect | SimulatedEffect, *, arm: int = 1
) -> float:
    """Return the true effect on the scale of the test's estimate; NaN where it has none.

    A simulated truth is the mean estimate over pools of 4,000 patients, who come, and whose
    data are cut, as in the trial, but of whom nobody drops out, and nobody has an event that the
    endpoint treats as if it had not happened. It is the same in every process and for every seed
    of a run. Where arms join later, it is that of concurrent controls unless the test is adjusted
    for the periods.
    """
    return _truth(trial, analysis, truth, arm=arm).value


def _truth(
    trial: Trial, analysis: Analysis, truth: KnownEffect | SimulatedEffect, *, arm: int
) -> Mean:
    """Return the true effect and its Monte Carlo standard error, 0 where it is given."""
    if isinstance(truth, KnownEffect):
        return Mean(value=truth.value, mcse=0.0)
    if analysis.controls is Controls.ALL:  # what these estimate may itself be biased
        analysis = replace(analysis, controls=Controls.CONCURRENT)
    name = f"{trial_fingerprint(trial)} {arm}"
    if name not in _known:
        if len(_known) >= _KEPT:
            _known.clear()
        _known[name] = _simulated(fully_observed(trial), analysis, truth.n_patients, arm=arm)
    return _known[name]


def fully_observed(trial: Trial) -> Trial:
    """Return the same trial in which nothing that happens is missed, with one look.

    What its primary endpoint treats as if it had not happened does not happen: the estimand of the
    hypothetical strategy (ICH E9(R1), section 3.2) is of everybody, while a trial can estimate it
    from those alone whom the event spares. All other strategies are what the endpoint measures.
    """
    happen = tuple(
        event
        for event in trial.intercurrent_events
        if not event.strategy_of(trial.primary.name).brings(Consequence.EXCLUSION)
    )
    return replace(
        trial,
        dropout=Dropout(),
        visit_conduct=VisitConduct(),
        intercurrent_events=happen,
        interims=(),
        stopping=None,
    )


def _simulated(trial: Trial, analysis: Analysis, n_patients: int, *, arm: int) -> Mean:
    n_replicates = -(-_POOL // trial.n_patients)
    n_pools = max(1, n_patients // (n_replicates * trial.n_patients))
    verdicts = [
        _estimate(trial, analysis, Block(seed=_SEED, number=k, n_replicates=n_replicates), arm=arm)
        for k in range(n_pools)
    ]
    defined = [verdict for verdict in verdicts if not verdict.undefined[0]]
    if not defined:
        return Mean(value=np.nan, mcse=np.nan)
    estimates = np.array([verdict.estimate[0] for verdict in defined])
    if len(defined) == 1:  # no spread between pools to see
        return Mean(value=float(estimates[0]), mcse=float(defined[0].standard_error[0]))
    error = float(estimates.std(ddof=1)) / np.sqrt(len(defined))
    return Mean(value=float(estimates.mean()), mcse=float(error))


def _estimate(trial: Trial, analysis: Analysis, block: Block, *, arm: int) -> Verdict:
    """Return the verdict on the patients of all replicates of a block as if of one trial."""
    generated = generate(trial, block)
    observation = cut(generated, trial.cutoff)
    outcome = generated.measurements[0].outcome(observation)
    if len(trial.arms) > 2:
        outcome = outcome.against_control(arm, compared(analysis, observation, arm))
    adjusted = one_row(adjusted_for(trial, analysis, observation, arm=arm))
    estimator = analysis.test.estimator
    verdict: Verdict = estimator(outcome.pooled(), better=trial.primary.better, sided=1, **adjusted)
    return verdict

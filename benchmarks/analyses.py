"""Trials a second of each analysis: run by hand, `python benchmarks/analyses.py`.

Trials of 300 patients, 1:1, processor time of one core, best of several; the sort alone is
what no rank test can beat.
"""

from __future__ import annotations

from collections.abc import Callable
from time import process_time

import numpy as np

from lupusim import analysis
from lupusim.common.rng import stream

N_REPLICATES, N_PATIENTS, REPEATS = 1000, 300, 7


def seconds(function: Callable[[], object]) -> float:
    best = np.inf
    for _ in range(REPEATS):
        start = process_time()
        function()
        best = min(best, process_time() - start)
    return best


def cases() -> dict[str, Callable[[], object]]:
    rng, shape = stream(1, "benchmark"), (N_REPLICATES, N_PATIENTS)
    time, event = rng.exponential(1.0, shape), rng.random(shape) < 0.7
    arm = np.arange(N_PATIENTS) % 2
    stratum, tied = np.arange(N_PATIENTS) // 2 % 4, np.ceil(time * 10)
    included, score = rng.random(shape) < 0.8, rng.normal(size=shape)
    covariates = np.stack([np.broadcast_to(arm, shape), score], axis=2)
    three = np.concatenate([covariates, rng.normal(size=(*shape, 1))], axis=2)
    levels = [
        analysis.later_is_better(np.minimum(time, 1.0), time < 1),
        analysis.later_is_better(np.minimum(2 * time[:, ::-1], 1.0), event),
        analysis.larger_is_better(score),
    ]
    visits = 0.6 * score[:, :, None] + rng.normal(size=(*shape, 5))
    gone = np.cumsum(rng.random(visits.shape) < 0.04, axis=2) > 0
    visits[gone | (rng.random(visits.shape) < 0.05)] = np.nan
    events = np.cumsum(rng.exponential(size=(*shape, 4)), axis=2)
    count = (events <= time[:, :, None]).sum(axis=2)
    combo = analysis.max_combo(time * (1 + 0.2 * arm), event, arm)
    return {
        "sort alone": lambda: [np.sort(time[i : i + 50], axis=1) for i in range(0, len(time), 50)],
        "logrank": lambda: analysis.logrank(time, event, arm),
        "logrank, some left out": lambda: analysis.logrank(time, event, arm, included=included),
        "logrank, four strata": lambda: analysis.logrank(time, event, arm, stratum=stratum),
        "logrank, all tied": lambda: analysis.logrank(tied, event, arm),
        "cox": lambda: analysis.cox(time, event, arm),
        "cox, all tied": lambda: analysis.cox(tied, event, arm),
        "cox_regression, two covariates": lambda: analysis.cox_regression(time, event, covariates),
        "cox_regression, arm and two more": lambda: analysis.cox_regression(time, event, three),
        "gray": lambda: analysis.gray(time, event, score > 0, arm),
        "fine_gray_weighted": lambda: analysis.fine_gray_weighted(time, event, score > 0, arm),
        "max_combo, four weights": lambda: analysis.max_combo(time, event, arm),
        "max_combo, its p-values": lambda: combo.p_less,
        "kaplan_meier": lambda: analysis.kaplan_meier(time, event, [0.5, 1.0]),
        "survival_difference": lambda: analysis.survival_difference(time, event, arm, 1.0),
        "rmst_difference": lambda: analysis.rmst_difference(time, event, arm, 1.0),
        "risk_difference": lambda: analysis.risk_difference(event, arm),
        "risk_difference_score": lambda: analysis.risk_difference_score(event, arm),
        "fisher_exact": lambda: analysis.fisher_exact(event, arm),
        "cochran_mantel_haenszel": lambda: analysis.cochran_mantel_haenszel(event, arm, stratum),
        "wilcoxon": lambda: analysis.wilcoxon(score, arm),
        "welch_test": lambda: analysis.welch_test(score, arm),
        "ancova": lambda: analysis.ancova(time, arm, score[:, :, np.newaxis]),
        "mmrm, five visits": lambda: analysis.mmrm(visits, arm, score[:, :, np.newaxis]),
        "negative_binomial": lambda: analysis.negative_binomial(count, time, arm),
        "andersen_gill": lambda: analysis.andersen_gill(events, time, arm),
        "logistic_regression": lambda: analysis.logistic_regression(event, covariates),
        "win_statistics, three levels": lambda: analysis.win_statistics(levels, arm),
    }


def main() -> None:
    for name, function in cases().items():
        print(f"{name:32s} {N_REPLICATES / seconds(function):12,.0f} trials a second")


if __name__ == "__main__":
    main()

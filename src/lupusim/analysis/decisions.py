"""The tests a scenario can name: an outcome goes in, a verdict for every replicate comes out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lupusim.analysis.endpoints import Outcome, SurvivalOutcome
from lupusim.analysis.logrank import logrank
from lupusim.analysis.results import ZStatistic
from lupusim.arrays import FloatArray, IntArray
from lupusim.trial import Better, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class TestKind:
    """A test as a scenario names it.

    Parameters
    ----------
    test : callable
        Takes outcome, `better`, `sided` and `stratum`; returns a :class:`Verdict`.
    effect : str
        What it estimates, experimental against control.
    outcome : type
        The kind of outcome it takes.
    """

    test: Callable[..., Verdict]
    effect: str
    outcome: type[Outcome]


def _p_value(statistic: ZStatistic, better: Better, sided: int) -> FloatArray:
    """Return the p-value in the direction of benefit, or both."""
    if sided == 2:
        return statistic.p_two_sided
    return statistic.p_greater if better is Better.MORE else statistic.p_less


def _logrank(outcome: SurvivalOutcome, *, better: Better, sided: int, stratum: IntArray) -> Verdict:
    """Log-rank test, stratified where there are strata; estimates Peto's log hazard ratio."""
    result = logrank(
        outcome.time,
        outcome.event,
        outcome.arm,
        stratum=stratum if np.any(stratum) else None,
    )
    return Verdict(
        p_value=_p_value(result, better, sided),
        estimate=result.estimate,
        standard_error=result.standard_error,
        undefined=result.undefined,
    )


TESTS: dict[str, TestKind] = {
    "logrank": TestKind(test=_logrank, effect="log hazard ratio", outcome=SurvivalOutcome),
}

"""The tests a scenario can name: an outcome goes in, a verdict for every replicate comes out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lupusim.analysis.cochran_mantel_haenszel import cochran_mantel_haenszel
from lupusim.analysis.endpoints import BinaryOutcome, Outcome, SurvivalOutcome
from lupusim.analysis.fisher_exact import fisher_exact_of
from lupusim.analysis.logrank import logrank
from lupusim.analysis.results import ExactResult, TestResult
from lupusim.analysis.risk_difference import risk_difference_of
from lupusim.analysis.two_by_two import TwoByTwo
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


def _p_value(result: TestResult | ExactResult, better: Better, sided: int) -> FloatArray:
    """Return the p-value in the direction of benefit, or of both."""
    if sided == 2:
        return result.p_two_sided
    return result.p_greater if better is Better.MORE else result.p_less


def _verdict(result: TestResult, better: Better, sided: int) -> Verdict:
    return Verdict(
        p_value=_p_value(result, better, sided),
        estimate=result.estimate,
        standard_error=result.standard_error,
        undefined=result.undefined,
    )


def _table(outcome: BinaryOutcome) -> TwoByTwo:
    control_responders, control_n = outcome.counts(0)
    responders, n = outcome.counts(1)
    return TwoByTwo(
        responders=responders,
        n=n,
        control_responders=control_responders,
        control_n=control_n,
    )


def _pooled_z(outcome: BinaryOutcome, *, better: Better, sided: int, stratum: IntArray) -> Verdict:
    """Pooled z test of two proportions; strata play no role."""
    del stratum
    return _verdict(risk_difference_of(_table(outcome)), better, sided)


def _fisher_exact(
    outcome: BinaryOutcome, *, better: Better, sided: int, stratum: IntArray
) -> Verdict:
    """Fisher's exact test; strata play no role; estimates the risk difference."""
    del stratum
    table = _table(outcome)
    difference = risk_difference_of(table)
    exact = fisher_exact_of(table)
    return Verdict(
        p_value=_p_value(exact, better, sided),
        estimate=difference.estimate,
        standard_error=difference.standard_error,
        undefined=exact.undefined,
    )


def _cochran_mantel_haenszel(
    outcome: BinaryOutcome, *, better: Better, sided: int, stratum: IntArray
) -> Verdict:
    """Cochran-Mantel-Haenszel test over the strata; estimates the log common odds ratio."""
    result = cochran_mantel_haenszel(
        outcome.response, outcome.arm, stratum, included=outcome.included
    )
    return _verdict(result, better, sided)


def _logrank(outcome: SurvivalOutcome, *, better: Better, sided: int, stratum: IntArray) -> Verdict:
    """Log-rank test, stratified where there are strata; estimates Peto's log hazard ratio."""
    result = logrank(
        outcome.time,
        outcome.event,
        outcome.arm,
        stratum=stratum if np.any(stratum) else None,
    )
    return _verdict(result, better, sided)


TESTS: dict[str, TestKind] = {
    "pooled_z": TestKind(test=_pooled_z, effect="risk difference", outcome=BinaryOutcome),
    "fisher_exact": TestKind(test=_fisher_exact, effect="risk difference", outcome=BinaryOutcome),
    "cochran_mantel_haenszel": TestKind(
        test=_cochran_mantel_haenszel, effect="log common odds ratio", outcome=BinaryOutcome
    ),
    "logrank": TestKind(test=_logrank, effect="log hazard ratio", outcome=SurvivalOutcome),
}

"""Power without simulation, for designs that have it: exact or by a formula."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lupusim.analysis.power import exact_power
from lupusim.analysis.proportions.posterior_tests import PosteriorDifferenceTest
from lupusim.analysis.proportions.tests import (
    DifferenceTest,
    ExactTest,
    ProportionTest,
    RatioTest,
)
from lupusim.analysis.proportions.two_by_two import TwoByTwo, all_tables
from lupusim.analysis.single_arm.enumeration import LookChances
from lupusim.analysis.survival.tests import CoxTest, LogrankTest
from lupusim.arrays import FloatArray
from lupusim.errors import NoExactSolutionError
from lupusim.planning.theory.assumptions import is_plain, response_chance
from lupusim.planning.theory.formula_power import FormulaPower
from lupusim.planning.theory.group_sequential import sequential_theory, theory_columns
from lupusim.planning.theory.single_arm import exact_chances, rate_is_tested
from lupusim.planning.theory.survival import survival_powers
from lupusim.trial import AfterLastPatient, Analysis, PermutedBlocks, Responder, TimeToEvent, Trial

__all__ = ["FormulaPower", "exact_looks", "formula_columns", "formula_power", "formula_powers"]

_OF_TABLES = (ProportionTest, DifferenceTest, RatioTest, ExactTest, PosteriorDifferenceTest)
_MOST_TABLES = 40_000  # all tables of two arms of 199: a second, with the slowest test
_TIME_TOLERANCE = 1e-9


def formula_power(trial: Trial) -> FormulaPower | None:
    """Return the power of a trial without simulation; None where there is no formula."""
    return next(iter(formula_powers(trial)), None)


def formula_powers(trial: Trial) -> tuple[FormulaPower, ...]:
    """Return the power of a trial without simulation, by every formula that there is.

    *Exact* is the power of a test of two proportions in a trial with one look, in which the
    arms have fixed sizes, visits are perfect, nobody is struck by an intercurrent event, and
    dropout does not depend on the state: the responses' probabilities come from the exact
    engine, and all tables are enumerated. For the rate of one arm it is the sum over all
    numbers of responders at all looks. *Schoenfeld* and *Lachin and Foulkes* are those of a
    log-rank or Cox test where the only event has proportional hazards; both are asymptotic.
    *Sequential theory* is that of looks at planned numbers of events or patients.
    """
    analysis = trial.analysis
    if analysis is None or trial.family is not None or trial.adaptation is not None:
        return ()
    if (chances := exact_looks(trial)) is not None:
        return (FormulaPower(value=chances.power, method="exact, all numbers of responders"),)
    if (theory := sequential_theory(trial)) is not None:
        return (FormulaPower(value=theory.power, method="sequential theory", key="theory"),)
    if len(trial.arms) != 2 or trial.interims or not is_plain(trial, analysis):
        return ()
    return tuple(_of_two_arms(trial, analysis))


def _of_two_arms(trial: Trial, analysis: Analysis) -> Iterator[FormulaPower]:
    if isinstance(trial.primary, Responder) and isinstance(analysis.test, _OF_TABLES):
        found = _of_proportions(trial, analysis, trial.primary)
        yield from () if found is None else (found,)
    if isinstance(trial.primary, TimeToEvent) and isinstance(analysis.test, LogrankTest | CoxTest):
        yield from survival_powers(trial, analysis)


def formula_columns(trial: Trial) -> dict[str, object]:
    """Return what is known without simulation by the names of a table's columns."""
    found: dict[str, object] = {f"power_{f.key}": f.value for f in formula_powers(trial)}
    chances = exact_looks(trial)
    if chances is not None and trial.interims:
        found["stops_early_exact"] = chances.stops_early
        found["patients_analyzed_exact"] = chances.expected_patients
    return found | theory_columns(trial)


def exact_looks(trial: Trial) -> LookChances | None:
    """Return what becomes of a trial that tests one arm's rate; None where that is not known."""
    analysis, primary = trial.analysis, trial.primary
    if analysis is None or not rate_is_tested(analysis) or not isinstance(primary, Responder):
        return None
    if not is_plain(trial, analysis) or not trial.dropout.is_alike:
        return None
    try:
        rate = response_chance(trial, trial.arms[0].law, primary)
    except NoExactSolutionError:
        return None
    return exact_chances(trial, rate=rate)


def _of_proportions(trial: Trial, analysis: Analysis, primary: Responder) -> FormulaPower | None:
    cutoff = trial.cutoff
    everybody = (
        isinstance(cutoff, AfterLastPatient) and cutoff.follow_up >= primary.at - _TIME_TOLERANCE
    )
    sizes = _sizes(trial)
    if not everybody or sizes is None or not trial.dropout.is_alike:
        return None
    control_n, n = sizes
    if (n + 1) * (control_n + 1) > _MOST_TABLES:
        return None
    try:
        control, experimental = (response_chance(trial, arm.law, primary) for arm in trial.arms)
    except NoExactSolutionError:
        return None
    verdict = analysis.test(
        _AllTables(table=all_tables(n, control_n)),
        better=primary.better,
        sided=analysis.sided,
        stratum=np.zeros((1, 1), dtype=np.intp),
    )
    rejects = (verdict.p_value <= analysis.alpha).reshape(n + 1, control_n + 1)
    return FormulaPower(
        value=exact_power(rejects, experimental, control), method="exact, all tables"
    )


def _sizes(trial: Trial) -> tuple[int, int] | None:
    """Return the sizes of control and experimental arm; None where they are random."""
    blocks = trial.allocation
    if not isinstance(blocks, PermutedBlocks) or trial.stratify_by:
        return None
    if trial.n_patients % blocks.block_size:
        return None
    share = trial.n_patients // sum(trial.ratio)
    return trial.ratio[0] * share, trial.ratio[1] * share


@dataclass(frozen=True, slots=True, kw_only=True)
class _AllTables:
    """Stands for an outcome that has every table once."""

    table: TwoByTwo

    def counts(self, arm: int) -> tuple[FloatArray, FloatArray]:
        """Return responders and patients of an arm."""
        if arm:
            return self.table.responders, self.table.n
        return self.table.control_responders, self.table.control_n

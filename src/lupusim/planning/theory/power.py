"""Power without simulation, for designs that have it: exact or by a formula."""

from __future__ import annotations

from collections.abc import Iterator

from lupusim.analysis.single_arm.enumeration import LookChances
from lupusim.planning.theory.assumptions import is_plain, without_failing
from lupusim.planning.theory.counts.cells import cells_of
from lupusim.planning.theory.counts.chances import response_chances
from lupusim.planning.theory.counts.claims import is_of_counts
from lupusim.planning.theory.counts.design import independent
from lupusim.planning.theory.counts.power import CountPower, Known, count_power, exact_counts
from lupusim.planning.theory.formula_power import FormulaPower
from lupusim.planning.theory.group_sequential import sequential_theory, theory_columns
from lupusim.planning.theory.single_arm import exact_chances, rate_is_tested
from lupusim.planning.theory.survival import survival_powers
from lupusim.simulation.looks.null_hypothesis import error_quantity
from lupusim.simulation.tally import Mean
from lupusim.trial import Analysis, Trial

__all__ = [
    "EXACT",
    "FormulaPower",
    "exact_looks",
    "exact_power",
    "exact_rate_looks",
    "exact_type_one_error",
    "formula_columns",
    "formula_power",
    "formula_powers",
    "known_power",
    "known_type_one_error",
    "undrawn_powers",
    "why_no_exact_power",
]

EXACT = "exact, all tables"
_NONE: tuple[FormulaPower, ...] = ()


def formula_power(trial: Trial, n_replicates: int | None = None) -> FormulaPower | None:
    """Return the power of a trial without simulation; None where there is no formula."""
    return next(iter(formula_powers(trial, n_replicates)), None)


@without_failing(_NONE)
def formula_powers(trial: Trial, n_replicates: int | None = None) -> tuple[FormulaPower, ...]:
    """Return the power of a trial without simulation, by every formula that there is.

    *Exact* is the power of a test of two proportions, whose decision depends on counts of
    responders (:mod:`~lupusim.planning.theory.counts`): the chance of each patient comes from the
    exact engine, and all tables are enumerated. *Drawn* is the same where tables are too many:
    some are drawn from their law, and their share has an error. For the rate of one arm it is
    the sum over all numbers of responders at all looks. *Schoenfeld* and *Lachin and Foulkes* are
    those of a log-rank or Cox test where the only event has proportional hazards; both are
    asymptotic.
    *Sequential theory* is that of looks at planned numbers of events or patients.

    Parameters
    ----------
    trial : Trial
        Any.
    n_replicates : int or None
        Of the simulation that it is shown beside: no more tables are drawn than are worth it
        there; default as many as take less than a second.
    """
    return _powers(trial, count_power(trial, n_replicates).found)


@without_failing(_NONE)
def undrawn_powers(trial: Trial) -> tuple[FormulaPower, ...]:
    """Return the same but for what drawn tables say: at once."""
    return _powers(trial, exact_counts(trial).found)


def _powers(trial: Trial, counts: CountPower | None) -> tuple[FormulaPower, ...]:
    analysis = trial.analysis
    if analysis is None or trial.rule.changes:
        return ()
    if counts is not None:
        return (_of_counts(counts),)
    return () if trial.family is not None else _of_one_test(trial, analysis)


def _of_one_test(trial: Trial, analysis: Analysis) -> tuple[FormulaPower, ...]:
    if (chances := exact_rate_looks(trial)) is not None:
        return (FormulaPower(value=chances.power, method="exact, all numbers of responders"),)
    if (theory := sequential_theory(trial)) is not None:
        return (FormulaPower(value=theory.power, method="sequential theory", key="theory"),)
    if len(trial.arms) != 2 or trial.interims or not is_plain(trial, analysis):
        return ()
    return tuple(_of_two_arms(trial, analysis))


def _of_counts(counts: CountPower) -> FormulaPower:
    if counts.is_exact:
        return FormulaPower(value=counts.power, method=EXACT)
    drawn = f"from {counts.n_drawn:,} drawn tables".replace(",", " ")
    return FormulaPower(
        value=counts.power,
        method=drawn,
        key="drawn",
        mcse=counts.power_mcse,
        n_drawn=counts.n_drawn,
    )


def _of_two_arms(trial: Trial, analysis: Analysis) -> Iterator[FormulaPower]:
    timed = trial.primary.time_of_event is not None
    if timed and analysis.test.formula == "survival":
        yield from survival_powers(trial, analysis)


def exact_power(trial: Trial) -> float | None:
    """Return the exact power of a trial; None where it is not known."""
    found = formula_power(trial)
    return found.value if found is not None and found.is_exact else None


def known_power(trial: Trial, n_replicates: int | None = None) -> Mean | None:
    """Return the power of a trial that is exact, or from drawn tables; None where it is neither.

    `n_replicates` as for :func:`formula_powers`.
    """
    found = formula_power(trial, n_replicates)
    if found is None or not found.is_by_counts:
        return None
    return found.mean


def known_type_one_error(trial: Trial, n_replicates: int | None = None) -> Mean | None:
    """Return the probability of a false claim, exact or from drawn tables; None where neither.

    `n_replicates` as for :func:`formula_powers`.
    """
    found = _not_failing(trial, n_replicates).found
    if found is None or error_quantity(trial) is None:
        return None
    return Mean(value=found.power_if_alike, mcse=found.alike_mcse, n=found.n_drawn)


def formula_columns(trial: Trial, n_replicates: int | None = None) -> dict[str, object]:
    """Return what is known without simulation by the names of a table's columns.

    `n_replicates` as for :func:`formula_powers`.
    """
    formulas = formula_powers(trial, n_replicates)
    found: dict[str, object] = {f"power_{f.key}": f.value for f in formulas}
    for formula in formulas:
        if formula.is_drawn:
            found |= {"power_drawn_mcse": formula.mcse, "n_drawn_tables": formula.n_drawn}
    if (error := exact_type_one_error(trial)) is not None:
        found["type_one_error_exact"] = error
    elif (drawn := known_type_one_error(trial, n_replicates)) is not None:
        found |= {"type_one_error_drawn": drawn.value, "type_one_error_drawn_mcse": drawn.mcse}
    chances = exact_looks(trial)
    if chances is not None and trial.interims:
        found["stops_early_exact"] = chances.stops_early
        found["patients_analyzed_exact"] = chances.expected_patients
    return found | theory_columns(trial)


@without_failing(None)
def exact_looks(trial: Trial) -> LookChances | None:
    """Return what becomes of a trial that counts responders at its looks; None if not known."""
    if (found := exact_counts(trial).found) is not None:
        return found.looks
    return exact_rate_looks(trial)


@without_failing(None)
def exact_rate_looks(trial: Trial) -> LookChances | None:
    """Return what becomes of a trial that tests the rate of one arm; None for another."""
    analysis, endpoint = trial.analysis, trial.primary.response_at_visits
    if endpoint is None or not rate_is_tested(analysis) or not independent(trial):
        return None
    cells = cells_of(trial, ())
    chances = response_chances(trial, endpoint, cells)
    rate = float(chances[0] @ [cell.share for cell in cells])
    return exact_chances(trial, rate=rate)


def why_no_exact_power(trial: Trial, n_replicates: int | None = None) -> str:
    """Return why a trial that is counts has no power by them; empty where it has, or is none."""
    return _not_failing(trial, n_replicates).why_not if is_of_counts(trial) else ""


@without_failing(Known())
def _not_failing(trial: Trial, n_replicates: int | None = None) -> Known:
    return count_power(trial, n_replicates)


@without_failing(None)
def exact_type_one_error(trial: Trial) -> float | None:
    """Return the exact probability of a false claim where arms are identical; None if not known."""
    found = exact_counts(trial).found
    if found is None or error_quantity(trial) is None:
        return None
    return found.power_if_alike

"""What is known of a design without simulation: rows of its table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lupusim.planning.runs.run import PointResult
from lupusim.planning.theory.formula_power import FormulaPower
from lupusim.planning.theory.group_sequential import sequential_theory
from lupusim.planning.theory.power import (
    EXACT,
    exact_type_one_error,
    formula_powers,
    known_power,
    known_type_one_error,
    why_no_exact_power,
)
from lupusim.report.numbers import share
from lupusim.report.run.single_arm import exact_rows
from lupusim.simulation.tally import Mean, is_better_known

Row = tuple[str, str]
"""What is told, and its number."""

DRAWN = "from drawn tables"
_FEW_EVENTS = 20  # too few for formulas of many


def exactly_known(point: PointResult) -> Iterator[tuple[str, str]]:
    """Yield the power that is exact, or from drawn tables; the simulated one checks it."""
    which = "power" if point.trial.family is None else "power for any hypothesis"
    for formula in formula_powers(point.trial, point.n_replicates):
        if formula.is_by_counts:
            yield f"{which}, {formula.method}", formula_share(formula)


def best_first(known: Mean | None, rows: Iterable[Row], simulated: Mean, row: Row) -> Iterator[Row]:
    """Yield the rows of a share that is known by counts and of a simulated one, the best first."""
    if known is not None and is_better_known(simulated, known):
        yield from (row, *rows)
    else:
        yield from (*rows, row)


def best_in_words(
    simulated: tuple[str, Mean], counted: Mean | None, known: Sequence[tuple[str, str]]
) -> str:
    """Return a number as it is known best, and in brackets how else it is known.

    Parameters
    ----------
    simulated : (str, Mean)
        How many trials show it, and what.
    counted : Mean or None
        What counts of patients say; None where they don't.
    known : sequence of (str, str)
        How it is known without simulated trials, and what it is; what counts say comes first.
    """
    trials, found = simulated
    shown = share(found)
    if counted is None or is_better_known(found, counted):
        first, others = f"{shown} {trials}", known
    else:
        (how, number), *rest = known
        first, others = f"{number} {how}", [(trials, shown), *rest]
    said = "; ".join(f"{how}: {number}" for how, number in others)
    return f"{first} ({said})" if said else first


def counted_power(point: PointResult) -> Mean | None:
    """Return the power by counts of patients, exact or from drawn tables; None where neither."""
    return known_power(point.trial, point.n_replicates)


def counted_error(point: PointResult) -> Mean | None:
    """Return the type I error by counts of patients; None where these do not say it."""
    return known_type_one_error(point.trial, point.n_replicates)


def formula_share(formula: FormulaPower) -> str:
    """Return a power that is known without simulated trials, with its error where it has one."""
    return share(formula.mean) if formula.is_drawn else f"{formula.value:.4f}"


def known_error(point: PointResult) -> Iterator[tuple[str, str]]:
    """Yield how the type I error is known, exactly or from drawn tables, and what it is."""
    if (error := exact_type_one_error(point.trial)) is not None:
        yield EXACT, f"{error:.4f}"
    elif (drawn := counted_error(point)) is not None:
        yield DRAWN, share(drawn)


def error_in_words(point: PointResult, error: Mean) -> str:
    """Return a sentence on the type I error: of null trials and counts, or a single arm's level."""
    if point.null_tally is None:
        says = "a claim where the rate is just that of the null hypothesis"
        return f"The type I error, {says}, has probability {share(error)}."
    simulated = "from simulated trials", error
    how = best_in_words(simulated, counted_error(point), list(known_error(point)))
    return f"The type I error, a false claim where nothing is better, has probability {how}."


def without_simulation(point: PointResult) -> Iterator[tuple[str, str]]:
    """Yield what is known by closed forms that are not exact, where there are some."""
    doubt, formulas = _doubt(point), formula_powers(point.trial, point.n_replicates)
    for formula in formulas:
        if not formula.is_by_counts:
            yield f"power, {formula.method}", formula_share(formula) + doubt
    if point.trial.population.correlated and point.trial.analysis and not formulas:
        yield "power by a formula", "none where outcomes are correlated"
    if stops := why_no_exact_power(point.trial, point.n_replicates):
        yield f"power, {EXACT}", f"not worked out: {stops}"
    yield from exact_rows(point.trial)


def _doubt(point: PointResult) -> str:
    """Return why a formula of many events is not to be trusted; empty where it is."""
    tally, theory = point.tally, sequential_theory(point.trial)
    if "events" in tally.sums and tally.mean("events").value < _FEW_EVENTS:
        return "; few events"
    if theory is None or theory.unit != "events" or theory.seen[0] >= _FEW_EVENTS:
        return ""
    return "; few events at look 1"

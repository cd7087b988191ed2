"""Power without simulation, for designs that have it: exact or by a formula."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

from lupusim.analysis.power import binomial_row
from lupusim.analysis.proportions.two_by_two import TwoByTwo
from lupusim.analysis.single_arm.enumeration import LookChances
from lupusim.arrays import FloatArray, IntArray
from lupusim.errors import NoExactSolutionError
from lupusim.planning.theory.assumptions import is_plain, response_chance, without_failing
from lupusim.planning.theory.formula_power import FormulaPower
from lupusim.planning.theory.group_sequential import sequential_theory, theory_columns
from lupusim.planning.theory.single_arm import exact_chances, rate_is_tested
from lupusim.planning.theory.survival import survival_powers
from lupusim.trial import Analysis, Better, Trial, Verdict
from lupusim.trial.endpoints import ResponseAtVisit

__all__ = [
    "EXACT",
    "FormulaPower",
    "exact_looks",
    "formula_columns",
    "formula_power",
    "formula_powers",
    "why_no_exact_power",
]

EXACT = "exact, all tables"
_MOST_PER_ARM = 2_000
_MOST_TABLES = 40_000  # that are worked out together: a second for two arms of 199
_NEGLIGIBLE = 1e-10  # of the chance of an arm's responders, in both tails together
_TIME_TOLERANCE = 1e-9
_NONE: tuple[FormulaPower, ...] = ()


def formula_power(trial: Trial) -> FormulaPower | None:
    """Return the power of a trial without simulation; None where there is no formula."""
    return next(iter(formula_powers(trial)), None)


@without_failing(_NONE)
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
    if analysis is None or trial.family is not None or trial.rule.changes:
        return ()
    if (chances := exact_looks(trial)) is not None:
        return (FormulaPower(value=chances.power, method="exact, all numbers of responders"),)
    if (theory := sequential_theory(trial)) is not None:
        return (FormulaPower(value=theory.power, method="sequential theory", key="theory"),)
    if len(trial.arms) != 2 or trial.interims or not is_plain(trial, analysis):
        return ()
    return tuple(_of_two_arms(trial, analysis))


def _of_two_arms(trial: Trial, analysis: Analysis) -> Iterator[FormulaPower]:
    primary = trial.primary.response_at_visit
    if primary is not None and analysis.test.formula == "tables":
        found = _of_proportions(trial, analysis, primary)
        yield from () if found is None else (found,)
    timed = trial.primary.time_of_event is not None
    if timed and analysis.test.formula == "survival":
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
    analysis, primary = trial.analysis, trial.primary.response_at_visit
    if analysis is None or not rate_is_tested(analysis) or primary is None:
        return None
    if not is_plain(trial, analysis) or not trial.dropout.is_alike:
        return None
    try:
        rate = response_chance(trial, trial.arms[0].law, primary)
    except NoExactSolutionError:
        return None
    return exact_chances(trial, rate=rate)


def _of_proportions(
    trial: Trial, analysis: Analysis, primary: ResponseAtVisit
) -> FormulaPower | None:
    cutoff = trial.cutoff
    followed = cutoff.after_last_patient
    everybody = followed is not None and followed >= primary.at - _TIME_TOLERANCE
    if not everybody or not trial.dropout.is_alike:
        return None
    shares = _sizes(trial)
    if not shares or _too_large(analysis, max(shares)):
        return None
    try:
        chances = [response_chance(trial, arm.law, primary) for arm in trial.arms]
    except NoExactSolutionError:
        return None
    judged = partial(
        _power_of_tables, analysis.test, primary.better, analysis.sided, analysis.alpha
    )
    value = sum(share * judged(sizes, tuple(chances)) for sizes, share in shares.items())
    return FormulaPower(value=value, method=EXACT)


@lru_cache(maxsize=512)
def _power_of_tables(
    test: Callable[..., Verdict],
    better: Better,
    sided: int,
    alpha: float,
    sizes: tuple[int, int],
    chances: tuple[float, float],
) -> float:
    """Return the power of a test of two proportions; sizes and chances of control come first."""
    rows = [binomial_row(size, chance) for size, chance in zip(sizes, chances, strict=True)]
    control, new = (_likely(row) for row in rows)
    responders, control_responders = (
        grid.ravel().astype(float) for grid in np.meshgrid(new, control, indexing="ij")
    )
    table = TwoByTwo(
        responders=responders,
        n=np.full(responders.size, float(sizes[1])),
        control_responders=control_responders,
        control_n=np.full(responders.size, float(sizes[0])),
    )
    stratum = np.zeros((1, 1), dtype=np.intp)
    verdict = test(_Tables(table=table), better=better, sided=sided, stratum=stratum)
    rejects = (verdict.p_value <= alpha).reshape(new.size, control.size)
    return float(rows[1][new] @ rejects.astype(float) @ rows[0][control])


def _likely(row: FloatArray) -> IntArray:
    """Return the numbers of responders that an arm may have; those left out are negligible."""
    order = np.argsort(row)
    return np.sort(order[np.cumsum(row[order]) > _NEGLIGIBLE])


def _too_large(analysis: Analysis, sizes: tuple[int, int]) -> str:
    """Return up to where exact tables go, if arms are too large for them; empty if not."""
    if analysis.test.needs_all_tables:
        too_many = (sizes[0] + 1) * (sizes[1] + 1) > _MOST_TABLES
        return f"up to {_MOST_TABLES} tables for {analysis.name}" if too_many else ""
    return f"up to {_MOST_PER_ARM} patients on an arm" if max(sizes) > _MOST_PER_ARM else ""


def why_no_exact_power(trial: Trial) -> str:
    """Return where exact tables stop, if a trial of two proportions lies beyond; empty if not."""
    analysis = trial.analysis
    plain = analysis is not None and trial.family is None and not trial.rule.changes
    if analysis is None or not plain or len(trial.arms) != 2 or trial.interims:
        return ""
    responds = trial.primary.response_at_visit is not None
    of_tables = responds and analysis.test.formula == "tables"
    shares = _sizes(trial) if of_tables and is_plain(trial, analysis) else {}
    return _too_large(analysis, max(shares)) if shares else ""


def _sizes(trial: Trial) -> dict[tuple[int, int], float]:
    """Return the probability of each pair of sizes, control first; empty where not known.

    A last block that is not filled deals its places as if drawn without replacement.
    """
    in_block = trial.allocation.block_size if trial.allocation else None
    if in_block is None or trial.stratify_by:
        return {}
    whole, rest = divmod(trial.n_patients, in_block)
    each = in_block // sum(trial.ratio)
    first, second = (whole * part * each for part in trial.ratio)
    places = [part * each for part in trial.ratio]
    ways = math.comb(in_block, rest)
    return {
        (first + rest - k, second + k): math.comb(places[1], k)
        * math.comb(places[0], rest - k)
        / ways
        for k in range(max(0, rest - places[0]), min(rest, places[1]) + 1)
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tables:
    """Stands for an outcome that has each of some tables once."""

    table: TwoByTwo

    def counts(self, arm: int) -> tuple[FloatArray, FloatArray]:
        """Return responders and patients of an arm."""
        if arm:
            return self.table.responders, self.table.n
        return self.table.control_responders, self.table.control_n

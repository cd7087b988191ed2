"""What one trial would report: at every look of every hypothesis, and once it has stopped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from lupusim.analysis.group_sequential import Bounds, after_stopping, repeated_p_value
from lupusim.analysis.group_sequential.stopping import GroupSequential
from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.simulation.adaptation.gate import bounds_of_looks
from lupusim.simulation.generation.generation import Generated
from lupusim.simulation.looks.group_sequential import planned_information
from lupusim.simulation.looks.look_statistics import Comparison, LookStatistics, comparisons, gather
from lupusim.simulation.looks.multiplicity import HypothesisBounds, bounds_of_hypotheses
from lupusim.trial import Better, TestMethod, Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class LookReported:
    """What a look shows of a hypothesis; NaN where it shows nothing.

    References
    ----------
    Jennison and Turnbull (2000), *Group Sequential Methods*, chapters 8 and 9.
    """

    look: int  # counted from 1
    hypothesis: str  # the arm, with the endpoint in front beyond the primary
    information: float  # fraction of what was planned for the last look
    z: float
    p_value: float
    """`z` and `p_value`: statistic, large in favor of the experimental arm, and p-value of as many
    sides as the test."""
    efficacy_bound: float
    futility_bound: float
    """`efficacy_bound` and `futility_bound`: bounds on z; infinite for none. Of one of several
    hypotheses at its share of alpha once the others are tested; NaN where it is judged together
    with the others (Dunnett, Hommel)."""
    estimate: float
    standard_error: float
    """`estimate` and `standard_error`: on the test's own scale."""
    repeated_lower: float = np.nan
    repeated_upper: float = np.nan
    """`repeated_lower` and `repeated_upper`: interval that may be quoted at any look, stopped or
    not; infinite where the look has no bound. It and what follows are known for group-sequential
    bounds on one hypothesis."""
    repeated_p_value: float = np.nan
    """Smallest alpha at which the look would have rejected, of as many sides as the test."""
    stagewise_p_value: float = np.nan
    """One-sided, of the look at which the trial stops, by the stage-wise ordering."""
    median_unbiased: float = np.nan
    stagewise_lower: float = np.nan
    stagewise_upper: float = np.nan
    """`median_unbiased`, `stagewise_lower` and `stagewise_upper`: estimate and interval by the same
    ordering, on the test's own scale."""


def looks_reported(trial: Trial, generated: Generated, last: int) -> tuple[LookReported, ...]:
    """Return what the looks of one trial show, up to the one at which it stops.

    Bounds are those at the information that the looks really had. A look that is skipped, or
    before there is any information, shows nothing.

    Parameters
    ----------
    trial : Trial
        Nothing is returned without an analysis, nor of stages or a size that are chosen.
    generated : Generated
        The patients of one replicate.
    last : int
        Look at which the trial stops, counted from 1.
    """
    if trial.analysis is None or not trial.rule.keeps_bounds:
        return ()
    asked, seen = comparisons(trial), gather(trial, generated)
    if trial.family is not None:
        each = zip(asked, seen, bounds_of_hypotheses(trial, asked, seen), strict=True)
        rows = [row for one in each for row in _rows(*one, last)]
        return tuple(sorted(rows, key=lambda row: row.look))
    fraction = seen[0].held_until / planned_information(trial, seen[0].information)[:, None]
    efficacy, futility = bounds_of_looks(trial, seen[0], fraction)
    found = list(_rows(asked[0], seen[0], HypothesisBounds(fraction, efficacy, futility), last))
    rule = trial.stopping.group_sequential if trial.stopping else None
    if rule is not None and not trial.rule.changes:
        effect = trial.analysis.test, trial.primary.better
        found = _repeated(rule, fraction[0], found, last=last, effect=effect)
    return tuple(found)


def _rows(
    one: Comparison, seen: LookStatistics, bounds: HypothesisBounds, last: int
) -> Iterator[LookReported]:
    for look in range(last):
        if seen.skipped[0, look] or not seen.information[0, look] > 0:
            continue
        yield LookReported(
            look=look + 1,
            hypothesis=f"{one.prefix}{one.arm_name}",
            information=float(bounds.fraction[0, look]),
            z=float(seen.z[0, look]),
            p_value=float(seen.decisive[0, look]),
            efficacy_bound=float(bounds.efficacy[0, look]),
            futility_bound=float(bounds.futility[0, look]),
            estimate=float(seen.estimate[0, look]),
            standard_error=float(seen.standard_error[0, look]),
        )


def _repeated(
    rule: GroupSequential,
    fraction: FloatArray,
    rows: list[LookReported],
    *,
    last: int,
    effect: tuple[TestMethod, Better],
) -> list[LookReported]:
    """Return the rows with what may be quoted at any look, and once the trial has stopped."""
    known = rule.held(fraction)
    held = np.flatnonzero(~np.isnan(known)).tolist()
    if not held:
        return rows
    plan = rule.plan(known)
    found = [_with_interval(plan, row, new=row.look - 1 in held) for row in rows]
    if found and found[-1].look == last and last - 1 in held and np.isfinite(found[-1].z):
        alone = rule.plan(known[held]) if len(held) == known.size else _only(plan, held)
        found[-1] = _stopped(alone, found[-1], place=held.index(last - 1), effect=effect)
    return found


def _only(plan: Bounds, held: list[int]) -> Bounds:
    """Return a design with the looks that are held alone."""
    names = ("information", "efficacy", "futility", "alpha_spent", "beta_spent")
    return replace(plan, **{name: getattr(plan, name)[held] for name in names})


def _with_interval(plan: Bounds, row: LookReported, *, new: bool) -> LookReported:
    ends = (row.estimate + side * row.efficacy_bound * row.standard_error for side in (-1, 1))
    lower, upper = ends
    defined = new and np.isfinite(row.z)
    p_value = float(repeated_p_value(plan, row.z, look=row.look)) if defined else np.nan
    return replace(row, repeated_lower=lower, repeated_upper=upper, repeated_p_value=p_value)


def _stopped(
    plan: Bounds, found: LookReported, *, place: int, effect: tuple[TestMethod, Better]
) -> LookReported:
    test, better = effect
    estimate, error, score = map(np.asarray, (found.estimate, found.standard_error, found.z))
    z = float(test.distance(estimate, error, score, better))
    after = after_stopping(plan, place + 1, z)
    root, sign = float(np.sqrt(plan.information[place])), test.benefit_sign(better)
    ends = [float(one) * root - z for one in (after.estimate, after.lower, after.upper)]
    middle, *limits = (found.estimate + sign * one * found.standard_error for one in ends)
    return replace(
        found,
        stagewise_p_value=float(after_stopping(plan, place + 1, found.z).p_value),
        median_unbiased=middle,
        stagewise_lower=min(limits),
        stagewise_upper=max(limits),
    )

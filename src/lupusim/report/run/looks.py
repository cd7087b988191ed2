"""Rows of the table for what a trial does while it runs: looks, arms, hypotheses."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from lupusim.analysis.group_sequential import Bounds
from lupusim.planning.runs.results import PointResult, ratio_of
from lupusim.planning.theory.group_sequential import planned_bounds, sequential_theory
from lupusim.report.numbers import root, rounded, share, where_defined
from lupusim.simulation.looks.look_statistics import Comparison, comparisons
from lupusim.simulation.tally import Mean, Tally
from lupusim.trial import Cutoff, Trial
from lupusim.trial.durations import MONTHS_PER_YEAR
from lupusim.trial.looks import counts_in


def months(years: Mean) -> str:
    """Return a number of years in months."""
    return rounded(Mean(value=years.value * MONTHS_PER_YEAR, mcse=years.mcse * MONTHS_PER_YEAR))


def family_rows(point: PointResult) -> Iterator[tuple[str, str]]:
    """Yield what becomes of each hypothesis; nothing where there is one."""
    tally, null = point.tally, point.null_tally
    if point.trial.family is None or null is None:
        return
    yield "power for all hypotheses", share(tally.mean("reject_all"))
    asked = comparisons(point.trial)
    for one in asked:
        yield f"power, {_in_words(one)}", share(tally.mean(one.quantity("reject")))
        mean, effect = tally.mean(one.quantity("estimate")), one.analysis.effect
        part = where_defined(mean, point.n_replicates)
        yield f"{effect}, {_in_words(one)}, mean estimate", rounded(mean) + part
        if (ratio := ratio_of(mean, effect)) is not None:
            name = effect.removeprefix("log ")
            yield f"{name}, {_in_words(one)}, geometric mean", rounded(ratio) + part
        yield from _near_the_truth(tally, one)
    methods = {one.analysis.effect: one.analysis.test.estimated_by for one in asked}
    yield "estimated by", "; ".join(dict.fromkeys(by for by in methods.values() if by)) or "nothing"
    for one in asked:
        if (name := one.quantity("picked")) in tally.sums:
            yield f"picked as best: {one.arm_name}", share(tally.mean(name))
    if "false_rejection" in tally.sums:
        words = "claims for an arm that fares as the control"
        yield words, share(tally.mean("false_rejection"))


def _near_the_truth(tally: Tally, one: Comparison) -> Iterator[tuple[str, str]]:
    """Yield how good the estimates of one arm are, where that is asked."""
    if (bias := one.quantity("bias")) not in tally.sums:
        return
    said = _in_words(one)
    yield f"true effect, {said}", rounded(tally.mean(one.quantity("true_effect")))
    yield f"bias of the estimate, {said}", rounded(tally.mean(bias))
    yield f"coverage of the 95 % interval, {said}", share(tally.mean(one.quantity("coverage")))
    yield f"root mean squared error, {said}", root(tally.mean(one.quantity("squared_error")))


def _in_words(one: Comparison) -> str:
    return f"{one.prefix}{one.arm_name}"


def look_rows(point: PointResult) -> Iterator[tuple[str, str]]:
    """Yield what the looks of a sequential design did; nothing for a fixed one."""
    tally, n_looks = point.tally, len(point.trial.looks)
    if n_looks == 1:
        yield from _waited(point, 1)
        return
    yield "patients enrolled when it stops", rounded(tally.mean("n_enrolled"))
    plan, theory = planned_bounds(point.trial), sequential_theory(point.trial)
    if theory is not None:
        for name, value in theory.expected().items():
            yield f"{name.replace('_', ' ')} when it stops, by theory", f"{value:.4g}"
        for name, value in theory.expected_if_alike().items():
            what = name.replace("_", " ")
            yield f"{what} when it stops if nothing is better, by theory", f"{value:.4g}"
    for number in range(1, n_looks + 1):
        yield from _of_look(point, number, plan)
        if theory is not None:
            ends = [
                f"{share[number - 1]:.4f}"
                for share, may in (
                    (theory.efficacy, _may_succeed(point, number)),
                    (theory.futility, _may_fail(point, number, plan)),
                )
                if may
            ]
            both = "the same two" if len(ends) > 1 else "the same"
            yield from ((f"look {number}, {both} by theory", ", ".join(ends)) for _ in ends[:1])
        yield from _estimates(point, number)
    yield from _after_stopping(point)
    if "flip_flop" in tally.sums:
        words = "flip-flops (early success, failure at the end)"
        yield words, share(tally.mean("flip_flop"))


def _of_look(point: PointResult, number: int, plan: Bounds | None) -> Iterator[tuple[str, str]]:
    tally, name = point.tally, f"look_{number}"
    at_last = number == len(point.trial.looks)
    yield f"look {number}, month", months(tally.mean(f"{name}_time"))
    yield from _never_reached(point, number)
    yield from _waited(point, number)
    yield f"look {number}, information fraction", rounded(tally.mean(f"{name}_information"))
    if plan is not None:
        yield f"look {number}, bounds on z as planned", _bounds_in_words(plan, number)
    if _may_succeed(point, number):
        success = "succeeds" if at_last else "stops for efficacy"
        yield f"look {number}, {success}", share(tally.mean(f"{name}_efficacy"))
    if _may_fail(point, number, plan):
        failure = "fails" if at_last else "stops for futility"
        yield f"look {number}, {failure}", share(tally.mean(f"{name}_futility"))


def _may_succeed(point: PointResult, number: int) -> bool:
    """Return whether something is stated at which the trial would succeed at a look, or it has."""
    trial, n_looks = point.trial, len(point.trial.looks)
    if number == n_looks or point.tally.mean(f"look_{number}_efficacy").value > 0:
        return True
    if trial.stopping is None:
        return False
    efficacy, _ = trial.stopping.bounds(np.arange(1, n_looks + 1)[None, :] / n_looks)
    return bool(np.isfinite(efficacy[0, number - 1]))


def _may_fail(point: PointResult, number: int, plan: Bounds | None) -> bool:
    """Return whether something is stated at which the trial would stop for futility, or it has."""
    if number == len(point.trial.looks) or point.tally.mean(f"look_{number}_futility").value > 0:
        return True
    if plan is not None:
        return bool(plan.futility[number - 1] != -math.inf)
    return point.trial.stopping is not None and point.trial.stopping.gives_up


def _estimates(point: PointResult, number: int) -> Iterator[tuple[str, str]]:
    """Yield mean and median of a look's estimates: of all that reach it, of those that stop.

    Of several hypotheses each is followed until it is decided, which selects: what is told of a
    later look is of the trials in which it is open still.
    """
    for one in comparisons(point.trial) if point.trial.analysis else ():
        effect, alone = one.analysis.effect, point.trial.family is None
        whose = "" if alone else f", {_in_words(one)}"
        marked = "" if alone else f"_{one.arm_name}"
        reached, ended = (
            ("trials that reach it", "those that stop there")
            if alone
            else ("trials that have not decided it before", "those that decide it there")
        )
        groups = {"": reached, "_stops": ended}
        if number == len(point.trial.looks):
            del groups["_stops"]  # all that reach it do
        for ending, said in groups.items():
            name = f"{one.prefix}look_{number}_estimate{ending}{marked}"
            if name not in point.tally.sums or point.tally.sums[name][0] == 0:
                continue
            shown = point.tally.mean(name), point.tally.quantile(name, 0.5)
            ratios = [ratio_of(mean, effect) for mean in shown]
            found = [ratio or mean for ratio, mean in zip(ratios, shown, strict=True)]
            words = effect.removeprefix("log ") if ratios[0] else effect
            middle = "geometric mean, median" if ratios[0] else "mean, median"
            label = f"look {number}{whose}, {words} of {said}: {middle}"
            yield label, ", ".join(map(rounded, found))


def _bounds_in_words(plan: Bounds, number: int) -> str:
    bounds = {"efficacy": plan.efficacy[number - 1], "futility": plan.futility[number - 1]}
    return ", ".join(f"{name} {z:.4f}" for name, z in bounds.items() if math.isfinite(z)) or "none"


def _after_stopping(point: PointResult) -> Iterator[tuple[str, str]]:
    """Yield how good the estimates are once the trial has stopped, where that is asked."""
    tally = point.tally
    if "unbiased_bias" in tally.sums:
        yield "bias of the median-unbiased estimate", rounded(tally.mean("unbiased_bias"))
        coverage = tally.mean("unbiased_coverage")
        yield "coverage of the stage-wise 95 % interval", share(coverage)
        error = tally.mean("unbiased_squared_error")
        yield "root mean squared error, median-unbiased", root(error)


def _never_reached(point: PointResult, number: int) -> Iterator[tuple[str, str]]:
    """Yield how often a look is never reached, and why."""
    never = point.never_reached(number)
    if never.value == 0:
        return
    yield f"look {number}, never reached{_short_of(point, number)}", share(never)


def _short_of(point: PointResult, number: int) -> str:
    """Return what stays short: the events there are in the end, or another clock."""
    look = point.trial.looks[number - 1]
    if not any(counts_in(look)):
        return f" before the last look (waits for {look.words(point.trial)})"
    shown = _shown_events(point.trial, look)
    there = sum(point.tally.mean(name).value for name in shown if name in point.tally.sums)
    return f" ({there:.0f} events in the end, on average)" if there else ""


def _shown_events(trial: Trial, look: Cutoff) -> list[str]:
    """Return the quantities that count the events a look waits for."""
    for count in counts_in(look):
        if not count.of_primary:
            name = trial.endpoints[count.endpoint].name
            prefix = f"{name}: " if count.endpoint else ""
            arms = trial.arms if count.arm is None else [trial.arms[count.arm]]
            return [f"{prefix}events_{arm.name}" for arm in arms]
    return [f"events_{arm.name}" for arm in trial.arms]


def _waited(point: PointResult, number: int) -> Iterator[tuple[str, str]]:
    """Yield how often a look with a latest date did not wait for its clock."""
    words = {"extended": "put off beyond the latest date", "short": "held before its clock came"}
    for name, said in words.items():
        if (quantity := f"look_{number}_{name}") in point.tally.sums:
            yield f"look {number}, {said}", share(point.tally.mean(quantity))


def adaptation_rows(point: PointResult) -> Iterator[tuple[str, str]]:
    """Yield what a trial changed while it ran; nothing where it may change nothing."""
    for row in point.trial.rule.rows(point.trial):
        tally = point.null_tally if row.no_effect else point.tally
        if tally is None or row.quantity not in tally.sums:
            continue
        mean = tally.mean(row.quantity)
        if not (row.if_any and mean.value == 0):
            yield row.words, share(mean) if row.is_share else rounded(mean)

"""The table of operating characteristics, and the sentence that says what it means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from lupusim.planning.run import PointResult, RunResult
from lupusim.planning.tally import Mean
from lupusim.report.numbers import grouped, in_hundred, rounded
from lupusim.trial import Arm, Trial

_MONTHS = 12
_WORTH_RUNNING = 0.8
_LABEL_WIDTH = 48


def operating_table(result: RunResult) -> Table:
    """Return a row per quantity and a column per design point, each estimate with its MCSE."""
    title = (
        f"{result.scenario.title}\n{grouped(result.n_replicates)} replicates, seed {result.seed}"
    )
    caption = "estimate (Monte Carlo standard error); sd: spread from trial to trial"
    table = Table(title=title, caption=caption)
    table.add_column("", min_width=_LABEL_WIDTH)
    for point in result.points:
        label = "\n".join(f"{name} = {value}" for name, value in point.values.items())
        table.add_column(label or "design", justify="right")
    rows = [dict(_rows(point)) for point in result.points]
    for name in dict.fromkeys(name for row in rows for name in row):
        table.add_row(name, *(row.get(name, "") for row in rows))
    return table


def _rows(point: PointResult) -> Iterator[tuple[str, str]]:
    trial, tally = point.trial, point.tally
    yield _sizes(trial)
    if point.power is not None and point.type_one_error is not None and trial.analysis:
        level = f"{trial.analysis.alpha:g}, {trial.analysis.sided}-sided"
        yield f"power ({trial.analysis.name}, alpha {level})", rounded(point.power)
        yield "type I error (both arms alike)", rounded(point.type_one_error)
        yield f"{trial.analysis.effect}, mean estimate", rounded(tally.mean("estimate"))
    for name in tally.sums:
        if name.split(": ")[-1].startswith(("response_", "events_", "event_rate_")):
            spread = f", sd {tally.standard_deviation(name):.2g}" if trial.analysis is None else ""
            yield _described(name), rounded(tally.mean(name)) + spread
    yield "duration from the first site's opening, months", _months(tally.mean("duration"))
    yield from _look_rows(point)
    screened = trial.n_patients * trial.enrollment.screened_per_patient
    if screened > trial.n_patients:
        yield "patients screened, expected", f"{screened:.0f}"
    yield from _warnings(point)


def _months(years: Mean) -> str:
    return rounded(Mean(value=years.value * _MONTHS, mcse=years.mcse * _MONTHS))


def _look_rows(point: PointResult) -> Iterator[tuple[str, str]]:
    """Yield what the looks of a sequential design did; nothing for a fixed one."""
    tally, n_looks = point.tally, len(point.trial.looks)
    if n_looks == 1:
        return
    yield "patients enrolled when it stops", rounded(tally.mean("n_enrolled"))
    for number in range(1, n_looks + 1):
        name = f"look_{number}"
        at_last = number == n_looks
        yield f"look {number}, month", _months(tally.mean(f"{name}_time"))
        yield f"look {number}, information fraction", rounded(tally.mean(f"{name}_information"))
        success = "succeeds" if at_last else "stops for efficacy"
        yield f"look {number}, {success}", rounded(tally.mean(f"{name}_efficacy"))
        failure = "fails" if at_last else "stops for futility"
        yield f"look {number}, {failure}", rounded(tally.mean(f"{name}_futility"))
    yield "flip-flops (early success, failure at the end)", rounded(tally.mean("flip_flop"))


def _sizes(trial: Trial) -> tuple[str, str]:
    """Return the number of patients, in all and by arm; simple randomization only aims at it."""
    if len(trial.arms) == 1:
        return "patients", f"{trial.n_patients}"
    share = trial.n_patients / sum(trial.ratio)
    parts = " + ".join(f"{arm.allocation * share:.0f}" for arm in trial.arms)
    return (
        f"patients ({' + '.join(arm.name for arm in trial.arms)})",
        f"{trial.n_patients} ({parts})",
    )


def _described(name: str) -> str:
    """Return a quantity's name in words."""
    words = {
        "response_": "responders, ",
        "events_": "events, ",
        "event_rate_": "events per year at risk, ",
    }
    *prefix, last = name.split(": ")
    start = next(start for start in words if last.startswith(start))
    return ": ".join([*prefix, words[start] + last.removeprefix(start)])


def _warnings(point: PointResult) -> Iterator[tuple[str, str]]:
    """Yield what went wrong in some replicates; nothing where nothing did."""
    names = {
        "undefined": "replicates without a defined statistic (counted as not significant)",
        "missed_cutoff": "replicates that never reached their data cutoff",
    }
    for key, words in names.items():
        if key in point.tally.sums and (mean := point.tally.mean(key)).value > 0:
            yield words, rounded(mean)


def meaning(result: RunResult) -> str:
    """Return what the run means for the planner, in one or two sentences."""
    powers = [point.power for point in result.points if point.power is not None]
    errors = [point.type_one_error for point in result.points if point.type_one_error is not None]
    if not powers:
        return _what_to_expect(result.points[0])
    truth = " and ".join(_law_in_words(arm) for arm in result.points[0].trial.arms)
    tries = ", ".join(in_hundred(power) for power in powers)
    worst = max(errors, key=lambda mean: mean.value)
    return (
        f"If {truth}, the trial shows the difference in {tries} of 100 tries"
        f"{_designs(result.points)}. If there were no difference, "
        f"{in_hundred(worst)} of 100 would claim one{' at most' if len(powers) > 1 else ''}."
    )


def _designs(points: Sequence[PointResult]) -> str:
    """Name the designs in the order of their powers, and the first that is worth running."""
    if len(points) == 1:
        return ""
    labels = [", ".join(f"{k} = {v}" for k, v in point.values.items()) for point in points]
    enough = (
        label
        for label, point in zip(labels, points, strict=True)
        if point.power is not None and point.power.value >= _WORTH_RUNNING
    )
    verdict = (
        f"the first to reach 80 is {first}" if (first := next(enough, "")) else "none reach 80"
    )
    return f" ({'; '.join(labels)}): {verdict}"


def _law_in_words(arm: Arm) -> str:
    effects = " with the stated effects" if arm.effects else ""
    return f"{arm.name} patients fare as in {arm.model.name}{effects}"


def _what_to_expect(point: PointResult) -> str:
    arm, tally = point.trial.arms[0], point.tally
    name = f"response_{arm.name}"
    if name not in tally.sums:
        return f"One arm, no test: {_law_in_words(arm)}."
    share, spread = tally.mean(name).value, 1.96 * tally.standard_deviation(name)
    return (
        f"One arm, no test. If {_law_in_words(arm)}, expect {point.trial.primary.name} in "
        f"{100 * share:.0f} of 100 patients; by chance alone a trial of "
        f"{point.trial.n_patients} will mostly show between {100 * max(share - spread, 0):.0f} "
        f"and {100 * min(share + spread, 1):.0f}."
    )


def run_report(result: RunResult) -> Group:
    """Return what ``lupusim run`` prints: table, meaning, and how to get it again."""
    command = (
        f"lupusim run {result.scenario.command} "
        f"--replicates {result.n_replicates} --seed {result.seed}"
    )
    again = Text(f"{result.seconds:.1f} s. The same again: {command}", style="dim")
    return Group(operating_table(result), Text(meaning(result)), again)

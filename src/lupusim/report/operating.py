"""The table of operating characteristics, and the sentence that says what it means."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group
from rich.table import Table
from rich.text import Text

from lupusim.planning.run import PointResult, RunResult
from lupusim.planning.tally import Mean
from lupusim.report.numbers import grouped, in_hundred, rounded
from lupusim.trial import Arm, Trial

_MONTHS = 12


def operating_table(result: RunResult) -> Table:
    """Return a row per quantity and a column per design point, each estimate with its MCSE."""
    title = (
        f"{result.scenario.title}\n{grouped(result.n_replicates)} replicates, seed {result.seed}"
    )
    table = Table(title=title, caption="estimate (Monte Carlo standard error)")
    table.add_column("")
    for point in result.points:
        label = "\n".join(f"{name} = {value}" for name, value in point.values.items())
        table.add_column(label or "design", justify="right")
    rows = [dict(_rows(point)) for point in result.points]
    for name in rows[0]:
        table.add_row(name, *(row.get(name, "") for row in rows))
    return table


def _rows(point: PointResult) -> Iterator[tuple[str, str]]:
    trial, tally = point.trial, point.tally
    yield "patients", _sizes(trial)
    if point.power is not None and point.type_one_error is not None and trial.analysis:
        level = f"{trial.analysis.alpha:g}, {trial.analysis.sided}-sided"
        yield f"power ({trial.analysis.name}, alpha {level})", rounded(point.power)
        yield "type I error (both arms follow the control's law)", rounded(point.type_one_error)
        yield f"{trial.analysis.effect}, mean estimate", rounded(tally.mean("estimate"))
    for name in tally.sums:
        if name.split(": ")[-1].startswith(("response_", "events_", "event_rate_")):
            yield _described(name), rounded(tally.mean(name))
    years = tally.mean("duration")
    months = Mean(value=years.value * _MONTHS, mcse=years.mcse * _MONTHS)
    yield "duration, months from the first site's opening", rounded(months)
    screened = trial.n_patients * trial.enrollment.screened_per_patient
    if screened > trial.n_patients:
        yield "patients screened, expected", f"{screened:.0f}"
    yield from _warnings(point)


def _sizes(trial: Trial) -> str:
    """Return the total and, approximately, the arms."""
    if len(trial.arms) == 1:
        return f"{trial.n_patients}"
    share = trial.n_patients / sum(trial.ratio)
    parts = ", ".join(f"{arm.name} {arm.allocation * share:.0f}" for arm in trial.arms)
    return f"{trial.n_patients} ({parts})"


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


def meaning(point: PointResult) -> str:
    """Return one sentence for the planner."""
    if point.power is None or point.type_one_error is None:
        return _what_to_expect(point)
    truth = " and ".join(_law_in_words(arm) for arm in point.trial.arms)
    false_claims = in_hundred(point.type_one_error)
    return (
        f"If {truth}, this trial of {point.trial.n_patients} patients shows the difference "
        f"in {in_hundred(point.power)} of 100 tries (power {rounded(point.power)}); "
        f"if there were none, it would still claim one in {false_claims} of 100."
    )


def _law_in_words(arm: Arm) -> str:
    effects = " with the stated effects" if arm.effects else ""
    return f"{arm.name} patients fare as in {arm.model.name}{effects}"


def _what_to_expect(point: PointResult) -> str:
    arm, tally = point.trial.arms[0], point.tally
    shares = [
        f"{endpoint.name} {rounded(tally.mean(name))}"
        for endpoint in point.trial.endpoints
        for name in (
            f"{'' if endpoint is point.trial.primary else endpoint.name + ': '}response_{arm.name}",
        )
        if name in tally.sums
    ]
    expected = f": expect {', '.join(shares)} of the patients" if shares else ""
    return f"This trial has one arm and tests nothing; {_law_in_words(arm)}{expected}."


def run_report(result: RunResult) -> Group:
    """Return what ``lupusim run`` prints: table, meaning, and how to get it again."""
    lines = [Text(meaning(point)) for point in result.points]
    command = (
        f"lupusim run {result.scenario.command} "
        f"--replicates {result.n_replicates} --seed {result.seed}"
    )
    again = Text(f"{result.seconds:.1f} s. The same again: {command}", style="dim")
    return Group(operating_table(result), *lines, again)

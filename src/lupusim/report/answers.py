"""Answers to planning questions: a table and one sentence each."""

from __future__ import annotations

from rich.table import Table

from lupusim.planning.assurance_results import Assurance, PointAssurance
from lupusim.planning.scenario import label
from lupusim.planning.sensitivity import Tornado
from lupusim.planning.size_results import SampleSize
from lupusim.planning.sobol import SobolIndices
from lupusim.planning.tally import Mean
from lupusim.report.numbers import grouped, in_hundred, rounded

_MONTHS = 12
_ASSURANCE_ROWS = {
    "power": "power, if all is as stated",
    "assurance": "assurance: power, averaged over what is not known",
    "power_q05": "power, 5 % quantile",
    "power_q25": "power, 25 % quantile",
    "power_q50": "power, median",
    "power_q75": "power, 75 % quantile",
    "power_q95": "power, 95 % quantile",
    "worthwhile": "probability that the true effect is worthwhile",
    "significant_if_worthwhile": "power, where the true effect is worthwhile",
    "parameter_share": "share of the uncertainty due to what is not known",
    "sampling_share": "share of the uncertainty due to chance in the trial",
}


def size_table(size: SampleSize) -> Table:
    """Return the power at sizes around the answer."""
    title = f"Power by size; {grouped(size.n_replicates)} replicates in all, seed {size.seed}"
    table = Table(title=title, caption="power (Monte Carlo standard error); > marks the answer")
    columns = ["n_patients", *(["n_events"] if size.n_events is not None else [])]
    for name in ("", *(column.removeprefix("n_") for column in columns), "power"):
        table.add_column(name, justify="right")
    for row in size.curve.to_dict("records"):
        mark = ">" if row["n_patients"] == size.n_patients else ""
        power = Mean(value=row["power"], mcse=row["power_mcse"])
        table.add_row(mark, *(str(row[name]) for name in columns), rounded(power))
    return table


def size_sentence(size: SampleSize) -> str:
    """Return the answer in one sentence, with a second where the confirmation fell short."""
    low, high = size.interval
    events = "" if size.n_events is None else f", with the data cut at {size.n_events} events"
    months = Mean(value=_MONTHS * size.duration.value, mcse=_MONTHS * size.duration.mcse)
    sentence = (
        f"{size.n_patients} patients{events} (95 % limits of the search: {low} to {high}) reach "
        f"power {size.target:g}: a fresh run there gives {rounded(size.confirmed)}, and the data "
        f"cutoff comes after {rounded(months)} months."
    )
    if size.reached:
        return sentence
    return f"{sentence} That is below the target: treat the size as too small."


def assurance_table(result: Assurance) -> Table:
    """Return a row per estimate and a column per design point."""
    title = (
        f"{result.scenario.title}\n{grouped(result.n_replicates)} replicates, "
        f"{result.per_draw} for each draw, seed {result.seed}"
    )
    caption = (
        "estimate (Monte Carlo standard error); quantiles of the power by a binomial mixture, "
        "freed from the noise of few replicates"
    )
    table = Table(title=title, caption=caption)
    table.add_column("")
    for point in result.points:
        named = label(point.values, between="\n") if point.values else ""
        table.add_column(named or f"{point.trial.n_patients} patients", justify="right")
    estimates = [point.estimates() for point in result.points]
    for name, words in _ASSURANCE_ROWS.items():
        if any(name in known for known in estimates):
            cells = (rounded(known[name]) if name in known else "" for known in estimates)
            table.add_row(words, *cells)
    return table


def assurance_sentence(result: Assurance) -> str:
    """Return what assurance says beside power, for the largest design."""
    point = max(result.points, key=lambda p: p.trial.n_patients)
    return (
        f"With {point.trial.n_patients} patients the trial succeeds in {in_hundred(point.power)} "
        f"of 100 tries if all is as stated, and in {in_hundred(point.assurance)} of 100 over "
        f"what is believed{_worth(point)}."
    )


def _worth(point: PointAssurance) -> str:
    if point.worthwhile is None:
        return ""
    found = point.significant_if_worthwhile
    then = "" if found is None else f"; where it is, {in_hundred(found)} of 100 trials show it"
    return f"; the true effect is worthwhile in {in_hundred(point.worthwhile)} of 100 cases{then}"


def tornado_table(result: Tornado) -> Table:
    """Return a row per number, the widest swing first."""
    title = (
        f"{_quantity(result)} as it is: {rounded(result.base)}; "
        f"{grouped(result.n_replicates)} replicates of each trial, seed {result.seed}"
    )
    caption = "estimate (Monte Carlo standard error); changes are paired, replicate by replicate"
    table = Table(title=title, caption=caption)
    for name in ("number", "low", "high", "at low", "at high", "low to high"):
        table.add_column(name, justify="left" if name == "number" else "right")
    for swing in result.swings:
        cells = (rounded(mean) for mean in (swing.at_low, swing.at_high, swing.width))
        table.add_row(swing.path, str(swing.low), str(swing.high), *cells)
    return table


def tornado_sentence(result: Tornado) -> str:
    """Return which number matters most, and which do not show."""
    first, name = result.swings[0], _quantity(result)
    silent = [s.path for s in result.swings if abs(s.width.value) <= 2 * s.width.mcse]
    rest = f" No change shows for {', '.join(silent)}." if silent else ""
    if first.path in silent:
        return f"None of these numbers changes {name} more than chance would."
    return (
        f"{first.path} matters most: from {first.low} to {first.high}, {name} goes from "
        f"{rounded(first.at_low)} to {rounded(first.at_high)}.{rest}"
    )


def _quantity(result: Tornado) -> str:
    return "power" if result.quantity == "reject" else result.quantity


def sobol_table(result: SobolIndices) -> Table:
    """Return a row per number, the largest total share first."""
    title = f"Shares of the variance over the ranges; {result.n_trials} designs simulated"
    caption = f"the fitted surface explains {100 * result.explained:.0f} % of new designs"
    table = Table(title=title, caption=caption)
    for name in ("number", "alone", "with interactions"):
        table.add_column(name, justify="left" if name == "number" else "right")
    for row in result.table.to_dict("records"):
        alone = Mean(value=row["first_order"], mcse=row["first_order_mcse"])
        total = Mean(value=row["total"], mcse=row["total_mcse"])
        table.add_row(str(row["path"]), rounded(alone), rounded(total))
    return table


def sobol_sentence(result: SobolIndices) -> str:
    """Return which number has most of the variance."""
    first = result.table.iloc[0]
    return (
        f"{first['path']} has {100 * float(first['total']):.0f} % of the variance over these "
        f"ranges, alone and with others; the quantity varies by "
        f"{result.standard_deviation:.2g} around {result.mean:.2g}."
    )

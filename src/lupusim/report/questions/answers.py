"""Answers to planning questions: a table and one sentence each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lupusim.common.output import as_json
from lupusim.report.numbers import grouped, in_hundred, rounded, share
from lupusim.report.tables import AnswerTable
from lupusim.report.words.paths import (
    Naming,
    path_in_words,
    step_in_words,
    steps_in_words,
    varied_in_words,
)
from lupusim.simulation.tally import Mean
from lupusim.trial.durations import MONTHS_PER_YEAR

if TYPE_CHECKING:
    import pandas as pd

    from lupusim.planning.sample_size.results import InterruptedSearchError, SampleSize
    from lupusim.planning.sensitivity.one_at_a_time import Tornado
    from lupusim.planning.sensitivity.sobol import SobolIndices

_SIZED = {
    "n_patients",
    "n_patients_low",
    "n_patients_high",
    "power",
    "power_mcse",
    "duration",
    "duration_mcse",
    "cost",
    "cost_mcse",
    "on_frontier",
}
_CONFIDENCE = 1.96
_OFTEN = 0.1  # of the trials: worth a word


def size_table(size: SampleSize) -> AnswerTable:
    """Return the power at sizes around the answer."""
    title = f"Power by size; {grouped(size.n_replicates)} replicates in all, seed {size.seed}"
    rows = size.curve_rows
    how = "power" if size.drawn_power is None else "power of drawn tables"
    exact = all(row["power_mcse"] == 0 for row in rows)
    how += " by sums over all tables" if exact else " (Monte Carlo standard error)"
    table = AnswerTable(title=title, caption=f"{how}; > marks the answer")
    columns = ["n_patients", *(["n_events"] if size.n_events is not None else [])]
    for name in ("", *(column.removeprefix("n_") for column in columns), "power"):
        table.add_column(name, justify="right")
    for row in rows:
        mark = ">" if row["n_patients"] == size.n_patients else ""
        power = Mean(value=row["power"], mcse=row["power_mcse"])
        shown = f"{power.value:.4f}" if power.mcse == 0 else rounded(power)
        table.add_row(mark, *(str(row[name]) for name in columns), shown)
    return table


def seen_table(powers: pd.DataFrame, *, of: str = "") -> AnswerTable:
    """Return the powers that a search (of a design) had seen when it was interrupted."""
    title = "Power by size, as far as the search went"
    table = AnswerTable(title=f"{title}: {of}" if of else title)
    for name in ("patients", "replicates", "power"):
        table.add_column(name, justify="right")
    for row in powers.to_dict("records"):
        power = Mean(value=row["power"], mcse=row["power_mcse"])
        table.add_row(str(row["n_patients"]), grouped(row["n_replicates"]), rounded(power))
    return table


def interrupted_sentence(search: InterruptedSearchError) -> str:
    """Return where a search was when it was interrupted."""
    words = f"The search for power {search.target:g} has not ended"
    if search.near is None:
        return f"{words}, and points to no size yet."
    n_patients, low, high = search.near
    return f"{words}; so far it points to {n_patients} patients (95 % limits {low} to {high})."


def size_sentence(size: SampleSize) -> str:
    """Return the answer in one sentence, with a second where the confirmation is lower."""
    low, high = size.interval
    events = "" if size.n_events is None else f", with the data cut at {size.n_events} events"
    of = f" for {size.event}" if size.event else ""
    limits = f"95 % limits of the search: {low} to {high}"
    exact = ""
    if size.exact_power is not None:
        limits, exact = "by exact power", f"exactly {size.exact_power:.4f}; "
    if size.drawn_power is not None:
        limits = f"by drawn tables, 95 % limits {low} to {high}"
        exact = f"{rounded(size.drawn_power)} of drawn tables; "
    sentence = (
        f"{size.n_patients} patients{events} ({limits}) reach power {size.target:g}{of}: "
        f"{exact}a fresh run there gives {rounded(size.confirmed)}, and {_when_it_ends(size)}."
    )
    if size.never_reached is not None and size.never_reached.value >= _OFTEN:
        sentence += (
            f" In {in_hundred(size.never_reached)} of 100 trials the last look never comes: add "
            "patients or follow-up, or wait for fewer events."
        )
    if not size.reached:
        return f"{sentence} That is below the target: treat the size as too small."
    known = size.exact_power is not None or size.drawn_power is not None
    if not known and size.confirmed.value < size.target - size.confirmed.mcse / 2:
        sentence += " That is a little below the target, by no more than 2 standard errors."
    return sentence


def _when_it_ends(size: SampleSize) -> str:
    """Return when the data are cut, also where early stops make it sooner on average."""
    duration = rounded(_in_months(size.duration))
    if size.final_look is None:
        return f"the data cutoff comes after {duration} months"
    last = rounded(_in_months(size.final_look))
    return (
        f"the last look comes after {last} months, the end of the trial, early stops included, "
        f"after {duration}"
    )


def _in_months(years: Mean) -> Mean:
    return Mean(value=MONTHS_PER_YEAR * years.value, mcse=MONTHS_PER_YEAR * years.mcse)


def tornado_table(result: Tornado, called: Naming = path_in_words) -> AnswerTable:
    """Return a row per number, the widest swing first."""
    exact = result.tables_per_trial == 0
    title = f"{_quantity(result)} as it is: {estimate_in_words(result, result.base)}"
    caption = "computed, not simulated"
    if result.tables_per_trial:
        title += f"; {grouped(result.tables_per_trial)} drawn tables of each trial"
        caption = "estimate (Monte Carlo standard error); changes are paired, table by table"
    elif not exact:
        title += f"; {grouped(result.n_replicates)} replicates of each trial, seed {result.seed}"
        caption = (
            "estimate (Monte Carlo standard error); changes are paired, replicate by replicate"
        )
    table = AnswerTable(title=title, caption=caption)
    for name in ("number", "low", "high", "at low", "at high", "low to high"):
        table.add_column(name, justify="left" if name == "number" else "right")
    for swing in result.swings:
        ends = (estimate_in_words(result, mean) for mean in (swing.at_low, swing.at_high))
        change = f"{round(swing.width.value, 4) + 0.0:+.4f}" if exact else rounded(swing.width)
        table.add_row(called(swing.path), str(swing.low), str(swing.high), *ends, change)
    return table


def tornado_sentence(result: Tornado, called: Naming = path_in_words) -> str:
    """Return which number matters most, and which do not show."""
    first, name = result.swings[0], _quantity(result)
    silent = [s.path for s in result.swings if abs(s.width.value) <= 2 * s.width.mcse]
    absent = ", ".join(map(called, result.missing))
    rest = f" Nothing is finished for {absent}." if absent else ""
    if first.path in silent:
        return f"None of these numbers changes {name} more than chance would.{rest}"
    rest = (f" No change shows for {'; '.join(map(called, silent))}." if silent else "") + rest
    return (
        f"{called(first.path)} matters most: from {first.low} to {first.high}, {name} goes from "
        f"{estimate_in_words(result, first.at_low)} to "
        f"{estimate_in_words(result, first.at_high)}.{rest}"
    )


def estimate_in_words(result: Tornado, mean: Mean) -> str:
    """Return what a tornado shows with its standard error; a power that was computed is exact."""
    return share(mean) if result.quantity == "reject" else rounded(mean)


def _quantity(result: Tornado) -> str:
    return "power" if result.quantity == "reject" else result.quantity


def sobol_table(result: SobolIndices, called: Naming = path_in_words) -> AnswerTable:
    """Return a row per number, the largest total share first."""
    how = {None: "simulated", 0: "computed"}.get(result.tables_per_trial, "by drawn tables")
    title = f"Shares of the variance over the ranges; {result.n_trials} designs {how}"
    caption = f"the fitted surface explains {100 * result.explained:.0f} % of new designs"
    table = AnswerTable(title=title, caption=caption)
    for name in ("number", "alone", "with interactions"):
        table.add_column(name, justify="left" if name == "number" else "right")
    for row in result.table.to_dict("records"):
        alone = Mean(value=row["first_order"], mcse=row["first_order_mcse"])
        total = Mean(value=row["total"], mcse=row["total_mcse"])
        table.add_row(called(str(row["path"])), rounded(alone), rounded(total))
    return table


def designs_table(designs: pd.DataFrame) -> AnswerTable:
    """Return what was finished of the designs behind Sobol indices."""
    table = AnswerTable(
        title="Designs that were begun", caption="power (Monte Carlo standard error)"
    )
    paths = [name for name in designs if name not in ("n_replicates", "mean", "mean_mcse")]
    for name in (*paths, "replicates", "power"):
        table.add_column(str(name), justify="right")
    for row in designs.to_dict("records"):
        power = Mean(value=row["mean"], mcse=row["mean_mcse"])
        values = (f"{row[path]:.4g}" for path in paths)
        table.add_row(*values, grouped(row["n_replicates"]), rounded(power))
    return table


def sobol_sentence(result: SobolIndices, called: Naming = path_in_words) -> str:
    """Return which number has most of the variance."""
    first = result.table.iloc[0]
    share_of_it = f"{100 * float(first['total']):.0f} %"
    return (
        f"{called(str(first['path']))} has {share_of_it} of the variance over "
        f"these ranges, alone and with others; the quantity varies by "
        f"{result.standard_deviation:.2g} around {result.mean:.2g}."
    )


def design_label(row: Mapping[str, Any]) -> str:
    """Return what distinguishes a design of a frontier, such as ``sites = 6``."""
    values = _varied(row)
    return varied_in_words(values) if values else "design"


def _varied(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _SIZED}


def frontier_table(rows: Sequence[Mapping[str, Any]], *, target: float) -> AnswerTable:
    """Return a row per design at the size that reaches the power; marked if on the frontier.

    Costs are shown where they are asked for, or are more than the number of patients.
    """
    caption = "estimate (Monte Carlo standard error)"
    compared = any("on_frontier" in row for row in rows)
    if compared:
        caption += "; > no other is both cheaper and shorter"
    for step, words in steps_in_words(_varied(rows[0]), path_in_words) if rows else ():
        caption += f"; {step_in_words(step)}: {words}"
    costs = compared or any(_is_able(row) and row["cost"] != row["n_patients"] for row in rows)
    table = AnswerTable(
        title=f"Each design at its smallest size with power {target:g}", caption=caption
    )
    names = ["", "design", "patients", "95 % limits", "power", "months", "cost"]
    shown = slice(0 if compared else 1, None if costs else -1)
    for name in names[shown]:
        table.add_column(name, justify="left" if name == "design" else "right")
    for row in rows:
        power = Mean(value=row["power"], mcse=row["power_mcse"])
        limits, *spent = _limits_and_spent(row) if _is_able(row) else ("not reached", "", "")
        mark = ">" if row.get("on_frontier", False) else ""
        cells = [mark, design_label(row), str(row["n_patients"]), limits, share(power), *spent]
        table.add_row(*cells[shown])
    return table


def _is_able(row: Mapping[str, Any]) -> bool:
    """Return whether a design reaches the power."""
    return math.isfinite(row["cost"])


def _limits_and_spent(row: Mapping[str, Any]) -> tuple[str, str, str]:
    months = _in_months(Mean(value=row["duration"], mcse=row["duration_mcse"]))
    low, high = row["n_patients_low"], row["n_patients_high"]
    limits = f"{low} to {high}" if low < high else "exact"
    return limits, rounded(months), _cost(row)


def _cost(row: Mapping[str, Any]) -> str:
    cost = Mean(value=row["cost"], mcse=row["cost_mcse"])
    return rounded(cost) if cost.mcse else f"{cost.value:.6g}"


def frontier_sentence(rows: Sequence[Mapping[str, Any]], *, target: float) -> str:
    """Return which design is the cheapest and which the shortest."""
    able = [row for row in rows if _is_able(row)]
    if not able:
        return f"None of these designs reaches power {target:g} within the limit of patients."
    cheapest = min(able, key=lambda row: (row["cost"], row["duration"]))
    shortest = min(able, key=lambda row: (row["duration"], row["cost"]))
    words = (
        f"{design_label(cheapest)} is the cheapest with power {target:g}: "
        f"{cheapest['n_patients']} patients, cost {_cost(cheapest)}, "
        f"{MONTHS_PER_YEAR * cheapest['duration']:.1f} months"
    )
    if cheapest is shortest:
        return f"{words}; none is shorter."
    return (
        f"{words}. {design_label(shortest)} is the shortest: "
        f"{MONTHS_PER_YEAR * shortest['duration']:.1f} months with "
        f"{shortest['n_patients']} patients, cost {_cost(shortest)}."
    )


def sizes_sentence(rows: Sequence[Mapping[str, Any]], *, target: float) -> str:
    """Return between which sizes the designs of a scenario reach a power, and which do not."""
    able = [row["n_patients"] for row in rows if _is_able(row)]
    short = len(rows) - len(able)
    if not able:
        return f"None of these designs reaches power {target:g} within the limit of patients."
    few, many = min(able), max(able)
    between = f"{few} patients" if few == many else f"{few} to {many} patients, by design,"
    words = f"{between} reach power {target:g}"
    if short:
        words += f"; {short} of {len(rows)} designs do not within the limit of patients"
    return f"{words}."


_VALUE_ROWS = {
    "evsi": "best use of the data",
    "rule_value": "adopting where the test is significant",
    "perfect_information": "knowing the truth",
}


def value_table(table: pd.DataFrame, *, seed: int) -> AnswerTable:
    """Return what the data of each design are worth."""
    n_draws = int(table["n_draws"].min())
    rows = AnswerTable(
        title=f"Expected value of the data; {grouped(n_draws)} draws of the truth, seed {seed}",
        caption="in responders or events avoided, over deciding now; (Monte Carlo standard error)",
    )
    for name in ("patients", *_VALUE_ROWS.values(), "cost", "best use less cost"):
        rows.add_column(name, justify="right")
    for row in table.to_dict("records"):
        cells = [rounded(Mean(value=row[k], mcse=row[f"{k}_mcse"])) for k in _VALUE_ROWS]
        net = Mean(value=row["net_value"], mcse=row["evsi_mcse"])
        rows.add_row(str(row["n_patients"]), *cells, f"{row['cost']:.6g}", rounded(net))
    return rows


def value_sentence(table: pd.DataFrame) -> str:
    """Return which size is worth most, and whether any is worth its cost."""
    best = table.iloc[int(table["net_value"].to_numpy().argmax())]
    net = Mean(value=float(best["net_value"]), mcse=float(best["evsi_mcse"]))
    n_patients = f"{best['n_patients']:.0f}"
    if net.value <= 0:
        return (
            f"No size is worth its cost; the best, {n_patients} patients, is worth {rounded(net)}."
        )
    rivals = table[table["net_value"] > net.value - 2 * _CONFIDENCE * net.mcse]["n_patients"]
    others = ", ".join(dict.fromkeys(str(n) for n in rivals if str(n) != n_patients))
    among = f" (not told apart from {others})" if others else ""
    return f"{n_patients} patients are worth most, {rounded(net)} after their cost{among}."


def plain_rows(table: pd.DataFrame) -> list[dict[str, object]]:
    """Return the rows of a table as plain data; what does not exist is null."""
    return [
        {str(name): as_json(value) for name, value in row.items()}
        for row in table.to_dict("records")
    ]

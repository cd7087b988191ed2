"""The value of a number that gives what is asked: a table and a sentence."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lupusim.planning.solving.goal import Goal
from lupusim.planning.solving.results import Solution
from lupusim.report.numbers import grouped, rounded
from lupusim.report.tables import AnswerTable
from lupusim.scenario.files.number_at import NumberInFile
from lupusim.simulation.tally import Mean
from lupusim.trial.durations import MONTHS_PER_YEAR

if TYPE_CHECKING:
    import pandas as pd

_YEARS, _MONTHS = "(years)", "(months)"
_DIGITS = 6  # of what is known exactly
_ALL_DIGITS = 100.0  # of a standard error
_HARDLY_KNOWN = 0.5
_DISAGREES = "That is not the value asked, beyond chance: take more --replicates."


def solved_table(answer: Solution, asked: NumberInFile) -> AnswerTable:
    """Return the quantity at values of the number around the answer."""
    name, paths = answer.goal.quantity, " = ".join(asked.paths)
    what, each = in_its_unit(answer)
    title = (
        f"{what} by {paths}; {grouped(answer.n_replicates)} replicates in all, seed {answer.seed}"
    )
    caption = "estimate (Monte Carlo standard error); > marks the answer, on fresh replicates"
    if answer.exact is not None:
        caption = "computed, not simulated; > marks the answer"
    table = AnswerTable(title=title, caption=caption)
    for column in ("", paths, what):
        table.add_column(column, justify="right")
    for row in answer.curve_rows:
        found = row["value"] == answer.value
        mean = Mean(value=each * row[name], mcse=each * row[f"{name}_mcse"])
        if found and answer.exact is not None:
            mean = Mean(value=answer.exact, mcse=0.0)
        words = asked.stated.in_words(_to_the_digit(row["value"], answer, asked))
        table.add_row(
            ">" if found else "", words, f"{mean.value:.4f}" if mean.mcse == 0 else rounded(mean)
        )
    return table


def seen_values(curve: pd.DataFrame, goal: Goal, asked: NumberInFile) -> AnswerTable:
    """Return the values that a search had tried when it was interrupted."""
    paths = " = ".join(asked.paths)
    table = AnswerTable(title=f"{goal.quantity} by {paths}, as far as the search went")
    for column in (paths, goal.quantity):
        table.add_column(column, justify="right")
    for row in curve.to_dict("records"):
        mean = Mean(value=row[goal.quantity], mcse=row[f"{goal.quantity}_mcse"])
        table.add_row(asked.stated.in_words(f"{row['value']:.6g}"), rounded(mean))
    return table


def solved_sentence(answer: Solution, asked: NumberInFile) -> str:
    """Return the answer in one sentence; what theory says, and a disagreement, in another."""
    paths, words = " = ".join(asked.paths), asked.stated.in_words
    error = answer.standard_error
    digits = f"{error:.0f}" if error >= _ALL_DIGITS else f"{error:.2g}"
    how = f"standard error {digits}" if error else f"by exact {answer.goal.quantity}"
    known = "" if answer.exact is None else f"exactly {answer.exact:.4f}; "
    if answer.drawn is not None:
        how, known = f"{how} of the tables drawn", f"{rounded(answer.drawn)} of drawn tables; "
    found = words(_to_the_digit(answer.value, answer, asked))
    what, each = in_its_unit(answer)
    confirmed = Mean(value=each * answer.confirmed.value, mcse=each * answer.confirmed.mcse)
    sentence = (
        f"{what} is {each * answer.goal.target:g} at {paths} = "
        f"{found} ({how}): {known}a fresh run there gives "
        f"{rounded(confirmed)}. The file has {words(f'{answer.stated:g}')}."
    )
    for method, value in answer.theory.items():
        shown = words(f"{value:.4g}")
        sentence += f" By {'the ' * method.startswith('law')}{method} it would be {shown}."
    if error > _HARDLY_KNOWN * abs(answer.value):
        sentence += (
            f" So far it is hardly known, since the {answer.goal.quantity.replace('_', ' ')} "
            "changes little with it: give more --replicates, or --between."
        )
    return sentence if answer.agrees else f"{sentence} {_DISAGREES}"


def in_its_unit(answer: Solution) -> tuple[str, float]:
    """Return what is asked, times in months, and by what its numbers are multiplied for that."""
    if not answer.asked.endswith(_YEARS):
        return answer.asked, 1.0
    return f"{answer.asked.removesuffix(_YEARS)}{_MONTHS}", MONTHS_PER_YEAR


def _to_the_digit(value: float, answer: Solution, asked: NumberInFile) -> str:
    """Return a value with the digits that its error leaves, a whole number with none."""
    error = answer.standard_error
    if asked.stated.whole:
        return f"{value:.0f}"
    if not error or not math.isfinite(error):
        return f"{value:.{_DIGITS}g}"
    decimals = max(-math.floor(math.log10(error)) + 1, 0)
    return f"{value:.{decimals}f}"

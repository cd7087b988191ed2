"""The threshold that gives a type I error: a table and a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from lupusim.planning.tally import limits_of_share
from lupusim.planning.thresholds import ConfirmedThreshold
from lupusim.report.numbers import grouped, in_hundred, share


def threshold_table(answer: ConfirmedThreshold, keys: Sequence[str]) -> Table:
    """Return the threshold, and what it gives."""
    found = answer.found
    title = (
        f"{' = '.join(keys)} for a type I error of {answer.alpha:g}\n"
        f"{grouped(answer.n_replicates)} replicates of the search, as many fresh ones of the "
        f"confirmation, seed {answer.seed}"
    )
    table = Table(title=title, caption="estimate (Monte Carlo standard error)")
    table.add_column("")
    table.add_column("", justify="right")
    table.add_row("threshold", f"{found.threshold:.6g}")
    table.add_row(
        "between these the search leaves it open (95 %)", f"{found.lower:.6g} to {found.upper:.6g}"
    )
    table.add_row("type I error there, fresh replicates", share(answer.type_one_error))
    table.add_row("type I error there, as searched", share(found.type_one_error))
    table.add_row("power there, fresh replicates", share(answer.power))
    return table


def threshold_sentence(answer: ConfirmedThreshold, keys: Sequence[str]) -> str:
    """Return the answer in one sentence, and whether the fresh run agrees."""
    sentence = (
        f"With {' = '.join(keys)} = {answer.found.threshold:.4g} the trial claims a difference in "
        f"{in_hundred(answer.type_one_error)} of 100 tries if there is none, and in "
        f"{in_hundred(answer.power)} of 100 if all is as stated."
    )
    low, high = limits_of_share(answer.type_one_error)
    if low <= answer.alpha <= high:
        return sentence
    return (
        f"{sentence} That is not the {100 * answer.alpha:g} of 100 asked, beyond chance: take "
        "more replicates, or a threshold at an end of the interval."
    )

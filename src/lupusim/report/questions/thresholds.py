"""The threshold that gives a type I error: a table and a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from lupusim.planning.thresholds import ConfirmedThreshold
from lupusim.report.numbers import grouped, in_hundred, share
from lupusim.report.tables import AnswerTable
from lupusim.simulation.tally import limits_of_share


def threshold_table(answer: ConfirmedThreshold, keys: Sequence[str]) -> AnswerTable:
    """Return the threshold, and what it gives."""
    found = answer.found
    replicates = f"{grouped(answer.n_replicates)} replicates"
    how = f"{replicates} of the search, as many fresh ones of the confirmation"
    if found.n_tables:
        how = f"{grouped(found.n_tables)} drawn tables of the search, {replicates} to confirm it"
    if answer.is_exact:
        how = f"the type I error is exact; {replicates} of the confirmation"
    title = f"{' = '.join(keys)} for a type I error of {answer.alpha:g}\n{how}, seed {answer.seed}"
    table = AnswerTable(title=title, caption="estimate (Monte Carlo standard error)")
    table.add_column("")
    table.add_column("", justify="right")
    table.add_row("threshold", f"{found.threshold:.6g}")
    if answer.is_exact:
        table.add_row("type I error there, exact", f"{answer.type_one_error.value:.6g}")
    else:
        limits = f"{found.lower:.6g} to {found.upper:.6g}"
        table.add_row("between these the search leaves it open (95 %)", limits)
        table.add_row("type I error there, fresh replicates", share(answer.type_one_error))
        table.add_row("type I error there, as searched", share(found.type_one_error))
    table.add_row("power there, fresh replicates", share(answer.power))
    for look, mean in answer.never_reached.items():
        table.add_row(f"look {look}, never reached, fresh replicates", share(mean))
    return table


def threshold_sentence(answer: ConfirmedThreshold, keys: Sequence[str]) -> str:
    """Return the answer in one sentence, and whether the fresh run agrees."""
    error = in_hundred(answer.type_one_error)
    if answer.is_exact:
        error = f"{100 * answer.type_one_error.value:.3g}"
    sentence = (
        f"With {' = '.join(keys)} = {answer.found.threshold:.4g} the trial claims a difference in "
        f"{error} of 100 tries if there is none, and in "
        f"{in_hundred(answer.power)} of 100 if all is as stated."
    )
    if answer.is_exact:
        return f"{sentence} No threshold found gives more without giving more than asked."
    low, high = limits_of_share(answer.type_one_error)
    if low <= answer.alpha <= high:
        return sentence
    return (
        f"{sentence} That is not the {100 * answer.alpha:g} of 100 asked, beyond chance: take "
        "more replicates, or a threshold at an end of the interval."
    )

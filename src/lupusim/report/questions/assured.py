"""What an assurance says: a table and one sentence."""

from __future__ import annotations

import math

from lupusim.planning.assurance.results import Assurance, PointAssurance
from lupusim.report.numbers import grouped, in_hundred, share
from lupusim.report.run.layout import short_label
from lupusim.report.tables import AnswerTable
from lupusim.report.words.paths import path_in_words, steps_in_words
from lupusim.simulation.tally import Mean

_ROWS = {
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
_OF_WHAT_IS_STATED = ("power", "worthwhile", "significant_if_worthwhile")
_UNSURE = (
    "Say what is not known: --no-effect 0.2 (a probability), --effect-sd 0.2 around a stated "
    "hazard ratio, or --draws with a calibrated model that has some."
)


def assurance_table(result: Assurance) -> AnswerTable:
    """Return a row per estimate and a column per design point."""
    how, noise = _how(result)
    title = f"{result.scenario.title}\n{how}"
    caption = "estimate (Monte Carlo standard error)"
    if not result.certain:
        caption += f"; quantiles of the power are those of the truth, {noise}"
    exact = not any(point.distribution.n_draws for point in result.points)
    if exact:
        integral = "" if result.certain else " and an integral over the prior"
        caption = f"exact, by sums over all tables{integral}"
    varied = result.points[0].values if result.points else {}
    caption += "".join(
        f"; {step}: {words}" for step, words in steps_in_words(varied, path_in_words)
    )
    table = AnswerTable(title=title, caption=caption)
    table.add_column("")
    for point in result.points:
        of = short_label(point.values, between="\n").replace(" = ", "\n= ")
        named = of if point.values else ""
        table.add_column(named or f"{point.trial.n_patients} patients", justify="right")
    estimates = [point.estimates() for point in result.points]
    for name, words in _ROWS.items():
        told = name in _OF_WHAT_IS_STATED or not result.certain
        if told and any(name in known for known in estimates):
            means = [known.get(name) for known in estimates]
            alike = exact or all(mean is not None and _is_exact(mean) for mean in means)
            say = _exactly if alike else share
            row = f"{words} (exact)" if alike else words  # said once: columns stay narrow
            table.add_row(row, *("" if mean is None else say(mean) for mean in means))
    return table


def _is_exact(mean: Mean) -> bool:
    return mean.mcse == 0 and mean.n == 0


def _exactly(mean: Mean) -> str:
    return "none" if math.isnan(mean.value) else f"{mean.value:.4f}"


def _how(result: Assurance) -> tuple[str, str]:
    """Return how powers are known, and what of them is left to chance."""
    of_each = {point.tables_per_draw for point in result.points if point.distribution.n_draws}
    if not of_each:
        return "power exact" if result.certain else "power exact, integrated over the prior", ""
    how, noise = _how_of_draws(result, of_each)
    if any(not point.distribution.n_draws for point in result.points):
        how = f"{how} (or exact, integrated over the prior)"
    return f"{how}, seed {result.seed}", noise


def _how_of_draws(result: Assurance, of_each: set[int | None]) -> tuple[str, str]:
    """Return how the power of the draws is known, and what of it is left to chance."""
    n_draws = grouped(result.n_replicates // result.per_draw)
    if of_each == {0}:
        return f"{n_draws} draws, power exact in each", "and the draws alone are left to chance"
    if None in of_each:
        simulated = f"{grouped(result.n_replicates)} replicates, {result.per_draw} for each draw"
        tables = "" if of_each == {None} else " (patients; numbers of them where these say all)"
        return f"{simulated}{tables}", "freed from the noise of few replicates"
    numbers = " or ".join(str(n) for n in sorted(n for n in of_each if n))
    exact = "exact or " if 0 in of_each else ""
    how = f"{n_draws} draws, power {exact}from {numbers} drawn tables of each"
    return how, "freed from the noise of few tables"


def assurance_sentence(result: Assurance) -> str:
    """Return what assurance says beside power, for the largest design."""
    point = max(result.points, key=lambda p: p.trial.n_patients)
    sizes = [one.trial.n_patients for one in result.points]
    of = f"{point.trial.n_patients} patients"
    if sizes.count(max(sizes)) > 1:
        of = short_label(point.values)
    if result.certain:
        return (
            f"Nothing varies: all is as stated, and with {of} the "
            f"trial succeeds in {in_hundred(point.power)} of 100 tries{_worth(point)}. {_UNSURE}"
        )
    return (
        f"With {of} the trial succeeds in {in_hundred(point.power)} "
        f"of 100 tries if all is as stated, and in {in_hundred(point.assurance)} of 100 over "
        f"all that the prior or the posterior draws allow{_worth(point)}."
    )


def _worth(point: PointAssurance) -> str:
    if point.worthwhile is None:
        return ""
    found = point.significant_if_worthwhile
    then = "" if found is None else f"; where it is, {in_hundred(found)} of 100 trials show it"
    return f"; the true effect is worthwhile in {in_hundred(point.worthwhile)} of 100 cases{then}"

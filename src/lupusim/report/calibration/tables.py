"""What a calibration found, for people: tables on the terminal."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from rich.console import Group, JustifyMethod
from rich.table import Table
from rich.text import Text

from lupusim.calibration.estimation.tables import TargetRow, target_rows
from lupusim.calibration.fit import Fit
from lupusim.report.calibration import answers as answering
from lupusim.report.calibration.answers import Answers, Rows
from lupusim.report.numbers import cell

NOTHING_ASKED = Answers()
_N_COUNTS = 2  # for each prediction, on a terminal
_N_FURTHER = 8
_TOOK_NO_PART = 0.0  # weight of a target that was held out


def calibration_report(fit: Fit, answers: Answers = NOTHING_ASKED) -> Group:
    """Return what ``lupusim calibrate`` prints."""
    found = (
        f"{likelihood_in_words(fit)}; {fit.best.n_starts} of {fit.n_starts} starting "
        f"points led here; {fit.seconds:.1f} s"
    )
    parts: list[Table | Text] = [_estimates(fit, answers)]
    if fit.likelihood.targets:
        parts.append(_targets(fit))
    if rows := fit.occupancy_rows():
        parts.append(_plain_table(occupancy_in_words(fit), rows))
    parts.append(Text(found))
    if len(fit.optima) > 1:
        parts.append(_optima(fit))
    if fit.draws is not None:
        parts.append(Text(draws_in_words(fit)))
    sentences = (*statements_of_all(fit), *answers.words)
    return Group(*parts, *_answer_tables(answers), *(Text(f"- {one}") for one in sentences))


def statements_of_all(fit: Fit) -> tuple[str, ...]:
    """Return what a fit says of all its parameters; what it says of one stands in its row."""
    names = tuple(f"{name}: " for name in fit.identifiability.names)
    return tuple(sentence for sentence in fit.statements if not sentence.startswith(names))


def likelihood_in_words(fit: Fit) -> str:
    """Return how well a fit agrees; how far it is from every count, if there are counts."""
    found = f"negative log likelihood {fit.negative_log_likelihood:.5f}"
    if not fit.likelihood.targets:
        return found
    return f"{found}, {fit.misfit:.5f} more than if every count were what the model expects"


def occupancy_in_words(fit: Fit) -> str:
    """Return what the table of single patients shows."""
    ways = {
        "Aalen-Johansen, 95 % band": any(p.stays is not None for p in fit.likelihood.patients),
        "by the last visit, exact 95 % limits": any(
            p.panel is not None for p in fit.likelihood.patients
        ),
    }
    seen = "; ".join(words for words, is_so in ways.items() if is_so)
    return f"Where patients were ({seen}), and where the model puts them"


def _answer_tables(answers: Answers) -> list[Table]:
    """Return the answers that are short enough for a terminal."""
    shown: list[tuple[str, Rows]] = []
    if answers.priors:
        shown.append(("Prior beside posterior", answering.prior_table(answers.priors)))
    if answers.scores:
        shown.append(("Shapes of the way into remission", answering.shape_table(answers.scores)))
    if answers.elasticities:
        largest = answering.largest(answers.elasticities, _N_COUNTS)
        title = "What moves a prediction most: per cent for one per cent of a count"
        shown.append((title, answering.elasticity_table(largest)))
    if answers.counts:
        shown.append(
            ("The next patients: predictive counts", answering.count_table(answers.counts))
        )
        title = "Which further published number would narrow the prediction most"
        shown.append((title, answering.further_table(answers.further, _N_FURTHER)))
    if answers.opinion is not None:
        shown.append(("Two samplers", answering.opinion_table(answers.opinion)))
    if answers.ranks is not None:
        ranks = answering.rank_table(answers.ranks, answers.names)
        shown.append(("Ranks of known parameters", ranks))
    return [_plain_table(title, rows) for title, rows in shown]


def _plain_table(title: str, rows: Rows) -> Table:
    table = Table(title=title)
    for name in rows[0]:
        column = np.array([math.nan if row[name] is None else row[name] for row in rows])
        justify: JustifyMethod = "right" if column.dtype.kind in "fi" else "left"
        table.add_column(name, justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*("" if value is None else cell(value) for value in row.values()))
    return table


def _estimates(fit: Fit, answers: Answers) -> Table:
    rows = answering.estimate_table(fit, answers)
    exact = [_exact_limits(row) for row in rows]
    table = Table(title=f"{fit.model.name}, calibrated to {', '.join(fit.sources)}")
    numbers = ("estimate", "lower", "upper")
    for name in ("parameter", *numbers, *(["exact limits"] if any(exact) else []), "verdict"):
        table.add_column(
            name, justify="left" if name in ("parameter", "verdict") else "right", overflow="fold"
        )
    for row, limits in zip(rows, exact, strict=True):
        shown = [cell(row[name]) for name in numbers] + ([limits] if any(exact) else [])
        table.add_row(row["parameter"], *shown, row["verdict"])
    few = "; exact where few events decide" if any(exact) else ""
    caption = (
        "limits: 95 %, profile likelihood, the other parameters refitted; none where the targets "
        f"set none{few}"
    )
    table.caption = fit.said(caption)
    return table


def _exact_limits(row: dict[str, Any]) -> str:
    """Return the exact limits of a parameter that few events decide; else nothing."""
    low, high = float(row["exact_lower"]), float(row["exact_upper"])
    match math.isnan(low), math.isnan(high):
        case True, True:
            return ""
        case True, False:
            return f"below {high:.3g}"
        case False, True:
            return f"above {low:.3g}"
        case _:
            return f"{low:.3g} to {high:.3g}"


def _targets(fit: Fit) -> Table:
    """Return a row for each count; what it is one of is named where another one begins."""
    table = Table(title="Targets")
    for name in ("target", "cell", "observed", "expected", "limits", ""):
        table.add_column(
            name, justify="left" if name in ("target", "cell") else "right", overflow="fold"
        )
    before = ""
    for row in target_rows(fit.likelihood, fit.model):
        target = f"{row.study}: {row.target}"
        table.add_row(
            "" if target == before else target,
            row.cell,
            f"{row.observed:g} of {row.denominator:g}",
            f"{row.expected:.1f}",
            f"{row.lower:.1f} to {row.upper:.1f}",
            _remark(row),
        )
        before = target
    return table


def _remark(row: TargetRow) -> str:
    if row.soft == _TOOK_NO_PART:
        return "held out"
    return "" if row.lower <= row.expected <= row.upper else "outside"


def _optima(fit: Fit) -> Table:
    columns = fit.optima_table
    table = Table(title="Distinct optima, best first")
    for name in columns.columns:
        table.add_column(str(name), justify="right", overflow="fold")
    for _, row in columns.head(8).iterrows():
        table.add_row(*map(cell, row))
    return table


def draws_in_words(fit: Fit) -> str:
    """Return how good the draws are; the fit must have some."""
    draws = fit.draws
    assert draws is not None  # its callers ask first
    quality = f"Pareto k {draws.pareto_k:.2f}"
    verdict = "." if draws.converged else f". NOT CONVERGED: {draws.problem}."
    return (
        f"Posterior by {draws.method}: {draws.effective_sample_size:.0f} effective draws from "
        f"{draws.n_density_calls} densities, {quality}{verdict}"
    )

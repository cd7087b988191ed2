"""What a calibration found, for people: tables on the terminal, and a page with plots."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from lupusim.calibration.fit import Fit

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_TOOK_NO_PART = 0.0  # weight of a target that was held out


def calibration_report(fit: Fit) -> Group:
    """Return what ``lupusim calibrate`` prints."""
    gap = fit.negative_log_likelihood - fit.likelihood.saturated
    found = (
        f"negative log likelihood {fit.negative_log_likelihood:.5f}, {gap:.5f} above the smallest "
        f"that any model could reach; {fit.best.n_starts} of {fit.n_starts} starting points led "
        f"here; {fit.seconds:.1f} s"
    )
    parts: list[Table | Text] = [_estimates(fit), _targets(fit), Text(found)]
    if len(fit.optima) > 1:
        parts.append(_optima(fit))
    if fit.draws is not None:
        parts.append(Text(_draws_in_words(fit)))
    names = tuple(f"{name}: " for name in fit.identifiability.names)
    told = (sentence for sentence in fit.statements if not sentence.startswith(names))
    return Group(*parts, *(Text(f"- {sentence}") for sentence in told))


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.4g}"


def _estimates(fit: Fit) -> Table:
    names = ", ".join(study.name for study in fit.likelihood.studies)
    table = Table(title=f"{fit.model.name}, calibrated to {names}")
    for name in ("parameter", "estimate", "lower", "upper", "verdict"):
        table.add_column(name, justify="left" if name in ("parameter", "verdict") else "right")
    for row in _rows(fit.estimates):
        numbers = (_number(row[name]) for name in ("estimate", "lower", "upper"))
        table.add_row(row["parameter"], *numbers, row["verdict"])
    table.caption = "limits: 95 %, profile likelihood; none where the targets set none"
    return table


def _targets(fit: Fit) -> Table:
    table = Table(title="Targets")
    for name in ("study", "target", "cell", "observed", "expected", "limits", "of", ""):
        table.add_column(name, justify="left" if name in ("study", "target", "cell") else "right")
    for row in _rows(fit.targets):
        table.add_row(
            row["study"],
            row["target"],
            row["cell"],
            f"{row['observed']:g}",
            f"{row['expected']:.1f}",
            f"{row['lower']:.1f} to {row['upper']:.1f}",
            f"{row['denominator']:g}",
            _remark(row),
        )
    return table


def _remark(row: dict[str, Any]) -> str:
    if row["soft"] == _TOOK_NO_PART:
        return "held out"
    return "" if row["lower"] <= row["expected"] <= row["upper"] else "outside"


def _optima(fit: Fit) -> Table:
    columns = fit.optima_table
    table = Table(title="Distinct optima, best first")
    for name in columns.columns:
        table.add_column(str(name), justify="right")
    for _, row in columns.head(8).iterrows():
        table.add_row(*(_number(v) if isinstance(v, float) else str(v) for v in row))
    return table


def _draws_in_words(fit: Fit) -> str:
    draws = fit.draws
    assert draws is not None  # its callers ask first
    quality = f"Pareto k {draws.pareto_k:.2f}" if draws.pareto_k is not None else draws.method
    verdict = "" if draws.converged else f". NOT CONVERGED: {draws.problem}"
    return (
        f"posterior by {draws.method}: {draws.effective_sample_size:.0f} effective draws from "
        f"{draws.n_density_calls} densities, {quality}{verdict}"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One of the seven questions that Vanni et al. (2011) put to a calibration.

    Parameters
    ----------
    title : str
        The heading.
    words : tuple of str
        Paragraphs.
    table : DataFrame or None
        Shown below the words.
    figures : tuple of Figure
        Shown below the table.
    """

    title: str
    words: tuple[str, ...]
    table: pd.DataFrame | None = None
    figures: tuple[Figure, ...] = ()


def sections(fit: Fit) -> Sequence[Section]:
    """Return the seven sections of the page.

    References
    ----------
    Vanni, Karnon, Madan, White, Edmunds, Foss and Legood (2011), *PharmacoEconomics* 29, 35-49.
    """
    from lupusim.report import calibration_figures as figures

    weakest = fit.identifiability.weakest
    return (
        Section(
            title="1. Which parameters were varied",
            words=(
                "Limits are 95 % profile likelihood limits. A parameter that the targets do not "
                "determine has none, and the verdict says so.",
                f"Least determined (on the log scale): {weakest}.",
            ),
            table=fit.estimates,
            figures=(figures.profiles(fit),),
        ),
        Section(
            title="2. Which targets they were fitted to",
            words=(
                "Counts with their own denominators; soft targets count with a weight below 1, "
                "a weight of 0 was held out.",
            ),
            table=fit.targets,
            figures=(figures.targets(fit),),
        ),
        Section(
            title="3. How agreement was measured",
            words=(
                "Multinomial likelihood for counts of the same patients, binomial and Poisson "
                "otherwise; probabilities from the exact engine. Negative log likelihood "
                f"{fit.negative_log_likelihood:.5f}; no model could be below "
                f"{fit.likelihood.saturated:.5f}.",
            ),
        ),
        Section(
            title="4. How the best values were searched",
            words=(
                f"{fit.n_starts} Sobol starting points (seed {fit.seed}), each climbed to an "
                "optimum; these are distinct:",
            ),
            table=fit.optima_table,
        ),
        Section(
            title="5. What was accepted",
            words=(
                "The optimum, and with draws every parameter vector in proportion to its "
                "posterior density.",
                *fit.statements,
            ),
        ),
        Section(
            title="6. When the search stopped",
            words=(
                "When no step improved the likelihood from any starting point: "
                f"{'reached' if fit.converged else 'NOT reached, the last numbers are kept'}.",
                *((_draws_in_words(fit),) if fit.draws is not None else ()),
            ),
        ),
        Section(
            title="7. How the results are used",
            words=(
                "The model file carries the optimum; the draws beside it carry the uncertainty "
                "into assurance. What the model predicts over five years:",
            ),
            figures=(figures.occupancy(fit), *figures.posterior(fit)),
        ),
    )


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
       color: #1b1b1b; background: #fff; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
table { border-collapse: collapse; font-size: .85rem; display: block; overflow-x: auto; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid #ddd; text-align: right; }
th:first-child, td:first-child, td:nth-child(2) { text-align: left; }
svg { max-width: 100%; height: auto; }
</style></head><body>
<h1>{{ title }}</h1>
{% for section in sections %}<h2>{{ section.title }}</h2>
{% for paragraph in section.words %}<p>{{ paragraph }}</p>
{% endfor %}{% if section.table is not none %}{{ section.table | table }}{% endif %}
{% for figure in section.figures %}{{ figure | svg }}
{% endfor %}{% endfor %}</body></html>
"""


def write_page(fit: Fit, path: Path) -> None:
    """Write the page: one file, plots inside, nothing loaded from elsewhere."""
    from jinja2 import Environment
    from markupsafe import Markup

    from lupusim.report.calibration_figures import as_svg

    def table(frame: pd.DataFrame) -> Markup:
        text = frame.to_html(index=False, border=0, na_rep="", float_format="{:.4g}".format)
        return Markup(text)

    environment = Environment(autoescape=True)
    environment.filters |= {"table": table, "svg": lambda figure: Markup(as_svg(figure))}
    names = ", ".join(study.name for study in fit.likelihood.studies)
    title = f"{fit.model.name}, calibrated to {names}"
    page = environment.from_string(_PAGE).render(title=title, sections=sections(fit))
    path.write_text(page, encoding="utf-8")

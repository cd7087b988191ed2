"""The page of a calibration: seven headings, tables and plots, nothing loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from lupusim.calibration.checking.posterior_checks import check_words
from lupusim.calibration.checking.sampler_check import sampler_words
from lupusim.calibration.fit import Fit
from lupusim.frozen import dataclass
from lupusim.report.calibration import answers as answering
from lupusim.report.calibration.answers import Answers
from lupusim.report.calibration.tables import (
    NOTHING_ASKED,
    draws_in_words,
    likelihood_in_words,
    occupancy_in_words,
)
from lupusim.report.numbers import cell

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

Captioned: TypeAlias = "tuple[str, pd.DataFrame]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One of the seven questions that Vanni et al. (2011) put to a calibration.

    Parameters
    ----------
    title : str
        The heading.
    words : tuple of str
        Paragraphs.
    tables : tuple of (str, DataFrame)
        Shown below the words, each with its caption.
    figures : tuple of Figure
        Shown below the tables.
    """

    title: str
    words: tuple[str, ...]
    tables: tuple[Captioned, ...] = ()
    figures: tuple[Figure, ...] = ()


def sections(fit: Fit, answers: Answers = NOTHING_ASKED) -> Sequence[Section]:
    """Return the seven sections of the page.

    References
    ----------
    Vanni, Karnon, Madan, White, Edmunds, Foss and Legood (2011), *PharmacoEconomics* 29, 35-49.
    """
    return (
        _parameters(fit, answers),
        _targets(fit),
        _agreement(fit, answers),
        _search(fit),
        _accepted(fit, answers),
        _stopped(fit, answers),
        _used(fit, answers),
    )


def _parameters(fit: Fit, answers: Answers) -> Section:
    from lupusim.report.calibration import figures

    words = (
        fit.said(
            "Limits are 95 % profile likelihood limits. A parameter that the targets do not "
            "determine has none, and the verdict says so."
        ),
        f"Least determined (on the log scale): {fit.identifiability.weakest}.",
    )
    tables: list[Captioned] = [("", answering.estimate_table(fit, answers))]
    if answers.priors:
        caption = (
            "Prior beside posterior: median and 95 % interval. Contraction is 1 - posterior "
            "variance / prior variance; sensitivities are those of power scaling (Kallioinen et "
            "al. 2024), above 0.05 they matter."
        )
        tables.append((caption, answering.prior_table(answers.priors)))
    return Section(
        title="1. Which parameters were varied",
        words=words,
        tables=tuple(tables),
        figures=(figures.profiles(fit), *figures.posterior(fit)),
    )


def _targets(fit: Fit) -> Section:
    from lupusim.report.calibration import figures

    tables: list[Captioned] = [("", fit.targets)] if fit.likelihood.targets else []
    if fit.likelihood.patients and not fit.occupancy.empty:
        tables.append((f"{occupancy_in_words(fit)}.", fit.occupancy))
    words = [_PATIENTS.format(n=one.n_patients) for one in fit.likelihood.patients]
    if fit.likelihood.targets:
        words.append(
            "Counts with their own denominators; soft targets count with a weight below 1, "
            "a weight of 0 was held out."
        )
    return Section(
        title=fit.said("2. Which targets they were fitted to"),
        words=tuple(words),
        tables=tuple(tables),
        figures=(figures.targets(fit),) if fit.likelihood.targets else (),
    )


def _agreement(fit: Fit, answers: Answers) -> Section:
    likelihood = likelihood_in_words(fit)
    words = [f"{likelihood[0].upper()}{likelihood[1:]}."]
    if fit.likelihood.patients:
        words.insert(
            0,
            "The likelihood of every single patient's course: of stays whose ends are known their "
            "density, between visits the probability of being seen where the patient was.",
        )
    if fit.likelihood.targets:
        words.insert(
            0,
            "One multinomial over paths for all counts of the same patients, summed over the "
            "tables that have them; binomial and Poisson otherwise.",
        )
    title = "3. How agreement was measured"
    if not answers.scores:
        return Section(title=title, words=tuple(words))
    caption = (
        "Other shapes of the way into remission, fitted to the same targets. Deviance counts soft "
        "targets at their weight; 'left out' sums the deviance of each study as predicted by the "
        "others."
    )
    return Section(
        title=title,
        words=(*words, answering.shapes_in_words(answers.scores)),
        tables=((caption, answering.shape_table(answers.scores)),),
    )


def _search(fit: Fit) -> Section:
    return Section(
        title="4. How the best values were searched",
        words=(
            f"{fit.n_starts} Sobol starting points (seed {fit.seed}), each climbed to an "
            "optimum; these are distinct:",
        ),
        tables=(("", fit.optima_table),),
    )


def _accepted(fit: Fit, answers: Answers) -> Section:
    words = (
        "The optimum, and with draws every parameter vector in proportion to its posterior "
        "density.",
        *fit.statements,
    )
    title = "5. What was accepted"
    if not answers.targets:
        return Section(title=title, words=words)
    caption = (
        "Posterior predictive check: every study done once more with as many patients, for each "
        "draw. Median and 95 % interval; the mid p-value is small where the model can hardly have "
        "made the observation."
    )
    return Section(
        title=title,
        words=(*words, *check_words(answers.targets)),
        tables=((caption, answering.target_table(answers.targets)),),
    )


def _stopped(fit: Fit, answers: Answers) -> Section:
    from lupusim.report.calibration import figures

    words = [
        "When no step improved the likelihood from any starting point: "
        f"{'reached' if fit.converged else 'NOT reached, the last numbers are kept'}."
    ]
    tables: list[Captioned] = []
    drawn: tuple[Figure, ...] = ()
    if fit.draws is not None:
        words.append(draws_in_words(fit))
    if answers.opinion is not None:
        words.append(answers.opinion.words)
        caption = "Quantiles by two samplers that share nothing but the posterior density."
        tables.append((caption, answering.opinion_table(answers.opinion)))
    if answers.ranks is not None:
        words.append(sampler_words(answers.ranks))
        caption = "Ranks of known parameters among the draws that their own counts give."
        tables.append((caption, answering.rank_table(answers.ranks, answers.names)))
        drawn = (figures.ranks(answers.ranks, answers.names),)
    return Section(
        title="6. When the search stopped", words=tuple(words), tables=tuple(tables), figures=drawn
    )


def _used(fit: Fit, answers: Answers) -> Section:
    from lupusim.report.calibration import figures

    words = [
        "The model file carries the optimum; the draws beside it carry the uncertainty into "
        "assurance. The figure has where patients are expected to be, with a 95 % band where "
        "there are draws, and what was counted in single states with its exact limits."
    ]
    tables: list[Captioned] = []
    drawn = [figures.occupancy(fit)]
    if answers.next_study is not None:
        words.append(answers.next_study.words)
        tables.append(("", answering.next_study_table(answers.next_study)))
    if answers.counts:
        caption = "The next patients: predictive counts, median and 95 % interval."
        tables.append((caption, answering.count_table(answers.counts)))
        caption = "Which further published number would narrow the prediction most."
        tables.append((caption, answering.further_table(answers.further)))
    if answers.elasticities:
        caption = (
            "What each published count moves: per cent that the prediction rises when the count "
            "rises by one per cent (elasticity), and by how much for one patient more; all else "
            "refitted. The three largest for each prediction:"
        )
        largest = answering.largest(answers.elasticities, _N_COUNTS)
        tables.append((caption, answering.elasticity_table(largest)))
        drawn.append(figures.tornado(answers.elasticities))
    return Section(
        title="7. How the results are used",
        words=tuple(words),
        tables=tuple(tables),
        figures=tuple(drawn),
    )


_PATIENTS = "{n} single patients, none of whom a published count has in it."
_N_COUNTS = 3  # for each prediction

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
      content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{{ title }}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
       color: #1b1b1b; background: #fff; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
table { border-collapse: collapse; font-size: .85rem; display: block; overflow-x: auto; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid #ddd; vertical-align: top; }
.n { text-align: right; } .w { text-align: left; }
p.caption { color: #555; font-size: .9rem; margin-bottom: .3rem; }
svg { max-width: 100%; height: auto; }
</style></head><body>
<h1>{{ title }}</h1>
{% for section in sections %}<h2>{{ section.title }}</h2>
{% for paragraph in section.words %}<p>{{ paragraph }}</p>
{% endfor %}{% for caption, frame in section.tables %}
{% if caption %}<p class="caption">{{ caption }}</p>{% endif %}{{ frame | table }}
{% endfor %}{% for figure in section.figures %}{{ figure | svg }}
{% endfor %}{% endfor %}</body></html>
"""


def _as_html(frame: pd.DataFrame) -> str:
    """Return a table as HTML: numbers to the right, words to the left."""
    from markupsafe import escape

    classes = ["n" if kind.kind in "fi" else "w" for kind in frame.dtypes]
    names = [str(name).replace("_", " ") for name in frame.columns]
    head = "".join(f'<th class="{c}">{escape(n)}</th>' for c, n in zip(classes, names, strict=True))
    rows = [
        "".join(
            f'<td class="{c}">{escape(_cell(v))}</td>' for c, v in zip(classes, row, strict=True)
        )
        for row in frame.itertuples(index=False)
    ]
    body = "".join(f"<tr>{row}</tr>\n" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>\n"


def _cell(value: object) -> str:
    return {"True": "yes", "False": "no"}.get(words := cell(value), words)


def page(fit: Fit, answers: Answers = NOTHING_ASKED) -> str:
    """Return the page: one file, plots inside, nothing loaded from elsewhere."""
    from jinja2 import Environment
    from markupsafe import Markup

    from lupusim.report.calibration.figures import as_svg

    environment = Environment(autoescape=True)
    environment.filters |= {
        "table": lambda frame: Markup(_as_html(frame)),
        "svg": lambda figure: Markup(as_svg(figure)),
    }
    title = f"{fit.model.name}, calibrated to {', '.join(fit.sources)}"
    return environment.from_string(_PAGE).render(title=title, sections=sections(fit, answers))

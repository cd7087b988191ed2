"""The page of a calibration, in the form of lupusim's reports: seven questions answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from lupusim.calibration.checking.posterior_checks import check_words
from lupusim.calibration.checking.sampler_check import sampler_words
from lupusim.calibration.fit import Fit
from lupusim.common.frozen import dataclass
from lupusim.report.calibration import answers as answering
from lupusim.report.calibration.answers import Answers, Rows
from lupusim.report.calibration.tables import (
    NOTHING_ASKED,
    draws_in_words,
    likelihood_in_words,
    occupancy_in_words,
    statements_of_all,
)
from lupusim.report.document.html import as_html
from lupusim.report.document.parts import Document, Picture, Section, Table, Words
from lupusim.report.numbers import cell

if TYPE_CHECKING:
    import pandas as pd

Captioned: TypeAlias = "tuple[str, pd.DataFrame]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One of the seven questions that Vanni et al. (2011) put to a calibration."""

    title: str  # the question
    words: tuple[str, ...]  # paragraphs
    tables: tuple[Captioned, ...] = ()  # shown below the words, each with its caption
    pictures: tuple[Picture, ...] = ()  # shown below the tables

    @property
    def section(self) -> Section:
        """It as a section of a report."""
        words = (Words(text=text) for text in self.words)
        tables = (_table(caption, frame) for caption, frame in self.tables)
        return Section(title=self.title, parts=(*words, *tables, *self.pictures))


def _table(caption: str, frame: pd.DataFrame) -> Table:
    """Return a frame as a table, without columns that hold nothing; a count is told in one."""
    if set(_COUNT) <= set(frame.columns):
        told = frame["study"] + ": " + frame["target"] + ", " + frame["cell"]
        frame = frame.drop(columns=_COUNT)
        frame.insert(0, "count", told)
    kept = frame.loc[:, [bool(frame[name].map(_cell).any()) for name in frame]]
    return Table(
        caption=caption,
        head=tuple(str(name).replace("_", " ") for name in kept.columns),
        rows=tuple(tuple(map(_cell, row)) for row in kept.itertuples(index=False)),
        wordy=list(kept.columns) == _VERDICTS,
    )


def _frame(rows: Rows) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows)


def _cell(value: object) -> str:
    return {"True": "yes", "False": "no"}.get(words := cell(value), words)


def questions(fit: Fit, answers: Answers = NOTHING_ASKED) -> Sequence[Question]:
    """Return the seven questions of the page with their answers.

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


def _parameters(fit: Fit, answers: Answers) -> Question:
    from lupusim.report.calibration import figures

    words = (
        fit.said(
            "Limits are 95 % profile likelihood limits. A parameter that the targets do not "
            "determine has none, and the verdict says so."
        ),
        f"Least determined (on the log scale): {fit.identifiability.weakest}.",
    )
    found = _frame(answering.estimate_table(fit, answers))
    tables: list[Captioned] = [
        ("Estimates and their limits.", found.drop(columns="verdict")),
        ("What the targets say of each.", found[_VERDICTS]),
    ]
    if answers.priors:
        caption = (
            "Prior beside posterior: median and 95 % interval. Contraction is 1 - posterior "
            "variance / prior variance; sensitivities are those of power scaling (Kallioinen et "
            "al. 2024), above 0.05 they matter."
        )
        tables.append((caption, _frame(answering.prior_table(answers.priors))))
    return Question(
        title="Which parameters were varied",
        words=words,
        tables=tuple(tables),
        pictures=(
            Picture(
                caption="Profiles: how the deviance rises as one parameter moves and the others "
                "are refitted. Orange, the estimate; dotted, the 95 % limit.",
                alternative="A curve per parameter, lowest at its estimate",
                figure=figures.profiles(fit),
            ),
            *(
                Picture(
                    caption="The posterior of each parameter (bars) beside its prior (line).",
                    alternative="Histograms of draws by parameter",
                    figure=figure,
                )
                for figure in figures.posterior(fit)
            ),
        ),
    )


def _targets(fit: Fit) -> Question:
    from lupusim.report.calibration import figures

    tables: list[Captioned] = (
        [("Each count beside what the fitted model expects.", _counts(fit))]
        if fit.likelihood.targets
        else []
    )
    if fit.likelihood.patients and not fit.occupancy.empty:
        tables.append((f"{occupancy_in_words(fit)}.", fit.occupancy))
    words = [_PATIENTS.format(n=one.n_patients) for one in fit.likelihood.patients]
    if fit.likelihood.targets:
        words.append(
            "Counts with their own denominators; soft targets count with a weight below 1, "
            "a weight of 0 was held out."
        )
    pictures: tuple[Picture, ...] = ()
    if fit.likelihood.targets:
        caption = "Observed shares with exact 95 % limits, and what the fitted model expects."
        alternative = "A dot with limits and a diamond for each count"
        drawn = figures.targets(fit)
        pictures = (Picture(caption=caption, alternative=alternative, figure=drawn),)
    return Question(
        title=fit.said("Which targets they were fitted to"),
        words=tuple(words),
        tables=tuple(tables),
        pictures=pictures,
    )


def _counts(fit: Fit) -> pd.DataFrame:
    return fit.targets.assign(z=fit.targets["z"].round(2) + 0.0)  # no -1e-09, and no -0


def _agreement(fit: Fit, answers: Answers) -> Question:
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
    title = "How agreement was measured"
    if not answers.scores:
        return Question(title=title, words=tuple(words))
    caption = (
        "Other shapes of the way into remission, fitted to the same targets. Deviance counts soft "
        "targets at their weight; 'left out' sums the deviance of each study as predicted by the "
        "others."
    )
    return Question(
        title=title,
        words=(*words, answering.shapes_in_words(answers.scores)),
        tables=((caption, _frame(answering.shape_table(answers.scores))),),
    )


def _search(fit: Fit) -> Question:
    return Question(
        title="How the best values were searched",
        words=(
            f"{fit.n_starts} Sobol starting points (seed {fit.seed}), each climbed to an "
            "optimum; these are distinct:",
        ),
        tables=(("Distinct optima, the best first.", _optima(fit.optima_table)),),
    )


def _optima(table: pd.DataFrame) -> pd.DataFrame:
    """Return optima with a row for each parameter, where they are few."""
    if len(table) > _FEW_OPTIMA:
        return table
    turned = table.map(_cell).T.reset_index()
    names = ["parameter", *(f"optimum {k + 1}" for k in range(len(table)))]
    turned = turned.set_axis(names, axis="columns")
    turned["parameter"] = [str(name).replace("_", " ") for name in turned["parameter"]]
    return turned


def _accepted(fit: Fit, answers: Answers) -> Question:
    words = (
        "The optimum, and with draws every parameter vector in proportion to its posterior "
        "density.",
        *statements_of_all(fit),
    )
    title = "What was accepted"
    if not answers.targets:
        return Question(title=title, words=words)
    caption = (
        "Posterior predictive check: every study done once more with as many patients, for each "
        "draw. Median and 95 % interval; the mid p-value is small where the model can hardly have "
        "made the observation."
    )
    return Question(
        title=title,
        words=(*words, *check_words(answers.targets)),
        tables=((caption, _frame(answering.target_table(answers.targets))),),
    )


def _stopped(fit: Fit, answers: Answers) -> Question:
    from lupusim.report.calibration import figures

    words = [
        "When no step improved the likelihood from any starting point: "
        f"{'reached' if fit.converged else 'NOT reached, the last numbers are kept'}."
    ]
    tables: list[Captioned] = []
    drawn: tuple[Picture, ...] = ()
    if fit.draws is not None:
        words.append(draws_in_words(fit))
    if answers.opinion is not None:
        words.append(answers.opinion.words)
        caption = "Quantiles by two samplers that share nothing but the posterior density."
        tables.append((caption, _frame(answering.opinion_table(answers.opinion))))
    if answers.ranks is not None:
        words.append(sampler_words(answers.ranks))
        caption = "Ranks of known parameters among the draws that their own counts give."
        tables.append((caption, _frame(answering.rank_table(answers.ranks, answers.names))))
        alternative = "Ranks of the truth by parameter, flat where the sampler is right"
        figure = figures.ranks(answers.ranks, answers.names)
        drawn = (Picture(caption=caption, alternative=alternative, figure=figure),)
    return Question(
        title="When the search stopped", words=tuple(words), tables=tuple(tables), pictures=drawn
    )


def _used(fit: Fit, answers: Answers) -> Question:
    from lupusim.report.calibration import figures

    words = [
        "The model file carries the optimum; the draws beside it carry the uncertainty into "
        "assurance. The figure has where patients are expected to be, with a 95 % band where "
        "there are draws, and what was counted in single states with its exact limits."
    ]
    tables: list[Captioned] = []
    drawn = [
        Picture(
            caption="Where patients are expected to be over time, and what was counted there.",
            alternative="Stacked shares of the states over years, and a panel for each state",
            figure=figures.occupancy(fit),
        )
    ]
    if answers.next_study is not None:
        words.append(answers.next_study.words)
        tables.append(
            ("The next patients.", _frame(answering.next_study_table(answers.next_study)))
        )
    if answers.counts:
        caption = "The next patients: predictive counts, median and 95 % interval."
        tables.append((caption, _frame(answering.count_table(answers.counts))))
        caption = "Which further published number would narrow the prediction most."
        tables.append((caption, _frame(answering.further_table(answers.further))))
    if answers.elasticities:
        caption = (
            "What each published count moves: per cent that the prediction rises when the count "
            "rises by one per cent (elasticity), and by how much for one patient more; all else "
            "refitted. The three largest for each prediction:"
        )
        largest = answering.largest(answers.elasticities, _N_COUNTS)
        tables.append((caption, _frame(answering.elasticity_table(largest))))
        drawn.append(
            Picture(
                caption="The counts that move each prediction most.",
                alternative="Bars of elasticities by count",
                figure=figures.tornado(answers.elasticities),
            )
        )
    return Question(
        title="How the results are used",
        words=tuple(words),
        tables=tuple(tables),
        pictures=tuple(drawn),
    )


_PATIENTS = "{n} single patients, none of whom a published count has in it."
_COUNT = ["study", "target", "cell"]
_FEW_OPTIMA = 5  # fit beside each other
_VERDICTS = ["parameter", "verdict"]
_N_COUNTS = 3  # for each prediction


def page(fit: Fit, answers: Answers = NOTHING_ASKED) -> str:
    """Return the page: one file, plots inside, nothing loaded from elsewhere."""
    likelihood = likelihood_in_words(fit)
    return as_html(
        Document(
            title=f"{fit.model.name}, calibrated to {', '.join(fit.sources)}",
            subtitle="Calibration by lupusim. Organized after the seven questions of Vanni et al. "
            "(2011), PharmacoEconomics 29, 35-49.",
            answer=(f"{likelihood[0].upper()}{likelihood[1:]}.", *statements_of_all(fit)),
            sections=tuple(one.section for one in questions(fit, answers)),
        )
    )

"""The short report: what the statistics section of a protocol needs, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

from lupusim.planning.runs.results import PointResult, RunResult
from lupusim.report.document.content import check_complete, stated_values
from lupusim.report.document.estimand import estimand_section
from lupusim.report.document.parts import Document, Part, Section, Table, Words
from lupusim.report.document.protocol import (
    analysis_paragraph,
    looks_table,
    sizing_paragraph,
    stages_table,
)
from lupusim.report.figures.runs import named
from lupusim.report.figures.samples import look_paths
from lupusim.report.numbers import grouped
from lupusim.report.run.tries import power_of
from lupusim.report.words.effects import listed
from lupusim.report.words.sources import NO_SOURCE, source_of
from lupusim.report.words.trials import arms_alike, dropout_in_words, models_in_words
from lupusim.trial import Trial
from lupusim.trial.scenario import Scenario, shown

_ENOUGH = 0.8  # power
_MOST_HYPOTHESES = 2  # whose looks are shown: it is to be a short document


def protocol_of(result: RunResult, *, target: float | None = None) -> Document:
    """Return the statistics section of a protocol: about two pages.

    Of several designs it is about one: the first that reaches the power that is wanted, or the
    one with most power where none does.

    Parameters
    ----------
    result : RunResult
        What a run found; all of it, not a part.
    target : float or None
        Power that is wanted; default 0.8.

    Raises
    ------
    ValueError
        If the run is not complete.
    """
    check_complete(result)
    name, point, why = _chosen(result, _ENOUGH if target is None else target)
    n_designs = len(result.points)
    which = "" if n_designs == 1 else f" Of {n_designs} designs, that with {name}: {why}."
    return Document(
        title=result.scenario.title or result.scenario.name,
        subtitle=f"For the statistics section of a protocol; in brackets Monte Carlo standard "
        f"errors.{which}",
        answer=(),
        sections=(
            estimand_section(result.scenario),
            Section(title="Sample size", parts=(Words(text=sizing_paragraph(point)),)),
            Section(title="Analysis", parts=tuple(_analysis(point, result.seed))),
            Section(title="Assumptions", parts=(_assumptions(result.scenario, point),)),
            Section(title="Software", parts=(Words(text=_software(result)),)),
        ),
    )


def _chosen(result: RunResult, target: float) -> tuple[str, PointResult, str]:
    """Return the design that the section is about, with its name, and why this one."""
    designs = named(result)
    known = (power_of(point) for _, point in designs)
    powers = [0.0 if power is None else power.value for power in known]
    enough = [number for number, power in enumerate(powers) if power >= target]
    if enough:
        return *designs[enough[0]], f"the first to reach power {target:g}"
    most = powers.index(max(powers))
    return *designs[most], f"none reaches power {target:g}, and it has the most"


def _analysis(point: PointResult, seed: int) -> Iterator[Part]:
    yield Words(text=analysis_paragraph(point))
    if stages := stages_table(point.trial):
        yield stages
    elif point.trial.interims:
        found = look_paths(point.trial, seed=seed)
        bounded = [one for one in found if one.has_bounds]
        yield from (looks_table(point, paths) for paths in bounded[:_MOST_HYPOTHESES])


def _assumptions(scenario: Scenario, point: PointResult) -> Table:
    """Return what is assumed, with where it comes from."""
    trial, sources = point.trial, scenario.sources
    places = {arm.name: f"arms.{number}" for number, arm in enumerate(trial.arms)}
    rows = []
    for arms, words in arms_alike(trial):
        names = [arm.name for arm in arms]
        said = (source_of(sources, places[name], "outcomes", "model") for name in names)
        rows.append((listed(names).replace("_", " "), words, "; ".join(dict.fromkeys(said))))
    for model, words in models_in_words(trial):
        rows.append((model, words, _of_model(trial, model)))
    rows.append(("dropout", dropout_in_words(trial), source_of(sources, "dropout")))
    for key, value in stated_values(scenario, ("enrollment", "population", "supply")).items():
        rows.append((key, str(shown(value)), source_of(sources, key)))
    return Table(
        caption="What is assumed, and where it comes from.",
        head=("assumption", "value", "source"),
        rows=tuple(rows),
        wordy=True,
    )


def _of_model(trial: Trial, called: str) -> str:
    """Return what the file of a model says where its numbers come from."""
    models = (arm.model for arm in trial.arms if called == f"model {arm.model.name}")
    return "; ".join(next(models).source) or NO_SOURCE


def _software(result: RunResult) -> str:
    versions = ", ".join(f"{name} {found}" for name, found in result.versions.items())
    n = grouped(result.n_replicates)
    return (
        f"Simulated with {versions}; {n} trials of the design, seed {result.seed}. The same file, "
        "seed and versions give the same numbers."
    )

"""What the report of a run says, section by section.

The order is that of ADEMP (aims, data-generating mechanism, estimands, methods, performance
measures), with the estimand first; headings name the items of the ICH E20 draft answered there.

References
----------
Morris, White and Crowther (2019), *Statistics in Medicine* 38, 2074-2102.
ICH E9(R1) (2019); ICH E20, step 2 draft.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lupusim.errors import ScenarioError
from lupusim.planning.runs.results import PointResult, RunResult
from lupusim.planning.theory.expected_times import warnings_of
from lupusim.report.document.estimand import estimand_section
from lupusim.report.document.evidence import example_trial, performance
from lupusim.report.document.parts import (
    Document,
    Items,
    Listing,
    Part,
    Picture,
    Section,
    Table,
    Words,
)
from lupusim.report.document.protocol import design_paragraphs, looks_table, stages_table
from lupusim.report.figures.designs import bounds_figure, calendar_figure
from lupusim.report.figures.runs import named, what_names_mean
from lupusim.report.figures.samples import calendar_of, look_paths
from lupusim.report.figures.states import states_figure
from lupusim.report.models.diagram import MOST_STATES
from lupusim.report.numbers import grouped
from lupusim.report.run.table import condition, meaning
from lupusim.report.words.sources import source_in_words
from lupusim.report.words.trials import (
    arms_in_words,
    doses_in_words,
    endpoint_in_words,
    models_in_words,
)
from lupusim.scenario.document.content import is_list, is_mapping
from lupusim.scenario.document.durations import format_duration
from lupusim.scenario.document.yaml_reader import parse_document
from lupusim.trial import Trial
from lupusim.trial.scenario import Scenario, shown


def document_of(result: RunResult, *, target: float | None = None) -> Document:
    """Return the report of a run.

    Parameters
    ----------
    result : RunResult
        What a run found; all of it, not a part.
    target : float or None
        Power that is wanted, to be marked.

    Raises
    ------
    ValueError
        If the run is not complete.
    """
    check_complete(result)
    replicates = f"{grouped(result.n_replicates)} simulated trials per design, seed {result.seed}"
    return Document(
        title=result.scenario.title or result.scenario.name,
        subtitle=f"Simulation report by lupusim; {replicates}. Organized after ADEMP (Morris, "
        "White and Crowther 2019) and the items of the ICH E20 draft.",
        answer=tuple(filter(None, (meaning(result), condition(result), *result.notes))),
        sections=(
            estimand_section(result.scenario),
            _aims(result),
            mechanism(result),
            _estimands(result),
            methods(result),
            performance(result, target),
            example_trial(result),
            _limits(result),
            _implementation(result),
        ),
    )


def check_complete(result: RunResult) -> None:
    """Raise ValueError unless all of a run is there to be reported."""
    if not result.complete:
        raise ValueError("the run is not complete: finish it with --resume, then report on it")


def _aims(result: RunResult) -> Section:
    rows = tuple(
        (name, grouped(point.trial.n_patients), str(len(point.trial.looks)))
        for name, point in named(result)
    )
    return Section(
        title="Aims",
        items="questions; designs evaluated",
        parts=(
            Words(text=result.scenario.question.strip() or "The scenario states no question."),
            Table(caption="Designs evaluated.", head=("design", "patients", "looks"), rows=rows),
            *(Words(text=f"{what}.") for what in what_names_mean(result)),
        ),
    )


def mechanism(result: RunResult) -> Section:
    """Return what is simulated, with the states of the models and the calendar."""
    trial = result.points[0].trial
    calendar = calendar_of(trial, seed=result.seed)
    whose = "" if len(result.points) == 1 else f" of the first design ({named(result)[0][0]})"
    whole = " As if no look stopped the trial." if trial.interims else ""
    who = "Patients and events" if calendar.events else "Patients"
    caption = (
        f"{who} over calendar time{whose}: median and 80 % of simulated trials; "
        f"dashed, when the data are cut.{whole}"
    )
    return Section(
        title="Data-generating mechanism",
        items="prior knowledge; parameter values and their justification",
        parts=(
            Table(
                caption="What is simulated.",
                head=("part", "as simulated"),
                rows=tuple(_simulated(result)),
                wordy=True,
            ),
            *_diagrams(trial),
            *as_stated(result, _WHAT, "What else is simulated"),
            *_sources(result),
            Picture(
                caption=caption,
                alternative="Lines of patients and events that rise over months",
                figure=calendar_figure(calendar),
            ),
        ),
    )


def _simulated(result: RunResult) -> Iterator[tuple[str, str]]:
    """Yield what is simulated of all designs alike, and of each where they differ."""
    told = {name: dict(_parts(point.trial)) for name, point in named(result)}
    for part in dict.fromkeys(part for parts in told.values() for part in parts):
        said = {name: parts[part] for name, parts in told.items() if part in parts}
        if len(said) == len(told) and len(set(said.values())) == 1:
            yield part, next(iter(said.values()))
        else:
            yield from ((f"{part}, {name}", words) for name, words in said.items())


def _parts(trial: Trial) -> Iterator[tuple[str, str]]:
    """Yield arms and their models, intercurrent events, and visits."""
    yield from _arms(trial)
    for event in trial.intercurrent_events:
        rates = ", ".join(f"{state} {rate:g}" for state, rate in event.hazard_per_year.items())
        yield event.name, f"hazard per year: {rates}"
    if trial.visits:
        yield "visits", ", ".join(format_duration(visit) for visit in trial.visits)


def _diagrams(trial: Trial) -> Iterator[Picture]:
    """Yield the states of each model that patients follow; of stated outcomes there are none."""
    models = {arm.model.name: arm.model for arm in trial.arms if not arm.stated}
    for model in models.values():
        if len(model.states) <= MOST_STATES:
            yield Picture(
                caption=f"States of {model.name} and moves between them, before treatment acts.",
                alternative=f"Boxes for {', '.join(model.states)}, with arrows between them",
                figure=states_figure(model),
            )


def _arms(trial: Trial) -> Iterator[tuple[str, str]]:
    """Yield what is simulated of each arm, of identical arms together; then their models."""
    yield from ((f"arms: {who}", words) for who, words in arms_in_words(trial))
    yield from doses_in_words(trial)
    yield from models_in_words(trial)


_WHAT = ("population", "enrollment", "follow_up", "dropout", "supply", "costs")
_HOW = ("allocation", "endpoints", "analysis", "looks", "adaptation", "family", "stages", "vary")


def as_stated(result: RunResult, keys: Sequence[str], what: str) -> Iterator[Table]:
    """Yield what a scenario file states under some keys, without sources; nothing where none."""
    if stated := stated_values(result.scenario, keys):
        rows = tuple((key.replace("_", " "), str(shown(value))) for key, value in stated.items())
        caption = f"{what}, as the scenario states it."
        yield Table(caption=caption, head=("key", "stated"), rows=rows, wordy=True)


def stated_values(scenario: Scenario, keys: Sequence[str]) -> dict[str, object]:
    """Return what a scenario file states under some keys, without sources; nothing of no file."""
    if not scenario.text:
        return {}
    content = parse_document(scenario.text, scenario.name, ScenarioError).content
    return {key: _without_sources(content[key]) for key in keys if key in content}


def _without_sources(content: object) -> object:
    if is_list(content):
        return [_without_sources(part) for part in content]
    if not is_mapping(content):
        return content
    return {str(k): _without_sources(v) for k, v in content.items() if k != "source"}


def _sources(result: RunResult) -> Iterator[Part]:
    sources = result.scenario.sources
    if not sources:
        yield Words(
            text="No number of this scenario has a source: add 'source:' where it is stated.",
            loud=True,
        )
        return
    rows = tuple((place, source_in_words(words)) for place, words in sources.items())
    caption = "Assumptions and their sources, by the key of the scenario file they stand under."
    yield Table(caption=caption, head=("key", "source"), rows=rows, wordy=True)
    guesses = sum("assumption" in words for words in sources.values())
    if guesses:
        noun = "entry says" if guesses == 1 else "entries say"
        yield Words(text=f"{guesses} {noun} that a number is an assumption, from no study.")


def _estimands(result: RunResult) -> Section:
    trial = result.points[0].trial
    rows = [("primary endpoint", endpoint_in_words(trial.primary, trial))]
    rows += [("secondary endpoint", endpoint_in_words(one, trial)) for one in trial.secondary]
    if trial.analysis is not None:
        truth = trial.analysis.truth
        known = "not asked: no bias or coverage is shown ('true_effect' in the scenario asks)"
        if truth is not None:
            known = truth.words
        rows += [("estimated effect", trial.analysis.effect), ("its true value", known)]
    caption = "What each simulated trial estimates."
    table = Table(caption=caption, head=("target", "what"), rows=tuple(rows), wordy=True)
    return Section(title="Estimands of the simulation", parts=(table,))


def methods(result: RunResult) -> Section:
    """Return the design: in words for a protocol, as stated, its looks with their bounds."""
    parts: list[Part] = [
        Words(
            text="In words that a protocol can take over (brackets: Monte Carlo standard errors):"
        )
    ]
    designs = named(result)
    parts.extend(Words(text=said) for said in design_paragraphs(designs))
    parts.extend(as_stated(result, _HOW, "How it is designed and analyzed"))
    stages = [stages_table(point.trial) for _, point in designs]
    if stages[0] is not None and all(one == stages[0] for one in stages):
        parts.append(stages[0])
        designs = []
    for number, (name, point) in enumerate(designs):
        if point.trial.interims:
            begin = f"{name}: " if len(result.points) > 1 else ""
            parts.extend(_looks(point, result.seed, begin, drawn=number == 0))
    return Section(title="Methods", items="design and analysis", parts=tuple(parts))


def _looks(point: PointResult, seed: int, begin: str, *, drawn: bool) -> Iterator[Part]:
    """Yield tables of looks, hypothesis by hypothesis, with pictures where they are asked."""
    if stages := stages_table(point.trial, named=begin):
        yield stages
        return
    found = look_paths(point.trial, seed=seed)
    bounded = [p for p in found if p.has_bounds]
    ends = "Each path ends where its trial stops."
    if point.trial.family is not None:
        ends = "All looks are shown, also of trials that stop."
    for paths in bounded:
        yield looks_table(point, paths, named=begin)
        if drawn:
            yield Picture(
                caption=f"Bounds, and paths of 30 trials, {begin}{paths.hypothesis}. {ends}",
                alternative="Bounds of the looks with paths of the statistic on three scales",
                figure=bounds_figure(paths),
            )
    others = [p.hypothesis for p in found if all(p is not one for one in bounded)]
    if others:
        yield Words(
            text=f"{begin}no bounds of their own, as they are tested after or together with "
            f"others: {'; '.join(others)}."
        )


def _limits(result: RunResult) -> Section:
    said = [
        "All numbers hold if patients fare as assumed above; other truths are other results. "
        "Vary the assumptions (lupusim sensitivity, lupusim assurance) before relying on one.",
        "Monte Carlo standard errors say how far numbers may be off because only so many trials "
        "were simulated; not how far the assumptions may be.",
        "The report is organized after guidance; whether it satisfies it is for people to judge.",
        *warnings_of(result.scenario),
        *result.notes,
    ]
    return Section(
        title="Limits",
        items="limitations; clinical discussion",
        parts=(
            Items(texts=tuple(said)),
            Words(
                text="A clinical discussion of design and results is not part of a simulation: "
                "it is to be written by those who treat the patients."
            ),
        ),
    )


def _implementation(result: RunResult) -> Section:
    asked = result.asked or f"--replicates {result.n_replicates}"
    command = f"lupusim run scenario.yaml {asked} --seed {result.seed}"
    worst = max((p.power.mcse for p in result.points if p.power is not None), default=None)
    rows = [
        ("simulated trials per design", grouped(result.n_replicates)),
        ("seed", str(result.seed)),
        ("seconds", f"{result.seconds:.1f}"),
        *((f"{name} version", str(found)) for name, found in result.versions.items()),
    ]
    if worst is not None:
        rows.insert(1, ("largest standard error of a power", f"{worst:.5f}"))
    return Section(
        title="Implementation and replication",
        items="implementation and number of replicates; software and code with instructions",
        parts=(
            Table(
                caption="How it was simulated.",
                head=("what", "value"),
                rows=tuple(rows),
                wordy=True,
            ),
            Words(
                text="With the same seed and versions the same bits come back, on any number of "
                "processor cores. Save the scenario below as scenario.yaml (model files that it "
                "names beside it) and run:"
            ),
            Listing(text=command),
            Words(text="The scenario:"),
            Listing(text=result.scenario.text or "stated in Python, not in a file"),
        ),
    )

"""The commands that answer a planner: ``lupusim size``, ``assurance`` and ``sensitivity``."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lupusim.cli import believing
from lupusim.cli.options import Format, FormatOption, OutOption, ScenarioArgument, SeedOption
from lupusim.cli.running import Backend
from lupusim.cli.working import (
    Answer,
    BackendOption,
    JobsOption,
    Place,
    PlotOption,
    Question,
    ResumeOption,
    SchedulerOption,
    save_figure,
)

if TYPE_CHECKING:
    from lupusim.planning.frontier import InterruptedFrontierError
    from lupusim.planning.sample_size import Search
    from lupusim.planning.scenario import Scenario

_SEED = 20260101


class Spent(StrEnum):
    """What a planner wants little of."""

    cost = "cost"
    duration = "duration"


def size(
    scenario: ScenarioArgument,
    power: Annotated[float, typer.Option(help="Target, such as 0.9.")] = 0.9,
    over: Annotated[
        list[str] | None,
        typer.Option(
            help='A table of designs: a path and its values, "arms.msc.allocation=1,2"; repeat it.'
        ),
    ] = None,
    frontier: Annotated[
        Spent | None,
        typer.Option(help="The table over all designs, also those of 'vary', by cost or duration."),
    ] = None,
    max_patients: Annotated[int, typer.Option(min=4, help="Give up beyond.")] = 20_000,
    precision: Annotated[
        float, typer.Option(help="Half the width of the interval, relative to the size.")
    ] = 0.01,
    seed: SeedOption = None,
    jobs: JobsOption = -1,
    backend: BackendOption = Backend.loky,
    scheduler: SchedulerOption = None,
    out: OutOption = None,
    resume: ResumeOption = False,
    plot: PlotOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Find the smallest trial that reaches a power, and confirm it on fresh replicates."""
    from lupusim.planning.sample_size import Search
    from lupusim.scenario import load_scenario

    loaded = load_scenario(scenario)
    seed = loaded.seed if seed is None else seed
    search = Search(seed=seed, max_patients=max_patients, precision=precision)
    place = Place(jobs=jobs, backend=backend, scheduler=scheduler, out=out, resume=resume)
    question = Question(name="size", scenario=loaded, seed=seed, place=place, format=format)
    if over or frontier is not None:
        designs = _designs(scenario, loaded, over or ())
        by = frontier or Spent.cost
        question = replace(question, name="frontier", scenario=designs)
        table = _frontier(question, power, search, by)
        if plot is not None:
            from lupusim.report.answer_figures import frontier as draw

            save_figure(draw(table, title=loaded.title), plot)
        return
    answer = _size(question, power, search)
    if plot is not None:
        from lupusim.report.figures import power_curve

        save_figure(power_curve(answer.curve, target=power, title=loaded.title), plot)


def _size(question: Question, power: float, search: Search) -> Any:
    from lupusim.planning.sample_size import find_size
    from lupusim.planning.size_results import InterruptedSearchError, SampleSize
    from lupusim.planning.sizing import only_design
    from lupusim.report.answers import (
        interrupted_sentence,
        seen_table,
        size_sentence,
        size_table,
    )

    sizing = only_design(question.scenario)

    def answer(found: SampleSize) -> Answer:
        return Answer(
            content=found.to_json(),
            table=found.curve,
            shown=size_table(found),
            sentence=size_sentence(found),
        )

    def partly(interrupt: KeyboardInterrupt) -> Answer | None:
        if not isinstance(interrupt, InterruptedSearchError) or interrupt.powers.empty:
            return None
        powers = interrupt.powers
        return Answer(
            content=interrupt.to_json(),
            table=powers,
            shown=seen_table(powers),
            sentence=interrupted_sentence(interrupt),
        )

    return question.ask(
        lambda bench: find_size(sizing, power, search=replace(search, bench=bench)), answer, partly
    )


def _designs(scenario: str, loaded: Scenario, over: list[str] | tuple[()]) -> Scenario:
    """Return the scenario with the designs that the options name; without any its own."""
    from itertools import product

    from lupusim.planning.scenario import DesignPoint
    from lupusim.scenario.what_if import what_if

    if not over:
        return loaded
    build = what_if(scenario)
    ranges = dict(_values(words) for words in over)
    points = []
    for combination in product(*ranges.values()):
        values = dict(zip(ranges, combination, strict=True))
        points.append(DesignPoint(values=values, trial=build(values)))
    return replace(loaded, points=tuple(points))


def _frontier(question: Question, power: float, search: Search, by: Spent) -> Any:
    from lupusim.planning.frontier import InterruptedFrontierError, frontier
    from lupusim.report.answers import frontier_sentence, frontier_table, plain_rows

    def answer(table: Any, *, complete: bool = True) -> Answer:
        ordered = table.sort_values(by.value, ignore_index=True, kind="stable")
        content = {"target": power, "seed": search.seed, "complete": complete}
        return Answer(
            content=content | {"designs": plain_rows(ordered)},
            table=ordered,
            shown=frontier_table(ordered, target=power),
            sentence=frontier_sentence(ordered, target=power)
            if complete
            else "Only these designs are finished.",
        )

    def partly(interrupt: KeyboardInterrupt) -> Answer | None:
        if not isinstance(interrupt, InterruptedFrontierError):
            return None
        done = None if interrupt.partial is None else answer(interrupt.partial, complete=False)
        return _with_search(done, interrupt)

    return question.ask(
        lambda bench: frontier(question.scenario, power, search=replace(search, bench=bench)),
        answer,
        partly,
    )


def _with_search(done: Answer | None, interrupt: InterruptedFrontierError) -> Answer | None:
    """Return the designs that are finished, with what was seen of the one in work."""
    from rich.console import Group

    from lupusim.planning.scenario import label
    from lupusim.report.answers import interrupted_sentence, seen_table

    search = interrupt.search
    if search is None or search.powers.empty:
        return done
    name = label(interrupt.values)
    in_work = {"design_point": dict(interrupt.values), **search.to_json()}
    shown, sentence = seen_table(search.powers, of=name), interrupted_sentence(search)
    if done is None:
        content = {"target": search.target, "complete": False, "designs": [], "in_work": in_work}
        return Answer(content=content, table=search.powers, shown=shown, sentence=sentence)
    return replace(
        done,
        content={**done.content, "in_work": in_work},
        shown=Group(done.shown, shown),
        sentence=f"{done.sentence}\n{name}: {sentence}",
    )


def assurance(
    scenario: ScenarioArgument,
    draws: Annotated[
        list[str] | None,
        typer.Option(help="Calibrated model with draws, by name or file; repeat it."),
    ] = None,
    effect_sd: believing.EffectSdOption = None,
    effect_on: believing.EffectOnOption = None,
    sceptical: believing.ScepticalOption = None,
    worthwhile_ratio: believing.WorthwhileRatioOption = None,
    no_effect: believing.NoEffectOption = 0.0,
    worthwhile: believing.WorthwhileOption = None,
    by: believing.ByOption = None,
    value: believing.ValueOption = None,
    patient_cost: believing.PatientCostOption = 0.0,
    replicates: Annotated[int, typer.Option(min=100, help="Simulated trials per design.")] = 20_000,
    seed: SeedOption = None,
    jobs: JobsOption = -1,
    backend: BackendOption = Backend.loky,
    scheduler: SchedulerOption = None,
    out: OutOption = None,
    resume: ResumeOption = False,
    plot: PlotOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Average the power over what is not known: calibration draws, and the effect itself."""
    from lupusim.scenario import load_scenario

    loaded = load_scenario(scenario)
    seed = loaded.seed if seed is None else seed
    place = Place(jobs=jobs, backend=backend, scheduler=scheduler, out=out, resume=resume)
    question = Question(name="assurance", scenario=loaded, seed=seed, place=place, format=format)
    stake = believing.Stake(worthwhile=worthwhile, by=by, value=value, patient_cost=patient_cost)
    doubt = believing.Doubt(
        draws=tuple(draws or ()),
        effect_sd=effect_sd,
        effect_on=effect_on,
        sceptical=sceptical,
        worthwhile_ratio=worthwhile_ratio,
        no_effect=no_effect,
    )
    if value is not None:
        believing.ask_value(question, doubt, stake, replicates=replicates, plot=plot)
    else:
        believing.ask_assurance(question, doubt, stake, replicates=replicates, plot=plot)


def sensitivity(
    scenario: ScenarioArgument,
    over: Annotated[
        list[str],
        typer.Option(help='A path and its two values, "dropout.per_year=0.1,0.3"; repeat it.'),
    ],
    sobol: Annotated[
        bool,
        typer.Option("--sobol", help="Shares of the variance over all the ranges together."),
    ] = False,
    replicates: Annotated[int, typer.Option(min=100, help="Simulated trials per value.")] = 2000,
    seed: Annotated[int, typer.Option(min=0)] = _SEED,
    jobs: JobsOption = -1,
    backend: BackendOption = Backend.loky,
    scheduler: SchedulerOption = None,
    out: OutOption = None,
    resume: ResumeOption = False,
    plot: PlotOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Show what each number of a scenario does to its power, one at a time or together."""
    from lupusim.planning.sensitivity import Measure
    from lupusim.scenario import load_scenario

    loaded = load_scenario(scenario)
    ranges = dict(_values(words) for words in over)
    for path, values in ranges.items():
        if len(values) != 2:
            raise ValueError(f"--over {path}: give two values, low and high: 'sample_size=80,160'")
    place = Place(jobs=jobs, backend=backend, scheduler=scheduler, out=out, resume=resume)
    question = Question(name="sensitivity", scenario=loaded, seed=seed, place=place, format=format)
    measure = Measure(n_replicates=replicates, seed=seed)
    ask = _sobol if sobol else _tornado
    figure = ask(question, scenario, ranges, measure)
    if plot is not None:
        save_figure(figure(), plot)


def _tornado(question: Question, scenario: str, ranges: dict[str, list[Any]], measure: Any) -> Any:
    from lupusim.planning.sensitivity import InterruptedTornadoError, Tornado
    from lupusim.planning.sensitivity import sensitivity as swing
    from lupusim.report.answers import tornado_sentence, tornado_table
    from lupusim.scenario.what_if import what_if

    def answer(found: Tornado) -> Answer:
        return Answer(
            content=found.to_json(),
            table=found.table,
            shown=tornado_table(found),
            sentence=tornado_sentence(found),
        )

    def partly(interrupt: KeyboardInterrupt) -> Answer | None:
        if isinstance(interrupt, InterruptedTornadoError) and interrupt.partial.swings:
            return answer(interrupt.partial)
        return None

    build = what_if(scenario)
    found = question.ask(
        lambda bench: swing(build, ranges, measure=measure, bench=bench), answer, partly
    )

    def figure() -> Any:
        from lupusim.report.figures import tornado

        return tornado(found, title=question.scenario.title)

    return figure


def _sobol(question: Question, scenario: str, ranges: dict[str, list[Any]], measure: Any) -> Any:
    from lupusim.planning.sobol import InterruptedSobolError, SobolIndices, sobol
    from lupusim.report.answers import designs_table, plain_rows, sobol_sentence, sobol_table
    from lupusim.scenario.what_if import what_if

    for path, values in ranges.items():
        if any(isinstance(value, str) for value in values):
            raise ValueError(f"--over {path}: --sobol takes plain numbers, not {values}")
    bounds = {path: (float(low), float(high)) for path, (low, high) in ranges.items()}

    def answer(found: SobolIndices) -> Answer:
        return Answer(
            content=found.to_json(),
            table=found.table,
            shown=sobol_table(found),
            sentence=sobol_sentence(found),
        )

    def partly(interrupt: KeyboardInterrupt) -> Answer | None:
        if not isinstance(interrupt, InterruptedSobolError) or interrupt.designs.empty:
            return None
        if interrupt.partial is not None:
            return answer(interrupt.partial)
        designs = interrupt.designs
        return Answer(
            content={"complete": False, "designs": plain_rows(designs)},
            table=designs,
            shown=designs_table(designs),
            sentence="These designs are too few for shares of the variance.",
        )

    build = what_if(scenario)
    question = replace(question, name="sobol")
    found = question.ask(
        lambda bench: sobol(build, bounds, measure=measure, bench=bench), answer, partly
    )

    def figure() -> Any:
        from lupusim.report.answer_figures import sobol_bars

        return sobol_bars(found, title=question.scenario.title)

    return figure


def _values(words: str) -> tuple[str, list[Any]]:
    """Return a path and its values, numbers where they look like numbers."""
    path, equals, values = words.partition("=")
    parts = [part.strip() for part in values.replace(":", ",").split(",")]
    if not equals or not path.strip() or not all(parts):
        raise ValueError(f"--over {words!r} must be a path and its values: 'sample_size=80,160'")
    return path.strip(), [_value(part) for part in parts]


def _value(word: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return word

"""The command ``lupusim size``."""

from __future__ import annotations

import math
from dataclasses import replace
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

import click

from lupusim.cli.asking import (
    Answer,
    Output,
    Partly,
    Place,
    PlotOption,
    Question,
    values_of,
)
from lupusim.cli.options import (
    ScenarioArgument,
    SeedOption,
)
from lupusim.cli.parameters import Option
from lupusim.cli.session import say
from lupusim.cli.writing import (
    FileOption,
    confirmed,
    drafted,
    save_draft,
    save_figure,
    try_picture,
)
from lupusim.common.output import as_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from lupusim.planning.sample_size.frontier import InterruptedFrontierError, Row
    from lupusim.planning.sample_size.growth import Sizing
    from lupusim.planning.sample_size.options import Search
    from lupusim.planning.sample_size.results import SampleSize
    from lupusim.scenario.rewritten import Draft
    from lupusim.trial.scenario import Scenario

_FINE = 0.01
_REPLICATES = 10_000  # of a search, of which it takes several times so many


class Spent(StrEnum):
    """What a planner wants little of."""

    cost = "cost"
    duration = "duration"


def size(
    scenario: ScenarioArgument,
    *,
    power: Annotated[float, Option(share=True, help="Target, such as 0.9 or 90 %.")] = 0.9,
    over: Annotated[
        list[str] | None,
        Option(
            help='A table of designs: a path and its values, "arms.msc.allocation=1,2"; repeat it.'
        ),
    ] = None,
    frontier: Annotated[
        Spent | None,
        Option(help="The table over all designs, also those of 'vary', by cost or duration."),
    ] = None,
    max_patients: Annotated[int, Option(min=4, help="Give up beyond.")] = 20_000,
    precision: Annotated[
        float | None,
        Option(
            share=True,
            help="Half the width of the interval, relative to the size; default 0.01, or for "
            "several or costly designs what a minute allows.",
        ),
    ] = None,
    event: Annotated[
        str,
        Option(
            help="Whose power, where several hypotheses are tested: any, all, or the name of one."
        ),
    ] = "any",
    seed: SeedOption = None,
    place: Place,
    plot: PlotOption = None,
    file: FileOption = None,
    output: Output,
) -> None:
    """Find the smallest trial that reaches a power, and confirm it on fresh replicates."""
    from lupusim.planning.sample_size.growth import has_several_designs
    from lupusim.planning.sample_size.options import Search

    try_picture(plot, output.force)
    question = Question.opened(
        "size", scenario, seed=seed, place=place, output=output, n_replicates=_REPLICATES
    )
    loaded, seed = question.scenario, question.seed
    designs = _designs(scenario, loaded, over or (), power)
    draft = drafted(
        file, output.force, lambda path: _draft(scenario, designs, over, frontier, path)
    )
    simulated = cache(lambda: _simulated(designs, event))
    question = replace(question, simulates=lambda: len(simulated()) > 0)
    precision = _precision(designs, simulated, precision)
    search = Search(seed=seed, max_patients=max_patients, precision=precision, event=event)
    if draft is None and (over or frontier is not None or has_several_designs(designs)):
        name = "frontier" if over or frontier is not None else "sizes"
        question = replace(question, name=name, scenario=designs)
        rows = _frontier(question, power, search, frontier)
        if plot is not None:
            from lupusim.planning.sample_size.frontier import table_of
            from lupusim.report.questions.figures import frontier as draw

            save_figure(draw(table_of(rows), title=loaded.title), plot)
        return
    _tell_size(replace(question, scenario=designs), power, search, draft=draft, plot=plot)


def _tell_size(
    question: Question, power: float, search: Search, *, draft: Draft | None, plot: Path | None
) -> None:
    """Answer with the size of one design, and write what else is asked for."""
    answer = _size(question, power, search)
    if draft is not None:
        save_draft(draft, answer.size, _words(answer))
    if plot is not None:
        from lupusim.report.questions.figures import power_curve

        title = question.scenario.title
        save_figure(power_curve(answer.curve, target=power, title=title), plot)


def _size(question: Question, power: float, search: Search) -> Any:
    from lupusim.planning.runs.columns import COUNT
    from lupusim.planning.sample_size.growth import only_design
    from lupusim.planning.sample_size.results import InterruptedSearchError
    from lupusim.planning.sample_size.search import find_size
    from lupusim.report.questions.answers import (
        interrupted_sentence,
        seen_table,
        size_sentence,
        size_table,
    )
    from lupusim.report.words.trials import fewer_than_stated

    sizing = only_design(question.scenario)

    fewer = fewer_than_stated(question.scenario.points[0].trial)

    def answer(found: SampleSize) -> Answer:
        return Answer(
            content=found.to_json(),
            table=lambda: found.curve,
            shown=size_table(found),
            sentence=size_sentence(found) + fewer,
            units={"interval": COUNT},
        )

    def partly(interrupt: InterruptedSearchError) -> Answer | None:
        if interrupt.powers.empty:
            return None
        powers = interrupt.powers
        return Answer(
            content=interrupt.to_json(),
            table=lambda: powers,
            shown=seen_table(powers),
            sentence=interrupted_sentence(interrupt),
        )

    return question.ask(
        lambda bench: find_size(sizing, power, search=replace(search, bench=bench)),
        answer,
        Partly(InterruptedSearchError, partly),
    )


def _draft(
    scenario: str, designs: Scenario, over: list[str] | None, frontier: Spent | None, path: Path
) -> Draft:
    from lupusim.planning.sample_size.growth import designs as distinct
    from lupusim.scenario.rewritten import sized

    (values, sizing), *more = distinct(designs)
    if frontier is not None:
        raise click.BadParameter("--file writes one design, and --frontier tells of all: leave one")
    if more:
        one = " ".join(f"--over '{path}={value}'" for path, value in values.items())
        raise click.BadParameter(
            f"--file writes one design, and these are {len(more) + 1}: say which, as in {one}"
        )
    chosen: Any = designs.points[0].values if over else {}
    return sized(scenario, designs, sizing, path=path, chosen=chosen)


def _words(found: SampleSize) -> str:
    """Return what stands above a scenario of the size that was found."""
    events = "" if found.n_events is None else f", data cut at {found.n_events} events"
    how = confirmed(found.exact_power, found.confirmed, found.seed)
    return f"{found.n_patients} patients{events}, for power {found.target:g} ({how})"


def _designs(
    scenario: str, loaded: Scenario, over: list[str] | tuple[()], power: float
) -> Scenario:
    """Return the scenario with the designs that the options name, once they can be sized."""
    from lupusim.planning.sample_size.frontier import check_designs

    designs = _over(scenario, loaded, over)
    check_designs(designs, power)
    _say_left_out(designs)
    return designs


def _over(scenario: str, loaded: Scenario, over: list[str] | tuple[()]) -> Scenario:
    """Return the scenario with the designs that the options name; without any its own."""
    if not over:
        return loaded
    from itertools import product

    from lupusim.scenario.files.what_if import what_if
    from lupusim.trial.scenario import DesignPoint

    build = what_if(scenario)
    ranges = dict(values_of(words) for words in over)
    points = []
    for combination in product(*ranges.values()):
        values = dict(zip(ranges, combination, strict=True))
        points.append(DesignPoint(values=values, trial=build(values)))
    return replace(loaded, points=tuple(points))


def _say_left_out(designs: Scenario) -> None:
    """Say which values of the scenario the search replaces."""
    from lupusim.planning.sample_size.growth import left_out

    for path in left_out(designs):
        say(f"the values of {path} are left out: the search decides it")


def _simulated(designs: Scenario, event: str) -> list[Sizing]:
    """Return the designs whose power is not known by their counts."""
    from lupusim.planning.sample_size.by_tables import is_known_without_patients
    from lupusim.planning.sample_size.growth import designs as distinct

    return [s for _, s in distinct(designs) if not is_known_without_patients(s, event)]


def _precision(
    designs: Scenario, simulated: Callable[[], Sequence[Sizing]], asked: float | None
) -> float:
    """Return how precisely to search, and say so where it is less than for one plain design.

    Counts tell their sizes at little cost: precisely, unless simulated designs stand beside.
    """
    from lupusim.planning.sample_size.growth import affordable_precision
    from lupusim.planning.sample_size.growth import designs as distinct

    if asked is not None:
        return asked
    costly = simulated()
    chosen = affordable_precision(costly)
    times = round((chosen / _FINE) ** 2)
    if times > 1:
        n = len(distinct(designs))
        which = "sizes" if len(costly) == n else f"the sizes of {len(costly)} of {n} designs"
        say(
            f"{which} are searched to {100 * chosen:.2g} %, for what these designs cost: "
            f"--precision {_FINE} takes {times} times as long"
        )
    return chosen


def _frontier(question: Question, power: float, search: Search, by: Spent | None) -> Any:
    """Answer with a row per design, in their order unless one is asked for.

    Designs that a scenario varies are not compared: they may differ in what is true.
    """
    from lupusim.planning.runs.columns import PROBABILITY
    from lupusim.planning.sample_size.frontier import InterruptedFrontierError, sized, table_of
    from lupusim.report.questions.answers import (
        frontier_sentence,
        frontier_table,
        sizes_sentence,
    )

    compared = question.name == "frontier"
    sentence = frontier_sentence if compared else sizes_sentence

    def answer(rows: list[Row], *, complete: bool = True) -> Answer:
        ordered = rows if by is None else sorted(rows, key=lambda row: _spent(row, by))
        if not compared:
            left_out = "on_frontier"
            ordered = [{k: row[k] for k in row if k != left_out} for row in ordered]
        content = {"target": power, "seed": search.seed, "precision": search.precision}
        content["complete"] = complete
        return Answer(
            content=content | {"designs": as_json(ordered)},
            table=lambda: table_of(ordered),
            shown=frontier_table(ordered, target=power),
            sentence=sentence(ordered, target=power)
            if complete
            else "Only these designs are finished.",
            units={"target": PROBABILITY},
        )

    def partly(interrupt: InterruptedFrontierError) -> Answer | None:
        done = answer(interrupt.rows, complete=False) if interrupt.rows else None
        return _with_search(done, interrupt)

    return question.ask(
        lambda bench: sized(question.scenario, power, search=replace(search, bench=bench)),
        answer,
        Partly(InterruptedFrontierError, partly),
    )


def _spent(row: Row, by: Spent) -> tuple[bool, float]:
    """Return what a design takes; those that do not reach the power come last."""
    spent = float(str(row[by.value]))
    return math.isnan(spent), spent


def _with_search(done: Answer | None, interrupt: InterruptedFrontierError) -> Answer | None:
    """Return the designs that are finished, with what was seen of the one in work."""
    from rich.console import Group

    from lupusim.report.questions.answers import interrupted_sentence, seen_table
    from lupusim.trial.scenario import label

    search = interrupt.search
    if search is None or search.powers.empty:
        return done
    name = label(interrupt.values)
    in_work = {"design_point": dict(interrupt.values), **search.to_json()}
    shown, sentence = seen_table(search.powers, of=name), interrupted_sentence(search)
    if done is None:
        content = {"target": search.target, "complete": False, "designs": [], "in_work": in_work}
        powers = search.powers
        return Answer(content=content, table=lambda: powers, shown=shown, sentence=sentence)
    return replace(
        done,
        content={**done.content, "in_work": in_work},
        shown=Group(done.shown, shown),
        sentence=f"{done.sentence}\n{name}: {sentence}",
    )

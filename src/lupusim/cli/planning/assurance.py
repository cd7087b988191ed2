"""The commands ``lupusim assurance`` and ``lupusim sensitivity``."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

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
from lupusim.cli.planning.assurance_options import Doubt, Stake, ask_assurance, ask_value
from lupusim.cli.writing import save_figure, try_picture
from lupusim.scenario.document.content import is_text

_SEED = 20260101


def assurance(
    scenario: ScenarioArgument,
    *,
    doubt: Doubt,
    stake: Stake,
    replicates: Annotated[int, Option(min=100, help="Simulated trials per design.")] = 20_000,
    seed: SeedOption = None,
    place: Place,
    plot: PlotOption = None,
    output: Output,
) -> None:
    """Average the power over what is not known: calibration draws, and the effect itself."""
    try_picture(plot, output.force)
    question = Question.opened(
        "assurance", scenario, seed=seed, place=place, output=output, n_replicates=replicates
    )
    ask = ask_assurance if stake.value is None else ask_value
    ask(question, doubt, stake, replicates=replicates, plot=plot)


def sensitivity(
    scenario: ScenarioArgument,
    *,
    over: Annotated[
        list[str],
        Option(help='A path and its two values, "dropout.per_year=0.1,0.3"; repeat it.'),
    ],
    sobol: Annotated[
        bool,
        Option("--sobol", help="Shares of the variance over all the ranges together."),
    ] = False,
    replicates: Annotated[int, Option(min=100, help="Simulated trials per value.")] = 2000,
    seed: Annotated[int, Option(min=0)] = _SEED,
    place: Place,
    plot: PlotOption = None,
    output: Output,
) -> None:
    """Show what each number of a scenario does to its power, one at a time or together."""
    from lupusim.planning.sensitivity.one_at_a_time import Measure

    try_picture(plot, output.force)
    ranges = dict(values_of(words) for words in over)
    for path, values in ranges.items():
        if len(values) != 2:
            raise ValueError(f"--over {path}: give two values, low and high: 'sample_size=80,160'")
    question = Question.opened(
        "sensitivity", scenario, seed=seed, place=place, output=output, n_replicates=replicates
    )
    measure = Measure(n_replicates=replicates, seed=seed)
    ask = _sobol if sobol else _tornado
    figure = ask(question, scenario, ranges, measure)
    if plot is not None:
        save_figure(figure(), plot)


def _tornado(question: Question, scenario: str, ranges: dict[str, list[Any]], measure: Any) -> Any:
    from lupusim.planning.runs.columns import unit_of
    from lupusim.planning.sensitivity.one_at_a_time import InterruptedTornadoError, Tornado
    from lupusim.planning.sensitivity.one_at_a_time import sensitivity as swing
    from lupusim.planning.theory.by_tables import is_simulated
    from lupusim.report.questions.answers import tornado_sentence, tornado_table
    from lupusim.report.words.paths import naming
    from lupusim.scenario.files.what_if import what_if

    called = naming(question.scenario)

    def answer(found: Tornado) -> Answer:
        return Answer(
            content=found.to_json(),
            table=lambda: found.table,
            shown=tornado_table(found, called),
            sentence=tornado_sentence(found, called),
            units=dict.fromkeys(
                ("base", "at_low", "at_high", "low_change", "high_change", "width"), of_quantity
            ),
        )

    def partly(interrupt: InterruptedTornadoError) -> Answer | None:
        return answer(interrupt.partial) if interrupt.partial.swings else None

    build = what_if(scenario)
    of_quantity = unit_of(measure.quantity, question.scenario.points[0].trial)
    question = replace(question, simulates=lambda: is_simulated(build({})))
    found = question.ask(
        lambda bench: swing(build, ranges, measure=measure, bench=bench),
        answer,
        Partly(InterruptedTornadoError, partly),
    )

    def figure() -> Any:
        from lupusim.report.questions.figures import tornado

        return tornado(found, title=question.scenario.title, called=called)

    return figure


def _sobol(question: Question, scenario: str, ranges: dict[str, list[Any]], measure: Any) -> Any:
    from lupusim.planning.runs.columns import PROBABILITY
    from lupusim.planning.sensitivity.sobol import InterruptedSobolError, SobolIndices, sobol
    from lupusim.report.questions.answers import (
        designs_table,
        plain_rows,
        sobol_sentence,
        sobol_table,
    )
    from lupusim.report.words.paths import naming
    from lupusim.scenario.files.what_if import what_if

    for path, values in ranges.items():
        if any(map(is_text, values)):
            raise ValueError(f"--over {path}: --sobol takes plain numbers, not {values}")
    bounds = {path: (float(low), float(high)) for path, (low, high) in ranges.items()}

    called = naming(question.scenario)

    def answer(found: SobolIndices) -> Answer:
        return Answer(
            content=found.to_json(),
            table=lambda: found.table,
            shown=sobol_table(found, called),
            sentence=sobol_sentence(found, called),
            units=dict.fromkeys(("mean", "standard_deviation"), PROBABILITY),
        )

    def partly(interrupt: InterruptedSobolError) -> Answer | None:
        if interrupt.designs.empty:
            return None
        if interrupt.partial is not None:
            return answer(interrupt.partial)
        designs = interrupt.designs
        return Answer(
            content={"complete": False, "designs": plain_rows(designs)},
            table=lambda: designs,
            shown=designs_table(designs),
            sentence="These designs are too few for shares of the variance.",
        )

    build = what_if(scenario)
    question = replace(question, name="sobol")
    found = question.ask(
        lambda bench: sobol(build, bounds, measure=measure, bench=bench),
        answer,
        Partly(InterruptedSobolError, partly),
    )

    def figure() -> Any:
        from lupusim.report.questions.figures import sobol_bars

        return sobol_bars(found, title=question.scenario.title, called=called)

    return figure

"""The command ``lupusim solve``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import click

from lupusim.cli.asking import (
    Answer,
    Output,
    Partly,
    Place,
    PlotOption,
    Question,
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

if TYPE_CHECKING:
    from pathlib import Path

    from lupusim.planning.solving.goal import Goal
    from lupusim.planning.solving.results import Solution
    from lupusim.planning.solving.search import Effort
    from lupusim.scenario.files.number_at import NumberInFile
    from lupusim.scenario.rewritten import Draft
    from lupusim.trial.scenario import Scenario


def solve(
    scenario: ScenarioArgument,
    *,
    number: Annotated[
        list[str],
        Option(
            "--for",
            metavar="PATH",
            help='Where the number stands, such as "dropout.per_year"; repeat it for numbers that '
            "are to be the same.",
        ),
    ],
    power: Annotated[
        float | None,
        Option(share=True, help="Power to reach; default 0.8 (80 %) without --quantity."),
    ] = None,
    quantity: Annotated[
        str | None,
        Option(
            metavar="NAME=VALUE",
            help='Another quantity to reach: "type_one_error=0.025", "duration=36 months".',
        ),
    ] = None,
    event: Annotated[
        str,
        Option(
            help="Whose power, where several hypotheses are tested: any, all, or the name of one."
        ),
    ] = "any",
    between: Annotated[
        str | None,
        Option(metavar="LOW,HIGH", help="Where to look; default all around the file's value."),
    ] = None,
    replicates: Annotated[
        int, Option(min=200, help="Simulated trials of each value near the answer.")
    ] = 10_000,
    seed: SeedOption = None,
    place: Place,
    plot: PlotOption = None,
    file: FileOption = None,
    output: Output,
) -> None:
    """Find the value of any number of a scenario at which power, say, is what you ask for."""
    from lupusim.planning.solving.search import Effort
    from lupusim.scenario.files.number_at import number_at

    goal = _goal(power, quantity, event)
    try_picture(plot, output.force)
    question = Question.opened(
        "solve", scenario, seed=seed, place=place, output=output, n_replicates=replicates
    )
    asked = number_at(scenario, number)
    draft = drafted(file, output.force, lambda path: _draft(scenario, asked, path))
    _say_left_out(question.scenario)
    ends = _ends(between, asked)
    start = asked.number(ends)
    question = replace(question, simulates=lambda: goal.is_simulated(start.design(start.start)))
    effort = Effort(seed=question.seed, n_replicates=replicates)
    answer = _ask(question, (asked, ends), goal, effort)
    if draft is not None:
        save_draft(draft, answer.value, _words(answer, asked))
    if plot is not None:
        from lupusim.report.questions.figures import solved_curve

        save_figure(
            solved_curve(answer, name=" = ".join(number), title=question.scenario.title), plot
        )


def _draft(scenario: str, asked: NumberInFile, path: Path) -> Draft:
    from lupusim.scenario.rewritten import solved

    return solved(scenario, asked, path=path)


def _words(found: Solution, asked: NumberInFile) -> str:
    """Return what stands above a scenario of the value that was found."""
    from lupusim.report.questions.solved import in_its_unit

    value = asked.stated.in_words(f"{found.value:.6g}")
    how = confirmed(found.exact, found.confirmed, found.seed)
    what, each = in_its_unit(found)
    target = f"{what} {each * found.goal.target:g}"
    return f"{' = '.join(asked.paths)} = {value}, for {target} ({how})"


def _goal(power: float | None, quantity: str | None, event: str) -> Goal:
    """Return what is asked for, as the options say."""
    from lupusim.planning.solving.goal import SHARES, Goal
    from lupusim.scenario.document.amounts import shares_as_numbers, typed_share
    from lupusim.scenario.document.durations import parse_duration

    if quantity is None:
        return Goal(target=0.8 if power is None else power, event=event)
    if power is not None:
        raise click.BadParameter("give one of --power and --quantity")
    name, equals, value = (part.strip() for part in quantity.partition("="))
    if not equals:
        raise click.BadParameter(f"--quantity {quantity!r} must be such as 'duration=36 months'")
    try:
        target = typed_share(value) if name in SHARES else float(shares_as_numbers(value))
    except ValueError:
        target = parse_duration(value)
    return Goal(quantity=name, target=target, event=event)


def _ends(between: str | None, asked: NumberInFile) -> tuple[float, float] | None:
    """Return where to look, in the unit of the file."""
    if between is None:
        return None
    try:
        low, high = (asked.stated.parse(part) for part in between.split(","))
    except ValueError:
        raise click.BadParameter(
            f"--between {between!r} must be two numbers as the file has one: "
            f"'{asked.stated.in_words('1')},{asked.stated.in_words('2')}'"
        ) from None
    is_percent = asked.stated.unit.startswith("%")
    if is_percent and "%" not in between and high <= 1 < asked.stated.value:
        shares, percent = (f"{low * k:g} %,{high * k:g} %" for k in (100, 1))
        raise click.BadParameter(
            f"--between {between!r} may mean {shares!r} or {percent!r}: write one of them"
        )
    number = asked.number((low, high))
    for end in (low, high):
        number.design(end)  # what is not possible is told now
    return low, high


def _say_left_out(loaded: Scenario) -> None:
    """Say that the numbers outside of ``vary`` hold."""
    varied = dict.fromkeys(name for point in loaded.points for name in point.values)
    if varied:
        say(
            f"the values of {', '.join(varied)} under 'vary' are left out: what the file states "
            "outside of it holds"
        )


def _ask(
    question: Question,
    asked: tuple[NumberInFile, tuple[float, float] | None],
    goal: Goal,
    effort: Effort,
) -> Solution:
    from lupusim.planning.runs.columns import AS_STATED, unit_of
    from lupusim.planning.solving.results import InterruptedSolvingError
    from lupusim.planning.solving.search import find_value
    from lupusim.report.questions.solved import seen_values, solved_sentence, solved_table

    in_file, between = asked
    number, paths = in_file.number(between), list(in_file.paths)

    def answer(found: Solution) -> Answer:
        unit = {"unit": in_file.stated.unit} if in_file.stated.unit else {}
        return Answer(
            content={"paths": paths, **unit, **found.to_json()},
            table=lambda: found.curve,
            shown=solved_table(found, in_file),
            sentence=solved_sentence(found, in_file),
            units=dict.fromkeys(("value", "interval", "stated"), in_file.stated.unit or AS_STATED)
            | {"target": unit_of(goal.quantity, question.scenario.points[0].trial)},
        )

    def partly(interrupt: InterruptedSolvingError) -> Answer | None:
        if interrupt.curve.empty:
            return None
        return Answer(
            content={
                "paths": paths,
                "complete": False,
                "seen": interrupt.curve.to_dict("records"),
            },
            table=lambda: interrupt.curve,
            shown=seen_values(interrupt.curve, goal, in_file),
            sentence="The search has not ended.",
        )

    found: Solution = question.ask(
        lambda bench: find_value(number, goal, replace(effort, bench=bench)),
        answer,
        Partly(InterruptedSolvingError, partly),
    )
    return found

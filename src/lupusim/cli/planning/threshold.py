"""The command ``lupusim threshold``."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import click

from lupusim.cli.options import Format, FormatOption, ScenarioArgument, SeedOption, WidthOption
from lupusim.cli.parameters import Option
from lupusim.cli.session import forewarn, interruptible, warn

if TYPE_CHECKING:
    from lupusim.planning.thresholds import ConfirmedThreshold
    from lupusim.trial import Trial

_PROBABILITIES = (0.5, 0.9999)
_LEVELS = (0.0001, 0.25)  # looks with bounds have no level of one half
_BOUNDS = (0.5, 5.0)
_CONSTANTS = (2.5, 5.0)  # lower ones may leave no alpha to the last look


def threshold(
    scenario: ScenarioArgument,
    key: Annotated[
        list[str],
        Option(
            help='Path of a rule\'s number, such as "adaptation.success" or '
            '"looks.0.efficacy.posterior"; repeat it for numbers that are to be the same.'
        ),
    ],
    alpha: Annotated[float, Option(share=True, help="Type I error asked.")] = 0.025,
    between: Annotated[
        str | None,
        Option(
            metavar="LOW,HIGH",
            help="Where to look; default 0.5,0.9999, of a level 0.0001,0.25, of a z 0.5,5 "
            "(haybittle_peto 2.5,5).",
        ),
    ] = None,
    replicates: Annotated[
        int, Option(min=100, help="Simulated null trials, and trials of the confirmation.")
    ] = 10_000,
    seed: SeedOption = None,
    jobs: Annotated[int, Option(help="Processes of the confirmation; -1 for one per core.")] = -1,
    format: FormatOption = Format.table,
    width: WidthOption = None,
) -> None:
    """Find the threshold of a rule that gives a type I error; confirm it on fresh replicates."""
    from lupusim.planning.thresholds import confirmed_threshold
    from lupusim.scenario import load_scenario
    from lupusim.scenario.files.what_if import what_if

    loaded = load_scenario(scenario)
    build = what_if(scenario)
    if not 0 < alpha < 1:
        raise click.BadParameter("--alpha must lie between 0 and 1")
    warn(loaded)
    ends = _between(between, key)
    for end in ends:
        _check(lambda value: build(dict.fromkeys(key, value)), end)
    with interruptible():
        forewarn(loaded, replicates, jobs, what="each of its simulations")
        answer = confirmed_threshold(
            lambda value: build(dict.fromkeys(key, value)),
            ends,
            alpha=alpha,
            n_replicates=replicates,
            seed=loaded.seed if seed is None else seed,
            n_jobs=jobs,
        )
    if format is Format.json:
        _tell_json(answer, key, loaded.points[0].trial)
    else:
        _tell(answer, key, format, width)


def _check(design: Callable[[float], Trial], end: float) -> None:
    """Refuse an end between which to look at which there is no trial."""
    from lupusim.errors import ScenarioError

    try:
        design(end)
    except ScenarioError as error:
        if any("no such value" in problem.fault for problem in error.problems):
            raise click.BadParameter(str(error), param_hint="--key") from None
        fix = f"The end {end:g} is no such number: give others."
        raise click.BadParameter(f"{error}\n{fix}", param_hint="--between") from None


def _between(words: str | None, keys: list[str]) -> tuple[float, float]:
    """Return where to look: as asked, or as usual for a level, a z or a probability."""
    from lupusim.scenario.document.amounts import shares_as_numbers

    if words is None:
        names = {key.rpartition(".")[2] for key in keys}
        usual = {"alpha": _LEVELS, "z": _BOUNDS, "haybittle_peto": _CONSTANTS}
        return usual.get(names.pop(), _PROBABILITIES) if len(names) == 1 else _PROBABILITIES
    try:
        low, high = map(float, shares_as_numbers(words).split(","))
    except ValueError:
        raise click.BadParameter(f"--between {words!r} must be two numbers: '0.9,0.9999'") from None
    return low, high


def _tell_json(answer: ConfirmedThreshold, keys: list[str], trial: Trial) -> None:
    from lupusim.report.questions.units import units_of

    units = units_of(answer.row(), trial)
    print(json.dumps({"units": units, "keys": keys, **answer.row()}, indent=2))


def _tell(answer: ConfirmedThreshold, keys: list[str], format: Format, width: int | None) -> None:
    """Print the answer."""
    if format is Format.csv:
        import pandas as pd

        from lupusim.common.output import csv_text

        print(csv_text(pd.DataFrame([answer.row()])), end="")
    else:
        from rich.console import Console

        from lupusim.report.questions.thresholds import threshold_sentence, threshold_table

        console = Console(width=width, markup=False, highlight=False)
        console.print(threshold_sentence(answer, keys), threshold_table(answer, keys), sep="\n")

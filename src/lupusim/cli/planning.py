"""The commands that answer a planner: ``lupusim size``, ``assurance`` and ``sensitivity``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lupusim.cli.options import Format, FormatOption, ScenarioArgument, SeedOption

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from rich.table import Table

    from lupusim.planning.effect_priors import EffectPrior

JobsOption = Annotated[int, typer.Option(help="Processes; -1 for one per core.")]
PlotOption = Annotated[
    Path | None, typer.Option("--plot", help="Also draw it: a file ending in .svg or .png.")
]


def size(
    scenario: ScenarioArgument,
    power: Annotated[float, typer.Option(help="Target, such as 0.9.")] = 0.9,
    max_patients: Annotated[int, typer.Option(min=4, help="Give up beyond.")] = 20_000,
    precision: Annotated[float, typer.Option(help="Wished standard error of the power.")] = 0.01,
    seed: SeedOption = None,
    jobs: JobsOption = -1,
    plot: PlotOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Find the smallest trial that reaches a power, and confirm it on fresh replicates."""
    from lupusim.planning.sample_size import sample_size
    from lupusim.report.answers import size_sentence, size_table
    from lupusim.scenario import load_scenario

    loaded = load_scenario(scenario)
    answer = sample_size(
        loaded, power, seed=seed, n_jobs=jobs, max_patients=max_patients, precision=precision
    )
    _print(format, answer.to_json(), answer.curve, (size_table(answer), size_sentence(answer)))
    if plot is not None:
        from lupusim.report.figures import power_curve

        _save(power_curve(answer.curve, target=power, title=loaded.title), plot)


def assurance(
    scenario: ScenarioArgument,
    draws: Annotated[
        list[str] | None,
        typer.Option(help="Calibrated model with draws, by name or file; repeat it."),
    ] = None,
    effect_sd: Annotated[
        float | None,
        typer.Option(help="Standard deviation of the log hazard ratio around the stated one."),
    ] = None,
    no_effect: Annotated[
        float, typer.Option(help="Probability that there is no effect at all.")
    ] = 0.0,
    replicates: Annotated[int, typer.Option(min=100, help="Simulated trials per design.")] = 20_000,
    seed: SeedOption = None,
    jobs: JobsOption = -1,
    plot: PlotOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Average the power over what is not known: calibration draws, and the effect itself."""
    from lupusim.planning.assurance import Nesting
    from lupusim.report.answers import assurance_sentence, assurance_table
    from lupusim.scenario import load_scenario
    from lupusim.scenario.assuring import assurance as average

    loaded = load_scenario(scenario)
    answer = average(
        loaded,
        draws=draws or (),
        effect_prior=_effect_prior(loaded.points[0].trial, effect_sd, no_effect),
        seed=seed,
        n_replicates=replicates,
        nesting=Nesting(n_jobs=jobs),
    )
    shown = (assurance_table(answer), assurance_sentence(answer))
    _print(format, answer.to_json(), answer.table, shown)
    if plot is not None:
        from lupusim.report.figures import assurance_distribution

        _save(assurance_distribution(answer.points[0], title=loaded.title), plot)


def _effect_prior(trial: Any, effect_sd: float | None, no_effect: float) -> EffectPrior | None:
    """Return the prior that the options describe; None where the stated effect is certain."""
    from lupusim.planning.effect_priors import (
        NormalEffect,
        OrNoEffect,
        StatedEffect,
        stated_log_ratio,
    )

    if effect_sd is None and no_effect == 0:
        return None
    around: EffectPrior = StatedEffect()
    if effect_sd is not None:
        around = NormalEffect(mean=stated_log_ratio(trial), sd=effect_sd)
    return OrNoEffect(probability=no_effect, otherwise=around) if no_effect else around


def sensitivity(
    scenario: ScenarioArgument,
    over: Annotated[
        list[str],
        typer.Option(help='A path and its two values, "dropout.per_year=0.1,0.3"; repeat it.'),
    ],
    replicates: Annotated[int, typer.Option(min=100, help="Simulated trials per value.")] = 2000,
    seed: Annotated[int, typer.Option(min=0)] = 20260101,
    plot: PlotOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Show what each number of a scenario does to its power, one at a time."""
    from lupusim.planning.sensitivity import Measure
    from lupusim.planning.sensitivity import sensitivity as swing
    from lupusim.report.answers import tornado_sentence, tornado_table
    from lupusim.scenario.what_if import what_if

    ranges = dict(_range(words) for words in over)
    measure = Measure(n_replicates=replicates, seed=seed)
    answer = swing(what_if(scenario), ranges, measure=measure)
    shown = (tornado_table(answer), tornado_sentence(answer))
    _print(format, answer.to_json(), answer.table, shown)
    if plot is not None:
        from lupusim.report.figures import tornado

        _save(tornado(answer), plot)


def _range(words: str) -> tuple[str, list[Any]]:
    """Return a path and its two values, numbers where they look like numbers."""
    path, equals, values = words.partition("=")
    parts = [part.strip() for part in values.split(",")]
    if not equals or len(parts) != 2:
        raise ValueError(f"--over {words!r} must be a path and two values: 'sample_size=80,160'")
    return path.strip(), [_value(part) for part in parts]


def _value(word: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return word


def _print(format: Format, content: Any, table: pd.DataFrame, shown: tuple[Table, str]) -> None:
    if format is Format.json:
        print(json.dumps(content, indent=2, allow_nan=False))
    elif format is Format.csv:
        print(table.to_csv(index=False), end="")
    else:
        from rich.console import Console

        console = Console(width=None if sys.stdout.isatty() else 140, markup=False)
        console.print(*shown, sep="\n")


def _save(figure: Figure, file: Path) -> None:
    from lupusim.report.figures import save

    print(f"written: {save(figure, file)}", file=sys.stderr)

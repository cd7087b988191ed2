"""``lupusim cohort`` and ``lupusim generator``: cycles from hazards, and hazards from cycles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import click

from lupusim.cli.asking import Answer
from lupusim.cli.options import Format, FormatOption
from lupusim.cli.parameters import Argument, Option

if TYPE_CHECKING:
    import pandas as pd

    from lupusim.model.cycles import CohortModel

ModelArgument = Annotated[
    str, Argument(metavar="MODEL", help="A model file or packaged name; with cycles or not.")
]


def cohort(
    model: ModelArgument,
    cycles: Annotated[int, Option("--cycles", min=1, help="How many cycles.")],
    cycle: Annotated[
        str | None,
        Option("--cycle", help='Length such as "1 month": cuts a continuous model in cycles.'),
    ] = None,
    patients: Annotated[
        float | None, Option("--patients", min=0, help="Print counts out of so many.")
    ] = None,
    format: FormatOption = Format.table,
) -> None:
    """Move a cohort cycle by cycle and print its trace."""
    from lupusim.engines.cohort import trace

    loaded = in_cycles_of(model, cycle, cycles)
    table = trace(loaded, cycles) * (1.0 if patients is None else patients)
    table.insert(0, "years", [loaded.cycle * k for k in table.index])
    what = "share of the cohort" if patients is None else f"patients out of {patients:g}"
    _print(f"{loaded.name}: {what} after each cycle", table.reset_index(), loaded.name, format)


def in_cycles_of(name: str, cycle: str | None, n_cycles: int) -> CohortModel:
    """Return the cohort model of that name, or the continuous one cut in cycles."""
    from lupusim.engines.exact import in_cycles
    from lupusim.scenario import load_cohort_model, load_model, parse_duration

    if moves_in_cycles(name):
        if cycle is not None:
            raise click.BadParameter("--cycle is for continuous models; this one has its own cycle")
        return load_cohort_model(name)
    if cycle is None:
        raise click.BadParameter(
            'a continuous model has no cycles of its own: add --cycle, such as --cycle "1 year"'
        )
    return in_cycles(load_model(name), parse_duration(cycle), n_cycles=n_cycles)


def moves_in_cycles(name: str) -> bool:
    """Return whether a name or file is a cohort model's."""
    from lupusim.scenario import packaged_names
    from lupusim.scenario.files.model import load_model_document

    if name in packaged_names("models") or name in packaged_names("cohorts"):
        return name not in packaged_names("models")
    return "cycle" in load_model_document(name).content


def generator(
    model: Annotated[
        str, Argument(metavar="MODEL", help="A cohort model: a file or packaged name.")
    ],
    format: FormatOption = Format.table,
) -> None:
    """Find the constant hazards that come closest to a cohort model's matrix, if any do."""
    from lupusim.engines.exact import closest_generator
    from lupusim.scenario import load_cohort_model

    loaded = load_cohort_model(model)
    if loaded.n_matrices > 1:
        raise click.BadParameter(
            "the matrix of this model changes over time; it has no constant hazards"
        )
    found = closest_generator(loaded.matrices(1)[0], loaded.cycle, states=loaded.states)
    table = found.table().reset_index()
    content = {
        "model": loaded.name,
        "exists": found.exists,
        "distance": found.distance,
        "words": found.words,
        "rates_per_year": table.to_dict(orient="records"),
    }
    _print(f"{loaded.name}: hazards per year", table, loaded.name, format, found.words, content)


def _print(
    title: str,
    table: pd.DataFrame,
    name: str,
    format: Format,
    sentence: str = "",
    content: object = None,
) -> None:
    told = content or {"model": name, "rows": table.to_dict(orient="records")}
    Answer.of_table(title, table, "{:.6g}", content=told, sentence=sentence).tell(format)

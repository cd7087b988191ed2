"""The page of columns: what every table of a command holds, with its unit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lupusim.planning.runs.columns import COLUMNS, COUNT, PROBABILITY, SUFFIXES, YEARS, Column

_AS_FILE = "as in the scenario"
_POWER = Column(PROBABILITY, "power")
_SEED = Column("number", "seed of the search")
_REPLICATES = Column(COUNT, "simulated trials")

ANSWERS: Mapping[str, Mapping[str, Column]] = {
    "size": {
        "n_patients": Column(COUNT, "patients in all"),
        "n_events": Column(COUNT, "events at the data cutoff"),
        "power": _POWER,
    },
    "size --over, --frontier": {
        "n_patients": Column(COUNT, "smallest size that reaches the power"),
        "n_patients_low": Column(COUNT, "lower 95 % limit of the search"),
        "n_patients_high": Column(COUNT, "upper 95 % limit of the search"),
        "power": Column(PROBABILITY, "power there, of a fresh run"),
        "duration": Column(YEARS, "from the first site's opening to the data cutoff"),
        "cost": Column("currency of the scenario", "cost of the trial, else its patients"),
        "on_frontier": Column("true or false", "no design is better in cost and duration"),
    },
    "solve": {
        "value": Column(_AS_FILE, "value of the number"),
        "power": Column(PROBABILITY, "power there, or the quantity that was asked for"),
    },
    "sensitivity": {
        "path": Column("words", "where the number stands"),
        "low": Column(_AS_FILE, "its lower value"),
        "high": Column(_AS_FILE, "its higher value"),
        "at_low": Column(PROBABILITY, "power at the lower value"),
        "at_high": Column(PROBABILITY, "power at the higher value"),
        "low_change": Column(PROBABILITY, "change of the power to the lower value"),
        "high_change": Column(PROBABILITY, "change of the power to the higher value"),
        "width": Column(PROBABILITY, "power at the higher value less that at the lower"),
    },
    "threshold": {
        "alpha": Column(PROBABILITY, "type I error asked"),
        "threshold": Column(_AS_FILE, "value of the rule's number"),
        "threshold_lower": Column(_AS_FILE, "lower 95 % limit of the search"),
        "threshold_upper": Column(_AS_FILE, "upper 95 % limit of the search"),
        "type_one_error": Column(PROBABILITY, "there, of fresh replicates"),
        "power": Column(PROBABILITY, "there, of fresh replicates"),
        "type_one_error_in_search": Column(PROBABILITY, "there, as searched"),
        "look_K_never_reached": Column(PROBABILITY, "share of trials without look K"),
        "n_tables": Column(COUNT, "tables drawn for the search; 0 where patients are, or all"),
        "n_replicates": _REPLICATES,
        "seed": _SEED,
    },
}
"""Columns of the tables of other commands than ``run``."""

_HEAD = """# Columns and their units

What the CSV files and the JSON of each command hold. Names stay as they are; `result.json` and
`run --format json` say the unit of every column under `units`, and beside `summary.csv` stands
`summary_units.csv` with a row for each of its columns. Made by `scripts/columns_page.py`.

## `run`: `summary.csv`, `--format csv`, `result.json`

A row for each design: first what distinguishes it, called by its path, as in the scenario; then
these columns. A name may have `look_K_` (a look, from 1) or `ENDPOINT: ` (an endpoint beyond the
primary) in front, and behind it `_ARM` (an arm's name). Unless it says otherwise a column is the
mean over trials; of probabilities the share of trials.
"""


def page() -> str:
    """Return the text of the page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield _HEAD
    yield from _table(COLUMNS)
    yield "\n| at the end of a name | is |\n|---|---|"
    yield from (f"| `_{suffix}` | {words} |" for suffix, words in SUFFIXES.items())
    yield "\nEffects are on the scale on which the test estimates, such as `log hazard ratio`."
    for command, columns in ANSWERS.items():
        yield f"\n## `{command}`\n"
        yield from _table(columns)
    yield (
        "\nWhat `lupusim trial` writes, patient by patient, stands under "
        "`lupusim.simulation.patient_level.tables.SimulatedTrial`: calendar and study times are in "
        "years, `weight_kg` in kilograms, `cells` in cells."
    )


def _table(columns: Mapping[str, Column]) -> Iterator[str]:
    yield "| column | unit | what it is |\n|---|---|---|"
    yield from (f"| `{name}` | {one.unit} | {one.meaning} |" for name, one in columns.items())

"""Arguments and options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from lupusim.cli.parameters import Argument, Option

INPUT_IS_WRONG = 2
INCOMPLETE = 3
INTERRUPTED = 130


class Format(StrEnum):
    """How results are printed."""

    table = "table"
    json = "json"
    csv = "csv"


ScenarioArgument = Annotated[
    str, Argument(metavar="SCENARIO", help="A scenario file or packaged name.")
]
FormatOption = Annotated[Format, Option("--format", help="How to print the result.")]
SeedOption = Annotated[int | None, Option(min=0, help="Default: the scenario's own.")]
OutOption = Annotated[
    Path | None,
    Option(
        "--out", help="Folder for the result, and for finished work: what is in it is never lost."
    ),
]
DetailsOption = Annotated[
    bool, Option("--details", help="Show every row of the table, quantiles and all.")
]
WidthOption = Annotated[
    int | None,
    Option(min=40, help="Characters of a line; default: the terminal's, or 80."),
]

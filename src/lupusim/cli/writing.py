"""What commands write: found out before the work begins, and told."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from lupusim.cli.parameters import Option
from lupusim.common.output import IfPresent, try_file, write

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure

    from lupusim.scenario.rewritten import Draft
    from lupusim.simulation.tally import Mean

ForceOption = Annotated[
    bool, Option("--force", help="Replace files there that lupusim did not write.")
]

FileOption = Annotated[
    Path | None,
    Option(
        "--file",
        metavar="FILE",
        help="Also write the scenario with what was found, comments kept, to be run next.",
    ),
]


def if_present(force: bool) -> IfPresent:
    """Return what --force says."""
    return IfPresent.REPLACE if force else IfPresent.REFUSE


def try_picture(plot: Path | None, force: bool) -> None:
    """Find out, before the work begins, whether a picture can be written; None for no picture.

    Raises
    ------
    MissingExtraError
        If nothing can draw.
    ValueError
        If its ending is another.
    OutputError, OSError
        If it cannot be written, or is there already and --force is not given.
    """
    if plot is not None:
        from lupusim.report.figures.style import check_ending, need_plotting

        check_ending(plot)
        need_plotting()
        try_file(plot, if_present(force))


def save_figure(figure: Figure, file: Path) -> None:
    """Write a picture, and say where."""
    from lupusim.report.figures.style import save

    print(f"written: {save(figure, file)}", file=sys.stderr)


def drafted(file: Path | None, force: bool, make: Callable[[Path], Draft]) -> Draft | None:
    """Return a scenario file to be written, once it is known that it can be; None for none.

    Raises
    ------
    ValueError
        If the scenario cannot say what will be found.
    OutputError, OSError
        If it cannot be written, or is there already and --force is not given.
    """
    if file is None:
        return None
    try_file(file, if_present(force))
    return make(file)


def save_draft(draft: Draft, answer: float, words: str) -> None:
    """Write the scenario with an answer in it, and say what runs it."""
    name = shlex.quote(str(write(draft.path, draft.text(answer, words))))
    print(f"written: {name}. Now: lupusim check {name}, then lupusim run {name}", file=sys.stderr)


def confirmed(exact: float | None, simulated: Mean, seed: int) -> str:
    """Return how an answer was confirmed, in the words of the file that has it."""
    from lupusim.report.numbers import rounded

    if exact is not None:
        return f"exactly {exact:.4f}"
    return f"a fresh run gave {rounded(simulated)}, seed {seed}"

"""What commands write: found out before the work begins, and told."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from lupusim.cli.parameters import Option
from lupusim.common.output import IfPresent, try_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ForceOption = Annotated[
    bool, Option("--force", help="Replace files there that lupusim did not write.")
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

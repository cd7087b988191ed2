"""The command ``lupusim calibrate``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lupusim.cli_options import Format, FormatOption

if TYPE_CHECKING:
    from lupusim.calibration.fit import Fit


def calibrate(
    evidence: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[EVIDENCE]...",
            help="Evidence files or packaged names; default: those the model names.",
        ),
    ] = None,
    model: Annotated[
        str, typer.Option(help="A model file with a calibration block, or a packaged name.")
    ] = "markov-sat0244",
    seed: Annotated[int, typer.Option(min=0, help="Of the search and of the draws.")] = 20260101,
    starts: Annotated[int, typer.Option(min=20, help="Starting points of the search.")] = 24,
    draws: Annotated[int, typer.Option(min=0, help="Posterior draws; 0 for none.")] = 5000,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the model, its draws, and the page with plots.")
    ] = None,
    format: FormatOption = Format.table,
) -> None:
    """Fit a model to published counts: estimates, what is identified, targets, draws."""
    from lupusim.scenario.calibrating import calibrate as fit_model

    fit = fit_model(evidence or (), model=model, seed=seed, n_starts=starts, n_draws=draws)
    _print_fit(fit, format)
    if out is not None:
        _write_fit(fit, out)


def _print_fit(fit: Fit, format: Format) -> None:
    if format is Format.json:
        print(json.dumps(fit.summary(), indent=2))
    elif format is Format.csv:
        print(fit.estimates.to_csv(index=False), end="")
    else:
        from rich.console import Console

        from lupusim.report.calibration import calibration_report

        width = None if sys.stdout.isatty() else 140
        Console(width=width, markup=False).print(calibration_report(fit))


def _write_fit(fit: Fit, folder: Path) -> None:
    from lupusim.report.calibration import write_page

    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "calibration.html"
    write_page(fit, page)
    (folder / "calibration.json").write_text(json.dumps(fit.summary(), indent=2), encoding="utf-8")
    model = folder / f"{fit.model.name}.yaml"
    fit.save(model)
    for path in (page, folder / "calibration.json", model):
        print(f"written: {path}", file=sys.stderr)

"""The result of a run that a folder keeps, with all its sums; nothing is simulated."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lupusim.common.frozen import dataclass
from lupusim.common.output import as_object
from lupusim.errors import LupusimError, ScenarioError
from lupusim.planning.execution.ledger import Asked, Existing, Ledger, LedgerError
from lupusim.planning.execution.ledger_file import OtherRunError
from lupusim.planning.execution.shards import Nothing, merge
from lupusim.planning.runs.precision import Assessment
from lupusim.planning.runs.results import PointResult, RunResult
from lupusim.planning.runs.run import PLAIN, RunOptions, run
from lupusim.planning.runs.series import Estimates
from lupusim.scenario.document.yaml_reader import parse_document
from lupusim.scenario.files.packaged import find_packaged
from lupusim.scenario.files.scenario import scenario_from_document

RESULT = "result.json"


class KeptRunError(LupusimError):
    """A run folder does not hold a whole run that this version can read."""


def collected(
    folder: Path, asked: Asked, seed: int, known: Mapping[str, Any] | None = None
) -> RunResult:
    """Return the result of what a folder's ledger holds.

    Parameters
    ----------
    folder : Path
        Holds the ledger; what is asked is entered there once more.
    asked : Asked
        What the run was asked for.
    seed : int
        Its seed.
    known : mapping or None
        The content of its ``result.json``, where designs have replicates by a rule.
    """
    document = parse_document(asked.text, f"{asked.name}.yaml", ScenarioError)
    loaded = scenario_from_document(document, folder=Path(asked.folder), command=asked.command)
    n_replicates, options = same_amount(known or {})
    with Ledger.reading(folder) as ledger:
        estimates = Estimates(ledger.about().get("estimates", Estimates.PLAIN.value))
    options = replace(options, folder=folder, existing=Existing.RESUME, estimates=estimates)
    if options.precision is None:
        n_replicates = n_replicates or asked.n_replicates
        options = replace(options, share=Nothing())
    return run(loaded, n_replicates, seed=seed, options=options)


def same_amount(known: Mapping[str, Any]) -> tuple[int | None, RunOptions]:
    """Return what simulates as many replicates of each design as a run had.

    Parameters
    ----------
    known : mapping
        The content of its ``result.json``; empty where there is none.

    Returns
    -------
    n_replicates : int or None
        For all designs, where they had as many; None without a result or with a rule.
    options : RunOptions
        With a rule where designs differ.
    """
    plain = PLAIN in str(known.get("asked", "")).split()
    estimates = Estimates.PLAIN if plain else Estimates.CONTROLLED
    points = known.get("points", ())
    counts = {_name(point["design_point"]): int(point["n_replicates"]) for point in points}
    if len(set(counts.values())) < 2:
        return next(iter(counts.values()), None), RunOptions(estimates=estimates)
    return None, RunOptions(precision=_AsBefore(counts), estimates=estimates)


def folder_of_scenario(run: str | Path) -> Path:
    """Return where the scenario of a run lies, from which it names other files.

    Parameters
    ----------
    run : str or Path
        A folder that keeps a run, a scenario file, or a packaged name.
    """
    path = Path(run)
    if path.is_dir():
        with Ledger.reading(path) as ledger:
            return Path(ledger.asked()[-1].folder)
    return find_packaged("scenarios", run, ScenarioError).parent


def _name(values: Mapping[str, object]) -> str:
    return json.dumps(dict(values), sort_keys=True)


@dataclass(frozen=True, slots=True)
class _AsBefore:
    """A rule that gives each design the replicates it had before."""

    counts: Mapping[str, int]
    option: str = ""

    @property
    def first(self) -> int:
        """Replicates of the first stage."""
        return min(self.counts.values())

    @property
    def most_replicates(self) -> int:
        """The most that a design had."""
        return max(self.counts.values())

    def assess(self, point: PointResult, stage: int) -> Assessment:
        """Ask for what is missing."""
        del stage
        wanted = self.counts[_name(point.values)]
        done = point.n_replicates >= wanted
        return Assessment(wanted=wanted, words="as before" if done else "")

    def shortfall(self, point: PointResult) -> str:
        """Return that the design has what it had."""
        del point
        return "as before"


def load_run(folder: str | Path) -> RunResult:
    """Return the result that ``lupusim run --out`` has kept in a folder; leave the folder alone.

    Raises
    ------
    KeptRunError
        If it holds no run, a part of one, or one of other versions or code.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise KeptRunError(f"{folder} is no folder: give one written by lupusim run --out DIR")
    known = known_result(folder / RESULT) if (folder / RESULT).is_file() else None
    with TemporaryDirectory() as scratch:
        whole = Path(scratch) / "whole"
        try:
            asked, seed = merge([folder], whole)
            result = collected(whole, asked, seed, known)
        except OtherRunError as error:
            raise KeptRunError(
                f"{folder} was simulated by other versions or code, whose sums must not be read by "
                f"these ({error.different}). Simulate it again: lupusim run "
                f"{folder / 'scenario.yaml'} --out ANOTHER"
            ) from error
        except LedgerError as error:
            raise KeptRunError(str(error).replace(str(whole), str(folder))) from error
    if not result.complete:
        raise KeptRunError(_what_there_is(folder, "; ".join(result.notes)))
    return _as_it_was(result, known)


def _what_there_is(folder: Path, missing: str) -> str:
    """Return what a folder holds that is no whole run: the answer of another command, or a part."""
    written = sorted(table.stem for table in folder.glob("*.csv"))
    answers = [name for name in written if (folder / f"{name}.json").is_file()]
    if answers:
        return (
            f"{folder} holds no run: it is the answer of lupusim {answers[0]}, which stands in "
            f"{answers[0]}.json and .csv. Give its {folder / 'scenario.yaml'} with the numbers "
            "found, or a folder written by lupusim run --out DIR"
        )
    return (
        f"{folder} holds a part of a run ({missing}). Finish it: the command that began it, "
        "with --resume"
    )


def known_result(path: Path) -> Mapping[str, Any]:
    """Return the content of a ``result.json``, as far as it is needed to find it again.

    Raises
    ------
    KeptRunError
        If it is none that lupusim wrote.
    """
    try:
        found = as_object(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, RecursionError) as error:
        raise KeptRunError(f"{path} is damaged: it is no JSON ({error})") from error
    if found is None or not _is_result(found):
        raise KeptRunError(f"{path} is damaged: it holds no result of a run")
    return found


def _is_result(found: Mapping[str, Any]) -> bool:
    """Return whether what is read of a result is of its kind."""
    points, notes = found.get("points"), found.get("notes", [])
    return (
        type(points) is list
        and all(map(_is_point, points))
        and type(notes) is list
        and all(type(note) is str for note in notes)
        and type(found.get("seconds", 0.0)) in (int, float)
    )


def _is_point(point: object) -> bool:
    row = as_object(point) or {}
    count = row.get("n_replicates")
    return as_object(row.get("design_point")) is not None and type(count) is int and count > 0


def _as_it_was(result: RunResult, known: Mapping[str, Any] | None) -> RunResult:
    """Return the result with what only the first run knew: its time, notes and options."""
    if known is None:
        return result
    return replace(
        result,
        seconds=float(known.get("seconds", result.seconds)),
        notes=tuple(known.get("notes", result.notes)),
        asked=str(known.get("asked") or f"--replicates {result.n_replicates}"),
    )

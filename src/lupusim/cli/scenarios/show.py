"""The commands ``lupusim show`` and ``lupusim check``: what a file of ours says, in words."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from lupusim.cli.options import WidthOption
from lupusim.cli.parameters import Argument
from lupusim.cli.session import warn
from lupusim.scenario.document.content import is_list

if TYPE_CHECKING:
    from lupusim.trial.scenario import Scenario

FileArgument = Annotated[
    str,
    Argument(metavar="NAME", help="A scenario, model or evidence file, or a packaged name."),
]
_USUAL_WIDTH = 100


def show(name: FileArgument, width: WidthOption = None) -> None:
    """Print a scenario, a model or evidence in words: states, rates, arms, sources."""
    _print(_KINDS[_kind(name)][0](name), width)


def check(name: FileArgument, width: WidthOption = None) -> None:
    """Read a scenario, model or evidence file: report every problem, or say what it means."""
    verdict, _, words = _KINDS[_kind(name)][1](name).partition("\n")
    print(verdict)  # in one line, for programs that look for it
    _print(words, width)


def _print(text: str, width: int | None) -> None:
    """Print lines, wrapped between words where they are wider than the terminal."""
    import shutil

    columns = width or min(shutil.get_terminal_size((80, 24)).columns, _USUAL_WIDTH)
    for line in text.split("\n"):
        indent = " " * (len(line) - len(line.lstrip()) + 2)
        print(
            textwrap.fill(
                line,
                columns,
                subsequent_indent=indent if line.startswith(" ") else "",
                break_long_words=False,
                break_on_hyphens=False,
            )
        )


def _kind(name: str) -> str:
    """Return of which kind a file is: by the folder of a packaged name, or by its schema."""
    from lupusim.common.spelling import near
    from lupusim.errors import ScenarioError
    from lupusim.scenario.document.yaml_reader import read_document
    from lupusim.scenario.files.packaged import packaged_names

    folders = {"scenario": "scenarios", "model": "models", "evidence": "evidence"}
    kinds = {one: kind for kind, folder in folders.items() for one in packaged_names(folder)}
    if name in kinds or not Path(name).exists():
        meant = name if name in kinds else "".join(near(name, list(kinds)))
        return kinds.get(meant, "scenario")  # whose reader says what there is
    schema = str(read_document(name, ScenarioError).content.get("schema", ""))
    kind = schema.removeprefix("lupusim/").partition("/")[0]
    return kind if kind in _KINDS else "scenario"


def _scenario_words(name: str) -> str:
    from lupusim.report.words import scenario_in_words
    from lupusim.scenario import load_scenario

    return scenario_in_words(load_scenario(name))


def _scenario_checked(name: str) -> str:
    from lupusim.report.words import what_it_means
    from lupusim.scenario import load_scenario

    loaded = load_scenario(name)
    warn(loaded)
    for line in _wrong_way(loaded):
        print(line, file=sys.stderr)
    designs = "design" if len(loaded.points) == 1 else "designs"
    found = f"{name}: no problem found; {len(loaded.points)} {designs} to simulate"
    return "\n".join(filter(None, (found, what_it_means(loaded), _power(loaded))))


def _power(loaded: Scenario) -> str:
    """Return in one line how power will be known, asking no more of a trial than it takes."""
    from lupusim.trial.checks.at_a_glance import EXACT, is_plainly_of_tables

    trials = [point.trial for point in loaded.points]
    if all(map(is_plainly_of_tables, trials)):
        return f"Power: {EXACT}."
    from lupusim.planning.runs.how_known import how_known

    return how_known(trials)


def _wrong_way(loaded: Scenario) -> list[str]:
    """Return the warnings of arms that fare worse, from a few trials where it isn't plain."""
    from lupusim.trial.checks.at_a_glance import is_plainly_right

    if all(is_plainly_right(point.trial) for point in loaded.points):
        return []
    from lupusim.planning.runs.direction_check import wrong_way_beforehand

    return wrong_way_beforehand(loaded)


def _model_words(name: str) -> str:
    from lupusim.report.words import model_in_words
    from lupusim.scenario.files.calibration_block import free_model_from_document
    from lupusim.scenario.files.model import load_model_document, model_from_document

    document = load_model_document(name)
    if document.content.get("calibration") is not None:
        free_model_from_document(document)  # what calibrate would refuse is told here
    about: dict[str, Any] = {
        key: _one_line(document.content.get(key)) for key in ("description", "source")
    }
    return model_in_words(model_from_document(document), **about)


def _evidence_words(name: str) -> str:
    from lupusim.report.words import evidence_in_words
    from lupusim.scenario.files.evidence import load_study

    return evidence_in_words(load_study(name))


def _one_line(value: object) -> str:
    parts = value if is_list(value) else [value or ""]
    return "; ".join(" ".join(str(part).split()) for part in parts)


def _checked(words: Callable[[str], str]) -> Callable[[str], str]:
    return lambda name: f"{name}: no problem found\n{words(name)}"


_KINDS: dict[str, tuple[Callable[[str], str], Callable[[str], str]]] = {
    "scenario": (_scenario_words, _scenario_checked),
    "model": (_model_words, _checked(_model_words)),
    "evidence": (_evidence_words, _checked(_evidence_words)),
}
"""How each kind of file is shown, and checked."""

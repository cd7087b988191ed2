"""Check a design as it is typed: its problems with their lines, or what it is in words."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from lupusim.app.folder import StartFolder
from lupusim.common.frozen import dataclass
from lupusim.errors import InputError, Problem
from lupusim.report.numbers import grouped
from lupusim.report.words.paths import varied_in_words
from lupusim.scenario.document.edits import parsed

if TYPE_CHECKING:
    from lupusim.trial.scenario import DesignPoint, Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a text is found to be."""

    scenario: Scenario | None = None  # the trial; None where something is wrong
    content: dict[str, object] | None = None  # the text as plain data; None where it is no YAML
    problems: tuple[Problem, ...] = field(default=())  # what is wrong


def check(text: str, *, folder: StartFolder, beside: Path, name: str) -> Checked:
    """Check a design.

    Parameters
    ----------
    text : str
        A scenario file.
    folder : StartFolder
        Outside which no file is read.
    beside : Path
        The folder that relative paths start from.
    name : str
        What the file is called.
    """
    from lupusim.scenario.files.scenario import scenario_from_document

    content = None
    try:
        document = parsed(text, name)
        content = document.content
        strangers = folder.strangers(content, beside)
        if strangers:
            return Checked(content=content, problems=tuple(map(document.locate, strangers)))
        scenario = scenario_from_document(document, folder=beside, command=name)
    except InputError as error:
        return Checked(content=content, problems=error.problems)
    return Checked(scenario=scenario, content=content)


def known_power(scenario: Scenario) -> list[tuple[str, float, str]]:
    """Return the power of each design that a formula knows: its name, power, how it is known."""
    from lupusim.planning.theory.power import undrawn_powers

    words = {"exact": "exact", "theory": "by formula"}
    found = []
    for point in scenario.points:
        known = [one for one in undrawn_powers(point.trial) if one.key in words]
        for one in known[:1]:
            found.append((_name(point), one.value, words[one.key]))
    return found


def _name(point: DesignPoint) -> str:
    """Return what distinguishes a design: its patients, or what else varies."""
    if point.values.keys() <= {"sample_size"}:
        return f"{grouped(point.trial.n_patients)} patients"
    return varied_in_words(point.values)


def time_needed(scenario: Scenario, precision: str) -> str:
    """Return how long a run would take, where that is long; else nothing.

    Parameters
    ----------
    scenario : Scenario
        What would be run.
    precision : str
        Of :data:`~lupusim.planning.runs.precision.PRESETS`.
    """
    from lupusim.planning.runs.forecast import forecast
    from lupusim.planning.runs.precision import PRESETS

    return forecast(scenario, PRESETS[precision], n_jobs=-1).words("This")

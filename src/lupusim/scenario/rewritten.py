"""A scenario file with the numbers that were found, and the rest as its author wrote it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from lupusim.common.frozen import dataclass
from lupusim.errors import ScenarioError
from lupusim.planning.sample_size.growth import Sizing
from lupusim.planning.sensitivity.one_at_a_time import Value
from lupusim.scenario.document import edits
from lupusim.scenario.document.content import is_mapping, is_nested, is_number, items
from lupusim.scenario.document.yaml_reader import Document, parse_document, read_document
from lupusim.scenario.files.number_at import NumberInFile
from lupusim.scenario.files.packaged import find_packaged
from lupusim.scenario.files.scenario import scenario_from_document
from lupusim.scenario.files.shorthand import reaching
from lupusim.scenario.files.variation import place_of
from lupusim.simulation.fingerprint import trial_fingerprint
from lupusim.trial import Trial
from lupusim.trial.looks.timing import times
from lupusim.trial.scenario import Scenario

# Counts that grow with the trial, and the sections that have them.
_COUNTS = ("events", "patients", "patients_in_arm", "first_events", "planned")
_OF_TRIAL = ("looks", "arms", "adaptation")
_MARK = "# Found by lupusim: "


class Rewriting(Protocol):
    """How a file is changed for one answer."""

    def text(self, answer: float) -> str:
        """Return the file's text with an answer in it."""
        ...

    def trial(self, answer: float) -> Trial:
        """Return the trial that is meant."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A scenario file that is not written yet: what was found will be in it."""

    path: Path  # where it will be
    rewriting: Rewriting
    """How its text is made of an answer."""

    def text(self, answer: float, words: str) -> str:
        """Return the text for an answer, with words on it in the first line.

        Raises
        ------
        ValueError
            If the file cannot say it: what it would make is another trial.
        """
        text = self.rewriting.text(answer)
        if text.startswith(_MARK):
            text = text.partition("\n")[2]
        text = f"{_MARK}{words}\n{text}"
        try:
            document = parse_document(text, self.path, ScenarioError)
            points = scenario_from_document(document, folder=self.path.parent).points
        except ScenarioError as error:
            told = "; ".join(problem.fault for problem in error.problems)
            raise ValueError(
                f"{self.path} could not be read there ({told}). Write it into the folder of the "
                "scenario, or change the number there by hand"
            ) from None
        meant = trial_fingerprint(self.rewriting.trial(answer))
        if [trial_fingerprint(point.trial) for point in points] != [meant]:
            raise ValueError(
                f"{self.path} would be another trial than the one that is meant: what grows with "
                "it stands in the scenario in a way that is not changed for you. Leave --file out, "
                "and change the numbers there by hand"
            )
        return text


def sized(
    name_or_path: str | Path,
    scenario: Scenario,
    sizing: Sizing,
    *,
    path: Path,
    chosen: Mapping[str, Value] = MappingProxyType({}),
) -> Draft:
    """Return the file of a scenario at other sizes, once it is known that there can be one.

    Parameters
    ----------
    name_or_path : str or Path
        Name of a packaged scenario, or the path of a scenario file.
    scenario : Scenario
        The same as it was read.
    sizing : Sizing
        How it grows; in the unit of its sizes are the answers.
    path : Path
        Where the new file will be.
    chosen : mapping of str to int, float or str
        Values at some paths that the file has otherwise, or varies; with some nothing is varied.

    Raises
    ------
    ValueError
        If the file cannot say another size.
    """
    stated, document = scenario.points[0].values, _read(name_or_path)
    file = _Sized(document=document, stated=stated, sizing=sizing, chosen=chosen)
    draft = Draft(path=path, rewriting=file)
    draft.text((sizing.start // sizing.step + 1) * sizing.step, "tried")
    return draft


def solved(name_or_path: str | Path, asked: NumberInFile, *, path: Path) -> Draft:
    """Return the file of a scenario with other values of a number, which are the answers.

    Parameters
    ----------
    name_or_path : str or Path
        Name of a packaged scenario, or the path of a scenario file.
    asked : NumberInFile
        The number.
    path : Path
        Where the new file will be.

    Raises
    ------
    ValueError
        If the file cannot say it.
    """
    draft = Draft(path=path, rewriting=_Solved(document=_read(name_or_path), asked=asked))
    draft.text(asked.stated.value, "tried")
    return draft


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sized:
    document: Document
    stated: Mapping[str, Any]  # what the first design says in place of the file
    sizing: Sizing
    chosen: Mapping[str, Value]  # what is stated in place of what varies

    def trial(self, answer: float) -> Trial:
        return self.sizing.at(int(answer))

    def text(self, answer: float) -> str:
        """Return the text with the size, and with all counts that grow with it."""
        factor = answer / self.sizing.start
        content = self.document.content
        text = _stating(self.document, self.chosen) if self.chosen else self.document.text
        text = edits.with_value(text, ("sample_size",), self.trial(answer).n_patients)
        said = {place_of(content, path): value for path, value in self.stated.items()}
        for section in _OF_TRIAL:
            for place, count in _counts(content.get(section), (section,)):
                text = edits.with_value(text, place, times(factor, int(said.get(place, count))))
        varied = content.get("vary")
        if not is_mapping(varied) or self.chosen:
            return text
        kept = {path: values for path, values in varied.items() if path not in self.sizing.keys}
        return edits.with_value(text, ("vary",), kept or None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Solved:
    document: Document
    asked: NumberInFile

    def trial(self, answer: float) -> Trial:
        return self.asked.build(dict.fromkeys(self.asked.paths, self._written(answer)))

    def text(self, answer: float) -> str:
        """Return the text with the number."""
        return _stating(self.document, dict.fromkeys(self.asked.paths, self._written(answer)))

    def _written(self, answer: float) -> Value:
        """Return a value as the file says it, to six digits: nobody writes a twelfth."""
        whole = self.asked.stated.whole
        return self.asked.stated.written(answer if whole else float(f"{answer:.6g}"))


def _stating(document: Document, values: Mapping[str, Value]) -> str:
    """Return a text that states values at paths, and varies nothing.

    Where one stands in a few words these are spelled out.
    """
    spelled = reaching(document, tuple(values)).content
    text = edits.with_value(document.text, ("vary",), None)
    stated = document.content
    roots = dict.fromkeys(path.partition(".")[0] for path in values)
    if "arms" in roots:
        roots["allocation"] = None  # in a few words it says a number of every arm
    for key in roots:
        if stated.get(key) != spelled.get(key):
            text = edits.with_value(text, (key,), spelled.get(key))
    for path, value in values.items():
        text = edits.with_value(text, place_of(spelled, path), value)
    return text


def _read(name_or_path: str | Path) -> Document:
    return read_document(find_packaged("scenarios", name_or_path, ScenarioError), ScenarioError)


def _counts(
    content: Any, place: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], int]]:
    """Yield every count of patients or events below a place, and where it stands."""
    if not is_nested(content):
        return
    for key, value in items(content):
        if key in _COUNTS and is_number(value):
            yield (*place, key), int(value)
        else:
            yield from _counts(value, (*place, key))

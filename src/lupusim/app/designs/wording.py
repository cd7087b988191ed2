"""Words of a packaged design that stop being true once its numbers are changed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from lupusim.app.designs.fields import PATIENTS, TEST, TRUTH
from lupusim.common.frozen import dataclass
from lupusim.errors import InputError, ScenarioError
from lupusim.scenario.document.content import is_mapping, is_nested, is_number, is_text, items
from lupusim.scenario.document.edits import Path, parsed, value_at, with_value
from lupusim.scenario.files.packaged import find_packaged, packaged_names

_NUMBER = re.compile(r"(?<![\w.-])(?<!phase )\d+(?:\.\d+)?", re.IGNORECASE)  # not of SRI-4, phase 2
_TITLE: Path = ("title",)
_WORDS = {"title", "question", "estimand", "source", "schema"}  # no numbers of a trial
_GROUPS = {  # of the form, whatever it knows of a section
    **dict.fromkeys(("arms", "outcomes", "model", "population"), TRUTH),
    **dict.fromkeys(("sample_size", "allocation", "enrollment", "dropout", "simulation"), PATIENTS),
}
_OF_RESULTS: tuple[Path, ...] = (_TITLE, ("question",))  # and of differences, sizes, powers


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A value of a design that is another now."""

    group: str  # under which heading of the form it stands, or would
    before: str  # what stood there


def changes(old: Any, new: Any) -> Iterator[Change]:
    """Yield what differs between the contents of two scenario files, but for words."""
    before, after = dict(_values(old, ())), dict(_values(new, ()))
    for path in {**before, **after}:
        was = before.get(path)
        if was != after.get(path) and _WORDS.isdisjoint({path[0], path[-1]}):
            root = str(path[1]).partition(".")[0] if path[0] == "vary" and path[1:] else path[0]
            share = f" {100 * was:g}" if is_number(was) and abs(was) < 1 else ""
            yield Change(group=_GROUPS.get(str(root), TEST), before=f"{was}{share}")


def _values(content: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if not is_nested(content):
        yield path, content
    for key, value in items(content):
        yield from _values(value, (*path, key))


def words_with_numbers(content: Any) -> dict[Path, str]:
    """Return where title, question and estimand of a scenario hold numbers, and what they say."""
    estimand = value_at(content, ("estimand",))
    attributes = [("estimand", name) for name in estimand] if is_mapping(estimand) else []
    told = {place: value_at(content, place) for place in (*_OF_RESULTS, *attributes)}
    return {place: one for place, one in told.items() if is_text(one) and _NUMBER.search(one)}


def words_of_packaged(text: str) -> dict[Path, str]:
    """Return what a design tells with numbers in the words of the packaged scenario it was made of.

    Empty where its title is no packaged scenario's, or the text is no YAML.
    """
    try:
        content = parsed(text).content
    except InputError:
        return {}
    line = f"\ntitle: {value_at(content, _TITLE)}\n"
    for name in packaged_names("scenarios"):
        packaged = find_packaged("scenarios", name, ScenarioError).read_text(encoding="utf-8")
        if line in packaged:
            theirs = words_with_numbers(parsed(packaged).content)
            ours = words_with_numbers(content)
            return {place: words for place, words in ours.items() if theirs.get(place) == words}
    return {}


def without_old_numbers(text: str, told: dict[Path, str], change: Change, *, kind: str) -> str:
    """Return a design in which a value was changed, without words that this may have made wrong.

    Wrong is what tells the number that stood there; what tells results of the design (its title,
    its question) may be wrong in any number, unless only patients, or the seed, were changed; the
    estimand only in what is expected. A title keeps its other parts, or becomes `kind`; a question
    goes, and an attribute of the estimand (reports then say what follows from the trial). What
    somebody has written meanwhile stays.

    Parameters
    ----------
    text : str
        A scenario file, after the change.
    told : dict of path to str
        From :func:`words_of_packaged` of the design that was opened; follows the title.
    change : Change
        What was changed.
    kind : str
        What the trial is, in words without numbers.
    """
    content, old = parsed(text).content, set(_NUMBER.findall(change.before))
    places = [place for place in told if place in _OF_RESULTS or change.group == TRUTH]
    decides = change.group != PATIENTS
    for place in places:
        words, any_number = told[place], decides and place in _OF_RESULTS
        if value_at(content, place) != words or not _tells(words, old, any_number=any_number):
            continue
        parts = [one for one in words.split(", ") if not _tells(one, old, any_number=any_number)]
        told[place] = _title(parts, kind)
        text = with_value(text, place, told[place] if place == _TITLE else None)
    return text


def _tells(words: str, numbers: set[str], *, any_number: bool) -> bool:
    found = _NUMBER.findall(words)
    return bool(found) if any_number else not numbers.isdisjoint(found)


def _title(parts: Sequence[str], kind: str) -> str:
    words = ", ".join(parts) or kind
    return f"{words[:1].upper()}{words[1:]}"

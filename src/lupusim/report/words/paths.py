"""What a number of a scenario is called by those who plan, not where it stands in the file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache, partial
from typing import Any, TypeAlias

from lupusim.errors import ScenarioError
from lupusim.report.words.effects import ways_in_words
from lupusim.scenario.document.content import at, is_list, is_mapping, is_text
from lupusim.scenario.document.yaml_reader import parse_document
from lupusim.scenario.files.variation import steps_of, value_at
from lupusim.trial.scenario import Scenario, label

Naming: TypeAlias = Callable[[str], str]
"""From the path of a number to what it is called."""

_STATED = {  # what an arm states of an outcome, by the outcome's kind
    "response": "responders",
    "time_to_event": "median time",
    "score": "mean change",
    "event_count": "events",
}
_WORDS = {
    "sample_size": "patients in all",
    "sd": "standard deviation",
    "per_site_per_month": "per site and month",
}
_SILENT = {"arms", "when", "analysis", "effects", "looks", "outcomes"}  # what they hold says it
_TIME = re.compile(r"\d\S* [a-z]+")
_WHICH = re.compile(r", effect \d+")
_WAY = re.compile(r"(.+?)\s*->\s*(.+)")


def naming(scenario: Scenario) -> Naming:
    """Return what calls the numbers of a scenario by the names of its arms, outcomes, effects."""
    if not scenario.text:
        return path_in_words
    return partial(path_in_words, content=_content(scenario.text, scenario.name))


@lru_cache(maxsize=8)
def _content(text: str, name: str) -> Any:
    return parse_document(text, name, ScenarioError).content


def last_steps(paths: Iterable[str]) -> dict[str, str]:
    """Return the last step of each path where it alone is enough, else few words that are.

    Examples
    --------
    >>> last_steps(["arms.msc.effects.0.hazard_ratio", "sample_size"])
    {'arms.msc.effects.0.hazard_ratio': 'hazard_ratio', 'sample_size': 'sample_size'}
    >>> list(last_steps(["arms.a.effects.0.ratio", "arms.b.effects.0.ratio"]).values())
    ['ratio, a', 'ratio, b']
    """
    last = {path: _last(path) for path in paths}
    steps = list(last.values())
    words = {p: path_in_words(p) for p, s in last.items() if steps.count(s) > 1 or s.isdecimal()}
    short = {path: _WHICH.sub("", name) for path, name in words.items()}
    told_apart = len(set(short.values())) == len(words)
    return last | (short if told_apart else words)


def _last(path: str) -> str:
    return path.rpartition(".")[2]


def steps_in_words(paths: Iterable[str], called: Naming) -> Iterator[tuple[str, str]]:
    """Yield each name of :func:`last_steps` that does not say it all, with words that do.

    Parameters
    ----------
    paths : iterable of str
        Of what varies between the designs of a run.
    called : callable
        What numbers are called, from :func:`naming`.

    Examples
    --------
    >>> list(steps_in_words(["dropout.per_year", "analysis.controls"], path_in_words))
    [('per_year', 'dropout per year (dropout.per_year)'), ('controls', 'analysis.controls')]
    >>> list(steps_in_words(["arms.msc.model"], path_in_words))
    [('model', 'of msc (arms.msc.model)')]
    """
    for path, step in last_steps(paths).items():
        if path != step:
            where = _without(step_in_words(step), called(path))
            yield step, f"{where} ({path})" if where else path
        elif "." in path:
            yield path, called(path)


def varied_in_words(values: Mapping[str, object]) -> str:
    """Return what distinguishes a design, in as few words as tell its numbers apart.

    Examples
    --------
    >>> varied_in_words({"arms.msc.effects.0.hazard_ratio": 1.5, "sample_size": 120})
    'hazard ratio = 1.5, patients in all = 120'
    """
    called = short_names(values)
    between = "; " if any("," in name for name in called.values()) else ", "
    return label({called[path]: value for path, value in values.items()}, between=between)


def short_names_in_words(paths: Iterable[str], called: Naming) -> Iterator[tuple[str, str]]:
    """Yield for names of :func:`short_names` what :func:`steps_in_words` yields for last steps.

    Examples
    --------
    >>> list(short_names_in_words(["arms.msc.model"], path_in_words))
    [('model', 'of msc (arms.msc.model)')]
    """
    varied = list(paths)
    names, told = short_names(varied), dict(steps_in_words(varied, called))
    yield from ((names[p], told[step]) for p, step in last_steps(varied).items() if step in told)


def short_names(paths: Iterable[str]) -> dict[str, str]:
    """Return what numbers are called in as few words as tell them apart.

    Examples
    --------
    >>> list(short_names(["arms.a.effects.0.ratio", "arms.b.effects.0.ratio"]).values())
    ['ratio, a', 'ratio, b']
    """
    steps = last_steps(paths).items()
    return {path: step_in_words(step) if step == _last(path) else step for path, step in steps}


def _without(step: str, words: str) -> str:
    """Return what words say of a step, without the step where they begin with it."""
    rest = words.removeprefix(step)
    return f"of {rest[2:]}" if rest.startswith(", ") else rest.strip()


def step_in_words(step: str) -> str:
    """Return what the last step of a path is called by those who plan.

    Examples
    --------
    >>> step_in_words("sample_size"), step_in_words("hazard_ratio")
    ('patients in all', 'hazard ratio')
    """
    return _WORDS.get(step, _plain(step))


def path_in_words(path: str, content: Any = None) -> str:
    """Return what a number of a scenario is called.

    Parameters
    ----------
    path : str
        Where it stands, such as ``dropout.per_year``.
    content : mapping, optional
        What the file holds: then arms and effects are called by name, not by number.

    Examples
    --------
    >>> path_in_words("dropout.per_year"), path_in_words("looks.0.when.events")
    ('dropout per year', 'events, look 1')
    >>> path_in_words("arms.msc.effects.0.hazard_ratio")
    'hazard ratio, effect 1, msc'
    """
    *outer, last = _phrases(path, content)
    said = [last, *reversed(outer)]
    return "".join(f"{'' if words.startswith('on ') else ','} {words}" for words in said)[2:]


def _phrases(path: str, content: Any) -> Iterator[str]:
    """Yield phrases from the outermost to the number itself; keys below keys are one phrase."""
    steps, keys = steps_of(content, path), list[str]()
    for number, step in enumerate(steps):
        place = ".".join(steps[: number + 1])
        before = steps[number - 1] if number else ""
        last = number == len(steps) - 1
        if before == "arms" or step.isdecimal():
            yield from filter(None, [" ".join(keys)])
            keys = []
            yield _item(before, step, value_at(content, place))
        elif before == "outcomes" and "arms" in steps:
            kind = str(at(content, "outcomes", step, "kind"))
            keys.append(_STATED.get(kind, _plain(step)) if last or _is_time(steps[-1]) else "")
        elif step not in _SILENT or last:
            keys.append(f"at {step}" if _is_time(step) else step_in_words(step))
    yield from filter(None, [" ".join(filter(None, keys))])


def _is_time(step: str) -> bool:
    return bool(_TIME.fullmatch(step))


def _item(holder: str, step: str, item: Any) -> str:
    """Return what a part of a list is called: by its name, by what it acts on, or its number."""
    if is_mapping(item) and "name" in item:
        return str(item["name"])
    on = at(item, "on")
    ways = [_WAY.fullmatch(way.strip()) for way in (on if is_list(on) else [on]) if is_text(way)]
    if ways and all(ways):
        return f"on {ways_in_words([(found[1], found[2]) for found in ways if found])}"
    if not step.isdecimal():
        return step
    return f"{_plain(holder).removesuffix('s')} {int(step) + 1}"


def _plain(name: str) -> str:
    return name.replace("_", " ")

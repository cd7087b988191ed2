"""The file of a new scenario, from what was said."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import pairwise
from string import Template

from lupusim.common.spelling import near, nearest
from lupusim.scenario.document.amounts import is_plain_number, typed_share
from lupusim.scenario.starters.kinds import STARTERS, Ask, Starter

_MOST_LOOKS = 9  # a larger number is a percentage
_HALVES = 2
_CALLED: Mapping[str, str] = {
    "survival": "time_to_event",
    "tte": "time_to_event",
    "binary": "two_rates",
    "responder": "two_rates",
    "response": "two_rates",
    "proportions": "two_rates",
    "continuous": "score",
    "means": "score",
    "recurrent": "counts",
    "event_count": "counts",
    "categories": "ordinal",
    "doses": "dose_arms",
}
"""What planners call the kinds."""
_OF_TWO = ("difference", "effect", "delta", "effect_size")
_CLOSER = {"overdispersion": "dispersion", "n": "size"}
_FINE = 10_000  # parts in which the information of equal steps is written


def questions(kind: str) -> dict[str, Ask]:
    """Return what may be said of a kind, by name: first what every planner says.

    Raises
    ------
    ValueError
        If there is no such kind; the message names those there are.
    """
    if kind not in STARTERS:
        meant = nearest(_CALLED.get(kind.lower(), kind), STARTERS)
        raise ValueError(f"{kind!r} is no kind of trial to start from. {meant}")
    return {**STARTERS[kind].asked, **STARTERS[kind].further}


def by_name(kind: str, values: Mapping[str, str]) -> dict[str, str]:
    """Return what was said by the names of the options, of which some have several.

    Raises
    ------
    ValueError
        If there is no such kind, it asks for no such value, or one is said twice.
    """
    asked = questions(kind)
    names = {other: name for name, ask in asked.items() for other in (*ask.also, name)}
    found: dict[str, str] = {}
    for name, value in values.items():
        if name not in names:
            fix = _nearest_of(_CLOSER.get(name, name), names, asked)
            if name in _OF_TWO and "treated" in asked:
                fix = f"State 'control' and 'treated', whose {name} it is"
            raise ValueError(f"a scenario of kind {kind!r} takes no {name!r}. {fix}")
        if names[name] in found:
            raise ValueError(f"{name}={value}: {names[name]!r} is said already. Keep one of them")
        found[names[name]] = value
    return found


def _nearest_of(name: str, names: Mapping[str, str], asked: Mapping[str, Ask]) -> str:
    """Return which option is meant; else all, by one name each."""
    found = near(name, list(names))
    return f"Did you mean {found[0]!r}?" if found else f"It takes {', '.join(asked)}"


def with_defaults(kind: str, values: Mapping[str, str]) -> dict[str, str]:
    """Return what holds of each option: what was said, the default, or nothing.

    Raises
    ------
    ValueError
        If there is no such kind, or it asks for no such value.
    """
    asked, values = questions(kind), by_name(kind, values)
    said = {name: values.get(name, ask.default) for name, ask in asked.items()}
    return {n: "" if _is_nothing(value, asked[n]) else value for n, value in said.items()}


def starter_text(kind: str, values: Mapping[str, str]) -> str:
    """Return the file of a kind of trial, less than 30 lines.

    Parameters
    ----------
    kind : str
        One of `STARTERS`.
    values : mapping of str to str
        By name what was said; what was not has its default, or is not in the file.

    Raises
    ------
    ValueError
        If there is no such kind, it asks for no such value, a number has no unit that needs one,
        or looks or a second endpoint cannot be made of what was said of them.
    """
    said, starter = with_defaults(kind, values), STARTERS[kind]
    _check_units(questions(kind), by_name(kind, values))
    parts = _parts(starter, said)

    def filled(text: str) -> str:
        return Template(text).substitute(parts)

    analysis = "$test, alpha: $alpha, sided: $sided$margin" + starter.analysis + "$family"
    return (
        "schema: lupusim/scenario/1\n"
        f'title: "{starter.words[0].upper()}{starter.words[1:]}"\n'
        + filled(starter.body)
        + filled(starter.unsaid if not said["looks"] else "$looks")
        + filled("allocation: $allocation\nenrollment: $enrollment\ndropout: $dropout\n")
        + filled(f"analysis: {{test: {analysis}}}")
        + "  # one-sided 2.5 % is two-sided 5 %\n"
        + filled("sample_size: $size  # in all arms together; 'lupusim size' finds it\n")
        + "# vary: {sample_size: [100, 150]}  # any number of this file may be varied\n"
        "simulation: {replicates: 1000, seed: 20260101}\n"
        "source: assumption  # say here where your numbers come from\n"
    )


def ratios_of(kind: str, values: Mapping[str, str]) -> dict[str, str]:
    """Return what the plain numbers are called that are taken for ratios to the control, by option.

    Examples
    --------
    >>> ratios_of("counts", {"control": "1.2 per year", "treated": "0.8"})
    {'treated': 'rate_ratio'}
    """
    said, asked = by_name(kind, values), questions(kind)
    return {n: asked[n].ratio for n in said if asked[n].ratio and is_plain_number(said[n])}


def _check_units(asked: Mapping[str, Ask], said: Mapping[str, str]) -> None:
    """Raise ValueError where a plain number could be in several units."""
    for name, value in said.items():
        if not (asked[name].unit and is_plain_number(value)) or float(value) == 0:
            continue
        percent = f"{float(value) * (100 if float(value) < 1 else 1):g}"
        fix = Template(asked[name].unit).substitute(value=value, percent=percent)
        raise ValueError(f"{name}={value}: {value} has no unit. Write {fix}")


def _is_nothing(value: str, ask: Ask) -> bool:
    """Return whether nothing is said: none of what may be left out."""
    return not ask.default and value == "none"


def _parts(starter: Starter, said: Mapping[str, str]) -> dict[str, str]:
    """Return what stands for each name in the texts of a kind."""
    asked = {**starter.asked, **starter.further}
    plain = {name: _written(asked[name], value, said) for name, value in said.items()}
    return plain | _second(starter, said) | {"looks": "".join(_looks(starter, said))}


def _written(ask: Ask, value: str, said: Mapping[str, str]) -> str:
    """Return how the file says a value; nothing where nothing was said."""
    onset = said.get("onset", "")
    if ask.ratio and is_plain_number(value):
        return f"{{{ask.ratio}: {value}{onset and f', onset: {onset}'}}}"
    if ask.ratio and onset:
        fix = "Say that ratio in place of"
        raise ValueError(f"onset={onset}: it goes with a {ask.ratio}. {fix} {value!r}")
    return Template(ask.written).substitute(value=value) if value else ""


def _second(starter: Starter, said: Mapping[str, str]) -> dict[str, str]:
    """Return the parts that a second endpoint has in the texts; empty ones where there is none."""
    names = ("second_control", "second_treated", "endpoints", "family")
    if not starter.second:
        return dict.fromkeys(names, "")
    value = said["second"]
    if not value:
        return dict.fromkeys(("second", *names), "")
    halves = {}
    if "second_control" in starter.second:
        both = [half.strip() for half in value.split(",")]
        if len(both) != _HALVES or not all(both):
            like = starter.further["second"].words.rpartition("such as ")[2]
            raise ValueError(f"second={value}: {value!r} is not two values. Write such as {like}")
        halves = dict(zip(("first", "other"), both, strict=True))
    within = {**said, **halves, "value": value}
    return {n: Template(text).substitute(within) for n, text in starter.second.items()}


def _looks(starter: Starter, said: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of the looks; none where nothing is said of them."""
    if not said["looks"]:
        if said["futility"]:
            fix = "Say when too, such as looks=50 %"
            raise ValueError(f"futility={said['futility']}: there is no interim look. {fix}")
        return
    yield "looks:\n"
    bounds = _bounds(said)
    for share in look_times(said["looks"]):
        when = {**said, "share": f"{share:.4g}", "patients": _part(said["size"], share)}
        yield f"  - {{when: {Template(starter.look).substitute(when)}{bounds}}}\n"
    yield f"  - {{when: {Template(starter.last).substitute(said)}}}\n"


def _bounds(said: Mapping[str, str]) -> str:
    efficacy, futility = said["efficacy"], said["futility"]
    success = "" if efficacy == "none" else f", efficacy: {{spending: {efficacy}}}"
    return success + (f", futility: {{z: {futility}}}" if futility else "")


def _part(size: str, share: float) -> str:
    """Return a share of all patients; what was said, where it is no number."""
    return f"{math.ceil(share * int(size))}" if size.isdecimal() else size


def look_times(words: str) -> list[float]:
    """Return the shares of the information at which interim looks are.

    Parameters
    ----------
    words : str
        How many, in equal steps, or the shares.

    Raises
    ------
    ValueError
        If they are neither, or do not rise.

    Examples
    --------
    >>> look_times("1"), look_times("50 %, 75 %")
    ([0.5], [0.5, 0.75])
    """
    try:
        parts = [part.strip() for part in words.strip("[] ").split(",")]
        if len(parts) == 1 and parts[0].isdecimal() and 1 <= int(parts[0]) <= _MOST_LOOKS:
            steps = int(parts[0]) + 1
            return [k * _FINE // steps / _FINE for k in range(1, steps)]  # 40 of 120, not 41
        shares = [typed_share(part) for part in parts]
    except ValueError as error:
        raise ValueError(f"looks={words}: {error}") from None
    if not all(0 < a < b for a, b in pairwise([*shares, 1.0])):
        fix = "Write such as 50 %, 75 %: above 0, rising, without the last look"
        raise ValueError(f"looks={words}: these are no times of interim looks. {fix}")
    return shares

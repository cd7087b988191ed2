"""The fields of the form: where each stands in a scenario file, its unit and a line of help."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from lupusim.common.frozen import dataclass
from lupusim.report.words.paths import path_in_words
from lupusim.scenario.document.content import at, is_list, is_mapping, is_number, match
from lupusim.scenario.document.edits import Path, value_at
from lupusim.scenario.files.variation import place_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a field writes a value: what stands in the file, and what the planner types."""

    show: Callable[[Any], str | None]
    """Takes what the file holds; returns what the field shows, or None where the file says it in
    another way than the field can."""
    read: Callable[[str], Any]
    """Takes what was typed; returns what the file shall hold. Raises ValueError with a sentence
    that says what to type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One number or word of a trial that the form asks for."""

    label: str
    unit: str
    help: str
    """`label`, `unit` and `help`: what it is, in what it is measured, and one sentence more."""
    group: str  # under which heading it stands
    path: Path  # where it stands in the file
    way: Way  # how it is written
    optional: bool = False  # whether it may stay empty, which removes it from the file

    def shown(self, content: Any) -> str | None:
        """Return what the field shows of a file; None where the file says it differently."""
        value = value_at(content, self.path)
        if value is None:
            return "" if self.optional else None
        return self.way.show(value)

    def unit_beside(self, shown: str) -> str:
        """Return the unit, or nothing where what is shown says its own."""
        return "" if "%" in shown and self.unit.startswith("%") else self.unit

    def read(self, typed: str) -> Any:
        """Return what the file shall hold; None to remove it. Raises ValueError."""
        typed = typed.strip()
        if not typed and self.optional:
            return None
        if not typed:
            raise ValueError(f"{self.label}: {self.help}")
        try:
            return self.way.read(typed)
        except ValueError as error:
            raise ValueError(f"{self.label}: {error}") from None


def _number(value: float) -> str:
    return f"{value:.10g}"


def _read_number(typed: str, example: str) -> int | float:
    try:
        value = float(typed.replace(",", ".").rstrip("% ").strip())
    except ValueError:
        raise ValueError(f"{typed!r} is no number. Write one such as {example}") from None
    if not abs(value) <= 1e9:
        raise ValueError(f"{typed!r} is no such number. Write one such as {example}")
    return int(value) if value.is_integer() else value


def number(example: str) -> Way:
    """Return the way of a plain number; ``5 %`` is 0.05."""

    def show(value: Any) -> str | None:
        return _number(value) if is_number(value) else None

    def read(typed: str) -> int | float:
        value = _read_number(typed, example)
        return round(value / 100, 12) if typed.endswith("%") else value

    return Way(show=show, read=read)


def words(pattern: str, written: str, example: str) -> Way:
    """Return the way of a number within words: ``10 per month``, ``30 %``.

    Parameters
    ----------
    pattern : str
        A regular expression whose one group is the number.
    written : str
        What is written, ``{}`` for the number.
    example : str
        A number to type.
    """
    known = re.compile(rf"\s*{pattern}\s*")

    def show(value: Any) -> str | None:
        found = match(known, value)
        return found[1] if found else None

    return Way(show=show, read=lambda t: written.format(_number(_read_number(t, example))))


def text(pattern: str, example: str) -> Way:
    """Return the way of words that have a form, such as a duration."""
    known = re.compile(pattern)

    def show(value: Any) -> str | None:
        return str(value) if match(known, value) else None

    def read(typed: str) -> str:
        if not known.fullmatch(typed):
            raise ValueError(f"{typed!r} is not understood. Write {example}")
        return typed

    return Way(show=show, read=read)


def _show_sizes(value: Any) -> str | None:
    sizes = at(value, "sample_size")
    if not is_list(sizes) or len(value) > 1 or not all(map(is_number, sizes)):
        return None
    return ", ".join(map(str, sizes))


def _read_sizes(typed: str) -> dict[str, list[int]]:
    parts = re.split(r"[,;\s]+", typed.strip(" ,;"))
    if not all(part.isdigit() for part in parts):
        raise ValueError(f"{typed!r} is no list of sizes. Write it as in 100, 120, 160")
    return {"sample_size": sorted(set(map(int, parts)))}


def _show_numbers(value: Any) -> str | None:
    listed = is_list(value) and all(map(is_number, value))
    return ", ".join(map(_number, value)) if listed else None


def _read_numbers(typed: str) -> list[int | float]:
    parts = re.split(r"[,;\s]+", typed.strip(" ,;"))
    return list(dict.fromkeys(_read_number(part, "1.5, 2.3") for part in parts))


_N = r"([0-9]+(?:\.[0-9]+)?)"
_DURATION = rf"{_N} (?:day|week|month|year)s?"
_SIZES = Way(show=_show_sizes, read=_read_sizes)
_WHERE = re.compile(" on .*(?=, )")  # transitions: many, in the help
_NUMBERS = Way(show=_show_numbers, read=_read_numbers)
_PERCENT = words(rf"{_N} ?%", "{} %", "30")
_A_YEAR = words(rf"{_N} ?% a year", "{} % a year", "15")
_IN_A_TIME = text(rf"{_N} ?% in {_DURATION}", "a share and a time such as 10 % in 24 weeks")
_LENGTH = text(_DURATION, "a time such as 24 weeks")
_DROPOUT = Way(
    show=lambda value: _A_YEAR.show(value) or _IN_A_TIME.show(value),
    read=lambda typed: (_IN_A_TIME if " in" in typed else _A_YEAR).read(typed),
)
_SIDED = text("[12]", "1 or 2")
_ONE_OR_TWO = Way(
    show=lambda value: str(value) if value in (1, 2) else None,
    read=lambda typed: int(_SIDED.read(typed)),
)

TRUTH, PATIENTS, TEST = "What you expect", "Patients", "Test"

_COMMON = (
    Field(
        label="Patients in all", unit="patients", group=PATIENTS, path=("sample_size",),
        help="How many are randomized, all arms together.", way=number("120"),
    ),
    Field(
        label="Sizes to compare", unit="patients", group=PATIENTS, path=("vary",), optional=True,
        help="Run these sizes instead, side by side, such as 100, 120, 160; may stay empty.",
        way=_SIZES,
    ),
    Field(
        label="Allocation", unit="control : treated", group=PATIENTS, path=("allocation",),
        help="How many come to each arm, such as 1:1 or 1:2.",
        way=text(r"[1-9][0-9]?(?::[1-9][0-9]?)+", "a ratio such as 1:2"),
    ),
    Field(
        label="Enrollment", unit="per month", group=PATIENTS, path=("enrollment",),
        help="How many patients are randomized in a month.",
        way=words(rf"{_N} per month", "{} per month", "10"),
    ),
    Field(
        label="Dropout", unit="% a year", group=PATIENTS, path=("dropout",), optional=True,
        help="How many in 100 leave within a year, such as 15; or in another time, as in 10 % in "
        "24 weeks; empty for none.",
        way=_DROPOUT,
    ),
    Field(
        label="Sites", unit="sites", group=PATIENTS, path=("enrollment", "sites"),
        help="How many enroll once all are open.", way=number("20"),
    ),
    Field(
        label="Enrollment of a site", unit="per month", group=PATIENTS,
        path=("enrollment", "per_site_per_month"), way=number("0.5"),
        help="How many patients each site randomizes in a month.",
    ),
    Field(
        label="Dropout rate", unit="per year", group=PATIENTS, path=("dropout", "per_year"),
        help="The hazard of leaving: 0.18 a year is 16.5 in 100 within a year.",
        way=number("0.18"),
    ),
    Field(
        label="Level", unit="alpha", group=TEST, path=("analysis", "alpha"),
        help="Probability of a false claim, 0.025 for one side.", way=number("0.025"),
    ),
    Field(
        label="Sides", unit="1 or 2", group=TEST, path=("analysis", "sided"),
        help="1: only a benefit counts; 2: a difference either way.", way=_ONE_OR_TWO,
    ),
    Field(
        label="Seed", unit="number", group=TEST, path=("simulation", "seed"),
        help="Names the random numbers: the same seed gives the same answer.",
        way=number("20260101"),
    ),
)  # fmt: skip


def fields_of(content: Any) -> list[Field]:
    """Return the fields for a scenario: of its outcome, and those that every trial has.

    Only those are returned that the file holds in the way the form writes it.
    """
    candidates = [
        *_of_outcome(content),
        *_effects(content),
        *_varied(content),
        *_last_look(content),
        *_COMMON,
    ]
    return [field for field in candidates if field.shown(content) is not None]


def _of_outcome(content: Any) -> Iterator[Field]:
    outcomes = value_at(content, ("outcomes",))
    arms = value_at(content, ("arms",))
    if not is_mapping(outcomes) or not outcomes or not is_list(arms):
        return
    name, described = next(iter(outcomes.items()))
    kind = value_at(described, ("kind",))
    of_kind = _KINDS.get(str(kind))
    if of_kind is None:
        return
    yield from of_kind(name, described)


def _arm(position: int, name: str) -> Path:
    return ("arms", position, "outcomes", name)


def _response(name: str, _: Any) -> Iterator[Field]:
    yield Field(
        label="Responders, control", unit="%", group=TRUTH, path=_arm(0, name), way=_PERCENT,
        help="How many in 100 respond without the treatment.",
    )  # fmt: skip
    yield Field(
        label="Responders, treated", unit="%", group=TRUTH, path=_arm(1, name), way=_PERCENT,
        help="How many in 100 respond with it, if it works as you hope.",
    )  # fmt: skip
    yield _visit(name)


def _visit(name: str) -> Field:
    return Field(
        label="Measured at", unit="time", group=TRUTH, path=("outcomes", name, "at"), way=_LENGTH,
        help="When after randomization, such as 24 weeks.",
    )  # fmt: skip


def _time_to_event(name: str, _: Any) -> Iterator[Field]:
    yield Field(
        label="Median time, control", unit="time", group=TRUTH, path=_arm(0, name), way=_LENGTH,
        help="When half of the patients without the treatment have had the event.",
    )  # fmt: skip
    yield Field(
        label="Hazard ratio", unit="treated / control", group=TRUTH, way=number("0.65"),
        path=(*_arm(1, name), "hazard_ratio"),
        help="Below 1, events come later with the treatment; 1 is no effect.",
    )  # fmt: skip


def _score(name: str, described: Any) -> Iterator[Field]:
    at = value_at(described, ("at",))
    for position, arm in ((0, "control"), (1, "treated")):
        for path in (_arm(position, name), (*_arm(position, name), str(at))):
            yield Field(
                label=f"Mean change, {arm}", unit="points", group=TRUTH, path=path,
                way=number("-4"), help="From randomization to the visit; below 0 is a fall.",
            )  # fmt: skip
    yield Field(
        label="Standard deviation", unit="points", group=TRUTH, path=("outcomes", name, "sd"),
        help="Of the score between patients.", way=number("8"),
    )  # fmt: skip
    yield Field(
        label="Correlation", unit="0 to 1", group=TRUTH, path=("outcomes", name, "correlation"),
        help="Of a patient's score at randomization and at the visit.", way=number("0.6"),
    )  # fmt: skip


def _event_count(name: str, _: Any) -> Iterator[Field]:
    yield Field(
        label="Events, control", unit="per year", group=TRUTH, path=_arm(0, name),
        help="How many a patient without the treatment has in a year.",
        way=words(rf"{_N} per year", "{} per year", "1.5"),
    )  # fmt: skip
    yield Field(
        label="Ratio of rates", unit="treated / control", group=TRUTH, way=number("0.6"),
        path=(*_arm(1, name), "rate_ratio"), help="Below 1, the treatment prevents events.",
    )  # fmt: skip
    yield Field(
        label="Dispersion", unit="0 or more", group=TRUTH, path=("outcomes", name, "dispersion"),
        help="How much patients differ: the variance is m + dispersion m².", way=number("0.8"),
    )  # fmt: skip


_KINDS: dict[str, Callable[[str, Any], Iterator[Field]]] = {
    "response": _response,
    "time_to_event": _time_to_event,
    "score": _score,
    "event_count": _event_count,
}


def _effects(content: Any) -> Iterator[Field]:
    """Yield the hazard ratio of each effect of an arm, but for one that varies between designs."""
    vary = value_at(content, ("vary",))
    varied = {place_of(content, path) for path in vary} if is_mapping(vary) else set()
    arms = value_at(content, ("arms",))
    a_number = number("0.65")
    for position, arm in enumerate(arms if is_list(arms) else []):
        effects = value_at(arm, ("effects",))
        count = len(effects) if is_list(effects) else 0
        for place in range(count):
            path: Path = ("arms", position, "effects", place, "hazard_ratio")
            if path in varied:
                continue
            which = f" {place + 1}" if count > 1 else ""
            called = path_in_words(".".join(map(str, path)), content)
            yield Field(
                label=f"Hazard ratio{which}, {at(arm, 'name')}", unit="times", group=TRUTH,
                path=path, way=a_number, help=f"{called[:1].upper()}{called[1:]}; 1 is no effect.",
            )  # fmt: skip


def _varied(content: Any) -> Iterator[Field]:
    """Yield a list for each number that varies between the designs, but for sizes alone."""
    vary = value_at(content, ("vary",))
    if not is_mapping(vary) or list(vary) == ["sample_size"]:
        return
    short: list[str] = []
    for path in vary:
        called = path_in_words(path, content)
        short.append(_WHERE.sub("", called))
        again = f" {short.count(short[-1])}" if short[-1] in short[:-1] else ""
        yield Field(
            label=f"To compare: {short[-1]}{again}", unit="side by side", way=_NUMBERS,
            path=("vary", path), group=PATIENTS if path == "sample_size" else TRUTH,
            help=f"{called[:1].upper()}{called[1:]}: a design for each value, or for each "
            "combination of several lists.",
        )  # fmt: skip


def _last_look(content: Any) -> Iterator[Field]:
    """Yield the events that each look waits for."""
    looks = value_at(content, ("looks",))
    count = len(looks) if is_list(looks) else 0
    for position in range(count):
        last = position == count - 1
        yield Field(
            label="Events in all" if last else f"Events at look {position + 1}", unit="events",
            group=TEST, path=("looks", position, "when", "events"), way=number("180"),
            help="When so many have had the event, the data are analyzed"
            + (" for the last time." if last else "."),
        )  # fmt: skip

"""What a value of a file may be: a number in a range, a duration, one of some names.

Each kind turns a value into an object, or reports at its place what is wrong and returns a
stand-in of the right type, so that reading can go on and find the next problem.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, Protocol, TypeGuard, TypeVar

from lupusim.common.frozen import dataclass
from lupusim.common.spelling import near, nearest
from lupusim.errors import fault_and_fix
from lupusim.scenario.document.amounts import mend_number, mend_whole, parse_rate, percentage
from lupusim.scenario.document.content import is_list, is_mapping, is_nested, is_text, match
from lupusim.scenario.document.durations import in_years, parse_duration
from lupusim.scenario.document.place import Place
from lupusim.scenario.document.yaml_reader import describe

_FEW, _PERCENT, _SHORT = 6, 100, 60  # the last in characters
_LARGEST = 1e15  # squares of what is larger, and their sums, are lost or overflow
_SMALLEST = 1e-30  # and of what is smaller they vanish
_ALSO_CALLED: Mapping[str, str] = {
    **dict.fromkeys(("chi_square", "chi_squared", "chi2", "chisq"), "pooled_z"),
    "mantel_haenszel": "cochran_mantel_haenszel",
    **dict.fromkeys(("mann_whitney", "wilcoxon_mann_whitney"), "wilcoxon"),
    "student": "t_test",
    "proportional_hazards": "cox",
    "rmst": "restricted_mean",
    "binary": "responder",
    "survival": "time_to_event",
    "tte": "time_to_event",
    "obf": "obrien_fleming",
}
"""What planners call some of the choices, in lower case."""

_COUNTED = re.compile(r"\s*(\d+) ([a-z]+)\s*")

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Kind(Protocol[T_co]):
    """What a value may be."""

    __slots__ = ()

    @property
    def words(self) -> str:
        """What it may be, for a page: unless it says otherwise, the first line of its docstring."""
        first = (self.__doc__ or "").partition("\n")[0].rstrip(".")
        return first[:1].lower() + first[1:]

    @property
    def fix(self) -> str:
        """What to write where the key is missing: nothing more than the key."""
        return ""

    def parse(self, value: object, place: Place) -> T_co:
        """Return the object, or report a problem and return a stand-in of its type."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Number(Kind[float]):
    """A finite number in a range (`above` is exclusive)."""

    at_least: float = -math.inf
    above: float = -math.inf
    at_most: float = math.inf
    below: float = math.inf

    def parse(self, value: object, place: Place) -> float:
        """Return the number."""
        if (share := percentage(value)) is not None and self._is_share:
            value = share
        if not _is_real(value):
            is_part = share is not None and self.at_most > 1
            fix = _instead(value, place, (not is_part and mend_number(value)) or self.fix)
            place.report(f"{describe(value)} is {'a share, ' * is_part}not a number", fix)
            return math.nan
        return _in_range(self, _as_float(value), place)

    @property
    def _is_share(self) -> bool:
        """Whether a percentage can be meant."""
        return max(self.at_least, self.above) >= 0 and min(self.at_most, self.below) <= 1

    @property
    def fix(self) -> str:
        """What to write instead."""
        return f"Give {self.words}."

    @property
    def words(self) -> str:
        """A number, in which range."""
        return f"a number{_range_words(self)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Integer(Kind[int]):
    """A whole number in a range."""

    at_least: float = -math.inf
    at_most: float = math.inf

    @property
    def fix(self) -> str:
        """What to write instead."""
        return f"Give {self.words}."

    @property
    def words(self) -> str:
        """A whole number, in which range."""
        return f"a whole number{_range_words(self)}"

    def parse(self, value: object, place: Place) -> int:
        """Return the whole number."""
        if not _is_whole(value):
            fix = _instead(value, place, mend_whole(value) or self.fix)
            place.report(f"{describe(value)} is not a whole number", fix)
            return 1
        number = int(value)
        if self.at_least <= number <= self.at_most:
            return number
        place.report(f"{describe(number)} is out of range", self.fix)
        return int(self.at_least if number < self.at_least else self.at_most)


def _instead(value: object, place: Place, otherwise: str) -> str:
    """Return what to write where a single value of another type is wanted."""
    if is_list(value) and value and not place.key.startswith("vary"):
        several = f"vary: {{{place.key}: [{', '.join(map(_plain, value[:_FEW]))}, ...]}}"
        if len(value) <= _FEW:
            several = several.replace(", ...", "")
        return f"Give one here; several to be tried stand under vary: '{several}'."
    return otherwise


def _plain(value: object) -> str:
    return value if is_text(value) else describe(value)


def _is_real(value: object) -> TypeGuard[Real]:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_whole(value: object) -> TypeGuard[Integral]:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _as_float(value: Real) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _range_words(kind: Any) -> str:
    words = {"at_least": "{} or above", "above": "above {}"}
    words |= {"at_most": "at most {}", "below": "below {}"}
    limits = [(getattr(kind, name, math.inf), form) for name, form in words.items()]
    said = [
        (str(x) if _is_whole(x) else f"{x:.12g}", form) for x, form in limits if abs(x) < math.inf
    ]
    return "".join(f", {form.format(limit)}" for limit, form in said)


def _percent_meant(kind: Any, number: float) -> str:
    """Return what to write where a share was given as a percentage without its sign."""
    share = min(kind.at_most, getattr(kind, "below", math.inf)) <= 1 < number <= _PERCENT
    return f" Write {number / _PERCENT:g} if {number:g} % is meant." if share else ""


def _in_range(kind: Any, number: float, place: Place) -> float:
    if _LARGEST < abs(number) < math.inf:
        place.report(f"{describe(number)} is out of range", f"Give at most {_LARGEST:g} in size.")
        return math.nan
    if 0 < abs(number) < _SMALLEST:
        fix = f"Give 0, or at least {_SMALLEST:g} in size."
        place.report(f"{describe(number)} is nearly 0", fix)
        return math.nan
    inside = (
        math.isfinite(number)
        and kind.at_least <= number <= kind.at_most
        and getattr(kind, "above", -math.inf) < number < getattr(kind, "below", math.inf)
    )
    if not inside:
        fix = f"{kind.fix}{_percent_meant(kind, number)}"
        place.report(f"{number:.12g} is out of range", fix)
    return number if math.isfinite(number) else math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class Duration(Kind[float]):
    """A duration, such as ``52 weeks``, or a number if it may be one of years; becomes years."""

    above: float = -math.inf
    or_years: bool = False

    @property
    def words(self) -> str:
        """A duration, and whether it may be 0."""
        return f"a duration{' above 0' * (not self.above)}{', or years' * self.or_years}"

    def parse(self, value: object, place: Place) -> float:
        """Return years."""
        try:
            years = parse_duration(in_years(value) if self.or_years else value)
        except ValueError as error:
            fault, fix = fault_and_fix(error)
            place.report(fault, _instead(value, place, fix))
            return math.nan
        if years <= self.above:
            place.report(f"{value!r} is too short", "Give more than 0, such as '4 weeks'.")
        return years


@dataclass(frozen=True, slots=True)
class Rate(Kind[float]):
    """A rate per year, 0 or above: a number, or words such as ``15 % a year``."""

    @property
    def fix(self) -> str:
        """What to write instead."""
        return "Give a rate such as 0.2, or 15 % a year."

    def parse(self, value: object, place: Place) -> float:
        """Return the rate per year."""
        if not is_text(value):
            return Number(at_least=0).parse(value, place)
        try:
            return parse_rate(value)
        except ValueError as error:
            place.report(*fault_and_fix(error))
        return math.nan


@dataclass(frozen=True, slots=True)
class Text(Kind[str]):
    """Words."""

    fix = "Write words."

    def parse(self, value: object, place: Place) -> str:
        """Return the text without spaces around it."""
        if not is_text(value) or not value.strip():
            place.report(f"{describe(value)} is not text", "Write words, in quotes if need be.")
            return ""
        return value.strip()


@dataclass(frozen=True, slots=True)
class Flag(Kind[bool]):
    """``true`` or ``false``."""

    def parse(self, value: object, place: Place) -> bool:
        """Return the truth value."""
        if not isinstance(value, bool):
            place.report(f"{describe(value)} is neither true nor false", "Write true or false.")
        return value is True


class Choice(Kind[Any]):
    """One of some names, each standing for an object of its own."""

    __slots__ = ("options",)

    def __init__(self, options: Mapping[str, T]) -> None:
        self.options: Mapping[str, Any] = options

    @property
    def words(self) -> str:
        """One of the names."""
        return f"one of {', '.join(self.options)}"

    def parse(self, value: object, place: Place) -> Any:
        """Return what the name, or the one that is meant, stands for; None without choices."""
        if is_text(value) and value in self.options:
            return self.options[value]
        help_, likely = _instead(value, place, _all(self.options)), []
        if is_text(value):
            called = _ALSO_CALLED.get(re.sub(r"\W+", "_", value.lower()), "")
            likely = [called] if called in self.options else near(value, list(self.options))
            help_ = nearest((*likely, value)[0], self.options)
        place.report(f"{describe(value)} is not one of the choices", help_)
        return next((self.options[name] for name in (*likely, *self.options)), None)


def _all(names: Mapping[str, Any]) -> str:
    return f"Valid: {', '.join(names)}." if names else "There is none to choose: remove it."


@dataclass(frozen=True, slots=True)
class Edge(Kind[tuple[str, str]]):
    """A transition written ``from_state -> to_state``; spaces around the arrow as you like."""

    def parse(self, value: object, place: Place) -> tuple[str, str]:
        """Return the two states."""
        ends = [end.strip() for end in value.split("->")] if is_text(value) else []
        if len(ends) != 2 or not all(ends):
            fix = "Write it as 'from_state -> to_state'."
            place.report(f"{describe(value)} is not a transition", fix)
            return "", ""
        return ends[0], ends[1]


@dataclass(frozen=True, slots=True)
class ListOf(Kind[tuple[T, ...]]):
    """A list of one kind, of at least so many items."""

    kind: Kind[T]
    at_least: int = 0

    @property
    def words(self) -> str:
        """A list, of what."""
        return f"a list of {self.kind.words}"

    def parse(self, value: object, place: Place) -> tuple[T, ...]:
        """Return the items."""
        if not is_list(value):
            place.report(f"{describe(value)} is not a list", _as_list(value))
            return ()
        if len(value) < self.at_least:
            place.report(f"the list has {len(value)} items", f"Give at least {self.at_least}.")
        return tuple(self.kind.parse(item, place.child(k)) for k, item in enumerate(value))


def _as_list(value: object) -> str:
    """Return how to write a value as a list."""
    if not is_nested(value) and value is not None and len(shown := _plain(value)) < _SHORT:
        return f"Write [{shown}]."
    if is_mapping(value):
        return "Write lines with '-', one for each, such as '- {name: ..., ...}'."
    return "Write [one, two] or lines with '-'."


@dataclass(frozen=True, slots=True)
class MappingOf(Kind[dict[str, T]]):
    """Names of the file's own, each with a value of one kind."""

    kind: Kind[T]

    @property
    def words(self) -> str:
        """Names, each with what."""
        return f"names, each with {self.kind.words}"

    def parse(self, value: object, place: Place) -> dict[str, T]:
        """Return the values by name."""
        return {
            name: self.kind.parse(item, place.child(name))
            for name, item in as_mapping(value, place).items()
        }


@dataclass(frozen=True, slots=True)
class ByEdge(Kind[dict[tuple[str, str], T]]):
    """Transitions, each with a value of one kind."""

    kind: Kind[T]

    @property
    def words(self) -> str:
        """Transitions, each with what."""
        return f"transitions, each with {self.kind.words}"

    def parse(self, value: object, place: Place) -> dict[tuple[str, str], T]:
        """Return the values by transition."""
        read = [
            (Edge().parse(name, place.child(name)), self.kind.parse(item, place.child(name)))
            for name, item in as_mapping(value, place).items()
        ]
        return {edge: found for edge, found in read if all(edge)}


@dataclass(frozen=True, slots=True)
class Free(Kind[Any]):
    """Anything; kept as it is."""

    def parse(self, value: object, place: Place) -> Any:  # noqa: ARG002 - part of the protocol
        """Return the value as it stands."""
        return value


def as_mapping(value: object, place: Place) -> Mapping[str, Any]:
    """Return a mapping with text keys; an empty one, reported, where the value is none."""
    if is_mapping(value) and all(map(is_text, value)):
        return value
    fix = "Write {key: value} or lines 'key: value'."
    if counted := match(_COUNTED, value):
        fix = f"Write {{{counted[2]}: {counted[1]}}}."
    place.report(f"{describe(value)} is not a mapping", fix)
    return {}

"""Dataclasses whose methods are compiled late do what the standard ones do."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from dataclasses import FrozenInstanceError, field
from typing import ClassVar

import pytest

from lupusim.common.frozen import dataclass, remembered


def _fields_of(decorate):
    """Return one class, with fields of every kind, made by a decorator."""

    @decorate(frozen=True, slots=True, kw_only=True)
    class Trial:
        """One trial."""

        known: ClassVar[int] = 7
        n_patients: int
        arms: tuple[str, ...] = ("control", "treated")
        sites: list[str] = field(default_factory=list, compare=False)
        label: str = field(default="a", repr=False)
        total: int = field(init=False, default=0)
        seen: list[int] = field(init=False, default_factory=list, hash=False)
        later: float = field(init=False)

        def __post_init__(self):
            if self.n_patients < 0:
                raise ValueError("fewer than none")
            object.__setattr__(self, "later", self.n_patients / 2)

    return Trial


@dataclass(frozen=True, slots=True)
class Look:
    """By position as well, and sent to other processes."""

    number: int
    words: str = "interim"


@dataclass(frozen=True, slots=True)
class Alike:  # noqa: PLW1641 - hashed by its fields
    """Equal to all of its kind by its own words."""

    number: int

    def __eq__(self, other):
        return isinstance(other, Alike)


@dataclass(frozen=True, slots=True)
class Last(Look):
    """Inherits fields."""

    held: bool = True


LATE, STANDARD = _fields_of(dataclass), _fields_of(dataclasses.dataclass)


def test_an_object_shows_itself_is_compared_and_hashed_as_a_standard_one():
    for cls in (LATE, STANDARD):
        one, same = cls(n_patients=4), cls(n_patients=4, sites=["north"])
        other = cls(n_patients=5)
        assert one == same
        assert one != other
        assert hash(one) == hash(same)
        assert one != 4
    assert repr(LATE(n_patients=4)) == repr(STANDARD(n_patients=4))
    assert hash(LATE(n_patients=4)) == hash(STANDARD(n_patients=4))


def test_fields_signature_and_parameters_are_the_standard_ones():
    assert str(inspect.signature(LATE)) == str(inspect.signature(STANDARD))
    assert repr(dataclasses.fields(LATE)) == repr(dataclasses.fields(STANDARD))
    assert repr(LATE.__dataclass_params__) == repr(STANDARD.__dataclass_params__)
    assert LATE.__match_args__ == STANDARD.__match_args__
    assert LATE.__slots__ == STANDARD.__slots__
    assert LATE.known == 7


def test_made_fields_are_each_objects_own_and_what_is_given_is_kept():
    one, two = LATE(n_patients=1), LATE(n_patients=1, sites=["a"])
    assert one.sites == []
    assert one.sites is not LATE(n_patients=1).sites
    assert (two.sites, two.total, two.seen, two.later) == (["a"], 0, [], 0.5)


@pytest.mark.parametrize("cls", [LATE, STANDARD])
@pytest.mark.parametrize("given", [{}, {"n_patients": 1, "total": 2}, {"n_patients": 1, "no": 2}])
def test_wrong_arguments_are_refused(cls, given):
    with pytest.raises(TypeError, match=r"__init__\(\)"):
        cls(**given)


def test_an_object_checks_itself_and_never_changes():
    with pytest.raises(ValueError, match="fewer than none"):
        LATE(n_patients=-1)
    one = LATE(n_patients=1)
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'n_patients'"):
        one.n_patients = 2
    with pytest.raises(FrozenInstanceError, match="cannot delete field 'n_patients'"):
        del one.n_patients
    assert dataclasses.replace(one, n_patients=3).n_patients == 3
    with pytest.raises(TypeError):
        LATE(1)  # by name only


def test_objects_are_copied_and_sent():
    look = Look(2)
    assert pickle.loads(pickle.dumps(look)) == copy.copy(look) == Look(2, "interim")
    assert dataclasses.asdict(look) == {"number": 2, "words": "interim"}
    match look:
        case Look(number, words):
            assert (number, words) == (2, "interim")


def test_what_a_class_says_itself_is_kept_and_heirs_are_standard():
    assert Alike(1) == Alike(2)
    assert hash(Alike(1)) == hash((1,))
    assert Last(1, held=False) == Last(1, "interim", False)
    assert repr(Last(1)) == "Last(number=1, words='interim', held=True)"


def test_what_was_made_of_the_last_objects_is_kept_by_their_identity():
    asked = []

    @remembered(2)
    def made(thing):
        asked.append(thing)
        return [*thing]

    one, alike, other = [1], [1], [2]
    assert made(one) is made(one)
    assert made(alike) is not made(one)
    assert len(asked) == 2
    made(other)
    made(one)  # forgotten meanwhile
    assert len(asked) == 4
    assert made.__name__ == "made"


def test_what_was_made_of_several_objects_is_that_of_all_of_them():
    both = remembered(2)(lambda first, second: [*first, *second])
    one, other = [1], [2]
    assert both(one, other) is both(one, other)
    assert both(one, other) == [1, 2]
    assert both(other, one) == [2, 1]
    assert both(one, [2]) is not both(one, other)

"""Frozen dataclasses whose methods are compiled when they are first called.

A command loads hundreds of dataclasses and makes objects of few. The standard decorator compiles
six methods of each class at once, which was a quarter of the start-up; here a class gets methods
that do the same when the first of its objects asks for them. A type checker, and whoever inspects
the class, sees a standard dataclass. What is made of such objects is remembered by identity.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import FrozenInstanceError, is_dataclass
from functools import wraps
from operator import is_
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, TypeVarTuple

__all__ = ["dataclass", "remembered"]

_Things = TypeVarTuple("_Things")
_Made = TypeVar("_Made")
_USUAL = {"frozen", "slots", "kw_only"}
_OF_A_FIELD = ("init", "repr", "hash", "compare", "metadata", "kw_only")

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(**asked: bool):
        """Make a class a dataclass, as ``dataclasses.dataclass`` with the same options does.

        Other than frozen ones, and those that inherit fields, are the standard decorator's.
        """

        def made(cls: type) -> type:
            unusual = not asked.get("frozen") or not _USUAL.issuperset(asked)
            if unusual or any(is_dataclass(base) for base in cls.__mro__[1:]):
                return dataclasses.dataclass(**asked)(cls)
            return _frozen(cls, **asked)

        return made


def _frozen(cls: type, *, frozen: bool, **layout: bool) -> type:
    """Return the class with its fields, what refuses changes, and methods to be compiled."""
    named = set(vars(cls))
    hashes = vars(cls).get("__hash__") is not None
    made: Any = dataclasses.dataclass(init=False, repr=False, eq=False, **layout)(cls)
    for name in _MAKERS:
        if name not in named or (name == "__hash__" and not hashes):
            setattr(made, name, _Later(name, made))
    for name, method in _ALIKE.items():
        if name not in named:
            setattr(made, name, method)
    told = made.__dataclass_params__
    told.frozen, told.init, told.repr, told.eq = frozen, True, True, True
    return made  # type: ignore[no-any-return]


class _Later:
    """A method in the place of the compiled one, until it is first looked up."""

    __slots__ = ("name", "owner")

    def __init__(self, name: str, owner: type) -> None:
        self.name, self.owner = name, owner

    def __get__(self, instance: object, owner: type) -> Any:
        compiled: Any = _MAKERS[self.name](self.owner)
        setattr(self.owner, self.name, compiled)
        return compiled.__get__(instance, owner)


def _init(cls: type) -> Any:
    """Return the method that takes the fields' values, in their order, and checks the object."""
    positional = [field for field in dataclasses.fields(cls) if field.init and not field.kw_only]
    by_name = [field for field in dataclasses.fields(cls) if field.init and field.kw_only]
    taken = ["self", *map(_parameter, positional)]
    if by_name:
        taken += ["*", *map(_parameter, by_name)]
    space: dict[str, Any] = {"_set": object.__setattr__, "_MADE": _MADE}
    body = []
    for field in dataclasses.fields(cls):
        space[f"_default_{field.name}"], space[f"_make_{field.name}"] = _starts(field)
        body += _assignment(field)
    if hasattr(cls, "__post_init__"):
        body.append("self.__post_init__()")
    lines = [f"def __init__({', '.join(taken)}):", *(f" {line}" for line in body or ["pass"])]
    exec("\n".join(lines), space)
    init = space["__init__"]
    init.__qualname__, init.__module__ = f"{cls.__qualname__}.__init__", cls.__module__
    init.__annotations__ = {field.name: field.type for field in (*positional, *by_name)}
    init.__annotations__["return"] = None
    return init


def _parameter(field: dataclasses.Field[Any]) -> str:
    default, make = _starts(field)
    if make is not dataclasses.MISSING:
        return f"{field.name}=_MADE"
    given = default is not dataclasses.MISSING
    return f"{field.name}=_default_{field.name}" if given else field.name


def _starts(field: dataclasses.Field[Any]) -> tuple[Any, Any]:
    """Return the default of a field and what makes one, as far as there are any."""
    return field.default, field.default_factory


def _assignment(field: dataclasses.Field[Any]) -> list[str]:
    """Return what sets a field: nothing where it is neither taken nor has a start."""
    name, (default, make) = field.name, _starts(field)
    if make is not dataclasses.MISSING:
        value = f"_make_{name}()"
        if field.init:
            value += f" if {name} is _MADE else {name}"
    elif field.init:
        value = name
    elif default is not dataclasses.MISSING:
        value = f"_default_{name}"
    else:
        return []
    return [f"_set(self, {name!r}, {value})"]


class _MadeAnew:
    """The default, for whoever inspects a method, of a field that a function makes."""

    def __repr__(self) -> str:
        return "<factory>"


_MADE = _MadeAnew()


def _repr(cls: type) -> Any:
    return _standard(cls, repr=True).__repr__


def _eq(cls: type) -> Any:
    return _standard(cls, eq=True).__eq__


def _hash(cls: type) -> Any:
    return _standard(cls, eq=True, unsafe_hash=True).__hash__


def _standard(cls: type, **methods: bool) -> Any:
    """Return a class with the fields of another and methods that the standard decorator makes."""
    fields = dataclasses.fields(cls)
    body: dict[str, Any] = {field.name: _again(field) for field in fields}
    body["__annotations__"] = {field.name: field.type for field in fields}
    asked = {"init": False, "repr": False, "eq": False} | methods
    return dataclasses.dataclass(**asked)(type(cls.__name__, (), body))


_MAKERS = {"__init__": _init, "__repr__": _repr, "__eq__": _eq, "__hash__": _hash}


def _again(field: dataclasses.Field[Any]) -> Any:
    """Return a field as this one, of which nothing is bound to a class."""
    kept = {name: getattr(field, name) for name in _OF_A_FIELD}
    if field.default is not dataclasses.MISSING:
        kept["default"] = field.default
    if field.default_factory is not dataclasses.MISSING:
        kept["default_factory"] = field.default_factory
    return dataclasses.field(**kept)


def _refuse_change(_self: object, name: str, _value: object) -> NoReturn:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_deletion(_self: object, name: str) -> NoReturn:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[Any]:
    """Return the values of all fields, for pickle."""
    return [getattr(self, field.name) for field in dataclasses.fields(self)]


def _set_state(self: Any, state: list[Any]) -> None:
    for field, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)


_ALIKE = {
    "__setattr__": _refuse_change,
    "__delattr__": _refuse_deletion,
    "__getstate__": _state,
    "__setstate__": _set_state,
}
"""Methods that are the same for every class."""


def remembered(n: int) -> Callable[[Callable[[*_Things], _Made]], Callable[[*_Things], _Made]]:
    """Return a decorator: a function keeps what it made of the last `n` objects, or sets of them.

    SPEED: the blocks of a run ask the same of few trials and laws, whose hash takes longer than
    what is asked (benchmarks/table.py). Nobody changes an object that is asked for, or what was
    made of it.

    Examples
    --------
    >>> asked = []
    >>> size = remembered(2)(lambda names: asked.append(names) or len(names))
    >>> names = ["a", "b"]
    >>> size(names), size(names), len(asked)
    (2, 2, 1)
    """

    def decorate(make: Callable[[*_Things], _Made]) -> Callable[[*_Things], _Made]:
        kept: list[tuple[tuple[*_Things], _Made]] = []

        @wraps(make)
        def found(*things: *_Things) -> _Made:
            nonlocal kept
            for known, made in kept:
                if all(map(is_, known, things)):
                    return made
            made = make(*things)
            kept = [(things, made), *kept[: n - 1]]  # a new list: other threads go through the old
            return made

        return found

    return decorate

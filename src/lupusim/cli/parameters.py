"""What a command takes, written beside each parameter of its function, and how that is read.

``Annotated[int, Option(min=1, help=...)]`` says all there is to say of an option; from the
function's annotations a command of click is made when it is asked for, and of no other. Options
that belong together are the fields of a dataclass, which the function takes as one.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import click

_MISSING = inspect.Parameter.empty
_CALLED = {
    "--file": ("--out",),
    "--n": ("--replicates",),
    "--out": ("--file",),
    "--output": ("--out", "--file"),
    "--power": ("--target",),
    "--target": ("--power",),
}
"""Of options that some commands have what others call it."""
_SET_IT = "Say it by --set, such as --set '{name}=VALUE'."
_WORDS: dict[Any, str] = {str: "TEXT", int: "N", float: "NUMBER", Path: "PATH"}
"""What a value is called in the usage, by its kind."""


@dataclass(frozen=True)
class _Value:
    """What a parameter takes: its kind, whether several are taken, and what it is without any."""

    kind: Any
    several: bool
    default: Any

    @property
    def told(self) -> dict[str, Any]:
        """What click is told of the default."""
        if self.default is _MISSING:
            return {"required": True}
        return {"required": False, "default": getattr(self.default, "value", self.default)}


class Argument:
    """What stands in its place, without a name."""

    def __init__(self, *, metavar: str, help: str) -> None:
        self.metavar, self.help = metavar, help

    def parameter(self, name: str, value: _Value) -> click.Parameter:
        """Return the parameter of click."""
        made = click.Argument(
            [name],
            metavar=self.metavar,
            nargs=-1 if value.several else 1,
            type=_type(value.kind, None, None),
            callback=_used(value, None),
            **value.told,
        )
        made.about = self  # type: ignore[attr-defined]
        return made


class Option:
    """What is given by a name.

    Parameters
    ----------
    *names : str
        How it is spelled; default the parameter's name after two dashes. A flag that is on unless
        it is turned off has both spellings, ``--show/--no-show``.
    help : str
        What it is.
    metavar : str or None
        What its value is called in the usage; None for the kind of value.
    min, max : float or None
        Where numbers end.
    share : bool
        Whether it is a share or probability, which may be written as a percentage.
    callback : callable or None
        Takes the value and returns the one to be used, before the command begins.
    """

    def __init__(
        self,
        *names: str,
        help: str = "",
        metavar: str | None = None,
        min: float | None = None,
        max: float | None = None,
        share: bool = False,
        callback: Callable[[Any], Any] | None = None,
    ) -> None:
        self.names, self.help, self.metavar = names, help, metavar
        self.min, self.max = min, max
        self.share, self.callback = share, callback

    def parameter(self, name: str, value: _Value) -> click.Parameter:
        """Return the parameter of click."""
        spelled = [name, *(self.names or [f"--{name.replace('_', '-')}"])]
        if value.kind is bool:
            return click.Option(spelled, is_flag=True, default=value.default, help=self.help)
        return click.Option(
            spelled,
            help=self.help,
            metavar=self.metavar or ("SHARE" if self.share else _WORDS.get(value.kind)),
            multiple=value.several,
            show_default=value.told.get("default") is not None,
            type=_share if self.share else _type(value.kind, self.min, self.max),
            callback=_used(value, self.callback),
            **value.told,
        )


def command_of(function: Callable[..., None], name: str) -> click.Command:
    """Return a function as a command, by what stands beside its parameters."""
    words = inspect.cleandoc(function.__doc__ or "")
    return _Command(
        name,
        callback=_reading(function),
        params=parameters_of(function),
        help=words,
        short_help=words.partition("\n\n")[0],
    )


def parameters_of(function: Callable[..., None]) -> list[click.Parameter]:
    """Return the parameters of a function, by what stands beside them."""
    return [_parameter(name, *taken) for name, taken in taken_by(function).items()]


def taken_by(function: Callable[..., None]) -> dict[str, tuple[Any, Any]]:
    """Return what stands beside each parameter, and its default; those of a group one by one."""
    kinds = get_type_hints(function, include_extras=True)
    taken: dict[str, tuple[Any, Any]] = {}
    for name, one in inspect.signature(function).parameters.items():
        if is_dataclass(kinds[name]):
            beside = get_type_hints(kinds[name], include_extras=True)
            taken |= {each.name: (beside[each.name], each.default) for each in fields(kinds[name])}
        else:
            taken[name] = kinds[name], one.default
    return taken


def _reading(function: Callable[..., None]) -> Callable[..., None]:
    """Return the function; a usage that it refuses is told with the usage of its command."""
    kinds = get_type_hints(function)
    groups: dict[str, Any] = {name: kind for name, kind in kinds.items() if is_dataclass(kind)}

    def read(**values: Any) -> None:
        try:
            for name, group in groups.items():
                values[name] = group(**{one.name: values.pop(one.name) for one in fields(group)})
            function(**values)
        except click.UsageError as error:
            error.ctx = error.ctx or click.get_current_context()
            raise

    read.__wrapped__ = function  # type: ignore[attr-defined]
    return read


def _parameter(name: str, annotated: Any, default: Any) -> click.Parameter:
    kind, about = get_args(annotated)[:2]
    made: click.Parameter = about.parameter(name, _value(kind, default))
    return made


class _Command(click.Command):
    """A command whose help tells its arguments, and that says what a wrong option is meant for."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words of the command line."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if hint := self._meant_by(error.option_name):
                raise click.UsageError(
                    f"No such option {error.option_name!r}. {hint}", ctx
                ) from None
            raise
        except click.UsageError as error:
            if "extra argument" in error.message and (hint := self._for_extra(error.message)):
                raise click.UsageError(f"{error.message}. {hint}", ctx) from None
            raise

    @property
    def _spelled(self) -> set[str]:
        return {name for one in self.params for name in one.opts}

    def _meant_by(self, option: str) -> str:
        """Return what to say in place of an option that another command has; empty if unclear."""
        for other in _CALLED.get(option, ()):
            if other in self._spelled:
                return f"Did you mean {other!r}?"
        if option == "--set":
            return (
                "Numbers stand in the scenario file: change it there, try several under 'vary:' "
                "in it, or see what each does by 'lupusim sensitivity'."
            )
        return _SET_IT.format(name=option.lstrip("-")) if "--set" in self._spelled else ""

    def _for_extra(self, message: str) -> str:
        """Return how to say a value that stands alone, where the command takes any."""
        name, equals, _ = message.rpartition("(")[2].partition("=")
        return _SET_IT.format(name=name.split()[-1]) if equals and "--set" in self._spelled else ""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what stands in its place, then what is given by a name."""
        rows = [
            (one.about.metavar, one.about.help)  # type: ignore[attr-defined]
            for one in self.params
            if one.param_type_name == "argument"
        ]
        if rows:
            with formatter.section("Arguments"):
                formatter.write_dl(rows)
        super().format_options(ctx, formatter)


def _used(
    taken: _Value, callback: Callable[[Any], Any] | None
) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """Return what makes of a value that was read the one that the function takes."""

    def use(_: click.Context, __: click.Parameter, value: Any) -> Any:
        if taken.several:
            value = list(value)
        elif value is not None and issubclass(taken.kind, Enum):
            value = taken.kind(value)
        return value if callback is None else callback(value)

    return use


def _value(kind: Any, default: Any) -> _Value:
    """Return what is taken, by the annotation: without None, and one of several."""
    if get_origin(kind) in (types.UnionType, Union):
        kind = next(one for one in get_args(kind) if one is not type(None))
    several = get_origin(kind) is list
    return _Value(get_args(kind)[0] if several else kind, several, default)


def _type(kind: Any, low: Any, high: Any) -> Any:
    if issubclass(kind, Enum):
        return click.Choice([choice.value for choice in kind])
    if kind is Path:
        return click.Path(path_type=Path)
    if kind is int:
        return _Whole() if low is None and high is None else _WholeInRange(low, high)
    return kind if low is None and high is None else click.FloatRange(low, high)


class _Whole(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions alone
    """A whole number."""

    name = "integer"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number."""
        from lupusim.scenario.document.amounts import mend_whole

        try:
            return int(value)
        except ValueError:
            fix = (
                mend_whole(value).replace(", without quotes", "") or "Write a number such as 1000."
            )
            self.fail(f"{value!r} is not a whole number. {fix}", param, ctx)


class _WholeInRange(_Whole, click.IntRange):
    """A whole number in a range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number."""
        number: int = click.IntRange.convert(self, super().convert(value, param, ctx), param, ctx)
        return number


def _share(value: object) -> float:
    """Return a share or probability, such as ``0.9`` or ``90 %``, as a number from 0 to 1."""
    from lupusim.scenario.document.amounts import typed_share

    try:
        return typed_share(str(value))  # a default is no text
    except ValueError as error:
        raise click.BadParameter(f"{str(error).removesuffix('.')}.") from None

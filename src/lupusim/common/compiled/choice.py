"""Which form of a function is used: the one in NumPy, or the compiled one beside it.

Both return the same bits, so that nothing but the time depends on the choice. It is made by the
work that a process has done or knows of: Numba takes most of a second to import, which a short run
never gets back. ``LUPUSIM_BACKEND`` settles it: ``numpy`` (never), ``numba`` (from the first
patient), or ``auto``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Generic, ParamSpec, TypeVar, cast

from lupusim.errors import LupusimError

VARIABLE = "LUPUSIM_BACKEND"
CHOICES = ("auto", "numpy", "numba")
PAYS_AFTER = 50_000_000
"""Simulated patients of the processes that share a run: some seconds; importing Numba takes half a
second."""

_P = ParamSpec("_P")
_R = TypeVar("_R")


class BackendError(LupusimError):
    """The backend that was asked for cannot be used."""


class Form(Generic[_P, _R]):
    """A function in NumPy, with a compiled form of the same name elsewhere.

    Parameters
    ----------
    plain : callable
        In NumPy; complete, and what the other is tested against.
    home : str
        Module of the compiled form, imported when that is first used.
    """

    def __init__(self, plain: Callable[_P, _R], home: str) -> None:
        self.plain, self.home = plain, home
        self.__doc__ = plain.__doc__

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Do what both do."""
        if _Work.compiled and (form := compiled_form(self.home, self.plain.__name__)):
            return cast(_R, form(*args, **kwargs))
        return self.plain(*args, **kwargs)


class _Work:
    """What this process has done, and whether that is enough."""

    patients = 0
    compiled = False
    processes = 1  # that share it: what this one does, the others do too


_forms: dict[tuple[str, str], Callable[..., object] | None] = {}


def with_compiled(home: str) -> Callable[[Callable[_P, _R]], Form[_P, _R]]:
    """Say of a function in NumPy in which module its compiled form is.

    Parameters
    ----------
    home : str
        Of `lupusim.common.compiled`; it has a function of the same name.
    """
    return lambda plain: Form(plain, f"lupusim.common.compiled.{home}")


def compiled_form(home: str, name: str) -> Callable[..., object] | None:
    """Return a compiled form; None where this machine can have none.

    Raises
    ------
    BackendError
        If it has none, and ``LUPUSIM_BACKEND`` asks for it.
    """
    if (home, name) not in _forms:
        _forms[home, name] = _imported(home, name)
    return _forms[home, name]


def _imported(home: str, name: str) -> Callable[..., object] | None:
    try:
        return cast(Callable[..., object], getattr(import_module(home), name))
    # Numba raises what it likes where it doesn't fit NumPy, can't compile or can't keep what it
    # has compiled; NumPy does the work then.
    except Exception as error:
        if wanted() == "numba":
            raise BackendError(
                f"{VARIABLE}=numba, and nothing can be compiled here ({error}). Name a folder that "
                "can be written by NUMBA_CACHE_DIR, or leave the variable out"
            ) from error
        return None


def wanted() -> str:
    """Return what ``LUPUSIM_BACKEND`` says.

    Raises
    ------
    BackendError
        If it is no backend, or one that isn't installed.
    """
    said = os.environ.get(VARIABLE) or "auto"
    if said not in CHOICES:
        raise BackendError(f"{VARIABLE}={said!r} is no backend: say one of {', '.join(CHOICES)}")
    if said == "numba" and find_spec("numba") is None:
        raise BackendError(f"{VARIABLE}=numba needs Numba: pip install 'lupusim[fast]'")
    return said


def share_work(n_processes: int) -> None:
    """Take note that so many processes share what is simulated from now on."""
    _Work.processes = n_processes


def work_in_all(n_patients: int) -> None:
    """Take note of how many patients will be simulated in all, before the first.

    Where compiled forms pay by the end they are used from the beginning on: so the time of a block
    is known with them, and processes copied from this one need not import them again.
    """
    if _Work.patients + n_patients > PAYS_AFTER:
        _Work.patients = max(_Work.patients, PAYS_AFTER)


def work_ahead(n_patients: int) -> None:
    """Take note that so many patients will be simulated; from some number on, compiled forms pay.

    Raises
    ------
    BackendError
        If ``LUPUSIM_BACKEND`` asks for what isn't there.
    """
    said = wanted()
    pays = said == "numba" or (said == "auto" and _Work.patients >= PAYS_AFTER)
    _Work.compiled = pays and (said == "numba" or find_spec("numba") is not None)
    _Work.patients += n_patients * _Work.processes

"""Arms by their labels."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, Protocol, TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike

from lupusim.common.arrays import BoolArray

P = ParamSpec("P")
Result_co = TypeVar("Result_co", covariant=True)
_AFTER_PARAMETERS = re.compile(r"(\n\n    (?:Returns|Raises)\n)")
_CONTROL = """\
    control : object or None
        The label of the control arm, where `arm` holds labels of two."""


class TakesLabels(Protocol[P, Result_co]):
    """A test of two arms that may be told which label of `arm` is the control's."""

    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Result_co: ...
    @overload
    def __call__(self, *args: Any, control: object, **kwargs: Any) -> Result_co: ...


def takes_labels(test: Callable[P, Result_co]) -> TakesLabels[P, Result_co]:
    """Let a test take arms by their labels too: ``arm=["placebo", "cells"], control="placebo"``.

    Parameters
    ----------
    test : callable
        Has a parameter `arm`, 1 on the experimental arm and 0 on the control.
    """
    signature = inspect.signature(test)

    @wraps(test)
    def labeled(*args: Any, control: object = None, **kwargs: Any) -> Result_co:
        if control is None:
            return test(*args, **kwargs)
        given = signature.bind(*args, **kwargs)
        given.arguments["arm"] = arms(given.arguments["arm"], control=control)
        return test(*given.args, **given.kwargs)

    label = inspect.Parameter("control", inspect.Parameter.KEYWORD_ONLY, default=None)
    named = [*signature.parameters.values(), label]
    labeled.__signature__ = signature.replace(parameters=named)  # type: ignore[attr-defined]  # read by help()
    labeled.__doc__ = _AFTER_PARAMETERS.sub(rf"\n{_CONTROL}\1", test.__doc__ or "", count=1)
    return labeled


def arms(labels: ArrayLike, *, control: object) -> BoolArray:
    """Return the arm of each patient, true on the experimental one, from labels of two arms.

    Parameters
    ----------
    labels : array
        Any shape; words or numbers.
    control : object
        The label of the control arm.

    Raises
    ------
    ValueError
        If nobody has the control's label, or there are not two arms.

    Examples
    --------
    >>> from lupusim import analysis
    >>> arm = analysis.arms(["placebo", "cells", "cells"], control="placebo")
    >>> arm.tolist()
    [False, True, True]
    """
    values = np.asarray(labels)
    known = np.unique(values).tolist()
    if control not in known:
        raise ValueError(f"nobody is on the control arm {control!r}. Arms: {known}")
    if len(known) != 2:
        raise ValueError(f"there are {len(known)} arms: {known}. Give the patients of two")
    return np.asarray(values != control)

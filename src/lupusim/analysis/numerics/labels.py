"""Arms by their labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from lupusim.arrays import BoolArray


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

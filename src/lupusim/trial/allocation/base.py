"""What every way of randomizing patients can say, and the registry of those that files know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Protocol, Self

import numpy as np

from lupusim.common.arrays import IntArray, StateArray, without_repeats
from lupusim.common.registry import Registry
from lupusim.errors import Problem


class Allocation(Protocol):
    """A way of randomizing patients to arms."""

    remembers: ClassVar[bool]
    """Whether an arm depends on whom others who came before have got."""
    in_order: ClassVar[bool]
    """Whether whoever comes later, or how many will, changes nobody's arm."""

    @property
    def block_size(self) -> int | None:
        """Patients after which the arms have the ratio for certain; None without blocks."""
        ...

    def problems(self, ratio: Sequence[int]) -> Iterator[Problem]:
        """Yield what is wrong with it among arms of this allocation ratio."""
        ...

    def among(self, ratio: Sequence[int], whole: Sequence[int]) -> Allocation:
        """Return the allocation among some of the arms.

        Parameters
        ----------
        ratio, whole : sequence of int
            Allocation ratio of these arms, and of all.
        """
        ...

    def sizes(self, ratio: tuple[int, int], n_patients: int) -> Mapping[tuple[int, int], float]:
        """Return the chance of each pair of arm sizes among the patients of a stratum.

        Empty where it is not known.

        Parameters
        ----------
        ratio : (int, int)
            Allocation ratio of two arms.
        n_patients : int
            Of one stratum.
        """
        ...

    def numbers(
        self, ratio: Sequence[int], n_patients: IntArray, *, rng: np.random.Generator
    ) -> IntArray | None:
        """Return how many of the first patients of a stratum are on each arm, drawn.

        None where that depends on more than how many they are.

        Parameters
        ----------
        ratio : sequence of int
            Allocation ratio of the arms.
        n_patients : (n_replicates, n_looks) integer array
            Of one stratum, up to each look.

        Returns
        -------
        (n_replicates, n_looks, n_arms) integer array, or None
        """
        ...

    def assign(
        self,
        ratio: Sequence[int],
        stratum: IntArray,
        *,
        rng: np.random.Generator,
    ) -> StateArray:
        """Return the arm of each patient, shape (n_replicates, n_patients).

        Parameters
        ----------
        ratio : sequence of int
            Allocation ratio of the arms, whole numbers.
        stratum : (n_replicates, n_patients) integer array
            Stratum of each patient, in the order of randomization.
        """
        ...


def without_gaps(stratum: IntArray) -> IntArray:
    """Return the strata numbered, where they could be more than patients, as each trial has them.

    Parameters
    ----------
    stratum : (n_replicates, n_patients) integer array
        Numbers from 0.

    Examples
    --------
    >>> without_gaps(np.array([[2**40, 7, 2**40], [0, 5, 2**50]])).tolist()
    [[1, 0, 1], [0, 1, 2]]
    """
    if without_repeats(stratum).max(initial=0) < stratum.shape[1]:
        return stratum
    order = np.argsort(stratum, axis=1, kind="stable")
    ascending = np.take_along_axis(stratum, order, axis=1)
    number = np.empty(stratum.shape, dtype=np.intp)
    steps = np.cumsum(np.diff(ascending, axis=1, prepend=ascending[:, :1]) > 0, axis=1)
    np.put_along_axis(number, order, steps, axis=1)
    return number


class Unblocked:
    """What is the same for all allocations without blocks."""

    __slots__ = ()

    remembers: ClassVar[bool] = True
    in_order: ClassVar[bool] = False  # unless a way of randomizing says it

    @property
    def block_size(self) -> None:
        """There are no blocks."""
        return

    def problems(self, ratio: Sequence[int]) -> Iterator[Problem]:
        """Yield nothing: it takes any ratio."""
        yield from ()

    def sizes(self, ratio: tuple[int, int], n_patients: int) -> Mapping[tuple[int, int], float]:
        """Return nothing: what becomes of the arms' sizes is not known."""
        return {}

    def numbers(
        self, ratio: Sequence[int], n_patients: IntArray, *, rng: np.random.Generator
    ) -> IntArray | None:
        """Return None: what becomes of the arms' sizes is not known."""
        return None

    def among(self, ratio: Sequence[int], whole: Sequence[int]) -> Self:
        """Return itself: it asks for the ratio each time."""
        return self


ALLOCATIONS: Registry[type[Allocation]] = Registry("allocation", group="lupusim.allocations")
"""Ways of randomizing by their name in files. A kind is a frozen dataclass; one that is not read
by a reader of its own is read field by field."""

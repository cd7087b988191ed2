"""What a trial wants to prove: several hypotheses, and the procedure that holds their error."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Protocol

from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.trial.test_method import TestMethod


class Procedure(Protocol):
    """A way to reject some of several hypotheses at a family-wise error."""

    @property
    def one_look_only(self) -> bool:
        """Whether it knows no interim looks."""
        ...

    @property
    def sided(self) -> int | None:
        """How many sides its p-values have, 1 or 2; None where it takes either."""
        ...

    @property
    def needs_planned_ratio(self) -> bool:
        """Whether it counts on the arms' allocation ratio, and on controls that all share."""
        ...

    def rejections(self, p_value: FloatArray, information: FloatArray, *, alpha: float) -> IntArray:
        """Return the look at which each hypothesis is rejected, counted from 1; 0 for never.

        Parameters
        ----------
        p_value : (n_replicates, n_hypotheses, n_looks) array
            From all patients up to the look; 1 where a hypothesis is given up.
        information : (n_replicates, n_hypotheses, n_looks) array
            As a fraction of what was planned for the last look.
        alpha : float
            Family-wise error.

        Returns
        -------
        (n_replicates, n_hypotheses) integer array
        """
        ...

    def bounds(self, rejected: BoolArray, information: FloatArray, *, alpha: float) -> FloatArray:
        """Return the bound on z of each hypothesis and look, once others are rejected.

        NaN where hypotheses are judged together and none has a bound of its own.

        Parameters
        ----------
        rejected : (n_replicates, n_hypotheses) boolean array
            The hypotheses that have passed their share of alpha on.
        information : (n_replicates, n_hypotheses, n_looks) array
        alpha : float
            Family-wise error.

        Returns
        -------
        (n_replicates, n_hypotheses, n_looks) array
        """
        ...

    def in_words(self, names: Sequence[str]) -> str:
        """Return a sentence that a protocol can take over; `names` are the hypotheses'."""
        ...

    def within_reach(self, rejected: BoolArray, given_up: BoolArray) -> BoolArray:
        """Return the hypotheses that may still be rejected at a later look.

        Parameters
        ----------
        rejected, given_up : (n_replicates, n_hypotheses) boolean arrays
            What has become of them so far.
        """
        ...


class Ends(Enum):
    """When a trial with several hypotheses stops before its last look."""

    ALL = "all"
    """As soon as each hypothesis is rejected, given up or out of reach."""
    FIRST = "first"
    """As soon as one is rejected, or all are given up or out of reach."""


class GivesUp(Enum):
    """Which hypotheses the futility bounds of the looks judge."""

    ALL = "all"
    """Each by its own statistic."""
    PRIMARY = "primary"
    """Those of the primary endpoint; the others go on as long as they can be reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypothesis:
    """A test of another endpoint than the primary.

    Parameters
    ----------
    endpoint : str
        Name of one of the trial's secondary endpoints.
    name : str
        Name of the test, for tables.
    test : TestMethod
        As for :class:`~lupusim.trial.Analysis`.
    effect : str
        What the test estimates.
    """

    endpoint: str
    name: str
    test: TestMethod
    effect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """All hypotheses of a trial: each experimental arm against the control, on each endpoint.

    They are counted endpoint by endpoint, the primary first, and within an endpoint in the
    order of the arms.

    Parameters
    ----------
    procedure : Procedure
        What holds the family-wise error.
    hypotheses : tuple of Hypothesis
        Tests of endpoints beside the primary.
    ends : Ends
        When the trial stops early.
    gives_up : GivesUp
        Which hypotheses may be given up.
    """

    procedure: Procedure
    hypotheses: tuple[Hypothesis, ...] = ()
    ends: Ends = Ends.ALL
    gives_up: GivesUp = GivesUp.ALL

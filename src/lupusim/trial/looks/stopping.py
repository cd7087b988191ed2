"""Rules that stop a trial at its looks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

import numpy as np

from lupusim.common.arrays import FloatArray

if TYPE_CHECKING:
    from lupusim.analysis.group_sequential import EfficacyRule
    from lupusim.analysis.group_sequential.stopping import GroupSequential


class StoppingRule(Protocol):
    """A rule that says at each look whether the trial stops, and why.

    All but `bounds` has an answer here, for the rule that says nothing else.
    """

    __slots__ = ()

    def bounds(self, information: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return efficacy and futility bounds on the z scale.

        Parameters
        ----------
        information : (n_replicates, n_looks) array
            Information of each look as a fraction of what was planned for the last.

        Returns
        -------
        efficacy, futility : (n_replicates, n_looks) arrays
            Reject at or above, give up at or below; infinite where a look has no bound.
        """
        ...

    def bounds_at(
        self, information: FloatArray, estimate: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return the bounds of trials with these estimates, on the test's own scale.

        All arrays are (n_replicates, n_looks). A rule on z alone does not ask for estimates.
        """
        return self.bounds(information)

    @property
    def asks_estimates(self) -> bool:
        """Whether its bounds depend on what is estimated."""
        return type(self).bounds_at is not StoppingRule.bounds_at

    @property
    def gives_up(self) -> bool:
        """Whether a look may stop the trial for futility."""
        return False

    @property
    def fixed_size(self) -> int | None:
        """Patients of the trial, where the rule fixes their number."""
        return None

    @property
    def group_sequential(self) -> GroupSequential | None:
        """Itself where nothing but the information sets its bounds, which can then be planned."""
        return None

    @property
    def efficacy_rule(self) -> EfficacyRule | None:
        """How each of several hypotheses gets its bounds from its share of alpha."""
        return None

    def problems_of_many(self) -> Iterator[tuple[str, str]]:
        """Yield what keeps it from judging several hypotheses, and what to do: nothing."""
        yield from ()


class TwoStageRule(StoppingRule, Protocol):
    """Stops one arm after its first patients where too few respond."""

    __slots__ = ()

    @property
    def first_responders(self) -> int:
        """Stop if at most so many of the first patients respond."""
        ...

    @property
    def first_patients(self) -> int:
        """Patients of the first stage."""
        ...

    @property
    def responders(self) -> int:
        """Give up if at most so many of all patients respond."""
        ...

    @property
    def n_patients(self) -> int:
        """Patients in all."""
        ...


def may_succeed_early(rule: StoppingRule | None, n_looks: int) -> bool:
    """Return whether a rule states an efficacy bound at a look before the last."""
    if rule is None:
        return False
    efficacy, _ = rule.bounds(np.arange(1, n_looks + 1)[None, :] / n_looks)
    return bool(np.isfinite(efficacy[:, :-1]).any())

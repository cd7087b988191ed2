"""Rules that stop a trial at its looks."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from lupusim.arrays import FloatArray


class StoppingRule(Protocol):
    """A rule that says at each look whether the trial stops, and why."""

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


class TwoStageRule(StoppingRule, Protocol):
    """Stops one arm after its first patients where too few respond."""

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

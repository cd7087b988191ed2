"""A way out of a state, and when it would end the stay of one patient."""

from __future__ import annotations

import math
from bisect import bisect_right

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.model import Transition


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """A way out of a state, as it stands open to one kind of patient."""

    transition: Transition  # hazard, clock and treatment effect
    to_state: int  # position of the state it leads to
    ratio: float  # what multiplies the hazard of these patients, above 0
    threshold: float | None = None
    """The cumulative hazard since study time 0 at which it comes to a patient, whenever the state
    is entered; None where every stay draws anew."""

    @property
    def due(self) -> float:
        """Study time (years) at which the cumulative hazard reaches the threshold."""
        hazard, effect = self.transition.hazard, self.transition.ratio
        remaining = math.inf if self.threshold is None else self.threshold / self.ratio
        level = float(hazard.cumulative(np.asarray(0.0)))
        for end, ratio in zip((*effect.breaks, math.inf), effect.ratios, strict=True):
            reached = level + remaining / ratio if ratio > 0 else math.inf
            stop = float(hazard.cumulative(np.asarray(end)))
            if reached <= stop:
                return float(hazard.inverse_cumulative(np.asarray(reached)))
            remaining -= ratio * (stop - level) if ratio > 0 else 0.0
            level = stop
        return math.inf

    @property
    def starts_afresh(self) -> bool:
        """Whether every new stay sees the same hazard, whenever it begins."""
        return self.transition.clock.is_time_in_state and self.transition.ratio.is_constant

    def fresh_times(self, n: int, rng: np.random.Generator) -> FloatArray:
        """Draw how long `n` new stays would last were this exit the only one; years."""
        ratio = self.ratio * self.transition.ratio.ratios[0]
        return self.transition.hazard.inverse_cumulative(rng.standard_exponential(n) / ratio)

    def time(
        self,
        entry_time: float,
        spent: float,
        until: float,
        rng: np.random.Generator,
        *,
        restart: float = 0.0,
    ) -> float:
        """Draw how long one stay would last were this exit the only one.

        Candidates come at the highest hazard that the treatment ever makes; each counts with
        probability (ratio then) / (highest ratio).

        Parameters
        ----------
        entry_time : float
            Study time (years) from which the stay is watched.
        spent : float
            Years already spent in the state by then.
        until : float
            Study time (years) beyond which nobody wants to know; finite.
        rng : numpy.random.Generator
            Random numbers.
        restart : float
            Study time (years) from which the treatment effect runs.

        Returns
        -------
        float
            Years from `entry_time`; ``inf`` where it ends after `until` or never.

        References
        ----------
        Lewis and Shedler (1979), Naval Research Logistics Quarterly 26, 403-413 (thinning).
        """
        hazard, effect = self.transition.hazard, self.transition.ratio
        highest = max(effect.ratios)
        begin = self.transition.clock.reading(entry_time, spent)
        level = float(hazard.cumulative(np.asarray(begin)))
        while True:
            level += rng.standard_exponential() / (self.ratio * highest)
            waited = max(float(hazard.inverse_cumulative(np.asarray(level))) - begin, 0.0)
            if entry_time + waited > until:
                return math.inf
            piece = bisect_right(effect.breaks, entry_time - restart + waited)
            if rng.random() * highest < effect.ratios[piece]:
                return waited

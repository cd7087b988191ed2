"""How power is distributed over what one believes, where that of every draw is exact."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.rng import stream
from lupusim.simulation.tally import Mean

_RESAMPLES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPowers:
    """The exact power of each draw; all that is left to chance is which draws there are."""

    powers: FloatArray  # from 0 to 1; (n_draws,)
    per_draw: int  # replicates that a simulation would have spent on each draw
    seed: int = 0  # of the bootstrap behind the standard errors

    @property
    def n_draws(self) -> int:
        """Draws of the truth."""
        return self.powers.size

    @property
    def n_replicates(self) -> int:
        """Replicates that a simulation would have needed."""
        return self.powers.size * self.per_draw

    @property
    def successes(self) -> FloatArray:
        """Share of significant trials of each draw, (n_draws,)."""
        return self.powers

    @property
    def mean(self) -> Mean:
        """The assurance; its standard error counts draws."""
        return _mean(self.powers)

    @property
    def parameter_share(self) -> Mean:
        """Share of the variance of the trial's outcome that comes from what is not known."""
        return self._resampled(lambda powers: [_parameter_share(powers)])[0]

    def quantiles(self, probabilities: Sequence[float]) -> list[Mean]:
        """Return quantiles of the power: the least that so many draws do not exceed."""
        wanted = np.asarray(probabilities)
        return self._resampled(lambda powers: np.quantile(powers, wanted, method="inverted_cdf"))

    def at_least(self, power: float) -> Mean:
        """Return the probability that the power is at least that."""
        return self._resampled(lambda powers: [float((powers >= power - 1e-9).mean())])[0]

    def shares(self, edges: FloatArray) -> FloatArray:
        """Return the probability of each interval, its lower edge included.

        Parameters
        ----------
        edges : (n + 1,) array
            From 0 to 1, rising; a power of 1 is in the last interval.
        """
        counts, _ = np.histogram(np.clip(self.powers, 0.0, 1.0), bins=edges)
        return np.asarray(counts / self.powers.size)

    def _resampled(
        self, statistic: Callable[[FloatArray], Sequence[float] | FloatArray]
    ) -> list[Mean]:
        """Return statistics of the powers, with standard errors from draws drawn again."""
        rng = stream(self.seed, "bootstrap of the power distribution")
        n = self.powers.size
        again = [statistic(self.powers[rng.integers(n, size=n)]) for _ in range(_RESAMPLES)]
        spread = np.array(again).std(axis=0)
        return [
            Mean(value=float(value), mcse=float(error))
            for value, error in zip(statistic(self.powers), spread, strict=True)
        ]


def judged(successes: FloatArray, worth: FloatArray) -> tuple[Mean, Mean | None]:
    """Return the probability that an effect is worthwhile, and the power if it is.

    Parameters
    ----------
    successes : (n_draws,) array
        Power under each draw, or its share of significant trials.
    worth : (n_draws,) array
        1 where the effect is worthwhile, else 0.
    """
    there = successes[worth == 1]
    return replace(_mean(worth), n=worth.size), _mean(there) if there.size else None


def _mean(values: FloatArray) -> Mean:
    """Return the mean of draws; of a single one the error is not known."""
    error = float(values.std() / math.sqrt(values.size)) if values.size > 1 else math.inf
    return Mean(value=float(values.mean()), mcse=error)


def _parameter_share(powers: FloatArray) -> float:
    mean = float(powers.mean())
    return float(powers.var()) / (mean * (1 - mean)) if 0 < mean < 1 else math.nan

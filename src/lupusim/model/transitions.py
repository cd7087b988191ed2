"""One way out of a state: its hazard, the clock it runs on, the ratio that multiplies it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.model.clocks import Clock
from lupusim.model.courses import IndividualRatio
from lupusim.model.effects import UNIT_RATIO, PiecewiseRatio
from lupusim.model.hazards import Hazard
from lupusim.model.hazards.base import constant_rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A way from one state to another.

    Its hazard at study time `s` is ``hazard(clock time) * ratio(s)``, times what a latent
    class or a patient's covariates put on top.

    Parameters
    ----------
    from_state, to_state : str
        Names of two different states.
    hazard : Hazard
        Per year, as a function of years on the clock.
    clock : Clock
        What the hazard runs on.
    ratio : PiecewiseRatio
        Treatment effect over study time, or over time since the latest restart.

    Examples
    --------
    >>> from lupusim.model.hazards import ExponentialHazard
    >>> hazard = ExponentialHazard(rate=0.5)
    >>> Transition(from_state="well", to_state="ill", hazard=hazard).clock
    ResetClock()
    """

    from_state: str
    to_state: str
    hazard: Hazard
    clock: Clock = Clock.RESET
    ratio: PiecewiseRatio = UNIT_RATIO

    @property
    def is_markov(self) -> bool:
        """Whether the hazard depends on study time alone."""
        return constant_rate(self.hazard) is not None or self.clock.is_study_time

    @property
    def is_semi_markov(self) -> bool:
        """Whether the hazard without the ratio depends on time in the state alone."""
        return constant_rate(self.hazard) is not None or self.clock.is_time_in_state

    @property
    def label(self) -> str:
        """The transition as files write it, such as ``active -> death``."""
        return f"{self.from_state} -> {self.to_state}"

    def clock_start(self, entry_time: FloatArray, time_in_state: FloatArray | float) -> FloatArray:
        """Return the clock's reading (years) at study time `entry_time`."""
        spent = np.broadcast_to(np.asarray(time_in_state, dtype=float), entry_time.shape)
        return self.clock.reading(entry_time, spent)

    def sojourn_time(
        self,
        entry_time: FloatArray,
        threshold: FloatArray,
        *,
        time_in_state: FloatArray | float = 0.0,
        restart: FloatArray | None = None,
        until: float = np.inf,
    ) -> FloatArray:
        """Return the time until this transition's cumulative hazard has grown by `threshold`.

        Parameters
        ----------
        entry_time : (n_patients,) array
            Study time (years) from which the stay is watched.
        threshold : (n_patients,) array
            Unit-exponential draws, divided by whatever else multiplies the hazard.
        time_in_state : float or (n_patients,) array
            Years already spent in the state at `entry_time`.
        restart : (n_patients,) array or None
            Study time (years) of the latest restart of the treatment clock; None for 0.
        until : float
            Study time (years) up to which it matters when the transition fires.

        Returns
        -------
        (n_patients,) array
            Years from `entry_time`; ``inf`` where the transition never fires, and some time
            beyond `until`, or ``inf``, where it fires later than that.
        """
        if not self.ratio.is_constant:
            start = self.clock_start(entry_time, time_in_state)
            treated = entry_time if restart is None else entry_time - restart
            pieces = (
                (np.broadcast_to(end, treated.shape), np.broadcast_to(ratio, treated.shape))
                for end, ratio in zip((*self.ratio.breaks, np.inf), self.ratio.ratios, strict=True)
            )
            return self._piecewise_sojourn_time(treated, threshold, start, pieces, until)
        ratio = self.ratio.ratios[0]
        with np.errstate(divide="ignore", invalid="ignore"):
            scaled = threshold if ratio == 1 else threshold / ratio
        new = isinstance(time_in_state, float) and time_in_state == 0
        if new and self.clock.is_time_in_state:
            return self.hazard.inverse_cumulative(scaled)
        start = self.clock_start(entry_time, time_in_state)
        return self.hazard.inverse_cumulative(self.hazard.cumulative(start) + scaled) - start

    def own_sojourn_time(
        self,
        entry_time: FloatArray,
        threshold: FloatArray,
        *,
        ratio: IndividualRatio,
        time_in_state: float = 0.0,
        until: float = np.inf,
    ) -> FloatArray:
        """Return the time until the cumulative hazard has grown by `threshold`.

        Parameters
        ----------
        entry_time, threshold : (n_patients,) arrays
            As in :meth:`sojourn_time`.
        ratio : IndividualRatio
            Treatment effect of each patient over study time, in place of :attr:`ratio`.
        time_in_state : float
            Years already spent in the state at `entry_time`.
        until : float
            As in :meth:`sojourn_time`.

        Returns
        -------
        (n_patients,) array
            As of :meth:`sojourn_time`.
        """
        start = self.clock_start(entry_time, time_in_state)
        return self._piecewise_sojourn_time(entry_time, threshold, start, ratio.pieces(), until)

    def _piecewise_sojourn_time(
        self,
        treatment_time: FloatArray,
        threshold: FloatArray,
        start: FloatArray,
        pieces: Iterable[tuple[FloatArray, FloatArray]],
        until: float,
    ) -> FloatArray:
        """Walk through the pieces (end, ratio; all on the treatment clock) of the ratio.

        At entry the treatment clock shows `treatment_time`, that of the hazard `start`. SPEED: all
        columns are of those who still wait, who are picked out once for each piece, not for each
        number of it (benchmarks/engine.py); an effect that fades has dozens of pieces, most of
        which begin after follow-up. The treatment clock is never ahead of study time.
        """
        sojourn, waiting = np.full(treatment_time.shape, np.inf), np.arange(treatment_time.size)
        begin, shift, remaining = treatment_time, start - treatment_time, threshold
        height = self.hazard.cumulative(begin + shift)
        for ends, ratios in pieces:
            if (begin > until).all():
                break
            everybody = waiting.size == sojourn.size
            end, ratio = (ends, ratios) if everybody else (ends[waiting], ratios[waiting])
            within = begin < end
            if not within.any():
                continue
            end = np.where(within, end, begin)
            stop = self.hazard.cumulative(end + shift)
            with np.errstate(invalid="ignore"):  # an infinite threshold on the last piece
                growth = np.where(within & (ratio > 0), ratio * (stop - height), 0.0)
                fires = within & (remaining <= growth)
                rest = remaining - growth
            fired = np.flatnonzero(fires)
            reached = height[fired] + remaining[fired] / ratio[fired]
            who = waiting[fired]
            clock_time = self.hazard.inverse_cumulative(reached)
            sojourn[who] = clock_time - shift[fired] - treatment_time[who]
            left = np.flatnonzero(~fires) if fired.size else slice(None)
            waiting, shift = waiting[left], shift[left]
            begin, height, remaining = end[left], stop[left], rest[left]
        return sojourn

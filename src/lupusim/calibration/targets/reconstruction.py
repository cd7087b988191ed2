"""Patients behind a published Kaplan-Meier curve, reconstructed as Guyot et al. (2012) do."""

from __future__ import annotations

from bisect import bisect_left

import numpy as np

from lupusim.common.arrays import BoolArray, FloatArray, IntArray, read_only
from lupusim.common.frozen import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DigitizedCurve:
    """Points read off a Kaplan-Meier plot, with the numbers at risk below it.

    Raises
    ------
    ValueError
        If the lengths differ, a number lies outside its range, the table does not start
        at 0, or the numbers at risk rise.
    """

    times: FloatArray
    """Time since the curve's origin, 0 or above, in any order; the same unit throughout;
    (n_points,)."""
    survival: FloatArray
    """Read at each time, between 0 and 1. Reading errors may make it rise a little; (n_points,)."""
    risk_times: FloatArray
    """Times of the table of numbers at risk, starting at 0 and rising; (n_intervals,)."""
    numbers_at_risk: IntArray
    """Patients still followed just before each of these times; (n_intervals,)."""

    def __post_init__(self) -> None:
        for name in ("times", "survival", "risk_times"):
            object.__setattr__(self, name, read_only(getattr(self, name)))
        numbers = np.array(self.numbers_at_risk)
        if not (np.all(numbers == np.floor(numbers)) and numbers.size and numbers[0] > 0):
            raise ValueError(
                f"numbers_at_risk={numbers.tolist()} must be whole numbers, the first above 0"
            )
        object.__setattr__(self, "numbers_at_risk", numbers.astype(np.intp))
        self._check_points()
        self._check_table()

    def _check_points(self) -> None:
        if self.times.shape != self.survival.shape or self.times.size == 0:
            raise ValueError(
                f"{self.times.size} times and {self.survival.size} survival probabilities: "
                "give one of each for every point, and at least one point"
            )
        if not (np.isfinite(self.times).all() and (self.times >= 0).all()):
            raise ValueError("the curve's times must be finite and 0 or above")
        if not ((self.survival >= 0) & (self.survival <= 1)).all():
            raise ValueError(
                "survival must lie between 0 and 1 (divide percentages by 100), found "
                f"{float(self.survival.min())!r} to {float(self.survival.max())!r}"
            )

    def _check_table(self) -> None:
        times, numbers = self.risk_times, self.numbers_at_risk
        if times.shape != numbers.shape:
            raise ValueError(f"{times.size} risk_times for {numbers.size} numbers_at_risk")
        if times[0] != 0 or not (np.diff(times) > 0).all():
            raise ValueError(f"risk_times={times.tolist()} must start at 0 and rise")
        if (np.diff(numbers) > 0).any() or numbers[-1] < 0:
            raise ValueError(f"numbers_at_risk={numbers.tolist()} must not rise or be negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconstructedPatients:
    """Follow-up of each patient behind a curve, sorted by time."""

    times: FloatArray  # time of the event or of censoring, in the curve's unit; (n_patients,)
    events: BoolArray
    """Whether the event happened; otherwise the patient was censored; (n_patients,)."""


def reconstruct(curve: DigitizedCurve, *, total_events: int | None = None) -> ReconstructedPatients:
    """Return patients whose Kaplan-Meier curve and numbers at risk are those published.

    In each interval between two numbers at risk, patients are censored evenly over time,
    as many as make the Kaplan-Meier equations arrive at the next number at risk. After
    the last number at risk, censoring goes on at the rate seen before, or at the rate
    that gives `total_events`. Whoever is left is censored where the curve ends.

    Parameters
    ----------
    curve : DigitizedCurve
        Best with two points at each step; on a coarser grid the events between two points
        are placed at the later one.
    total_events : int or None
        Events in all, if published.

    Returns
    -------
    ReconstructedPatients
        Exactly as many as were at risk at time 0, and as many still followed at each time
        of the table as it says.

    Raises
    ------
    ValueError
        If `total_events` is below 0 or above the number of patients.

    References
    ----------
    Guyot, Ades, Ouwens and Welton (2012), "Enhanced secondary analysis of survival data:
    reconstructing the data from published Kaplan-Meier survival curves", BMC Medical
    Research Methodology 12:9.

    Examples
    --------
    >>> curve = DigitizedCurve(
    ...     times=np.array([1.0, 2.0]), survival=np.array([0.75, 0.5]),
    ...     risk_times=np.array([0.0]), numbers_at_risk=np.array([4]),
    ... )
    >>> patients = reconstruct(curve)
    >>> patients.times.tolist(), patients.events.tolist()
    ([1.0, 2.0, 2.0, 2.0], [True, True, False, False])
    """
    numbers = curve.numbers_at_risk
    if total_events is not None and not 0 <= total_events <= numbers[0]:
        raise ValueError(f"total_events={total_events!r} must lie between 0 and {numbers[0]}")
    times, survival = monotone(curve.times, curve.survival)
    end = float(max(times[-1], curve.risk_times[-1]))
    edges = np.append(curve.risk_times, np.inf)
    done: list[_Piece] = []
    last_survival = 1.0
    for k in range(numbers.size):
        inside = (times >= edges[k]) & (times < edges[k + 1])
        interval = _Interval(
            start=float(curve.risk_times[k]),
            stop=min(float(edges[k + 1]), end),
            times=times[inside],
            survival=survival[inside],
            n_at_risk=int(numbers[k]),
            last_survival=last_survival,
        )
        if k + 1 < numbers.size:
            piece = interval.ending_with(int(numbers[k + 1]))
        else:
            piece = _last(interval, done, total_events)
        last_survival = piece.last_survival
        done.append(piece)
    return _patients(done, n_patients=int(numbers[0]), end=end)


def monotone(times: FloatArray, survival: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the points in order, with the nearest survival that never rises.

    Least squares (pool adjacent violators, as in Stata's ipdfc) rather than the running
    minimum, which one reading error would pull down for good. Of several points at one
    time the lowest is kept: the foot of the step.

    Parameters
    ----------
    times, survival : (n_points,) array

    Returns
    -------
    times, survival : (n_times,) array
        Times strictly rising.
    """
    from scipy.optimize import isotonic_regression

    order = np.lexsort((-survival, times))
    fitted = -isotonic_regression(-survival[order]).x
    last = np.append(np.diff(times[order]) > 0, True)
    return times[order][last], np.clip(fitted[last], 0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """What happened in one interval: events at the curve's points, and censoring times."""

    times: FloatArray
    events: IntArray
    censored: FloatArray
    last_survival: float

    @property
    def n_events(self) -> int:
        return int(self.events.sum())

    @property
    def n_gone(self) -> int:
        return self.n_events + self.censored.size


@dataclass(frozen=True, slots=True, kw_only=True)
class _Interval:
    """The stretch from one number at risk to the next."""

    start: float
    stop: float
    times: FloatArray
    survival: FloatArray
    n_at_risk: int
    last_survival: float

    def with_censored(self, n_censored: int) -> _Piece:
        """Solve the Kaplan-Meier equations for the events, given the number censored."""
        censored = self.spread(n_censored)
        at_risk = self.n_at_risk - _gone_before(censored, self.times)
        events = np.zeros(self.times.size, dtype=np.intp)
        reached, n_events = self.last_survival, 0
        for k, goal in enumerate(self.survival):
            n_exposed = int(at_risk[k]) - n_events
            if n_exposed <= 0:
                break
            # The goal is met from what was reached, so that rounding does not add up.
            events[k] = max(round(n_exposed * (1 - goal / reached)), 0)
            reached *= 1 - events[k] / n_exposed
            n_events += int(events[k])
        return self.piece(events, censored)

    def piece(self, events: IntArray, censored: FloatArray) -> _Piece:
        """Return these events and censorings, with the survival they end at."""
        exposed = self.n_at_risk - _gone_before(censored, self.times) - np.cumsum(events) + events
        lost = np.divide(events, exposed, out=np.zeros(events.size), where=exposed > 0)
        return _Piece(
            times=self.times,
            events=events,
            censored=censored,
            last_survival=float(self.last_survival * np.prod(1 - lost)),
        )

    def spread(self, n_censored: int) -> FloatArray:
        """Return censoring times, evenly over the interval."""
        return np.linspace(self.start, self.stop, n_censored + 2)[1:-1]

    def cut(self, piece: _Piece, *, n_events: int, n_censored: int) -> _Piece:
        """Return the piece with its first `n_events` alone, and with so many censored."""
        counted = np.minimum(np.cumsum(piece.events), n_events)
        return self.piece(np.diff(counted, prepend=0), self.spread(n_censored))

    def ending_with(self, n_left: int) -> _Piece:
        """Return the piece after which exactly `n_left` are at risk."""
        n_gone = self.n_at_risk - n_left
        n_censored = bisect_left(
            range(n_gone + 1), n_gone, key=lambda n: self.with_censored(n).n_gone
        )
        piece = self.with_censored(n_censored)
        n_events = min(piece.n_events, n_gone)
        return self.cut(piece, n_events=n_events, n_censored=n_gone - n_events)

    def following_to_the_end(self, n_censored: int) -> _Piece:
        """Return the piece with at most `n_censored`, fewer if the curve falls after them.

        Guyot's guess of the censoring can leave nobody at risk while the curve still falls;
        the curve, which was published, wins over the guess.
        """
        # What rounding to whole patients alone can leave over.
        half_step = 0.5 * self.last_survival / max(self.n_at_risk, 1)
        pieces = (self.with_censored(n) for n in range(n_censored, 0, -1))
        return next(
            (
                p
                for p in pieces
                if self._fits(p) and p.last_survival - self.survival[-1] <= half_step
            ),
            self.with_censored(0),
        )

    def _fits(self, piece: _Piece) -> bool:
        return piece.n_gone <= self.n_at_risk

    def with_events(self, n_events: int) -> _Piece:
        """Return the piece with at most `n_events`, as few of them censored as that allows."""
        n_censored = bisect_left(
            range(self.n_at_risk), -n_events, key=lambda n: -self.with_censored(n).n_events
        )
        piece = self.with_censored(n_censored)
        kept = min(piece.n_events, n_events)
        n_censored = min(piece.censored.size, self.n_at_risk - kept)
        return self.cut(piece, n_events=kept, n_censored=n_censored)


def _gone_before(censored: FloatArray, times: FloatArray) -> IntArray:
    """Return how many were censored before each time; at the very time they are still at risk."""
    return np.searchsorted(censored, times, side="left")


def _last(interval: _Interval, done: list[_Piece], total_events: int | None) -> _Piece:
    """Return what happened after the last number at risk, which nothing published bounds."""
    if total_events is not None:
        return interval.with_events(max(total_events - sum(piece.n_events for piece in done), 0))
    n_censored = sum(piece.censored.size for piece in done)
    if n_censored == 0 or interval.times.size == 0:
        return interval.with_censored(0)
    rate = n_censored / interval.start
    expected = min(round(rate * (interval.stop - interval.start)), interval.n_at_risk)
    return interval.following_to_the_end(expected)


def _patients(done: list[_Piece], *, n_patients: int, end: float) -> ReconstructedPatients:
    """Return one row for each patient; those who never left are censored at the end."""
    happened = np.concatenate([np.repeat(piece.times, piece.events) for piece in done])
    censored = np.concatenate([piece.censored for piece in done])
    stayed = np.full(n_patients - happened.size - censored.size, end)
    times = np.concatenate([happened, censored, stayed])
    events = np.arange(n_patients) < happened.size
    order = np.lexsort((~events, times))
    return ReconstructedPatients(times=times[order], events=events[order])

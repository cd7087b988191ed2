"""Search the value of a number at which a quantity of the trial has the value asked.

All values of the number see the same random numbers, so the simulated quantity follows the
number nearly without jumps, and an ordinary search for a root finds where it crosses the target.
What is left is the error of the replicates: that of the quantity over the slope (the delta method;
sample average approximation, Shapiro, Dentcheva and Ruszczynski 2014, chapter 5).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import field
from itertools import pairwise
from typing import TYPE_CHECKING

from lupusim.common.frozen import dataclass
from lupusim.planning.execution.bench import Bench, on_bench
from lupusim.planning.runs.replicates import Simulator, added_up, derived_seed, mean_of
from lupusim.planning.sample_size.growth import most_enrolled, what_may_help
from lupusim.planning.solving.goal import Goal
from lupusim.planning.solving.number import Number
from lupusim.planning.solving.results import (
    InterruptedSolvingError,
    NotReachedError,
    Solution,
    rows_of,
)
from lupusim.planning.solving.roots import Seen, narrowed
from lupusim.simulation.tally import Mean
from lupusim.trial import Trial

if TYPE_CHECKING:
    import pandas as pd

_PEEK = 1_000  # replicates while the target is still being bracketed,
_TWICE = 2
_PEEK_PATIENTS = 1_000_000  # fewer where they have more patients than this,
_FEWEST_PEEK = 100  # and never less than these
_PER_REPLICATE = 2  # tables of numbers of patients: an error as small, where chance is taken out
_ENOUGH = 0.1  # standard errors from the target: no further replicates would tell
_EXACTLY = 1e-9
_WIDE = 3.0  # standard errors of a peek, within which the crossing is looked for finely
_WIDENINGS = 6
_CURVE = (-2.0, -1.0, 1.0, 2.0)
_CURVE_SHARE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How precisely to search."""

    seed: int  # of the search; the confirmation has streams of its own
    n_replicates: int = 10_000  # of each value near the answer, at least 200
    n_jobs: int = 1
    """Processes; -1 for one per core. The same bits for any number."""
    bench: Bench | None = None  # who works, instead of `n_jobs` processes

    def __post_init__(self) -> None:
        if self.n_replicates < 2 * _FEWEST_PEEK:
            raise ValueError(f"n_replicates={self.n_replicates!r} must be at least 200")


def find_value(number: Number, goal: Goal, effort: Effort) -> Solution:
    """Return the value of a number at which a quantity of the trial has the value asked.

    Values ever farther from the one as it is are tried on few replicates until the quantity
    crosses the target; of several crossings the one nearest to the number as it is. There the
    crossing is found on all replicates, which all values share; the quantity at the answer is then
    that of a fresh run. Where power is known exactly, it is searched instead, whatever the seed.

    Raises
    ------
    NotReachedError
        If the quantity does not cross the target; it says what was seen where.
    ValueError
        If the trial has no such quantity.
    InterruptedSolvingError
        On KeyboardInterrupt; it is one, and carries what was seen.
    """
    goal.asked_of(number.design(number.start))
    with on_bench(effort.bench, effort.n_jobs) as bench:
        hunt = _Hunt(number, goal, effort, bench)
        try:
            return hunt.answer(hunt.crossing())
        except KeyboardInterrupt as interrupt:
            raise InterruptedSolvingError(hunt.seen()) from interrupt


@dataclass(slots=True)
class _Hunt:
    """A search under way."""

    number: Number
    goal: Goal
    effort: Effort
    bench: Bench
    known: dict[tuple[float, int], Mean] = field(init=False, default_factory=dict)
    spent: int = field(init=False, default=0)
    tables: dict[float, Mean | None] = field(init=False, default_factory=dict)
    """What tables say at values; None where they do not."""

    def means(self, values: Sequence[float], n_replicates: int, *, seed: int) -> list[Mean]:
        """Return the quantity at some values, on common random numbers."""
        jobs, quantities = [], []
        for value in values:
            trial, quantity = self.goal.asked_of(self.number.design(value))
            simulator = Simulator(seed=seed, bench=self.bench)
            jobs.append(simulator.job_on(quantity, trial, n_replicates))
            quantities.append(quantity)
        self.spent += len(jobs) * n_replicates
        tallies = self.bench.tallies(jobs)
        return [mean_of(added_up(t), q) for t, q in zip(tallies, quantities, strict=True)]

    def at(self, values: Sequence[float], n_replicates: int) -> list[Mean]:
        """Return the quantity at some values: exactly or by tables, or else simulated."""
        missing = []
        for value in dict.fromkeys(values):
            if (value, n_replicates) in self.known:
                continue
            if (told := self.without_patients(value)) is None:
                missing.append(value)
            else:
                self.known[value, n_replicates] = told
        found = self.means(missing, n_replicates, seed=self.effort.seed) if missing else []
        self.known |= {(v, n_replicates): m for v, m in zip(missing, found, strict=True)}
        return [self.known[value, n_replicates] for value in values]

    def without_patients(self, value: float) -> Mean | None:
        """Return the quantity at a value, exact or by tables; None where patients must tell."""
        if value not in self.tables:
            trial = self.number.design(value)
            exact = self.goal.exact(trial)
            n, seed = _PER_REPLICATE * self.effort.n_replicates, self.effort.seed
            drawn = self.goal.drawn(trial, at_least=n, seed=seed) if exact is None else None
            self.tables[value] = drawn if exact is None else Mean(value=exact, mcse=0.0)
        return self.tables[value]

    def gap(self, n_replicates: int) -> Callable[[float], float]:
        """Return how far above the target the quantity is at a value."""
        return lambda value: self.at([value], n_replicates)[0].value - self.goal.target

    def enough(self, value: float, n_replicates: int) -> float:
        """Return how near the target is near enough, with so many replicates at a value."""
        mean = self.at([value], n_replicates)[0]
        return max(_ENOUGH * mean.mcse, _EXACTLY)

    def crossing(self) -> tuple[float, float]:
        """Return where the quantity crosses the target, and its slope there."""
        few = self.peek()
        low, high = self.bracket(few)
        about = narrowed(self.gap(few), (low, high), self.enough(low.x, few), self.number.whole)
        if few == self.effort.n_replicates or self.without_patients(low.x) is not None:
            return about, (high.gap - low.gap) / (high.x - low.x)
        return self._finely(about, (low, high))

    def _finely(self, about: float, coarse: tuple[Seen, Seen]) -> tuple[float, float]:
        """Return the same on all replicates, looked for near the coarse answer first."""
        (low, high), n = coarse, self.effort.n_replicates
        slope = (high.gap - low.gap) / (high.x - low.x)
        error = self.at([low.x], self.peek())[0].mcse or math.sqrt(1 / self.peek()) / 2
        reach = _WIDE * error / abs(slope)
        gap = self.gap(n)
        for _ in range(_WIDENINGS):
            ends = self._around(about, reach, (low.x, high.x))
            self.at(ends, n)  # side by side
            first, last = (Seen(x=x, gap=gap(x)) for x in ends)
            if first.gap * last.gap <= 0 and first.x < last.x:
                found = narrowed(gap, (first, last), self.enough(ends[0], n), self.number.whole)
                return found, (last.gap - first.gap) / (last.x - first.x)
            reach *= 3
        raise NotReachedError(self.not_reached(ends, n))

    def _around(
        self, about: float, reach: float, bracket: tuple[float, float]
    ) -> tuple[float, float]:
        """Return values so far apart, also beyond the bracket, which few replicates found.

        What is not possible, or is not to be looked at, is replaced by the end of the bracket.
        """
        lowest, highest = self.number.between or (-math.inf, math.inf)
        low, high = max(about - reach, lowest), min(about + reach, highest)
        if self.number.whole:
            low, high = float(math.floor(low)), float(math.ceil(high))
        return (
            low if self.number.possible(low) else bracket[0],
            high if self.number.possible(high) else bracket[1],
        )

    def peek(self) -> int:
        """Return how many replicates show roughly where the quantity is."""
        patients = self.number.design(self.number.start).n_patients
        few = min(max(_PEEK_PATIENTS // patients, _FEWEST_PEEK), _PEEK)
        return min(few, self.effort.n_replicates)

    def bracket(self, n_replicates: int) -> tuple[Seen, Seen]:
        """Return two neighboring values between which the quantity crosses the target.

        Raises
        ------
        NotReachedError
            If there are none.
        """
        start = self.number.start
        gap = self.gap(n_replicates)
        begin = Seen(x=start, gap=gap(start))
        sides = [list(side) for side in self.number.rungs()]
        last = [begin, begin]
        for k in range(max(map(len, sides))):
            self.at([side[k] for side in sides if k < len(side)], n_replicates)
            for number, side in enumerate(sides):
                if k >= len(side):
                    continue
                here = Seen(x=side[k], gap=gap(side[k]))
                if here.gap * last[number].gap <= 0:
                    ends = sorted((here, last[number]), key=lambda seen: seen.x)
                    return ends[0], ends[1]
                last[number] = here
        tried = [start, *sides[0], *sides[1]]
        raise NotReachedError(self.not_reached(tried, n_replicates))

    def not_reached(self, values: Sequence[float], n_replicates: int) -> str:
        """Return what was seen where, in a message."""
        found = dict(zip(values, self.at(values, n_replicates), strict=True))
        low, high = min(values), max(values)
        best = min(found, key=lambda x: abs(found[x].value - self.goal.target))
        trial = self.number.design(self.number.start)
        words, shown = self.goal.in_words(trial), self.number.shown
        said = [f"{found[x].value:.3g} at {shown(x)}" for x in dict.fromkeys((low, best, high))]
        return (
            f"{words} {self.goal.target:g} is not reached for any {self.number.name} from "
            f"{shown(low)} to {shown(high)}: it is {', '.join(said)}. "
            f"{self._what_may_help(trial, int(high))}, or look elsewhere (--between)"
        )

    def _what_may_help(self, trial: Trial, most: int) -> str:
        """Return what to ask instead, such as for events where a number of them ends the trial."""
        if self.number.name == "sample_size" and self.goal.is_power:
            if (events := trial.cutoff.primary_events) is not None:
                path = f"looks.{len(trial.interims)}.when.events"
                return f"The last look waits for {events} events, whoever has them: --for {path}"
            if not self.number.in_time(_TWICE * most):
                return what_may_help(trial, math.ceil(most_enrolled(trial)))
        return f"Ask for another {self.goal.quantity.replace('_', ' ')}"

    def answer(self, found: tuple[float, float]) -> Solution:
        """Confirm the answer on fresh replicates, and look at the values around it."""
        about, slope = found
        n = self.effort.n_replicates
        value = self._reaching(about)
        curve, slope = self._curve(value, slope)
        trial = self.number.design(value)
        fresh = derived_seed(self.effort.seed, "solve, confirmed")
        (confirmed,) = self.means([value], n, seed=fresh)
        curve[value] = confirmed
        error = self.at([value], n)[0].mcse
        exact = self.goal.exact(trial)
        return Solution(
            goal=self.goal,
            asked=self.goal.in_words(trial),
            value=value,
            standard_error=error / abs(slope) if slope else math.inf,
            stated=self.number.stated,
            confirmed=confirmed,
            exact=exact,
            drawn=self.without_patients(value) if exact is None else None,
            theory=self.theory(value),
            seen=curve,
            n_replicates=self.spent,
            seed=self.effort.seed,
            step=abs(slope) if self.number.whole else 0.0,
        )

    def _reaching(self, about: float) -> float:
        """Return the value itself; of whole ones the nearest on the side that is asked for."""
        if not self.number.whole:
            return about
        at_most = self.goal.at_most
        near = [x for x in (about, about - 1, about + 1) if self.number.possible(x)]
        gaps = dict(zip(near, self.at(near, self.effort.n_replicates), strict=True))
        target = self.goal.target
        enough = [
            x for x in near if (gaps[x].value <= target) == at_most or gaps[x].value == target
        ]
        return min(enough, key=lambda x: abs(gaps[x].value - target), default=about)

    def _curve(self, value: float, slope: float) -> tuple[dict[float, Mean], float]:
        """Return the quantity around the answer, and its slope there."""
        step = self.goal.reach / abs(slope) if slope else 0.1 * abs(value)
        around = dict.fromkeys(self.number.snapped(value + k * step) for k in _CURVE)
        near = [x for x in around if x != value and self.number.possible(x)]
        few = max(self.effort.n_replicates // _CURVE_SHARE, min(self.peek(), 2 * _FEWEST_PEEK))
        curve = dict(zip(near, self.at(near, few), strict=True))
        ends = [x for x in near if abs(x - value) <= 1.5 * step] or near
        if len(ends) > 1:
            low, high = min(ends), max(ends)
            slope = (curve[high].value - curve[low].value) / (high - low)
        return curve, slope

    def theory(self, value: float) -> dict[str, float]:
        """Return the value of the number by every formula that is not exact."""
        tried = sorted({x for x, _ in self.known})
        methods = self.goal.known(self.number.design(value))
        found = {}
        for method in methods if self.goal.exact(self.number.design(value)) is None else ():

            def gap(x: float, method: str = method) -> float:
                known = self.goal.known(self.number.design(x)).get(method, math.nan)
                return known - self.goal.target

            seen = [Seen(x=x, gap=gap(x)) for x in tried]
            ends = [pair for pair in pairwise(seen) if pair[0].gap * pair[1].gap <= 0]
            if ends:
                near = min(ends, key=lambda pair: abs(pair[0].x + pair[1].x - 2 * value))
                found[method] = narrowed(gap, near, _EXACTLY, self.number.whole)
        return found

    def seen(self) -> pd.DataFrame:
        """Return every value that was tried, with most replicates of each."""
        import pandas as pd

        best: dict[float, Mean] = {}
        for (value, _), mean in sorted(self.known.items()):
            best[value] = mean
        name = self.goal.quantity
        return pd.DataFrame(rows_of(best, name), columns=["value", name, f"{name}_mcse"])

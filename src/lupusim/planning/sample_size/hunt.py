"""A search for a size under way: bracket, fit, confirmation and curve."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TypeVar

from lupusim.planning.execution.bench import InterruptedJobsError, on_bench
from lupusim.planning.runs.replicates import Simulator, added_up, derived_seed, mean_of, tested
from lupusim.planning.sample_size.checked import Checked
from lupusim.planning.sample_size.events import quantity_of
from lupusim.planning.sample_size.exact import ExactPowers
from lupusim.planning.sample_size.growth import Sizing, most_enrolled, only_decided
from lupusim.planning.sample_size.options import PEEK, Search, checks_of, peek_of
from lupusim.planning.sample_size.prefixes import Prefixes, why_not_nested
from lupusim.planning.sample_size.probit_line import (
    NORMAL,
    Batch,
    PowerLine,
    fewest_known,
    known_worth,
)
from lupusim.planning.sample_size.results import SampleSize, holds, need
from lupusim.planning.sample_size.rounds import Rounds
from lupusim.simulation.looks.dates import dated_block, ends_by_dates
from lupusim.simulation.tally import Mean, Tally, limits_of_share

Seen = TypeVar("Seen")

_CLEARLY = 0.1  # a power so far below the target needs no further replicates
_MOST_PEEKS = 40
_RUNGS = 7  # from the first size down to an eighth of it
_FARTHEST = 6.0  # the largest change of size from one peek to the next
_CLOSE = 0.35  # probits from the target: near enough to start the fit
_MOST_CONFIRMATIONS = 6
_CURVE_SHARE = 20  # a point of the curve has a twentieth of the replicates of the confirmation


class Hunt:
    """A search under way."""

    def __init__(self, sizing: Sizing, power: float, search: Search) -> None:
        self.sizing, self.power, self.search = sizing, power, search
        analysis = tested(sizing.trial)
        self.probit = NORMAL.inv_cdf(power)
        self.level = analysis.alpha / analysis.sided
        self.quantity = quantity_of(only_decided(sizing.trial), search.event)
        self.simulator = Simulator(seed=search.seed, bench=search.bench)
        self.is_nested = not why_not_nested(sizing.trial)
        self.batches: list[Batch] = []
        self.line: PowerLine | None = None
        self.largest = sizing.largest(search.max_patients)
        if self.largest < sizing.smallest:
            raise ValueError(
                f"max_patients={search.max_patients!r} allows no trial: the smallest has "
                f"{sizing.at(sizing.smallest).n_patients}"
            )

    @cached_property
    def is_controlled(self) -> bool:
        """Whether chance is known in law; an exact answer never asks."""
        from lupusim.planning.controls.kinds import is_controlled

        return self.quantity == "reject" and is_controlled(self.sizing.trial)

    def found(self) -> SampleSize:
        """Return the answer."""
        return self.answer(self.fit(self.bracket()))

    def look_at(self, sizes: Sequence[int], n_replicates: int) -> None:
        """Simulate sizes on fresh replicates and remember what was seen."""
        self._tallies(self.simulator, sizes, n_replicates)

    @property
    def n_replicates(self) -> int:
        """Replicates of all sizes that were looked at."""
        return self.simulator.n_replicates

    def _looked_at(self, size: int, n_replicates: int) -> Batch:
        self.look_at([size], n_replicates)
        return [batch for batch in self.batches if batch.size == size][-1]

    def _tallies(
        self, simulator: Simulator, sizes: Sequence[int], n_replicates: int
    ) -> list[Tally]:
        """Return the sums over fresh replicates; what an interruption leaves is remembered too."""
        trials = [only_decided(self.sizing.at(size)) for size in sizes]
        jobs = [simulator.job_on(self.quantity, trial, n_replicates) for trial in trials]
        try:
            with on_bench(simulator.bench, simulator.n_jobs) as bench:
                finished = bench.tallies(jobs)
        except InterruptedJobsError as interrupt:
            self._remember(sizes, interrupt.finished)
            raise
        return self._remember(sizes, finished)

    def _remember(self, sizes: Sequence[int], finished: Sequence[Sequence[Tally]]) -> list[Tally]:
        totals = [added_up(tallies) for tallies in finished]
        for size, total in zip(sizes, totals, strict=True):
            if total.sums.get(self.quantity, (0,))[0]:
                self.batches.append(Batch.of(size, mean_of(total, self.quantity)))
        return totals

    def near(self) -> tuple[int, int, int] | None:
        """Return the size to which the search points so far and its limits, in patients."""
        limits = (0.0, math.inf) if self.line is None else self.line.interval(self.probit)
        if self.line is None or not math.isfinite(limits[1]):
            return None
        low, high = limits
        found = (self.snapped(size) for size in (self.line.size_at(self.probit), low, high))
        middle, fewest, most = (self.sizing.at(size).n_patients for size in found)
        return middle, fewest, most

    def snapped(self, size: float) -> int:
        """Return the smallest possible size that is at least this, or the largest of all."""
        step = self.sizing.step
        bounded = min(max(size, self.sizing.smallest), self.largest)
        return min(math.ceil(bounded / step - 1e-9) * step, self.largest)

    def powers(self, simulator: Simulator, sizes: Sequence[int], n_replicates: int) -> list[Mean]:
        """Return the power of sizes, the largest last, on common random numbers."""
        largest = self.sizing.at(sizes[-1])
        if self.is_nested:
            score = Prefixes(sizing=self.sizing, sizes=tuple(sizes))
            tally = simulator.tally(largest, n_replicates, score=score)
            return [tally.mean(f"reject {size}") for size in sizes]
        trials = [only_decided(self.sizing.at(size)) for size in sizes]
        jobs = [Simulator(seed=simulator.seed).job(trial, n_replicates) for trial in trials]
        with on_bench(simulator.bench, simulator.n_jobs) as bench:
            return [added_up(tallies).mean(self.quantity) for tallies in bench.tallies(jobs)]

    def start(self) -> int:
        """Return where to begin: as the trial is, or nearer if its first patients tell."""
        size = self.snapped(self.sizing.start)
        if not self.is_nested:
            return size
        ladder = sorted({self.snapped(size * 2 ** (-k / 2)) for k in range(_RUNGS)})
        simulator = Simulator(
            seed=derived_seed(self.search.seed, "ladder"), bench=self.search.bench
        )
        powers = self.powers(simulator, ladder, self.peek(ladder[-1]))
        enough = [
            rung for rung, power in zip(ladder, powers, strict=True) if power.value >= self.power
        ]
        return enough[0] if enough else size

    def bracket(self) -> float:
        """Return a size whose power is near the target."""
        if most_enrolled(self.sizing.trial) < self.search.max_patients:
            self.look_at([self.largest], self.peek(self.largest))
            self._check_limit()  # there the power grows no more, and may stay below the target
        low, high = 0.0, math.inf  # sizes with too little and with enough power
        size = self.start()
        for _ in range(_MOST_PEEKS):
            batch = self._looked_at(size, self.peek(size))
            distance = self.probit - batch.probit
            low, high = (max(low, size), high) if distance > 0 else (low, min(high, size))
            if distance > 0 and size == self.largest:
                self._check_limit()
            next_size = self._guess(size, batch.probit, low, high)
            if abs(distance) < _CLOSE or next_size == size:
                return float(self._from_root(size, batch.probit))
            size = next_size
        return float(size)

    def peek(self, size: int) -> int:
        """Return how many replicates show roughly what the power is."""
        patients = self.sizing.at(size).n_patients
        return peek_of(patients, is_controlled=self.is_controlled)

    def _from_root(self, size: float, probit: float) -> float:
        """Return the size at which a z that grows with the root of the size has the power."""
        zero = NORMAL.inv_cdf(self.level)
        growth = (self.probit - zero) / max(probit - zero, 0.05)
        return size * min(max(growth**2, 1 / _FARTHEST), _FARTHEST)

    def _guess(self, size: int, probit: float, low: float, high: float) -> int:
        guess = self._from_root(size, probit)
        if guess >= _FARTHEST * size and 2 * guess > self.largest:
            guess = self.largest  # no power shows yet: see whether there is any
        if not low < guess < high:
            guess = math.sqrt(max(low, 1.0) * min(high, self.largest))
        return self.snapped(guess)

    def _check_limit(self) -> None:
        """Refuse where even the largest trial has too little power."""
        size = self.largest
        power = self._power_at(size)
        low, high = limits_of_share(power)
        if low >= self.power:
            return  # reached, whatever its last digits
        if high >= self.power - _CLEARLY:
            self.look_at([size], 4 * self.peek(size))
            power = self._power_at(size)
        need(power, self.power, self.sizing, self.search.max_patients)

    def _power_at(self, size: int) -> Mean:
        here = [batch for batch in self.batches if batch.size == size]
        n = sum(batch.n_replicates for batch in here)
        value = sum(batch.n_rejected for batch in here) / n
        return Mean(value=value, mcse=math.sqrt(value * (1 - value) / n), n=n)

    def fit(self, near: float) -> PowerLine:
        """Return a line through powers near the target, precise where it crosses it."""
        rounds = Rounds(
            search=self.search,
            power=self.power,
            level=self.level,
            smallest=self.sizing.smallest,
            step=self.sizing.step,
            is_controlled=self.is_controlled,
            has_teeth=tested(self.sizing.trial).test.sees_counts,
        )
        while True:
            line, near = rounds.line(self.batches, near)
            self.line = line
            left = self.search.max_replicates - self.n_replicates
            n = rounds.wanted(self.batches, line, near, left)
            if n < rounds.n_sizes:
                return line
            sizes = rounds.odd_and_even([self.snapped(n) for n in rounds.sizes(near)], self.largest)
            self.look_at(sizes, -(-n // rounds.n_sizes))

    def exact_answer(self) -> SampleSize | None:
        """Return the answer by all tables, checked by fresh replicates; None if not known."""
        known = ExactPowers(self.sizing, quantity=self.quantity)
        size = known.smallest(self.power, self.snapped(self.sizing.start), self.largest)
        if size is None or (power := known.at(size)) is None:
            return None
        checked = self.check(size, checks_of(self.sizing.at(size).n_patients))
        curve = known.curve(size, self.shown(size))
        return checked.answer(self.power, (size, size), curve, exact=power.value)

    def shown(self, answer: int) -> list[int]:
        """Return sizes whose power is shown beside an answer's."""
        return sorted({self.snapped(share * answer) for share in self.search.curve_at} - {answer})

    def check(self, size: int, n_replicates: int) -> Checked:
        """Return what fresh replicates say of a size whose power is known.

        Where that is not shown nobody is followed, if dates say when the trial ends.
        """
        trial, fresh = self.sizing.at(size), self._fresh()
        if self.search.shows_answers_alone and ends_by_dates(trial):
            return self._checked(size, fresh.tally(trial, n_replicates, score=dated_block), fresh)
        return self.checked(size, n_replicates, fresh)

    def checked(self, size: int, n_replicates: int, fresh: Simulator) -> Checked:
        """Return what fresh replicates say of a size."""
        (tally,) = self._tallies(fresh, [size], n_replicates)
        return self._checked(size, tally, fresh)

    def _checked(self, size: int, tally: Tally, fresh: Simulator) -> Checked:
        return Checked(
            sizing=self.sizing,
            size=size,
            tally=tally,
            quantity=self.quantity,
            n_replicates=self.simulator.n_replicates + fresh.n_replicates,
            seed=self.search.seed,
        )

    def _fresh(self) -> Simulator:
        seed = derived_seed(self.search.seed, "confirmation")
        return Simulator(seed=seed, bench=self.search.bench)

    def _to_confirm(self) -> int:
        """Return how many replicates a confirmation takes: as many as have shown their worth."""
        enough = self.search.to_confirm(known_worth(self.batches))
        return max(enough, fewest_known(self.batches))

    def answer(self, line: PowerLine) -> SampleSize:
        """Confirm the answer on fresh replicates, and simulate the curve around it."""
        n_replicates, fresh = self._to_confirm(), self._fresh()
        size, checked = self.confirmed(
            line, lambda size: self.checked(size, n_replicates, fresh), lambda found: found.power
        )
        curve = self._curve(size, checked.power, max(n_replicates // _CURVE_SHARE, PEEK))
        return checked.answer(self.power, self.limits(line, size), curve)

    def confirmed(
        self, line: PowerLine, look: Callable[[int], Seen], power_of: Callable[[Seen], Mean]
    ) -> tuple[int, Seen]:
        """Return the size where a line reaches the target, or beyond, until what is seen holds."""
        size = self.snapped(line.size_at(self.probit))
        seen = look(size)
        for _ in range(_MOST_CONFIRMATIONS - 1):
            power = power_of(seen)
            if holds(power, self.power):
                break
            if size == self.largest:
                need(power, self.power, self.sizing, self.search.max_patients)
            missing = max(self.probit - NORMAL.inv_cdf(max(power.value, 1e-6)), 0.0)
            ahead = line.size_at(self.probit + missing) - line.size_at(self.probit)
            size = self.snapped(size + max(self.sizing.step, ahead))
            seen = look(size)
        return size, seen

    def limits(self, line: PowerLine, size: int) -> tuple[int, int]:
        """Return the sizes that a line does not exclude, and the answer."""
        low, high = (self.snapped(limit) for limit in line.interval(self.probit))
        return min(low, size), max(high, size)

    def _curve(self, answer: int, confirmed: Mean, n_replicates: int) -> dict[int, Mean]:
        """Return the power of sizes around the answer, on common random numbers."""
        simulator = Simulator(seed=derived_seed(self.search.seed, "curve"), bench=self.search.bench)
        sizes = self.shown(answer)
        found = self.powers(simulator, sizes, n_replicates) if sizes else []
        powers = dict(zip(sizes, found, strict=True))
        powers[answer] = confirmed
        return powers

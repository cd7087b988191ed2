"""The smallest trial that reaches a power, found by simulation, and confirmed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from lupusim.planning.controls.kinds import is_controlled
from lupusim.planning.execution.bench import InterruptedJobsError, on_bench
from lupusim.planning.runs.replicates import Simulator, added_up, derived_seed, mean_of, tested
from lupusim.planning.sample_size.events import event_in_words, last_look, quantity_of
from lupusim.planning.sample_size.exact import Checked, ExactPowers
from lupusim.planning.sample_size.growth import Sizing, most_enrolled, only_decided, only_design
from lupusim.planning.sample_size.options import PEEK, Search, check_target, checks_of, peek_of
from lupusim.planning.sample_size.prefixes import Prefixes, why_not_nested
from lupusim.planning.sample_size.probit_line import (
    NORMAL,
    Batch,
    PowerLine,
    fewest_known,
    known_worth,
)
from lupusim.planning.sample_size.results import (
    InterruptedSearchError,
    SampleSize,
    holds,
    need,
    seen,
)
from lupusim.planning.sample_size.rounds import Rounds
from lupusim.simulation.tally import Mean, Tally, limits_of_share
from lupusim.trial.scenario import Scenario

_CLEARLY = 0.1  # a power so far below the target needs no further replicates
_MOST_PEEKS = 40
_RUNGS = 7  # from the first size down to an eighth of it
_FARTHEST = 6.0  # the largest change of size from one peek to the next
_CLOSE = 0.35  # probits from the target: near enough to start the fit
_MOST_CONFIRMATIONS = 6
_CURVE_SHARE = 20  # a point of the curve has a twentieth of the replicates of the confirmation


def sample_size(  # noqa: PLR0913 - the face of a search; all but two are keywords
    scenario: Scenario,
    power: float = 0.9,
    *,
    seed: int | None = None,
    n_jobs: int = 1,
    max_patients: int = 20_000,
    precision: float = 0.01,
    event: str = "any",
) -> SampleSize:
    """Return the smallest number of patients with which a scenario's trial reaches a power.

    Patients come in whole turns of the allocation ratio. Where the data are cut at a number
    of events, events grow and patients in proportion (:class:`EventsInProportion`).

    Parameters
    ----------
    scenario : Scenario
        Its design points may differ in size, and in nothing else.
    power : float
        Target, above the test's level and below 1.
    seed : int or None
        Default is the scenario's own.
    n_jobs, max_patients, precision, event
        See :class:`Search`.

    Returns
    -------
    SampleSize
        With the power at the answer from a fresh run, an interval, and the power curve.

    Raises
    ------
    PowerNotReachedError
        If no size up to `max_patients` reaches the power; it says the power there.
    ValueError
        If the scenario has no test or several designs, or a number is out of range.

    Examples
    --------
    >>> import lupusim
    >>> lupusim.sample_size("two_rates", 0.8, seed=1, precision=0.05).n_patients
    120
    """
    search = Search(
        seed=scenario.seed if seed is None else seed,
        n_jobs=n_jobs,
        max_patients=max_patients,
        precision=precision,
        event=event,
    )
    return find_size(only_design(scenario), power, search=search)


def find_size(sizing: Sizing, power: float, *, search: Search) -> SampleSize:
    """Return the smallest size of a family of trials that reaches a power.

    Three parts, each on replicates of its own. A bracket: few replicates of each size, the
    next one where a test statistic that grows with the root of the size would reach the
    target. A fit: batches close to the running estimate, which a probit line through them renews,
    until its crossing is known precisely enough. A confirmation at the answer; where that falls
    short (discrete tests have saw-toothed power), the size goes up and is confirmed afresh. Then
    the curve around it. Where the power is known exactly (counts of responders, the rate of one
    arm), nothing is searched by simulation: the answer is the smallest size whose exact power
    reaches it, whatever the seed, and replicates only check it.

    Where the first patients of a fixed design are a smaller trial (see
    :func:`~lupusim.planning.sample_size.prefixes.why_not_nested`), bracket and curve take all
    sizes from one simulation of the largest; the fit does not: shared replicates share their luck.

    Parameters
    ----------
    sizing : Sizing
        The trials to choose from.
    power : float
    search : Search
        How far and how precisely to look.

    Returns
    -------
    SampleSize
        Reached up to Monte Carlo error.

    Raises
    ------
    PowerNotReachedError
        If no size within the limits reaches the power.
    ValueError
        If the trial has no test, or the power is not between its level and 1.
    InterruptedSearchError
        On KeyboardInterrupt; it is one, and carries the powers seen so far.

    References
    ----------
    Wu (1985), *Journal of the American Statistical Association* 80:974: fits that choose
    where to look next. Fieller (1954), *JRSS B* 16:175: the interval.
    """
    check_target(tested(sizing.trial), power)
    with on_bench(search.bench, search.n_jobs) as bench:
        hunt = _Hunt(sizing, power, replace(search, bench=bench))
        try:
            if (exact := hunt.exact_answer()) is not None:
                return exact
            near = hunt.bracket()
            line = hunt.fit(near)
            return hunt.answer(line)
        except KeyboardInterrupt as interrupt:
            powers = seen(hunt.batches, sizing)
            raise InterruptedSearchError(power, powers, hunt.near()) from interrupt


class _Hunt:
    """A search under way."""

    def __init__(self, sizing: Sizing, power: float, search: Search) -> None:
        self.sizing, self.power, self.search = sizing, power, search
        analysis = tested(sizing.trial)
        self.probit = NORMAL.inv_cdf(power)
        self.level = analysis.alpha / analysis.sided
        self.quantity = quantity_of(only_decided(sizing.trial), search.event)
        self.simulator = Simulator(seed=search.seed, bench=search.bench)
        self.is_nested = not why_not_nested(sizing.trial)
        self.is_controlled = self.quantity == "reject" and is_controlled(sizing.trial)
        self.batches: list[Batch] = []
        self.line: PowerLine | None = None
        self.largest = sizing.largest(search.max_patients)
        if self.largest < sizing.smallest:
            raise ValueError(
                f"max_patients={search.max_patients!r} allows no trial: the smallest has "
                f"{sizing.at(sizing.smallest).n_patients}"
            )

    def simulate(self, size: int, n_replicates: int) -> Batch:
        """Simulate a size on fresh replicates and remember what was seen."""
        self._tallies(self.simulator, [size], n_replicates)
        return self.batches[-1]

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
        powers = self.powers(simulator, ladder, self._peek(ladder[-1]))
        enough = [
            rung for rung, power in zip(ladder, powers, strict=True) if power.value >= self.power
        ]
        return enough[0] if enough else size

    def bracket(self) -> float:
        """Return a size whose power is near the target."""
        if most_enrolled(self.sizing.trial) < self.search.max_patients:
            self.simulate(self.largest, self._peek(self.largest))
            self._check_limit()  # there the power grows no more, and may stay below the target
        low, high = 0.0, math.inf  # sizes with too little and with enough power
        size = self.start()
        for _ in range(_MOST_PEEKS):
            batch = self.simulate(size, self._peek(size))
            distance = self.probit - batch.probit
            low, high = (max(low, size), high) if distance > 0 else (low, min(high, size))
            if distance > 0 and size == self.largest:
                self._check_limit()
            next_size = self._guess(size, batch.probit, low, high)
            if abs(distance) < _CLOSE or next_size == size:
                return float(self._from_root(size, batch.probit))
            size = next_size
        return float(size)

    def _peek(self, size: int) -> int:
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
            self.simulate(size, 4 * self._peek(size))
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
            left = self.search.max_replicates - self.simulator.n_replicates
            n = rounds.wanted(self.batches, line, near, left)
            if n < rounds.n_sizes:
                return line
            sizes = rounds.odd_and_even([self.snapped(n) for n in rounds.sizes(near)], self.largest)
            self._tallies(self.simulator, sizes, -(-n // rounds.n_sizes))

    def exact_answer(self) -> SampleSize | None:
        """Return the answer by counts, checked by fresh replicates; None if not known.

        All tables are gone through, or where these are too many drawn.
        """
        start = self.snapped(self.sizing.start)
        for is_drawn in (False, True):
            known = ExactPowers(self.sizing, quantity=self.quantity, is_drawn=is_drawn)
            size = known.smallest(self.power, start, self.largest)
            if size is not None:
                return self._checked(known, size)
        return None

    def _checked(self, known: ExactPowers, size: int) -> SampleSize:
        fresh = self._fresh()
        (tally,) = self._tallies(fresh, [size], checks_of(self.sizing.at(size).n_patients))
        shown = [self.snapped(share * size) for share in self.search.curve_at]
        n, seed = fresh.n_replicates, self.search.seed
        checked = Checked(tally=tally, quantity=self.quantity, n_replicates=n, seed=seed)
        return known.answer(size, self.power, shown, checked)

    def _fresh(self) -> Simulator:
        seed = derived_seed(self.search.seed, "confirmation")
        return Simulator(seed=seed, bench=self.search.bench)

    def _to_confirm(self) -> int:
        """Return how many replicates a confirmation takes: as many as have shown their worth."""
        enough = self.search.to_confirm(known_worth(self.batches))
        return max(enough, fewest_known(self.batches))

    def answer(self, line: PowerLine) -> SampleSize:
        """Confirm the answer on fresh replicates, and simulate the curve around it."""
        size = self.snapped(line.size_at(self.probit))
        low, high = (self.snapped(limit) for limit in line.interval(self.probit))
        n_replicates, fresh = self._to_confirm(), self._fresh()
        for _ in range(_MOST_CONFIRMATIONS):
            (tally,) = self._tallies(fresh, [size], n_replicates)
            confirmed = mean_of(tally, self.quantity)
            if holds(confirmed, self.power):
                break
            if size == self.largest:
                need(confirmed, self.power, self.sizing, self.search.max_patients)
            missing = max(self.probit - NORMAL.inv_cdf(max(confirmed.value, 1e-6)), 0.0)
            ahead = line.size_at(self.probit + missing) - line.size_at(self.probit)
            size = self.snapped(size + max(self.sizing.step, ahead))
        powers = self._curve(size, confirmed, max(n_replicates // _CURVE_SHARE, PEEK))
        fewest, most = (self.sizing.at(one).n_patients for one in (min(low, size), max(high, size)))
        return SampleSize(
            target=self.power,
            n_patients=self.sizing.at(size).n_patients,
            interval=(fewest, most),
            confirmed=confirmed,
            duration=tally.mean("duration"),
            powers=powers,
            sizing=self.sizing,
            size=size,
            n_replicates=self.simulator.n_replicates + fresh.n_replicates,
            seed=self.search.seed,
            cost=tally.mean("cost") if "cost" in tally.sums else None,
            event=event_in_words(self.quantity, self.sizing.trial),
            **last_look(tally, len(self.sizing.trial.looks)),
        )

    def _curve(self, answer: int, confirmed: Mean, n_replicates: int) -> dict[int, Mean]:
        """Return the power of sizes around the answer, on common random numbers."""
        simulator = Simulator(seed=derived_seed(self.search.seed, "curve"), bench=self.search.bench)
        sizes = sorted({self.snapped(share * answer) for share in self.search.curve_at} - {answer})
        found = self.powers(simulator, sizes, n_replicates) if sizes else []
        powers = dict(zip(sizes, found, strict=True))
        powers[answer] = confirmed
        return powers

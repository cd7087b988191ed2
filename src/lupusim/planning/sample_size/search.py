"""The smallest trial that reaches a power, found by simulation, and confirmed."""

from __future__ import annotations

from dataclasses import replace

from lupusim.planning.execution.bench import on_bench
from lupusim.planning.runs.replicates import tested
from lupusim.planning.sample_size.by_tables import answer_by_tables
from lupusim.planning.sample_size.growth import Sizing, only_design
from lupusim.planning.sample_size.hunt import Hunt
from lupusim.planning.sample_size.options import Search, check_target
from lupusim.planning.sample_size.results import InterruptedSearchError, SampleSize, seen
from lupusim.trial.scenario import Scenario


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
    reaches it, whatever the seed, and replicates only check it. Where tables must be drawn, these
    take the place of replicates, of which a few check the answer.

    Where the first patients of a fixed design are a smaller trial (see
    :func:`~lupusim.planning.sample_size.prefixes.why_not_nested`), bracket and curve take all
    sizes from one simulation of the largest; the fit does not: shared replicates share their luck.

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
        hunt = Hunt(sizing, power, replace(search, bench=bench))
        try:
            return hunt.exact_answer() or answer_by_tables(hunt) or hunt.found()
        except KeyboardInterrupt as interrupt:
            powers = seen(hunt.batches, sizing)
            raise InterruptedSearchError(power, powers, hunt.near()) from interrupt

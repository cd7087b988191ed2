"""Single-arm designs: exact binomial test, Simon's two stages, one-sample log-rank."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from lupusim.analysis.numerics.binomial import binomial
from lupusim.analysis.numerics.columns import checked_times, everyone_or, flags, lead_shape
from lupusim.analysis.results import ExactResult, ZStatistic, ratio_or
from lupusim.common.arrays import BoolArray, FloatArray, read_only
from lupusim.common.frozen import dataclass
from lupusim.common.shown import Shown


def exact_binomial(
    response: ArrayLike, null_proportion: float, *, included: ArrayLike | None = None
) -> ExactResult:
    """Compare the proportion of responders of one arm with a fixed number, exactly.

    Parameters
    ----------
    response : (n_replicates, n_patients) or (n_patients,) array of 0 and 1
        Whether the patient responded.
    null_proportion : float
        Strictly between 0 and 1.
    included : boolean array or None
        Who belongs to the analysis set; None means all.

    Returns
    -------
    ExactResult
        `p_greater` speaks for more responders; the two-sided p-value adds up all numbers of
        responders that are at most as likely. Undefined where there are no patients.

    Raises
    ------
    ValueError
        If shapes don't fit, flags are not 0 or 1, or the proportion is not inside (0, 1).

    References
    ----------
    Clopper and Pearson (1934), *Biometrika* 26, 404-413.

    Examples
    --------
    >>> result = exact_binomial([1, 1, 1, 1, 0, 0, 0, 0, 0, 0], 0.2)
    >>> round(float(result.p_greater), 4)
    0.1209
    """
    _check_proportion("null_proportion", null_proportion)
    lead = lead_shape(response=response, included=included)
    responds, member = flags("response", response), everyone_or(included)
    everybody = np.ones((1, responds.shape[1]), dtype=bool) if member is None else member
    responders = (responds & everybody).sum(axis=1)
    n = np.broadcast_to(everybody.sum(axis=1), responders.shape)
    p_values = np.ones((3, responders.size))
    for size in np.unique(n).tolist():
        p_values[:, n == size] = binomial_p_values(size, null_proportion)[:, responders[n == size]]
    p_less, p_greater, p_two_sided = p_values.reshape(3, *lead)
    return ExactResult(
        p_less=p_less,
        p_greater=p_greater,
        p_two_sided=p_two_sided,
        undefined=np.asarray(n == 0).reshape(lead),
    )


@lru_cache(maxsize=1024)
def binomial_p_values(n: int, null_proportion: float) -> FloatArray:
    """Return exact p-values for 0, 1, ..., `n` responders: less, greater, two-sided; (3, n + 1)."""
    chance = binomial(n, null_proportion)
    sums = np.array([
        chance.cumsum(), chance[::-1].cumsum()[::-1],
        [chance[chance <= one * (1 + 1e-7)].sum() for one in chance],
    ])  # fmt: skip
    return read_only(np.minimum(sums, 1.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class SimonDesign:
    """A two-stage design: stop after stage 1, or give up at the end, with too few responders.

    Parameters
    ----------
    first_responders, first_n : int
        Stop if at most so many of the first patients respond.
    responders, n : int
        Give up if at most so many of all patients respond.
    type_one_error, power : float
        Probability of success under the null and under the alternative proportion.
    expected_n, stopping_probability : float
        Under the null proportion.

    Examples
    --------
    >>> round(simon(0.1, 0.3).optimal.expected_n, 2)
    15.01
    """

    first_responders: int
    first_n: int
    responders: int
    n: int
    type_one_error: float
    power: float
    expected_n: float
    stopping_probability: float


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SimonDesigns(Shown):
    """Simon's two designs.

    Parameters
    ----------
    optimal : SimonDesign
        The smallest expected number of patients under the null proportion.
    minimax : SimonDesign
        The smallest number of patients, and among those the smallest expected number.

    Examples
    --------
    >>> simon(0.05, 0.25).minimax.n
    16
    """

    optimal: SimonDesign
    minimax: SimonDesign


def simon(
    null_proportion: float,
    alternative_proportion: float,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    most_patients: int = 100,
) -> SimonDesigns:
    """Find Simon's optimal and minimax two-stage designs, among all up to a size.

    Parameters
    ----------
    null_proportion, alternative_proportion : float
        Uninteresting and desirable proportion of responders, 0 < null < alternative < 1.
    alpha, power : float
        Type I error at most, power at least.
    most_patients : int
        Largest total number looked at.

    Returns
    -------
    SimonDesigns

    Raises
    ------
    ValueError
        If the proportions are out of order, or no design of that size is good enough.

    References
    ----------
    Simon (1989), *Controlled Clinical Trials* 10, 1-10.

    Examples
    --------
    >>> design = simon(0.1, 0.3, alpha=0.05, power=0.8).optimal
    >>> design.first_responders, design.first_n, design.responders, design.n
    (1, 10, 5, 29)
    """
    _check_proportion("null_proportion", null_proportion)
    _check_proportion("alternative_proportion", alternative_proportion)
    if not null_proportion < alternative_proportion:
        raise ValueError(
            f"alternative_proportion={alternative_proportion!r} must be above "
            f"null_proportion={null_proportion!r}"
        )
    proportions = (null_proportion, alternative_proportion)
    best: list[SimonDesign] = []
    for n in range(2, most_patients + 1):
        least = min((one.expected_n for one in best), default=np.inf)
        first_stages = [k for k in range(1, n) if _least_n(n, k, proportions, power) < least]
        best.extend(_designs(n, first_stages, proportions, (alpha, power)))
    if not best:
        raise ValueError(f"no design of up to most_patients={most_patients} patients will do")
    return SimonDesigns(
        optimal=min(best, key=lambda one: (one.expected_n, one.n)),
        minimax=min(best, key=lambda one: (one.n, one.expected_n)),
    )


@lru_cache(maxsize=4096)
def _most_stopping(first_n: int, proportions: tuple[float, float], power: float) -> float:
    """Return how often stage 1 may stop under the null if it may not cost too much power."""
    null, alternative = (binomial(first_n, p).cumsum() for p in proportions)
    return float(null[alternative <= 1 - power].max(initial=0.0))


def _least_n(n: int, first_n: int, proportions: tuple[float, float], power: float) -> float:
    """Return what the expected number of patients cannot fall below."""
    return first_n + (1 - _most_stopping(first_n, proportions, power)) * (n - first_n)


def _designs(
    n: int,
    first_stages: Sequence[int],
    proportions: tuple[float, float],
    limits: tuple[float, float],
) -> list[SimonDesign]:
    """Return for each size of stage 1 the admissible design of `n` patients with the least E(N)."""
    found = []
    for first_n in first_stages:
        errors, powers = (_success(n, first_n, p) for p in proportions)
        admissible = (errors <= limits[0]) & (powers >= limits[1])
        if not admissible.any():
            continue
        # The more the first stage stops, the fewer patients are expected.
        first_responders = int(np.flatnonzero(admissible.any(axis=1)).max())
        responders = int(np.flatnonzero(admissible[first_responders]).min())
        stop = float(binomial(first_n, proportions[0])[: first_responders + 1].sum())
        found.append(
            SimonDesign(
                first_responders=first_responders,
                first_n=first_n,
                responders=responders,
                n=n,
                type_one_error=float(errors[first_responders, responders]),
                power=float(powers[first_responders, responders]),
                expected_n=first_n + (1 - stop) * (n - first_n),
                stopping_probability=stop,
            )
        )
    return found


def _success(n: int, first_n: int, proportion: float) -> FloatArray:
    """Return the probability of success by bounds of both stages, (first_n + 1, n + 1)."""
    first, second = binomial(first_n, proportion), binomial(n - first_n, proportion)
    above = np.append(second[::-1].cumsum()[::-1], np.zeros(n + 2))
    x, bound = np.arange(first_n + 1)[:, np.newaxis], np.arange(n + 1)
    needed = np.maximum(bound - x + 1, 0)
    joint = first[:, np.newaxis] * above[needed]
    beyond = joint[::-1].cumsum(axis=0)[::-1]
    return np.concatenate([beyond[1:], np.zeros((1, n + 1))])


def one_sample_logrank(
    time: ArrayLike,
    event: ArrayLike,
    cumulative_hazard: Callable[[FloatArray], FloatArray],
    *,
    included: ArrayLike | None = None,
) -> ZStatistic:
    r"""Compare the events of one arm with those that a known hazard lets expect.

    .. math:: z = \frac{O - E}{\sqrt E}, \quad E = \sum_i H_0(t_i)

    Parameters
    ----------
    time : (n_replicates, n_patients) or (n_patients,) array
        Time at risk, 0 or above.
    event : array of 0 and 1
        Whether the time ended with the event.
    cumulative_hazard : callable
        Takes an array of times, returns the reference's cumulative hazard.
    included : boolean array or None
        Who belongs to the analysis set; None means all.

    Returns
    -------
    ZStatistic
        Negative with fewer events than expected; undefined where none are expected.

    Raises
    ------
    ValueError
        If shapes don't fit, times are negative or not numbers, or flags are not 0 or 1.

    References
    ----------
    Breslow (1975), *International Statistical Review* 43, 45-57.
    Finkelstein, Muzikansky and Schoenfeld (2003), *Journal of the National Cancer Institute*
    95, 1434-1439.

    Examples
    --------
    >>> found = one_sample_logrank([1.0, 2.0, 4.0], [1, 0, 1], lambda time: 0.5 * time)
    >>> float(found.z.round(4))
    -0.8018
    """
    lead = lead_shape(time=time, event=event, included=included)
    member = everyone_or(included)
    times, happened = checked_times(time, member), flags("event", event)
    everybody: BoolArray = np.ones((1, 1), dtype=bool) if member is None else member
    observed = (happened & everybody & np.ones_like(times, dtype=bool)).sum(axis=1)
    hazard = np.where(everybody, cumulative_hazard(np.where(everybody, times, 0.0)), 0.0)
    expected = np.broadcast_to(hazard.sum(axis=1), lead or (1,)).reshape(lead)
    excess = np.broadcast_to(observed, lead or (1,)).reshape(lead) - expected
    return ZStatistic(
        z=ratio_or(excess, np.sqrt(expected), 0.0), undefined=np.asarray(expected == 0)
    )


def _check_proportion(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise ValueError(f"{name}={value!r} must lie strictly between 0 and 1")

"""What a study of a new size would count, and which further published number would help most."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lupusim.calibration.checking.outlook import PlannedTrial, predictions, remission_edges
from lupusim.calibration.fit import Fit
from lupusim.calibration.prediction.family import Family
from lupusim.calibration.targets.questions import EverAfter, EverIn, InStates, Question
from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.rng import stream
from lupusim.model import MultiStateModel

_N_DRAWS = 4000
_LIMITS = (0.025, 0.5, 0.975)
_TIMES = (0.5, 1.0, 2.0, 5.0)  # years at which a paper may say something


@dataclass(frozen=True, slots=True, kw_only=True)
class NextCount:
    """How many of the next patients would be in a state, or have been."""

    what: str  # the state and the time
    n: int  # patients
    lower: float
    median: float
    upper: float
    """`lower`, `median` and `upper`: of the predictive distribution, in which parameters and chance
    vary; 95 %."""
    share: float  # mean share


@dataclass(frozen=True, slots=True, kw_only=True)
class FurtherNumber:
    """What knowing one more count would take from the spread of a prediction."""

    what: str  # the count: of whom, by when
    n: int  # patients it would be out of
    prediction: str
    spread: float  # its standard deviation now
    reduction: float  # expected share of its variance that the count takes away


def next_counts(fit: Fit, time: float, n: int) -> tuple[NextCount, ...]:
    """Return the predictive counts of every state at a time in a study of `n` patients.

    Parameters
    ----------
    fit : Fit
        With draws.
    time : float
        Study time, years.
    n : int
        Patients.

    Raises
    ------
    ValueError
        If the fit has no draws.
    """
    draws = _draws(fit)
    states = fit.model.states
    family = Family(fit.likelihood.free_model, [InStates((state,), time) for state in states])
    shares = np.clip(family.answers(draws), 0.0, 1.0)
    rng = stream(fit.seed, "calibration", "next counts")
    counts = rng.multinomial(n, shares / shares.sum(axis=1, keepdims=True))
    limits = np.quantile(counts, _LIMITS, axis=0, method="inverted_cdf").T.tolist()
    return tuple(
        NextCount(
            what=f"{state.replace('_', ' ')} at {time:g} years",
            n=n,
            lower=low,
            median=middle,
            upper=high,
            share=float(shares[:, k].mean()),
        )
        for k, (state, (low, middle, high)) in enumerate(zip(states, limits, strict=True))
    )


def further_numbers(
    fit: Fit, n: int, *, trial: PlannedTrial | None = None
) -> tuple[FurtherNumber, ...]:
    """Return how much each number that a paper may give would narrow the first prediction.

    Or the power of a trial that compares it with a control's.

    The expected share of variance that a count takes away is that of the prediction's mean
    given the count: counts are drawn from the posterior, and the mean given each value is
    taken over the draws that gave it (expected value of sample information by its variance;
    Raiffa and Schlaifer 1961, *Applied Statistical Decision Theory*, chapter 4).

    Parameters
    ----------
    fit : Fit
        With draws.
    n : int
        Patients that a further count would be out of.
    trial : PlannedTrial, optional
        Whose power is predicted.

    Returns
    -------
    tuple of FurtherNumber
        The most helpful first.
    """
    draws = _draws(fit)
    name, wanted = next(iter(predictions(fit.model).items()))
    asked = candidates(fit.model)
    family = Family(fit.likelihood.free_model, [wanted, *asked.values()])
    answers = family.answers(draws)
    target, rng = answers[:, 0], stream(fit.seed, "calibration", "further numbers")
    if trial is not None:
        name = trial.name
        target = np.array([trial.power(share) for share in target.tolist()])
    spread = float(target.std())
    found = [
        FurtherNumber(
            what=what,
            n=n,
            prediction=name,
            spread=spread,
            reduction=_reduction(target, rng.binomial(n, np.clip(answers[:, k + 1], 0.0, 1.0))),
        )
        for k, what in enumerate(asked)
    ]
    return tuple(sorted(found, key=lambda one: -one.reduction))


def _reduction(target: FloatArray, counts: NDArray[np.int64]) -> float:
    """Return the share of variance between groups of equal counts, corrected for chance.

    The correction is that of adjusted R squared: groups of draws differ by chance, too.
    """
    values, group = np.unique(counts, return_inverse=True)
    if values.size < 2 or target.var() == 0:
        return 0.0
    sizes = np.bincount(group)
    means = np.bincount(group, weights=target) / sizes
    within = float(((target - means[group]) ** 2).sum()) / max(target.size - values.size, 1)
    whole = float(target.var(ddof=1))
    return float(np.clip(1 - within / whole, 0.0, 1.0))


def candidates(model: MultiStateModel) -> dict[str, Question]:
    """Return what papers say: who is where, who has been where, and who left again, by when."""
    starts = {start.state for start in model.starts}
    reached = tuple(state for state in model.states if state not in starts)
    left = {t.from_state for t in model.transitions}
    found: dict[str, Question] = {}
    first = tuple(dict.fromkeys(to for _, to in remission_edges(model)))
    for time in _TIMES:
        if len(first) > 1:
            word = " or ".join(first).replace("_", " ")
            found[f"in {word} at {time:g} years"] = InStates(first, time)
            found[f"ever in {word} by {time:g} years"] = EverIn(first, time)
        for state in reached:
            word = state.replace("_", " ")
            found[f"in {word} at {time:g} years"] = InStates((state,), time)
            if state in left:
                found[f"ever in {word} by {time:g} years"] = EverIn((state,), time)
        for one, other in _moves_on(model, starts):
            words = f"{other} after {one}".replace("_", " ")
            found[f"{words} by {time:g} years"] = EverAfter((one,), (other,), time)
    return found


def _moves_on(model: MultiStateModel, starts: set[str]) -> Sequence[tuple[str, str]]:
    """Return the transitions out of states other than the first, into states that one leaves."""
    absorbing = set(model.absorbing or ())
    return [
        (t.from_state, t.to_state)
        for t in model.transitions
        if t.from_state not in starts and t.to_state not in absorbing
    ]


def _draws(fit: Fit) -> FloatArray:
    if fit.draws is None:
        raise ValueError("there are no draws to predict from. Calibrate with n_draws above 0")
    rng = stream(fit.seed, "calibration", "prediction draws")
    return fit.draws.resample(_N_DRAWS, rng=rng)

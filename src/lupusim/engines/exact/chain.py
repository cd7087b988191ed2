"""What one asks of a chain: P(t), sojourns, next state, visits, years, first passage, life."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.shown import Shown
from lupusim.engines.exact.accumulation import accumulate
from lupusim.engines.exact.law import Law, laws
from lupusim.engines.exact.queries import state_numbers
from lupusim.engines.exact.solution import DEFAULT_TOLERANCE, check_effort, solve
from lupusim.engines.exact.stays import Beginning, median_stay, stay
from lupusim.model import MultiStateModel

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class FirstPassage(Shown):
    """The first entry into a set of states.

    Parameters
    ----------
    probability : float
        That it ever happens; 1 for who starts there.
    mean_time : float
        Expected years until then; ``inf`` where some never get there.

    Examples
    --------
    >>> import lupusim
    >>> round(lupusim.first_passage("illness-death", "death").mean_time, 3)
    23.333
    """

    probability: float
    mean_time: float


def transition_probabilities(
    model: MultiStateModel,
    time: float,
    *,
    tolerance: float = DEFAULT_TOLERANCE,
    covariates: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Return P(t): where patients who enter each state at study time 0 are at `time`.

    Parameters
    ----------
    model : MultiStateModel
        Any states, hazards and clocks; latent classes in the shares that they have at the start.
    time : float
        Study time, years.
    tolerance : float
        Absolute error allowed for every probability.
    covariates : mapping of str to float
        The patient's covariates; those not given count as 0.

    Returns
    -------
    pandas.DataFrame
        A row for each state at time 0, a column for each state at `time`; rows sum to 1.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Examples
    --------
    >>> import lupusim
    >>> model = lupusim.load_model("illness-death")
    >>> lupusim.transition_probabilities(model, 1.0).round(4).loc["ill"].tolist()
    [0.2837, 0.6334, 0.0829]
    """
    import pandas as pd

    rows = [
        solve(model, [time], tolerance=tolerance, covariates=covariates, start=state).probabilities
        for state in model.states
    ]
    index = pd.Index(model.states, name="from_state")
    return pd.DataFrame(np.concatenate(rows), index=index, columns=list(model.states))


def sojourn_times(
    model: MultiStateModel, *, covariates: Mapping[str, float] | None = None
) -> pd.DataFrame:
    """Return how long a stay in each state lasts that begins at study time 0.

    Parameters
    ----------
    model : MultiStateModel
        Any states, hazards and clocks.
    covariates : mapping of str to float
        The patient's covariates; those not given count as 0.

    Returns
    -------
    pandas.DataFrame
        ``mean`` and ``median`` (years) of each state, ``inf`` where nobody leaves; of each
        latent class and state, where there are classes.

    Examples
    --------
    >>> import lupusim
    >>> lupusim.sojourn_times("illness-death").loc["ill"].round(3).to_dict()
    {'mean': 2.0, 'median': 1.386}
    """
    import pandas as pd

    rows = {
        key: {
            "mean": stay(law, state, beginning=Beginning()).time,
            "median": median_stay(law, state),
        }
        for key, law, state in _each_state(model, covariates)
    }
    return _by_state(pd.DataFrame.from_dict(rows, orient="index"), model)


def next_states(
    model: MultiStateModel, *, covariates: Mapping[str, float] | None = None
) -> pd.DataFrame:
    """Return where a stay in each state that begins at study time 0 leads.

    Parameters
    ----------
    model : MultiStateModel
        Any states, hazards and clocks.
    covariates : mapping of str to float
        The patient's covariates; those not given count as 0.

    Returns
    -------
    pandas.DataFrame
        A row for each state (each latent class and state, where there are classes) with the
        probability of each next state; what is missing to 1 stays for ever.

    Examples
    --------
    >>> import lupusim
    >>> lupusim.next_states("illness-death").loc["ill"].round(3).to_dict()
    {'healthy': 0.8, 'ill': 0.0, 'death': 0.2}
    """
    import pandas as pd

    rows = {}
    for key, law, state in _each_state(model, covariates):
        shares = np.zeros(len(model.states))
        for arc, share in zip(law.arcs, stay(law, state).ends.tolist(), strict=True):
            shares[arc.end] += share
        rows[key] = dict(zip(model.states, shares.tolist(), strict=True))
    return _by_state(pd.DataFrame.from_dict(rows, orient="index"), model)


def _each_state(
    model: MultiStateModel, covariates: Mapping[str, float] | None
) -> Iterable[tuple[object, Law, int]]:
    """Yield a key, the law and the number of each state, for each latent class."""
    starts = {state: [law for _, law in laws(model, covariates, state)] for state in model.states}
    present = [c for c in model.latent_classes if c.probability > 0]
    for number, latent_class in enumerate(present):
        for state, of_classes in starts.items():
            key = (latent_class.name, state) if model.classes else state
            yield key, of_classes[number], model.index(state)


def _by_state(table: pd.DataFrame, model: MultiStateModel) -> pd.DataFrame:
    table.index.names = ["class", "state"] if model.classes else ["state"]
    return table


def time_in_state(
    model: MultiStateModel,
    until: float = math.inf,
    *,
    tolerance: float = DEFAULT_TOLERANCE,
    covariates: Mapping[str, float] | None = None,
    start: str | None = None,
    discount: float = 0.0,
) -> FloatArray:
    """Return the expected years in each state from study time 0 until a time, or for ever.

    Parameters
    ----------
    model : MultiStateModel
        Any states, hazards and clocks.
    until : float
        Study time, years since randomization, 0 or above; ``inf`` for ever.
    tolerance : float
        Absolute error allowed, as a share of `until`.
    covariates : mapping of str to float
        The patient's covariates; those not given count as 0.
    start : str or None
        State that everybody enters at time 0; None for the model's own starts.
    discount : float
        Rate per year: a year at `t` counts ``(1 + discount) ** -t``.

    Returns
    -------
    (n_states,) array
        Years; undiscounted they sum to `until`. ``inf`` for a state that some never leave.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    NoExactSolutionError
        If the tolerance is not reached, or there is no answer for ever.

    Examples
    --------
    >>> import lupusim
    >>> lupusim.time_in_state("illness-death", 5.0).round(3).tolist()
    [3.634, 0.968, 0.398]
    """
    end = _checked(until, tolerance)
    total = np.zeros(len(model.states))
    for share, law in laws(model, covariates, start):
        rate = continuous_rate(discount)
        total += share * accumulate(law, end, discount=rate, tolerance=tolerance).time
    return total


def visits(
    model: MultiStateModel,
    until: float = math.inf,
    *,
    covariates: Mapping[str, float] | None = None,
    start: str | None = None,
) -> FloatArray:
    """Return the expected number of stays in each state that begin by a time, or ever.

    The stay in which a patient starts counts as one.

    Parameters
    ----------
    model : MultiStateModel
        Any states, hazards and clocks.
    until : float
        Study time, years; ``inf`` for ever.
    covariates : mapping of str to float
        The patient's covariates; those not given count as 0.
    start : str or None
        State that everybody enters at time 0; None for the model's own starts.

    Returns
    -------
    (n_states,) array
        ``inf`` for states that are come back to for ever.

    Examples
    --------
    >>> import lupusim
    >>> lupusim.visits("illness-death").round(3).tolist()
    [3.667, 3.333, 1.0]
    """
    end = _checked(until, DEFAULT_TOLERANCE)
    total = np.zeros(len(model.states))
    for share, law in laws(model, covariates, start):
        moves = accumulate(law, end, tolerance=DEFAULT_TOLERANCE).moves
        total += share * law.start
        np.add.at(total, [arc.end for arc in law.arcs], share * moves)
    return total


def first_passage(
    model: MultiStateModel,
    states: str | Iterable[str],
    *,
    covariates: Mapping[str, float] | None = None,
    start: str | None = None,
) -> FirstPassage:
    """Return whether and when a set of states is first entered; starting there counts.

    By which time how many have got there is :func:`ever`.

    Parameters
    ----------
    model : MultiStateModel
        Any states, hazards and clocks.
    states : str or iterable of str
        A state, or several.
    covariates : mapping of str to float
        The patient's covariates; those not given count as 0.
    start : str or None
        State that everybody enters at time 0; None for the model's own starts.

    Examples
    --------
    >>> import lupusim
    >>> lupusim.first_passage("illness-death", "death").probability
    1.0
    """
    wanted = state_numbers(model, states)
    target = min(wanted)
    probability = years = 0.0
    for share, whole in laws(model, covariates, start):
        law = whole.stopped(wanted)
        found = accumulate(law, math.inf, tolerance=DEFAULT_TOLERANCE)
        moves = zip(law.arcs, found.moves.tolist(), strict=True)
        reached = law.start[target] + sum(move for arc, move in moves if arc.end == target)
        probability += share * min(float(reached), 1.0)
        years += share * float(np.delete(found.time, target).sum())
    return FirstPassage(probability=probability, mean_time=years)


def life_expectancy(
    model: MultiStateModel,
    until: float = math.inf,
    *,
    dead: Iterable[str] | None = None,
    covariates: Mapping[str, float] | None = None,
    start: str | None = None,
    discount: float = 0.0,
) -> float:
    """Return the expected years alive, up to a time or for good.

    Parameters
    ----------
    model : MultiStateModel
        Any states, hazards and clocks.
    until : float
        Study time, years; ``inf`` for ever.
    dead : iterable of str or None
        States that are no life; None for the model's absorbing ones.
    covariates : mapping of str to float
        The patient's covariates; those not given count as 0.
    start : str or None
        State that everybody enters at time 0; None for the model's own starts.
    discount : float
        Rate per year: a year at `t` counts ``(1 + discount) ** -t``.

    Raises
    ------
    ValueError
        If no state is absorbing and none is named in `dead`.

    Examples
    --------
    >>> import lupusim
    >>> round(lupusim.life_expectancy("illness-death"), 3)
    23.333
    """
    gone = list(model.absorbing or () if dead is None else dead)
    if not gone:
        raise ValueError(f"model {model.name!r} has no absorbing state. Name the dead ones")
    years = time_in_state(model, until, covariates=covariates, start=start, discount=discount)
    return float(np.delete(years, sorted(state_numbers(model, gone))).sum())


def continuous_rate(discount: float) -> float:
    """Return the continuous rate of an annual discount rate; raise ValueError if it is none."""
    if not (math.isfinite(discount) and discount >= 0):
        raise ValueError(f"discount={discount!r} must be 0 or above, such as 0.03")
    return math.log1p(discount)


def _checked(until: float, tolerance: float) -> float:
    check_effort(tolerance, None)
    if not until >= 0:
        raise ValueError(f"until={until!r} must be a number of years, 0 or above")
    return float(until)

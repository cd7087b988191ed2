r"""Where patients of a panel were seen, beside where a fitted model puts them.

What happened between visits is not known, so there is no estimate without a model. As Gentleman,
Lawless, Lindsey and Yan (1994, Statistics in Medicine 13:805-821) do, and R's
``msm::prevalence.msm`` by default, a patient counts at any time as where the last visit before it
found him; those whose visits have ended are no longer counted, the dead are. So moves come too
late in it, the longer visits are apart the more, and death is seen too often where many leave
early.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from lupusim.calibration.estimation.tables import exact_limits
from lupusim.calibration.patients.aalen_johansen import SHARES, model_shares
from lupusim.calibration.patients.histories import Panel
from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.model import MultiStateModel, Start

_NOBODY = 1e-12


def prevalence_rows(
    model: MultiStateModel, panel: Panel, times: Sequence[float] | None = None
) -> list[dict[str, object]]:
    """Return a row per time and state: share by the last visit with exact limits, and the model's.

    Parameters
    ----------
    model : MultiStateModel
        Fitted.
    panel : Panel
        What was seen.
    times : sequence of float, optional
        Years since a patient's first visit; default: by which a tenth, a quarter, half ... of
        all visits were.

    Returns
    -------
    list of dict
        Empty where hazards run on study time and patients were first seen at different times.
    """
    first = _first_rows(panel)
    since = panel.begin[first]
    if np.ptp(since) > 0 and not all(way.is_semi_markov for way in model.transitions):
        return []
    begun = np.repeat(since, np.diff(np.append(first, panel.begin.size)))
    asked = np.quantile(panel.end - begun, SHARES) if times is None else np.asarray(times)
    rows: list[dict[str, object]] = []
    for time in np.unique(asked).tolist():
        rows += _rows(model, panel, begun, time)
    return rows


def _first_rows(panel: Panel) -> IntArray:
    """Return the first interval of each patient."""
    return np.unique(panel.patient, return_index=True)[1]


def _rows(
    model: MultiStateModel, panel: Panel, begun: FloatArray, time: float
) -> Iterator[dict[str, object]]:
    state, watched = _last_seen(model, panel, begun, time)
    n = int(watched.sum())
    if n == 0:
        return
    counts = np.bincount(state[watched], minlength=len(model.states))
    expected = _expected(model, panel, watched, time)
    for k, name in enumerate(model.states):
        low, high = exact_limits(float(counts[k]), float(n), is_poisson=False)
        yield {
            "time": time,
            "state": name,
            "n": n,
            "observed": float(counts[k] / n),
            "lower": low / n,
            "upper": high / n,
            "model": float(expected[k]),
        }


def _last_seen(
    model: MultiStateModel, panel: Panel, begun: FloatArray, time: float
) -> tuple[IntArray, BoolArray]:
    """Return where each patient was last seen by a time, and whether he still counts then."""
    first = _first_rows(panel)
    last = np.append(first[1:], panel.begin.size) - 1
    passed = panel.end - begun <= time
    n_passed = np.add.reduceat(passed.astype(int), first)
    state = np.where(n_passed == 0, panel.state[first], panel.next_state[first + n_passed - 1])
    ends = [model.index(name) for name in model.absorbing or ()]
    gone = np.isin(panel.next_state[last], ends)
    return state, gone | (panel.end[last] - begun[last] >= time)


def _expected(model: MultiStateModel, panel: Panel, watched: BoolArray, time: float) -> FloatArray:
    """Return the model's shares at a time, of patients who began as those counted did."""
    first = _first_rows(panel)
    found = np.zeros(len(model.states))
    for state in np.unique(panel.state[first][watched]).tolist():
        own = first[watched & (panel.state[first] == state)]
        some = Panel(
            patient=panel.patient[own],
            state=panel.state[own],
            next_state=panel.next_state[own],
            begin=panel.begin[own],
            end=panel.end[own],
            covariates={name: values[own] for name, values in panel.covariates.items()},
        )
        begins = _beginning(model, model.states[state])
        found += own.size * model_shares(begins, some, np.array([time]))[0]
    return np.asarray(found / watched.sum())


def _beginning(model: MultiStateModel, state: str) -> MultiStateModel:
    """Return the model whose patients begin in one state."""
    # A model has no state that nobody reaches: the former starts keep next to nothing.
    waited = {start.state: start.time_in_state for start in model.starts}
    others = [replace(s, probability=_NOBODY * s.probability) for s in model.starts]
    here = Start(state=state, probability=1 - _NOBODY, time_in_state=waited.get(state, 0.0))
    return replace(model, starts=(here, *(s for s in others if s.state != state)))

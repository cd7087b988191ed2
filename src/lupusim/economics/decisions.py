"""Which strategy is worth its cost: dominance, incremental ratios, net benefit."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


def incremental_analysis(table: pd.DataFrame) -> pd.DataFrame:
    """Return the strategies by cost, with incremental cost-effectiveness ratios.

    A strategy that costs no less and gives no more than another is dominated; one whose ratio
    is above that of the next better strategy is extendedly dominated: a mixture of its
    neighbors does better. The others form the frontier; each is compared with the one before.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns ``strategy``, ``cost`` and ``effect``, as from :func:`evaluate`.

    Returns
    -------
    pandas.DataFrame
        Columns ``strategy``, ``cost``, ``effect``, ``incremental_cost``, ``incremental_effect``,
        ``icer`` (missing where there is none) and ``status``: frontier, dominated, or
        extendedly dominated.

    References
    ----------
    Drummond et al. (2015), Methods for the Economic Evaluation of Health Care Programmes, 4th
    ed., chapter 4.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"cost": [0.0, 100.0], "effect": [1.0, 1.5]})
    >>> incremental_analysis(table.assign(strategy=["none", "drug"]))["icer"].tolist()
    [nan, 200.0]
    """
    ordered = table[["strategy", "cost", "effect"]].sort_values(
        ["cost", "effect"], ascending=[True, False], ignore_index=True
    )
    cost, effect = ordered["cost"].to_numpy(float), ordered["effect"].to_numpy(float)
    status = ["frontier"] * len(ordered)
    frontier: list[int] = []
    for k in range(len(ordered)):
        if frontier and effect[k] <= effect[frontier[-1]]:
            status[k] = "dominated"
            continue
        while len(frontier) > 1 and _ratio(cost, effect, frontier[-1], k) <= _ratio(
            cost, effect, frontier[-2], frontier[-1]
        ):
            status[frontier.pop()] = "extendedly dominated"
        frontier.append(k)
    steps = np.full((len(ordered), 3), np.nan)
    for before, k in pairwise(frontier):
        steps[k] = (
            cost[k] - cost[before],
            effect[k] - effect[before],
            _ratio(cost, effect, before, k),
        )
    ordered["incremental_cost"], ordered["incremental_effect"], ordered["icer"] = steps.T
    ordered["status"] = status
    return ordered


def _ratio(
    cost: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    effect: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    before: int,
    after: int,
) -> float:
    return float((cost[after] - cost[before]) / (effect[after] - effect[before]))


def net_benefit(table: pd.DataFrame, willingness_to_pay: float) -> pd.DataFrame:
    """Return the net monetary benefit of each strategy: effect times what it is worth, less cost.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns ``strategy``, ``cost`` and ``effect``.
    willingness_to_pay : float
        For one unit of effect, such as a quality-adjusted life year; 0 or above.

    Returns
    -------
    pandas.DataFrame
        Columns ``strategy`` and ``net_benefit``, the best first.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"cost": [0.0, 100.0], "effect": [1.0, 1.5]})
    >>> net_benefit(table.assign(strategy=["none", "drug"]), 1000.0).columns.tolist()
    ['strategy', 'net_benefit']
    """
    import pandas as pd

    if not willingness_to_pay >= 0:
        raise ValueError(f"willingness_to_pay={willingness_to_pay!r} must be 0 or above")
    benefit = willingness_to_pay * table["effect"] - table["cost"]
    found = pd.DataFrame({"strategy": table["strategy"], "net_benefit": benefit})
    return found.sort_values("net_benefit", ascending=False, ignore_index=True)

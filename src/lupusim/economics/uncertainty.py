"""What not knowing the parameters does to a decision."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.shown import Shown
from lupusim.economics.methods import Exact, Method
from lupusim.economics.strategies import Discount, Strategy

if TYPE_CHECKING:
    import pandas as pd

MakeStrategies = Callable[[Mapping[str, float]], Sequence[Strategy]]
"""Makes the strategies from one draw of the parameters."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Psa(Shown):
    """A probabilistic sensitivity analysis.

    Parameters
    ----------
    strategies : tuple of str
        Their names.
    costs, effects : (n_draws, n_strategies) arrays
        Of each draw of the parameters.
    weights : (n_draws,) array
        Of the draws; they sum to 1.

    Examples
    --------
    >>> import numpy as np
    >>> costs, effects = np.array([[0.0, 100.0]]), np.array([[1.0, 1.5]])
    >>> names = ("none", "drug")
    >>> Psa(strategies=names, costs=costs, effects=effects, weights=np.ones(1)).strategies
    ('none', 'drug')
    """

    strategies: tuple[str, ...]
    costs: FloatArray
    effects: FloatArray
    weights: FloatArray

    def means(self) -> pd.DataFrame:
        """Return mean cost and effect of each strategy, with their Monte Carlo errors."""
        import pandas as pd

        return pd.DataFrame(
            {
                "strategy": self.strategies,
                "cost": self.weights @ self.costs,
                "cost_mcse": self._error(self.costs),
                "effect": self.weights @ self.effects,
                "effect_mcse": self._error(self.effects),
            }
        )

    def _error(self, values: FloatArray) -> FloatArray:
        off = values - self.weights @ values
        return np.asarray(np.sqrt((self.weights**2) @ off**2))

    def _benefit(self, willingness_to_pay: float) -> FloatArray:
        return np.asarray(willingness_to_pay * self.effects - self.costs)

    def acceptability(self, willingness_to_pay: Sequence[float]) -> pd.DataFrame:
        """Return how probably each strategy is the best at each price of an effect.

        Returns
        -------
        pandas.DataFrame
            A row per price and strategy: ``willingness_to_pay``, ``strategy``, ``probability``,
            ``probability_mcse``, and ``on_frontier``: whether its expected net benefit is the
            largest. Draws in which strategies tie count in equal shares.
        """
        import pandas as pd

        rows = []
        for price in willingness_to_pay:
            benefit = self._benefit(price)
            best = benefit >= benefit.max(axis=1, keepdims=True) - 1e-9
            shares = best / best.sum(axis=1, keepdims=True)
            probability, error = self.weights @ shares, self._error(shares)
            leading = int(np.argmax(self.weights @ benefit))
            rows += [
                {
                    "willingness_to_pay": price,
                    "strategy": name,
                    "probability": float(probability[k]),
                    "probability_mcse": float(error[k]),
                    "on_frontier": k == leading,
                }
                for k, name in enumerate(self.strategies)
            ]
        return pd.DataFrame(rows)

    def evpi(self, willingness_to_pay: Sequence[float]) -> pd.DataFrame:
        """Return the expected value of perfect information per person, with its error.

        It is the expected net benefit of choosing when the parameters are known, less that of
        choosing now (Claxton 1999, Journal of Health Economics 18, 341-364).
        """
        import pandas as pd

        rows = []
        for price in willingness_to_pay:
            benefit = self._benefit(price)
            lost = benefit.max(axis=1) - benefit[:, int(np.argmax(self.weights @ benefit))]
            rows.append(
                {
                    "willingness_to_pay": price,
                    "evpi": float(self.weights @ lost),
                    "evpi_mcse": float(self._error(lost[:, None])[0]),
                }
            )
        return pd.DataFrame(rows)

    def plane(self, comparator: str | None = None) -> pd.DataFrame:
        """Return each draw's incremental cost and effect against one strategy (the first)."""
        import pandas as pd

        base = self.strategies.index(comparator or self.strategies[0])
        return pd.concat(
            [
                pd.DataFrame(
                    {
                        "draw": np.arange(len(self.costs)),
                        "strategy": name,
                        "incremental_cost": self.costs[:, k] - self.costs[:, base],
                        "incremental_effect": self.effects[:, k] - self.effects[:, base],
                    }
                )
                for k, name in enumerate(self.strategies)
                if k != base
            ],
            ignore_index=True,
        )


def psa(
    make: MakeStrategies,
    draws: pd.DataFrame,
    horizon: float,
    *,
    method: Method | None = None,
    discount: Discount | None = None,
    weights: FloatArray | None = None,
) -> Psa:
    """Evaluate strategies for each draw of their parameters.

    Parameters
    ----------
    make : callable
        Makes the strategies from a mapping of parameter to value.
    draws : pandas.DataFrame
        A row per draw, a column per parameter: from distributions or a calibration.
    horizon : float
        Study time, years.
    method : Method or None
        As in :func:`evaluate`.
    discount : Discount or None
        Yearly rates; 3 % where nothing is said.
    weights : (n_draws,) array or None
        Of the draws; equal where nothing is said.

    Raises
    ------
    ValueError
        If there are no draws, weights are none, or the strategies change their names.

    Examples
    --------
    >>> import lupusim
    >>> import pandas as pd
    >>> from lupusim.economics import Cycles
    >>> strategies = lupusim.load_decision("hiv").strategies
    >>> draws = pd.DataFrame({"nothing": [0.0, 1.0]})
    >>> psa(lambda draw: strategies, draws, 20.0, method=Cycles()).strategies
    ('zidovudine', 'with lamivudine')
    """
    if not len(draws):
        raise ValueError("draws must have at least one row")
    shares = np.full(len(draws), 1.0) if weights is None else np.asarray(weights, dtype=float)
    if shares.shape != (len(draws),) or not (np.all(shares >= 0) and shares.sum() > 0):
        raise ValueError("weights must be one number for each draw, 0 or above, not all 0")
    way, rates = method or Exact(), discount or Discount()
    names: tuple[str, ...] = ()
    found = []
    for values in draws.to_dict(orient="records"):
        strategies = make({str(name): float(value) for name, value in values.items()})
        names = names or tuple(strategy.name for strategy in strategies)
        if tuple(strategy.name for strategy in strategies) != names:
            raise ValueError("the strategies of every draw must have the same names and order")
        found.append([way.outcome(strategy, horizon, rates) for strategy in strategies])
    return Psa(
        strategies=names,
        costs=np.array([[o.cost for o in row] for row in found]),
        effects=np.array([[o.effect for o in row] for row in found]),
        weights=shares / shares.sum(),
    )


def tornado(  # noqa: PLR0913 - two strategies, their parameters, and how they are valued
    make: MakeStrategies,
    draws: pd.DataFrame,
    horizon: float,
    *,
    pair: tuple[str, str],
    willingness_to_pay: float,
    method: Method | None = None,
    discount: Discount | None = None,
) -> pd.DataFrame:
    """Return how far each parameter alone moves the net benefit of one strategy over another.

    Parameters
    ----------
    make, draws, horizon, method, discount
        As in :func:`psa`; each parameter goes to its 2.5 and 97.5 % quantile while the others
        stay at their means.
    pair : (str, str)
        Names: the net benefit of the second less that of the first.
    willingness_to_pay : float
        For one unit of effect.

    Returns
    -------
    pandas.DataFrame
        Columns ``parameter``, ``low``, ``high`` (its values), ``at_low``, ``at_high`` and
        ``at_mean`` (net benefits); the widest first.

    Examples
    --------
    >>> import lupusim
    >>> import pandas as pd
    >>> from lupusim.economics import Cycles
    >>> strategies = lupusim.load_decision("hiv").strategies
    >>> draws = pd.DataFrame({"nothing": [0.0, 1.0]})
    >>> pair = (strategies[0].name, strategies[1].name)
    >>> rest = {"pair": pair, "willingness_to_pay": 1e4, "method": Cycles()}
    >>> len(tornado(lambda draw: strategies, draws, 20.0, **rest))
    1
    """
    import pandas as pd

    way, rates = method or Exact(), discount or Discount()
    means = {str(name): float(value) for name, value in draws.mean().items()}

    def gained(values: Mapping[str, float]) -> float:
        by_name = {strategy.name: strategy for strategy in make(values)}
        for name in pair:
            if name not in by_name:
                raise ValueError(f"{name!r} is not a strategy. Valid: {', '.join(by_name)}")
        one, other = (way.outcome(by_name[name], horizon, rates) for name in pair)
        return willingness_to_pay * (other.effect - one.effect) - (other.cost - one.cost)

    rows = []
    for name in means:
        low, high = (float(draws[name].quantile(q)) for q in (0.025, 0.975))
        rows.append(
            {
                "parameter": name,
                "low": low,
                "high": high,
                "at_low": gained({**means, name: low}),
                "at_high": gained({**means, name: high}),
                "at_mean": gained(means),
            }
        )
    table = pd.DataFrame(rows)
    widest = (table["at_high"] - table["at_low"]).abs().sort_values(ascending=False).index
    return table.loc[widest].reset_index(drop=True)

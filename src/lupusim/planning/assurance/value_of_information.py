"""What a trial is worth to those who decide after it: expected value of sample information."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lupusim.common.arrays import BoolArray, FloatArray
from lupusim.common.frozen import dataclass
from lupusim.planning.assurance.beliefs import Beliefs, Gain, draws_by_block
from lupusim.planning.assurance.benefit import benefits
from lupusim.planning.assurance.drawn import one_table_each
from lupusim.planning.execution.bench import Bench, InterruptedJobsError, Job, on_bench
from lupusim.planning.runs.replicates import simulate_replicates, tested
from lupusim.simulation.generation.generation import Block
from lupusim.simulation.tally import Mean, Tally
from lupusim.trial import Trial

if TYPE_CHECKING:
    import pandas as pd

_DEGREE = 5
_FEWEST_DRAWS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is at stake when the trial is over: to adopt the treatment or not."""

    gain: Gain
    """True gain of adopting it, given the truth (a trial), against not adopting: below 0 where
    adopting would be the mistake. So the loss of a wrong decision is its size. Where it is smooth
    in the strength of an effect it is asked at few strengths."""
    cost: Callable[[Trial], float]  # cost of holding a trial, on the scale of the gain


class InterruptedValueError(KeyboardInterrupt):
    """The value of data was interrupted; carries the table of the draws that are finished.

    Parameters
    ----------
    partial : pandas.DataFrame or None
        None where no trial has the fewest draws that tell something.
    """

    def __init__(self, partial: pd.DataFrame | None) -> None:
        self.partial = partial
        super().__init__("interrupted")


def information_value(
    trials: Sequence[Trial],
    *,
    beliefs: Beliefs,
    decision: Decision,
    n_draws: int = 1000,
    seed: int,
    bench: Bench | None = None,
) -> pd.DataFrame:
    r"""Return the expected value of trials' data, as a table over their sizes.

    One replicate for each draw of the truth: a table of numbers of patients where these say what a
    trial of two arms shows at its end, else patients. What the data tell of the gain is a
    regression of the gain on the trial's estimate (a polynomial in its rank), and so

    .. math:: \mathrm{EVSI} = E[\max(0, E[g \mid \text{estimate}])] - \max(0, E[g]).

    Parameters
    ----------
    trials : sequence of Trial
        Such as one trial at several sizes; all share draws and streams.
    beliefs : Beliefs
        What is not known for certain.
    decision : Decision
        Gain and cost.
    n_draws : int
        Truths to draw, at least 50.
    seed : int
        Of the draws and trials.
    bench : Bench or None
        Who works; default: this process. The same bits for any.

    Returns
    -------
    pandas.DataFrame
        A row per trial. `evsi`: the best use of the data. `rule_value`: adopting if and only
        if the test is significant, against the best choice without the trial; below 0 if the
        rule is worse than that. `perfect_information`: the ceiling. Each with its ``_mcse``;
        `cost`, and `net_value`, `evsi` minus cost; `n_draws` behind them.

    Raises
    ------
    ValueError
        If a trial has no test, or there are too few draws.
    InterruptedValueError
        On KeyboardInterrupt; it is one.

    References
    ----------
    Strong, Oakley, Brennan and Breeze (2015), *Medical Decision Making* 35:570, section 2:
    the regression.
    """
    for trial in trials:
        tested(trial)
    if n_draws < _FEWEST_DRAWS:
        raise ValueError(f"n_draws={n_draws!r} must be at least {_FEWEST_DRAWS}")
    tables = one_table_each(trials, beliefs, n_draws, decision.gain, seed=seed)
    lines = [
        [
            Job(
                trial=trial,
                blocks=(Block(seed=seed, number=number, n_replicates=len(numbers)),),
                score=OneTrialEach(
                    beliefs=beliefs.only(numbers),
                    gain=decision.gain,
                    n_draws=n_draws,
                ),
            )
            for number, numbers in enumerate(draws_by_block(n_draws))
            if known is None
        ]
        for trial, known in zip(trials, tables, strict=True)
    ]
    with on_bench(bench, 1) as working:
        try:
            return _table(trials, _shown(tables, working.side_by_side(lines)), decision)
        except InterruptedJobsError as interrupt:
            pairs = zip(trials, _shown(tables, interrupt.finished), strict=True)
            enough = [(trial, shown) for trial, shown in pairs if shown.shape[1] >= _FEWEST_DRAWS]
            some, of_each = [trial for trial, _ in enough], [shown for _, shown in enough]
            partial = _table(some, of_each, decision) if enough else None
            raise InterruptedValueError(partial) from interrupt


def _shown(
    tables: Sequence[FloatArray | None], finished: Sequence[Sequence[Tally]]
) -> list[FloatArray]:
    """Return whether each draw of each trial claims a benefit, its estimate and gain, (3, n)."""
    return [
        _of_tallies(tallies) if known is None else known
        for known, tallies in zip(tables, finished, strict=True)
    ]


def _of_tallies(tallies: Sequence[Tally]) -> FloatArray:
    of_draws = [sums for tally in tallies for sums in tally.sums.values()]
    return np.array(of_draws).reshape(-1, 3).T


def _table(
    trials: Sequence[Trial], shown: Sequence[FloatArray], decision: Decision
) -> pd.DataFrame:
    """Return what the draws of each trial say."""
    import pandas as pd

    rows = []
    for trial, (rejected, estimate, gain) in zip(trials, shown, strict=True):
        cost = decision.cost(trial)
        worth = _values(gain, rejected == 1, estimate)
        row = {"n_patients": trial.n_patients, **worth, "cost": cost}
        rows.append(row | {"net_value": worth["evsi"] - cost, "n_draws": gain.size})
    return pd.DataFrame(rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTrialEach:
    """Holds one trial for each of some draws of the truth, and keeps each by itself."""

    beliefs: Beliefs  # what is drawn
    gain: Gain  # true gain under a truth
    n_draws: int  # draws of all blocks together

    def __call__(self, trial: Trial, block: Block) -> Tally:
        """Return for each draw whether its trial shows a benefit, its estimate and its gain."""
        strengths = self.beliefs.strengths(trial, self.n_draws, seed=block.seed)
        found = {}
        for number in draws_by_block(self.n_draws)[block.number]:
            truth = self.beliefs.truth(trial, number, float(strengths[number]))
            one = Block(seed=block.seed, number=number, n_replicates=1)
            shown = simulate_replicates(truth, one)
            rejected, estimate = int(benefits(truth, shown)[0]), float(shown["estimate"][0])
            found[f"draw {number}"] = (rejected, estimate, float(self.gain(truth)))
        return Tally(found)


def _values(gain: FloatArray, rejected: BoolArray, estimate: FloatArray) -> dict[str, float]:
    known_now = gain if gain.mean() > 0 else np.zeros_like(gain)
    of_each = {
        "evsi": np.maximum(_expected_gain(gain, estimate), 0.0) - known_now,
        "rule_value": gain * rejected - known_now,
        "perfect_information": np.maximum(gain, 0.0) - known_now,
    }
    found: dict[str, float] = {}
    for name, values in of_each.items():
        mean = Mean(value=float(values.mean()), mcse=float(values.std() / np.sqrt(values.size)))
        found |= {name: mean.value, f"{name}_mcse": mean.mcse}
    return found


def _expected_gain(gain: FloatArray, estimate: FloatArray) -> FloatArray:
    """Return the gain that each estimate leads one to expect; without an estimate, the mean."""
    expected = np.empty_like(gain)
    known = np.isfinite(estimate)
    if known.any():
        order = np.unique(estimate[known], return_inverse=True)[1].astype(float)
        rank = 2 * order / max(order.max(), 1.0) - 1
        basis = np.polynomial.legendre.legvander(rank, _DEGREE)
        expected[known] = basis @ np.linalg.lstsq(basis, gain[known])[0]
    if not known.all():
        expected[~known] = gain[~known].mean()
    return expected

"""What happened: the complete histories of simulated patients."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from lupusim.common.arrays import FloatArray, IntArray
from lupusim.model.rewards import Rewards, discounted_years
from lupusim.records.recorders import TransitionLog

if TYPE_CHECKING:
    import pandas as pd


class Histories:
    """Complete histories of many patients.

    Parameters
    ----------
    states : tuple of str
        Names of the states, in the model's order.
    horizon : float
        Study time (years) up to which everybody was followed.
    log : TransitionLog
        Every transition up to it.
    """

    def __init__(self, states: tuple[str, ...], horizon: float, log: TransitionLog) -> None:
        self.states = states
        self.horizon = horizon
        self.initial = log.initial
        self._columns = log.columns()

    def __repr__(self) -> str:
        patients = f"{self.n_patients} patients over {self.horizon:g} years"
        n_moves = self._columns["patient"].size
        return f"Histories of {patients}: {n_moves} moves"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.transitions().head().to_html()}"

    @property
    def n_patients(self) -> int:
        """How many patients there are."""
        return self.initial.size

    def transitions(self) -> pd.DataFrame:
        """Return a row per transition, by patient and time; all times in years.

        Columns: `patient` (from 0), `from_state`, `to_state` (names), `entry_time` (study time of
        the entry into the old state), `study_time` (of the transition), `sojourn_time`. The last
        stay of each patient, which no transition ends, is told by :meth:`stays`.
        """
        import pandas as pd

        order = np.lexsort((self._columns["time"], self._columns["patient"]))
        column = {name: values[order] for name, values in self._columns.items()}
        names = np.array(self.states, dtype=object)
        return pd.DataFrame(
            {
                "patient": column["patient"],
                "from_state": pd.Categorical(names[column["from_state"]], self.states),
                "to_state": pd.Categorical(names[column["to_state"]], self.states),
                "entry_time": column["entry_time"],
                "study_time": column["time"],
                "sojourn_time": column["time"] - column["entry_time"],
            }
        )

    def stays(self) -> pd.DataFrame:
        """Return a row per stay, the last one of each patient too, by patient and time.

        Columns: `patient` (from 0), `state`, `next_state` (missing for the last stay),
        `entry_time` and `exit_time` (study times, years; the horizon for the last stay).
        """
        import pandas as pd

        columns = self._all_stays()
        names = np.array([*self.states, None], dtype=object)
        return pd.DataFrame(
            {
                "patient": columns["patient"],
                "state": pd.Categorical(names[columns["state"]], self.states),
                "next_state": pd.Categorical(names[columns["next_state"]], self.states),
                "entry_time": columns["entry_time"],
                "exit_time": columns["exit_time"],
            }
        )

    def _all_stays(self) -> dict[str, FloatArray | IntArray]:
        """Return every stay by patient and time; the last has a next state of -1."""
        patient = np.asarray(self._columns["patient"], dtype=np.intp)
        order = np.lexsort((self._columns["time"], patient))
        moved = {name: values[order] for name, values in self._columns.items()}
        n = self.n_patients
        last_state, last_time = self.initial.astype(np.intp), np.zeros(n)
        last_state[moved["patient"]] = moved["to_state"]  # the latest of each is written last
        last_time[moved["patient"]] = moved["time"]
        stays = {
            "patient": np.concatenate([moved["patient"], np.arange(n)]),
            "state": np.concatenate([moved["from_state"].astype(np.intp), last_state]),
            "next_state": np.concatenate([moved["to_state"].astype(np.intp), np.full(n, -1)]),
            "entry_time": np.concatenate([moved["entry_time"], last_time]),
            "exit_time": np.concatenate([moved["time"], np.full(n, self.horizon)]),
        }
        by_patient = np.argsort(stays["patient"], kind="stable")
        return {name: values[by_patient] for name, values in stays.items()}

    def rewards(self, rewards: Rewards, *, discount: float = 0.0) -> FloatArray:
        """Return the discounted sum of costs or utilities of each patient up to the horizon.

        Parameters
        ----------
        rewards : Rewards
            What states and moves are worth.
        discount : float
            Rate per year: what comes at `t` counts ``(1 + discount) ** -t``.

        Returns
        -------
        (n_patients,) array
        """
        if faults := list(rewards.faults(self.states, list(rewards.per_transition))):
            raise ValueError(faults[0])
        if not discount >= 0:
            raise ValueError(f"discount={discount!r} must be 0 or above, such as 0.03")
        rate = float(np.log1p(discount))
        stays = self._all_stays()
        begin = np.maximum(stays["entry_time"], rewards.begins)
        end = np.minimum(stays["exit_time"], rewards.ends)
        worth = rewards.of_states(self.states)[stays["state"]]
        paid = worth * discounted_years(begin, end, rate) if worth.any() else np.zeros(begin.size)
        time = stays["exit_time"]
        due = (stays["next_state"] >= 0) & (time > rewards.begins) & (time <= rewards.ends)
        moves = rewards.of_moves(self.states)[stays["state"][due], stays["next_state"][due]]
        paid[due] += moves * np.exp(-rate * time[due])
        total = np.bincount(stays["patient"], paid, self.n_patients)
        once = rewards.at_start if rewards.begins < self.horizon else 0.0
        return np.asarray(total + once * (1 + discount) ** -rewards.begins)

    def occupancy(self, times: Sequence[float] | FloatArray) -> pd.DataFrame:
        """Return the share of patients in each state at study times (years, up to the horizon).

        Raises
        ------
        ValueError
            If a time is below 0 or beyond the horizon.
        """
        import pandas as pd

        at = np.atleast_1d(np.asarray(times, dtype=float))
        if at.size and not (at.min() >= 0 and at.max() <= self.horizon):
            raise ValueError(f"times={at.tolist()} must lie from 0 to the horizon {self.horizon}")
        n_states = len(self.states)
        start = np.bincount(self.initial, minlength=n_states)
        counts = np.tile(start.astype(float), (at.size, 1))
        for state in range(n_states):
            entered = np.sort(self._columns["time"][self._columns["to_state"] == state])
            left = np.sort(self._columns["time"][self._columns["from_state"] == state])
            counts[:, state] += np.searchsorted(entered, at, side="right")
            counts[:, state] -= np.searchsorted(left, at, side="right")
        index = pd.Index(at, name="study_time")
        return pd.DataFrame(counts / self.n_patients, index=index, columns=list(self.states))

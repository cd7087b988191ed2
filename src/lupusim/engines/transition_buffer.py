"""The transitions that the event engine has seen, until they are reported in batches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lupusim.records import Recorder, Transitions


class Chart:
    """Collects the transitions of many patients, and reports them to recorders in batches."""

    def __init__(self, n_states: int, recorders: Sequence[Recorder]) -> None:
        self._n_states = n_states
        self._recorders = recorders
        self._entries: list[float] = []

    def __len__(self) -> int:
        return len(self._entries) // 6

    def note(self, *entry: float) -> None:
        """Write down row, rank among the patient's own, states left and entered, both times."""
        self._entries.extend(entry)

    def report(self) -> None:
        """Tell everybody's first transitions, then everybody's second, and so on; then forget."""
        if not self._entries:
            return
        table = np.array(self._entries).reshape(-1, 6)
        self._entries.clear()
        row, rank, from_state, to_state, entry_time, time = table.T
        kind = rank * self._n_states + from_state
        order = np.argsort(kind, kind="stable")
        for chosen in np.split(order, np.flatnonzero(np.diff(kind[order])) + 1):
            batch = Transitions(
                rows=row[chosen].astype(np.intp),
                from_state=int(from_state[chosen[0]]),
                to_state=to_state[chosen].astype(np.int8),
                entry_time=entry_time[chosen],
                time=time[chosen],
            )
            for recorder in self._recorders:
                recorder.record(batch)

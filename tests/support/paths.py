"""Paths of patients in plain Python, and how to tell recorders of them."""

from __future__ import annotations

import math

import numpy as np

from lupusim.endpoints.setting import Course
from lupusim.records import Transitions

STATES = ("active", "remission", "relapse", "death")
SHAPE = (3, 20)
N = SHAPE[0] * SHAPE[1]


def make_path(rng):
    """Return [(time, state), ...] from time 0; death ends it; times on a grid, so that some tie."""
    path = [(0.0, int(rng.choice([0, 0, 1])))]
    for _ in range(int(rng.integers(0, 6))):
        time, state = path[-1]
        if state == 3:
            break
        entered = int(rng.choice([s for s in range(4) if s != state]))
        path.append((time + 0.25 * int(rng.integers(1, 4)), entered))
    return path


def tell(paths, recorders):
    starts = np.array([path[0][1] for path in paths], dtype=np.int8)
    for recorder in recorders:
        recorder.start(slice(None), starts)
    for number in range(max(map(len, paths)) - 1):
        for state in range(4):
            here = [k for k, p in enumerate(paths) if number + 1 < len(p) and p[number][1] == state]
            if here:
                batch = Transitions(
                    rows=np.array(here),
                    from_state=state,
                    to_state=np.array([paths[k][number + 1][1] for k in here], dtype=np.int8),
                    entry_time=np.array([paths[k][number][0] for k in here]),
                    time=np.array([paths[k][number + 1][0] for k in here]),
                )
                for recorder in recorders:
                    recorder.record(batch)


def patients(paths, observation):
    for k, path in enumerate(paths):
        row, column = divmod(k, SHAPE[1])
        yield (
            path,
            float(observation.enrollment_time[row, column]),
            float(observation.watched_until[row, column]),
            float(observation.cutoff[row]),
        )


def first(path, states, *, after=None):
    """Return the time of the first entry into states, after another one's place in the path."""
    reached = after is None
    for time, state in path:
        if reached and STATES[state] in states:
            return time
        reached = reached or STATES[state] in after
    return math.inf


def one_arm(visits, n_patients):
    """Return the visits of patients who are all on one arm, for a marker's values."""
    return Course(visits, ("only",), np.zeros(n_patients, dtype=np.int8))

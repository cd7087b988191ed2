"""What engines tell and recorders keep: cohorts, transitions, observations, whole histories."""

from lupusim.records.recorders import (
    Cohort,
    FirstEntry,
    HazardAlong,
    Observation,
    Recorder,
    Rows,
    StateAt,
    TimeIn,
    TransitionLog,
    Transitions,
)

__all__ = [
    "Cohort",
    "FirstEntry",
    "HazardAlong",
    "Observation",
    "Recorder",
    "Rows",
    "StateAt",
    "TimeIn",
    "TransitionLog",
    "Transitions",
]

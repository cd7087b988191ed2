"""Patients per second of the event engine on a five-state Weibull model, 5.93 events each.

Run it by hand: ``python benchmarks/engine_events.py``. It prints the median over five runs
of the processor time of this process, for environments of several sizes.
"""

from __future__ import annotations

from statistics import median
from time import process_time

from models import FIVE_STATES

from lupusim.common.rng import stream
from lupusim.engines import events
from lupusim.records import Cohort, TransitionLog


def seconds(n_patients: int) -> tuple[float, float]:
    log = TransitionLog(n_patients)
    begin = process_time()
    events.simulate(
        FIVE_STATES,
        Cohort(n_patients=n_patients),
        horizon=10.0,
        recorders=[log],
        rng=stream(1, "benchmark"),
    )
    return process_time() - begin, log.columns()["time"].size / n_patients


def main() -> None:
    n_patients = 20_000
    seconds(1_000)
    for size in (10, 100, 1_000, 20_000):
        events.PATIENTS_PER_ENVIRONMENT = size
        runs = [seconds(n_patients) for _ in range(5)]
        took = median(run[0] for run in runs)
        print(
            f"{size:6d} patients per environment: {n_patients / took:8,.0f} patients/s, "
            f"{runs[0][1]:.2f} events a patient"
        )


if __name__ == "__main__":
    main()

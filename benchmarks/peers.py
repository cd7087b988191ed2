"""The same trials in lupusim and in a peer, one after the other in one session.

Run: ``python benchmarks/peers.py``. lupusim reads packaged scenarios and simulates patients;
the peer is R's rpact, where R has it (case D of rpact draws counts, not patients). Times are
process CPU seconds on one core.

A: 300 patients, log-rank at 200 events. B: the same with looks at 67, 134 and 200 events.
D: responses 0.32 against 0.15 in 120 patients, pooled z.
"""

from __future__ import annotations

import math
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

from lupusim import load_scenario, run
from lupusim.analysis.decisions import TESTS
from lupusim.model import MultiStateModel, Transition
from lupusim.model.hazards import ExponentialHazard
from lupusim.planning.scenario import DesignPoint, Scenario
from lupusim.trial import (
    AfterLastPatient,
    Analysis,
    Arm,
    Responder,
    Trial,
    UniformEnrollment,
)

N_TRIALS = 10_000
REPEATS = 5


def response_model(share: float) -> MultiStateModel:
    """Return a model in which this share of patients has responded after one year."""
    way = Transition(
        from_state="active",
        to_state="response",
        hazard=ExponentialHazard(rate=-math.log(1 - share)),
    )
    return MultiStateModel(
        name=f"response {share:g}", states=("active", "response"), transitions=(way,)
    )


def two_rates() -> Scenario:
    kind = TESTS["pooled_z"]
    trial = Trial(
        arms=(
            Arm(name="control", model=response_model(0.15)),
            Arm(name="experimental", model=response_model(0.32)),
        ),
        n_patients=120,
        enrollment=UniformEnrollment(duration=1.0),
        cutoff=AfterLastPatient(follow_up=1.0),
        follow_up=1.0,
        visits=(1.0,),
        primary=Responder(name="response", states=("response",), at=1.0),
        analysis=Analysis(name="pooled_z", test=kind.test, effect=kind.effect),
    )
    point = DesignPoint(values={}, trial=trial)
    return Scenario(name="D", title="two rates", question="", points=(point,))


def ours(scenario: Scenario) -> tuple[float, float]:
    """Return trials a second (those of the null twin count) and the power."""
    best = math.inf
    for repeat in range(REPEATS):
        begin = time.process_time()
        result = run(replace(scenario, n_replicates=N_TRIALS), seed=repeat)
        best = min(best, time.process_time() - begin)
    power = result.points[0].power
    assert power is not None
    return 2 * N_TRIALS / best, power.value


def peers() -> dict[str, tuple[float, float]]:
    """Return the peer's trials a second and power by case; empty without R or the package."""
    script = Path(__file__).with_suffix(".R")
    if not shutil.which("Rscript"):
        return {}
    done = subprocess.run(
        ["Rscript", str(script), str(N_TRIALS)], capture_output=True, text=True, check=False
    )
    rows = (line.split() for line in done.stdout.splitlines())
    return {case: (float(speed), float(power)) for case, speed, power in rows}


if __name__ == "__main__":
    cases = {
        "A": load_scenario("survival_200_events"),
        "B": load_scenario("survival_three_looks"),
        "D": two_rates(),
    }
    theirs = peers()
    print(f"{'case':6}{'lupusim, trials/s':>20}{'power':>8}", end="")
    print(f"{'rpact, trials/s':>20}{'power':>8}{'ratio':>8}")
    for name, scenario in cases.items():
        speed, power = ours(scenario)
        row = f"{name:6}{speed:20,.0f}{power:8.3f}"
        if name in theirs:
            row += f"{theirs[name][0]:20,.0f}{theirs[name][1]:8.3f}{speed / theirs[name][0]:8.1f}"
        print(row)
    if not theirs:
        print("R or its package rpact is not installed: no comparison")

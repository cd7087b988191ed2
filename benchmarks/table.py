"""The table of docs/benchmarks.md: by hand, lupusim and peers in turns of one run.

Run: ``python benchmarks/table.py [TRIALS] [TURNS]``. One core; process CPU seconds. Of every turn
the ratio of lupusim to the code by hand is taken, so that a busy machine slows both; medians and
ranges are of those turns. lupusim's trials are from scenario files, those of the null twin counted.
Plain runs count claims; others are with control variates, which each turn makes anew, and their
trials are told as what they are worth: p (1 - p) / MCSE**2 of power and of type I error together.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

import by_hand
import peers

from lupusim import load_scenario, run
from lupusim.common.rng import stream
from lupusim.planning.assurance.assurance import Assurance, Nesting, assurance
from lupusim.planning.controls import building
from lupusim.planning.runs.results import RunResult
from lupusim.planning.runs.run import RunOptions
from lupusim.planning.runs.series import Estimates
from lupusim.planning.sample_size.growth import designs
from lupusim.planning.sample_size.options import Search
from lupusim.planning.sample_size.results import PowerNotReachedError
from lupusim.planning.sample_size.search import find_size
from lupusim.scenario.files.draws import load_model_draws
from lupusim.simulation.tally import reduction
from lupusim.trial.scenario import Scenario

PLAIN = RunOptions(estimates=Estimates.PLAIN)
HERE = Path(__file__).parent / "scenarios"
CASES = {
    "A, log-rank at 200 events": ("survival_200_events", by_hand.fixed_design),
    "B, the same with three looks": ("survival_three_looks", by_hand.three_looks),
    "D, two rates, 120 patients": (HERE / "two_rates.yaml", by_hand.two_rates),
}
SIZES = ("phase2_sri4_24w", "ln_addon_crr_76w", "phase2_remission_52w")


def worth(result: RunResult) -> float:
    """Return as how many counted trials the shares of a run are known."""
    (point,) = result.points
    shares = [share for share in (point.power, point.type_one_error) if share is not None]
    return sum(share.n / reduction(share) for share in shares)


def in_turns(
    scenario: Scenario, written: Callable[..., float], n: int, turns: int
) -> tuple[list[float], list[float], list[float]]:
    """Return trials a second of each turn, by hand, by lupusim plain, and at equal error."""
    hand, plain, ours = [], [], []
    for turn in range(turns + 1):  # the first imports and warms up
        begin = time.process_time()
        written(n, stream(turn, "by hand"))
        middle = time.process_time()
        counted = run(scenario, n, seed=turn, options=PLAIN)
        later = time.process_time()
        building._known.clear()
        known = run(scenario, n, seed=turn)
        end = time.process_time()
        hand.append(n / (middle - begin))
        plain.append(worth(counted) / (later - middle))
        ours.append(worth(known) / (end - later))
    return hand[1:], plain[1:], ours[1:]


def told(values: Sequence[float], form: str) -> str:
    """Return the median and the range."""
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def seconds_of(call: Callable[[], object]) -> float:
    """Return the processor seconds of a call."""
    begin = time.process_time()
    call()
    return time.process_time() - begin


def sizes(name: str) -> None:
    """Find the sizes of all designs of a scenario that reach a power of 0.8."""
    for _, sizing in designs(load_scenario(name)):
        try:
            find_size(sizing, 0.8, search=Search(seed=1))
        except PowerNotReachedError:
            continue


def averaged() -> Assurance:
    """Average phase2_remission_52w over 2,000 draws of its two models."""
    scenario = load_scenario("phase2_remission_52w")
    names = {arm.model.name for point in scenario.points for arm in point.trial.arms}
    draws = [load_model_draws(name) for name in sorted(names)]
    return assurance(scenario, draws, n_replicates=20_000, nesting=Nesting(per_draw=10))


def main(n_trials: int = 10_000, turns: int = 7) -> None:
    """Print the table."""
    names = ("lupusim", "numpy", "scipy")
    print(", ".join(f"{name} {version(name)}" for name in names), end="; ")
    print(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores\n")
    theirs = peers.peers()
    print("| case | by hand, trials/s | lupusim --plain | ratio | lupusim | ratio | peers |")
    print("|---|---|---|---|---|---|---|")
    for case, (source, written) in CASES.items():
        hand, *both = in_turns(load_scenario(source), written, n_trials, turns)
        print(f"| {case} | {told(hand, ',.0f')} ", end="")
        for ours in both:
            ratios = [mine / other for mine, other in zip(ours, hand, strict=True)]
            print(f"| {told(ours, ',.0f')} | {told(ratios, '.2f')} ", end="")
        beside = "; ".join(f"{who} {speed:,.0f}" for who, speed, _ in theirs.get(case[0], []))
        print(f"| {beside or 'none installed'} |", flush=True)
    print("\n| question | processor seconds |\n|---|---|")
    for name in SIZES:
        taken = [seconds_of(lambda name=name: sizes(name)) for _ in range(3)]
        print(f"| size for power 0.8, all designs of {name} | {told(taken, '.1f')} |", flush=True)
    taken = [seconds_of(averaged) for _ in range(3)]
    print(f"| assurance of phase2_remission_52w, 2,000 draws | {told(taken, '.1f')} |")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

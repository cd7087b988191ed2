"""The tables of docs/benchmarks.md, measured and written there.

Run: ``python benchmarks/table.py [--trials 10000] [--turns 7] [--part cases questions growth]``.
How it is measured is said on the page. Parts that are not asked for stay as they are.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import re
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import by_hand
import engine
import engine_events
import growth
import peers
from models import CONSTANT, constant_rates
from turns import POWER, in_turns, ratios, seconds_of, told

from lupusim import load_scenario
from lupusim.common.rng import stream
from lupusim.records import StateAt
from lupusim.scenario import packaged_names

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
HERE = Path(__file__).parent / "scenarios"
SIMULATED = ("plain", "default", "fast")
COUNTED = ("plain", "fast plain")
CASES = {
    "A, log-rank at 200 events of 300 patients": ("survival_200_events", by_hand.fixed_design),
    "B, the same with looks at 67, 134 and 200": ("survival_three_looks", by_hand.three_looks),
    "C, two log-ranks of 300 patients, illness-death": (
        HERE / "two_endpoints.yaml",
        by_hand.two_endpoints,
    ),
}
LONGEST = 30  # processor seconds of a command that is waited for
MORE = "more than"
EARLIER = "6034ffd1"  # commit, when there were no exact sums and no control variates
BEFORE = {  # processor seconds, 30 November 2026, on the machine that the page names
    ("size", "ln_addon_crr_76w", "--power", "0.8"): "44.4",
    ("size", "ln_enrichment", "--power", "0.8"): "more than 60",
    ("size", "lots_and_reinfusion", "--power", "0.8"): "29.7",
    ("size", "null_and_drift", "--power", "0.8"): "more than 60",
    ("size", "phase2_remission_52w", "--power", "0.8"): "2.6",
    ("size", "phase2_sledai_24w", "--power", "0.8"): "more than 60",
    ("size", "phase2_sri4_24w", "--power", "0.8"): "23.0",
    ("size", "phase3_bicla_52w", "--power", "0.8"): "25.8",
    ("size", "platform_regimens", "--power", "0.8"): "more than 60",
    ("size", "regimen_selection", "--power", "0.8"): "25.2",
    ("size", "reinfusion_withdrawal", "--power", "0.8"): "30.7",
    ("size", "single_arm_external_control", "--power", "0.8"): "8.7",
    ("size", "smart_msc_then_cart", "--power", "0.8"): "46.6",
    ("size", "supply_stress", "--power", "0.8"): "7.3",
    ("size", "survival_200_events", "--power", "0.8"): "4.0",
    ("size", "survival_three_looks", "--power", "0.8"): "5.4",
    ("calibrate", "--model", "msc-fading"): "21.8",
    ("assurance", "ln_addon_crr_76w", "--effect-sd", "0.2"): "more than 30",
    ("assurance", "lots_and_reinfusion", "--effect-sd", "0.2"): "more than 30",
    ("assurance", "phase2_sledai_24w", "--effect-sd", "0.2"): "more than 30",
    ("assurance", "phase2_sri4_24w", "--effect-sd", "0.2"): "more than 30",
    ("assurance", "phase3_bicla_52w", "--effect-sd", "0.2"): "more than 30",
    ("assurance", "platform_regimens", "--effect-sd", "0.2"): "more than 30",
    ("assurance", "reinfusion_withdrawal", "--effect-sd", "0.2"): "more than 30",
    ("assurance", "supply_stress", "--effect-sd", "0.2"): "more than 30",
    ("assurance", "survival_200_events", "--effect-sd", "0.2"): "3.7",
    ("assurance", "survival_three_looks", "--effect-sd", "0.2"): "4.9",
}
BACKENDS = ("numpy", "numba")


def cases(n: int, turns: int) -> Iterator[str]:
    """Yield the table of trials a second."""
    theirs = [peers.peers() for _ in range(3)]
    yield "| case | peers | by hand | lupusim `--plain` | lupusim | with `fast` |"
    yield "|---|---|---|---|---|---|"
    for case, (source, written) in CASES.items():
        found = in_turns(load_scenario(source), written, n, turns, SIMULATED)
        alone = {way: ratios(found, POWER.format(way)) for way in SIMULATED}
        cells = [
            f"{told(found[way], ',.0f')}; **{ratios(found, way)}**; power {alone[way]}"
            for way in SIMULATED
        ]
        beside = _peers(theirs, case[0]), told(found["hand"], ",.0f")
        yield f"| {' | '.join([case, *beside, *cells])} |"
    case = "D, two rates, 120 patients"
    found = in_turns(load_scenario(HERE / "two_rates.yaml"), by_hand.two_rates, n, turns, COUNTED)
    cells = [f"{told(found[way], ',.0f')}; **{ratios(found, way)}**" for way in COUNTED]
    yield (
        f"| {case} | {_peers(theirs, 'D')} | {told(found['hand'], ',.0f')} "
        f"| {cells[0]} | exact | exact; `--plain` {cells[1]} |"
    )
    yield _vector(turns)
    yield _events(turns)


def _peers(theirs: list[dict[str, list[tuple[str, float, str]]]], case: str) -> str:
    """Return the speed of each peer that R has."""
    by_name: dict[str, list[float]] = {}
    for found in theirs:
        for name, speed, _ in found.get(case, []):
            by_name.setdefault(name, []).append(speed)
    return "; ".join(f"{name} {told(v, ',.0f')}" for name, v in by_name.items()) or "none here"


def _vector(turns: int) -> str:
    """Return the row of patients a second through a model of constant hazards."""
    rates, n = constant_rates(), engine.N_PATIENTS
    hand, ours = [], []
    for turn in range(turns + 1):
        rng = stream(turn, "hand")
        hand.append(n / seconds_of(lambda: by_hand.five_states(n, rates, 5.0, rng)))  # noqa: B023
        final = lambda: StateAt([5.0], engine.BLOCK)  # noqa: E731
        ours.append(n / seconds_of(lambda: engine.follow(CONSTANT, 5.0, final, turn)))  # noqa: B023
    speeds = {"hand": hand[1:], "ours": ours[1:]}
    cell = f"{told(speeds['ours'], ',.0f')}; **{ratios(speeds, 'ours')}**"
    return (
        "| E, patients a second, five states, constant hazards, 6.9 moves | none here "
        f"| {told(speeds['hand'], ',.0f')} | {cell} | the same | the same |"
    )


def _events(turns: int) -> str:
    """Return the row of patients a second in the event engine."""
    n = 5_000
    taken = [n / engine_events.seconds(n)[0] for _ in range(turns + 1)][1:]
    return (
        "| events: patients a second in the event engine, Weibull hazards, 5.9 moves | none here | "
        f"| {told(taken, ',.0f')} | the same | the same |"
    )


def questions(turns: int) -> Iterator[str]:
    """Yield the table of what planning questions take."""
    yield f"| question | at {EARLIER} | processor seconds | with `fast` |"
    yield "|---|---|---|---|"
    for words in asked_of_each():
        n = 1 if words[0] == "assurance" else turns
        taken = _command(BACKENDS[0], n, *words)
        if taken is None:
            continue
        ended = taken.startswith(MORE)
        compiled = "not measured" if ended else _command(BACKENDS[1], n, *words)
        yield f"| `{' '.join(words)}` | {BEFORE.get(words, 'not there')} | {taken} | {compiled} |"


def asked_of_each() -> Iterator[tuple[str, ...]]:
    """Yield the commands that are timed."""
    for words in (("size", "--power", "0.8"), ("assurance", "--effect-sd", "0.2")):
        for name in sorted(packaged_names("scenarios")):
            yield words[0], name, *words[1:]
    draws = ("--draws", "msc-central", "--draws", "standard-care")
    yield "assurance", "phase2_remission_52w", *draws
    yield "calibrate", "--model", "msc-fading"


def _command(backend: str, turns: int, *words: str) -> str | None:
    """Return what a command takes from its start to its end; None where it has no answer.

    Who measures has compiled before: a command or the table of cases has run.
    """
    one_core = ("--jobs", "1") if words[0] != "calibrate" else ()
    called = [sys.executable, "-m", "lupusim", *words, *one_core]
    surroundings = os.environ | {"LUPUSIM_BACKEND": backend}
    seconds: list[float] = []
    for _ in range(turns):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            called, env=surroundings, capture_output=True, check=False, preexec_fn=_not_for_long
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode < 0:  # ended by a signal
            return f"{MORE} {LONGEST}"
        if done.returncode:
            return None
        used = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
        seconds.append(used)
    return told(seconds, ".1f") if turns > 1 else f"{seconds[0]:.1f}"


def _not_for_long() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (LONGEST, LONGEST + 1))


def machine(trials: int, turns: int) -> str:
    """Return where, with what and how often it was measured."""
    names = ("lupusim", "numpy", "scipy", "numba")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    model = re.search(r"model name\s*: (.*)", _read("/proc/cpuinfo"))
    kind = model[1] if model else platform.processor()
    return (
        f"{datetime.date.today():%B %Y}; {versions}, Python {platform.python_version()}; {kind}, "
        f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.0f} at the end; "
        f"{trials:,} trials a turn, {turns} turns."
    )


def _read(path: str) -> str:
    return Path(path).read_text() if Path(path).exists() else ""


def written(page: str, part: str, lines: list[str]) -> str:
    """Return the page with one part replaced."""
    begin, end = f"<!-- {part} -->\n", f"<!-- end of {part} -->"
    before, _, rest = page.partition(begin)
    if not rest:
        sys.exit(f"{PAGE} has no part {part!r}")
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n" + "\n".join(lines).strip() + f"\n\n{end}{after}"


def main() -> None:
    """Measure, and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=10_000, help="of a turn")
    parser.add_argument("--turns", type=int, default=7)
    parts = ("cases", "questions", "growth")
    parser.add_argument("--part", nargs="*", choices=parts, default=parts)
    asked = parser.parse_args()
    measure: dict[str, Callable[[], Iterator[str]]] = {
        "cases": lambda: cases(asked.trials, asked.turns),
        "questions": lambda: questions(3),
        "growth": lambda: growth.lines(asked.trials),
    }
    for part in asked.part:
        lines = []
        for line in measure[part]():
            print(line, flush=True)
            lines.append(line)
        lines += ["", machine(asked.trials, asked.turns if part == "cases" else 3)]
        PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), part, lines), encoding="utf-8")


if __name__ == "__main__":
    main()

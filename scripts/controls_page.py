"""Measure whether what control variates leave of an error is honest, and write it down.

Run ``python scripts/controls_page.py`` to write ``docs/reference/control_variates.md`` anew, in
some minutes on two cores. With ``--rounds 8`` there are eight times as many runs, and the type I
error of trials that take their time, too; what is measured is kept in ``build/controls.json``, and
not measured again. The trials are those of
``tests/statistical/simulation/test_control_variates.py``, on other random numbers.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import bdtr, bdtrc, chdtr, chdtrc, ndtri, stdtr

from lupusim.planning.controls.building import control_of
from lupusim.planning.runs.series import Series, more_precise, series_of
from lupusim.simulation.generation.generation import Block
from lupusim.simulation.relabeling import score_relabeled
from lupusim.simulation.scoring import score_block
from lupusim.trial import Trial
from lupusim.trial.scenario import DesignPoint

TOP = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOP / "tests" / "support"))
from trials_with_controls import KINDS, WRONG_LAWS, n_blocks  # noqa: E402 - found by the path above

PAGE = TOP / "docs/reference/control_variates.md"
MEASURED = TOP / "build/controls.json"
SEED = 20261201
POWER, ERROR, WRONG = "power", "type I error", "wrong law"
REPLICATES = {POWER: 400, ERROR: 2000, WRONG: 400}  # of a run: an error needs some claims
RUNS = {POWER: 25, ERROR: 10, WRONG: 25}  # of a round
ROUNDS = 1
FEWER = {12: 1, 3: 2, 1: 4}  # times, of trials that take their time
FAR = 3.3  # errors: one number in a thousand is further off by chance
LAW_FAR = 4.0  # the same of the largest among the some twenty controls of each trial
TITLES = {POWER: "## Power", ERROR: "## Type I error", WRONG: "## Laws that are wrong"}
_TOLD = 50  # trials that take a step, or do not
_Z95 = 1.959963984540054


def _binomial(n: int) -> float:
    """Return the standard error of the coverage of n honest intervals."""
    return math.sqrt(0.95 * 0.05 / n)


HEAD = f"""\
# What control variates are worth, and whether they are honest

[Control variates](../methods.md#control-variates) take out of power and type I error what is known
in law. This page shows, for every kind of trial whose law the tests go through, whether the answer
is still right and its error still honest. `scripts/controls_page.py` simulates each as `run` does,
some times (the last column) with {REPLICATES[POWER]} replicates, and its null twin, if it is quick,
with {REPLICATES[ERROR]:,}; then it compares the estimates:

- **worth**: how many counted trials a simulated one replaces, p (1 - p) / MCSE² for each trial; the
  median over the runs. Where it is 1, most runs had too few claims, and were left as counted;
- **law**: how far the mean of a control over all runs is from what theory says, at most, in its
  standard errors; the largest of some ten that are related, so that 2 is common;
- **bias**: the mean of estimate less share counted of the same trials, in its standard errors;
- **variance / MCSE²**: the variance of the estimates over the mean square of the errors that are
  told of them; errors that are honest leave it within 1 ± √(2 / runs), once in three times beyond;
- **coverage**: the share of runs whose 95 % interval, estimate ± 1.96 MCSE, holds the mean of all;
  in brackets what chance moves it by.

Bold is what chance brings once in a thousand times: beyond {FAR} standard errors, or as unlikely in
so few runs (a law beyond {LAW_FAR:g}). All runs of a kind share one law: where patients are drawn
for it, its error is in that of the bias. Kinds share random numbers, so that all of them together
are known less well than as many that are independent; read their coverage beside that of counting,
of the same trials. Kinds of which a number was far off have been simulated again: they have more
runs.
"""
WRONG_HEAD = """\
Trials for which the law of others is taken: what is simulated is right, what is taken out is not.
Here at least one number must be bold. Coverage is of the mean share that is counted.
"""
COUNTED = """\
## What is counted

Trials of no such kind are counted: [which, and why](../methods.md#in-which-trials); of a scenario
`run --details` says it. What the laws above nearly reach and do not know: lots of unequal potency
for scores, times and win statistics, and at several looks; win statistics at dates that events
decide, and by dates at several looks; scores and times of patients who go over to other treatment.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What the runs of one trial say."""

    share: float  # of claims, over all runs
    n_runs: int
    worth: float  # counted trials that one replaces
    law: float  # standard errors of the control that is furthest off
    bias: float  # standard errors
    variance: float  # of estimates, over their mean squared error as told
    coverage: float
    plain: float  # coverage of the interval that is counted

    def __str__(self) -> str:
        """Return it as a row of the table, less what it is of."""
        n = self.n_runs
        cells = (
            f"{self.share:.3f}",
            f"{self.worth:.1f}",
            _marked(f"{self.law:.1f}", self.law, LAW_FAR),
            _marked(f"{self.bias:+.1f}", self.bias, FAR),
            _marked(f"{self.variance:.2f}", self._spread, FAR),
            f"{_marked(f'{self.coverage:.3f}', self._held, FAR)} ({_binomial(n):.3f})",
            str(n),
        )
        return " | ".join(cells)

    @property
    def _spread(self) -> float:
        """Return how unlikely the variance is, as standard errors."""
        n = self.n_runs - 1
        return _errors(chdtr(n, n * self.variance), chdtrc(n, n * self.variance))

    @property
    def _held(self) -> float:
        """Return how unlikely the coverage is, as standard errors."""
        n = self.n_runs
        held = round(self.coverage * n)
        more = 1.0 if held == 0 else bdtrc(held - 1, n, 0.95)
        return _errors(bdtr(held, n, 0.95), more)


def _errors(at_most: float, at_least: float) -> float:
    """Return the distance that is as likely of a normal number, below 0 for a small one."""
    return float(ndtri(at_most) if at_most < at_least else -ndtri(at_least))


def _marked(shown: str, errors: float, far: float) -> str:
    return f"**{shown}**" if abs(errors) > far else shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """What some runs of one trial say, as plain numbers."""

    known: list[list[float]]  # of each run the estimate, and the error that is told of it
    counted: list[list[float]]  # the same of the share that is counted
    n_trials: int  # simulated by a run
    n_sets: float  # of independent patients, in all runs
    sums: list[list[float]]  # of each control over all trials, and of its squares by set
    unknown: list[float]  # variance of the error of each control's mean, which the runs share
    taken: list[float]  # of each round the same, of what is taken out

    def __add__(self, other: Runs) -> Runs:
        """Return what both say."""
        return Runs(
            known=self.known + other.known,
            counted=self.counted + other.counted,
            n_trials=self.n_trials,
            n_sets=self.n_sets + other.n_sets,
            sums=np.add(self.sums, other.sums).tolist(),
            unknown=self.unknown,
            taken=self.taken + other.taken,
        )

    def row(self, *, wrong: bool) -> Row:
        """Return it as what is shown; where the law is wrong, what is counted is right."""
        (shares, errors), (counted, counted_mcse) = map(np.transpose, (self.known, self.counted))
        n_runs, share, apart = len(shares), shares.mean(), shares - counted
        error = math.sqrt(apart.var(ddof=1) / n_runs + np.mean(self.taken))
        bias = float(apart.mean() / error) if error else 0.0  # nothing was taken out
        if wrong:
            off, counted_off = shares - counted.mean(), counted - counted.mean()
        else:  # each run is a part of the mean, and nearer to it than to the truth
            off, counted_off = (shares - share, counted - share) / np.sqrt(1 - 1 / n_runs)
        worth = share * (1 - share) / (self.n_trials * np.square(errors[errors > 0]))
        return Row(
            share=float(share),
            n_runs=n_runs,
            worth=float(np.median(worth)),
            law=self._law(),
            bias=math.copysign(-ndtri(stdtr(n_runs - 1, -abs(bias))), bias),
            variance=float(shares.var(ddof=1) / np.square(errors).mean()),
            coverage=float((np.abs(off) <= _Z95 * errors).mean()),
            plain=float((np.abs(counted_off) <= _Z95 * counted_mcse).mean()),
        )

    def _law(self) -> float:
        """Return by how many standard errors the mean of a control is away from 0, at most."""
        n, (sums, squares) = self.n_trials * len(self.known), np.array(self.sums)
        between = squares - sums**2 / n
        there = between * n >= _TOLD * self.n_sets  # a step that hardly any trial takes says little
        error = np.sqrt(between / (n * self.n_sets) + self.unknown)
        return float(np.max(np.abs(sums / n)[there] / error[there]))


def measured(what: str, kind: str, number: int) -> Runs:
    """Return what a round of runs says of a kind's power or type I error, or of a wrong law."""
    taken_for, trial = WRONG_LAWS[kind] if what == WRONG else (KINDS[kind], KINDS[kind])
    series, other = (_series(one, what) for one in (trial, taken_for))
    control = control_of(other.trial, seed=SEED, growth=other.growth)
    assert control is not None  # a kind that has some
    score = score_relabeled if series.relabeled else score_block
    tallies = [
        score({"": series.trial}, (), block, {"": control})[""]
        for run in range(number * RUNS[what], (number + 1) * RUNS[what])
        for block in [Block(seed=SEED, number=run, n_replicates=REPLICATES[what])]
    ]
    moments = [t.moments for t in tallies if t.moments is not None]
    products = np.sum([one.products for one in moments], axis=(0, 1))
    used = np.mean([one.coefficients() for one in moments], axis=(0, 1))
    return Runs(
        known=[[one.value, one.mcse] for one in (t.claims() for t in tallies)],
        counted=[[one.value, one.mcse] for one in (t.mean("reject") for t in tallies)],
        n_trials=tallies[0].mean("reject").n,
        n_sets=float(np.sum([one.n_sets for one in moments])),
        sums=[products[0, 2:].tolist(), np.diag(products)[2:].tolist()],
        unknown=np.diag(control.known_to).tolist(),
        taken=[float(used @ control.known_to @ used)],
    )


def _series(trial: Trial, what: str) -> Series:
    point = series_of(DesignPoint(values={}, trial=trial))
    return more_precise(point, REPLICATES[what])[1 if what == ERROR else 0]


def table(what: str, rows: dict[str, Row]) -> Iterator[str]:
    """Yield the lines of a table."""
    told = ERROR if what == ERROR else POWER
    yield f"| kind of trial | {told} | worth | law | bias | variance / MCSE² | coverage | runs |"
    yield "|---|---|---|---|---|---|---|---|"
    yield from (f"| {kind} | {row} |" for kind, row in rows.items())


def summary(what: str, rows: Sequence[Row]) -> str:
    """Return what the rows say together."""
    n_runs, bias = sum(row.n_runs for row in rows), np.array([row.bias for row in rows])
    inside, plain = (
        sum(getattr(row, name) * row.n_runs for row in rows) / n_runs
        for name in ("coverage", "plain")
    )
    variance = sum(row.variance * row.n_runs for row in rows) / n_runs
    root = math.sqrt(float(np.mean(bias**2)))
    worths = [row.worth for row in rows]
    return (
        f"| {what} | {len(rows)} | {n_runs:,} | {min(worths):.1f} to {max(worths):.0f}, "
        f"median {np.median(worths):.1f} | {max(r.law for r in rows):.1f} | {root:.2f}, "
        f"largest {np.max(np.abs(bias)):.1f} | {variance:.2f} | {inside:.3f} | {plain:.3f} |"
    )


def page(rows: dict[str, dict[str, Row]]) -> Iterator[str]:
    """Yield the page, line by line."""
    yield HEAD
    yield (
        "| all kinds | kinds | runs | worth | law, largest | bias, root mean square | "
        "variance / MCSE² | coverage | coverage of counting |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    for what in (POWER, ERROR):
        yield summary(what, list(rows[what].values()))
    for what, title in TITLES.items():
        yield f"\n{title}\n"
        if what == WRONG:
            yield WRONG_HEAD
        yield from table(what, rows[what])
    yield f"\n{COUNTED}"


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description="Write the page of control variates.")
    parser.add_argument("kinds", nargs="*", help="more of these alone")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    known: dict[str, list[dict[str, Any]]] = {}
    if MEASURED.exists():
        known = json.loads(MEASURED.read_text("utf-8"))
    MEASURED.parent.mkdir(exist_ok=True)
    jobs = [job for job in _jobs(asked.rounds, known) if not asked.kinds or job[1] in asked.kinds]
    with ProcessPoolExecutor(asked.workers) as pool:
        for job, runs in zip(jobs, pool.map(measured, *zip(*jobs, strict=True)), strict=True):
            known.setdefault(_key(*job[:2]), []).append(asdict(runs))
            MEASURED.write_text(json.dumps(known), encoding="utf-8")
            print(*job, flush=True)
    rows: dict[str, dict[str, Row]] = {}
    for what, kind in _all():
        if rounds := [Runs(**one) for one in known.get(_key(what, kind), ())]:
            rows.setdefault(what, {})[kind] = reduce(add, rounds).row(wrong=what == WRONG)
    PAGE.write_text("\n".join(page(rows)), encoding="utf-8")
    print(f"{PAGE} is written")


def _all() -> Iterator[tuple[str, str]]:
    yield from ((POWER, kind) for kind in KINDS)
    yield from ((WRONG, kind) for kind in WRONG_LAWS)
    yield from ((ERROR, kind) for kind in KINDS)


def _key(what: str, kind: str) -> str:
    return f"{what}: {kind}"


def _jobs(rounds: int, known: Mapping[str, Sequence[object]]) -> Iterator[tuple[str, str, int]]:
    """Yield what is not measured: the first round of each trial, then the second."""
    for number in range(rounds):
        for what, kind in _all():
            trial = WRONG_LAWS[kind][1] if what == WRONG else KINDS[kind]
            last = max(rounds // FEWER[n_blocks(trial)], 0 if what == ERROR else 1)
            if len(known.get(_key(what, kind), ())) <= number < last:
                yield what, kind, number


if __name__ == "__main__":
    main()

"""Measure the real one-sided level of every test, and write it down for planners.

Run ``python scripts/levels_of_tests.py`` to write ``docs/reference/levels_of_tests.md`` anew; the
slow tests measure again, on other random numbers, and compare.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lupusim.analysis.numerics.win_levels import larger_is_better, later_is_better
from lupusim.analysis.outcomes import (
    BinaryOutcome,
    CountOutcome,
    HierarchicalOutcome,
    NumberOutcome,
    Outcome,
    SurvivalOutcome,
)
from lupusim.analysis.registry import TESTS
from lupusim.common.rng import stream
from lupusim.trial import Better, Verdict

PAGE = Path(__file__).parents[1] / "docs/reference/levels_of_tests.md"
SEED = 20260101
ALPHA, N_REPLICATES = 0.025, 100_000
REPEATED_WITH = {"mmrm": 40_000, "andersen_gill": 40_000}  # by the long tests, to save time
RATES = np.arange(1, 100) / 100
ELSEWHERE = {"simon"}  # stops between two stages: its exact level stands in the table of a run
NOT_KNOWN = "-"
PATIENTS_AT_ONCE = 60_000

Shape = tuple[int, int]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """How many patients of each arm, and of how many strata (None: what the test needs)."""

    control: int
    experimental: int
    strata: int | None = None

    @property
    def n_patients(self) -> int:
        """Patients in all."""
        return self.control + self.experimental

    def arm(self, shape: Shape) -> NDArray[np.int8]:
        """Return 0 for each patient of the control, 1 for each of the experimental arm."""
        row = np.repeat(np.array([0, 1], dtype=np.int8), [self.control, self.experimental])
        return np.broadcast_to(row, shape)


WORDS = """\
# The real level of every test

A level of 0.025 is exact for few tests. What each does, one-sided at 0.025 for the experimental
arm, where nothing differs between the arms, with so many patients of the control + of the
experimental arm:

- plain: within 4 Monte Carlo standard errors of 0.025 (of 100,000 trials: 0.0231 to 0.0269);
- **bold**: liberal, it finds an effect too often; a claim from a small trial is worth less;
- *italic*: conservative, it costs power.

Levels of two arms' responses without strata are sums over all tables. The others are simulated,
with 100,000 trials (so that 4 standard errors are 0.002).

Written by `scripts/levels_of_tests.py`; the long tests measure all again on other random numbers,
REPEATED.

What was simulated: responses of 30 in 100; exponential times of which six in ten end with the
event (fewer where a competing event comes first); normal values with a baseline; four ranks for
`proportional_odds` and `posterior_rank`; in `mmrm` three visits, 10 in 100 missed; recurrent
events, 1.5 a year, whose rates differ between patients; in hierarchies a rare death, an event, a
number. More is better for responses and numbers, fewer for events and counts. Horizons are 0.8
years. Bayesian tests have the threshold 0.975. `cochran_mantel_haenszel` has two strata where no
number is said. Tests of one arm have as many patients as the control, whose null rate is 0.3 or
whose null hazard is true; `simon` looks twice and shows its exact level in the table of a run.

What to take from it:

- With unequal arms the one-sided log-rank test and its relatives are liberal where the experimental
  arm is the larger one (1:2 in 60 patients: 0.031; more with weights on late events), and
  conservative where it is the smaller one. Wald's test of Cox's model is a little better.
- With a dozen patients an arm, tests by a robust or unpooled variance (`unpooled_z`, `rate_ratio`,
  `andersen_gill`, `restricted_mean`, `survival_difference`, `incidence_difference`) are liberal;
  so is `net_benefit`, while `win_ratio` and `win_odds`, tests of a logarithm, are conservative.
- `fisher_exact` is conservative at every size; `boschloo` and `barnard` keep their level and lose
  less. Asymptotic tests of responses depend on the rate: see the second table.
- A rate known to beat another with a posterior probability of 0.975 is no test at 0.025: a flat
  prior pulls rates towards one half, here up from 0.3.
- `one_sample_logrank` is conservative for fewer events: its z is skewed.
- A look, a stage, or an arm that joined late has the level of the patients that it has. With 15+15
  `unpooled_z` is at 0.033, with 10 of a control and 60 others at 0.069; with 60 of a control and 10
  others who joined late `survival_difference` is at 0.044, `restricted_mean` at 0.063,
  `incidence_difference` and `rate_ratio` at 0.049. So an early look at few, and the small stages of
  `enrichment`, `select_arms` and `promising_zone`, are as liberal; log-rank tests and tests by a
  pooled variance are less so.
- At a look when few patients have been followed up to the horizon, `survival_difference`,
  `restricted_mean` and `incidence_difference` are as of few patients, and their error is small
  where their estimate is large: early bounds are passed too often. Let such looks wait for patients
  followed so long, or use a log-rank or Gray's test.
- Where a level matters, run the scenario: it shows the level in the trial as planned.
"""
WORST = """\
## The worst response rate

The highest level over response rates of 0.01 to 0.99 (in steps of 0.01), and where it is; sums over
all tables.
"""
LOOKS_BEGIN = "## The level at several looks\n\n"  # scripts/levels_at_looks.py writes that section
DESIGNS = {
    "60+60": Design(control=60, experimental=60),
    "12+12": Design(control=12, experimental=12),
    "20+40": Design(control=20, experimental=40),
    "40+20": Design(control=40, experimental=20),
    "60+60, 4 strata": Design(control=60, experimental=60, strata=4),
}


def responses(rng: np.random.Generator, arm: NDArray[np.int8], stratum: Integers) -> BinaryOutcome:
    """Return responses of 30 in 100 patients, of more in higher strata."""
    log_odds = math.log(0.3 / 0.7) + 0.5 * (stratum - stratum.max() / 2)
    response = rng.random(arm.shape) < 1 / (1 + np.exp(-log_odds))
    return BinaryOutcome(response=response, included=np.ones(arm.shape, dtype=bool), arm=arm)


def times(rng: np.random.Generator, arm: NDArray[np.int8], stratum: Integers) -> SurvivalOutcome:
    """Return exponential times, mean a year, of which six in ten end before half to two years."""
    event_time = rng.exponential(1.0, arm.shape) * np.exp(0.3 * stratum)
    watched = rng.uniform(0.5, 2.0, arm.shape)
    return SurvivalOutcome(
        time=np.minimum(event_time, watched), event=event_time <= watched, arm=arm
    )


def competing_times(
    rng: np.random.Generator, arm: NDArray[np.int8], stratum: Integers
) -> SurvivalOutcome:
    """Return times as of :func:`times`, with another event half as frequent."""
    one = rng.exponential(1.0, arm.shape) * np.exp(0.3 * stratum)
    other = rng.exponential(2.0, arm.shape)
    watched = rng.uniform(0.5, 2.0, arm.shape)
    ended = np.minimum(one, other)
    return SurvivalOutcome(
        time=np.minimum(ended, watched),
        event=(one <= watched) & (one < other),
        competing=(other <= watched) & (other <= one),
        possible=watched,
        arm=arm,
    )


def numbers(rng: np.random.Generator, arm: NDArray[np.int8], stratum: Integers) -> NumberOutcome:
    """Return normal values with a baseline, and three visits of which some are missed."""
    baseline = rng.normal(size=arm.shape) + 0.3 * stratum
    own = 0.5 * baseline + 0.6 * rng.normal(size=arm.shape)
    trajectory = own[:, :, None] + 0.6 * rng.normal(size=(*arm.shape, 3))
    seen = rng.random(trajectory.shape) < 0.9
    return NumberOutcome(
        values=trajectory[:, :, -1],
        included=np.ones(arm.shape, dtype=bool),
        arm=arm,
        baseline=baseline,
        trajectory=np.where(seen, trajectory, np.nan),
    )


def ranks(rng: np.random.Generator, arm: NDArray[np.int8], stratum: Integers) -> NumberOutcome:
    """Return four ranks, which 20, 30, 30 and 20 of 100 patients have."""
    del stratum
    values = np.searchsorted([0.2, 0.5, 0.8], rng.random(arm.shape)).astype(float)
    return NumberOutcome(values=values, included=np.ones(arm.shape, dtype=bool), arm=arm)


def counts(rng: np.random.Generator, arm: NDArray[np.int8], stratum: Integers) -> CountOutcome:
    """Return events of patients whose rates are gamma with mean 1.5 and variance 1.8."""
    rate = rng.gamma(1.25, 1.2, arm.shape) * np.exp(0.3 * stratum)
    gaps = rng.exponential(size=(*arm.shape, 12)) / np.maximum(rate, 1e-9)[:, :, None]
    happened = np.cumsum(gaps, axis=2)
    years = rng.uniform(0.3, 1.0, arm.shape)
    count = (happened <= years[:, :, None]).sum(axis=2).astype(float)
    return CountOutcome(count=count, years=years, arm=arm, times=happened)


def hierarchies(
    rng: np.random.Generator, arm: NDArray[np.int8], stratum: Integers
) -> HierarchicalOutcome:
    """Return a rare death, then an event, then a number, of every patient."""
    del stratum
    watched = rng.uniform(0.5, 2.0, arm.shape)
    death, event = (rng.exponential(mean, arm.shape) for mean in (8.0, 2.0))
    levels = [
        later_is_better(np.minimum(moment, watched), moment <= watched) for moment in (death, event)
    ]
    levels.append(larger_is_better(rng.normal(size=arm.shape)))
    included = np.ones(arm.shape, dtype=bool)
    return HierarchicalOutcome(levels=levels, included=included, arm=arm)


Maker = Callable[[np.random.Generator, NDArray[np.int8], Integers], Outcome]
MAKERS: dict[type, Maker] = {
    BinaryOutcome: responses,
    SurvivalOutcome: times,
    NumberOutcome: numbers,
    CountOutcome: counts,
    HierarchicalOutcome: hierarchies,
}
WITH_COMPETING = (
    "fine_gray",
    "fine_gray_weighted",
    "gray",
    "subdistribution_logrank",
    "incidence_difference",
)
PARTICULAR: dict[str, Maker] = {
    **dict.fromkeys(WITH_COMPETING, competing_times),
    "proportional_odds": ranks,
    "posterior_rank": ranks,
}
PARAMETERS: dict[str, dict[str, float]] = {
    "magirr_burman": {"until": 0.8},
    "restricted_mean": {"until": 0.8},
    "incidence_difference": {"at": 0.8},
    "survival_difference": {"at": 0.8},
    "exact_binomial": {"null_rate": 0.3},
    "posterior_probability": {"null_rate": 0.3, "threshold": 1 - ALPHA},
    "posterior_difference": {"threshold": 1 - ALPHA, "margin": 0.0},
    "posterior_rank": {"threshold": 1 - ALPHA, "n_ranks": 4},
}
FEWER_IS_BETTER = (SurvivalOutcome, CountOutcome)


def test_of(name: str) -> Callable[..., Verdict]:
    """Return the test with the parameters that it has here."""
    return TESTS[name].with_parameters(PARAMETERS.get(name, {}))


def designs_of(name: str) -> dict[str, Design]:
    """Return the designs in which a test is measured."""
    takes_strata = TESTS[name].strata != "none"
    return {key: design for key, design in DESIGNS.items() if takes_strata or design.strata is None}


def p_values(name: str, design: Design, *, n: int, rng: np.random.Generator) -> Floats:
    """Return the p-values for the experimental arm of `n` trials without an effect.

    A test of one arm has as many patients as the control.
    """
    kind, test = TESTS[name], test_of(name)
    one_arm = getattr(test, "n_arms", 2) == 1
    shape = (n, design.control if one_arm else design.n_patients)
    arm = np.zeros(shape, dtype=np.int8) if one_arm else design.arm(shape)
    strata = design.strata or (2 if kind.strata == "needed" else 1)
    stratum = rng.integers(0, strata, shape) if strata > 1 else np.zeros(shape, dtype=np.int64)
    make = PARTICULAR.get(name, MAKERS[kind.outcome])
    better = Better.FEWER if kind.outcome in FEWER_IS_BETTER else Better.MORE
    verdict = test(make(rng, arm, stratum), better=better, sided=1, stratum=stratum)
    return np.asarray(verdict.p_value)


def level(name: str, key: str, *, n: int, purpose: str) -> float:
    """Return the share of `n` trials without an effect in which a test finds one.

    Parameters
    ----------
    name, key : str
        The test and the design.
    n : int
        Trials.
    purpose : str
        Other words give other random numbers.
    """
    design, rejected = DESIGNS[key], 0
    part = max(1, min(n, PATIENTS_AT_ONCE // design.n_patients))
    for begin in range(0, n, part):
        rng = stream(SEED, purpose, name, key, begin)
        found = p_values(name, design, n=min(part, n - begin), rng=rng)
        rejected += int((found <= ALPHA).sum())
    return rejected / n


def is_enumerated(name: str) -> bool:
    """Return whether a test is of two responses alone, so that its level is a finite sum."""
    kind = TESTS[name]
    two_arms = getattr(test_of(name), "n_arms", 2) == 2
    return kind.outcome is BinaryOutcome and two_arms and kind.strata != "needed"


def rejected_tables(name: str, design: Design) -> NDArray[np.bool_]:
    """Return whether a test rejects, by responders of the control and of the other arm.

    The shape is (control + 1, experimental + 1).
    """
    control, other = np.indices((design.control + 1, design.experimental + 1)).reshape(2, -1, 1)
    arm = design.arm((control.size, design.n_patients))
    place = np.arange(design.n_patients)
    response = np.where(arm == 0, place < control, place - design.control < other)
    outcome = BinaryOutcome(response=response, included=np.ones(arm.shape, dtype=bool), arm=arm)
    nothing = np.zeros(arm.shape, dtype=np.int64)
    verdict = test_of(name)(outcome, better=Better.MORE, sided=1, stratum=nothing)
    return (verdict.p_value <= ALPHA).reshape(design.control + 1, design.experimental + 1)


def chance_of(rejected: NDArray[np.bool_], rate: float, other_rate: float) -> float:
    """Return how probably the tables that reject come up, with the true rates of the arms."""
    from scipy.stats import binom

    control, other = (
        binom.pmf(np.arange(n), n - 1, share)
        for n, share in zip(rejected.shape, (rate, other_rate), strict=True)
    )
    return float(control @ rejected @ other)


def worst_level(name: str, key: str) -> tuple[float, float]:
    """Return the highest level over response rates of 0.01 to 0.99, and the rate."""
    rejected = rejected_tables(name, DESIGNS[key])
    return max((chance_of(rejected, rate, rate), float(rate)) for rate in RATES)


def measured(name: str, key: str) -> float:
    """Return the level for the page: a sum where it is one, or simulated."""
    if is_enumerated(name) and DESIGNS[key].strata is None:
        return chance_of(rejected_tables(name, DESIGNS[key]), 0.3, 0.3)
    return level(name, key, n=N_REPLICATES, purpose="the page of levels")


def n_repeated(name: str) -> int:
    """Return how many trials the long tests measure a level with."""
    return REPEATED_WITH.get(name, N_REPLICATES)


def mcse(share: float, n: int) -> float:
    """Return the Monte Carlo standard error of a share of `n` trials."""
    return math.sqrt(share * (1 - share) / n)


def marked(share: float) -> str:
    """Return a level as the page shows it: bold if too high, italic if too low."""
    shown, mark = round(share, 4), ""
    if abs(shown - ALPHA) > 4 * mcse(ALPHA, N_REPLICATES):
        mark = "**" if shown > ALPHA else "*"
    return f"{mark}{shown:.4f}{mark}"


def documented(page: str) -> dict[tuple[str, str], str]:
    """Return every level of the page's first table as it stands there, by test and design."""
    first, _, _ = page.partition(WORST)
    return _cells(first)


def documented_worst(page: str) -> dict[tuple[str, str], str]:
    """Return every level of the page's second table, by test and design."""
    _, _, second = page.partition(WORST)
    return _cells(second.partition(LOOKS_BEGIN)[0])


def _cells(page: str) -> dict[tuple[str, str], str]:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in page.splitlines()
        if line.startswith(("| test ", "| `"))
    ]
    return {
        (row[0].strip("`"), key): cell
        for row in rows[1:]
        for key, cell in zip(rows[0][1:], row[1:], strict=True)
        if cell != NOT_KNOWN
    }


def row_of(name: str) -> str:
    """Measure a test in every design and return its row of the page."""
    begin, cells = time.time(), dict.fromkeys(DESIGNS, NOT_KNOWN)
    for key in designs_of(name):
        cells[key] = marked(measured(name, key))
    print(f"{name}: {time.time() - begin:.1f} s", file=sys.stderr, flush=True)
    return f"| `{name}` | " + " | ".join(cells.values()) + " |"


def worst_row_of(name: str) -> str:
    """Return a test's row of the page's second table."""
    found = [worst_level(name, key) for key, design in DESIGNS.items() if design.strata is None]
    cells = [f"{marked(level)} at {rate:.2f}" for level, rate in found]
    return f"| `{name}` | " + " | ".join(cells) + " |"


def heading(designs: list[str]) -> list[str]:
    """Return the first two lines of a table."""
    return ["| test | " + " | ".join(designs) + " |", "|---|" + "---:|" * len(designs)]


def words() -> str:
    """Return the page's text, with the numbers of trials."""
    repeated = " and ".join(f"`{name}` with {n_repeated(name):,}" for name in REPEATED_WITH)
    return WORDS.replace("REPEATED", f"{repeated} trials")


def main() -> None:
    """Measure everything and write the page."""
    names = [name for name in TESTS if name not in ELSEWHERE]
    plain = [key for key, design in DESIGNS.items() if design.strata is None]
    with ProcessPoolExecutor(2) as pool:
        rows = [*heading(list(DESIGNS)), *pool.map(row_of, names)]
        worst = [*heading(plain), *pool.map(worst_row_of, filter(is_enumerated, names))]
    _, looks, at_looks = PAGE.read_text().partition(LOOKS_BEGIN)
    PAGE.write_text("\n".join([words(), *rows, "", WORST, *worst, "", looks + at_looks]))


if __name__ == "__main__":
    main()

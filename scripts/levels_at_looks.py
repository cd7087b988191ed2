"""Measure the level of every test at two and at four looks, and write it down for planners.

Run ``python scripts/levels_at_looks.py`` to write its section of
``docs/reference/levels_of_tests.md`` anew; with names of tests it measures those alone and keeps
the other rows as they stand.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from levels_of_tests import (
    ALPHA,
    ELSEWHERE,
    FEWER_IS_BETTER,
    LOOKS_BEGIN,
    PAGE,
    PARAMETERS,
    PATIENTS_AT_ONCE,
    SEED,
    WITH_COMPETING,
    Floats,
    mcse,
)
from numpy.typing import NDArray

from lupusim.analysis.group_sequential import z_from_p_value
from lupusim.analysis.group_sequential.stopping import GroupSequential, crossing
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
from lupusim.trial import Better

N_REPLICATES = 100_000
REPLICATES = {
    **dict.fromkeys(("net_benefit", "win_odds"), 20_000),
    **dict.fromkeys(("andersen_gill", "mmrm", "negative_binomial", "rate_ratio"), 10_000),
}
"""Of tests that take half a millisecond a trial or more."""
N_PATIENTS, N_EVENTS = 200, 100
DUE = 0.5  # years from randomization to the visit, and horizon of tests that have one
COMES_IN = 2.0  # years in which patients come
RULES = ("pocock", "obrien_fleming")
QUARTERS = (0.25, 0.5, 0.75, 1.0)
OF = {0: [0], 1: [3], 2: [1, 3], 4: [0, 1, 2, 3]}  # which quarters are looked at
NAMES = [name for name, test in TESTS.items() if not test.one_look_only and name not in ELSEWHERE]

Moments = Callable[[Floats], Outcome]


WORDS = """\
One-sided at 0.025, with 100 + 100 patients who come within two years, where nothing differs
between the arms. Looks are at half, or at the quarters, of 100 events (times to an event) or of the
patients followed up to a visit or horizon at half a year (all others; what is known of those who
came later counts too). Bounds are those of Lan and DeMets' spending of Pocock's and of O'Brien and
Fleming's kind, at the information that each trial really has; it is shown as the mean share at the
first three quarters. `a quarter` is one look alone, at the first quarter.

**Bold** and *italic* are levels that are more than 4 Monte Carlo standard errors (of 100,000 trials
0.0020, of 20,000 0.0044, of 10,000 0.0062) above and below that of the same trials
at one look. Where they are, and why:

- A look has the level of the patients it has: column `a quarter`. `unpooled_z`,
  `survival_difference`, `incidence_difference`, `restricted_mean` and the tests of counts find an
  effect too often in few patients, and so at early bounds of Pocock's kind; bounds of O'Brien and
  Fleming's kind spend nearly nothing there. `check` warns of such looks before 60 patients.
- Wald's and exact tests (`cox`, `fine_gray`, `fine_gray_weighted`, `logistic_regression`,
  `odds_ratio`, `risk_ratio`, `fisher_exact`) and `one_sample_logrank` find too few in few patients,
  and so at early looks. The p-values of `exact_binomial` go in steps: one look leaves a part of the
  level unused, and two may use more of it.
- Statistics of win tests at several looks are more alike than their information says: their bounds
  hold the level with room to spare.

Written by `scripts/levels_at_looks.py`; the long tests measure again on other random numbers.

"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """Patients of many trials without an effect.

    Parameters
    ----------
    outcome_after : callable
        What is known of patients so many years (below 0 if they have yet to come) after their
        randomization.
    looks : (n_replicates, 4) array
        When the looks are held, years.
    entry : (n_replicates, n_patients) array
        When patients are randomized, years.
    """

    outcome_after: Moments
    looks: Floats
    entry: Floats


def after_patients(entry: Floats) -> Floats:
    """Return when each quarter of the patients has been followed up to the visit."""
    last = [round(share * N_PATIENTS) - 1 for share in QUARTERS]
    return entry[:, last] + DUE


def responses(rng: np.random.Generator, arm: NDArray[np.int8], entry: Floats) -> Drawn:
    """Draw responses of 30 in 100 patients."""
    response = rng.random(arm.shape) < 0.3

    def after(seen: Floats) -> BinaryOutcome:
        return BinaryOutcome(response=response, included=seen >= DUE - 1e-9, arm=arm)

    return Drawn(outcome_after=after, looks=after_patients(entry), entry=entry)


def times(rng: np.random.Generator, arm: NDArray[np.int8], entry: Floats) -> Drawn:
    """Draw exponential times, mean a year, with looks at quarters of the events."""
    return _times(rng, arm, entry, competing=False)


def competing_times(rng: np.random.Generator, arm: NDArray[np.int8], entry: Floats) -> Drawn:
    """Draw times as of :func:`times`, with another event half as frequent."""
    return _times(rng, arm, entry, competing=True)


def horizon_times(rng: np.random.Generator, arm: NDArray[np.int8], entry: Floats) -> Drawn:
    """Draw times as of :func:`times`, with looks when patients have reached the horizon."""
    drawn = _times(rng, arm, entry, competing=False)
    return Drawn(outcome_after=drawn.outcome_after, looks=after_patients(entry), entry=entry)


def competing_horizon_times(
    rng: np.random.Generator, arm: NDArray[np.int8], entry: Floats
) -> Drawn:
    """Draw times as of :func:`competing_times`, looked at as those of :func:`horizon_times`."""
    drawn = _times(rng, arm, entry, competing=True)
    return Drawn(outcome_after=drawn.outcome_after, looks=after_patients(entry), entry=entry)


def _times(
    rng: np.random.Generator, arm: NDArray[np.int8], entry: Floats, *, competing: bool
) -> Drawn:
    one = rng.exponential(1.0, arm.shape)
    other = rng.exponential(2.0, arm.shape) if competing else np.full(arm.shape, np.inf)
    dates = np.sort(entry + np.where(one < other, one, np.inf), axis=1)

    def after(seen: Floats) -> SurvivalOutcome:
        watched = np.maximum(seen, 0.0)
        ended = np.minimum(one, other)
        rival = (other <= watched) & (other <= one)
        return SurvivalOutcome(
            time=np.minimum(ended, watched),
            event=(one <= watched) & (one < other),
            arm=arm,
            **({"competing": rival, "possible": watched} if competing else {}),
        )

    at = [round(share * N_EVENTS) - 1 for share in QUARTERS]
    return Drawn(outcome_after=after, looks=dates[:, at], entry=entry)


def numbers(rng: np.random.Generator, arm: NDArray[np.int8], entry: Floats) -> Drawn:
    """Draw normal values with a baseline, and three visits of which 10 in 100 are missed."""
    baseline = rng.normal(size=arm.shape)
    own = 0.5 * baseline + 0.6 * rng.normal(size=arm.shape)
    values = own[:, :, None] + 0.6 * rng.normal(size=(*arm.shape, 3))
    kept = rng.random(values.shape) < 0.9
    visits = np.array([0.2, 0.6, 1.0]) * DUE

    def after(seen: Floats) -> NumberOutcome:
        held = kept & (seen[:, :, None] >= visits - 1e-9)
        return NumberOutcome(
            values=np.where(held[:, :, -1], values[:, :, -1], 0.0),
            included=held[:, :, -1],
            arm=arm,
            baseline=baseline,
            trajectory=np.where(held, values, np.nan),
        )

    return Drawn(outcome_after=after, looks=after_patients(entry), entry=entry)


def ranks(rng: np.random.Generator, arm: NDArray[np.int8], entry: Floats) -> Drawn:
    """Draw four ranks, which 20, 30, 30 and 20 of 100 patients have."""
    values = np.searchsorted([0.2, 0.5, 0.8], rng.random(arm.shape)).astype(float)

    def after(seen: Floats) -> NumberOutcome:
        return NumberOutcome(values=values, included=seen >= DUE - 1e-9, arm=arm)

    return Drawn(outcome_after=after, looks=after_patients(entry), entry=entry)


def counts(rng: np.random.Generator, arm: NDArray[np.int8], entry: Floats) -> Drawn:
    """Draw events in half a year of patients whose rates are gamma, mean 3 a year."""
    rate = rng.gamma(1.25, 2.4, arm.shape)
    gaps = rng.exponential(size=(*arm.shape, 16)) / np.maximum(rate, 1e-9)[:, :, None]
    happened = np.cumsum(gaps, axis=2)

    def after(seen: Floats) -> CountOutcome:
        years = np.clip(seen, 0.0, DUE)
        count = (happened <= years[:, :, None]).sum(axis=2).astype(float)
        return CountOutcome(count=count, years=years, arm=arm, times=happened)

    return Drawn(outcome_after=after, looks=after_patients(entry), entry=entry)


def hierarchies(rng: np.random.Generator, arm: NDArray[np.int8], entry: Floats) -> Drawn:
    """Draw a rare death, then an event, then a number, of every patient."""
    moments = [rng.exponential(mean, arm.shape) for mean in (4.0, 1.0)]
    score = larger_is_better(rng.normal(size=arm.shape))

    def after(seen: Floats) -> HierarchicalOutcome:
        watched = np.clip(seen, 0.0, DUE)
        levels = [later_is_better(np.minimum(at, watched), at <= watched) for at in moments]
        levels.append(score.known_of(seen >= DUE - 1e-9))
        return HierarchicalOutcome(levels=levels, included=seen > 0, arm=arm)

    return Drawn(outcome_after=after, looks=after_patients(entry), entry=entry)


Maker = Callable[[np.random.Generator, NDArray[np.int8], Floats], Drawn]
MAKERS: dict[type, Maker] = {
    BinaryOutcome: responses,
    SurvivalOutcome: times,
    NumberOutcome: numbers,
    CountOutcome: counts,
    HierarchicalOutcome: hierarchies,
}


def maker_of(name: str) -> Maker:
    """Return what draws the patients of a test."""
    kind, rival = TESTS[name], name in WITH_COMPETING
    if kind.needs_ranks:
        return ranks
    if kind.outcome is not SurvivalOutcome:
        return MAKERS[kind.outcome]
    if kind.horizon:
        return competing_horizon_times if rival else horizon_times
    return competing_times if rival else times


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What four looks show of each trial, (n_replicates, 4) arrays.

    Parameters
    ----------
    z : array
        Statistics, large in favor of the experimental arm; NaN where undefined.
    information : array
        What the test knows, never falling.
    """

    z: Floats
    information: Floats

    def rejects(self, n_looks: int, rule: str) -> NDArray[np.bool_]:
        """Return which trials claim an effect, with so many looks and bounds of this rule."""
        return self.rejects_at(OF[n_looks], rule)

    def rejects_at(self, held: list[int], rule: str) -> NDArray[np.bool_]:
        """Return which trials claim an effect, with looks at these quarters (from 0)."""
        known = self.information[:, held]
        plan = GroupSequential(alpha=ALPHA, efficacy=rule)
        bounds = plan.bounds(known / np.where(known[:, -1:] > 0, known[:, -1:], 1.0))
        return crossing(self.z[:, held], *bounds, sided=1).reject


def at_the_visit(name: str) -> dict[str, float]:
    """Return the parameters of a test that are a time, which is that of the visit."""
    return {key: DUE for key in TESTS[name].required if key in ("at", "until")}


def shown(name: str, *, n: int, rng: np.random.Generator) -> Shown:
    """Draw `n` trials without an effect and hold their four looks."""
    kind = TESTS[name]
    test = kind.with_parameters(PARAMETERS.get(name, {}) | at_the_visit(name))
    shape = (n, N_PATIENTS)
    arm = np.broadcast_to(np.arange(N_PATIENTS) % 2, shape).astype(np.int8)
    if kind.n_arms == 1:
        arm = np.zeros(shape, dtype=np.int8)
    stratum = rng.integers(0, 2, shape) if kind.strata == "needed" else np.zeros(shape, dtype=int)
    drawn = maker_of(name)(rng, arm, np.sort(rng.uniform(0, COMES_IN, shape), axis=1))
    better = Better.FEWER if kind.outcome in FEWER_IS_BETTER else Better.MORE
    z, information = np.empty((n, 4)), np.empty((n, 4))
    for number, date in enumerate(drawn.looks.T):
        outcome = drawn.outcome_after(date[:, None] - drawn.entry)
        verdict = test(outcome, better=better, sided=1, stratum=stratum)
        z[:, number] = np.where(verdict.undefined, np.nan, z_from_p_value(verdict.p_better))
        information[:, number] = test.information(outcome, verdict)
    return Shown(z=z, information=np.maximum.accumulate(information, axis=1))


def blocks(name: str, n: int, purpose: str) -> Iterator[Shown]:
    """Yield what `n` trials show, block by block."""
    part = max(1, PATIENTS_AT_ONCE // N_PATIENTS)
    for begin in range(0, n, part):
        rng = stream(SEED, purpose, name, "looks", begin)
        yield shown(name, n=min(part, n - begin), rng=rng)


def marked(share: float, one_look: float, n: int) -> str:
    """Return a level of `n` trials as the page shows it: bold if too high, italic if too low.

    That is, more than 4 Monte Carlo standard errors off the level of the same trials at one look.
    """
    mark = ""
    if abs(round(share, 4) - round(one_look, 4)) > 4 * mcse(ALPHA, n):
        mark = "**" if share > one_look else "*"
    return f"{mark}{share:.4f}{mark}"


# The first two have one look: at the end, at the first quarter.
DESIGNS = [(1, "pocock"), (0, "pocock"), *((n_looks, rule) for n_looks in (2, 4) for rule in RULES)]


def n_of(name: str) -> int:
    """Return how many trials the page's level of a test is from."""
    return REPLICATES.get(name, N_REPLICATES)


def measured(
    name: str, *, n: int, purpose: str = "the page of levels at looks"
) -> tuple[Floats, Floats]:
    """Return the information of the first three looks of four, and the level of each design.

    The information is a share of that of the last look.
    """
    claims, known = np.zeros(len(DESIGNS)), np.zeros(len(QUARTERS))
    for seen in blocks(name, n, purpose):
        known += (seen.information / np.maximum(seen.information[:, -1:], 1e-12)).sum(axis=0)
        claims += [seen.rejects(*design).sum() for design in DESIGNS]
    return known[:-1] / n, claims / n


HEADING = (
    "| test | information | one look | a quarter | 2, Pocock | 2, O'Brien-Fleming | 4, Pocock | "
    "4, O'Brien-Fleming | trials |",
    "|---|---|---:|---:|---:|---:|---:|---:|---:|",
)


def row_of(name: str) -> str:
    """Measure a test and return its row of the page."""
    begin, n = time.process_time(), n_of(name)
    information, levels = measured(name, n=n)
    parts = " ".join(f"{share:.2f}" for share in information)
    cells = " | ".join(marked(level, levels[0], n) for level in levels)
    print(f"{name}: {time.process_time() - begin:.0f} s, {cells}", file=sys.stderr, flush=True)
    return f"| `{name}` | {parts} | {cells} | {n:,} |"


def rows(page: str) -> dict[str, str]:
    """Return the rows of the section as they stand on the page, by test."""
    _, _, section = page.partition(LOOKS_BEGIN)
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return {line.split("`")[1]: line for line in lines}


def section(known: dict[str, str]) -> str:
    """Return the section of the page with these rows."""
    in_order = [known[name] for name in NAMES if name in known]
    return "\n".join([LOOKS_BEGIN + WORDS, *HEADING, *in_order, ""])


def main() -> None:
    """Measure all tests, or those that are named, and write the section."""
    for name in sys.argv[1:] or NAMES:
        page = PAGE.read_text()
        before, _, _ = page.partition(LOOKS_BEGIN)
        PAGE.write_text(before + section(rows(page) | {name: row_of(name)}))


if __name__ == "__main__":
    main()

"""The table of operating characteristics, and the sentence that says what it means."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from rich.console import Group
from rich.text import Text

from lupusim.planning.runs.run import PointResult, RunResult
from lupusim.planning.theory.power import EXACT, formula_powers
from lupusim.report.numbers import error_in_hundred, grouped, root, rounded, share, where_defined
from lupusim.report.run.arm_periods import platform_rows
from lupusim.report.run.differences import compared_table
from lupusim.report.run.known import (
    DRAWN,
    best_first,
    counted_error,
    counted_power,
    exactly_known,
    known_error,
    without_simulation,
)
from lupusim.report.run.known_chance import detail_rows
from lupusim.report.run.layout import FittedTable, headings
from lupusim.report.run.looks import adaptation_rows, family_rows, look_rows, months
from lupusim.report.run.single_arm import left_unlike, level_of, nothing_better, one_arm_meaning
from lupusim.report.run.smallest import smallest_rows
from lupusim.report.run.supply import supply_rows
from lupusim.report.run.tries import (
    claim_in_words,
    claims_if_nothing_works,
    of_all,
    tries_in_words,
)
from lupusim.report.run.wins import win_rows
from lupusim.report.words.effects import listed, told_of_test
from lupusim.report.words.trials import fewer_than_stated
from lupusim.simulation.looks.null_hypothesis import error_quantity
from lupusim.simulation.tally import Mean
from lupusim.trial import Analysis, Arm, Trial
from lupusim.trial.enrollment.arm_periods import arms_change

_PAIR = 2  # arms
_CAPTION = "estimate (Monte Carlo standard error)"
_ERRORS = {EXACT: "exact type I error", DRAWN: "type I error (drawn tables)"}

Rows = Callable[[PointResult], Iterator[tuple[str, str]]]
"""From a design to the label and text of each row."""


def operating_table(result: RunResult, rows: Rows | None = None) -> Group:
    """Return a row per quantity and a column per design point, each estimate with its MCSE.

    Parameters
    ----------
    result : RunResult
        What a run found.
    rows : callable, optional
        Which rows; default :func:`all_rows`.

    Returns
    -------
    Group
        As many designs beside each other as fit the width it is printed at; where their names
        are long they have numbers, and a key stands before.
    """
    called, each = headings(result), rows or partial(all_rows, seed=result.seed)
    replicates = f"{grouped(result.n_replicates)} replicates, seed {result.seed}"
    columns = [dict(each(point)) for point in result.points]
    table = FittedTable(
        title=f"{result.scenario.title}\n{replicates}",
        caption=_CAPTION,
        headings=called,
        columns=columns,
        overview=[dict(overview_rows(p)) for p in result.points] if rows is main_rows else (),
    )
    return Group(*map(Text, called.key), *([table] if result.points else []))


def all_rows(point: PointResult, *, seed: int | None = None) -> Iterator[tuple[str, str]]:
    """Yield everything that is known of a design; with a seed also what a few trials show."""
    yield from _rows(point, details=detail_rows)
    if seed is not None:
        yield from smallest_rows(point, seed=seed)


def main_rows(point: PointResult) -> Iterator[tuple[str, str]]:
    """Yield what a planner asks first of a design."""
    yield from _rows(point, details=lambda _: iter(()))


def overview_rows(point: PointResult) -> Iterator[tuple[str, str]]:
    """Yield what a row has for a design, where designs are rows."""
    yield "patients", str(point.trial.n_patients)
    if point.power is not None:
        formulas = formula_powers(point.trial, point.n_replicates)[:1]
        exact = [("exact power", f"{one.value:.4f}") for one in formulas if one.is_exact]
        drawn = [("power (drawn tables)", share(one.mean)) for one in formulas if one.is_drawn]
        simulated = "power", share(point.power)
        yield from best_first(counted_power(point), [*exact, *drawn], point.power, simulated)
        others = (one for one in formulas if not one.is_by_counts)
        yield from (("power by formula", f"{one.value:.4f}") for one in others)
    if (claims := point.claims_under_null) is not None:
        within = error_quantity(point.trial) is None
        known = [(_ERRORS[how], error) for how, error in known_error(point)]
        simulated = "claims if alike" if within else "type I error", share(claims)
        yield from best_first(counted_error(point), known, claims, simulated)
    if point.power is None:
        yield from list(_outcome_rows(point))[:1]  # of the first endpoint: nothing else is asked
    yield "months", months(point.tally.mean("duration"))


def _rows(point: PointResult, *, details: Rows) -> Iterator[tuple[str, str]]:
    trial, tally = point.trial, point.tally
    yield _sizes(trial)
    if trial.rule.decides:
        yield from adaptation_rows(point)
    yield from _test_rows(point)
    yield from _outcome_rows(point)
    yield from win_rows(point)
    yield "duration from the first site's opening, months", months(tally.mean("duration"))
    if trial.costs is not None:
        yield ", ".join(filter(None, ["cost", trial.costs.currency])), rounded(tally.mean("cost"))
    yield from details(point)
    yield from platform_rows(point)
    if not trial.rule.decides:
        yield from adaptation_rows(point)
    yield from look_rows(point)
    yield from _screening_rows(point)
    yield from supply_rows(point)
    yield from _warnings(point)


def _outcome_rows(point: PointResult) -> Iterator[tuple[str, str]]:
    """Yield what the arms show of each endpoint; of a trial that tests nothing with its spread."""
    tally, tested = point.tally, point.trial.analysis is not None or point.trial.rule.decides
    for name in tally.sums:
        if name.split(": ")[-1].startswith(("response_", "events_", "event_rate_", "mean_")):
            spread = "" if tested else f", sd {tally.standard_deviation(name):.2g}"
            yield _described(name), rounded(tally.mean(name)) + spread


def _test_rows(point: PointResult) -> Iterator[tuple[str, str]]:
    """Yield power and type I error, the best known of each first, and how good estimates are."""
    trial, claims = point.trial, point.claims_if_alike or point.type_one_error
    if point.power is None or claims is None or trial.analysis is None:
        return
    which = "power" if trial.family is None else "power for any hypothesis"
    tested = f"{words_of_test(trial.analysis)}{level_of(trial.analysis)}"
    simulated = f"{which} ({tested})", share(point.power)
    yield from best_first(counted_power(point), exactly_known(point), point.power, simulated)
    yield from without_simulation(point)
    known = [(f"type I error, {how}", error) for how, error in known_error(point)]
    simulated = _name_of_null_claims(trial), share(claims)
    yield from best_first(counted_error(point), known, claims, simulated)
    if trial.family is None:
        yield from _estimates(point, trial.analysis)
    yield from family_rows(point)


def _name_of_null_claims(trial: Trial) -> str:
    """Return what it is to claim something under the null twin: an error, but for a margin."""
    if error_quantity(trial) is None:
        return f"claims, {nothing_better(trial)} (no error: within the margin)"
    return f"type I error ({nothing_better(trial)})"


def words_of_test(analysis: Analysis) -> str:
    """Return the test with its strata, covariates and parameters."""
    test = analysis.test
    said = [f"{name} {value}" for name, value in told_of_test(analysis)]
    said += [f"{name} {words}" for name, words in test.prior_words.items()]
    strata = [f"strata {', '.join(analysis.stratify_by)}"] if analysis.stratify_by else []
    numbers = [f"adjusted for {', '.join(analysis.adjust_for)}"] if analysis.adjust_for else []
    return "; ".join([analysis.name, *strata, *numbers, *said])


def _estimates(point: PointResult, analysis: Analysis) -> Iterator[tuple[str, str]]:
    """Yield the mean estimate and how good it is; nothing for a test that estimates nothing."""
    tally = point.tally
    if math.isnan(tally.mean("estimate").value):
        return
    part = where_defined(tally.mean("estimate"), point.n_replicates)
    yield f"{analysis.effect}, mean estimate", rounded(tally.mean("estimate")) + part
    if (ratio := point.estimate_ratio) is not None:
        yield f"{analysis.effect.removeprefix('log ')}, geometric mean", rounded(ratio) + part
    yield "estimated by", analysis.test.estimated_by
    if "true_effect" in tally.sums:
        truth, known = tally.mean("true_effect"), analysis.truth
        given = known is not None and known.given is not None
        how = "given" if given else "from one large simulation"
        yield f"true effect ({how})", f"{truth.value:.3g}" if given else rounded(truth)
        yield "bias of the estimate", rounded(tally.mean("bias")) + part
        yield "root mean squared error", root(tally.mean("squared_error")) + part
        yield "coverage of the 95 % interval", share(tally.mean("coverage")) + part
        spread = tally.standard_deviation("estimate")
        yield "standard error, mean", rounded(tally.mean("standard_error"))
        yield "sd of the estimates", f"{spread:.3g}"


def _screening_rows(point: PointResult) -> Iterator[tuple[str, str]]:
    """Yield how many were screened, by a share of failures or by the rule of a screening."""
    trial, tally = point.trial, point.tally
    each, turned_away = trial.enrollment.screened_per_patient, "turned_away" in tally.sums
    if each > 1 and not turned_away:  # these are screened too: no error of the sum is kept
        came = tally.mean("n_enrolled")
        screened = replace(came, value=each * came.value, mcse=each * came.mcse)
        all_came = came.value == trial.n_patients
        n = f"{screened.value:.0f}" if all_came else rounded(screened)
        yield "patients screened, expected", n
    if "screened" in tally.sums:
        yield "patients screened", rounded(tally.mean("screened"))
        yield "by the stated rate in that time", rounded(tally.mean("screened_expected"))
        yield "from first test to randomization, months", months(tally.mean("screening_time"))


def _sizes(trial: Trial) -> tuple[str, str]:
    """Return the number of patients, in all and by arm; simple randomization only aims at it."""
    if len(trial.arms) == 1 or _sizes_may_change(trial):
        return f"patients{', at most' * trial.rule.changes}", f"{trial.n_patients}"
    about, sizes = _planned_sizes(trial.n_patients, trial.ratio)
    return (
        f"patients ({' + '.join(arm.name for arm in trial.arms)})",
        f"{trial.n_patients} ({about}{' + '.join(map(str, sizes))})",
    )


def arms_and_sizes(trial: Trial) -> tuple[list[str], list[str]]:
    """Return the arms' names and planned sizes; no sizes where these follow from what is seen."""
    names = [arm.name for arm in trial.arms]
    if _sizes_may_change(trial):
        return names, []
    about, sizes = _planned_sizes(trial.n_patients, trial.ratio)
    return names, [f"{about}{size}" for size in sizes]


def _sizes_may_change(trial: Trial) -> bool:
    """Return whether arms join or leave, are dropped or chosen, or patients are steered to some."""
    dropped = trial.rule.changes and len(trial.arms) > _PAIR
    return arms_change(trial.arms) or trial.rule.picks_arms or dropped


def _planned_sizes(n_patients: int, ratio: tuple[int, ...]) -> tuple[str, list[int]]:
    """Return the arms' sizes, which add up, and ``about`` where the ratio does not divide them."""
    whole = [n_patients * part // sum(ratio) for part in ratio]
    rest = [n_patients * part % sum(ratio) for part in ratio]
    largest = sorted(range(len(ratio)), key=lambda arm: -rest[arm])
    for arm in largest[: n_patients - sum(whole)]:
        whole[arm] += 1
    return "about " if any(rest) else "", whole


def _described(name: str) -> str:
    """Return a quantity's name in words."""
    words = {
        "response_": "responders, ",
        "events_": "events, ",
        "event_rate_": "events per year at risk, ",
        "mean_": "mean, ",
    }
    *prefix, last = name.split(": ")
    start = next(start for start in words if last.startswith(start))
    return ": ".join([*prefix, words[start] + last.removeprefix(start)])


def _warnings(point: PointResult) -> Iterator[tuple[str, str]]:
    """Yield what a reader must beware of, and what went wrong in some replicates."""
    for endpoint in point.trial.endpoints:
        timed = endpoint.time_of_event
        if timed is not None and timed.origin:
            reached = " or ".join(timed.origin)
            yield f"{endpoint.name}: only who reached {reached}", "no randomized comparison"
    names = {
        "undefined": "replicates without a defined statistic (counted as not significant)",
        "missed_cutoff": "replicates that never reached their data cutoff",
    }
    for key, words in names.items():
        for tally, which in ((point.tally, ""), (point.null_tally, ", no effect")):
            if tally and key in tally.sums and (mean := tally.mean(key)).value > 0:
                yield words + which, share(mean)
    if (endless := point.n_replicates - point.tally.sums["duration"][0]) > 0:
        part = endless / point.n_replicates
        mcse = math.sqrt(part * (1 - part) / point.n_replicates)
        words = "replicates that never end (not counted in the duration)"
        yield words, share(Mean(value=part, mcse=mcse, n=point.n_replicates))


def meaning(result: RunResult) -> str:
    """Return what the run means for the planner, in one or two sentences."""
    powers = [point.power for point in result.points if point.power is not None]
    errors = [mean for mean in map(claims_if_nothing_works, result.points) if mean is not None]
    if not powers:
        return _what_to_expect(result.points[0])
    first = result.points[0].trial
    if len(first.arms) == 1:
        laws = dict.fromkeys(_law_in_words(p.trial.arms[0], p.trial) for p in result.points)
        truth = f"{first.arms[0].name} patients fare {', or '.join(laws)}"
        return one_arm_meaning(result.points, truth=truth)
    within = error_quantity(first) is None
    shown = f"{claim_in_words(first)} {tries_in_words(result.points)}{of_all(result.points)}"
    shows = f"The trial shows {shown}."
    if not errors:
        return shows
    worst = max(errors, key=lambda mean: mean.value)
    most = " at most" if len(powers) > 1 else ""
    what = "show the same" if within else "claim one"
    unlike = left_unlike([point.trial for point in result.points])
    alike = "If there were no difference" + (f" but in {unlike}" if unlike else "")
    return f"{shows} {alike}, {error_in_hundred(worst)} of 100 would {what}{most}."


def condition(result: RunResult) -> str:
    """Return what the answer is conditional on, in a sentence; empty for a single arm."""
    trials = [point.trial for point in result.points]
    fewer = fewer_than_stated(trials[0])
    return "" if len(trials[0].arms) == 1 else f"That holds if {condition_of(trials)}.{fewer}"


def condition_of(trials: Sequence[Trial]) -> str:
    """Return by which laws the patients of each arm fare, in any of some designs."""
    laws: dict[str, dict[str, None]] = {}
    for trial in trials:
        for arm in trial.arms:
            laws.setdefault(arm.name, {})[_law_in_words(arm, trial)] = None
    if all(arm.stated for arm in trials[0].arms):
        told = [f"{arm}: {', or '.join(found)}" for arm, found in laws.items()]
        correlated = (trial.population.correlated for trial in trials)
        told += dict.fromkeys(one.words for one in correlated if one is not None)
        return f"the arms are as stated ({'; '.join(told)})"
    stated = {arm.name for trial in trials for arm in trial.arms if arm.stated}
    alike: dict[str, list[str]] = {}
    for name, found in laws.items():
        fare = "fare as stated:" if name in stated else "fare"
        alike.setdefault(f"{fare} {', or '.join(found)}", []).append(name)
    between = ", and " if any(", or " in fare for fare in alike) else " and "
    return between.join(f"{listed(arms)} patients {fare}" for fare, arms in alike.items())


def _law_in_words(arm: Arm, trial: Trial) -> str:
    if arm.stated:
        return arm.stated
    own = any(effect.arm == arm.name for effect in trial.population.effects)
    effects = " with the stated effects" if arm.effects or own else ""
    return f"as in {arm.model.name}{effects}"


def _patients(arm: Arm, trial: Trial) -> str:
    return f"{arm.name} patients fare {_law_in_words(arm, trial)}"


def _what_to_expect(point: PointResult) -> str:
    arm, tally = point.trial.arms[0], point.tally
    law = f"of {arm.name} {arm.stated}" if arm.stated else _patients(arm, point.trial)
    name = f"response_{arm.name}"
    if name not in tally.sums:
        return f"One arm, no test: {law}."
    share, spread = tally.mean(name).value, 1.96 * tally.standard_deviation(name)
    return (
        f"One arm, no test. If {law}, expect {point.trial.primary.name} in "
        f"{100 * share:.0f} of 100 patients; by chance alone a trial of "
        f"{point.trial.n_patients} will mostly show between {100 * max(share - spread, 0):.0f} "
        f"and {100 * min(share + spread, 1):.0f}."
    )


def run_report(result: RunResult, rows: Rows | None = None) -> Group:
    """Return what ``lupusim run`` prints: the answer, its condition, the table.

    Parameters
    ----------
    result : RunResult
        What a run found.
    rows : callable, optional
        Which rows the table has; default :func:`all_rows`.
    """
    said = filter(None, [meaning(result), condition(result)])
    return Group(
        *map(Text, said),
        operating_table(result, rows),
        *compared_table(result, headings(result).names),
    )


def how_to_repeat(result: RunResult) -> str:
    """Return how long a run took and the command that repeats it, in one line to be pasted."""
    asked = result.asked or f"--replicates {result.n_replicates}"
    named = shlex.quote(result.scenario.command)
    command = f"lupusim run {named} {asked} --seed {result.seed}"
    return f"{result.seconds:.1f} s. The same again:\n{command}"

"""What a trial of one arm shows: its level, what is exact, and what it means in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

from lupusim.analysis.single_arm.tests import RateTest
from lupusim.planning.runs.run import PointResult
from lupusim.planning.theory.power import exact_looks
from lupusim.planning.theory.single_arm import exact_chances, rate_is_tested
from lupusim.report.numbers import error_in_hundred
from lupusim.report.run.tries import claims_if_nothing_works, tries_in_words
from lupusim.report.words.bounds import stages_of
from lupusim.trial import Analysis, Better, Trial


def level_of(analysis: Analysis) -> str:
    """Return the level of a test in words; nothing where a threshold says it."""
    if analysis.test.one_look_only:
        return ""
    return f", alpha {analysis.alpha:g}, {analysis.sided}-sided"


def nothing_better(trial: Trial) -> str:
    """Return in which case the type I error is one."""
    if trial.family is not None or len(trial.arms) > 2:
        return f"all arms alike{_but_for(trial)}, any claim"
    if trial.analysis is None or len(trial.arms) > 1:
        return f"both arms alike{_but_for(trial)}"
    if rate_is_tested(trial.analysis):
        return f"exact at the null rate {_null_rate(trial):g}"
    return "patients fare as the reference"


def _but_for(trial: Trial) -> str:
    unlike = left_unlike([trial])
    return f" but for {unlike}" if unlike else ""


def left_unlike(trials: Sequence[Trial]) -> str:
    """Return what still differs between arms where no effect does, in any of some designs."""
    dropout = any(trial.dropout.by_arm for trial in trials)
    lots = any(arm.unequal_lots for trial in trials for arm in trial.arms)
    return " and ".join([*["dropout"] * dropout, *["lots"] * lots])


def _null_rate(trial: Trial) -> float:
    assert trial.analysis is not None
    return cast("RateTest", trial.analysis.test).null_rate


def exact_rows(trial: Trial) -> Iterator[tuple[str, str]]:
    """Yield what is exact of a single arm that may stop early; nothing for another trial."""
    if not rate_is_tested(trial.analysis) or not trial.interims:
        return
    stages = stages_of(trial)
    if stages is not None:
        first = f"{stages.first_responders} of {stages.first_patients}"
        yield "stops at stage 1 with at most", first
        yield "fails at stage 2 with at most", f"{stages.responders} of {stages.n_patients}"
    chances = exact_looks(trial)
    if chances is not None:
        yield "stops early, exact", f"{chances.stops_early:.4f}"
        yield "patients analyzed, exact", f"{chances.expected_patients:.2f}"
    null = exact_chances(trial, rate=_null_rate(trial))
    yield "stops early, exact at the null rate", f"{null.stops_early:.4f}"
    yield "patients analyzed, exact at the null rate", f"{null.expected_patients:.2f}"


def one_arm_meaning(points: tuple[PointResult, ...], *, truth: str) -> str:
    """Return what the run of a tested single arm means, in two sentences."""
    errors = [claims for claims in map(claims_if_nothing_works, points) if claims is not None]
    trial = points[0].trial
    if rate_is_tested(trial.analysis):
        side = "above" if trial.primary.better is Better.MORE else "below"
        rates = dict.fromkeys(f"{_null_rate(point.trial):g}" for point in points)
        claim = f"a response rate {side} {' or '.join(rates)}"
        otherwise = "If the rate were just that"
    else:
        claim, otherwise = "a difference from the reference", "If there were none"
    shows = f"If {truth}, the trial claims {claim} {tries_in_words(points)}."
    if errors:
        worst = max(errors, key=lambda mean: mean.value)
        most = " at most" if len(points) > 1 else ""
        shows += f" {otherwise}, {error_in_hundred(worst)} of 100 would claim it{most}."
    return f"{shows} One arm: whether the treatment made the difference is not tested."

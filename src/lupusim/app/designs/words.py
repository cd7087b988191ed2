"""A trial in the words of a planner: what happens to whom, and what is claimed when."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lupusim.report.numbers import grouped
from lupusim.scenario.document.durations import format_duration

if TYPE_CHECKING:
    from lupusim.trial import Trial
    from lupusim.trial.scenario import Scenario


def in_words(scenario: Scenario) -> list[str]:
    """Return a design in sentences, the first of its points where it has several."""
    trial = scenario.points[0].trial
    sentences = [*_patients(trial), *_endpoint(trial), *_test(trial), *_looks(trial)]
    if len(scenario.points) > 1:
        varied = ", ".join(name.replace("_", " ") for name in scenario.points[0].values)
        sentences.append(
            f"{len(scenario.points)} designs are run side by side; they differ in {varied}."
        )
    return sentences


def _patients(trial: Trial) -> Iterator[str]:
    names = [arm.name for arm in trial.arms]
    if len(names) == 1:
        yield f"{grouped(trial.n_patients)} patients all come to {names[0]}."
    else:
        ratio = ":".join(map(str, trial.ratio))
        listed = ", ".join(names[:-1]) + f" or {names[-1]}"
        yield f"{grouped(trial.n_patients)} patients are randomized {ratio} to {listed}."
    lasts = trial.follow_up
    if lasts < float("inf"):
        yield f"Each is followed for {format_duration(lasts)}."


def _endpoint(trial: Trial) -> Iterator[str]:
    due = trial.primary.due_time
    when = "" if due is None else f", known {format_duration(due)} after randomization"
    name = trial.primary.name.replace("_", " ")
    better = "more is better" if trial.primary.better.value > 0 else "less, or later, is better"
    yield f"The primary endpoint is {name}{when}; {better}."


def _test(trial: Trial) -> Iterator[str]:
    if trial.analysis is None:
        return
    analysis = trial.analysis
    sides = "one-sided" if analysis.sided == 1 else "two-sided"
    test = analysis.name.replace("_", " ")
    yield f"The test is {test}, {sides} at level {analysis.alpha:g}."
    yield f"It estimates the {analysis.effect}."


def _looks(trial: Trial) -> Iterator[str]:
    for number, look in enumerate(trial.looks, start=1):
        which = "The data are analyzed" if len(trial.looks) == 1 else f"Look {number} comes"
        if len(trial.looks) == number > 1:
            which = f"Look {number}, the last, comes"
        yield f"{which} after {look.words(trial)}."

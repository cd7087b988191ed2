"""What is true of an arm's patients on average, where they differ."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from lupusim.errors import NoExactSolutionError
from lupusim.model import MultiStateModel
from lupusim.planning.theory.counts.cells import Person, cells_of, people
from lupusim.trial import Arm, Trial

_PERSON = "what acts on a patient's hazards"

Share = Callable[[MultiStateModel, Mapping[str, float]], float]
"""Exact probability under a model, with values of its covariates."""


def mean_over_patients(trial: Trial, arm: Arm, share: Share) -> float:
    """Return a probability averaged over all that acts on the hazards of an arm's patients.

    Factors are gone through, covariates and frailties are nodes of Gauss's quadrature. Prognosis is
    that of who comes when the first site opens, and all infusions are given.

    Raises
    ------
    NoExactSolutionError
        If that is not known: the patients of one lot share its potency, events are
        correlated, or a screening decides what acts.
    """
    if arm.unequal_lots is not None:
        raise NoExactSolutionError("lots of unequal potency have no exact solution")
    correlated = trial.population.correlated
    if correlated is not None and sum(map(bool, correlated.on)) > 1:
        raise NoExactSolutionError("events that are correlated have no exact solution")
    return math.fsum(
        weight * share(replace(arm.law, covariates={_PERSON: logs}), {_PERSON: 1.0})
        for weight, logs in _kinds(trial, arm)
    )


def _kinds(trial: Trial, arm: Arm) -> Iterator[tuple[float, dict[tuple[str, str], float]]]:
    """Yield kinds of patients: their share, and the log hazard ratio of each transition."""
    for cell in cells_of(trial, ()):
        for person in people(trial, cell, fine=False):
            yield cell.share * person.weight, _logs(person, trial, arm)


def _logs(person: Person, trial: Trial, arm: Arm) -> dict[tuple[str, str], float]:
    law = arm.law
    ratios = person.hazard_ratios(law, trial.population, arm.name)
    known = {(one.from_state, one.to_state) for one in law.transitions}
    named = (((law.states[a], law.states[b]), math.log(r)) for (a, b), r in ratios.items())
    return {edge: log for edge, log in named if edge in known}

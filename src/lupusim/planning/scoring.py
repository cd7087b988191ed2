"""One simulation, many rules: patients are generated once and judged by any number of rules.

Rules may differ in looks, bounds, tests and levels. Their differences are paired: both rules
see the same patients, so a difference is known far better than either power.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from lupusim.arrays import FloatArray
from lupusim.planning.blocks import measured
from lupusim.planning.evidence import Remembered
from lupusim.planning.families import hold_family
from lupusim.planning.fingerprint import content_hash
from lupusim.planning.generation import Block, Generated, generate
from lupusim.planning.sequential import hold_looks
from lupusim.planning.tally import Mean, Tally
from lupusim.planning.tasks import blocks_of
from lupusim.trial import Trial


def generation_hash(trial: Trial) -> str:
    """Return a content hash of all that the patients of a trial depend on.

    Trials with the same hash generate the same patients from the same block; only looks,
    bounds, tests and levels are left out.
    """
    return content_hash(
        trial.arms,
        trial.n_patients,
        trial.enrollment,
        trial.endpoints,
        trial.allocation,
        trial.stratify_by,
        trial.population,
        trial.dropout,
        trial.follow_up,
        trial.visits,
        *_later_fields(trial),
    )


_KNOWN = {
    "arms",
    "n_patients",
    "enrollment",
    "primary",
    "secondary",
    "allocation",
    "stratify_by",
    "population",
    "dropout",
    "follow_up",
    "visits",
}
_RULES = {"cutoff", "interims", "stopping", "analysis", "family", "adaptation"}


def _later_fields(trial: Trial) -> list[object]:
    """Return whatever else a trial has: what is not known to be a rule is not left out."""
    names = trial.__dataclass_fields__.keys() - _KNOWN - _RULES
    return [getattr(trial, name) for name in sorted(names)]


def grouped(trials: Sequence[Trial]) -> list[list[int]]:
    """Return the positions of trials that share their patients, group by group."""
    groups: dict[str, list[int]] = {}
    for number, trial in enumerate(trials):
        groups.setdefault(generation_hash(trial), []).append(number)
    return list(groups.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Trials that share their patients.

    Parameters
    ----------
    trials : tuple of Trial
        At least one.

    Raises
    ------
    ValueError
        If they differ in more than looks, bounds, tests and levels.
    """

    trials: tuple[Trial, ...]
    _keys: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        if len(grouped(self.trials)) != 1:
            raise ValueError("the trials differ in more than looks, bounds, tests and levels")
        object.__setattr__(self, "_keys", tuple(map(_look_hash, self.trials)))

    def score(self, generated: Generated) -> list[dict[str, FloatArray]]:
        """Return each rule's quantities of every replicate, in the order of the trials.

        What several rules share (looks and tests) is computed once.
        """
        remembered: dict[str, Remembered] = {}
        found = []
        for trial, key in zip(self.trials, self._keys, strict=True):
            if not trial.interims and trial.family is None:
                found.append(measured(trial, generated))
                continue
            if key not in remembered:
                remembered[key] = Remembered(trial, generated)
            hold = hold_looks if trial.family is None else hold_family
            found.append(hold(trial, generated, remembered[key]))
        return found


def _look_hash(trial: Trial) -> str:
    """Return a content hash of all that the looks show, whoever judges them."""
    analysis, family = trial.analysis, trial.family
    tests = (analysis.test, analysis.stratify_by) if analysis else ()
    others = [(h.endpoint, h.test) for h in family.hypotheses] if family else []
    return content_hash(trial.looks, tests, others)


@dataclass(slots=True, kw_only=True)
class Scored:
    """What rules give on the same patients.

    Parameters
    ----------
    names : tuple of str
        Of the rules.
    tallies : tuple of Tally
        Sums of each rule.
    paired : tuple of Tally
        Sums of each rule's differences from the first, replicate by replicate.
    """

    names: tuple[str, ...]
    tallies: tuple[Tally, ...]
    paired: tuple[Tally, ...]

    def mean(self, rule: str, quantity: str) -> Mean:
        """Return a quantity of one rule."""
        return self.tallies[self.names.index(rule)].mean(quantity)

    def difference(self, rule: str, quantity: str) -> Mean:
        """Return a quantity of one rule minus that of the first, with its paired error."""
        return self.paired[self.names.index(rule)].mean(quantity)


def score_rules(rules: Mapping[str, Trial], n_replicates: int, *, seed: int) -> Scored:
    """Simulate patients once and judge them by each rule, in this process.

    Parameters
    ----------
    rules : mapping of str to Trial
        Trials that differ in looks, bounds, tests and levels alone, by name; the first is what
        the others are compared with.
    n_replicates, seed : int
        As for :func:`lupusim.run`, which gives the same numbers for each trial alone.

    Raises
    ------
    ValueError
        If the trials differ in more.
    """
    judged = Rules(trials=tuple(rules.values()))
    scored = Scored(
        names=tuple(rules),
        tallies=tuple(Tally() for _ in rules),
        paired=tuple(Tally() for _ in rules),
    )
    for block in blocks_of(judged.trials[0], n_replicates, seed=seed):
        score_block(judged, block, scored)
    return scored


def score_block(rules: Rules, block: Block, scored: Scored) -> None:
    """Generate one block and add what each rule gives of it."""
    found = rules.score(generate(rules.trials[0], block))
    for quantities, tally, paired in zip(found, scored.tallies, scored.paired, strict=True):
        tally.add(Tally.of(quantities))
        paired.add(Tally.of(_differences(quantities, found[0])))


def _differences(
    quantities: Mapping[str, FloatArray], first: Mapping[str, FloatArray]
) -> dict[str, FloatArray]:
    return {
        name: np.asarray(values, dtype=float) - first[name]
        for name, values in quantities.items()
        if name in first
    }

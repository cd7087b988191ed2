"""Null twins by relabeling: patients who fare alike on all arms serve several randomizations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

import numpy as np

from lupusim.common.arrays import StateArray
from lupusim.common.compiled.choice import work_ahead
from lupusim.simulation.adaptation import rule_of
from lupusim.simulation.adaptation.base import Followed
from lupusim.simulation.controls import Control
from lupusim.simulation.generation.generation import Block, Generated
from lupusim.simulation.looks.claims import claims
from lupusim.simulation.looks.null_hypothesis import fares_as_control
from lupusim.simulation.looks.relabeled import gather_relabeled, is_at_once
from lupusim.simulation.moments import Moments
from lupusim.simulation.scoring import Pair, differences
from lupusim.simulation.tally import Tally
from lupusim.trial import Trial
from lupusim.trial.enrollment.arm_periods import arms_change

PER_SET = 4
"""Replicates that a set of patients serves: with more, its own share of the work is small already
(benchmarks/cases.py), and the error between sets is less known."""
AT_ONCE = 4
"""Trials for each replicate, where randomizations are worked out together: one costs a sixth of a
trial with patients of its own (benchmarks/cases.py), and the error of a small share is halved."""
FEWEST_SETS = 100  # of a block, so that the error between sets is known


def is_exchangeable(trial: Trial) -> bool:
    """Return whether patients of a trial fare alike whatever arm they are on.

    Randomization sees what is known of patients at baseline alone, and nothing that happens to
    them depends on it: so another randomization of the same patients is as good a trial.
    """
    if len(trial.arms) == 1 or trial.analysis is None or trial.rule.changes:
        return False
    if arms_change(trial.arms) or trial.supply is not None:
        return False
    infused = (arm.infusions for arm in trial.arms)
    if any(one is not None and one.lots is not None for one in infused):
        return False
    names = [arm.name for arm in trial.arms]
    leave = trial.dropout.in_arms(names)
    marked = trial.marker is None or trial.marker.alike(names) == trial.marker
    return (
        marked
        and all(rate == leave[0] for rate in leave)
        and all(fares_as_control(trial, number) for number in range(len(trial.arms)))
    )


def score_relabeled(
    trials: Mapping[str, Trial],
    pairs: Sequence[Pair],
    block: Block,
    controls: Mapping[str, Control],
) -> dict[str, Tally]:
    """Return the sums over the claims of a block of trials whose arms are alike.

    As :func:`~lupusim.simulation.scoring.score_block` does. Trials share their patients, some
    at a time; they are not independent, and the errors of the sums are those between sets. Where
    they cost little there are `AT_ONCE` for each replicate.

    Parameters
    ----------
    trials : mapping of str to Trial
        Of one group, by fingerprint; by :func:`is_exchangeable`.
    pairs : sequence of Pair
        Among them.
    block : Block
        Which replicates.
    controls : mapping of str to Control
        Control variates of those trials that have some.
    """
    first = next(iter(trials.values()))
    each = AT_ONCE if all(map(is_at_once, trials.values())) else 1
    n_trials = each * block.n_replicates
    n_labelings = max(1, min(each * PER_SET, n_trials // FEWEST_SETS))
    n_sets = -(-n_trials // n_labelings)
    work_ahead(n_sets * first.n_patients)
    sets = replace(block, n_replicates=n_sets)
    generated = cast(Followed, rule_of(first).patients(tuple(trials.values()), sets)).generated
    labels = _randomizations(first, generated, n_labelings, rng=block.stream("labels"))
    shape = n_labelings, n_sets
    served = np.arange(n_labelings * n_sets).reshape(shape) < n_trials
    found = {}
    for name, trial in trials.items():
        claimed = claims(trial, gather_relabeled(trial, generated, labels))
        found[name] = {quantity: of_all.reshape(shape) for quantity, of_all in claimed.items()}
    tallies = {name: Tally.of_sets(quantities, served) for name, quantities in found.items()}
    for name, control in controls.items():
        tallies[name].moments = Moments.of_sets(
            served.sum(axis=0).astype(float),
            (found[name]["reject"] * served).sum(axis=0),
            (control.relabeled(generated, labels) * served[:, :, None]).sum(axis=0),
            control.known_to,
        )
    for pair in pairs:
        tallies[pair.key] = Tally.of_sets(differences(found[pair.later], found[pair.first]), served)
    return tallies


def _randomizations(
    trial: Trial, generated: Generated, n_labelings: int, *, rng: np.random.Generator
) -> StateArray:
    """Return the arms of patients under so many randomizations.

    Returns
    -------
    (n_labelings, n_sets, n_patients) array
    """
    assert trial.allocation is not None  # a trial of several arms has one
    n_sets, n_patients = generated.arm.shape
    stratum = trial.population.stratum(generated.levels, trial.stratify_by, (n_sets, n_patients))
    # SPEED: one stratum is one number, and is not copied for each patient (benchmarks/cases.py)
    again = np.broadcast_to(stratum, (n_labelings, *stratum.shape)).reshape(-1, n_patients)
    labels = trial.allocation.assign(trial.ratio, again, rng=rng)
    return labels.reshape(n_labelings, n_sets, n_patients)

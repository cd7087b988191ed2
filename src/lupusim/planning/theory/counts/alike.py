"""Arms of many truths that differ in the numbers of hazards and of classes alone."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

import numpy as np

from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.engines.exact.law import Law
from lupusim.model import Transition
from lupusim.model.hazards.base import constant_rate, steps
from lupusim.planning.theory.counts.shares import DrawnHazard, Kin
from lupusim.trial import Arm, Trial


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AlikeArms:
    """One arm, by its position, in truths that differ in numbers of its model alone."""

    number: int  # position of the arm
    trial: Trial  # the first truth
    truths: IntArray  # positions of the truths; (n_truths,)
    place: IntArray  # which of the different arms each truth has; (n_truths,)
    hazards: dict[tuple[int, int], DrawnHazard]  # of the different arms, by states' positions
    class_shares: FloatArray  # of each latent class that there is; (n_arms, n_classes)

    @property
    def arm(self) -> Arm:
        """The arm in the first truth."""
        return self.trial.arms[self.number]

    def followed(self, law: Law) -> Kin:
        """Return the laws of all arms for what is one law in the first."""
        return Kin(law=law, hazards=self.hazards, n_laws=len(self.class_shares))


def alike_arms(truths: Sequence[Trial]) -> Iterator[AlikeArms]:
    """Yield the arms of trials that differ in what is true alone, those alike together."""
    # SPEED: draws of one model differ in numbers, so their laws are made once (benchmarks/table.py)
    for number in range(len(truths[0].arms)):
        together: dict[Hashable, list[int]] = {}
        for position, trial in enumerate(truths):
            together.setdefault(_form(trial, trial.arms[number]), []).append(position)
        for positions in together.values():
            yield _alike(truths, number, positions)


def _alike(truths: Sequence[Trial], number: int, positions: Sequence[int]) -> AlikeArms:
    arms = [truths[position].arms[number] for position in positions]
    places: dict[int, int] = {}
    place = np.array([places.setdefault(id(arm), len(places)) for arm in arms])
    models = [arms[int(first)].model for first in np.unique(place, return_index=True)[1]]
    first = models[0]
    hazards = {
        (first.index(one.from_state), first.index(one.to_state)): DrawnHazard(
            [model.transitions[k].hazard for model in models]
        )
        for k, one in enumerate(first.transitions)
    }
    shares = [
        [c.probability for c in model.latent_classes if c.probability > 0] for model in models
    ]
    return AlikeArms(
        number=number,
        trial=truths[positions[0]],
        truths=np.array(positions),
        place=place,
        hazards=hazards,
        class_shares=np.array(shares),
    )


def _form(trial: Trial, arm: Arm) -> Hashable:
    """Return what arms must share so that numbers of hazards and classes alone tell them apart.

    What draws hand on unchanged is known by its identity.
    """
    model = arm.model
    handed_on = (trial.population, trial.dropout, arm.infusions, arm.effects, arm.switch)
    of_model = (model.states, model.starts, model.restarts, model.afterwards)
    return (
        tuple(map(id, (*handed_on, *of_model, *trial.intercurrent_events))),
        arm.name,
        tuple((name, *ratios.items()) for name, ratios in model.covariates.items()),
        tuple((c.probability > 0, *c.hazard_ratios.items()) for c in model.classes),
        tuple(map(_form_of_transition, model.transitions)),
    )


def _form_of_transition(one: Transition) -> Hashable:
    rate, jumps = constant_rate(one.hazard), steps(one.hazard)
    hazard = (jumps, rate is None, rate == 0)
    return (one.from_state, one.to_state, one.clock, id(one.ratio), *hazard)

"""Four shapes of the way into remission; the comparison says which the data tell apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from lupusim.calibration.estimation.parameters import (
    FreeModel,
    FreeParameter,
    NormalPrior,
    Transform,
)
from lupusim.model import Clock, Edge, Hazard, LatentClass, MultiStateModel, Transition
from lupusim.model.hazards import ExponentialHazard, PiecewiseExponentialHazard, WeibullHazard

BREAKS = (0.5, 1.0)
"""Years at which the piecewise shape changes: 0 to 6, 6 to 12, over 12 months."""

_RATES = NormalPrior(mean=0.0, sd=1.5)


def shapes(free_model: FreeModel, edges: Sequence[Edge]) -> dict[str, FreeModel]:
    """Return the free model with other shapes of some hazards.

    Parameters
    ----------
    free_model : FreeModel
        The disease; its parameters of other transitions are kept, its classes are not.
    edges : sequence of (from_state, to_state)
        The transitions that change shape, such as those into remission.

    Returns
    -------
    dict of str to FreeModel
        ``constant``, ``weibull`` (one shape, a scale each), ``classes`` (responders with
        constant hazards, others never), ``piecewise`` (a rate each in 0 to 6, 6 to 12 and
        over 12 months of study time).

    Raises
    ------
    ValueError
        If an edge is not a transition of the model.
    """
    model = free_model.model
    labels = [t.label for t in model.transitions]
    chosen = [f"{a} -> {b}" for a, b in edges]
    if unknown := sorted(set(chosen) - set(labels)):
        raise ValueError(f"the model has no transitions {unknown}; it has {labels}")
    kept = tuple(
        p
        for p in free_model.parameters
        if not any(place.startswith(("classes.", *chosen)) for place in p.places)
    )
    plain = replace(free_model, model=replace(model, classes=()), parameters=kept)
    return {
        "constant": _constant(plain, chosen),
        "weibull": _weibull(plain, chosen),
        "classes": _classes(plain, chosen, tuple(edges)),
        "piecewise": _piecewise(plain, chosen),
    }


def _with_hazard(
    model: MultiStateModel, chosen: Sequence[str], hazard: Hazard, clock: Clock | None = None
) -> MultiStateModel:
    def changed(t: Transition) -> Transition:
        if t.label not in chosen:
            return t
        return replace(t, hazard=hazard, clock=clock or t.clock)

    return replace(model, transitions=tuple(map(changed, model.transitions)))


def _rate(name: str, place: str) -> FreeParameter:
    return FreeParameter(
        name=name,
        places={place: 1.0},
        transform=Transform.LOG,
        prior=_RATES,
        bounds=(1e-4, 52.0),
    )


def _grown(
    free_model: FreeModel, model: MultiStateModel, added: Sequence[FreeParameter]
) -> FreeModel:
    return replace(free_model, model=model, parameters=(*added, *free_model.parameters))


def _constant(free_model: FreeModel, chosen: Sequence[str]) -> FreeModel:
    model = _with_hazard(free_model.model, chosen, ExponentialHazard(rate=1.0))
    return _grown(free_model, model, [_rate(label, f"{label}.rate") for label in chosen])


def _weibull(free_model: FreeModel, chosen: Sequence[str]) -> FreeModel:
    model = _with_hazard(free_model.model, chosen, WeibullHazard(shape=0.7, scale=2.0))
    shape = FreeParameter(
        name="shape",
        places={f"{label}.shape": 1.0 for label in chosen},
        transform=Transform.LOG,
        prior=NormalPrior(mean=math.log(0.7), sd=0.5),
        bounds=(0.1, 5.0),
    )
    scales = [
        FreeParameter(
            name=f"scale of {label}",
            places={f"{label}.scale": 1.0},
            transform=Transform.LOG,
            prior=NormalPrior(mean=1.0, sd=2.0),
            bounds=(0.01, 1e5),
        )
        for label in chosen
    ]
    return _grown(free_model, model, [shape, *scales])


def _classes(free_model: FreeModel, chosen: Sequence[str], edges: tuple[Edge, ...]) -> FreeModel:
    constant = _constant(free_model, chosen)
    responders = LatentClass(name="responder", probability=0.5)
    others = LatentClass(
        name="non_responder", probability=0.5, hazard_ratios=dict.fromkeys(edges, 0.0)
    )
    share = FreeParameter(
        name="responders",
        places={"classes.responder.probability": 1.0},
        transform=Transform.LOGIT,
        prior=NormalPrior(mean=0.0, sd=1.0),
    )
    model = replace(constant.model, classes=(responders, others))
    return replace(constant, model=model, parameters=(share, *constant.parameters))


def _piecewise(free_model: FreeModel, chosen: Sequence[str]) -> FreeModel:
    hazard = PiecewiseExponentialHazard(breaks=BREAKS, rates=(1.0, 0.5, 0.1))
    model = _with_hazard(free_model.model, chosen, hazard, Clock.FORWARD)
    spans = ("0 to 6 months", "6 to 12 months", "over 12 months")
    added = [
        _rate(f"{label}, {span}", f"{label}.rates.{piece}")
        for label in chosen
        for piece, span in enumerate(spans)
    ]
    return _grown(free_model, model, added)

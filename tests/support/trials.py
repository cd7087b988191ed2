"""Small trials that several tests share."""

from __future__ import annotations

from lupusim.analysis.registry import TESTS
from lupusim.endpoints import Responder, TimeToEvent
from lupusim.model import MultiStateModel, Transition, TreatmentEffect
from lupusim.model.hazards import ExponentialHazard
from lupusim.trial import (
    AfterLastPatient,
    Analysis,
    Arm,
    Dropout,
    Infusions,
    PermutedBlocks,
    Population,
    Trial,
    UniformEnrollment,
)
from lupusim.trial.scenario import DesignPoint, Scenario

REMISSION = Responder(name="remission", states=("remission",), at=1.0)


def way(a, b, rate):
    return Transition(from_state=a, to_state=b, hazard=ExponentialHazard(rate=rate))


def exponential_arm(name, rate, **more):
    """An arm in which nothing happens but death, at a constant hazard per year."""
    model = MultiStateModel(
        name="exponential", states=("alive", "death"), transitions=(way("alive", "death", rate),)
    )
    return Arm(name=name, model=model, **more)


def analysis(test="logrank", **more):
    kind = TESTS[test]
    return Analysis(name=test, test=kind, effect=kind.effect, **more)


def survival_trial(*, hazard_ratio=0.5, **changes):
    """Two arms, exponential survival, everybody followed to two years after the last."""
    effect = TreatmentEffect(on=(("alive", "death"),), hazard_ratio=hazard_ratio)
    values = {
        "arms": (exponential_arm("control", 0.8), exponential_arm("cells", 0.8, effects=(effect,))),
        "n_patients": 60,
        "enrollment": UniformEnrollment(duration=1.0),
        "cutoff": AfterLastPatient(follow_up=2.0),
        "primary": TimeToEvent(name="survival", events=("death",)),
        "analysis": analysis(),
        "follow_up": 2.0,
    }
    return Trial(**{**values, **changes})


DISEASE = MultiStateModel(
    name="disease",
    states=("active", "remission", "relapse", "death"),
    transitions=(
        way("active", "remission", 1.5),
        way("remission", "relapse", 0.8),
        way("relapse", "remission", 0.5),
        way("active", "death", 0.3),
        way("relapse", "death", 0.4),
    ),
)


def disease_trial(**changes):
    """Everything at once: strata, re-infusion, dropout by state, secondary endpoints."""
    effect = TreatmentEffect(on=(("active", "remission"),), hazard_ratio=2.0, onset=0.1, lasts=0.5)
    cells = Infusions(cells_per_kg=1e6, at=(0.0, 0.5))
    values = {
        "arms": (
            Arm(name="placebo", model=DISEASE),
            Arm(name="cells", model=DISEASE, allocation=2, infusions=cells, effects=(effect,)),
        ),
        "n_patients": 61,
        "enrollment": UniformEnrollment(duration=1.0),
        "cutoff": AfterLastPatient(follow_up=1.0),
        "primary": TimeToEvent(name="death", events=("death",)),
        "secondary": (
            REMISSION,
            TimeToEvent(name="relapse", events=("relapse", "death"), origin=("remission",)),
        ),
        "analysis": analysis(stratify_by=("nephritis",)),
        "stratify_by": ("nephritis",),
        "population": Population(
            factors={"nephritis": {"yes": 0.4, "no": 0.6}}, weight_mean=56.0, weight_sd=9.0
        ),
        "dropout": Dropout(per_year=0.3, by_state={"relapse": 2.0}),
        "follow_up": 1.0,
        "visits": (0.0, 0.25, 0.5, 1.0),
    }
    return Trial(**{**values, **changes})


def scenario(*trials, **more):
    """A scenario of these trials, named after their sizes."""
    points = tuple(DesignPoint(values={"sample_size": t.n_patients}, trial=t) for t in trials)
    return Scenario(**{"name": "s", "title": "S", "question": "", "points": points, **more})


def counted(**changes):
    """Placebo and cells, 1 to 2, response at one year, analyzed by a test at a level of 0.2."""
    values = {
        "primary": REMISSION,
        "secondary": (),
        "n_patients": 40,
        "analysis": analysis("pooled_z", alpha=0.2),
        "stratify_by": (),
        "allocation": PermutedBlocks(block_size=6),
        "population": Population(factors={"nephritis": {"yes": 0.4, "no": 0.6}}),
        "dropout": Dropout(),
    }
    return disease_trial(**{**values, **changes})

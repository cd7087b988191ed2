"""Trials whose test compares all pairs of patients: hierarchies, and ranks of states."""

from __future__ import annotations

from dataclasses import replace

from lupusim.analysis.multiplicity.procedures import Adjusted
from lupusim.endpoints import EventCount, Hierarchy, OrdinalState, Responder, TimeToEvent
from lupusim.model import TreatmentEffect
from lupusim.trial import AfterLastPatient, Analysis, Arm, Dropout, Trial, UniformEnrollment
from lupusim.trial.multiplicity import Family
from trials import DISEASE, analysis

DEATH = TimeToEvent(name="death", events=("death",))
RELAPSES = EventCount(name="relapses", events=("relapse",))
WELL = Responder(name="remission", states=("remission",), at=1.0)
RANKS = OrdinalState(
    name="rank", ranking=(("death",), ("relapse",), ("active",), ("remission",)), at=1.0
)
WINS = Hierarchy(name="wins", levels=(DEATH, RELAPSES, WELL))
EFFECT = TreatmentEffect(
    on=(("remission", "relapse"), ("active", "death"), ("relapse", "death")), hazard_ratio=0.45
)


def win_trial(test: str = "win_odds", **changes: object) -> Trial:
    """Return a trial of two arms, everybody followed for a year."""
    values = {
        "arms": (
            Arm(name="control", model=DISEASE),
            Arm(name="new", model=DISEASE, effects=(EFFECT,)),
        ),
        "n_patients": 80,
        "enrollment": UniformEnrollment(duration=1.0),
        "cutoff": AfterLastPatient(follow_up=1.0),
        "primary": WINS,
        "analysis": analysis(test),
        "follow_up": 1.0,
        "visits": (0.25, 0.5, 1.0),
        "dropout": Dropout(per_year=0.15),
    }
    return Trial(**{**values, **changes})


def two_doses(judged: Analysis) -> Trial:
    """Return one of three arms, compared with the control by Holm's procedure."""
    control, new = win_trial().arms
    return win_trial(
        arms=(control, new, replace(new, name="low")),
        n_patients=120,
        analysis=judged,
        family=Family(procedure=Adjusted(method="holm")),
    )

"""Two-armed trials of two states, small enough for formulas."""

from __future__ import annotations

import math
from dataclasses import replace

from lupusim.analysis.registry import TESTS
from lupusim.endpoints import Responder, TimeToEvent
from lupusim.model import MultiStateModel, Transition, TreatmentEffect
from lupusim.model.hazards import ExponentialHazard
from lupusim.trial import (
    AfterLastPatient,
    Analysis,
    Arm,
    AtEvents,
    Better,
    Dropout,
    Trial,
    UniformEnrollment,
)
from lupusim.trial.looks import Cutoff
from lupusim.trial.scenario import DesignPoint, Scenario


def two_states(rate: float) -> MultiStateModel:
    """Active until the end comes at a constant rate per year."""
    move = Transition(from_state="active", to_state="ended", hazard=ExponentialHazard(rate=rate))
    return MultiStateModel(name="two states", states=("active", "ended"), transitions=(move,))


def analysis(name: str) -> Analysis:
    return Analysis(name=name, test=TESTS[name], effect=TESTS[name].effect)


def survival(
    hazard_ratio: float,
    *,
    cutoff: Cutoff | None = None,
    rate: float = math.log(2),
    dropout: float = 0.0,
    ratio: tuple[int, int] = (1, 1),
) -> Trial:
    """450 patients in two years, log-rank test; at 300 events unless the cutoff is another."""
    model = two_states(rate)
    effect = TreatmentEffect(on=(("active", "ended"),), hazard_ratio=hazard_ratio)
    better = Better.MORE if hazard_ratio > 1 else Better.FEWER
    return Trial(
        arms=(
            Arm(name="control", model=model, allocation=ratio[0]),
            Arm(name="new", model=model, allocation=ratio[1], effects=(effect,)),
        ),
        n_patients=450,
        enrollment=UniformEnrollment(duration=2.0),
        cutoff=cutoff or AtEvents(events=300),
        primary=TimeToEvent(name="end", events=("ended",), better=better),
        analysis=analysis("logrank"),
        dropout=Dropout(per_year=dropout),
    )


def rates(
    shares: tuple[float, float], *, n_patients: int = 300, ratio: tuple[int, int] = (1, 1)
) -> Trial:
    """Response at a year with these shares in control and new arm, pooled z test."""
    control, new = (two_states(-math.log(1 - share)) for share in shares)
    better = Better.MORE if shares[1] >= shares[0] else Better.FEWER
    return Trial(
        arms=(
            Arm(name="control", model=control, allocation=ratio[0]),
            Arm(name="new", model=new, allocation=ratio[1]),
        ),
        n_patients=n_patients,
        enrollment=UniformEnrollment(duration=1.0),
        cutoff=AfterLastPatient(follow_up=1.0),
        primary=Responder(name="ended by a year", states=("ended",), at=1.0, better=better),
        analysis=analysis("pooled_z"),
        follow_up=1.0,
        visits=(1.0,),
    )


def at_level(trial: Trial, alpha: float, sided: int) -> Trial:
    """Return the trial with its test at another level."""
    assert trial.analysis is not None
    return replace(trial, analysis=replace(trial.analysis, alpha=alpha, sided=sided))


def scenario(*trials: Trial) -> Scenario:
    """Return a scenario of these trials, told apart by ``design``."""
    points = tuple(DesignPoint(values={"design": k}, trial=t) for k, t in enumerate(trials))
    if len(trials) == 1:
        points = (DesignPoint(values={}, trial=trials[0]),)
    return Scenario(name="small", title="Small", question="", points=points)

"""Trials whose arms join later or leave, which several tests share."""

from __future__ import annotations

from dataclasses import replace

from lupusim.analysis.multiplicity.procedures import Adjusted
from lupusim.trial import AfterLastPatient, Population, Trial
from lupusim.trial.enrollment.arm_periods import Closes, Joins, OnceRandomized
from lupusim.trial.multiplicity import Family
from lupusim.trial.population.drift import Drift
from trials import analysis
from trials_adaptive import AT, adaptive_trial

ANY = {"analysis": analysis("pooled_z"), "family": Family(procedure=Adjusted(method="none"))}
LATER = OnceRandomized(patients=80)


def platform_trial(
    *rates: float,
    joins: tuple[Joins | None, ...] = (None, LATER),
    closes: tuple[Closes | None, ...] = (None, None),
    **changes: object,
) -> Trial:
    """200 patients, two arms with these response rates, of which the second joins later."""
    values = {
        "n_looks": 1,
        "n_patients": 200,
        "cutoff": AfterLastPatient(follow_up=AT),
        **ANY,
    }
    values |= changes
    judged = {"analysis": values.pop("analysis"), "family": values.pop("family")}
    judged["interims"] = values.pop("interims", ())
    fixed = adaptive_trial(None, *(rates or (0.3, 0.3)), **{**values, **ANY})
    windows = zip(fixed.arms[1:], joins, closes, strict=True)
    shared = fixed.arms[0].model
    others = [replace(a, model=shared, joins=j, closes=c) for a, j, c in windows]
    return replace(fixed, arms=(fixed.arms[0], *others), **judged)


def drifting(ratio: float) -> Population:
    """Patients of whom more respond, or fewer, the later they come."""
    return Population(drift=(Drift(on=(("ill", "well"),), hazard_ratio_per_year=ratio),))

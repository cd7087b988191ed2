"""The trial: arms, allocation, enrollment, visits, dropout, endpoints, data cutoff."""

from __future__ import annotations

from lupusim.trial.allocation.adaptive import BiasedCoin, Minimization, Urn
from lupusim.trial.allocation.base import Allocation
from lupusim.trial.allocation.blocks import PermutedBlocks, SimpleRandomization
from lupusim.trial.design import Analysis, Trial
from lupusim.trial.dropout import Dropout
from lupusim.trial.endpoints import Better, Endpoint
from lupusim.trial.enrollment import (
    Enrollment,
    EvenArrivals,
    PiecewiseEnrollment,
    PoissonEnrollment,
    RandomArrivals,
    Region,
    RegionalEnrollment,
    UniformEnrollment,
)
from lupusim.trial.looks import (
    AfterLastPatient,
    AfterPatients,
    AtCalendarTime,
    AtEvents,
    Cutoff,
    StoppingRule,
    WhenAll,
    WhenAny,
)
from lupusim.trial.population.covariates import (
    Covariate,
    CovariateEffect,
    Cut,
    Frailty,
    GammaFrailty,
    LognormalCovariate,
    LognormalFrailty,
    NormalCovariate,
)
from lupusim.trial.population.population import Population
from lupusim.trial.population.screening import Activity, Minimums, Screened, Screening
from lupusim.trial.test_method import TestMethod, Verdict
from lupusim.trial.treatment.arms import Arm, Infusions, Lots, Switch

__all__ = [
    "Activity",
    "AfterLastPatient",
    "AfterPatients",
    "Allocation",
    "Analysis",
    "Arm",
    "AtCalendarTime",
    "AtEvents",
    "Better",
    "BiasedCoin",
    "Covariate",
    "CovariateEffect",
    "Cut",
    "Cutoff",
    "Dropout",
    "Endpoint",
    "Enrollment",
    "EvenArrivals",
    "Frailty",
    "GammaFrailty",
    "Infusions",
    "LognormalCovariate",
    "LognormalFrailty",
    "Lots",
    "Minimization",
    "Minimums",
    "NormalCovariate",
    "PermutedBlocks",
    "PiecewiseEnrollment",
    "PoissonEnrollment",
    "Population",
    "RandomArrivals",
    "Region",
    "RegionalEnrollment",
    "Screened",
    "Screening",
    "SimpleRandomization",
    "StoppingRule",
    "Switch",
    "TestMethod",
    "Trial",
    "UniformEnrollment",
    "Urn",
    "Verdict",
    "WhenAll",
    "WhenAny",
]

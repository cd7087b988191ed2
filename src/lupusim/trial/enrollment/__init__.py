"""How patients arrive: rates, sites, regions, the opening and closing of arms.

A kind of enrollment is one module that registers itself in :data:`ENROLLMENTS`, and one line here.
"""

from lupusim.trial.enrollment.arrival_pattern import (
    ARRIVALS,
    ArrivalPattern,
    EvenArrivals,
    RandomArrivals,
)
from lupusim.trial.enrollment.base import ENROLLMENTS, ArrivalProcess, Enrollment
from lupusim.trial.enrollment.piecewise import PiecewiseEnrollment
from lupusim.trial.enrollment.regional import Region, RegionalEnrollment
from lupusim.trial.enrollment.sites import PoissonEnrollment
from lupusim.trial.enrollment.uniform import UniformEnrollment

__all__ = [
    "ARRIVALS",
    "ENROLLMENTS",
    "ArrivalPattern",
    "ArrivalProcess",
    "Enrollment",
    "EvenArrivals",
    "PiecewiseEnrollment",
    "PoissonEnrollment",
    "RandomArrivals",
    "Region",
    "RegionalEnrollment",
    "UniformEnrollment",
]

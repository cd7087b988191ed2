"""Rules that change a running trial: allocation, arms, population, sample size.

A rule is one module that registers itself in :data:`ADAPTATIONS`, a line here for its name in
files, and one in `__init__.pyi` for its name in Python.
"""

from __future__ import annotations

from lupusim.common.lazy import declared
from lupusim.trial.adaptation import ADAPTATIONS

# Each is imported when first used, so that who needs one pays for no other.
__getattr__, __all__ = declared(__name__, __file__)

ADAPTATIONS.offer(
    __name__,
    {
        "arm_selection": "select_arms",
        "enrichment": "enrichment",
        "gate": "gate",
        "response_adaptive": "bayesian_response",
        "sample_size": "promising_zone blinded_size",
    },
)

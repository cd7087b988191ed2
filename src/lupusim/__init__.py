"""Design trials of mesenchymal stem cells in refractory lupus.

Published counts calibrate a multi-state model, engines turn the model and a trial design
into patient histories, an analysis sees what the trial would have observed, and planning
repeats that many times and says how good the design is.
"""

from __future__ import annotations

from lupusim.common.lazy import declared

# Each is imported when first used, so that who needs one pays for no other.
__getattr__, __all__ = declared(__name__, __file__)

__version__ = "0.1.0"


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
